"""Zones from GeoJSON (RFC 7946) and back: what the officer drew, or why it is refused and where.

A polygon or multipolygon comes bare or as a Feature. A circle is a Feature whose geometry is
a Point and whose `properties.radius_m` is a number; a corridor is one of a LineString and
`properties.width_m`. Other members and properties are ignored; altitudes are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar

from geofence.geodesy import POLE, TURN
from geofence.outline import Defect, Flaw, find_flaw
from geofence.zone import (
    LEAST_LINE_POSITIONS,
    LEAST_RING_POSITIONS,
    MOST_RADIUS_M,
    MOST_WIDTH_M,
    Area,
    Circle,
    Corridor,
    Polygon,
    Position,
    Ring,
    Zone,
)

MOST_POSITIONS: Final = 20_000
# Above any limit of ours, and small enough for a float.
_MOST_NUMBER: Final = 1e9
_POSITION_SIZES: Final = (2, 3)


class GeometryReason(StrEnum):
    """Why a drawing is not a zone."""

    NOT_AN_OBJECT = "not_an_object"
    UNSUPPORTED_TYPE = "unsupported_type"
    MISSING_MEMBER = "missing_member"
    BAD_COORDINATE = "bad_coordinate"
    OUT_OF_RANGE = "out_of_range"
    TOO_FEW_POSITIONS = "too_few_positions"
    TOO_MANY_POSITIONS = "too_many_positions"
    RING_NOT_CLOSED = "ring_not_closed"
    BAD_RADIUS = "bad_radius"
    BAD_WIDTH = "bad_width"
    ENCLOSES_POLE = "encloses_pole"
    JUMPS_ANTIMERIDIAN = "jumps_antimeridian"
    TOO_WIDE = "too_wide"
    CROSSES_ITSELF = "crosses_itself"
    RINGS_DISAGREE = "rings_disagree"


_DETAILS: Final[Mapping[GeometryReason, str]] = {
    GeometryReason.NOT_AN_OBJECT: "A JSON object is expected here.",
    GeometryReason.UNSUPPORTED_TYPE: (
        "A zone is a Polygon, a MultiPolygon, a Feature with a Point and properties.radius_m, "
        "or a Feature with a LineString and properties.width_m."
    ),
    GeometryReason.MISSING_MEMBER: "This member is missing.",
    GeometryReason.BAD_COORDINATE: "A position is a list of two or three finite numbers.",
    GeometryReason.OUT_OF_RANGE: "Longitude lies in -360 to 360, latitude in -90 to 90 degrees.",
    GeometryReason.TOO_FEW_POSITIONS: (
        "A ring needs four positions, a line two different ones, an area one ring."
    ),
    GeometryReason.TOO_MANY_POSITIONS: f"A zone has at most {MOST_POSITIONS} positions.",
    GeometryReason.RING_NOT_CLOSED: "The last position of a ring repeats the first.",
    GeometryReason.BAD_RADIUS: f"radius_m is a number above 0 and at most {MOST_RADIUS_M:.0f}.",
    GeometryReason.BAD_WIDTH: f"width_m is a number above 0 and at most {MOST_WIDTH_M:.0f}.",
    GeometryReason.ENCLOSES_POLE: "The zone encloses or touches a pole.",
    GeometryReason.JUMPS_ANTIMERIDIAN: (
        "Two neighbouring positions are more than 180 degrees apart: split the zone at the "
        "antimeridian, or let the longitudes run on past 180."
    ),
    GeometryReason.TOO_WIDE: "The zone is wider than 180 degrees of longitude.",
    GeometryReason.CROSSES_ITSELF: "A ring crosses or touches itself or another ring here.",
    GeometryReason.RINGS_DISAGREE: "The rings of a polygon do not enclose one area with holes.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometryRefused:
    """A drawing that is no zone: the reason, a JSON pointer (RFC 6901), and a place if known."""

    reason: GeometryReason
    pointer: str
    place: Position | None = None

    @property
    def detail(self) -> str:
        """One sentence for the officer."""
        return _DETAILS[self.reason]


class _Refusal(Exception):  # noqa: N818 - carries a refusal up to `parse_zone`, never further
    def __init__(self, reason: GeometryReason, pointer: str, place: Position | None = None) -> None:
        super().__init__(reason)
        self.refused = GeometryRefused(reason=reason, pointer=pointer, place=place)


_Object: TypeAlias = Mapping[str, Any]
_Item = TypeVar("_Item")


def parse_zone(document: object) -> Zone | GeometryRefused:
    """The zone that a decoded GeoJSON document draws, or the refusal. Raises nothing."""
    try:
        zone, pointer = _read(document)
    except _Refusal as refusal:
        return refusal.refused
    flaw = find_flaw(zone)
    if flaw is None:
        return zone
    return _refused(flaw, pointer, zone)


def zone_from_geojson(feature: Mapping[str, Any]) -> Zone:
    """The zone that `zone_to_geojson` made a feature of, for a third of what `parse_zone` costs.

    Nothing that it draws is checked again. Raises LookupError, TypeError or ValueError for what is
    no such feature.
    """
    geometry, properties = feature["geometry"], feature["properties"]
    coordinates = geometry["coordinates"]
    match geometry["type"]:
        case "Point":
            longitude, latitude = map(float, coordinates)
            return Circle(
                longitude=longitude, latitude=latitude, radius_m=float(properties["radius_m"])
            )
        case "LineString":
            return Corridor(line=_floats(coordinates), width_m=float(properties["width_m"]))
        case "Polygon":
            return Area(polygons=(tuple(map(_floats, coordinates)),), multiple=False)
        case "MultiPolygon":
            polygons = tuple(tuple(map(_floats, polygon)) for polygon in coordinates)
            return Area(polygons=polygons, multiple=True)
        case kind:
            raise LookupError(f"a zone is no {kind}")


def _floats(positions: list[list[float]]) -> tuple[Position, ...]:
    return tuple([(float(longitude), float(latitude)) for longitude, latitude in positions])


def zone_to_geojson(zone: Zone) -> dict[str, Any]:
    """The zone as a GeoJSON Feature; `parse_zone` of it gives an equal zone."""
    if isinstance(zone, Circle):
        centre = [zone.longitude, zone.latitude]
        return _feature("Point", centre, {"radius_m": zone.radius_m})
    if isinstance(zone, Corridor):
        return _feature("LineString", _listed(zone.line), {"width_m": zone.width_m})
    polygons = [[_listed(ring) for ring in polygon] for polygon in zone.polygons]
    if zone.multiple:
        return _feature("MultiPolygon", polygons, {})
    return _feature("Polygon", polygons[0], {})


def _read(document: object) -> tuple[Zone, str]:
    """The zone and the pointer to its coordinates."""
    outer = _object(document, "")
    if outer.get("type") != "Feature":
        return _read_area(outer, ""), "/coordinates"
    geometry = _object(_member(outer, "geometry", ""), "/geometry")
    pointer = "/geometry/coordinates"
    match geometry.get("type"):
        case "Point":
            position = _position(_member(geometry, "coordinates", "/geometry"), pointer)
            radius_m = _length(outer, "radius_m", MOST_RADIUS_M, GeometryReason.BAD_RADIUS)
            return Circle(longitude=position[0], latitude=position[1], radius_m=radius_m), pointer
        case "LineString":
            line = _positions(_member(geometry, "coordinates", "/geometry"), pointer)
            width_m = _length(outer, "width_m", MOST_WIDTH_M, GeometryReason.BAD_WIDTH)
            if len(set(line)) < LEAST_LINE_POSITIONS:
                raise _Refusal(GeometryReason.TOO_FEW_POSITIONS, pointer, line[0])
            return Corridor(line=line, width_m=width_m), pointer
        case _:
            return _read_area(geometry, "/geometry"), pointer


def _read_area(geometry: _Object, pointer: str) -> Area:
    match geometry.get("type"):
        case "Polygon":
            polygon = _polygon(_member(geometry, "coordinates", pointer), f"{pointer}/coordinates")
            polygons: tuple[Polygon, ...] = (polygon,)
            multiple = False
        case "MultiPolygon":
            polygons = _each(
                _member(geometry, "coordinates", pointer), f"{pointer}/coordinates", _polygon
            )
            multiple = True
        case _:
            raise _Refusal(GeometryReason.UNSUPPORTED_TYPE, f"{pointer}/type")
    if sum(len(ring) for polygon in polygons for ring in polygon) > MOST_POSITIONS:
        raise _Refusal(GeometryReason.TOO_MANY_POSITIONS, f"{pointer}/coordinates")
    return Area(polygons=polygons, multiple=multiple)


def _polygon(value: object, pointer: str) -> Polygon:
    return _each(value, pointer, _ring)


def _ring(value: object, pointer: str) -> Ring:
    ring = _positions(value, pointer)
    if len(ring) < LEAST_RING_POSITIONS:
        raise _Refusal(GeometryReason.TOO_FEW_POSITIONS, pointer, ring[0])
    if ring[0] == ring[-1]:
        return ring
    whole_circle = ring[0][1] == ring[-1][1] and abs(ring[0][0] - ring[-1][0]) == TURN
    reason = GeometryReason.ENCLOSES_POLE if whole_circle else GeometryReason.RING_NOT_CLOSED
    raise _Refusal(reason, f"{pointer}/{len(ring) - 1}", ring[-1])


def _positions(value: object, pointer: str) -> tuple[Position, ...]:
    if isinstance(value, list) and len(value) > MOST_POSITIONS:
        raise _Refusal(GeometryReason.TOO_MANY_POSITIONS, pointer)
    return _each(value, pointer, _position)


def _position(value: object, pointer: str) -> Position:
    if not isinstance(value, list) or len(value) not in _POSITION_SIZES:
        raise _Refusal(GeometryReason.BAD_COORDINATE, pointer)
    if not all(_is_number(number) for number in value):
        raise _Refusal(GeometryReason.BAD_COORDINATE, pointer)
    longitude, latitude = float(value[0]), float(value[1])
    if abs(longitude) > TURN or abs(latitude) > POLE:
        raise _Refusal(GeometryReason.OUT_OF_RANGE, pointer, (longitude, latitude))
    return longitude, latitude


def _each(value: object, pointer: str, read: Callable[[object, str], _Item]) -> tuple[_Item, ...]:
    if not isinstance(value, list):
        raise _Refusal(GeometryReason.BAD_COORDINATE, pointer)
    if not value:
        raise _Refusal(GeometryReason.TOO_FEW_POSITIONS, pointer)
    return tuple(read(item, f"{pointer}/{index}") for index, item in enumerate(value))


def _length(feature: _Object, name: str, most_m: float, reason: GeometryReason) -> float:
    properties = _object(_member(feature, "properties", ""), "/properties")
    value = _member(properties, name, "/properties")
    if not _is_number(value) or not 0.0 < value <= most_m:
        raise _Refusal(reason, f"/properties/{name}")
    return float(value)


def _object(value: object, pointer: str) -> _Object:
    if not isinstance(value, Mapping):
        raise _Refusal(GeometryReason.NOT_AN_OBJECT, pointer)
    return value


def _member(value: _Object, name: str, pointer: str) -> Any:
    if name not in value:
        raise _Refusal(GeometryReason.MISSING_MEMBER, f"{pointer}/{name}")
    return value[name]


def _is_number(value: object) -> bool:
    """A JSON number that a float holds: no bool, no NaN, no integer of a thousand digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < _MOST_NUMBER and math.isfinite(value)


def _refused(flaw: Flaw, pointer: str, zone: Zone) -> GeometryRefused:
    path = flaw.path
    if isinstance(zone, Area) and not zone.multiple:
        path = path[1:]
    return GeometryRefused(
        reason=_REASONS[flaw.defect],
        pointer=pointer + "".join(f"/{index}" for index in path),
        place=flaw.place,
    )


_REASONS: Final = {defect: GeometryReason(defect.value) for defect in Defect}


def _feature(kind: str, coordinates: list[Any], properties: dict[str, Any]) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _listed(positions: tuple[Position, ...]) -> list[list[float]]:
    return [list(position) for position in positions]
