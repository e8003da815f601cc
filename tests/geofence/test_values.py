"""Facts, rules and numbers refuse what means nothing; states survive their bytes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from msgspec import structs

from geofence import Fix, Parameters, PreparedRules, Rule, State, StateMismatch, Suspension
from geofence.geodesy import Box
from tests.geofence.scenes import (
    EVENING_S,
    NOON_S,
    PARAMETERS,
    curfew,
    fix_at,
    judged,
    stay_out,
    walk,
)


class TestFix:
    @pytest.mark.parametrize(
        "changes",
        [
            {"digest": b""},
            {"latitude": 90.1},
            {"latitude": math.nan},
            {"longitude": -180.1},
            {"longitude": math.inf},
            {"accuracy_m": -1.0},
            {"accuracy_m": math.inf},
            {"accuracy_m": math.nan},
            {"accuracy_m": 0.0},
        ],
    )
    def test_what_no_phone_can_mean_is_refused(self, changes: dict[str, object]) -> None:
        with pytest.raises(ValueError, match=r"fix|latitude|longitude|accuracy"):
            structs.replace(fix_at(NOON_S, 0.0), **changes)

    def test_an_unusable_fix_may_lack_accuracy(self) -> None:
        assert not structs.replace(fix_at(NOON_S, 0.0), accuracy_m=0.0, usable=False).usable

    def test_the_order_is_total(self) -> None:
        fix = fix_at(NOON_S, 0.0)
        later: list[Fix] = [
            structs.replace(fix, digest=b"\xff" * 33),
            structs.replace(fix, seq=1),
            structs.replace(fix, mono_ms=fix.mono_ms + 1),
            structs.replace(fix, activation="activation-2"),
            structs.replace(fix, at_s=fix.at_s + 1),
        ]

        assert all(other.order > fix.order for other in later)
        assert sorted(later, key=lambda other: other.order) == later


class TestRule:
    def test_an_inclusion_without_schedule_is_refused(self) -> None:
        with pytest.raises(ValueError, match="schedule"):
            curfew(schedule=None)

    @pytest.mark.parametrize("valid_until_s", [NOON_S, NOON_S - 1])
    def test_an_empty_validity_is_refused(self, valid_until_s: int) -> None:
        with pytest.raises(ValueError, match="validity"):
            stay_out(valid_from_s=NOON_S, valid_until_s=valid_until_s)

    @pytest.mark.parametrize("buffer_m", [0.0, -5.0, math.nan, math.inf])
    def test_a_buffer_without_width_is_refused(self, buffer_m: float) -> None:
        with pytest.raises(ValueError, match="buffer"):
            stay_out(buffer_m=buffer_m)

    def test_an_empty_suspension_is_refused(self) -> None:
        with pytest.raises(ValueError, match="suspension"):
            Suspension(from_s=NOON_S, until_s=NOON_S)


class TestParameters:
    @pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
    def test_every_number_is_above_zero(self, value: float) -> None:
        with pytest.raises(ValueError, match="hard_factor"):
            Parameters(hard_factor=value)

    def test_no_fix_is_evidence_before_it_is_suspicious(self) -> None:
        with pytest.raises(ValueError, match="suspect_factor"):
            Parameters(suspect_factor=1.5, hard_factor=1.4)

    def test_other_numbers_have_another_fingerprint(self) -> None:
        assert Parameters().fingerprint == PARAMETERS.fingerprint
        assert Parameters(fresh_s=301).fingerprint != PARAMETERS.fingerprint


class TestState:
    @pytest.mark.parametrize("upto", range(9))
    def test_it_survives_its_bytes_in_every_phase(self, upto: int) -> None:
        # Clear, candidate, violating, closing, clear, with a suspect at the end.
        track = walk(NOON_S, [140.0, 60.0, 59.0, 58.0, 105.0, 120.0, 121.0, 122.0, 900_000.0])

        state = judged(
            track[: upto + 1], [stay_out(buffer_m=50.0)], until_s=NOON_S + 60 * upto
        ).state

        assert State.loads(state.dumps()) == state
        assert State.loads(state.dumps()).dumps() == state.dumps()

    def test_a_clear_state_is_small(self) -> None:
        state = judged([fix_at(NOON_S, 5000.0)], [stay_out()], until_s=NOON_S).state

        assert len(state.dumps()) < 200

    def test_an_ended_episode_in_examination_survives_its_bytes(self) -> None:
        morning_s = EVENING_S + 10 * 3600
        state = judged(
            walk(morning_s - 30, [300.0]), [curfew()], until_s=morning_s, from_s=EVENING_S
        ).state

        assert state.tracks[0].episodes[0].ended_s == morning_s
        assert State.loads(state.dumps()) == state

    def test_another_format_is_refused(self) -> None:
        with pytest.raises(StateMismatch):
            State.loads(b"[0]")


class TestPreparedRules:
    def test_without_a_change_within_a_year_none_is_next(self) -> None:
        rules: list[Rule] = [stay_out()]

        assert PreparedRules(rules).next_change(NOON_S) is None

    def test_the_next_change_is_remembered_until_it_comes(self) -> None:
        rules = PreparedRules([curfew()])

        asked = [rules.next_change(at_s) for at_s in (NOON_S, NOON_S + 60, EVENING_S, NOON_S)]

        morning_s = EVENING_S + 10 * 3600
        assert asked == [EVENING_S, EVENING_S, morning_s, EVENING_S]

    def test_a_window_that_runs_for_years_keeps_its_true_start(self) -> None:
        absence = Suspension(from_s=NOON_S - 300 * 86_400, until_s=NOON_S - 299 * 86_400)
        rule = stay_out(valid_from_s=NOON_S - 900 * 86_400, schedule=_ALWAYS)

        (watch,) = PreparedRules([rule], [absence]).watches

        assert watch.window_start(NOON_S) == NOON_S - 299 * 86_400

    def test_among_many_rules_those_near_are_found_as_among_few(self) -> None:
        rules = [stay_out(id=f"rule-{n:03}", buffer_m=10.0 + 300.0 * n) for n in range(40)]
        boxes = [Box(14.0 + 0.002 * n, 45.0, 14.0 + 0.002 * n, 45.0) for n in range(40)]
        many = PreparedRules(rules)

        for box in boxes:
            found = many.exclusions_meeting(box)

            assert found == [n for n, watch in enumerate(many.watches) if watch.box.meets(box)]
            assert [n for n in found if n < 8] == PreparedRules(rules[:4]).exclusions_meeting(box)


_ALWAYS = replace(
    curfew().schedule,  # type: ignore[type-var]  # a curfew has a schedule
    weekly=tuple(
        replace(window, end=window.start)
        for window in curfew().schedule.weekly  # type: ignore[union-attr]  # as above
    ),
)
