"""Distances agree with the geodesic, signs with containment, batches with single places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
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
from geofence.outline import find_flaw
from geofence.zone import Polygon, Ring

GEOD = Geod(ellps="WGS84")

# What the independent way, and a place at whole digits, may be off.
NEARLY_M = 0.01

latitudes = st.floats(-84.9, 84.9)
longitudes = st.floats(-180.0, 180.0)


def _star(latitude: float, longitude: float, radii_m: list[float]) -> Ring:
    """A ring about a place; longitudes run on past the antimeridian."""
    ring = []
    for index, radius_m in enumerate(radii_m):
        lon, lat, _ = GEOD.fwd(longitude, latitude, 360.0 * index / len(radii_m), radius_m)
        ring.append((lon + 360.0 * round((longitude - lon) / 360.0), lat))
    return (*ring, ring[0])


def _nearest_m(rings: Sequence[Ring], latitude: float, longitude: float) -> float:
    """The geodesic to the nearest place on straight edges, to a millimetre: an independent way.

    Along each edge the nearest of 41 places is looked for, five times, ever closer about the last.
    """
    starts = np.concatenate([ring[:-1] for ring in rings])
    runs = np.concatenate([np.diff(ring, axis=0) for ring in rings])
    middle, reach = np.full(len(starts), 0.5), 0.5
    for _ in range(5):
        along = np.clip(middle[:, None] + np.linspace(-reach, reach, 41), 0.0, 1.0)
        places = starts[:, None, :] + along[:, :, None] * runs[:, None, :]
        here = np.full(along.shape, longitude), np.full(along.shape, latitude)
        _, _, lengths = GEOD.inv(*here, places[:, :, 0], places[:, :, 1])
        middle = along[np.arange(len(along)), lengths.argmin(axis=1)]
        reach /= 20.0
    return float(lengths.min())


@st.composite
def _places(
    draw: st.DrawFn, rings: Sequence[Ring], centre: tuple[float, float]
) -> tuple[float, float]:
    """Latitude and longitude within seven kilometres of a centre, or close to an edge."""
    (lon, lat), most_m = centre, 7000.0
    if draw(st.booleans()):
        before, after = draw(st.sampled_from([edge for ring in rings for edge in pairwise(ring)]))
        along = draw(st.floats(0.0, 1.0))
        lon, lat = (a + along * (b - a) for a, b in zip(before, after, strict=True))
        most_m = 300.0
    off_m = draw(st.floats(0.0, most_m))
    lon, lat, _ = GEOD.fwd(lon, lat, draw(st.floats(0.0, 360.0)), off_m)
    return lat, lon


_radii_m = st.lists(st.floats(100.0, 2000.0), min_size=3, max_size=12)


@st.composite
def _stars(draw: st.DrawFn) -> tuple[Ring, float, float]:
    """A ring of up to two kilometres and a place."""
    latitude, longitude = draw(latitudes), draw(longitudes)
    ring = _star(latitude, longitude, draw(_radii_m))
    return ring, *draw(_places([ring], (longitude, latitude)))


@st.composite
def _polygons(draw: st.DrawFn, latitude: float, longitude: float) -> Polygon:
    """A star about a place, with or without a hole that is a star too."""
    radii_m = draw(_radii_m)
    outer = _star(latitude, longitude, radii_m)
    if draw(st.booleans()):
        return (outer,)
    count = len(radii_m)
    shares = draw(st.lists(st.floats(0.1, 0.9), min_size=count, max_size=count))
    within_m = [radius_m * share for radius_m, share in zip(radii_m, shares, strict=True)]
    return outer, _star(latitude, longitude, within_m)


@st.composite
def _areas(draw: st.DrawFn) -> tuple[Area, float, float]:
    """A polygon, or two beside each other, with holes or without, and a place."""
    latitude, longitude = draw(latitudes), draw(longitudes)
    polygons = [draw(_polygons(latitude, longitude))]
    if draw(st.booleans()):
        lon, lat, _ = GEOD.fwd(
            longitude, latitude, draw(st.sampled_from([90.0, 270.0])), draw(st.floats(4100.0, 6e3))
        )
        polygons.append(draw(_polygons(lat, lon + 360.0 * round((longitude - lon) / 360.0))))
    area = Area(polygons=tuple(polygons), multiple=len(polygons) > 1)
    return area, *draw(_places(_rings(area), (longitude, latitude)))


def _rings(area: Area) -> list[Ring]:
    return [ring for polygon in area.polygons for ring in polygon]


@settings(max_examples=150, deadline=None)
@given(_areas())
def test_distance_to_an_area_is_the_geodesic_within_half_a_percent(
    case: tuple[Area, float, float],
) -> None:
    area, latitude, longitude = case
    assert find_flaw(area) is None
    zone = PreparedZone(area)

    distance_m = abs(zone.distance_m(latitude, longitude))

    expected_m = _nearest_m(_rings(area), latitude, longitude)
    assume(expected_m <= 5000.0)
    assert distance_m == pytest.approx(expected_m, rel=5e-3, abs=NEARLY_M)


@settings(max_examples=150, deadline=None)
@given(_areas())
def test_the_sign_agrees_with_containment(case: tuple[Area, float, float]) -> None:
    area, latitude, longitude = case
    zone = PreparedZone(area)
    x = longitude + 360.0 * round((area.polygons[0][0][0][0] - longitude) / 360.0)

    inside = any(
        shapely.intersects_xy(shapely.Polygon(outer, holes), x, latitude)
        for outer, *holes in area.polygons
    )

    assert (zone.distance_m(latitude, longitude) <= 0.0) == inside
    assert zone.contains(latitude, longitude) == inside


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

    nearest_m = _nearest_m([ring[:-1]], latitude, longitude)
    assert distance_m + width_m / 2 == pytest.approx(nearest_m, rel=5e-3, abs=NEARLY_M)
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
