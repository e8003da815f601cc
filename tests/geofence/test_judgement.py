"""The definitions of evidence, opening, closing and the clock, one by one."""

from __future__ import annotations

from datetime import time

import pytest
from msgspec.structs import replace

from geofence import (
    Certainty,
    Circle,
    Corridor,
    Ending,
    Opening,
    Parameters,
    Perimeter,
    PreparedRules,
    Role,
    Rule,
    Schedule,
    State,
    StateMismatch,
    Suspension,
    WeeklyWindow,
    judge,
    next_due_s,
)
from tests.geofence.scenes import (
    EVENING_S,
    MONTH_BEFORE_S,
    NIGHTS,
    NOON_S,
    PARAMETERS,
    curfew,
    fix_at,
    judged,
    place,
    spans,
    stay_out,
    walk,
)

# The zone's edge lies 100 m east of the origin, accuracy is 10 m: inside 86 m a fix is hard
# against an exclusion, inside 90 m suspicious, from 100 m on soft, beyond 110 m compliant.
INSIDE, WITHIN, EDGE, OUTSIDE = 40.0, 88.0, 95.0, 140.0


class TestOpening:
    def test_no_facts_give_no_episode(self) -> None:
        judgement = judged([], [stay_out()], until_s=NOON_S + 86_400)

        assert judgement.episodes == judgement.changes == ()
        assert judgement.no_data == ()

    def test_no_rules_give_no_episode(self) -> None:
        judgement = judged(walk(NOON_S, [INSIDE] * 9), [], until_s=NOON_S + 3600)

        assert judgement.episodes == ()

    def test_a_lone_hard_fix_is_not_confirmed_by_standing(self) -> None:
        judgement = judged([fix_at(NOON_S, INSIDE)], [stay_out()], until_s=NOON_S + 86_400)

        assert spans(judgement.episodes) == [("possible", 0, None)]
        assert judgement.episodes[0].possible_at_s == NOON_S + 240

    def test_a_candidate_is_not_reported_before_its_deadline(self) -> None:
        judgement = judged([fix_at(NOON_S, INSIDE)], [stay_out()], until_s=NOON_S + 239)

        assert judgement.episodes == ()

    def test_two_independent_hard_instants_confirm(self) -> None:
        fixes = walk(NOON_S, [OUTSIDE, INSIDE, INSIDE - 1])

        (episode,) = judged(fixes, [stay_out()], until_s=NOON_S + 180).episodes

        assert episode.certainty is Certainty.CONFIRMED
        assert episode.opened_by is Opening.FIXES
        assert episode.onset_s == NOON_S + 60
        assert episode.since_possible_s == NOON_S
        assert episode.confirmed_at_s == NOON_S + 120
        assert episode.possible_at_s is None
        assert [evidence.digest for evidence in episode.evidence] == [
            fix.digest for fix in fixes[1:]
        ]
        assert all(evidence.role is Role.OPENING for evidence in episode.evidence)
        assert episode.evidence[0].distance_m == pytest.approx(-60.0, abs=0.5)

    def test_a_suspicious_fix_is_examined_and_never_counts(self) -> None:
        fixes = walk(NOON_S, [WITHIN - n / 10 for n in range(10)])

        alive = judged(fixes, [stay_out()], until_s=NOON_S + 540)
        dropped = judged(
            [*fixes, fix_at(NOON_S + 600, OUTSIDE)], [stay_out()], until_s=NOON_S + 600
        )

        assert alive.episodes == ()
        assert alive.state.tracks != ()
        assert spans(dropped.episodes) == [("sighting", 0, 600)]

    def test_a_suspicion_begins_what_hard_fixes_confirm(self) -> None:
        fixes = walk(NOON_S, [OUTSIDE, WITHIN, INSIDE, INSIDE - 1])

        (episode,) = judged(fixes, [stay_out()], until_s=NOON_S + 180).episodes

        assert spans([episode]) == [("confirmed", 60, None)]
        assert episode.confirmed_at_s == NOON_S + 180
        assert [evidence.digest for evidence in episode.evidence] == [
            fix.digest for fix in fixes[1:]
        ]

    def test_a_late_hard_fix_makes_an_old_suspicion_possible_at_once(self) -> None:
        fixes = walk(NOON_S, [*(WITHIN - n / 10 for n in range(5)), INSIDE])

        (episode,) = judged(fixes, [stay_out()], until_s=NOON_S + 300).episodes

        assert spans([episode]) == [("possible", 0, None)]
        assert episode.possible_at_s == NOON_S + 300

    @pytest.mark.parametrize(("every_s", "confirmed"), [(44, 88), (45, 45)])
    def test_instants_that_follow_closely_are_one_witness(
        self, every_s: int, confirmed: int
    ) -> None:
        fixes = walk(NOON_S, [INSIDE - n for n in range(4)], every_s=every_s)

        (episode,) = judged(fixes, [stay_out()], until_s=NOON_S + 200).episodes

        assert episode.confirmed_at_s == NOON_S + confirmed

    def test_equal_coordinates_are_one_witness(self) -> None:
        frozen = [fix_at(NOON_S + 30 * n, INSIDE, north_m=0.0) for n in range(8)]

        judgement = judged(frozen, [stay_out()], until_s=NOON_S + 239)

        assert judgement.episodes == ()

    def test_two_fixes_of_one_instant_are_one_witness(self) -> None:
        fixes = [fix_at(NOON_S, INSIDE, seq=1), fix_at(NOON_S, INSIDE - 5, seq=2)]

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 200)

        assert judgement.episodes == ()

    def test_hard_and_soft_in_one_instant_are_neither(self) -> None:
        candidate = fix_at(NOON_S, INSIDE, seq=1)
        torn = [fix_at(NOON_S + 60, INSIDE - 1, seq=2), fix_at(NOON_S + 60, OUTSIDE, seq=3)]

        judgement = judged([candidate, *torn], [stay_out()], until_s=NOON_S + 300)

        assert spans(judgement.episodes) == [("possible", 0, None)]

    def test_an_uncertain_fix_neither_counts_nor_drops(self) -> None:
        fixes = walk(NOON_S, [INSIDE, EDGE, INSIDE - 1])

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 180)

        assert spans(judgement.episodes) == [("confirmed", 0, None)]
        assert judgement.episodes[0].confirmed_at_s == NOON_S + 120

    def test_a_soft_fix_drops_the_candidate_and_leaves_a_sighting(self) -> None:
        fixes = walk(NOON_S, [INSIDE, OUTSIDE, INSIDE - 1, OUTSIDE + 1])

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 600)

        assert spans(judgement.episodes) == [("sighting", 0, 60), ("sighting", 120, 180)]
        assert judgement.state.tracks == ()

    def test_a_dropped_candidate_of_an_inclusion_leaves_nothing(self) -> None:
        fixes = walk(EVENING_S, [INSIDE, OUTSIDE, INSIDE - 1])

        judgement = judged(fixes, [curfew()], until_s=EVENING_S + 600, from_s=EVENING_S)

        assert judgement.episodes == judgement.changes == ()

    def test_a_possible_exclusion_is_upgraded(self) -> None:
        fixes = walk(NOON_S, [INSIDE, INSIDE - 1], every_s=600)
        first = judged(fixes[:1], [stay_out()], until_s=NOON_S + 300)

        second = judge(
            first.state,
            fixes,
            PreparedRules([stay_out()]),
            until_s=NOON_S + 600,
            parameters=PARAMETERS,
        )

        assert spans(first.changes) == [("possible", 0, None)]
        assert spans(second.changes) == [("confirmed", 0, None)]
        assert second.changes[0].ordinal == first.changes[0].ordinal
        assert second.changes[0].possible_at_s == NOON_S + 240

    def test_a_possible_exclusion_taken_back_is_a_sighting(self) -> None:
        fixes = walk(NOON_S, [INSIDE, OUTSIDE], every_s=600)

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 600)

        assert spans(judgement.episodes) == [("sighting", 0, 600)]

    def test_a_possible_inclusion_taken_back_is_void(self) -> None:
        fixes = walk(EVENING_S + 60, [OUTSIDE, INSIDE], every_s=600)

        judgement = judged(fixes, [curfew()], until_s=EVENING_S + 900, from_s=EVENING_S)

        assert judgement.episodes == ()
        assert spans(judgement.changes, EVENING_S) == [("void", 60, 660)]

    def test_fixes_come_before_deadlines_of_the_same_second(self) -> None:
        fixes = walk(NOON_S, [INSIDE, INSIDE - 1], every_s=240)

        (episode,) = judged(fixes, [stay_out()], until_s=NOON_S + 240).episodes

        assert episode.certainty is Certainty.CONFIRMED
        assert episode.possible_at_s is None

    def test_the_boundary_is_inside(self) -> None:
        on_edge = Circle(latitude=45.0, longitude=14.0, radius_m=100.0)
        latitude, longitude = place(0.0, 0.0)
        centre = replace(fix_at(NOON_S, 0.0), latitude=latitude, longitude=longitude)

        judgement = judged([centre], [stay_out(on_edge)], until_s=NOON_S)

        assert judgement.state.tracks != ()

    def test_unusable_fixes_count_for_nothing(self) -> None:
        mock = [fix_at(NOON_S + 30 * n, INSIDE, usable=False) for n in range(9)]

        judgement = judged(mock, [stay_out()], until_s=NOON_S + 3600)

        assert judgement.episodes == ()
        assert judgement.state.last is None

    def test_one_confirming_instant_can_be_asked_for(self) -> None:
        parameters = Parameters(confirming_instants=1)

        (episode,) = judged(
            [fix_at(NOON_S, INSIDE)], [stay_out()], until_s=NOON_S, parameters=parameters
        ).episodes

        assert episode.certainty is Certainty.CONFIRMED


