"""Usable fixes in event time, one group per second, each with the one before it.

Nothing here knows a rule. Impossible speed is recomputed from the fixes' own times, so that
the order in which they arrived decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple, TypeAlias

import msgspec

from geofence.fix import Fix
from geofence.geodesy import most_m
from geofence.parameters import Parameters
from geofence.plausibility import least_way_m, speed_mps

_IN_ORDER: Final = attrgetter("order")
_SECOND: Final = attrgetter("at_s")
_accuracy_m: Final = attrgetter("accuracy_m")


class Anchor(NamedTuple):
    """What is remembered of an instant to judge the next: its most accurate fix."""

    digest: bytes
    at_s: int
    latitude: float
    longitude: float
    accuracy_m: float

    @classmethod
    def of(cls, fix: Sighted) -> Anchor:
        """What is remembered of a fix."""
        return cls(fix.digest, fix.at_s, fix.latitude, fix.longitude, fix.accuracy_m)


Sighted: TypeAlias = Fix | Anchor
"""A fix, or what is remembered of one."""


class Instant(msgspec.Struct, frozen=True, gc=False):
    """All plausible fixes of one second, with the most accurate one and that of the one before."""

    at_s: int
    fixes: tuple[Fix, ...]
    anchor: Sighted
    previous: Sighted | None
    jump_speed_mps: float

    @property
    def jump(self) -> bool:
        """Whether the place was reached too fast since the instant before."""
        if self.previous is None:
            return False
        between_s = self.at_s - self.previous.at_s
        return least_way_m(self.previous, self.anchor) > self.jump_speed_mps * between_s


class Trail:
    """Follows one person from instant to instant.

    A fix that cannot be reached from the last trusted place is set aside, and becomes the
    suspect: a next fix that can be reached from either is trusted. So a single wrong fix,
    even one that came first, costs no more than one right one.
    """

    __slots__ = ("_jump_mps", "_most_mps", "implausible", "last", "suspect")

    def __init__(self, last: Anchor | None, suspect: Anchor | None, parameters: Parameters) -> None:
        self.last: Sighted | None = last
        self.suspect: Sighted | None = suspect
        self.implausible: list[bytes] = []
        self._jump_mps = parameters.jump_speed_mps
        self._most_mps = parameters.impossible_speed_mps

    def follow(self, fixes: Iterable[Fix], after_s: int, until_s: int) -> list[Instant]:
        """The instants in `after_s < t <= until_s`, in order, each fix once."""
        facts = {fix.digest: fix for fix in fixes if fix.usable and after_s < fix.at_s <= until_s}
        ordered = sorted(facts.values(), key=_IN_ORDER)
        instants = []
        for at_s, group in groupby(ordered, key=_SECOND):
            instant = self._step(at_s, tuple(group))
            if instant:
                instants.append(instant)
        return instants

    def _step(self, at_s: int, fixes: tuple[Fix, ...]) -> Instant | None:
        trusted = fixes
        if not all(map(self._is_reachable, fixes)):
            trusted = tuple(filter(self._is_reachable, fixes))
            self.implausible.extend(fix.digest for fix in fixes if fix not in trusted)
        if not trusted:
            self.suspect = min(fixes, key=_accuracy_m)
            return None
        previous = self.last
        anchor = trusted[0] if len(trusted) == 1 else min(trusted, key=_accuracy_m)
        self.last, self.suspect = anchor, None
        return Instant(at_s, trusted, anchor, previous, self._jump_mps)

    def _is_reachable(self, fix: Fix) -> bool:
        last, limit = self.last, self._most_mps
        # Nearly every fix is near the last one; that is cheap to know.
        if last is None or most_m(last, fix) <= limit * (fix.at_s - last.at_s):
            return True
        if speed_mps(last, fix) <= limit:
            return True
        return self.suspect is not None and speed_mps(self.suspect, fix) <= limit
