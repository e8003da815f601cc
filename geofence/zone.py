"""Zones as an officer draws them: immutable source geometry, WGS 84 degrees and metres.

Edges are straight in longitude and latitude (RFC 7946, section 3.1.1) and the boundary
belongs to the zone. Longitudes may run on past 180 degrees. The constructors refuse numbers
that mean nothing; whether rings make sense together, `outline` decides.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, TypeAlias

from geofence.geodesy import POLE, TURN

Position: TypeAlias = tuple[float, float]
"""Longitude, latitude: GeoJSON's order."""

Ring: TypeAlias = tuple[Position, ...]
"""Closed: the last position repeats the first."""

Polygon: TypeAlias = tuple[Ring, ...]
"""The outer ring, then its holes."""

MOST_RADIUS_M: Final = 500_000.0
MOST_WIDTH_M: Final = 100_000.0
LEAST_RING_POSITIONS: Final = 4
LEAST_LINE_POSITIONS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """All places at most `radius_m` from the centre, measured along the geodesic."""

    latitude: float
    longitude: float
    radius_m: float

    def __post_init__(self) -> None:
        _check_position((self.longitude, self.latitude))
        if not 0.0 < self.radius_m <= MOST_RADIUS_M:
            raise ValueError(f"a radius is more than 0 and at most {MOST_RADIUS_M:.0f} metres")


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """One polygon or several, each with holes, exactly as drawn.

    `multiple` remembers that the officer drew a MultiPolygon, even one of a single part.
    """

    polygons: tuple[Polygon, ...]
    multiple: bool = False

    def __post_init__(self) -> None:
        if not self.polygons or not all(self.polygons):
            raise ValueError("an area has at least one polygon, a polygon at least one ring")
        for ring in (ring for polygon in self.polygons for ring in polygon):
            if len(ring) < LEAST_RING_POSITIONS or ring[0] != ring[-1]:
                raise ValueError("a ring has at least four positions and ends where it began")
            for position in ring:
                _check_position(position)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corridor:
    """All places at most half of `width_m` from the line."""

    line: tuple[Position, ...]
    width_m: float

    def __post_init__(self) -> None:
        for position in self.line:
            _check_position(position)
        if len(set(self.line)) < LEAST_LINE_POSITIONS:
            raise ValueError("a line joins at least two different positions")
        if not 0.0 < self.width_m <= MOST_WIDTH_M:
            raise ValueError(f"a width is more than 0 and at most {MOST_WIDTH_M:.0f} metres")


Zone: TypeAlias = Circle | Area | Corridor


def fingerprint(zone: Zone) -> str:
    """Sixteen hexadecimal digits that two zones share only if they were drawn alike."""
    return hashlib.sha256(repr(zone).encode()).hexdigest()[:16]


def _check_position(position: Position) -> None:
    longitude, latitude = position
    if not (abs(longitude) <= TURN and abs(latitude) <= POLE):
        raise ValueError("a position is a longitude in -360..360 and a latitude in -90..90")