class TestJump:
    def test_a_jump_is_not_confirmed_by_two(self) -> None:
        fixes = walk(NOON_S, [1000.0, INSIDE, INSIDE - 1])

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 240)

        assert judgement.episodes == ()

    def test_a_jump_is_confirmed_by_three_that_span_a_hundred_seconds(self) -> None:
        fixes = walk(NOON_S, [1000.0, INSIDE, INSIDE - 1, INSIDE - 2])

        (episode,) = judged(fixes, [stay_out()], until_s=NOON_S + 240).episodes

        assert episode.certainty is Certainty.CONFIRMED
        assert episode.jump
        assert episode.confirmed_at_s == NOON_S + 180

    def test_many_within_a_short_span_do_not_confirm_a_jump(self) -> None:
        away = fix_at(NOON_S, 1000.0)
        near = [fix_at(NOON_S + 60 + 10 * n, INSIDE - n) for n in range(10)]

        before = judged([away, *near], [stay_out()], until_s=NOON_S + 159)
        after = judged(
            [away, *near, fix_at(NOON_S + 160, 20.0)], [stay_out()], until_s=NOON_S + 160
        )

        assert before.episodes == ()
        assert spans(after.episodes) == [("confirmed", 60, None)]
        assert len(after.episodes[0].evidence) == 3

    def test_error_circles_that_explain_the_way_make_no_jump(self) -> None:
        away = fix_at(NOON_S, 160.0, accuracy_m=80.0)
        near = walk(NOON_S + 10, [60.0, 59.0], every_s=60)

        judgement = judged([away, *near], [stay_out()], until_s=NOON_S + 80)

        assert spans(judgement.episodes) == [("confirmed", 10, None)]


