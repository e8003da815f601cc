"""Metres on the WGS 84 ellipsoid: local scale, distance between two places, reach of a radius."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from pyproj import Geod

Floats: TypeAlias = npt.NDArray[np.float64]

# A float or an array of them: the formulas are the same.
_Number: TypeAlias = Any

GEOD: Final = Geod(ellps="WGS84")

POLE: Final = 90.0
HALF_TURN: Final = 180.0
TURN: Final = 360.0
"""Degrees."""

_RADIANS: Final = math.pi / 180.0
_EQUATOR_M: Final = 6_378_137.0
_ECCENTRICITY_SQUARED: Final = 6.694_379_990_141_316e-3
_MEAN_RADIUS_M: Final = 6_371_008.8

# Both are a little less than the shortest true length of a degree, so that a box of degrees
# is never smaller than the metres that it stands for.
LEAST_M_PER_DEGREE_LATITUDE: Final = 110_500.0
LEAST_M_PER_DEGREE_EQUATOR: Final = 111_000.0
# A little more than a degree of the mean sphere's great circles.
_MOST_M_PER_DEGREE: Final = 111_200.0
# The cosine of latitude under which, six kilometres from a pole, every longitude is near.
NEAR_POLE: Final = 1e-3


class Scale(NamedTuple):
    """Metres in one degree at a latitude, east-west and north-south."""

    east_m: float
    north_m: float


class Place(Protocol):
    """What has a latitude and a longitude, in degrees."""

    @property
    def latitude(self) -> float: ...
    @property
    def longitude(self) -> float: ...


class Box(NamedTuple):
    """Degrees; `east` may exceed 180 and `west` undercut -180: longitudes run on."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def around(cls, places: Sequence[Place]) -> Box:
        """The smallest box that holds all places, read the short way round the globe."""
        latitudes = [place.latitude for place in places]
        longitudes = [place.longitude for place in places]
        if max(longitudes) - min(longitudes) > HALF_TURN:
            first = longitudes[0]
            longitudes = [east + meridian_offset(east, first) for east in longitudes]
        return cls(min(longitudes), min(latitudes), max(longitudes), max(latitudes))

    def grown(self, radius_m: float) -> Box:
        """The box that holds every place at most `radius_m` from a place in this one."""
        margin_north = radius_m / LEAST_M_PER_DEGREE_LATITUDE
        south, north = self.south - margin_north, self.north + margin_north
        shrink = math.cos(math.radians(min(max(-south, north), POLE)))
        if shrink < NEAR_POLE:
            return Box(-HALF_TURN, south, HALF_TURN, north)
        margin_east = radius_m / (LEAST_M_PER_DEGREE_EQUATOR * shrink)
        return Box(self.west - margin_east, south, self.east + margin_east, north)

    def meets(self, other: Box) -> bool:
        """Whether the two share a place, on whichever side of the antimeridian each is told."""
        if self.south > other.north or other.south > self.north:
            return False
        # Turned by a whole circle, the other box starts at most a circle east of this one.
        turned = (other.west - self.west) % TURN
        return turned <= self.east - self.west or turned + (other.east - other.west) >= TURN


def scale_at(latitude: float) -> Scale:
    """The local scale from the ellipsoid's two radii of curvature (Snyder 1987, 4-18 to 4-20)."""
    phi = latitude * _RADIANS
    return Scale(*_metres(math.sin(phi), math.cos(phi), math.sqrt))


def scales_at(latitudes: Floats) -> Floats:
    """The scale at each latitude, to the last bit as `scale_at`: two columns."""
    angles = (latitudes * _RADIANS).tolist()
    # One by one: a library's sine of an array may differ in the last digit.
    sines, cosines = np.array(list(map(math.sin, angles))), np.array(list(map(math.cos, angles)))
    return np.column_stack(_metres(sines, cosines, np.sqrt))


def _metres(
    sine: _Number, cosine: _Number, root: Callable[[_Number], _Number]
) -> tuple[_Number, _Number]:
    w = 1.0 - _ECCENTRICITY_SQUARED * sine * sine
    prime_vertical_m = _EQUATOR_M / root(w)
    meridian_m = prime_vertical_m * (1.0 - _ECCENTRICITY_SQUARED) / w
    return prime_vertical_m * cosine * _RADIANS, meridian_m * _RADIANS


def separation_m(
    latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float
) -> float:
    """Metres between two places on the mean sphere (haversine), right to 0.6 %.

    Good enough to judge speeds; distances to an edge come from `containment`.
    """
    phi_a, phi_b = math.radians(latitude_a), math.radians(latitude_b)
    half_lat = math.sin((phi_b - phi_a) / 2.0)
    half_lon = math.sin(math.radians(longitude_b - longitude_a) / 2.0)
    h = half_lat * half_lat + math.cos(phi_a) * math.cos(phi_b) * half_lon * half_lon
    return 2.0 * _MEAN_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def most_m(a: Place, b: Place) -> float:
    """Metres that `separation_m` never exceeds, for a few additions: along meridian and equator."""
    east = abs(b.longitude - a.longitude)
    if east > HALF_TURN:
        east = TURN - east
    return (abs(b.latitude - a.latitude) + east) * _MOST_M_PER_DEGREE


def geodesic_m(
    latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float
) -> float:
    """Metres between two places along the geodesic (Karney 2013), right to a nanometre."""
    _, _, length = GEOD.inv(longitude_a, latitude_a, longitude_b, latitude_b)
    return float(length)


def meridian_offset(longitude: float, middle: float) -> float:
    """The whole circles, in degrees, that bring a longitude within 180 degrees of `middle`."""
    if longitude - middle > HALF_TURN:
        return -TURN
    if middle - longitude > HALF_TURN:
        return TURN
    return 0.0
