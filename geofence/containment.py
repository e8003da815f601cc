"""Signed distance from a place to the edge of a zone, in metres: negative inside.

Distances to polygons and lines are taken in a plane whose metres are scaled at the place
itself, not at the zone: within 0.5 % of the geodesic up to 5 km at latitudes up to 85
degrees. Circles are geodesic. The sign always agrees with containment, and the boundary is
inside.

Only operations that IEEE 754 rounds exactly touch the numbers of a place, so that it gets the
same distance, to the last bit, alone and among ten thousand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geofence.drawing import StoredZone, drawn, folded
from geofence.geodesy import (
    GEOD,
    HALF_TURN,
    TURN,
    Box,
    Floats,
    geodesic_m,
    meridian_offset,
    scale_at,
    scales_at,
)
from geofence.outline import bounds_of, lines_of
from geofence.zone import Area, Circle, Corridor, Zone, fingerprint

# A float or an array of them: the formulas are the same.
_Number: TypeAlias = Any

_RADIANS: Final = math.pi / 180.0
# Outside is outside even where the distance underflows: a tenth of a nanometre.
_LEAST_OUTSIDE_M: Final = 1e-10
# Places times edges that are worked on at once: keeps a batch inside the cache.
_CHUNK: Final = 100_000
# The plane at the middle latitude errs from a circle's centre by no more than an eighth of the
# square of the larger of the two radians (0.03 % of the way at this many). Nearer to the circle than
# the band, which is 256 times as wide, the geodesic decides: so distances are right to 0.4 %.
_PLANE_RADIANS: Final = 0.05
_BAND: Final = 32.0
_BAND_FLOOR_M: Final = 0.05


class Verdict(StrEnum):
    """Where a person was, as far as the fix can tell."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    UNCERTAIN = "uncertain"


def verdict(distance_m: float, accuracy_m: float) -> Verdict:
    """Inside or outside only if the whole 95 % circle is, otherwise uncertain."""
    if distance_m < -accuracy_m:
        return Verdict.INSIDE
    if distance_m > accuracy_m:
        return Verdict.OUTSIDE
    return Verdict.UNCERTAIN


def inner_radius_m(zone: Zone) -> float:
    """Metres from the zone's deepest place to its edge.

    Whoever must stay inside needs this to be well above the usual accuracy of a fix.
    """
    if isinstance(zone, Circle):
        return zone.radius_m
    if isinstance(zone, Corridor):
        return zone.width_m / 2.0
    outline = lines_of(zone)
    _, south, _, north = outline.bounds
    scale = scale_at((south + north) / 2.0)
    in_metres = shapely.transform(outline, lambda xy: xy * scale)
    (deepest,) = shapely.maximum_inscribed_circle([in_metres], tolerance=0.5)
    return float(shapely.length(deepest))