class TestClosing:
    ENTERED = (INSIDE, INSIDE - 1, INSIDE - 2)

    def test_the_end_is_the_first_of_two_compliant_instants(self) -> None:
        fixes = walk(NOON_S, [*self.ENTERED, OUTSIDE, OUTSIDE + 1])

        (episode,) = judged(fixes, [stay_out()], until_s=NOON_S + 240).episodes

        assert episode.ended_s == NOON_S + 180
        assert episode.end is Ending.COMPLIANCE
        assert [e.role for e in episode.evidence[-2:]] == [Role.CLOSING, Role.CLOSING]

    def test_one_compliant_fix_does_not_end_it(self) -> None:
        fixes = walk(NOON_S, [*self.ENTERED, OUTSIDE])

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 86_400)

        assert spans(judgement.episodes) == [("confirmed", 0, None)]

    def test_a_fix_on_the_violating_side_drops_the_return(self) -> None:
        fixes = walk(NOON_S, [*self.ENTERED, OUTSIDE, EDGE, OUTSIDE + 1, OUTSIDE + 2])

        (episode,) = judged(fixes, [stay_out()], until_s=NOON_S + 600).episodes

        assert episode.ended_s == NOON_S + 300

    def test_soft_but_not_clear_does_not_end_it(self) -> None:
        fixes = walk(NOON_S, [*self.ENTERED, *[105.0] * 20])

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 3600)

        assert judgement.episodes[0].is_open

    def test_a_return_after_a_jump_takes_three(self) -> None:
        fixes = walk(NOON_S, [*self.ENTERED, 900.0, 901.0, 902.0])

        two = judged(fixes[:5], [stay_out()], until_s=NOON_S + 240)
        three = judged(fixes, [stay_out()], until_s=NOON_S + 300)

        assert spans(two.episodes) == [("confirmed", 0, None)]
        assert spans(three.episodes) == [("confirmed", 0, 180)]

    def test_silence_never_ends_it(self) -> None:
        fixes = walk(NOON_S, self.ENTERED)

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 30 * 86_400)

        assert spans(judgement.episodes) == [("confirmed", 0, None)]
        assert judgement.episodes[0].unproven_since_s is None

    def test_fifteen_minutes_and_five_fixes_without_a_hard_one_stamp_it(self) -> None:
        entered = walk(NOON_S, self.ENTERED)
        doubtful = walk(NOON_S + 180, [EDGE] * 5)

        early = judged([*entered, *doubtful], [stay_out()], until_s=NOON_S + 120 + 899)
        due = judged([*entered, *doubtful], [stay_out()], until_s=NOON_S + 120 + 900)

        assert early.episodes[0].unproven_since_s is None
        assert due.episodes[0].unproven_since_s == NOON_S + 120
        assert due.episodes[0].is_open

    def test_four_fixes_do_not_stamp_it_however_long(self) -> None:
        fixes = [*walk(NOON_S, self.ENTERED), *walk(NOON_S + 180, [EDGE] * 4, every_s=3600)]

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 86_400)

        assert judgement.episodes[0].unproven_since_s is None

    def test_the_same_episode_goes_on_when_evidence_resumes(self) -> None:
        fixes = [
            *walk(NOON_S, self.ENTERED),
            *walk(NOON_S + 180, [EDGE] * 20),
            fix_at(NOON_S + 2000, INSIDE),
        ]

        (episode,) = judged(fixes, [stay_out()], until_s=NOON_S + 2000).episodes

        assert episode.unproven_since_s is None
        assert episode.onset_s == NOON_S


class TestBuffer:
    def test_the_ring_has_an_episode_of_its_own(self) -> None:
        fixes = walk(NOON_S, [160.0, 159.0, 158.0])

        (episode,) = judged(fixes, [stay_out(buffer_m=100.0)], until_s=NOON_S + 180).episodes

        assert episode.perimeter is Perimeter.BUFFER
        assert episode.evidence[0].distance_m == pytest.approx(60.0, abs=0.5)

    def test_inside_the_zone_both_are_open(self) -> None:
        fixes = walk(NOON_S, [INSIDE, INSIDE - 1])

        episodes = judged(fixes, [stay_out(buffer_m=100.0)], until_s=NOON_S + 60).episodes

        assert {episode.perimeter for episode in episodes} == set(Perimeter)


