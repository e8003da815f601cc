"""A zone folded small is the zone, and its box that of its outline."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geofence import (
    Area,
    Circle,
    Corridor,
    PreparedRules,
    PreparedZone,
    Rule,
    RuleKind,
    StoredZone,
    Zone,
    drawn,
    zone_to_geojson,
)
from geofence.drawing import folded
from geofence.outline import bounds_of, lines_of
from geofence.zone import Ring

_NUMBERS = st.floats(-1.0, 1.0).map(lambda number: 0.1 + abs(number))


def _rectangle(west: float, south: float, width: float, height: float) -> Ring:
    east, north = west + width, south + height
    return ((west, south), (east, south), (east, north), (west, north), (west, south))


@st.composite
def _areas(draw: st.DrawFn) -> Area:
    """One part or several, apart from each other, on one side of the antimeridian or on both."""
    wests = draw(st.sampled_from([(14.0,), (179.5,), (-181.0,), (178.0, -180.0), (10.0, -20.0)]))
    polygons = []
    for west in wests:
        south = draw(st.floats(-80.0, 80.0))
        ring = _rectangle(west, south, draw(_NUMBERS), draw(_NUMBERS))
        hole = _rectangle(west + 0.02, south + 0.02, 0.05, 0.05)
        polygons.append((ring, hole) if draw(st.booleans()) else (ring,))
    return Area(polygons=tuple(polygons), multiple=len(polygons) > 1 or draw(st.booleans()))


@st.composite
def _corridors(draw: st.DrawFn) -> Corridor:
    line = ((draw(_NUMBERS), 1.0), (draw(_NUMBERS), draw(st.floats(2.0, 3.0))), (5.0, 2.5))
    return Corridor(line=line, width_m=draw(st.sampled_from([5.0, 40.0])))


@settings(max_examples=200, deadline=None)
@given(zone=_areas() | _corridors())
def test_a_folded_zone_is_the_zone_and_its_bounds_those_of_its_outline(
    zone: Area | Corridor,
) -> None:
    assert folded(zone)() == zone
    assert repr(folded(zone)()) == repr(zone)
    assert bounds_of(zone) == lines_of(zone).bounds


_EACH_KIND = pytest.mark.parametrize(
    "zone",
    [
        Circle(latitude=1.0, longitude=2.0, radius_m=30.0),
        Corridor(line=((1.0, 2.0), (1.5, 2.5)), width_m=12.0),
        Area(polygons=((_rectangle(1.0, 2.0, 1.0, 1.0),),)),
    ],
)


@_EACH_KIND
def test_a_prepared_zone_gives_its_source(zone: Zone) -> None:
    prepared = PreparedZone(zone)

    assert prepared.zone == zone
    assert prepared.distance_m(2.1, 1.9) == PreparedZone(prepared.zone).distance_m(2.1, 1.9)


@_EACH_KIND
def test_a_stored_zone_is_read_when_somebody_asks_and_is_the_zone(zone: Zone) -> None:
    prepared = PreparedZone(_stored(zone))

    assert drawn(_stored(zone)) == zone
    assert [prepared.zone, prepared.zone] == [zone, zone]
    assert prepared.fingerprint == PreparedZone(zone).fingerprint
    assert prepared.box == PreparedZone(zone).box
    assert prepared.distance_m(2.1, 1.9) == PreparedZone(zone).distance_m(2.1, 1.9)


def test_what_the_clock_asks_of_a_rule_reads_no_zone() -> None:
    rule = _rule(1, StoredZone("never read"), from_s=0, until_s=1000)

    assert PreparedRules([rule]).next_change(0) == 1000


@pytest.mark.parametrize("indent", [None, 1])
def test_a_version_with_the_zone_of_the_one_before_goes_on_watching_it(indent: int | None) -> None:
    zone = Circle(latitude=1.0, longitude=2.0, radius_m=30.0)

    before = _rule(1, _stored(zone), from_s=0, until_s=1000)
    after = _rule(2, _stored(zone, indent=indent), from_s=1000, until_s=2000)
    elsewhere = _rule(3, Circle(latitude=1.0, longitude=2.5, radius_m=30.0), from_s=2000)

    assert [watch.from_s for watch in PreparedRules([before, after, elsewhere]).watches] == [
        0,
        2000,
    ]


def _stored(zone: Zone, *, indent: int | None = None) -> StoredZone:
    return StoredZone(json.dumps(zone_to_geojson(zone), indent=indent))


def _rule(
    version: int, zone: Zone | StoredZone, *, from_s: int, until_s: int | None = None
) -> Rule:
    return Rule(
        id="rule",
        version=version,
        kind=RuleKind.EXCLUSION,
        zone=zone,
        valid_from_s=from_s,
        valid_until_s=until_s,
    )
