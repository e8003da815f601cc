"""What the instants of a fold may concern, found for all of them before any is judged.

Most fixes are far from everything and change nothing. First one box round all of them tells which
watches could be concerned at all, then a box for each instant which of those; only then are
distances measured, all fixes to one zone in one go, and most instants turn out to be too far off.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np

from geofence.boxes import Boxes
from geofence.containment import Places, PreparedZone
from geofence.geodesy import Box, Floats, most_m
from geofence.instant import Instant, Sighted
from geofence.parameters import Parameters
from geofence.watch import PreparedRules, Watch

SLACK: Final = 1.02
"""The separation of two fixes and their distances to an edge are measured in two ways that
differ by less than one percent."""


class Survey:
    """Which watches with a clear position each instant may concern, and distances to their zones.

    An instant concerns an exclusion when a fix is within its margin, or so near that a way may lead
    to its edge; an inclusion when a fix is outside or, beside a buffer, close to the edge.
    Everything else cannot open anything. Instants have numbers, their fixes rows: where each
    instant has one fix, as most have, the two are the same.
    """

    __slots__ = (
        "_concerned",
        "_first_rows",
        "_fixes",
        "_instants",
        "_known",
        "_number_of_row",
        "_numbers",
        "_places",
    )

    def __init__(
        self, rules: PreparedRules, instants: list[Instant], parameters: Parameters
    ) -> None:
        self._instants = instants
        self._fixes = [fix for instant in instants for fix in instant.fixes]
        self._first_rows: Sequence[int] = range(len(instants) + 1)
        self._number_of_row: Sequence[int] = range(len(instants))
        if len(self._fixes) > len(instants):
            self._first_rows = [0, *accumulate(len(instant.fixes) for instant in instants)]
            self._number_of_row = [n for n, instant in enumerate(instants) for _ in instant.fixes]
        self._places: Places | None = None
        self._known: dict[PreparedZone, dict[int, float]] = defaultdict(dict)
        self._concerned: dict[int, list[int]] = defaultdict(list)
        if instants:
            self._approach(rules, parameters)
            self._leave(rules)
        self._numbers = sorted(self._concerned)

    def concerned(self, number: int) -> Collection[int]:
        """The watches that the instant of this number may concern, in order."""
        return self._concerned.get(number, ())

    def next_number(self, number: int) -> int:
        """The first instant from this number on that may concern any; past the last, none."""
        at = bisect_left(self._numbers, number)
        return self._numbers[at] if at < len(self._numbers) else len(self._instants)

    def distances_m(self, watch: Watch, number: int) -> list[float]:
        """Signed metres from each fix of an instant to the edge of a watch's zone."""
        return [self._distance_m(watch.zone, row) for row in self._rows_of(number)]

    def anchor_m(self, watch: Watch, number: int) -> float:
        """Signed metres from the anchor of an instant."""
        instant = self._instants[number]
        row = self._first_rows[number] + instant.fixes.index(instant.anchor)
        return self._distance_m(watch.zone, row)

    def _distance_m(self, zone: PreparedZone, row: int) -> float:
        known = self._known[zone]
        if row not in known:
            fix = self._fixes[row]
            known[row] = zone.distance_m(fix.latitude, fix.longitude)
        return known[row]

    def _rows_of(self, number: int) -> range:
        return range(self._first_rows[number], self._first_rows[number + 1])

    def _approach(self, rules: PreparedRules, parameters: Parameters) -> None:
        """Finds the exclusions that the instants come near, measures those, and keeps the nearest.

        A distance says more than a box: nobody went through a zone whose edge is further off than
        the longest of the ways, and beyond its margin no fix is suspicious.
        """
        starts = _starts(self._instants, parameters)
        everywhere = [*self._fixes, *starts]
        reach_m = parameters.hard_factor * max(place.accuracy_m for place in everywhere)
        near = rules.exclusions_meeting(Box.around(everywhere).grown(reach_m))
        if not near:
            return
        boxes = [rules.watches[index].box for index in near]
        met = zip(near, self._meetings(starts, boxes, parameters.hard_factor), strict=True)
        meetings = [(index, rows) for index, rows in met if rows]
        to_measure: dict[PreparedZone, set[int]] = defaultdict(set)
        for index, rows in meetings:
            # The way between asks for the fix before too.
            to_measure[rules.watches[index].zone].update(rows, [max(row - 1, 0) for row in rows])
        for zone, measured in to_measure.items():
            self._measure(zone, sorted(measured))
        ways = zip(starts, self._instants, strict=True)
        longest_m = SLACK * max(most_m(start, instant.anchor) for start, instant in ways)
        for index, rows in meetings:
            watch = rules.watches[index]
            known, enough_m = self._known[watch.zone], max(watch.margin_m, longest_m)
            for number in self._numbers_of([row for row in rows if known[row] <= enough_m]):
                self._concerned[number].append(index)

    def _meetings(
        self, starts: list[Sighted], boxes: list[Box], hard_factor: float
    ) -> list[list[int]]:
        """For each box the rows of the fixes that come near it, or the way to which does."""
        if len(self._instants) == 1:
            return [list(range(len(self._fixes)))] * len(boxes)
        to = _columns(self._fixes)
        since = _columns([starts[number] for number in self._number_of_row])
        self._places = Places(to.latitudes, to.longitudes)
        ways = Boxes.between(to.latitudes, to.longitudes, since.latitudes, since.longitudes)
        reach = ways.grown(hard_factor * np.maximum(to.accuracies_m, since.accuracies_m))
        meets = reach.meeting(Boxes.of(boxes))
        return [np.flatnonzero(column).tolist() for column in meets.T]

    def _numbers_of(self, rows: Collection[int]) -> list[int]:
        """The instants that the fixes of some rows belong to, each once."""
        return list(dict.fromkeys(self._number_of_row[row] for row in rows))

    def _leave(self, rules: PreparedRules) -> None:
        """Finds the inclusions that the instants are not well within."""
        for index in rules.inclusions:
            watch = rules.watches[index]
            known = self._known[watch.zone]
            if len(known) < len(self._fixes):
                self._measure(watch.zone, list(range(len(self._fixes))))
            if max(known.values()) + watch.margin_m <= 0.0:
                continue  # well within all the time, as people at home are
            outside = [
                row for row, distance_m in known.items() if distance_m + watch.margin_m > 0.0
            ]
            for number in self._numbers_of(outside):
                insort(self._concerned[number], index)

    def _measure(self, zone: PreparedZone, rows: list[int]) -> None:
        """Measures many fixes in one go."""
        if len(rows) == 1:
            self._distance_m(zone, rows[0])
            return
        if self._places is None:
            self._places = Places(
                [fix.latitude for fix in self._fixes], [fix.longitude for fix in self._fixes]
            )
        places = self._places if len(rows) == len(self._fixes) else self._places.at(rows)
        self._known[zone].update(zip(rows, zone.distances_to(places), strict=True))


def _starts(instants: list[Instant], parameters: Parameters) -> list[Sighted]:
    """Where the way to each instant began, or the instant itself if it says nothing of a way."""
    return [
        instant.anchor
        if instant.previous is None
        or instant.at_s - instant.previous.at_s > parameters.crossing_gap_s
        else instant.previous
        for instant in instants
    ]


class _Columns(NamedTuple):
    """Places in arrays."""

    latitudes: Floats
    longitudes: Floats
    accuracies_m: Floats


def _columns(places: Sequence[Sighted]) -> _Columns:
    return _Columns(
        np.array([place.latitude for place in places]),
        np.array([place.longitude for place in places]),
        np.array([place.accuracy_m for place in places]),
    )
