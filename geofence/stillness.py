"""One phone's fixes, one after the other: those that lack the tremor of measured ones.

Receivers tremble, and so does what they say of their accuracy. A place typed into a spoofing app
does not, nor does a way drawn in one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from geofence.fix import Fix
from geofence.geodesy import LEAST_M_PER_DEGREE_LATITUDE, scale_at, separation_m
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
EVEN_S: Final = 360
"""An even motion is one that lasts: the error of fixes 15 s apart is nearly the same in each."""
_APART_DEG: Final = FROZEN_M / LEAST_M_PER_DEGREE_LATITUDE
_UNEVEN_DEG: Final = EVEN_M / LEAST_M_PER_DEGREE_LATITUDE
"""Further north or south than this it is further than that, which costs less to see."""


@dataclass(slots=True, kw_only=True)
class Stillness:
    """Follows the fixes of one activation in time order; knows nothing of those before the first.

    `before` and `last` are the last two; `same` fixes lie where `first` does; the last `even` ones
    where an even motion would put them, for `even_s` seconds. With one stated radius the phone moved
    `moved` times, for `moved_s` seconds.
    """

    before: Fix | None = None
    last: Fix | None = None
    first: Fix | None = None
    same: int = 0
    even: int = 0
    even_s: int = 0
    moved: int = 0
    moved_s: int = 0

    def step(self, fix: Fix, limits: SignalLimits) -> tuple[Signal, ...]:
        """The signals of the next fix."""
        last = self.last
        self._stand(fix)
        if last is not None:
            self._move(last, fix)
            self._draw(last, fix)
        self.before, self.last = last, fix
        return self._signals(fix, limits)

    def _stand(self, fix: Fix) -> None:
        if self.first is None or _is_apart(self.first, fix):
            self.first, self.same = fix, 0
        self.same += 1

    def _move(self, last: Fix, fix: Fix) -> None:
        if last.accuracy_m != fix.accuracy_m:
            self.moved = self.moved_s = 0
        elif least_way_m(last, fix) > 0.0:
            self.moved += 1
            self.moved_s += min(fix.at_s - last.at_s, LONGEST_STEP_S)

    def _draw(self, last: Fix, fix: Fix) -> None:
        if self.before is not None and _is_even(self.before, last, fix):
            self.even += 1
            self.even_s += fix.at_s - last.at_s
        else:
            self.even = self.even_s = 0

    def _signals(self, fix: Fix, limits: SignalLimits) -> tuple[Signal, ...]:
        found: tuple[Signal, ...] = ()
        if self.same >= FROZEN_FIXES and self.first is not None:
            stood_s, limit_s = fix.at_s - self.first.at_s, limits.frozen_s
            if stood_s >= limit_s:
                found += (Signal(kind=SignalKind.FROZEN, value=stood_s, limit=limit_s),)
        if self.moved >= MOVING_FIXES and self.moved_s >= limits.constant_accuracy_s:
            kind, limit_s = SignalKind.CONSTANT_ACCURACY, limits.constant_accuracy_s
            found += (Signal(kind=kind, value=self.moved_s, limit=limit_s),)
        if self.even >= limits.even_fixes and self.even_s >= EVEN_S:
            kind, most = SignalKind.TOO_PERFECT, limits.even_fixes
            found += (Signal(kind=kind, value=self.even, limit=most),)
        return found


def _apart_m(a: Fix, b: Fix) -> float:
    return separation_m(a.latitude, a.longitude, b.latitude, b.longitude)


def _is_apart(a: Fix, b: Fix) -> bool:
    return abs(b.latitude - a.latitude) > _APART_DEG or _apart_m(a, b) > FROZEN_M


def _is_even(before: Fix, last: Fix, fix: Fix) -> bool:
    """Whether a motion without change of speed or direction leads from the first to the third.

    By the phone's own clock, which counts milliseconds. Short steps say nothing: a car keeps its
    speed for a second.
    """
    first_s = (last.mono_ms - before.mono_ms) / 1000.0
    second_s = (fix.mono_ms - last.mono_ms) / 1000.0
    if not (EVEN_STEP_S <= first_s <= LONGEST_STEP_S and EVEN_STEP_S <= second_s <= LONGEST_STEP_S):
        return False
    share = second_s / first_s
    north_deg = fix.latitude - last.latitude - share * (last.latitude - before.latitude)
    if abs(north_deg) > _UNEVEN_DEG or _apart_m(before, last) < EVEN_STEP_M:
        return False
    scale = scale_at(last.latitude)
    east_deg = fix.longitude - last.longitude - share * (last.longitude - before.longitude)
    return math.hypot(north_deg * scale.north_m, east_deg * scale.east_m) <= EVEN_M
