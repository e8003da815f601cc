"""Usable fixes in event time, one group per second, each with the one before it.

Nothing here knows a rule. Impossible speed is recomputed from the fixes' own times, so that
the order in which they arrived decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from geofence.fix import Fix
from geofence.parameters import Parameters
from geofence.plausibility import least_way_m, speed_mps


class Anchor(NamedTuple):
    """What is remembered of an instant to judge the next: its most accurate fix."""

    digest: bytes
    at_s: int
    latitude: float
    longitude: float
    accuracy_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """All plausible fixes of one second. `jump`: reached too fast since the instant before."""

    at_s: int
    fixes: tuple[Fix, ...]
    anchor: Anchor
    previous: Anchor | None
    jump: bool


class Trail:
    """Follows one person from instant to instant.

    A fix that cannot be reached from the last trusted place is set aside, and becomes the
    suspect: a next fix that can be reached from either is trusted. So a single wrong fix,
    even one that came first, costs no more than one right one.
    """

    __slots__ = ("_parameters", "implausible", "last", "suspect")

    def __init__(self, last: Anchor | None, suspect: Anchor | None, parameters: Parameters) -> None:
        self.last = last
        self.suspect = suspect
        self.implausible: list[bytes] = []
        self._parameters = parameters

    def follow(self, fixes: Iterable[Fix], after_s: int, until_s: int) -> list[Instant]:
        """The instants in `after_s < t <= until_s`, in order, each fix once."""
        facts = {fix.digest: fix for fix in fixes if fix.usable and after_s < fix.at_s <= until_s}
        ordered = sorted(facts.values(), key=lambda fix: fix.order)
        instants = []
        for at_s, group in groupby(ordered, key=lambda fix: fix.at_s):
            instant = self._step(at_s, tuple(group))
            if instant:
                instants.append(instant)
        return instants

    def _step(self, at_s: int, fixes: tuple[Fix, ...]) -> Instant | None:
        trusted = tuple(fix for fix in fixes if self._is_reachable(fix))
        if len(trusted) < len(fixes):
            self.implausible.extend(fix.digest for fix in fixes if fix not in trusted)
        if not trusted:
            self.suspect = _anchor_of(fixes)
            return None
        previous, anchor = self.last, _anchor_of(trusted)
        self.last, self.suspect = anchor, None
        jump = previous is not None and self._is_jump(previous, anchor)
        return Instant(at_s=at_s, fixes=trusted, anchor=anchor, previous=previous, jump=jump)

    def _is_reachable(self, fix: Fix) -> bool:
        limit = self._parameters.impossible_speed_mps
        if self.last is None or speed_mps(self.last, fix) <= limit:
            return True
        return self.suspect is not None and speed_mps(self.suspect, fix) <= limit

    def _is_jump(self, previous: Anchor, anchor: Anchor) -> bool:
        between_s = anchor.at_s - previous.at_s
        return least_way_m(previous, anchor) > self._parameters.jump_speed_mps * between_s


def _anchor_of(fixes: tuple[Fix, ...]) -> Anchor:
    best = min(fixes, key=lambda fix: fix.accuracy_m)
    return Anchor(best.digest, best.at_s, best.latitude, best.longitude, best.accuracy_m)
