"""Two people's phones on one way: carried by one of them, or fed with one invented track.

People who travel together look the same. The signal says what was seen, not why.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from geofence.fix import Fix
from geofence.geodesy import separation_m
from geofence.limits import SignalLimits
from geofence.plausibility import Signal, SignalKind, least_way_m

MEETING_S: Final = 300
MEETINGS_PER_DEGREE: Final = 200
"""Meeting places are 550 m from south to north."""
LONGEST_STEP_S: Final = 300
LEAST_WAY_M: Final = 500.0
"""Who got no further than this did not travel: phones at rest that state too small a radius tremble."""
BEND: Final = 0.2
"""Between two fixes a way may swing out by this share of the distance between them."""
_COLUMNS: Final = 360 * MEETINGS_PER_DEGREE + 1
_PLACES: Final = 180 * MEETINGS_PER_DEGREE * _COLUMNS + _COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A stretch in which two phones moved as one, for `moving_s` of its seconds."""

    from_s: int
    until_s: int
    moving_s: int

    def signal(self, limits: SignalLimits) -> Signal:
        """The signal of each fix in the stretch."""
        return Signal(kind=SignalKind.TOGETHER, value=self.moving_s, limit=limits.together_s)


def is_moving(previous: Fix, fix: Fix) -> bool:
    """Whether somebody went from one place to another, with both radii subtracted."""
    return fix.at_s - previous.at_s <= LONGEST_STEP_S and least_way_m(previous, fix) > 0.0


def meeting_of(fix: Fix) -> int:
    """Roughly where and when as one whole number: people who travel together share many."""
    row = int((fix.latitude + 90.0) * MEETINGS_PER_DEGREE)
    column = int((fix.longitude + 180.0) * MEETINGS_PER_DEGREE)
    return fix.at_s // MEETING_S * _PLACES + row * _COLUMNS + column


def find_company(
    fixes: Sequence[Fix], others: Sequence[Fix], least_s: int, *, after_s: int = 0
) -> Company | None:
    """The longest stretch that two phones moved together and that goes on after `after_s`.

    None below `least_s` seconds of movement. Both in time order. One fix that lies apart is an outlier; a second in a row ends the stretch,
    and so does a gap in either track.
    """
    telling = (
        company
        for company in _companies(fixes, others)
        if company.moving_s >= least_s and company.until_s > after_s
    )
    return max(telling, key=lambda company: company.moving_s, default=None)


def _companies(fixes: Sequence[Fix], others: Sequence[Fix]) -> Iterator[Company]:
    """The stretch as it stands after each fix that lies beside the second track, once it is a way."""
    times = [fix.at_s for fix in others]
    start: Fix | None = None
    moving_s = astray = 0
    far_m = 0.0
    for previous, fix in pairwise(fixes):
        beside = _is_beside(fix, others, times)
        astray = 0 if beside else astray + 1
        if astray > 1 or fix.at_s - previous.at_s > LONGEST_STEP_S:
            start, moving_s, far_m = None, 0, 0.0
        if not beside:
            continue
        start = start or fix
        if start is not fix and is_moving(previous, fix):
            moving_s += fix.at_s - previous.at_s
        far_m = max(far_m, _apart_m(start, fix))
        if far_m >= LEAST_WAY_M:
            yield Company(from_s=start.at_s, until_s=fix.at_s, moving_s=moving_s)


def _apart_m(a: Fix, b: Fix) -> float:
    return separation_m(a.latitude, a.longitude, b.latitude, b.longitude)


def _is_beside(fix: Fix, others: Sequence[Fix], times: Sequence[int]) -> bool:
    """Whether the other phone was, between two of its fixes, where this one is."""
    index = bisect_left(times, fix.at_s)
    if index == len(times):
        return False
    after = others[index]
    before = others[index - 1] if index and after.at_s > fix.at_s else after
    span_s = after.at_s - before.at_s
    if span_s > LONGEST_STEP_S or after.at_s - fix.at_s > LONGEST_STEP_S:
        return False
    share = (fix.at_s - before.at_s) / span_s if span_s else 0.0
    latitude = before.latitude + share * (after.latitude - before.latitude)
    longitude = before.longitude + share * (after.longitude - before.longitude)
    swing_m = BEND * _apart_m(before, after)
    apart_m = separation_m(fix.latitude, fix.longitude, latitude, longitude)
    return apart_m <= fix.accuracy_m + max(before.accuracy_m, after.accuracy_m) + swing_m
