"""How far from a zone's edge one can be inside it, roughly: enough to warn of a zone too small."""

from __future__ import annotations

from typing import Final

from pyproj import Geod

from geofence import Area, Circle, Corridor, Zone
from geofence.zone import Polygon, Ring

_GEOD: Final = Geod(ellps="WGS84")


def roominess_m(zone: Zone) -> float:
    """Return metres: exact for circles, corridors and squares, within twice the truth for others.

    Of a polygon it is twice the area by the perimeter: never less than the inner radius of a
    convex figure, and the whole width of a long and narrow one.
    """
    match zone:
        case Circle(radius_m=radius_m):
            return radius_m
        case Corridor(width_m=width_m):
            return width_m / 2.0
        case Area(polygons=polygons):
            return max(_polygon_m(polygon) for polygon in polygons)


def _polygon_m(polygon: Polygon) -> float:
    outer, *holes = (_measure(ring) for ring in polygon)
    area_m2 = outer[0] - sum(hole[0] for hole in holes)
    return 2.0 * area_m2 / (outer[1] + sum(hole[1] for hole in holes))


def _measure(ring: Ring) -> tuple[float, float]:
    """Return the area in square metres and the perimeter in metres."""
    longitudes, latitudes = zip(*ring, strict=True)
    area_m2, perimeter_m = _GEOD.polygon_area_perimeter(longitudes, latitudes)
    return abs(area_m2), perimeter_m
