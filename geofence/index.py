"""Many zones at once: which of thousands hold a place, or lie near it.

A tree of boxes finds the few zones that matter (without a predicate: a tree that tests large
polygons itself is many times slower), or for many places a grid; only those are asked exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from geofence.boxes import Boxes
from geofence.containment import Disc, Outline, Places, PreparedZone, framed
from geofence.geodesy import HALF_TURN, TURN, Box, Floats
from geofence.grid import Grid, Indices

_NOWHERE: Final = Box(0.0, math.inf, 0.0, -math.inf)
_NONE: Final[Indices] = np.array([], dtype=np.int64)
_NO_DISC: Final = Disc(0.0, 0.0, 0.0, 0.0, 1.0)


class _Tree(NamedTuple):
    """Boxes, and the number of the zone that each belongs to."""

    boxes: shapely.STRtree
    owners: Indices


class _Cells(NamedTuple):
    """The same for many places at once."""

    grid: Grid
    owners: Indices


class _Shapes(NamedTuple):
    """The zones' shapes in arrays: the numbers of circles, the areas of outlines."""

    areas: npt.NDArray[np.object_]
    middles: Floats
    circles: npt.NDArray[np.bool_]
    discs: Floats

    @classmethod
    def of(cls, zones: Sequence[PreparedZone]) -> _Shapes:
        discs = [_disc_of(zone) for zone in zones]
        return cls(
            np.array([_area_of(zone) for zone in zones], dtype=object),
            np.array([_middle_of(zone) for zone in zones]),
            np.array([disc is not None for disc in discs], dtype=bool),
            np.array([disc or _NO_DISC for disc in discs]).reshape(-1, len(_NO_DISC)).T,
        )