class TestClock:
    AWAY = (300.0, 301.0, 302.0)

    def test_a_curfew_that_begins_while_away_opens_by_the_clock(self) -> None:
        fixes = walk(EVENING_S - 180, self.AWAY)

        before = judged(fixes, [curfew()], until_s=EVENING_S - 1)
        (episode,) = judged(fixes, [curfew()], until_s=EVENING_S).episodes

        assert before.episodes == ()
        assert episode.certainty is Certainty.CONFIRMED
        assert episode.opened_by is Opening.CLOCK
        assert episode.onset_s == episode.since_possible_s == EVENING_S
        assert episode.confirmed_at_s == EVENING_S
        assert episode.evidence[0].digest == fixes[-1].digest

    def test_a_curfew_that_begins_under_suspicion_is_shown_by_the_suspicious_fix(self) -> None:
        # The edge of home lies at 100 m: beyond 110 m suspicious, beyond 114 m hard.
        fixes = [fix_at(EVENING_S - 60, 112.0), *walk(EVENING_S + 60, [150.0, 151.0])]

        (episode,) = judged(fixes, [curfew()], until_s=EVENING_S + 120).episodes

        assert episode.opened_by is Opening.CLOCK
        assert episode.certainty is Certainty.CONFIRMED
        assert [evidence.digest for evidence in episode.evidence] == [f.digest for f in fixes]

    def test_hard_evidence_of_exactly_five_minutes_is_fresh(self) -> None:
        fixes = walk(EVENING_S - 300 - 120, self.AWAY)

        judgement = judged(fixes, [curfew()], until_s=EVENING_S)

        assert spans(judgement.episodes, EVENING_S) == [("confirmed", 0, None)]

    def test_older_evidence_is_no_data_and_never_a_violation(self) -> None:
        fixes = walk(EVENING_S - 301 - 120, self.AWAY)

        judgement = judged(fixes, [curfew()], until_s=EVENING_S + 7200)

        assert judgement.episodes == ()
        (no_data,) = judgement.no_data
        assert (no_data.rule_id, no_data.at_s) == ("curfew", EVENING_S)
        assert no_data.last_fix_s == EVENING_S - 301

    def test_after_no_data_the_next_hard_fix_opens_it(self) -> None:
        fixes = [*walk(EVENING_S - 1200, self.AWAY), fix_at(EVENING_S + 600, 303.0)]

        (episode,) = judged(fixes, [curfew()], until_s=EVENING_S + 600).episodes

        assert episode.onset_s == EVENING_S + 600
        assert episode.opened_by is Opening.FIXES
        assert episode.certainty is Certainty.CONFIRMED
        assert episode.since_possible_s == EVENING_S

    def test_a_curfew_that_begins_in_silence_is_no_data(self) -> None:
        at_home = walk(NOON_S, [INSIDE, INSIDE - 1])

        judgement = judged(at_home, [curfew()], until_s=EVENING_S)

        assert [fact.at_s for fact in judgement.no_data] == [EVENING_S]

    def test_a_person_never_heard_of_is_no_data(self) -> None:
        judgement = judged([], [curfew()], until_s=EVENING_S)

        assert judgement.no_data[0].last_fix_s is None

    def test_an_exclusion_that_begins_in_silence_asks_nothing(self) -> None:
        judgement = judged([], [stay_out(schedule=NIGHTS)], until_s=EVENING_S)

        assert judgement.no_data == ()

    def test_an_exclusion_that_begins_over_a_stale_presence_is_no_data(self) -> None:
        fixes = walk(EVENING_S - 3600, [INSIDE, INSIDE - 1])

        judgement = judged(fixes, [stay_out(schedule=NIGHTS, buffer_m=50.0)], until_s=EVENING_S)

        assert [fact.rule_id for fact in judgement.no_data] == ["stay-out"]

    def test_at_home_when_the_curfew_begins_is_nothing(self) -> None:
        fixes = walk(EVENING_S - 120, [INSIDE, INSIDE - 1])

        judgement = judged(fixes, [curfew()], until_s=EVENING_S)

        assert judgement.episodes == ()
        assert judgement.no_data == ()

    def test_the_window_ends_the_episode(self) -> None:
        fixes = walk(EVENING_S - 180, self.AWAY)
        ten_hours_s = 10 * 3600

        (episode,) = judged(fixes, [curfew()], until_s=EVENING_S + ten_hours_s).episodes

        assert episode.ended_s == EVENING_S + ten_hours_s
        assert episode.end is Ending.WINDOW

    def test_a_candidate_on_the_threshold_opens_by_the_clock_when_confirmed(self) -> None:
        fixes = walk(EVENING_S - 30, [300.0, 301.0])

        (episode,) = judged(fixes, [curfew()], until_s=EVENING_S + 30).episodes

        assert spans([episode], EVENING_S) == [("confirmed", 0, None)]
        assert episode.opened_by is Opening.CLOCK
        assert episode.confirmed_at_s == EVENING_S + 30

    def test_a_candidate_on_the_threshold_becomes_possible(self) -> None:
        lone = fix_at(EVENING_S - 30, 300.0)

        (episode,) = judged([lone], [curfew()], until_s=EVENING_S + 210).episodes

        assert episode.certainty is Certainty.POSSIBLE
        assert episode.possible_at_s == EVENING_S + 210

    def test_a_candidate_past_its_deadline_is_possible_as_the_window_begins(self) -> None:
        lone = fix_at(EVENING_S - 290, 300.0)

        (episode,) = judged([lone], [curfew()], until_s=EVENING_S).episodes

        assert episode.possible_at_s == episode.onset_s == EVENING_S

    def test_while_a_return_is_examined_the_clock_accuses_nobody(self) -> None:
        fixes = [*walk(EVENING_S - 200, self.AWAY), fix_at(EVENING_S - 20, INSIDE)]

        waiting = judged(fixes, [curfew()], until_s=EVENING_S + 3600)
        returned = judged(
            [*fixes, fix_at(EVENING_S + 40, INSIDE - 1), fix_at(EVENING_S + 100, INSIDE)],
            [curfew()],
            until_s=EVENING_S + 100,
        )

        assert waiting.episodes == ()
        assert returned.episodes == returned.changes == ()

    def test_a_return_that_fails_leaves_what_the_clock_opened(self) -> None:
        fixes = [
            *walk(EVENING_S - 200, self.AWAY),
            fix_at(EVENING_S - 20, INSIDE),
            fix_at(EVENING_S + 40, 303.0),
        ]

        (episode,) = judged(fixes, [curfew()], until_s=EVENING_S + 40).episodes

        assert spans([episode], EVENING_S) == [("confirmed", 0, None)]
        assert episode.opened_by is Opening.CLOCK
        assert episode.confirmed_at_s == EVENING_S + 40

    def test_a_return_at_the_very_start_takes_the_clock_s_word_back(self) -> None:
        # Not so far away that coming home is a jump.
        fixes = [*walk(EVENING_S - 120, [130.0, 131.0]), *walk(EVENING_S, [60.0, 59.0])]

        at_start = judged(fixes, [curfew()], until_s=EVENING_S)
        later = judge(
            at_start.state,
            fixes,
            PreparedRules([curfew()]),
            until_s=EVENING_S + 60,
            parameters=PARAMETERS,
        )

        assert spans(at_start.episodes, EVENING_S) == [("confirmed", 0, None)]
        assert later.episodes == ()
        assert spans(later.changes, EVENING_S) == [("void", 0, 0)]

    def test_a_window_that_ends_first_holds_its_episode_back(self) -> None:
        morning_s = EVENING_S + 10 * 3600
        fixes = walk(morning_s - 30, [300.0, 301.0])

        before = judged(fixes, [curfew()], until_s=morning_s, from_s=EVENING_S)
        (episode,) = judged(fixes, [curfew()], until_s=morning_s + 30, from_s=EVENING_S).episodes

        assert before.episodes == ()
        assert spans([episode], morning_s) == [("confirmed", -30, 0)]
        assert episode.end is Ending.WINDOW
        assert episode.confirmed_at_s == morning_s + 30

    def test_a_held_episode_becomes_possible_after_its_window(self) -> None:
        morning_s = EVENING_S + 10 * 3600
        lone = fix_at(morning_s - 30, 300.0)

        judgement = judged([lone], [curfew()], until_s=morning_s + 210, from_s=EVENING_S)

        assert spans(judgement.episodes, morning_s) == [("possible", -30, 0)]

    def test_a_held_episode_is_dropped_after_its_window(self) -> None:
        morning_s = EVENING_S + 10 * 3600
        fixes = walk(morning_s - 30, [INSIDE, OUTSIDE])
        rule = stay_out(schedule=NIGHTS)

        judgement = judged(fixes, [rule], until_s=morning_s + 30, from_s=EVENING_S)

        assert spans(judgement.episodes, morning_s) == [("sighting", -30, 0)]

    def test_a_return_examined_as_the_window_ends_moves_the_end_back(self) -> None:
        morning_s = EVENING_S + 10 * 3600
        fixes = walk(morning_s - 210, [130.0, 131.0, 132.0, 60.0, 59.0])
        rules = PreparedRules([curfew()])
        at_end = judged(fixes, rules, until_s=morning_s, from_s=EVENING_S)

        after = judge(at_end.state, fixes, rules, until_s=morning_s + 60, parameters=PARAMETERS)

        assert spans(at_end.episodes, morning_s) == [("confirmed", -210, 0)]
        assert spans(after.changes, morning_s) == [("confirmed", -210, -30)]

    def test_touching_windows_are_one(self) -> None:
        rules = [
            curfew(valid_until_s=EVENING_S + 3600),
            curfew(version=2, valid_from_s=EVENING_S + 3600),
        ]
        fixes = walk(EVENING_S - 180, [*self.AWAY] * 40)

        (episode,) = judged(fixes, rules, until_s=EVENING_S + 7000).episodes

        assert episode.is_open
        assert episode.version == 1


