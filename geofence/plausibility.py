"""Named signals with a value, a limit and a weight, and what two fixes say about each other.

Signals are shown to officers and scored; only impossible speed refuses. A further signal is
one more `SignalKind`, its weight, and the function that raises it. Here are those of two fixes;
`stillness` has those of one phone's run of fixes, `replay` and `together` those of whole tracks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from geofence.fix import Fix
from geofence.geodesy import most_m, separation_m
from geofence.parameters import Parameters


class SignalKind(StrEnum):
    """What is odd. The comment says what `Signal.value` and `Signal.limit` count."""

    FAST = "fast"  # metres a second
    IMPOSSIBLE_SPEED = "impossible_speed"  # metres a second
    CLOCK_TAMPERED = "clock_tampered"  # seconds by which two clocks disagree
    FROZEN = "frozen"  # seconds at one place, digit for digit
    TOO_PERFECT = "too_perfect"  # fixes on the way that a ruler and a metronome would draw
    CONSTANT_ACCURACY = "constant_accuracy"  # seconds of movement
    REPLAYED = "replayed"  # different places met before, in the same rhythm
    TOGETHER = "together"  # seconds of movement at another person's side


_WEIGHTS: Final = {
    SignalKind.FAST: 0.3,
    SignalKind.IMPOSSIBLE_SPEED: 1.0,
    SignalKind.CLOCK_TAMPERED: 0.6,
    SignalKind.FROZEN: 0.4,
    SignalKind.TOO_PERFECT: 0.5,
    SignalKind.CONSTANT_ACCURACY: 0.3,
    SignalKind.REPLAYED: 0.9,
    SignalKind.TOGETHER: 0.6,
}
_REFUSING: Final = frozenset({SignalKind.IMPOSSIBLE_SPEED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One oddity: what was measured and what it may be at most, in the kind's own unit."""

    kind: SignalKind
    value: float
    limit: float

    @property
    def refuses(self) -> bool:
        """Whether a live fix with this signal is refused."""
        return self.kind in _REFUSING


def assess_pair(previous: Fix | None, fix: Fix, parameters: Parameters) -> tuple[Signal, ...]:
    """The signals between a fix and the one taken before it; none for a first fix.

    Clocks are compared only within one activation and one known boot.
    """
    if previous is None:
        return ()
    found = (_speed_signal(previous, fix, parameters), _clock_signal(previous, fix, parameters))
    return tuple(signal for signal in found if signal is not None)


def score(signals: Iterable[Signal]) -> float:
    """Between 0, nothing odd, and 1: the chance, were signals independent, that one is right."""
    return 1.0 - math.prod(1.0 - _WEIGHTS[signal.kind] for signal in signals)


class Placed(Protocol):
    """What has a place, a time and an accuracy."""

    @property
    def at_s(self) -> int: ...
    @property
    def latitude(self) -> float: ...
    @property
    def longitude(self) -> float: ...
    @property
    def accuracy_m(self) -> float: ...


def least_way_m(a: Placed, b: Placed) -> float:
    """The shortest way that explains two fixes: both radii subtracted, not below zero."""
    radii_m = a.accuracy_m + b.accuracy_m
    if most_m(a, b) <= radii_m:
        return 0.0
    apart_m = separation_m(a.latitude, a.longitude, b.latitude, b.longitude)
    return max(apart_m - a.accuracy_m - b.accuracy_m, 0.0)


def speed_mps(a: Placed, b: Placed) -> float:
    """The least speed that explains two fixes.

    Time is told in whole seconds: two fixes of one second may lie nearly a second apart.
    """
    return least_way_m(a, b) / max(abs(b.at_s - a.at_s), 1)


def _speed_signal(previous: Fix, fix: Fix, parameters: Parameters) -> Signal | None:
    least_mps = min(parameters.fast_speed_mps, parameters.impossible_speed_mps)
    if most_m(previous, fix) <= least_mps * abs(fix.at_s - previous.at_s):
        return None
    speed = speed_mps(previous, fix)
    if speed > parameters.impossible_speed_mps:
        limit = parameters.impossible_speed_mps
        return Signal(kind=SignalKind.IMPOSSIBLE_SPEED, value=speed, limit=limit)
    if speed > parameters.fast_speed_mps:
        return Signal(kind=SignalKind.FAST, value=speed, limit=parameters.fast_speed_mps)
    return None


def _clock_signal(previous: Fix, fix: Fix, parameters: Parameters) -> Signal | None:
    """Server time and the phone's monotonic clock must agree on how much time went by."""
    one_boot = previous.boot is not None and previous.boot == fix.boot
    if not one_boot or previous.activation != fix.activation:
        return None
    by_time_s = float(fix.at_s - previous.at_s)
    by_phone_s = (fix.mono_ms - previous.mono_ms) / 1000.0
    drift_s = abs(by_time_s) * parameters.clock_drift_ppm / 1e6
    limit_s = parameters.clock_tolerance_s + drift_s
    apart_s = abs(by_time_s - by_phone_s)
    if apart_s <= limit_s:
        return None
    return Signal(kind=SignalKind.CLOCK_TAMPERED, value=apart_s, limit=limit_s)