class PreparedZone:
    """A zone with what makes its distances fast. Never changes; build once and keep.

    Each part is built when it is first asked for: many zones are kept of people whom nobody looks
    for, and most never see anybody. Two threads that build a part at once build the same. The
    zone comes from `parse_zone`, or `find_flaw` found none in it.
    """

    __slots__ = ("_box", "_fingerprint", "_shape", "_source")

    def __init__(self, zone: Zone | StoredZone) -> None:
        self._source = zone if isinstance(zone, StoredZone) else folded(zone)
        self._fingerprint: str | None = None
        self._box: Box | None = None
        self._shape: Disc | Outline | None = None

    @property
    def zone(self) -> Zone:
        """The source, made anew each time."""
        source = self._source
        if not isinstance(source, StoredZone):
            return source()
        zone = drawn(source)
        self._source = folded(zone)
        return zone

    @property
    def fingerprint(self) -> str:
        """The zone's name."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint(self.zone)
        return self._fingerprint

    @property
    def box(self) -> Box:
        """What holds the zone."""
        if self._box is None:
            self._box = _box_of(self.zone)
        return self._box

    @property
    def shape(self) -> Disc | Outline:
        """What is measured."""
        if self._shape is None:
            zone = self.zone
            self._shape = Disc.of(zone) if isinstance(zone, Circle) else Outline(zone)
        return self._shape

    def contains(self, latitude: float, longitude: float) -> bool:
        """Whether the zone holds a place; its edge belongs to it."""
        if isinstance(self.shape, Outline) and self.shape.area is not None:
            return self.shape.covers(latitude, longitude)
        return self.distance_m(latitude, longitude) <= 0.0

    def distance_m(self, latitude: float, longitude: float) -> float:
        """Signed metres from one place to the edge."""
        return self.shape.distance_m(latitude, longitude)

    def distances_m(self, latitudes: Sequence[float], longitudes: Sequence[float]) -> list[float]:
        """Signed metres from each place to the edge."""
        return self.distances_to(Places(latitudes, longitudes))

    def distances_to(self, places: Places) -> list[float]:
        """Signed metres from each place to the edge."""
        distances: list[float] = self.shape.distances_m(places).tolist()
        return distances


def _box_of(zone: Zone) -> Box:
    """The box that holds a zone, from its own positions."""
    if isinstance(zone, Circle):
        centre = Box(zone.longitude, zone.latitude, zone.longitude, zone.latitude)
        return centre.grown(zone.radius_m)
    half_width_m = zone.width_m / 2.0 if isinstance(zone, Corridor) else 0.0
    return Box(*bounds_of(zone)).grown(half_width_m)


class Places:
    """Many places in arrays, with the metres of a degree at each: for one zone after the other."""

    __slots__ = ("_part_of", "_scales", "latitudes", "longitudes")

    def __init__(
        self, latitudes: Sequence[float] | Floats, longitudes: Sequence[float] | Floats
    ) -> None:
        self.latitudes: Floats = np.asarray(latitudes, dtype=np.float64)
        self.longitudes: Floats = np.asarray(longitudes, dtype=np.float64)
        self._scales: Floats | None = None
        self._part_of: tuple[Places, list[int]] | None = None

    def at(self, rows: list[int]) -> Places:
        """Some of the places; what is known of them is shared."""
        part = Places(self.latitudes[rows], self.longitudes[rows])
        part._part_of = self, rows
        return part

    @property
    def scales(self) -> Floats:
        """Metres in one degree at each place, east-west and north-south; two columns."""
        if self._scales is None:
            if self._part_of:
                whole, rows = self._part_of
                self._scales = whole.scales[rows]
            else:
                self._scales = scales_at(self.latitudes)
        return self._scales


def framed(longitudes: Floats, middle: _Number) -> Floats:
    """The longitudes turned by whole circles to within 180 degrees of a middle, or of each."""
    east = longitudes - middle
    turned: Floats = longitudes + TURN * ((east < -HALF_TURN).astype(int) - (east > HALF_TURN))
    return turned


def plane_m(
    sin: _Number, cos: _Number, north: _Number, east: _Number, root: Callable[[_Number], _Number]
) -> _Number:
    """Metres from a centre, for radians north and east, in the plane at the middle latitude.

    `sin` and `cos` are those of the centre's latitude, `root` the square root. Sine and cosine
    of the middle latitude come from short series about the centre, because a library's own may
    differ in the last digit between one place and many.
    """
    h = north * 0.5
    hh = h * h
    cos_h = 1.0 - hh * (0.5 - hh / 24.0)
    sin_h = h * (1.0 - hh * (1.0 / 6.0 - hh / 120.0))
    sin_mid = sin * cos_h + cos * sin_h
    cos_mid = cos * cos_h - sin * sin_h
    w = 1.0 - GEOD.es * sin_mid * sin_mid
    prime_vertical_m = GEOD.a / root(w)
    y_m = prime_vertical_m * (1.0 - GEOD.es) / w * north
    x_m = prime_vertical_m * cos_mid * east
    return root(x_m * x_m + y_m * y_m)


class Disc(NamedTuple):
    """A circle's numbers, or those of many circles as arrays."""

    latitude: _Number
    longitude: _Number
    radius_m: _Number
    sin: _Number
    cos: _Number

    @classmethod
    def of(cls, circle: Circle) -> Disc:
        """The numbers of one circle, with sine and cosine of its centre's latitude."""
        phi = math.radians(circle.latitude)
        return cls(circle.latitude, circle.longitude, circle.radius_m, math.sin(phi), math.cos(phi))

    def distance_m(self, latitude: float, longitude: float) -> float:
        """Signed metres from one place to the one circle."""
        north = (latitude - self.latitude) * _RADIANS
        east = longitude - self.longitude
        east = (east - TURN * round(east / TURN)) * _RADIANS
        from_centre_m: float = plane_m(self.sin, self.cos, north, east, math.sqrt)
        across = max(abs(north), abs(east))
        band_m = _BAND * across * across * from_centre_m + _BAND_FLOOR_M
        if across > _PLANE_RADIANS or abs(from_centre_m - self.radius_m) <= band_m:
            from_centre_m = geodesic_m(self.latitude, self.longitude, latitude, longitude)
        return from_centre_m - float(self.radius_m)

    def distances_m(self, places: Places) -> Floats:
        """Signed metres from each place to the one circle, or to the circle beside it."""
        latitudes, longitudes = places.latitudes, places.longitudes
        north = (latitudes - self.latitude) * _RADIANS
        east = longitudes - self.longitude
        east = (east - TURN * np.round(east / TURN)) * _RADIANS
        from_centre_m: Floats = plane_m(self.sin, self.cos, north, east, np.sqrt)
        across = np.maximum(np.abs(north), np.abs(east))
        band_m = _BAND * across * across * from_centre_m + _BAND_FLOOR_M
        near_edge = np.abs(from_centre_m - self.radius_m) <= band_m
        exact = np.flatnonzero(near_edge | (across > _PLANE_RADIANS))
        if len(exact):
            _, _, from_centre_m[exact] = GEOD.inv(
                np.broadcast_to(self.longitude, north.shape)[exact],
                np.broadcast_to(self.latitude, north.shape)[exact],
                longitudes[exact],
                latitudes[exact],
            )
        signed: Floats = from_centre_m - self.radius_m
        return signed


