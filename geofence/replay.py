"""A person's own past, played again: the same places, digit for digit, in the same rhythm.

No measured position returns to a tenth of a metre but by chance, and chance keeps no rhythm: of
two honest nights at home a few places agree, each at a distance in time of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from geofence.fix import Fix
from geofence.limits import SignalLimits
from geofence.plausibility import Signal, SignalKind, least_way_m

DIGITS_PER_DEGREE: Final = 1_000_000
RHYTHM_S: Final = 30
"""A player may be late or early by so much in the course of a track."""
LEAST_SHIFT_S: Final = 900
"""Sooner than this a phone may be repeating itself; that is for `stillness`."""
AT_REST_KEPT: Final = 8
"""Of the fixes of a phone at rest one in so many is remembered."""
COMMONPLACE: Final = 50
"""A place that was told more often than this proves nothing: some phones repeat a few places."""
_LONGITUDES: Final = 360 * DIGITS_PER_DEGREE + 1


class Footprint(NamedTuple):
    """A place as a whole number, and when somebody was there."""

    at_s: int
    digits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A stretch of the present that is a stretch of the past. `places`: different ones."""

    from_s: int
    until_s: int
    shift_s: int
    places: int

    def signal(self, limits: SignalLimits) -> Signal:
        """The signal of each fix in the stretch."""
        kind = SignalKind.REPLAYED
        return Signal(kind=kind, value=self.places, limit=limits.replayed_places)


def digits_of(fix: Fix) -> int:
    """The place of a fix to a tenth of a metre, as one whole number below 2^57."""
    north = round((fix.latitude + 90.0) * DIGITS_PER_DEGREE)
    east = round((fix.longitude + 180.0) * DIGITS_PER_DEGREE)
    return north * _LONGITUDES + east


def footprint_of(previous: Fix, fix: Fix) -> Footprint | None:
    """What to remember of a fix; None for what a next replay would not be known by.

    At rest that is one in `AT_REST_KEPT`, chosen by the place itself, so that a replay chooses the
    same ones. A place that repeats the one before is no new one.
    """
    digits = digits_of(fix)
    if digits == digits_of(previous):
        return None
    at_rest = least_way_m(previous, fix) == 0.0
    return None if at_rest and digits % AT_REST_KEPT else Footprint(fix.at_s, digits)


def find_replay(
    recent: Iterable[Footprint], past: Iterable[Footprint], least_places: int, *, after_s: int = 0
) -> Replay | None:
    """The most telling replay of `past` in `recent` that goes on after `after_s`.

    None if no rhythm is kept for `least_places`. Costs as much as there are pairs of one place:
    give only the past that has recent places.
    """
    met: defaultdict[int, list[int]] = defaultdict(list)
    for at_s, digits in past:
        met[digits].append(at_s)
    rhythms: defaultdict[int, list[Footprint]] = defaultdict(list)
    for step in recent:
        if len(met[step.digits]) > COMMONPLACE:
            continue
        for before_s in met[step.digits]:
            shift_s = step.at_s - before_s
            if shift_s >= LEAST_SHIFT_S:
                # In two neighbouring beats, so that no edge parts what belongs together.
                rhythms[shift_s // RHYTHM_S].append(step)
                rhythms[shift_s // RHYTHM_S + 1].append(step)
    found = (_replay(beat, steps) for beat, steps in rhythms.items())
    telling = (one for one in found if one.places >= least_places and one.until_s > after_s)
    return max(telling, key=lambda replay: (replay.places, -replay.shift_s), default=None)


def _replay(beat: int, steps: list[Footprint]) -> Replay:
    return Replay(
        from_s=min(step.at_s for step in steps),
        until_s=max(step.at_s for step in steps),
        shift_s=beat * RHYTHM_S,
        places=len({step.digits for step in steps}),
    )
