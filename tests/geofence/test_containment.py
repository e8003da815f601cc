"""Distances agree with the geodesic, signs with containment, batches with single places."""

from __future__ import annotations

import math

import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geofence import (
    Area,
    Circle,
    Corridor,
    GeometryRefused,
    PreparedZone,
    Verdict,
    Zone,
    inner_radius_m,
    parse_zone,
    verdict,
)
from geofence.zone import Ring

GEOD = Geod(ellps="WGS84")

latitudes = st.floats(-84.9, 84.9)
longitudes = st.floats(-180.0, 180.0)


def _star(latitude: float, longitude: float, radii_m: list[float]) -> Ring:
    """A ring about a place; longitudes run on past the antimeridian."""
    ring = []
    for index, radius_m in enumerate(radii_m):
        lon, lat, _ = GEOD.fwd(longitude, latitude, 360.0 * index / len(radii_m), radius_m)
        ring.append((lon + 360.0 * round((longitude - lon) / 360.0), lat))
    return (*ring, ring[0])


def _nearest_m(ring: Ring, latitude: float, longitude: float) -> float:
    """The geodesic to the nearest of many points on straight edges: slow and independent."""
    line = shapely.segmentize(shapely.LineString(ring), 2e-5 / math.cos(math.radians(ring[0][1])))
    points = shapely.get_coordinates(line)
    count = len(points)
    _, _, lengths = GEOD.inv([longitude] * count, [latitude] * count, points[:, 0], points[:, 1])
    return float(min(lengths))


@st.composite
def _stars(draw: st.DrawFn) -> tuple[Ring, float, float]:
    """A ring of up to two kilometres and a place at most seven kilometres from its centre."""
    latitude, longitude = draw(latitudes), draw(longitudes)
    radii_m = draw(st.lists(st.floats(100.0, 2000.0), min_size=3, max_size=12))
    ring = _star(latitude, longitude, radii_m)
    lon, lat, _ = GEOD.fwd(
        longitude, latitude, draw(st.floats(0.0, 360.0)), draw(st.floats(0.0, 7000.0))
    )
    return ring, lat, lon


@settings(max_examples=100, deadline=None)
@given(_stars())
def test_distance_to_a_polygon_is_the_geodesic_within_half_a_percent(
    case: tuple[Ring, float, float],
) -> None:
    ring, latitude, longitude = case
    zone = PreparedZone(Area(polygons=((ring,),)))

    distance_m = abs(zone.distance_m(latitude, longitude))

    expected_m = _nearest_m(ring, latitude, longitude)
    assume(expected_m <= 5000.0)
    # The independent way knows the edge only every two metres.
    assert distance_m == pytest.approx(expected_m, rel=5e-3, abs=1.5)


@settings(max_examples=100, deadline=None)
@given(_stars())
def test_the_sign_agrees_with_containment(case: tuple[Ring, float, float]) -> None:
    ring, latitude, longitude = case
    zone = PreparedZone(Area(polygons=((ring,),)))
    x = longitude + 360.0 * round((ring[0][0] - longitude) / 360.0)

    inside = shapely.intersects_xy(shapely.Polygon(ring), x, latitude)

    assert (zone.distance_m(latitude, longitude) <= 0.0) == bool(inside)
    assert zone.contains(latitude, longitude) == bool(inside)


@settings(max_examples=100, deadline=None)
@given(
    latitude=latitudes,
    longitude=longitudes,
    radius_m=st.floats(1.0, 20_000.0) | st.floats(20_000.0, 400_000.0),
    azimuth=st.floats(0.0, 360.0),
    off_m=st.floats(-1.0, 1.0) | st.floats(-5000.0, 5000.0),
)
def test_circles_are_geodesic(
    latitude: float, longitude: float, radius_m: float, azimuth: float, off_m: float
) -> None:
    zone = PreparedZone(Circle(latitude=latitude, longitude=longitude, radius_m=radius_m))
    lon, lat, _ = GEOD.fwd(longitude, latitude, azimuth, max(0.0, radius_m + off_m))

    distance_m = zone.distance_m(lat, lon)

    _, _, from_centre_m = GEOD.inv(longitude, latitude, lon, lat)
    assert distance_m == pytest.approx(from_centre_m - radius_m, rel=5e-3, abs=1e-5)
    assert (distance_m <= 0.0) == (from_centre_m <= radius_m)
    assert zone.contains(lat, lon) == (from_centre_m <= radius_m)


@settings(max_examples=50, deadline=None)
@given(_stars(), st.floats(1.0, 200.0))
def test_a_corridor_is_all_within_half_its_width(
    case: tuple[Ring, float, float], width_m: float
) -> None:
    ring, latitude, longitude = case
    zone = PreparedZone(Corridor(line=ring[:-1], width_m=width_m))

    distance_m = zone.distance_m(latitude, longitude)

    nearest_m = _nearest_m(ring[:-1], latitude, longitude)
    assert distance_m + width_m / 2 == pytest.approx(nearest_m, rel=5e-3, abs=1.5)
    assert zone.contains(latitude, longitude) == (distance_m <= 0.0)


_SQUARE = ((0.0, 0.0), (0.01, 0.0), (0.01, 0.01), (0.0, 0.01), (0.0, 0.0))
_HOLE = ((0.004, 0.004), (0.006, 0.004), (0.006, 0.006), (0.004, 0.006), (0.004, 0.004))


