"""What an officer may draw, and what is refused with a reason and a place."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geofence import (
    Area,
    Circle,
    Corridor,
    GeometryReason,
    GeometryRefused,
    Zone,
    parse_zone,
    zone_from_geojson,
    zone_to_geojson,
)
from geofence.geojson import MOST_POSITIONS

_SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
_HOLE = [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6], [0.4, 0.4]]


def _polygon(*rings: object) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def _feature(kind: str, coordinates: object, **properties: object) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _circle(radius_m: object = 100, position: object = (14.0, 45.0)) -> dict[str, Any]:
    return _feature("Point", list(position), radius_m=radius_m)  # type: ignore[call-overload]  # hostile input


@pytest.mark.parametrize(
    ("drawing", "reason", "pointer"),
    [
        (None, GeometryReason.NOT_AN_OBJECT, ""),
        ([], GeometryReason.NOT_AN_OBJECT, ""),
        ({}, GeometryReason.UNSUPPORTED_TYPE, "/type"),
        ({"type": "Point", "coordinates": [0, 0]}, GeometryReason.UNSUPPORTED_TYPE, "/type"),
        ({"type": ["Polygon"]}, GeometryReason.UNSUPPORTED_TYPE, "/type"),
        ({"type": "Polygon"}, GeometryReason.MISSING_MEMBER, "/coordinates"),
        ({"type": "Feature"}, GeometryReason.MISSING_MEMBER, "/geometry"),
        ({"type": "Feature", "geometry": None}, GeometryReason.NOT_AN_OBJECT, "/geometry"),
        (
            {"type": "Feature", "geometry": {"type": "MultiPoint"}},
            GeometryReason.UNSUPPORTED_TYPE,
            "/geometry/type",
        ),
        (
            {"type": "Feature", "geometry": {"type": "Point", "coordinates": [0, 0]}},
            GeometryReason.MISSING_MEMBER,
            "/properties",
        ),
        (_feature("Point", [0, 0]), GeometryReason.MISSING_MEMBER, "/properties/radius_m"),
        (
            _feature("LineString", [[0, 0], [1, 1]]),
            GeometryReason.MISSING_MEMBER,
            "/properties/width_m",
        ),
        (_circle(0), GeometryReason.BAD_RADIUS, "/properties/radius_m"),
        (_circle(-5), GeometryReason.BAD_RADIUS, "/properties/radius_m"),
        (_circle(radius_m=True), GeometryReason.BAD_RADIUS, "/properties/radius_m"),
        (_circle("100"), GeometryReason.BAD_RADIUS, "/properties/radius_m"),
        (_circle(math.nan), GeometryReason.BAD_RADIUS, "/properties/radius_m"),
        (_circle(10**400), GeometryReason.BAD_RADIUS, "/properties/radius_m"),
        (_circle(600_000), GeometryReason.BAD_RADIUS, "/properties/radius_m"),
        (_circle(position=(14,)), GeometryReason.BAD_COORDINATE, "/geometry/coordinates"),
        (_circle(position=(14, 45, 0, 0)), GeometryReason.BAD_COORDINATE, "/geometry/coordinates"),
        (_circle(position=("14", 45)), GeometryReason.BAD_COORDINATE, "/geometry/coordinates"),
        (_circle(position=(math.inf, 45)), GeometryReason.BAD_COORDINATE, "/geometry/coordinates"),
        (_circle(position=(14, 90.5)), GeometryReason.OUT_OF_RANGE, "/geometry/coordinates"),
        (_circle(position=(361, 45)), GeometryReason.OUT_OF_RANGE, "/geometry/coordinates"),
        (_circle(20_000, (14, 89.9)), GeometryReason.ENCLOSES_POLE, "/geometry/coordinates"),
        (_circle(20_000, (14, -89.9)), GeometryReason.ENCLOSES_POLE, "/geometry/coordinates"),
        (
            _feature("LineString", [[0, 0], [0, 0]], width_m=5),
            GeometryReason.TOO_FEW_POSITIONS,
            "/geometry/coordinates",
        ),
        (
            _feature("LineString", [[0, 0], [1, 0]], width_m=0),
            GeometryReason.BAD_WIDTH,
            "/properties/width_m",
        ),
        (
            _feature("LineString", [[179, 0], [-179, 0]], width_m=5),
            GeometryReason.JUMPS_ANTIMERIDIAN,
            "/geometry/coordinates",
        ),
        (
            _feature("LineString", [[-100, 0], [0, 0], [100, 0]], width_m=5),
            GeometryReason.TOO_WIDE,
            "/geometry/coordinates",
        ),
        (_polygon(), GeometryReason.TOO_FEW_POSITIONS, "/coordinates"),
        (_polygon([]), GeometryReason.TOO_FEW_POSITIONS, "/coordinates/0"),
        (_polygon({}), GeometryReason.BAD_COORDINATE, "/coordinates/0"),
        (_polygon([[0, 0], [1, 0], [0, 0]]), GeometryReason.TOO_FEW_POSITIONS, "/coordinates/0"),
        (
            _polygon([[0, 0], [1, 0], [1, 1], [0, 1]]),
            GeometryReason.RING_NOT_CLOSED,
            "/coordinates/0/3",
        ),
        (
            _polygon(_SQUARE, [[0.1, 0.1], [0.2, 0.1], "x", [0.1, 0.1]]),
            GeometryReason.BAD_COORDINATE,
            "/coordinates/1/2",
        ),
        (
            _polygon([[0, 80], [120, 80], [240, 80], [360, 80]]),
            GeometryReason.ENCLOSES_POLE,
            "/coordinates/0/3",
        ),
        (
            _polygon([[-180, 80], [-60, 80], [60, 80], [180, 80], [-180, 80]]),
            GeometryReason.ENCLOSES_POLE,
            "/coordinates/0",
        ),
        (
            _polygon([[-170, 80], [-60, 80], [60, 80], [170, 80], [-170, 80]]),
            GeometryReason.ENCLOSES_POLE,
            "/coordinates/0",
        ),
        (
            _polygon([[0, 80], [10, 80], [10, 90], [0, 80]]),
            GeometryReason.ENCLOSES_POLE,
            "/coordinates/0",
        ),
        (
            _polygon([[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]),
            GeometryReason.JUMPS_ANTIMERIDIAN,
            "/coordinates/0",
        ),
        (
            _polygon([[-100, 0], [0, -10], [100, 0], [0, 10], [-100, 0]]),
            GeometryReason.TOO_WIDE,
            "/coordinates",
        ),
        (
            _polygon(_SQUARE, [[5, 5], [6, 5], [6, 6], [5, 5]]),
            GeometryReason.RINGS_DISAGREE,
            "/coordinates",
        ),
        (
            _polygon([[0, 0], [1, 1], [2, 2], [0, 0]]),
            GeometryReason.CROSSES_ITSELF,
            "/coordinates",
        ),
    ],
)
def test_a_bad_drawing_is_refused(drawing: object, reason: GeometryReason, pointer: str) -> None:
    refused = parse_zone(drawing)

    assert isinstance(refused, GeometryRefused)
    assert (refused.reason, refused.pointer) == (reason, pointer)
    assert refused.detail.endswith(".")


def _line(*positions: list[float]) -> dict[str, Any]:
    return _feature("LineString", list(positions), width_m=5)


_BOW_TIE = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]
_PLACED = [
    (_polygon([[2, 3], [4, 3], [2, 3]]), GeometryReason.TOO_FEW_POSITIONS, (2, 3)),
    (_line([2, 3], [2, 3]), GeometryReason.TOO_FEW_POSITIONS, (2, 3)),
    (_polygon([[0, 0], [1, 0], [1, 1], [0, 1]]), GeometryReason.RING_NOT_CLOSED, (0, 1)),
    (_polygon([[0, 0], [1, 0], [1, 91], [0, 0]]), GeometryReason.OUT_OF_RANGE, (1, 91)),
    (_line([0, 0], [361, 5]), GeometryReason.OUT_OF_RANGE, (361, 5)),
    (_circle(position=(14, 90.5)), GeometryReason.OUT_OF_RANGE, (14, 90.5)),
    (_polygon([[0, 80], [9, 80], [9, -90], [0, 80]]), GeometryReason.ENCLOSES_POLE, (9, -90)),
    (
        _polygon([[0, 80], [120, 80], [240, 80], [360, 80]]),
        GeometryReason.ENCLOSES_POLE,
        (360, 80),
    ),
    (
        _polygon([[-170, 80], [-60, 80], [60, 80], [170, 80], [-170, 80]]),
        GeometryReason.ENCLOSES_POLE,
        (170, 80),
    ),
    (_circle(20_000, (14, 89.9)), GeometryReason.ENCLOSES_POLE, (14, 89.9)),
    (_line([14, 80], [15, 89.99999]), GeometryReason.ENCLOSES_POLE, (15, 89.99999)),
    (
        _polygon([[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]),
        GeometryReason.JUMPS_ANTIMERIDIAN,
        (179, 0),
    ),
    (_line([170, 1], [179, 2], [-179, 3]), GeometryReason.JUMPS_ANTIMERIDIAN, (179, 2)),
    (
        _polygon([[-100, 0], [0, -10], [100, 5], [0, 10], [-100, 0]]),
        GeometryReason.TOO_WIDE,
        (100, 5),
    ),
    (_line([-100, 0], [0, 0], [100, 7]), GeometryReason.TOO_WIDE, (100, 7)),
    (_polygon(_BOW_TIE), GeometryReason.CROSSES_ITSELF, (0.5, 0.5)),
    (
        _polygon(_SQUARE, [[5, 5], [6, 5], [6, 6], [5, 5]]),
        GeometryReason.RINGS_DISAGREE,
        (5, 5),
    ),
]


@pytest.mark.parametrize(("drawing", "reason", "place"), _PLACED)
def test_a_bad_drawing_is_refused_with_the_place(
    drawing: object, reason: GeometryReason, place: tuple[float, float]
) -> None:
    refused = parse_zone(drawing)

    assert isinstance(refused, GeometryRefused)
    assert (refused.reason, refused.place) == (reason, place)


def test_only_what_has_no_place_is_refused_without() -> None:
    """What is no position, too many of them, or no drawing at all lies nowhere."""
    placed = {reason for _, reason, _ in _PLACED}

    assert set(GeometryReason) - placed == {
        GeometryReason.NOT_AN_OBJECT,
        GeometryReason.UNSUPPORTED_TYPE,
        GeometryReason.MISSING_MEMBER,
        GeometryReason.BAD_COORDINATE,
        GeometryReason.TOO_MANY_POSITIONS,
        GeometryReason.BAD_RADIUS,
        GeometryReason.BAD_WIDTH,
    }


def test_a_flaw_in_a_part_points_to_the_part() -> None:
    far = [[x + 5, y] for x, y in _BOW_TIE]
    drawing = {"type": "MultiPolygon", "coordinates": [[_SQUARE], [far]]}

    refused = parse_zone({"type": "Feature", "geometry": drawing, "properties": None})

    assert isinstance(refused, GeometryRefused)
    assert (refused.pointer, refused.place) == ("/geometry/coordinates/1", (5.5, 0.5))


def test_too_many_positions_are_refused_before_they_are_read() -> None:
    ring = [[0, 0]] * (MOST_POSITIONS + 1)
    many = [_SQUARE] * (MOST_POSITIONS // 5 + 1)

    for drawing in (_polygon(ring), _polygon(*many)):
        refused = parse_zone(drawing)
        assert isinstance(refused, GeometryRefused)
        assert refused.reason is GeometryReason.TOO_MANY_POSITIONS


@pytest.mark.parametrize(
    "zone",
    [
        Circle(latitude=45.5, longitude=14.25, radius_m=120.0),
        Corridor(line=((14.0, 45.0), (14.1, 45.05), (14.2, 45.0)), width_m=30.0),
        Area(polygons=((tuple((float(x), float(y)) for x, y in _SQUARE),),)),
        Area(polygons=((tuple((float(x), float(y)) for x, y in _SQUARE),),), multiple=True),
    ],
)
def test_the_round_trip_keeps_the_source(zone: Zone) -> None:
    feature = zone_to_geojson(zone)

    assert parse_zone(feature) == zone_from_geojson(feature) == zone


@pytest.mark.parametrize(
    "drawing",
    [
        _polygon([[179, 0], [181, 0], [181, 1], [179, 1], [179, 0]]),
        _polygon([[-181, 0], [-179, 0], [-179, 1], [-181, 1], [-181, 0]]),
        {
            "type": "MultiPolygon",
            "coordinates": [
                [[[179, 0], [180, 0], [180, 1], [179, 1], [179, 0]]],
                [[[-180, 0], [-179, 0], [-179, 1], [-180, 1], [-180, 0]]],
            ],
        },
        _polygon(_SQUARE, _HOLE),
        _polygon([[n / 1000, 0] for n in range(5_001)] + [[5, 1], [0, 1], [0, 0]]),
    ],
    ids=["run-on-east", "run-on-west", "split", "hole", "5003-vertices"],
)
def test_the_round_trip_keeps_the_officer_s_positions(drawing: dict[str, Any]) -> None:
    zone = parse_zone(drawing)
    assert not isinstance(zone, GeometryRefused)

    kept = zone_to_geojson(zone)

    assert kept["geometry"] == drawing
    assert parse_zone(kept) == zone


def test_holes_parts_and_altitudes_are_read() -> None:
    high = [[x, y, 250.0] for x, y in _SQUARE]
    drawing = {
        "type": "MultiPolygon",
        "coordinates": [[high, _HOLE], [[[3, 3], [4, 3], [4, 4], [3, 3]]]],
    }

    zone = parse_zone(drawing)

    assert isinstance(zone, Area)
    assert [len(polygon) for polygon in zone.polygons] == [2, 1]
    assert zone.polygons[0][0][0] == (0.0, 0.0)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                ["type", "coordinates", "geometry", "properties", "radius_m", "width_m"]
            ),
            inner | st.sampled_from(["Feature", "Point", "LineString", "Polygon", "MultiPolygon"]),
            max_size=4,
        )
    ),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(_json)
def test_no_json_raises(document: object) -> None:
    parse_zone(document)


_positions = st.lists(
    st.tuples(st.floats(-360, 360), st.floats(-90, 90)).map(list), min_size=3, max_size=8
)


@settings(max_examples=200, deadline=None)
@given(rings=st.lists(_positions, min_size=1, max_size=3))
def test_any_rings_are_a_zone_or_a_refusal(rings: list[list[list[float]]]) -> None:
    result = parse_zone(_polygon(*[[*ring, ring[0]] for ring in rings]))

    assert isinstance(result, Area | GeometryRefused)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Circle(latitude=91.0, longitude=0.0, radius_m=5.0),
        lambda: Circle(latitude=math.nan, longitude=0.0, radius_m=5.0),
        lambda: Circle(latitude=0.0, longitude=0.0, radius_m=math.nan),
        lambda: Corridor(line=((0.0, 0.0),), width_m=5.0),
        lambda: Corridor(line=((0.0, 0.0), (1.0, 0.0)), width_m=0.0),
        lambda: Area(polygons=()),
        lambda: Area(polygons=((),)),
        lambda: Area(polygons=((((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),),)),
        lambda: Area(polygons=((((0.0, 0.0), (999.0, 0.0), (1.0, 1.0), (0.0, 0.0)),),)),
    ],
)
def test_constructors_refuse_what_means_nothing(make: Any) -> None:
    with pytest.raises(ValueError, match=r"position|radius|width|line|area|ring"):
        make()


def test_what_is_no_zones_feature_is_not_read_back() -> None:
    feature = zone_to_geojson(Circle(longitude=1.0, latitude=2.0, radius_m=3.0))

    with pytest.raises(LookupError):
        zone_from_geojson({"type": "Feature"})
    with pytest.raises(LookupError, match="GeometryCollection"):
        zone_from_geojson(feature | {"geometry": {"type": "GeometryCollection", "coordinates": []}})