class TestVersions:
    def test_a_redrawn_zone_ends_the_episode_and_starts_afresh(self) -> None:
        change_s = NOON_S + 150
        far = Circle(latitude=46.0, longitude=14.0, radius_m=100.0)
        rules = [
            stay_out(valid_until_s=change_s),
            stay_out(far, version=2, valid_from_s=change_s),
        ]

        judgement = judged(
            walk(NOON_S, [INSIDE - n for n in range(9)]), rules, until_s=NOON_S + 600
        )

        assert spans(judgement.episodes) == [("confirmed", 0, 150)]
        assert judgement.episodes[0].end is Ending.RULE

    def test_a_zone_drawn_around_somebody_asks_for_its_own_evidence(self) -> None:
        change_s = NOON_S + 150
        rules = [stay_out(valid_from_s=change_s, version=7)]

        (episode,) = judged(
            walk(NOON_S, [INSIDE - n for n in range(9)]), rules, until_s=NOON_S + 600
        ).episodes

        assert episode.onset_s == NOON_S + 180
        assert episode.version == 7
        assert episode.since_possible_s is None
        assert episode.opened_by is Opening.FIXES

    def test_a_candidate_of_a_rule_that_ends_is_a_sighting(self) -> None:
        rules = [stay_out(valid_until_s=NOON_S + 30)]

        judgement = judged([fix_at(NOON_S, INSIDE)], rules, until_s=NOON_S + 600)

        assert spans(judgement.episodes) == [("sighting", 0, 30)]

    def test_a_candidate_of_a_curfew_that_ends_is_nothing(self) -> None:
        rules = [curfew(valid_until_s=EVENING_S + 90)]

        judgement = judged(
            [fix_at(EVENING_S + 60, 300.0)], rules, until_s=EVENING_S + 600, from_s=EVENING_S
        )

        assert judgement.changes == ()

    def test_what_was_possible_when_its_rule_ended_stays_possible(self) -> None:
        rules = [stay_out(valid_until_s=NOON_S + 300)]

        judgement = judged([fix_at(NOON_S, INSIDE)], rules, until_s=NOON_S + 600)

        assert spans(judgement.episodes) == [("possible", 0, 300)]

    def test_a_held_clock_opening_ends_unreported_with_its_rule(self) -> None:
        fixes = [*walk(EVENING_S - 200, [300.0, 301.0, 302.0]), fix_at(EVENING_S - 20, INSIDE)]

        judgement = judged(fixes, [curfew(valid_until_s=EVENING_S + 60)], until_s=EVENING_S + 600)

        assert judgement.changes == ()

    def test_a_rule_that_begins_later_judges_nothing_yet(self) -> None:
        rules = [stay_out(id="later", valid_from_s=NOON_S + 61)]

        judgement = judged(walk(NOON_S, [INSIDE, INSIDE - 1]), rules, until_s=NOON_S + 600)

        assert judgement.changes == ()

    def test_a_rule_out_of_force_judges_nothing(self) -> None:
        rules = [
            stay_out(valid_until_s=NOON_S - 60),
            stay_out(id="later", valid_from_s=NOON_S + 3600),
            curfew(valid_until_s=MONTH_BEFORE_S + 86_400),
        ]

        judgement = judged(walk(NOON_S, [INSIDE, INSIDE - 1]), rules, until_s=NOON_S + 600)

        assert judgement.changes == ()
        assert judgement.state.tracks == ()

    def test_a_rule_that_is_gone_ends_with_the_state(self) -> None:
        first = judged(walk(NOON_S, [INSIDE, INSIDE - 1]), [stay_out()], until_s=NOON_S + 60)

        second = judge(
            first.state, [], PreparedRules([]), until_s=NOON_S + 120, parameters=PARAMETERS
        )

        assert spans(second.changes) == [("confirmed", 0, 60)]
        assert second.state.tracks == ()

    def test_an_absence_suspends_and_its_end_is_a_window_s_start(self) -> None:
        absence = Suspension(
            from_s=NOON_S - 60, until_s=NOON_S + 200, rule_ids=frozenset({"stay-out"})
        )
        rules = PreparedRules([stay_out()], [absence])

        (episode,) = judged(
            walk(NOON_S, [INSIDE - n for n in range(6)]), rules, until_s=NOON_S + 300
        ).episodes

        assert episode.onset_s == NOON_S + 200
        assert episode.opened_by is Opening.CLOCK

    def test_an_absence_for_another_rule_changes_nothing(self) -> None:
        absence = Suspension(
            from_s=NOON_S - 60, until_s=NOON_S + 200, rule_ids=frozenset({"other"})
        )
        rules = PreparedRules([stay_out()], [absence])

        judgement = judged(walk(NOON_S, [INSIDE, INSIDE - 1]), rules, until_s=NOON_S + 60)

        assert spans(judgement.episodes) == [("confirmed", 0, None)]

    def test_an_exemption_suspends_everything(self) -> None:
        rules = PreparedRules(
            [stay_out(), curfew()], [Suspension(from_s=NOON_S, until_s=EVENING_S + 86_400)]
        )

        judgement = judged(walk(NOON_S, [INSIDE - n for n in range(6)]), rules, until_s=EVENING_S)

        assert judgement.changes == ()
        assert judgement.no_data == ()


