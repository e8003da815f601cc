"""A zone's rings and lines in one continuous run of longitudes, or what is wrong with them.

The antimeridian may be drawn in two ways: split there into parts (RFC 7946, section 3.1.9),
or with longitudes that run on past 180. Both end up as one outline without a seam.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geofence.geodesy import HALF_TURN, POLE, TURN, geodesic_m
from geofence.zone import Area, Circle, Corridor, Polygon, Position, Ring, Zone

_Bounds: TypeAlias = tuple[float, float, float, float]

_PLACE = re.compile(r"\[(\S+) (\S+)\]")


class Defect(StrEnum):
    """Why a drawing that is well-formed still encloses nothing that could be judged."""

    ENCLOSES_POLE = "encloses_pole"
    JUMPS_ANTIMERIDIAN = "jumps_antimeridian"
    TOO_WIDE = "too_wide"
    CROSSES_ITSELF = "crosses_itself"
    RINGS_DISAGREE = "rings_disagree"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """A defect and where it is: indices of polygon and ring, and a longitude and latitude."""

    defect: Defect
    path: tuple[int, ...]
    place: Position | None


def find_flaw(zone: Zone) -> Flaw | None:
    """The first reason why this zone cannot be judged, or None if it can."""
    if isinstance(zone, Circle):
        return _pole_within(zone.radius_m, ((zone.longitude, zone.latitude),))
    if isinstance(zone, Corridor):
        return _line_flaw(zone.line, zone.width_m / 2.0)
    return _area_flaw(zone.polygons)


def lines_of(zone: Area | Corridor) -> BaseGeometry:
    """The outline as shapely geometry: a polygon, several, or a line. The zone has no flaw."""
    if isinstance(zone, Corridor):
        return shapely.LineString(zone.line)
    return _joined(zone.polygons)


def bounds_of(zone: Area | Corridor) -> _Bounds:
    """West, south, east and north of `lines_of`, without drawing it."""
    if isinstance(zone, Corridor):
        return _bounds(zone.line)
    # Holes lie within; parts on both sides of the antimeridian are seen from the eastern side.
    parts = [_bounds(polygon[0]) for polygon in zone.polygons]
    west, south, east, north = _joined_bounds(parts)
    if len(parts) > 1 and east - west > HALF_TURN:
        parts = [(w + TURN, s, e + TURN, n) if w < 0.0 else (w, s, e, n) for w, s, e, n in parts]
        return _joined_bounds(parts)
    return west, south, east, north


def _bounds(positions: Ring) -> _Bounds:
    longitudes, latitudes = zip(*positions, strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def _joined_bounds(parts: list[_Bounds]) -> _Bounds:
    wests, souths, easts, norths = zip(*parts, strict=True)
    return min(wests), min(souths), max(easts), max(norths)


def _area_flaw(polygons: tuple[Polygon, ...]) -> Flaw | None:
    for number, polygon in enumerate(polygons):
        for index, ring in enumerate(polygon):
            flaw = _ring_flaw(ring, (number, index))
            if flaw:
                return flaw
        flaw = _topology_flaw(polygon, (number,))
        if flaw:
            return flaw
    return _width_flaw(_joined(polygons))


def _width_flaw(outline: BaseGeometry) -> Flaw | None:
    """Whether an outline spans more than half the globe: told by its easternmost position."""
    west, _, east, _ = outline.bounds
    if east - west <= HALF_TURN:
        return None
    positions = shapely.get_coordinates(outline)
    longitude, latitude = positions[positions[:, 0].argmax()].tolist()
    return Flaw(defect=Defect.TOO_WIDE, path=(), place=(longitude, latitude))


def _ring_flaw(ring: Ring, path: tuple[int, ...]) -> Flaw | None:
    """Poles and jumps: what a plane cannot know about a ring on a globe."""
    for position in ring:
        if abs(position[1]) == POLE:
            return Flaw(defect=Defect.ENCLOSES_POLE, path=path, place=position)
    jumps = _jumps(ring)
    if not jumps:
        return None
    # A ring round a pole turns once; read the short way, a ring that only jumps turns back.
    turned = sum(
        (after[0] - before[0] + HALF_TURN) % TURN - HALF_TURN for before, after in pairwise(ring)
    )
    round_a_pole = abs(turned) > HALF_TURN
    defect = Defect.ENCLOSES_POLE if round_a_pole else Defect.JUMPS_ANTIMERIDIAN
    return Flaw(defect=defect, path=path, place=jumps[0])


def _topology_flaw(polygon: Polygon, path: tuple[int, ...]) -> Flaw | None:
    reason = shapely.is_valid_reason(shapely.Polygon(polygon[0], polygon[1:]))
    if reason == "Valid Geometry":
        return None
    found = _PLACE.search(reason)
    place = (float(found[1]), float(found[2])) if found else None
    crosses = "self-intersection" in reason.lower()
    defect = Defect.CROSSES_ITSELF if crosses else Defect.RINGS_DISAGREE
    return Flaw(defect=defect, path=path, place=place)


def _line_flaw(line: tuple[Position, ...], half_width_m: float) -> Flaw | None:
    jumps = _jumps(line)
    if jumps:
        return Flaw(defect=Defect.JUMPS_ANTIMERIDIAN, path=(), place=jumps[0])
    return _width_flaw(shapely.LineString(line)) or _pole_within(half_width_m, line)


def _pole_within(radius_m: float, positions: tuple[Position, ...]) -> Flaw | None:
    longitude, latitude = max(positions, key=lambda position: abs(position[1]))
    pole = POLE if latitude > 0.0 else -POLE
    if geodesic_m(latitude, longitude, pole, longitude) > radius_m:
        return None
    return Flaw(defect=Defect.ENCLOSES_POLE, path=(), place=(longitude, latitude))


def _jumps(line: tuple[Position, ...]) -> list[Position]:
    """The positions from which the next is more than half the globe away in longitude."""
    return [before for before, after in pairwise(line) if abs(after[0] - before[0]) > HALF_TURN]


def _joined(polygons: tuple[Polygon, ...]) -> BaseGeometry:
    parts = [shapely.Polygon(polygon[0], polygon[1:]) for polygon in polygons]
    if len(parts) == 1:
        return parts[0]
    west, _, east, _ = shapely.total_bounds(parts)
    if east - west > HALF_TURN:
        parts = [_run_on(part) for part in parts]
    return shapely.union_all(parts)


def _run_on(part: shapely.Polygon) -> shapely.Polygon:
    """The part seen from the eastern hemisphere: one that lies west of Greenwich moves by +360."""
    if part.bounds[0] >= 0.0:
        return part
    moved: shapely.Polygon = shapely.transform(part, lambda xy: np.add(xy, (TURN, 0.0)))
    return moved
