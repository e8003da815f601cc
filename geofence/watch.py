"""A person's rules, prepared once and asked often: who watches which edge, and when.

A *watch* is one perimeter of one rule for as long as its zone stays the same: versions that
only change the schedule continue it, a redrawn zone begins another. Its windows are the
schedule's, cut to the versions' validity, without the suspensions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Final, NamedTuple

import numpy as np

from geofence.boxes import Boxes
from geofence.containment import PreparedZone
from geofence.crossing import Obstacle
from geofence.drawing import StoredZone, drawn
from geofence.geodesy import Box
from geofence.rule import Perimeter, Rule, RuleKind, Suspension
from geofence.schedule import Schedule, Window, merged, without
from geofence.zone import Zone

FOREVER: Final = 1 << 62
_DAY_S: Final = 86_400
_BEHIND_S: Final = 2 * _DAY_S
_AHEAD_S: Final = 8 * _DAY_S
# Looking for the next change: this far, then further, then no further.
_OUTLOOKS_S: Final = (8 * _DAY_S, 40 * _DAY_S, 400 * _DAY_S)
# Up to this many boxes a plain loop is faster than arrays.
_FEW: Final = 60


class Turn(IntEnum):
    """What the clock does to a watch, in the order that holds within one instant."""

    WINDOW_ENDS = 0
    WATCH_ENDS = 1
    WINDOW_STARTS = 2


class Boundary(NamedTuple):
    """One turn of one watch."""

    at_s: int
    turn: Turn
    watch: int


class _Seen(NamedTuple):
    """The windows of a stretch of time; replaced as a whole, so that threads may share it."""

    behind_s: int
    ahead_s: int
    windows: list[Window]


class _Version(NamedTuple):
    """What a watch needs of one version of its rule."""

    number: int
    from_s: int
    until_s: int
    schedule: Schedule | None


class Watch:
    """One perimeter of one rule while its zone stays the same: `from_s <= t < until_s`."""

    __slots__ = (
        "_identity",
        "_obstacle",
        "_rests",
        "_seen",
        "_versions",
        "from_s",
        "kind",
        "margin_m",
        "perimeter",
        "rule_id",
        "until_s",
        "zone",
    )

    def __init__(
        self,
        versions: Sequence[Rule],
        perimeter: Perimeter,
        zone: PreparedZone,
        rests: list[Window],
    ) -> None:
        first, last = versions[0], versions[-1]
        self.rule_id = first.id
        self.perimeter = perimeter
        self.kind = first.kind
        self.zone = zone
        self.margin_m = (first.buffer_m or 0.0) if perimeter is Perimeter.BUFFER else 0.0
        self.from_s = first.valid_from_s
        self._versions = [
            _Version(rule.version, rule.valid_from_s, _end_s(rule), rule.schedule)
            for rule in versions
        ]
        self.until_s = _end_s(last)
        self._rests = rests
        self._seen = _Seen(self.from_s, self.from_s, [])
        self._identity: str | None = None
        self._obstacle: Obstacle | None = None

    @property
    def identity(self) -> str:
        """What a track that goes on in another version must share; built when first needed."""
        if self._identity is None:
            self._identity = f"{self.kind}:{self.zone.fingerprint}:{self.margin_m!r}"
        return self._identity

    @property
    def box(self) -> Box:
        """What holds the zone and its margin."""
        return self.zone.box.grown(self.margin_m)

    @property
    def obstacle(self) -> Obstacle:
        """The zone as something in the way; built when first needed, and kept."""
        if self._obstacle is None:
            self._obstacle = Obstacle(self.zone.zone)
        return self._obstacle

    def beyond_m(self, distance_m: float) -> float:
        """Metres on the violating side, for signed metres to the zone's edge."""
        side_m = -distance_m if self.kind is RuleKind.EXCLUSION else distance_m
        return side_m + self.margin_m

    @property
    def may_be_crossed(self) -> bool:
        """Whether to pass through, seen inside or not, breaks the rule."""
        return self.kind is RuleKind.EXCLUSION and self.perimeter is Perimeter.ZONE

    def is_in_force(self, at_s: int) -> bool:
        """Whether the rule is valid, inside its windows or not."""
        return self.from_s <= at_s < self.until_s

    def version_at(self, at_s: int) -> int:
        """The rule's version in force at a second that `is_in_force`."""
        return next(v.number for v in reversed(self._versions) if v.from_s <= at_s)

    def window_start(self, at_s: int) -> int | None:
        """The start of the window that holds at this second, or None outside windows."""
        windows = self._look(at_s, at_s + 1)
        index = bisect_right(windows, (at_s, FOREVER + 1)) - 1
        if index >= 0 and at_s < windows[index][1]:
            return windows[index][0]
        return None

    def turns(self, after_s: int, until_s: int) -> list[tuple[int, Turn]]:
        """The turns in `after_s < t <= until_s`, not ordered."""
        found = []
        for start_s, end_s in self._look(after_s, until_s + 1):
            if after_s < start_s <= until_s:
                found.append((start_s, Turn.WINDOW_STARTS))
            if after_s < end_s <= until_s:
                found.append((end_s, Turn.WINDOW_ENDS))
        if after_s < self.until_s <= until_s:
            found.append((self.until_s, Turn.WATCH_ENDS))
        return found

    def _look(self, from_s: int, until_s: int) -> list[Window]:
        """Windows with their true starts, at least all that reach between two instants."""
        seen = self._seen
        if seen.behind_s <= from_s and until_s < seen.ahead_s:
            return seen.windows
        behind_s, ahead_s = from_s - _BEHIND_S, until_s + _AHEAD_S
        windows = self._between(behind_s, ahead_s)
        # A window that is cut at the far past began earlier: go back until its start is seen.
        while windows and windows[0][0] == behind_s and behind_s > self.from_s:
            behind_s = max(self.from_s, from_s - 2 * (from_s - behind_s))
            windows = self._between(behind_s, ahead_s)
        self._seen = _Seen(behind_s, ahead_s, windows)
        return windows

    def _between(self, from_s: int, until_s: int) -> list[Window]:
        windows: list[Window] = []
        for version in self._versions:
            if version.schedule is None:
                windows.append((version.from_s, version.until_s))
                continue
            start_s, end_s = max(from_s, version.from_s), min(until_s, version.until_s)
            if start_s < end_s:
                windows.extend(version.schedule.windows(start_s, end_s))
        return without(merged(windows), self._rests)