class TestPlausibility:
    def test_a_spoof_is_set_aside_and_the_next_honest_fix_stands(self) -> None:
        spoof = fix_at(NOON_S + 60, 200_000.0)
        fixes = [*walk(NOON_S, [INSIDE]), spoof, *walk(NOON_S + 120, [INSIDE - 1])]

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 200)

        assert judgement.implausible == (spoof.digest,)
        assert spans(judgement.episodes) == [("confirmed", 0, None)]

    def test_a_spoof_that_came_first_costs_one_honest_fix(self) -> None:
        spoof = fix_at(NOON_S, 200_000.0)
        honest = walk(NOON_S + 60, [OUTSIDE, OUTSIDE + 1, OUTSIDE + 2])

        judgement = judged([spoof, *honest], [stay_out()], until_s=NOON_S + 200)

        assert judgement.implausible == (honest[0].digest,)
        assert judgement.state.last is not None
        assert judgement.state.last.digest == honest[-1].digest

    def test_a_spoof_beside_an_honest_fix_of_the_same_second_is_left_out(self) -> None:
        honest = walk(NOON_S, [OUTSIDE, OUTSIDE + 1])
        spoof = fix_at(NOON_S + 60, 200_000.0, seq=9)

        judgement = judged([*honest, spoof], [stay_out()], until_s=NOON_S + 200)

        assert judgement.implausible == (spoof.digest,)


