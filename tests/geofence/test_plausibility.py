"""Signals between two fixes, and silence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from geofence import Fix, Signal, SignalKind, assess_pair, score, silent_since
from tests.geofence.scenes import NOON_S, PARAMETERS, fix_at

FIRST = replace(fix_at(NOON_S, 0.0), boot=4)


def _later(seconds: int, east_m: float, **changes: object) -> Fix:
    fix = replace(fix_at(NOON_S + seconds, east_m), boot=4)
    return replace(fix, **changes)


def _kinds(signals: tuple[Signal, ...]) -> list[SignalKind]:
    return [signal.kind for signal in signals]


def test_a_first_fix_has_no_signal() -> None:
    assert assess_pair(None, FIRST, PARAMETERS) == ()


@pytest.mark.parametrize(
    ("seconds", "east_m", "expected"),
    [
        (10, 0.0, []),
        (10, 710.0, []),  # 69 m/s with both radii subtracted
        (10, 730.0, [SignalKind.FAST]),
        (10, 3010.0, [SignalKind.FAST]),
        (10, 3030.0, [SignalKind.IMPOSSIBLE_SPEED]),
        (0, 330.0, [SignalKind.IMPOSSIBLE_SPEED]),  # as if a second lay between
        (0, 80.0, []),
    ],
)
def test_speed_subtracts_both_radii(
    seconds: int, east_m: float, expected: list[SignalKind]
) -> None:
    assert _kinds(assess_pair(FIRST, _later(seconds, east_m), PARAMETERS)) == expected


def test_only_impossible_speed_refuses() -> None:
    (fast,) = assess_pair(FIRST, _later(10, 1000.0), PARAMETERS)
    (impossible,) = assess_pair(FIRST, _later(10, 90_000.0), PARAMETERS)

    assert not fast.refuses
    assert impossible.refuses
    assert fast.value > fast.limit == 70.0


@pytest.mark.parametrize("drift_ms", [-2500, 2500])
def test_clocks_that_disagree_within_a_boot_are_a_signal(drift_ms: int) -> None:
    honest = _later(60, 0.0)

    signals = assess_pair(FIRST, replace(honest, mono_ms=honest.mono_ms + drift_ms), PARAMETERS)

    assert _kinds(signals) == [SignalKind.CLOCK_TAMPERED]
    assert not signals[0].refuses


@pytest.mark.parametrize(
    "changes",
    [{"boot": 5}, {"boot": None}, {"activation": "other"}, {"mono_ms": 1000 * (NOON_S + 61)}],
)
def test_clocks_are_compared_within_one_boot_and_tolerance(changes: dict[str, object]) -> None:
    changes = {"mono_ms": 0} | changes

    assert assess_pair(FIRST, _later(60, 0.0, **changes), PARAMETERS) == ()


@pytest.mark.parametrize(
    ("drift_ms", "allowed"), [(-11_000, False), (10_000, True), (11_000, False)]
)
def test_a_slow_drift_is_allowed_up_to_100_ppm(drift_ms: int, allowed: bool) -> None:
    day = _later(86_400, 0.0)

    signals = assess_pair(FIRST, replace(day, mono_ms=day.mono_ms + drift_ms), PARAMETERS)

    assert _kinds(signals) == ([] if allowed else [SignalKind.CLOCK_TAMPERED])


def test_the_score_grows_with_every_signal() -> None:
    fast = Signal(kind=SignalKind.FAST, value=80.0, limit=70.0)
    clock = Signal(kind=SignalKind.CLOCK_TAMPERED, value=9.0, limit=2.0)

    assert score([]) == 0.0
    assert 0.0 < score([fast]) < score([fast, clock]) < 1.0
    assert score([Signal(kind=SignalKind.IMPOSSIBLE_SPEED, value=900.0, limit=300.0)]) == 1.0


@pytest.mark.parametrize(
    ("last_received_s", "expected"),
    [(None, 100), (50, 100), (100, 100), (400, 400), (401, None), (999, None)],
)
def test_silence_counts_from_receipt_or_from_when_it_was_due(
    last_received_s: int | None, expected: int | None
) -> None:
    since_s = silent_since(
        last_received_s=last_received_s, expected_from_s=100, now_s=1001, limit_s=600
    )

    assert since_s == expected