class PreparedRules:
    """A person's rules, ready to judge by: build once per person and change, and keep.

    Pass all versions and suspensions, past and future, of the orders in force: where a
    window began is a fact even if it was before the state. Raises ValueError if two versions
    of one rule are in force at once.
    """

    __slots__ = (
        "_boxes",
        "_exclusion_boxes",
        "_exclusions",
        "_next_change",
        "_turns",
        "inclusions",
        "watches",
    )

    def __init__(self, rules: Iterable[Rule], suspensions: Iterable[Suspension] = ()) -> None:
        self.watches = _watches(list(rules), list(suspensions))
        self.inclusions = self._of_kind(RuleKind.INCLUSION)
        self._exclusions = self._of_kind(RuleKind.EXCLUSION)
        self._exclusion_boxes: list[tuple[int, Box]] | None = None
        self._boxes: Boxes | None = None
        self._turns: tuple[int, int, list[Boundary]] = (0, 0, [])
        self._next_change: Window | None = None

    def boundaries(self, after_s: int, until_s: int) -> list[Boundary]:
        """The turns in `after_s < t <= until_s`, in the order in which they are judged."""
        behind_s, ahead_s, turns = self._turns
        if not (behind_s <= after_s and until_s <= ahead_s):
            ahead_s = until_s + _AHEAD_S
            turns = sorted(
                Boundary(at_s, turn, index)
                for index, watch in enumerate(self.watches)
                for at_s, turn in watch.turns(after_s, ahead_s)
            )
            self._turns = (after_s, ahead_s, turns)
        first = bisect_right(turns, (after_s, FOREVER))
        last = bisect_right(turns, (until_s, FOREVER))
        return turns[first:last]

    def next_change(self, after_s: int) -> int | None:
        """The next turn of any watch after this second; None if there is none for a year."""
        known = self._next_change
        if known and known[0] <= after_s < known[1]:
            return known[1]
        for outlook_s in _OUTLOOKS_S:
            found = self.boundaries(after_s, after_s + outlook_s)
            if found:
                self._next_change = (after_s, found[0].at_s)
                return found[0].at_s
        return None

    def _of_kind(self, kind: RuleKind) -> list[int]:
        return [index for index, watch in enumerate(self.watches) if watch.kind is kind]

    def exclusions_meeting(self, box: Box) -> list[int]:
        """The indices of the exclusion watches whose own box meets this one, in order."""
        if self._exclusion_boxes is None:
            self._exclusion_boxes = [(index, self.watches[index].box) for index in self._exclusions]
        if len(self._exclusions) <= _FEW:
            return [index for index, other in self._exclusion_boxes if other.meets(box)]
        if self._boxes is None:
            self._boxes = Boxes.of([other for _, other in self._exclusion_boxes])
        (meets,) = Boxes.of([box]).meeting(self._boxes)
        return [self._exclusions[at] for at in np.flatnonzero(meets).tolist()]


def _watches(rules: list[Rule], suspensions: list[Suspension]) -> tuple[Watch, ...]:
    """All watches, by rule and perimeter, then time: the order within one turn of the clock."""
    prepared: dict[Zone | StoredZone, PreparedZone] = {}
    watches: list[Watch] = []
    rules.sort(key=attrgetter("id", "valid_from_s"))
    for rule_id, of_one in groupby(rules, key=attrgetter("id")):
        versions = list(of_one)
        for before, after in pairwise(versions):
            if before.valid_until_s is None or before.valid_until_s > after.valid_from_s:
                raise ValueError(f"two versions of rule {rule_id} are in force at once")
        rests = merged((s.from_s, s.until_s) for s in suspensions if s.covers(rule_id))
        for perimeter in Perimeter:
            for chain in _chains(versions, perimeter):
                zone = chain[0].zone
                if zone not in prepared:
                    prepared[zone] = PreparedZone(zone)
                watches.append(Watch(chain, perimeter, prepared[zone], rests))
    return tuple(watches)


def _end_s(rule: Rule) -> int:
    return FOREVER if rule.valid_until_s is None else rule.valid_until_s


def _chains(versions: list[Rule], perimeter: Perimeter) -> list[list[Rule]]:
    """Versions that follow each other without a gap and watch the same edge."""
    chains: list[list[Rule]] = []
    for rule in versions:
        if perimeter is Perimeter.BUFFER and rule.buffer_m is None:
            continue
        if chains and _continues(chains[-1][-1], rule, perimeter):
            chains[-1].append(rule)
        else:
            chains.append([rule])
    return chains


def _continues(before: Rule, after: Rule, perimeter: Perimeter) -> bool:
    same_zone = before.zone == after.zone or drawn(before.zone) == drawn(after.zone)
    same_ring = perimeter is Perimeter.ZONE or before.buffer_m == after.buffer_m
    same_edge = same_zone and same_ring and before.kind is after.kind
    return same_edge and before.valid_until_s == after.valid_from_s
