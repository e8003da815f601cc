"""Signals of runs and tracks: what is invented is caught, what is measured is left alone."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from geofence import (
    Certainty,
    Company,
    Course,
    Fix,
    Footing,
    Footprint,
    Judgement,
    Oddity,
    Signal,
    SignalKind,
    SignalLimits,
    find_company,
    find_oddities,
    find_replay,
    footprint_of,
    is_moving,
    meeting_of,
    stretches,
    strongest,
)
from geofence.replay import digits_of
from tests.geofence.scenes import NOON_S, PARAMETERS, fix_at, judged, stay_out
from tests.geofence.tracks import HIKE, WALK, moved, named, noisy, recorded

LIMITS = SignalLimits()
DAY_S = 86_400


def _kinds(fixes: list[Fix], limits: SignalLimits = LIMITS) -> set[SignalKind]:
    found = find_oddities(fixes, limits, PARAMETERS)
    return {signal.kind for oddity in found for signal in oddity.signals}


def _footprints(fixes: list[Fix]) -> list[Footprint]:
    found = (footprint_of(previous, fix) for previous, fix in pairwise(fixes))
    return [footprint for footprint in found if footprint is not None]


def _steady(count: int, step_m: float, *, every_s: int = 60, accuracy_m: float = 10.0) -> list[Fix]:
    """A drive that trembles by metres, under a radius that never changes."""
    return [
        fix_at(
            NOON_S + every_s * n,
            step_m * n + 3.0 * (n * n % 5),
            north_m=2.0 * (n * 7 % 4),
            accuracy_m=accuracy_m,
            seq=n,
        )
        for n in range(count)
    ]


def _standing(judgement: Judgement) -> tuple[Certainty, int | None]:
    """What is thought of the person in the end."""
    last = judgement.episodes[-1]
    return last.certainty, last.ended_s


class TestLimits:
    @pytest.mark.parametrize("name", [field.name for field in fields(SignalLimits)])
    def test_a_limit_of_nothing_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match=name):
            SignalLimits(**{name: 0})

    def test_the_reach_covers_every_limit(self) -> None:
        assert SignalLimits(frozen_s=50_000).reach_s > 50_000
        assert SignalLimits(frozen_s=60, together_s=70_000).reach_s > 70_000


class TestStillness:
    def test_nothing_is_odd_about_no_fix_and_about_one(self) -> None:
        assert _kinds([]) == set()
        assert _kinds([fix_at(NOON_S, 0.0)]) == set()

    def test_a_place_that_stays_the_same_digit_for_digit_is_frozen(self) -> None:
        fixes = [fix_at(NOON_S + 900 * n, 3.0, north_m=4.0, seq=n) for n in range(20)]

        (first, *_) = find_oddities(fixes, LIMITS, PARAMETERS)

        assert first.fix is fixes[19]
        assert first.signals == (Signal(kind=SignalKind.FROZEN, value=17_100, limit=14_400),)

    def test_a_few_repeated_fixes_are_not_frozen(self) -> None:
        fixes = [fix_at(NOON_S + 1800 * n, 3.0, north_m=4.0, seq=n) for n in range(19)]

        assert _kinds(fixes) == set()

    def test_many_repeated_fixes_of_a_short_rest_are_not_frozen(self) -> None:
        fixes = [fix_at(NOON_S + 60 * n, 3.0, north_m=4.0, seq=n) for n in range(100)]

        assert _kinds(fixes) == set()

    def test_a_tremor_is_enough_to_be_alive(self) -> None:
        fixes = [fix_at(NOON_S + 60 * n, 0.2 * (n % 3), north_m=0.0) for n in range(600)]

        assert _kinds(fixes) == set()

    def test_a_radius_that_never_changes_while_driving_is_odd(self) -> None:
        assert _kinds(_steady(61, 400.0)) == {SignalKind.CONSTANT_ACCURACY}
        assert _kinds(_steady(60, 400.0)) == set()

    def test_a_radius_may_stay_the_same_at_rest(self) -> None:
        assert _kinds(_steady(600, 0.0)) == set()

    def test_one_other_radius_begins_anew(self) -> None:
        fixes = _steady(100, 400.0)
        fixes[50] = named(fixes[50], accuracy_m=11.0)

        assert _kinds(fixes) == set()

    def test_moving_needs_many_fixes_not_only_long_gaps(self) -> None:
        assert _kinds(_steady(25, 4000.0, every_s=900)) == set()

    def test_a_way_drawn_with_a_ruler_is_too_perfect(self) -> None:
        ruled = [
            fix_at(NOON_S + 60 * n, 80.0 * n, north_m=20.0 * n, accuracy_m=5.0 + n % 3, seq=n)
            for n in range(10)
        ]

        assert _kinds(ruled) == {SignalKind.TOO_PERFECT}
        assert _kinds(ruled[:9]) == set()

    def test_uneven_cadence_does_not_hide_an_even_motion(self) -> None:
        times = [0, 60, 75, 140, 155, 230, 290, 305, 380, 400, 460]
        ruled = [
            fix_at(NOON_S + at_s, 1.5 * at_s, north_m=0.0, accuracy_m=5.0 + at_s % 3)
            for at_s in times
        ]

        assert _kinds(ruled) == {SignalKind.TOO_PERFECT}

    @pytest.mark.parametrize(("every_s", "step_m"), [(5, 80.0), (60, 5.0), (400, 80.0)])
    def test_short_steps_rest_and_gaps_say_nothing_of_a_ruler(
        self, every_s: int, step_m: float
    ) -> None:
        fixes = [
            fix_at(NOON_S + every_s * n, step_m * n, north_m=0.0, accuracy_m=5.0 + n % 3)
            for n in range(20)
        ]

        assert _kinds(fixes) == set()

    def test_each_phone_is_followed_by_itself(self) -> None:
        one = [fix_at(NOON_S + 900 * n, 3.0, north_m=4.0, seq=n) for n in range(20)]
        other = noisy([0.0] * 300, 4)
        other = [named(fix, activation="activation-2", boot=None) for fix in other]

        assert _kinds(one + other) == {SignalKind.FROZEN}

    def test_unusable_fixes_bear_on_nothing(self) -> None:
        far = structs.replace(fix_at(NOON_S + 60, 900_000.0), usable=False)

        assert _kinds([fix_at(NOON_S, 0.0), far, fix_at(NOON_S + 120, 0.0)]) == set()


class TestFooting:
    def test_a_suspect_does_not_vouch_for_itself(self) -> None:
        home, far = fix_at(NOON_S, 0.0), fix_at(NOON_S + 60, 90_000.0)
        footing = Footing().after(home, ())
        signals = footing.signals(far, PARAMETERS)

        footing = footing.after(far, signals)

        assert footing.signals(far, PARAMETERS) == signals != ()

    def test_a_second_fix_at_the_new_place_is_believed(self) -> None:
        footing = Footing(last=fix_at(NOON_S, 0.0), suspect=fix_at(NOON_S + 60, 90_000.0))
        second = fix_at(NOON_S + 120, 90_010.0)

        signals = footing.signals(second, PARAMETERS)

        assert signals == ()
        assert footing.after(second, signals) == Footing(last=second)

    def test_whoever_jumps_to_and_fro_has_a_signal_each_time(self) -> None:
        fixes = [fix_at(NOON_S + 60 * n, 12_000.0 * (n % 2)) for n in range(10)]

        found = find_oddities(fixes, LIMITS, PARAMETERS)

        assert [oddity.fix for oddity in found] == fixes[1::2]

    @settings(max_examples=60, deadline=None)
    @given(
        seed=st.integers(0, 10_000),
        place=st.integers(0, 59),
        east_m=st.floats(5_000.0, 9_000_000.0),
        inside=st.booleans(),
    )
    def test_one_accepted_spoof_harms_no_later_fix(
        self, seed: int, place: int, east_m: float, inside: bool
    ) -> None:
        """Whatever it claims: beyond the first fix after it nothing is odd or judged otherwise."""
        honest = noisy([0.0] * 60, seed)
        spoof_s = honest[place].at_s + 30
        spoof = structs.replace(
            fix_at(spoof_s, east_m if inside else -east_m, accuracy_m=3.0), boot=1
        )

        odd = [oddity.fix for oddity in find_oddities([*honest, spoof], LIMITS, PARAMETERS)]

        later = [fix for fix in odd if fix.at_s > spoof_s]
        assert later == [] or (place == 0 and later == [honest[1]])
        assert place == 59 or spoof in odd or later
        rules, until_s = [stay_out()], honest[-1].at_s
        without, with_it = (
            judged(facts, rules, until_s=until_s) for facts in (honest, [*honest, spoof])
        )
        assert len(with_it.implausible) <= 1
        assert _standing(with_it) == _standing(without) == (Certainty.CONFIRMED, None)

    def test_a_spoof_that_came_first_costs_one_right_fix(self) -> None:
        spoof, *honest = noisy([0.0] * 30, 8)
        spoof = named(spoof, latitude=-33.8, longitude=151.2)

        found = find_oddities([spoof, *honest], LIMITS, PARAMETERS)

        assert [oddity.fix for oddity in found] == [honest[0]]

    def test_somebody_in_an_aeroplane_is_believed_again_after_landing(self) -> None:
        flight = [fix_at(NOON_S + 60 * n, 14_000.0 * n) for n in range(10)]
        landed = [fix_at(NOON_S + 60 * n, 9 * 14_000.0 + 50.0 * (n % 2)) for n in range(10, 15)]

        found = find_oddities([*flight, *landed], LIMITS, PARAMETERS)

        assert [oddity.fix for oddity in found if oddity.signals] == flight[1:]


class TestReplay:
    @pytest.mark.parametrize("path", [WALK, HIKE])
    @pytest.mark.parametrize("every_s", [15, 60])
    def test_a_recorded_track_played_again_is_caught(self, path: Path, every_s: int) -> None:
        fixes = recorded(path, every_s=every_s)

        replay = find_replay(
            _footprints(moved(fixes, DAY_S)), _footprints(fixes), LIMITS.replayed_places
        )

        assert replay is not None
        assert abs(replay.shift_s - DAY_S) <= 30
        assert replay.places > 10

    @settings(max_examples=20, deadline=None)
    @given(seed=st.integers(0, 10_000), shift_s=st.integers(86_400, 6 * 86_400))
    def test_a_night_at_home_played_again_is_caught(self, seed: int, shift_s: int) -> None:
        night = noisy([0.0] * 480, seed)

        replay = find_replay(_footprints(moved(night, shift_s)), _footprints(night), 10)

        assert replay is not None
        assert replay.from_s >= night[0].at_s + shift_s
        assert replay.until_s <= night[-1].at_s + shift_s

    @settings(max_examples=10, deadline=None)
    @given(seed=st.integers(0, 10_000))
    def test_honest_nights_and_ways_are_no_replay(self, seed: int) -> None:
        day = [0.0] * 300 + [400.0 * n for n in range(60)] + [24_000.0] * 200
        days = [noisy(day, 100 * seed + n, start_s=NOON_S + n * DAY_S) for n in range(5)]

        past = [footprint for fixes in days[:-1] for footprint in _footprints(fixes)]

        assert find_replay(_footprints(days[-1]), past, LIMITS.replayed_places) is None

    def test_a_phone_that_repeats_itself_is_not_replayed(self) -> None:
        fixes = [fix_at(NOON_S + 60 * n, 500.0 * (n % 2), north_m=0.0) for n in range(100)]

        assert find_replay(_footprints(fixes), _footprints(fixes), 3) is None

    def test_only_what_goes_on_is_told(self) -> None:
        past = _footprints(recorded(WALK))
        recent = [Footprint(at_s + DAY_S, digits) for at_s, digits in past]

        replay = find_replay(recent, past, 10, after_s=recent[-2].at_s)

        assert replay is not None
        assert replay.signal(LIMITS) == Signal(
            kind=SignalKind.REPLAYED, value=replay.places, limit=LIMITS.replayed_places
        )
        assert find_replay(recent, past, 10, after_s=recent[-1].at_s) is None

    def test_a_place_told_again_and_again_proves_nothing(self) -> None:
        past = [Footprint(NOON_S + 60 * n, n % 12) for n in range(12 * 51)]
        recent = [Footprint(at_s + DAY_S, digits) for at_s, digits in past]

        assert find_replay(recent, past, 10) is None
        assert find_replay(recent[:120], past[:600], 10) is not None

    def test_the_same_place_again_leaves_no_footprint(self) -> None:
        first, second = (fix_at(NOON_S + 60 * n, 0.0, north_m=0.0) for n in range(2))

        assert footprint_of(first, second) is None

    def test_every_step_of_a_way_leaves_one(self) -> None:
        first, second = fix_at(NOON_S, 0.0), fix_at(NOON_S + 60, 400.0)

        assert footprint_of(first, second) == Footprint(second.at_s, digits_of(second))

    @given(
        latitude=st.floats(-90.0, 90.0),
        longitude=st.floats(-180.0, 180.0),
        at_s=st.integers(0, 2**33),
    )
    def test_what_is_remembered_fits_a_column(
        self, latitude: float, longitude: float, at_s: int
    ) -> None:
        fix = named(fix_at(at_s, 0.0), latitude=latitude, longitude=longitude)

        assert 0 <= digits_of(fix) < 2**57
        assert 0 <= meeting_of(fix) < 2**63


class TestTogether:
    def test_two_phones_in_one_pocket_are_together(self) -> None:
        way = [400.0 * n for n in range(45)]
        one = noisy(way, 1)
        # The other phone takes its fixes half a minute later.
        other = noisy([east_m + 200.0 for east_m in way], 2, start_s=NOON_S + 30)

        company = find_company(one, other, LIMITS.together_s)

        assert company is not None
        assert company.moving_s >= 1800
        assert {meeting_of(fix) for fix in one} & {meeting_of(fix) for fix in other}

    @pytest.mark.parametrize("path", [WALK, HIKE])
    def test_one_track_fed_to_two_phones_is_caught(self, path: Path) -> None:
        fixes = recorded(path)

        company = find_company(fixes, moved(fixes, 0, "activation-2"), 900)

        assert company is not None
        assert fixes[0].at_s <= company.from_s < company.until_s <= fixes[-1].at_s

    @settings(max_examples=20, deadline=None)
    @given(seed=st.integers(0, 10_000), late_s=st.integers(180, 900))
    def test_two_who_drive_one_road_apart_are_not(self, seed: int, late_s: int) -> None:
        way = [600.0 * n for n in range(60)]

        assert (
            find_company(noisy(way, seed), noisy(way, seed + 1, start_s=NOON_S + late_s), 600)
            is None
        )

    def test_neighbours_at_rest_are_not(self) -> None:
        assert find_company(noisy([0.0] * 300, 1), noisy([5.0] * 300, 2), 600) is None

    def test_neighbours_who_state_too_small_a_radius_are_not(self) -> None:
        one, other = ([named(fix, accuracy_m=3.0) for fix in noisy([0.0] * 900, n)] for n in (1, 2))

        assert find_company(one, other, 600) is None

    def test_nobody_is_together_with_somebody_unseen(self) -> None:
        fixes = recorded(WALK)

        assert find_company(fixes, [], 60) is None
        assert find_company([], fixes, 60) is None
        assert find_company(fixes, fixes[:1], 60) is None

    def test_one_outlier_does_not_part_them_and_two_do(self) -> None:
        one = [fix_at(NOON_S + 60 * n, 400.0 * n) for n in range(40)]
        other = moved(one, 0, "activation-2")

        def company(*outliers: int) -> Company | None:
            odd = [named(fix, latitude=46.0) if n in outliers else fix for n, fix in enumerate(one)]
            return find_company(odd, other, 1200)

        whole = company()
        assert whole == Company(from_s=one[1].at_s, until_s=one[-1].at_s, moving_s=38 * 60)
        parted = company(20)
        assert parted is not None
        assert parted.from_s == one[1].at_s
        assert company(20, 21) is None

    def test_a_gap_in_either_track_parts_them(self) -> None:
        one = [fix_at(NOON_S + 60 * n, 400.0 * n) for n in range(40)]
        holed = one[:17] + one[24:]

        assert find_company(one, holed, 1200) is None
        assert find_company(holed, one, 1200) is None

    def test_only_what_goes_on_is_told(self) -> None:
        fixes = [fix_at(NOON_S + 60 * n, 400.0 * n) for n in range(40)]
        other = moved(fixes, 0, "activation-2")

        company = find_company(fixes, other, 600, after_s=fixes[-2].at_s)

        assert company is not None
        assert company.signal(LIMITS) == Signal(
            kind=SignalKind.TOGETHER, value=38 * 60, limit=LIMITS.together_s
        )
        assert find_company(fixes, other, 600, after_s=fixes[-1].at_s) is None

    def test_moving_is_more_than_trembling(self) -> None:
        assert is_moving(fix_at(NOON_S, 0.0), fix_at(NOON_S + 60, 21.0))
        assert not is_moving(fix_at(NOON_S, 0.0), fix_at(NOON_S + 60, 19.0))
        assert not is_moving(fix_at(NOON_S, 0.0), fix_at(NOON_S + 301, 900.0))


class TestHonesty:
    @settings(max_examples=15, deadline=None)
    @given(seed=st.integers(0, 10_000), every_s=st.sampled_from([15, 60]))
    @example(seed=29, every_s=15)
    @example(seed=35, every_s=15)
    @example(seed=7659, every_s=15)
    def test_an_honest_day_has_no_signal(self, seed: int, every_s: int) -> None:
        at_home = [0.0] * (20_000 // every_s)
        way = [8.0 * every_s * n for n in range(1800 // every_s)]
        day = at_home + way + [way[-1]] * (20_000 // every_s)

        assert _kinds(noisy(day, seed, every_s=every_s)) == set()

    @pytest.mark.parametrize("path", [WALK, HIKE])
    @pytest.mark.parametrize("every_s", [15, 60])
    def test_recorded_tracks_have_no_signal(self, path: Path, every_s: int) -> None:
        fixes = recorded(path, every_s=every_s)

        assert len(fixes) > 20
        assert _kinds(fixes) == set()
        assert find_replay(_footprints(fixes), _footprints(fixes), 3) is None

    @settings(max_examples=20, deadline=None)
    @given(cut=st.integers(0, 200), seed=st.integers(0, 50))
    def test_a_course_is_gone_on_with_anywhere(self, cut: int, seed: int) -> None:
        fixes = [*noisy([0.0] * 40 + [400.0 * n for n in range(60)], seed), *_steady(100, 40.0)]
        fixes = sorted((named(fix, accuracy_m=9.0) for fix in fixes), key=lambda fix: fix.order)
        course = Course(since_s=0, until_s=0)

        found = course.follow(fixes[:cut], NOON_S, LIMITS, PARAMETERS)
        found += deepcopy(course).follow(fixes[cut:], NOON_S + 1, LIMITS, PARAMETERS)

        assert found == find_oddities(fixes, LIMITS, PARAMETERS)
        assert found
        assert (course.until_s, course.last) == (NOON_S, fixes[cut - 1] if cut else None)

    @settings(max_examples=20, deadline=None)
    @given(st.randoms())
    def test_the_order_of_arrival_decides_nothing(self, random: Random) -> None:
        fixes = [*noisy([0.0] * 40, 3), fix_at(NOON_S + 90, 50_000.0)]
        shuffled = fixes.copy()
        random.shuffle(shuffled)

        assert find_oddities(shuffled, LIMITS, PARAMETERS) == find_oddities(
            fixes, LIMITS, PARAMETERS
        )


class TestStretches:
    FAST = Signal(kind=SignalKind.FAST, value=80.0, limit=70.0)
    FASTER = Signal(kind=SignalKind.FAST, value=90.0, limit=70.0)
    CLOCK = Signal(kind=SignalKind.CLOCK_TAMPERED, value=9.0, limit=2.0)

    def test_what_lies_near_is_one_stretch(self) -> None:
        odd = [
            Oddity(fix=fix_at(NOON_S + at_s, 0.0), signals=signals)
            for at_s, signals in (
                (0, (self.CLOCK,)),
                (100, (self.FAST,)),
                (500, (self.CLOCK, self.FAST)),
                (5000, (self.CLOCK,)),
            )
        ]

        first, second = stretches(odd, 0.6, 600)

        assert (first.from_s, first.until_s) == (NOON_S, NOON_S + 500)
        assert first.score == odd[2].score > second.score == odd[0].score
        assert first.signals == (self.CLOCK, self.FAST)
        assert second.from_s == NOON_S + 5000

    def test_the_strongest_of_a_kind_is_told(self) -> None:
        assert strongest([self.FAST, self.CLOCK, self.FASTER, self.FAST]) == (
            self.FASTER,
            self.CLOCK,
        )