class TestCrossing:
    ROAD = (-300.0, 300.0)
    STREET = (-60.0, 60.0)

    @staticmethod
    def wall(**changes: object) -> Rule:
        """Stay out of a street of twelve metres' width and forty kilometres' length."""
        line = (place(0, -20_000)[::-1], place(0, 20_000)[::-1])
        return stay_out(Corridor(line=line, width_m=12.0), **changes)

    def test_one_fix_beyond_is_held_and_then_possible_by_the_clock(self) -> None:
        fixes = walk(NOON_S, self.ROAD)

        before = judged(fixes, [stay_out()], until_s=NOON_S + 299)
        (episode,) = judged(fixes, [stay_out()], until_s=NOON_S + 300).episodes

        assert before.episodes == ()
        assert next_due_s(before.state, PreparedRules([stay_out()]), parameters=PARAMETERS) == (
            NOON_S + 300
        )
        assert episode.opened_by is Opening.CROSSING
        assert episode.end is Ending.CROSSED
        assert spans([episode]) == [("possible", 0, 60)]
        assert episode.possible_at_s == NOON_S + 300
        assert [e.role for e in episode.evidence] == [Role.BEFORE, Role.AFTER]

    def test_a_way_through_a_zone_with_a_way_round_is_possible(self) -> None:
        fixes = walk(NOON_S, [*self.ROAD, 310.0, 320.0])

        (episode,) = judged(fixes, [stay_out()], until_s=NOON_S + 180).episodes

        assert spans([episode]) == [("possible", 0, 60)]
        assert episode.possible_at_s == NOON_S + 180
        assert [e.role for e in episode.evidence] == [Role.BEFORE, *[Role.AFTER] * 3]

    def test_without_a_way_round_independent_fixes_beyond_confirm(self) -> None:
        fixes = walk(NOON_S, [*self.STREET, 70.0, 71.0])

        early = judged(fixes, [self.wall()], until_s=NOON_S + 179)
        (episode,) = judged(fixes, [self.wall()], until_s=NOON_S + 180).episodes

        assert early.episodes == ()
        assert spans([episode]) == [("confirmed", 0, 60)]
        assert episode.jump
        assert episode.confirmed_at_s == NOON_S + 180
        assert [e.role for e in episode.evidence] == [Role.BEFORE, *[Role.AFTER] * 3]

    def test_reached_on_foot_two_fixes_beyond_confirm(self) -> None:
        fixes = walk(NOON_S, [-40.0, 40.0, 45.0], every_s=60)

        (episode,) = judged(fixes, [self.wall()], until_s=NOON_S + 120).episodes

        assert spans([episode]) == [("confirmed", 0, 60)]
        assert not episode.jump

    def test_a_lone_fix_beyond_is_only_sighted(self) -> None:
        fixes = walk(NOON_S, [*self.STREET, -61.0])

        judgement = judged(fixes, [self.wall()], until_s=NOON_S + 600)

        assert spans(judgement.episodes) == [("sighting", 0, 60)]
        assert judgement.state.tracks == ()

    def test_a_fix_that_is_back_takes_a_reported_crossing_back(self) -> None:
        fixes = [*walk(NOON_S, self.STREET), fix_at(NOON_S + 330, -61.0)]

        live = judged(fixes[:2], [self.wall()], until_s=NOON_S + 320)
        judgement = judged(fixes, [self.wall()], until_s=NOON_S + 600)

        assert spans(live.episodes) == [("possible", 0, 60)]
        assert spans(judgement.episodes) == [("sighting", 0, 60)]

    def test_the_way_back_from_a_wrong_place_is_no_crossing(self) -> None:
        # At rest so near that nothing is clear, but for one fix that lies far beyond.
        near = [fix_at(NOON_S + 60 * n, -12.0 - n / 10, accuracy_m=20.0) for n in (0, 1)]
        back = walk(NOON_S + 180, [-30.0, -31.0, -32.0, -33.0])

        judgement = judged(
            [*near, fix_at(NOON_S + 120, 180.0), *back], [self.wall()], until_s=NOON_S + 900
        )

        assert judgement.episodes == ()

    def test_the_way_back_is_known_from_a_saved_state_too(self) -> None:
        rules = PreparedRules([self.wall()])
        near = fix_at(NOON_S, -12.0, accuracy_m=20.0)
        beyond, back = fix_at(NOON_S + 60, 180.0), walk(NOON_S + 120, [-30.0, -31.0, -32.0])
        first = judged([near, beyond], rules, until_s=NOON_S + 60)
        state = State.loads(first.state.dumps())
        idle = judge(state, [], rules, until_s=NOON_S + 90, parameters=PARAMETERS).state

        later = judge(idle, back, rules, until_s=NOON_S + 900, parameters=PARAMETERS)

        assert later.episodes == ()

    def test_one_place_beyond_told_twice_is_one_witness(self) -> None:
        beyond = [fix_at(NOON_S + 60 * n, 60.0, north_m=0.0) for n in (1, 2, 3)]

        judgement = judged([fix_at(NOON_S, -60.0), *beyond], [self.wall()], until_s=NOON_S + 299)

        assert judgement.episodes == ()

    def test_two_wild_fixes_beyond_do_not_confirm(self) -> None:
        fixes = walk(NOON_S, [-60.0, 140.0, 141.0, -60.5])

        judgement = judged(fixes, [self.wall()], until_s=NOON_S + 600)

        assert spans(judgement.episodes) == [("sighting", 0, 60)]

    def test_a_fix_that_tells_neither_side_decides_nothing(self) -> None:
        wide = fix_at(NOON_S + 120, 12.0, accuracy_m=50.0)
        beyond = walk(NOON_S + 180, [70.0, 71.0])

        judgement = judged(
            [*walk(NOON_S, self.STREET), wide, *beyond], [self.wall()], until_s=NOON_S + 240
        )

        assert spans(judgement.episodes) == [("confirmed", 0, 60)]

    def test_torn_fixes_beyond_count_for_nothing(self) -> None:
        # The most accurate of the second is not clear of the zone; another is.
        torn = [
            fix_at(NOON_S + 120, 15.0, accuracy_m=9.5, seq=2),
            fix_at(NOON_S + 120, 60.0, accuracy_m=10.0, seq=3),
        ]

        judgement = judged([*walk(NOON_S, self.STREET), *torn], [self.wall()], until_s=NOON_S + 299)

        assert judgement.episodes == ()

    def test_a_fix_inside_is_examined_instead(self) -> None:
        fixes = walk(NOON_S, [*self.ROAD, INSIDE, INSIDE - 1, INSIDE - 2])

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 240)

        assert spans(judgement.episodes) == [("sighting", 0, 60), ("confirmed", 120, None)]

    def test_what_comes_too_late_leaves_it_as_it_stands(self) -> None:
        late = walk(NOON_S + 361, [70.0, 71.0, 72.0])

        judgement = judged([*walk(NOON_S, self.STREET), *late], [self.wall()], until_s=NOON_S + 900)

        assert spans(judgement.episodes) == [("possible", 0, 60)]
        assert judgement.state.tracks == ()

    def test_what_was_never_reported_stays_a_sighting_when_it_is_too_late(self) -> None:
        parameters = Parameters(possible_after_s=600)
        late = walk(NOON_S + 361, [70.0])

        judgement = judged(
            [*walk(NOON_S, self.STREET), *late],
            [self.wall()],
            until_s=NOON_S + 900,
            parameters=parameters,
        )

        assert spans(judgement.episodes) == [("sighting", 0, 60)]

    def test_a_window_that_begins_meanwhile_changes_nothing(self) -> None:
        day = Schedule(
            timezone="UTC",
            weekly=tuple(
                WeeklyWindow(weekday=day, start=start, end=end)
                for day in range(7)
                for start, end in ((time(8), time(12, 2)), (time(12, 3), time(20)))
            ),
        )
        fixes = walk(NOON_S, [*self.STREET, 70.0, 71.0])

        judgement = judged(fixes, [self.wall(schedule=day)], until_s=NOON_S + 300)

        assert spans(judgement.episodes) == [("confirmed", 0, 60)]
        assert judgement.no_data == ()

    def test_a_rule_that_ends_meanwhile_leaves_a_sighting(self) -> None:
        fixes = walk(NOON_S, [*self.STREET, 70.0, 71.0])

        judgement = judged(fixes, [self.wall(valid_until_s=NOON_S + 100)], until_s=NOON_S + 600)

        assert spans(judgement.episodes) == [("sighting", 0, 60)]

    def test_where_one_fix_may_confirm_the_first_beyond_does(self) -> None:
        parameters = Parameters(confirming_instants=1)

        judgement = judged(
            walk(NOON_S, [-40.0, 40.0]), [self.wall()], until_s=NOON_S + 60, parameters=parameters
        )

        assert spans(judgement.episodes) == [("confirmed", 0, 60)]

    def test_nothing_is_concluded_over_a_long_gap(self) -> None:
        fixes = walk(NOON_S, self.ROAD, every_s=301)

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 600)

        assert judgement.episodes == ()

    @pytest.mark.parametrize(("gap_s", "expected"), [(300, ["possible"]), (301, [])])
    def test_the_limit_on_the_gap_holds_close_to_the_zone_too(
        self, gap_s: int, expected: list[str]
    ) -> None:
        # In the corners of the circle's box, but clear of the circle.
        fixes = [
            fix_at(NOON_S, -95.0, north_m=-95.0),
            fix_at(NOON_S + gap_s, 95.0, north_m=95.0),
        ]

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 600)

        assert [episode.certainty.value for episode in judgement.episodes] == expected

    @pytest.mark.parametrize("start", [INSIDE, EDGE])
    def test_a_fix_that_is_not_clear_is_no_start_of_a_crossing(self, start: float) -> None:
        fixes = walk(NOON_S, [start, 300.0])

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 60)

        assert all(episode.opened_by is not Opening.CROSSING for episode in judgement.episodes)

    def test_a_zone_drawn_on_the_way_makes_no_phantom(self) -> None:
        fixes = walk(NOON_S, self.ROAD)

        judgement = judged(fixes, [stay_out(valid_from_s=NOON_S + 30)], until_s=NOON_S + 60)

        assert judgement.episodes == ()

    def test_out_of_hours_nothing_is_crossed(self) -> None:
        fixes = walk(NOON_S, self.ROAD)

        judgement = judged(fixes, [stay_out(schedule=NIGHTS)], until_s=NOON_S + 60)

        assert judgement.episodes == ()

    @pytest.mark.parametrize(
        ("start_m", "end_m"),
        [
            ((95.0, 95.0), (96.0, 96.0)),  # loitering in the corner of the circle's box
            ((300.0, 300.0), (95.0, 95.0)),  # coming near
            ((-150.0, 95.0), (150.0, 95.0)),  # past the edge, closer than the accuracy tells
        ],
    )
    def test_a_way_that_need_not_touch_the_zone_is_nothing(
        self, start_m: tuple[float, float], end_m: tuple[float, float]
    ) -> None:
        fixes = [
            fix_at(NOON_S, start_m[0], north_m=start_m[1]),
            fix_at(NOON_S + 60, end_m[0], north_m=end_m[1]),
        ]

        judgement = judged(fixes, [stay_out()], until_s=NOON_S + 60)

        assert judgement.episodes == ()

    def test_there_and_back_again_are_two(self) -> None:
        fixes = walk(NOON_S, [*self.STREET, 61.0, 62.0, -60.0, -61.0, -62.0])

        judgement = judged(fixes, [self.wall()], until_s=NOON_S + 360)

        assert spans(judgement.episodes) == [("confirmed", 0, 60), ("confirmed", 180, 240)]

    def test_passing_beside_the_zone_is_nothing(self) -> None:
        fixes = [
            fix_at(NOON_S, -300.0, north_m=200.0),
            fix_at(NOON_S + 60, 300.0, north_m=200.0),
        ]

        judgement = judged(fixes, [stay_out(buffer_m=30.0)], until_s=NOON_S + 60)

        assert judgement.episodes == ()