class Outline:
    """Everything inside rings (`area`), or at most half a width from a line."""

    __slots__ = ("_edges", "_half_width_m", "area", "middle")

    def __init__(self, zone: Area | Corridor) -> None:
        outline = lines_of(zone)
        self._edges = _edges_of(outline)
        west, _, east, _ = outline.bounds
        self.middle = (west + east) / 2.0
        self.area = None if isinstance(zone, Corridor) else outline
        self._half_width_m = zone.width_m / 2.0 if isinstance(zone, Corridor) else 0.0
        if self.area is not None:
            shapely.prepare(self.area)

    def covers(self, latitude: float, longitude: float) -> bool:
        """Whether the area holds a place; its edge belongs to it."""
        x = longitude + meridian_offset(longitude, self.middle)
        return bool(shapely.intersects_xy(self.area, x, latitude))

    def distance_m(self, latitude: float, longitude: float) -> float:
        """Signed metres from one place."""
        return float(self.distances_m(Places([latitude], [longitude]))[0])

    def distances_m(self, places: Places) -> Floats:
        """Signed metres from each place."""
        x = framed(places.longitudes, self.middle)
        distances = self._to_edge_m(x, places.latitudes, places.scales)
        if self.area is None:
            return distances - self._half_width_m
        inside = shapely.intersects_xy(self.area, x, places.latitudes)
        signed: Floats = np.where(inside, -distances, np.maximum(distances, _LEAST_OUTSIDE_M))
        return signed

    def _to_edge_m(self, x: Floats, y: Floats, scales: Floats) -> Floats:
        step = max(1, _CHUNK // len(self._edges[0]))
        if len(x) <= step:
            return _nearest_m(x, y, scales, self._edges)
        pieces = [
            _nearest_m(x[i : i + step], y[i : i + step], scales[i : i + step], self._edges)
            for i in range(0, len(x), step)
        ]
        return np.concatenate(pieces)


def _edges_of(outline: BaseGeometry) -> tuple[Floats, Floats, Floats, Floats]:
    """Start and run of every edge, degrees: x, y, dx, dy. Edges without length are left out."""
    lines = shapely.get_parts(outline if outline.geom_type == "LineString" else outline.boundary)
    starts = np.concatenate([shapely.get_coordinates(line)[:-1] for line in lines])
    runs = np.concatenate([np.diff(shapely.get_coordinates(line), axis=0) for line in lines])
    long = runs.any(axis=1)
    x, y = np.ascontiguousarray(starts[long].T)
    dx, dy = np.ascontiguousarray(runs[long].T)
    return x, y, dx, dy


def _nearest_m(
    x: Floats, y: Floats, scales: Floats, edges: tuple[Floats, Floats, Floats, Floats]
) -> Floats:
    """Metres from each place (rows) to the nearest of all edges (columns)."""
    edge_x, edge_y, edge_dx, edge_dy = edges
    east_m, north_m = scales[:, 0:1], scales[:, 1:2]
    to_start_x = (edge_x - x[:, None]) * east_m
    to_start_y = (edge_y - y[:, None]) * north_m
    run_x, run_y = edge_dx * east_m, edge_dy * north_m
    # How far along each edge its nearest point lies: 0 at the start, 1 at the end.
    along = -(to_start_x * run_x + to_start_y * run_y) / (run_x * run_x + run_y * run_y)
    np.maximum(along, 0.0, out=along)
    np.minimum(along, 1.0, out=along)
    to_start_x += along * run_x
    to_start_y += along * run_y
    squares = to_start_x * to_start_x + to_start_y * to_start_y
    nearest: Floats = np.sqrt(squares.min(axis=1))
    return nearest
