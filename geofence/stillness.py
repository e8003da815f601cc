"""One phone's fixes, one after the other: those that lack the tremor of measured ones.

Receivers tremble, and so does what they say of their accuracy. A place typed into a spoofing app
does not, nor does a way drawn in one.
"""

from __future__ import annotations

import math
from typing import Final

from geofence.fix import Fix
from geofence.geodesy import scale_at, separation_m
from geofence.limits import SignalLimits
from geofence.plausibility import Signal, SignalKind, least_way_m

FROZEN_M: Final = 0.1
"""Nearer than this is the same place: a centimetre is a digit of a phone's coordinates."""
FROZEN_FIXES: Final = 20
MOVING_FIXES: Final = 30
LONGEST_STEP_S: Final = 300
"""How a person moved through a longer gap is not known."""
EVEN_STEP_S: Final = 10
EVEN_STEP_M: Final = 10.0
EVEN_M: Final = 1.0
"""Fixes may lie so far from where an even motion would put them; measured ones lie further."""


class Stillness:
    """Follows the fixes of one activation in time order; knows nothing of those before the first."""

    __slots__ = ("_before", "_even", "_first", "_last", "_limits", "_moved", "_moved_s", "_same")

    def __init__(self, limits: SignalLimits) -> None:
        self._limits = limits
        self._before: Fix | None = None
        self._last: Fix | None = None
        self._first: Fix | None = None
        self._same = self._even = self._moved = self._moved_s = 0

    def step(self, fix: Fix) -> tuple[Signal, ...]:
        """The signals of the next fix."""
        found = (self._frozen(fix), self._constant_accuracy(fix), self._too_perfect(fix))
        self._before, self._last = self._last, fix
        return tuple(signal for signal in found if signal is not None)

    def _frozen(self, fix: Fix) -> Signal | None:
        if self._first is None or _apart_m(self._first, fix) > FROZEN_M:
            self._first, self._same = fix, 0
        self._same += 1
        stood_s, limit_s = fix.at_s - self._first.at_s, self._limits.frozen_s
        if self._same < FROZEN_FIXES or stood_s < limit_s:
            return None
        return Signal(kind=SignalKind.FROZEN, value=stood_s, limit=limit_s)

    def _constant_accuracy(self, fix: Fix) -> Signal | None:
        last = self._last
        if last is None or last.accuracy_m != fix.accuracy_m:
            self._moved = self._moved_s = 0
        elif least_way_m(last, fix) > 0.0:
            self._moved += 1
            self._moved_s += min(fix.at_s - last.at_s, LONGEST_STEP_S)
        limit_s = self._limits.constant_accuracy_s
        if self._moved < MOVING_FIXES or self._moved_s < limit_s:
            return None
        return Signal(kind=SignalKind.CONSTANT_ACCURACY, value=self._moved_s, limit=limit_s)

    def _too_perfect(self, fix: Fix) -> Signal | None:
        before, last = self._before, self._last
        even = before is not None and last is not None and _is_even(before, last, fix)
        self._even = self._even + 1 if even else 0
        if self._even < self._limits.even_fixes:
            return None
        return Signal(kind=SignalKind.TOO_PERFECT, value=self._even, limit=self._limits.even_fixes)


def _apart_m(a: Fix, b: Fix) -> float:
    return separation_m(a.latitude, a.longitude, b.latitude, b.longitude)


def _is_even(before: Fix, last: Fix, fix: Fix) -> bool:
    """Whether a motion without change of speed or direction leads from the first to the third.

    By the phone's own clock, which counts milliseconds. Short steps say nothing: a car keeps its
    speed for a second.
    """
    first_s = (last.mono_ms - before.mono_ms) / 1000.0
    second_s = (fix.mono_ms - last.mono_ms) / 1000.0
    if not (EVEN_STEP_S <= first_s <= LONGEST_STEP_S and EVEN_STEP_S <= second_s <= LONGEST_STEP_S):
        return False
    if _apart_m(before, last) < EVEN_STEP_M:
        return False
    share, scale = second_s / first_s, scale_at(last.latitude)
    north_deg = fix.latitude - last.latitude - share * (last.latitude - before.latitude)
    east_deg = fix.longitude - last.longitude - share * (last.longitude - before.longitude)
    return math.hypot(north_deg * scale.north_m, east_deg * scale.east_m) <= EVEN_M