@pytest.mark.parametrize(
    "zone",
    [
        Area(polygons=((_SQUARE, _HOLE),)),
        Circle(latitude=0.005, longitude=0.005, radius_m=400.0),
        Corridor(line=((0.0, 0.005), (0.01, 0.005), (0.01, 0.0)), width_m=50.0),
    ],
)
def test_a_place_gets_the_same_distance_alone_and_among_many(zone: Zone) -> None:
    prepared = PreparedZone(zone)
    lats = [index % 37 * 0.0005 - 0.003 for index in range(500)]
    lons = [index % 41 * 0.0004 - 0.003 for index in range(500)]

    together = prepared.distances_m(lats, lons)

    alone = [prepared.distance_m(lat, lon) for lat, lon in zip(lats, lons, strict=True)]
    assert together == alone
    assert prepared.distances_m([], []) == []
    assert prepared.distances_m(lats[:1], lons[:1]) == alone[:1]


def test_a_hole_is_outside_and_its_edge_inside() -> None:
    zone = PreparedZone(Area(polygons=((_SQUARE, _HOLE),)))

    assert zone.distance_m(0.005, 0.005) == pytest.approx(110.57, rel=1e-3)
    assert not zone.contains(0.005, 0.005)
    assert zone.distance_m(0.004, 0.005) == 0.0
    assert zone.contains(0.004, 0.005)


@pytest.mark.parametrize("corner", _SQUARE)
def test_the_boundary_belongs_to_the_zone(corner: tuple[float, float]) -> None:
    zone = PreparedZone(Area(polygons=((_SQUARE,),)))

    assert zone.contains(corner[1], corner[0])
    assert zone.distance_m(corner[1], corner[0]) == 0.0


def test_just_outside_is_outside_even_where_metres_underflow() -> None:
    zone = PreparedZone(Area(polygons=((_SQUARE,),)))
    latitude = math.nextafter(0.0, -1.0)

    assert not zone.contains(latitude, 0.005)
    assert zone.distance_m(latitude, 0.005) > 0.0


_SPLIT = {
    "type": "MultiPolygon",
    "coordinates": [
        [[[179.99, 0.0], [180.0, 0.0], [180.0, 0.02], [179.99, 0.02], [179.99, 0.0]]],
        [[[-180.0, 0.0], [-179.99, 0.0], [-179.99, 0.02], [-180.0, 0.02], [-180.0, 0.0]]],
    ],
}
_RUN_ON_EAST = {
    "type": "Polygon",
    "coordinates": [[[179.99, 0.0], [180.01, 0.0], [180.01, 0.02], [179.99, 0.02], [179.99, 0.0]]],
}
_RUN_ON_WEST = {
    "type": "Polygon",
    "coordinates": [
        [[-180.01, 0.0], [-179.99, 0.0], [-179.99, 0.02], [-180.01, 0.02], [-180.01, 0.0]]
    ],
}


@pytest.mark.parametrize("drawing", [_SPLIT, _RUN_ON_EAST, _RUN_ON_WEST])
def test_the_antimeridian_is_no_seam(drawing: object) -> None:
    zone = parse_zone(drawing)
    assert not isinstance(zone, GeometryRefused)
    prepared = PreparedZone(zone)

    for longitude in (180.0, -180.0):
        assert prepared.distance_m(0.01, longitude) == pytest.approx(-1105.7, rel=1e-3)
    assert prepared.distance_m(0.01, 179.995) == pytest.approx(-556.6, rel=1e-3)
    assert prepared.distance_m(0.01, -179.995) == pytest.approx(-556.6, rel=1e-3)
    assert prepared.distance_m(0.01, -179.985) == pytest.approx(556.6, rel=1e-3)
    assert prepared.distance_m(0.01, 179.985) == pytest.approx(556.6, rel=1e-3)


def test_parts_far_apart_across_the_antimeridian_are_one_zone() -> None:
    guam = ((144.0, 13.0), (145.0, 13.0), (145.0, 14.0), (144.0, 13.0))
    alaska = ((-151.0, 60.0), (-150.0, 60.0), (-150.0, 61.0), (-151.0, 60.0))
    zone = PreparedZone(Area(polygons=((guam,), (alaska,)), multiple=True))

    assert zone.contains(13.3, 144.7)
    assert zone.contains(60.3, -150.3)
    assert not zone.contains(13.3, -150.3)


def test_thousands_of_vertices_and_places_are_taken_in_pieces() -> None:
    ring = _star(45.0, 14.0, [1000.0 + 50.0 * (index % 2) for index in range(6000)])
    zone = PreparedZone(Area(polygons=((ring,),)))

    distances = zone.distances_m([45.0 + 0.0005 * n for n in range(60)], [14.0] * 60)

    assert distances[0] == pytest.approx(-1000.0, rel=5e-3)
    assert distances == [zone.distance_m(45.0 + 0.0005 * n, 14.0) for n in range(60)]


@pytest.mark.parametrize(
    ("zone", "expected_m"),
    [
        (Circle(latitude=45.0, longitude=14.0, radius_m=40.0), 40.0),
        (Corridor(line=((0.0, 0.0), (0.01, 0.0)), width_m=50.0), 25.0),
        (Area(polygons=((_SQUARE,),)), 553.0),
    ],
)
def test_a_zone_knows_how_deep_it_is(zone: Zone, expected_m: float) -> None:
    assert inner_radius_m(zone) == pytest.approx(expected_m, rel=5e-3)


@pytest.mark.parametrize(
    ("distance_m", "expected"),
    [
        (-10.1, Verdict.INSIDE),
        (-10.0, Verdict.UNCERTAIN),
        (0.0, Verdict.UNCERTAIN),
        (10.0, Verdict.UNCERTAIN),
        (10.1, Verdict.OUTSIDE),
    ],
)
def test_a_verdict_needs_the_whole_error_circle(distance_m: float, expected: Verdict) -> None:
    assert verdict(distance_m, 10.0) is expected