class TestFold:
    def test_backwards_is_refused(self) -> None:
        state = State.begin(at_s=NOON_S, parameters=PARAMETERS)

        with pytest.raises(ValueError, match="backwards"):
            judge(state, [], PreparedRules([]), until_s=NOON_S - 1, parameters=PARAMETERS)

    def test_other_parameters_are_refused(self) -> None:
        state = State.begin(at_s=NOON_S, parameters=PARAMETERS)

        with pytest.raises(StateMismatch):
            judge(
                state,
                [],
                PreparedRules([]),
                until_s=NOON_S,
                parameters=Parameters(hard_factor=1.5),
            )

    def test_a_state_of_another_engine_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("geofence.parameters.ENGINE", "connectrex-geofence-0")
            state = State.begin(at_s=NOON_S, parameters=Parameters())

        with pytest.raises(StateMismatch):
            judge(state, [], PreparedRules([]), until_s=NOON_S, parameters=Parameters())

    def test_late_fixes_are_passed_over(self) -> None:
        state = State.begin(at_s=NOON_S, parameters=PARAMETERS)

        judgement = judge(
            state,
            [fix_at(NOON_S, INSIDE), fix_at(NOON_S - 60, INSIDE)],
            PreparedRules([stay_out()]),
            until_s=NOON_S + 600,
            parameters=PARAMETERS,
        )

        assert judgement.episodes == ()
        assert judgement.state.last is None

    def test_an_unchanged_episode_is_alive_and_no_change(self) -> None:
        rules = PreparedRules([stay_out()])
        first = judged(walk(NOON_S, [INSIDE, INSIDE - 1]), rules, until_s=NOON_S + 60)

        second = judge(
            first.state,
            [fix_at(NOON_S + 120, INSIDE)],
            rules,
            until_s=NOON_S + 120,
            parameters=PARAMETERS,
        )

        assert second.episodes == first.episodes
        assert second.changes == ()


class TestNextDue:
    def test_nothing_is_due_without_rules(self) -> None:
        state = State.begin(at_s=NOON_S, parameters=PARAMETERS)

        assert next_due_s(state, PreparedRules([]), parameters=PARAMETERS) is None

    def test_a_window_is_due(self) -> None:
        state = State.begin(at_s=NOON_S, parameters=PARAMETERS)

        assert next_due_s(state, PreparedRules([curfew()]), parameters=PARAMETERS) == EVENING_S

    def test_a_candidate_is_due_once(self) -> None:
        rules = PreparedRules([stay_out()])
        first = judged([fix_at(NOON_S, INSIDE)], rules, until_s=NOON_S)
        due_s = next_due_s(first.state, rules, parameters=PARAMETERS)
        assert due_s == NOON_S + 240

        second = judge(first.state, [], rules, until_s=due_s, parameters=PARAMETERS)

        assert next_due_s(second.state, rules, parameters=PARAMETERS) is None

    def test_an_unproven_episode_is_due_once(self) -> None:
        rules = PreparedRules([stay_out()])
        fixes = [*walk(NOON_S, [INSIDE, INSIDE - 1]), *walk(NOON_S + 120, [EDGE] * 5)]
        first = judged(fixes, rules, until_s=NOON_S + 400)
        due_s = next_due_s(first.state, rules, parameters=PARAMETERS)
        assert due_s == NOON_S + 60 + 900

        second = judge(first.state, [], rules, until_s=due_s, parameters=PARAMETERS)

        assert next_due_s(second.state, rules, parameters=PARAMETERS) is None
        assert second.changes[0].unproven_since_s == NOON_S + 60

    def test_a_rule_s_end_is_due(self) -> None:
        rules = PreparedRules([stay_out(valid_until_s=NOON_S + 40 * 86_400)])
        state = State.begin(at_s=NOON_S, parameters=PARAMETERS)

        assert next_due_s(state, rules, parameters=PARAMETERS) == NOON_S + 40 * 86_400


def test_two_versions_in_force_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="in force at once"):
        PreparedRules([stay_out(), stay_out(version=2, valid_from_s=NOON_S)])


def test_a_buffer_that_changes_keeps_the_zone_s_episode() -> None:
    rules = [
        stay_out(valid_until_s=NOON_S + 90, buffer_m=50.0),
        stay_out(version=2, valid_from_s=NOON_S + 90, buffer_m=80.0),
    ]

    episodes = judged(
        walk(NOON_S, [INSIDE - n for n in range(6)]), rules, until_s=NOON_S + 300
    ).episodes

    by_perimeter = {
        perimeter: spans(e for e in episodes if e.perimeter is perimeter) for perimeter in Perimeter
    }
    assert by_perimeter[Perimeter.ZONE] == [("confirmed", 0, None)]
    assert by_perimeter[Perimeter.BUFFER] == [("confirmed", 0, 90), ("confirmed", 120, None)]
