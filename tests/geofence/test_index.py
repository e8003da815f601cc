"""Thousands of zones give what each alone would."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geofence import Area, Circle, Corridor, PreparedZone, Zone, ZoneIndex

_centres = st.tuples(
    st.floats(-0.05, 0.05), st.sampled_from([0.0, 179.98, -179.98]), st.floats(-0.02, 0.02)
)


@st.composite
def _zones(draw: st.DrawFn) -> Zone:
    latitude, longitude, east = draw(_centres)
    longitude += east
    match draw(st.sampled_from(["circle", "area", "corridor"])):
        case "circle":
            inside = (longitude + 180.0) % 360.0 - 180.0
            return Circle(
                latitude=latitude, longitude=inside, radius_m=draw(st.floats(10.0, 3000.0))
            )
        case "corridor":
            line = ((longitude, latitude), (longitude + 0.02, latitude + 0.01))
            return Corridor(line=line, width_m=draw(st.floats(10.0, 500.0)))
        case _:
            side = draw(st.floats(0.001, 0.03))
            ring = (
                (longitude, latitude),
                (longitude + side, latitude),
                (longitude + side, latitude + side),
                (longitude, latitude),
            )
            return Area(polygons=((ring,),))


_places = st.lists(
    st.tuples(
        st.floats(-0.06, 0.06),
        st.one_of(st.floats(-0.05, 0.05), st.floats(179.95, 180.0), st.floats(-180.0, -179.95)),
    ),
    max_size=12,
)


def _columns(places: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [lat for lat, _ in places], [lon for _, lon in places]


@settings(max_examples=100, deadline=None)
@given(zones=st.lists(_zones(), max_size=12), places=_places)
def test_the_index_agrees_with_each_zone(
    zones: list[Zone], places: list[tuple[float, float]]
) -> None:
    prepared = [PreparedZone(zone) for zone in zones]
    index = ZoneIndex(prepared)

    expected = [
        [n for n, zone in enumerate(prepared) if zone.contains(lat, lon)] for lat, lon in places
    ]

    assert [index.containing(lat, lon) for lat, lon in places] == expected
    pairs = index.containing_many(*_columns(places))
    assert list(zip(*(array.tolist() for array in pairs), strict=True)) == [
        (place, number) for place, numbers in enumerate(expected) for number in numbers
    ]
    for lat, lon in places:
        assert index.near(lat, lon, within_m=500.0) == {
            number: zone.distance_m(lat, lon)
            for number, zone in enumerate(prepared)
            if zone.distance_m(lat, lon) <= 500.0
        }
    near = index.near_many(*_columns(places), within_m=500.0)
    assert list(zip(*(array.tolist() for array in near), strict=True)) == [
        (place, number, distance_m)
        for place, (lat, lon) in enumerate(places)
        for number, distance_m in index.near(lat, lon, within_m=500.0).items()
    ]


def test_a_crowd_of_zones_beside_one_far_away_is_found() -> None:
    crowd: list[Zone] = [Circle(latitude=45.0, longitude=14.0, radius_m=100.0)] * 200
    far = Circle(latitude=-45.0, longitude=-14.0, radius_m=100.0)
    index = ZoneIndex([PreparedZone(zone) for zone in [*crowd, far]])

    places, numbers = index.containing_many([45.0, -45.0], [14.0, -14.0])

    assert places.tolist() == [0] * 200 + [1]
    assert numbers.tolist() == list(range(201))


def test_an_empty_index_holds_nothing() -> None:
    index = ZoneIndex([])

    assert index.containing(0.0, 0.0) == []
    assert index.near(0.0, 0.0, within_m=1e6) == {}
    assert [len(found) for found in index.near_many([0.0], [0.0], within_m=1e6)] == [0, 0, 0]


@pytest.mark.parametrize("latitude", [89.5, -89.5])
def test_near_a_pole_every_longitude_is_near(latitude: float) -> None:
    zone = PreparedZone(Circle(latitude=latitude, longitude=0.0, radius_m=20_000.0))

    found = ZoneIndex([zone]).near(latitude, 180.0, within_m=100_000.0)

    assert found[0] == pytest.approx(zone.distance_m(latitude, 180.0))
    _, _, metres = ZoneIndex([zone]).near_many([latitude], [180.0], within_m=100_000.0)
    assert metres.tolist() == list(found.values())


def test_an_index_answers_the_second_time_as_the_first() -> None:
    zone = PreparedZone(Circle(latitude=45.0, longitude=14.0, radius_m=20_000.0))
    index = ZoneIndex([zone])

    first = index.containing_many([45.0, 46.0], [14.0, 14.0])
    second = index.containing_many([45.0, 46.0], [14.0, 14.0])

    assert [found.tolist() for found in first] == [[0], [0]]
    assert [found.tolist() for found in second] == [[0], [0]]