class ZoneIndex:
    """Prepared zones, asked together. Answers are positions in the sequence given."""

    __slots__ = ("_bounds", "_cells", "_shapes", "_tree", "_zones")

    def __init__(self, zones: Sequence[PreparedZone]) -> None:
        self._zones = tuple(zones)
        self._bounds: Box | None = None
        self._tree: _Tree | None = None
        self._cells: _Cells | None = None
        self._shapes: _Shapes | None = None

    def containing(self, latitude: float, longitude: float) -> list[int]:
        """The zones that hold a place, edge included."""
        numbers = self._candidates(Box(longitude, latitude, longitude, latitude))
        return [n for n in numbers if self._zones[n].contains(latitude, longitude)]

    def near(self, latitude: float, longitude: float, *, within_m: float) -> dict[int, float]:
        """Signed metres to the zones that hold a place or whose edge is at most so far off."""
        box = Box(longitude, latitude, longitude, latitude).grown(within_m)
        found = {}
        for number in self._candidates(box):
            distance_m = self._zones[number].distance_m(latitude, longitude)
            if distance_m <= within_m:
                found[number] = distance_m
        return found

    def containing_many(
        self, latitudes: Sequence[float], longitudes: Sequence[float]
    ) -> tuple[Indices, Indices]:
        """Pairs of place and zone that holds it, as two arrays, ordered by place, then zone."""
        if not self._zones:
            return _NONE, _NONE
        x, y = np.array(longitudes, dtype=np.float64), np.array(latitudes, dtype=np.float64)
        places, numbers = self._many_candidates(x, y)
        shapes = self._drawn_shapes()
        holds = np.zeros(len(places), dtype=bool)

        at = np.flatnonzero(shapes.circles[numbers])
        discs = Disc(*shapes.discs[:, numbers[at]])
        holds[at] = discs.distances_m(Places(y[places[at]], x[places[at]])) <= 0.0

        areas = shapes.areas[numbers]
        at = np.flatnonzero(shapely.is_geometry(areas))
        turned = framed(x[places[at]], shapes.middles[numbers[at]])
        holds[at] = shapely.intersects_xy(areas[at], turned, y[places[at]])

        for pair in np.flatnonzero(~shapes.circles[numbers] & ~shapely.is_geometry(areas)).tolist():
            place = places[pair]
            holds[pair] = self._zones[numbers[pair]].contains(float(y[place]), float(x[place]))
        order = np.lexsort((numbers[holds], places[holds]))
        return places[holds][order], numbers[holds][order]

    def near_many(
        self, latitudes: Sequence[float], longitudes: Sequence[float], *, within_m: float
    ) -> tuple[Indices, Indices, Floats]:
        """What `near` finds for each place, as three arrays: place, zone, and signed metres.

        Ordered by place, then zone.
        """
        if not self._zones or not len(latitudes):
            return _NONE, _NONE, np.array([])
        where = Places(latitudes, longitudes)
        places, numbers = self._many_near_candidates(where, within_m)
        metres = self._many_metres(where, places, numbers)
        near = metres <= within_m
        return places[near], numbers[near], metres[near]

    def _candidates(self, box: Box) -> list[int]:
        if self._bounds is None:
            self._bounds = _bounds([zone.box for zone in self._zones])
        if not self._bounds.meets(box):
            return []
        tree = self._grown_tree()
        if box.west > -HALF_TURN and box.east < HALF_TURN:
            leaves = tree.boxes.query(shapely.box(*box))
        else:
            asked, _ = _turned([box])
            _, leaves = tree.boxes.query(_polygons(asked))
        return sorted(set(tree.owners[leaves].tolist()))

    def _many_candidates(self, x: Floats, y: Floats) -> tuple[Indices, Indices]:
        """Pairs of place and zone whose box holds it."""
        grid, owners = self._sorted_cells()
        pairs = grid.pairs(x, y)
        if pairs is None:
            places, leaves = self._grown_tree().boxes.query(shapely.points(x, y))
        else:
            places, leaves = pairs
        return places, owners[leaves]

    def _many_near_candidates(self, where: Places, within_m: float) -> tuple[Indices, Indices]:
        """Pairs of place and zone whose box is at most so far off, in order."""
        x, y = where.longitudes, where.latitudes
        asked, owners = _turned(np.column_stack(Boxes(x, y, x, y).grown(np.full(len(x), within_m))))
        tree = self._grown_tree()
        rows, leaves = tree.boxes.query(_polygons(asked))
        pairs = np.unique(owners[rows] * len(self._zones) + tree.owners[leaves])
        places, numbers = np.divmod(pairs, len(self._zones))
        return places, numbers

    def _many_metres(self, where: Places, places: Indices, numbers: Indices) -> Floats:
        """Signed metres for each pair: circles all together, every other zone with all its places."""
        shapes = self._drawn_shapes()
        metres = np.empty(len(places))
        circles = shapes.circles[numbers]
        at = np.flatnonzero(circles)
        discs = Disc(*shapes.discs[:, numbers[at]])
        metres[at] = discs.distances_m(where.at(places[at].tolist()))

        at = np.flatnonzero(~circles)
        at = at[np.argsort(numbers[at], kind="stable")]
        drawn, begins = np.unique(numbers[at], return_index=True)
        for number, rows in zip(drawn.tolist(), np.split(at, begins[1:]), strict=False):
            metres[rows] = self._zones[number].shape.distances_m(where.at(places[rows].tolist()))
        return metres

    def _sorted_cells(self) -> _Cells:
        if self._cells is None:
            boxes, owners = _turned([zone.box for zone in self._zones])
            self._cells = _Cells(Grid.of(boxes), owners)
        return self._cells

    def _grown_tree(self) -> _Tree:
        """The tree, built when a place first comes near: of most people's zones none ever does."""
        if self._tree is None:
            boxes, owners = _turned([zone.box for zone in self._zones])
            self._tree = _Tree(shapely.STRtree(_polygons(boxes)), owners)
        return self._tree

    def _drawn_shapes(self) -> _Shapes:
        if self._shapes is None:
            self._shapes = _Shapes.of(self._zones)
        return self._shapes


def _bounds(boxes: list[Box]) -> Box:
    """One box round all of them."""
    if not boxes:
        return _NOWHERE
    west, south, east, north = zip(*boxes, strict=True)
    return Box(min(west), min(south), max(east), max(north))


def _polygons(boxes: npt.NDArray[np.float64]) -> list[shapely.Geometry]:
    polygons: list[shapely.Geometry] = np.array(shapely.box(*boxes.T), dtype=object).tolist()
    return polygons


def _turned(boxes: Sequence[Box] | Floats) -> tuple[npt.NDArray[np.float64], Indices]:
    """The boxes, each also a whole circle east and west where it reaches over the antimeridian.

    With them the number of the zone that each belongs to.
    """
    straight = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    numbers = np.arange(len(boxes))
    over_east = np.flatnonzero(straight[:, 2] >= HALF_TURN)
    over_west = np.flatnonzero(straight[:, 0] <= -HALF_TURN)
    turn = np.array([TURN, 0.0, TURN, 0.0])
    return (
        np.concatenate([straight, straight[over_east] - turn, straight[over_west] + turn]),
        np.concatenate([numbers, over_east, over_west]),
    )


def _area_of(zone: PreparedZone) -> BaseGeometry | None:
    return zone.shape.area if isinstance(zone.shape, Outline) else None


def _middle_of(zone: PreparedZone) -> float:
    return zone.shape.middle if isinstance(zone.shape, Outline) else 0.0


def _disc_of(zone: PreparedZone) -> Disc | None:
    return zone.shape if isinstance(zone.shape, Disc) else None
