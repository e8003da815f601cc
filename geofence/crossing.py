"""What may have happened between two fixes: through a zone, perhaps through it, or not.

Every straight way between the two error circles must meet the zone for a crossing to be
possible. It is confirmed only if there was no way round: the zone encloses one of the two
places, or the shortest way round it could not be done in the time between.
"""

from __future__ import annotations

import math
from enum import StrEnum
from itertools import pairwise
from typing import Final, cast

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geofence.geodesy import Scale, meridian_offset, scale_at
from geofence.instant import Sighted
from geofence.outline import lines_of
from geofence.parameters import Parameters
from geofence.zone import Circle, Corridor, Position, Zone

_QUARTER_SEGMENTS: Final = 16


class Crossing(StrEnum):
    """Whether a person passed through a zone between two fixes outside it."""

    NONE = "none"
    POSSIBLE = "possible"
    CONFIRMED = "confirmed"


class Obstacle:
    """A zone as something in the way, in degrees. Circles become polygons of 64 sides."""

    __slots__ = ("_middle", "_shape")

    def __init__(self, zone: Zone) -> None:
        self._shape = _shape_of(zone)
        shapely.prepare(self._shape)
        west, _, east, _ = self._shape.bounds
        self._middle = (west + east) / 2.0

    def crossing(self, before: Sighted, after: Sighted, parameters: Parameters) -> Crossing:
        """What the way between two fixes says; both stand clear of the zone.

        The caller keeps to the limit on the gap (`crossing_gap_s`).
        """
        start, end = self._framed(before.longitude), self._framed(after.longitude)
        end += meridian_offset(end, start)
        a, b = (start, before.latitude), (end, after.latitude)
        scale = scale_at((before.latitude + after.latitude) / 2.0)
        direct = _way(a, b)
        if not shapely.intersects(self._shape, direct):
            return Crossing.NONE
        sides = _sides(a, b, (before.accuracy_m, after.accuracy_m), scale)
        if not shapely.intersects(self._shape, sides).all():
            return Crossing.NONE
        seconds = after.at_s - before.at_s
        reach_m = seconds * parameters.crossing_speed_mps + before.accuracy_m + after.accuracy_m
        for part in shapely.get_parts(self._shape).tolist():
            if part.intersects(direct) and not _can_go_round(part, a, b, scale, reach_m):
                return Crossing.CONFIRMED
        return Crossing.POSSIBLE

    def is_between(self, a: Sighted, b: Sighted) -> bool:
        """Whether the direct way from one place to the other meets the zone."""
        start, end = self._framed(a.longitude), self._framed(b.longitude)
        end += meridian_offset(end, start)
        way = _way((start, a.latitude), (end, b.latitude))
        return bool(shapely.intersects(self._shape, way))

    def _framed(self, longitude: float) -> float:
        return longitude + meridian_offset(longitude, self._middle)


def _shape_of(zone: Zone) -> BaseGeometry:
    if isinstance(zone, Circle):
        centre = shapely.Point(zone.longitude, zone.latitude)
        return _widened(centre, zone.radius_m)
    if isinstance(zone, Corridor):
        return _widened(lines_of(zone), zone.width_m / 2.0)
    return lines_of(zone)


def _widened(shape: BaseGeometry, radius_m: float) -> BaseGeometry:
    """All that lies within a radius, by the scale at the shape's middle latitude."""
    _, south, _, north = shape.bounds
    scale = scale_at((south + north) / 2.0)
    in_metres = shapely.transform(shape, lambda xy: xy * scale)
    wide = shapely.buffer(in_metres, radius_m, quad_segs=_QUARTER_SEGMENTS)
    return shapely.transform(wide, lambda xy: xy / scale)


def _sides(
    a: Position, b: Position, radii_m: tuple[float, float], scale: Scale
) -> list[shapely.LineString]:
    """The two straight ways along the sides of the error circles."""
    east_m, north_m = (b[0] - a[0]) * scale.east_m, (b[1] - a[1]) * scale.north_m
    length_m = math.hypot(east_m, north_m) or 1.0
    # One metre to the left of the way, in degrees.
    left = (-north_m / length_m / scale.east_m, east_m / length_m / scale.north_m)
    return [
        _way(_moved(a, left, side * radii_m[0]), _moved(b, left, side * radii_m[1]))
        for side in (1.0, -1.0)
    ]


def _way(a: Position, b: Position) -> shapely.LineString:
    """The straight way; `LineString` looks so long at what it is given that it doubles the time."""
    return cast("shapely.LineString", shapely.linestrings(np.array((a, b))))


def _moved(place: Position, direction: Position, by_m: float) -> Position:
    return place[0] + direction[0] * by_m, place[1] + direction[1] * by_m


def _can_go_round(
    part: shapely.Polygon, a: Position, b: Position, scale: Scale, reach_m: float
) -> bool:
    """Whether the shorter way round one part, which the direct way meets, is within reach.

    The way round a convex hull is the shortest there is. Where a place lies in a bay of the
    part, the hull says nothing and a way round is assumed.
    """
    for hole in part.interiors:
        room = shapely.Polygon(hole)
        if room.covers(shapely.Point(a)) != room.covers(shapely.Point(b)):
            return False
    hull = shapely.convex_hull(shapely.union_all([part, shapely.Point(a), shapely.Point(b)]))
    ring = shapely.get_coordinates(hull).tolist()[:-1]
    if list(a) not in ring or list(b) not in ring:
        return True
    turn = ring.index(list(a))
    ring = ring[turn:] + ring[:turn]
    there = ring.index(list(b))
    ways = (ring[: there + 1], [*ring[there:], ring[0]])
    return min(_length_m(way, scale) for way in ways) <= reach_m


def _length_m(way: list[list[float]], scale: Scale) -> float:
    return sum(
        math.hypot((q[0] - p[0]) * scale.east_m, (q[1] - p[1]) * scale.north_m)
        for p, q in pairwise(way)
    )
