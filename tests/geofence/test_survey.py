"""What is passed over could have changed nothing: the fast way equals the plain definition."""

from __future__ import annotations

from collections.abc import Collection
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from geofence import Area, Circle, Corridor, Fix, Judgement, Parameters, PreparedRules, Rule, Zone
from geofence.boxes import Boxes
from geofence.geodesy import Box, most_m, separation_m
from geofence.instant import Anchor, Instant
from geofence.watch import Watch
from tests.geofence.scenes import NOON_S, curfew, fix_at, judged, stay_out

_START_M = st.sampled_from([0.0, 150.0, 1000.0])
_STEPS_M = st.lists(
    st.sampled_from([-400.0, -60.0, -1.0, 0.0, 1.0, 30.0, 60.0, 250.0, 900.0, 40_000.0]),
    min_size=1,
    max_size=25,
)


class AskingEverybody:
    """The definition: every instant concerns every watch, and is measured alone."""

    def __init__(self, rules: PreparedRules, instants: list[Instant], _: Parameters) -> None:
        self._everybody = range(len(rules.watches))
        self._instants = instants

    def concerned(self, _: int) -> Collection[int]:
        return self._everybody

    def next_number(self, number: int) -> int:
        return number

    def distances_m(self, watch: Watch, number: int) -> list[float]:
        fixes = self._instants[number].fixes
        return [watch.zone.distance_m(fix.latitude, fix.longitude) for fix in fixes]

    def anchor_m(self, watch: Watch, number: int) -> float:
        anchor = self._instants[number].anchor
        return watch.zone.distance_m(anchor.latitude, anchor.longitude)


def _turned(fix: Fix, east: float) -> Fix:
    """The fix moved along its parallel, over the antimeridian too."""
    longitude = (fix.longitude + east + 180.0) % 360.0 - 180.0
    return replace(fix, longitude=longitude)


def _zone(shape: str, east_m: float, size_m: float, east: float) -> Zone:
    centre = fix_at(NOON_S, east_m, north_m=0.0)
    longitude = _turned(centre, east).longitude
    if shape == "circle":
        return Circle(latitude=centre.latitude, longitude=longitude, radius_m=size_m)
    half = size_m / 80_000.0
    west, south, north = longitude - half, centre.latitude - half, centre.latitude + half
    if shape == "corridor":
        line = ((west, south), (longitude + half, north))
        return Corridor(line=line, width_m=min(size_m, 50.0))
    ring = ((west, south), (longitude + half, south), (longitude, north), (west, south))
    return Area(polygons=((ring,),))


@st.composite
def _scenes(draw: st.DrawFn) -> tuple[list[Fix], list[Rule]]:
    """A way along a parallel with zones on it and beside it, perhaps over the antimeridian."""
    east = draw(st.sampled_from([0.0, 165.999]))  # the scene's origin lies at 14 degrees
    east_m, at_s = draw(_START_M), NOON_S
    fixes: list[Fix] = []
    for step_m in draw(_STEPS_M):
        east_m += step_m
        at_s += draw(st.sampled_from([0, 15, 60, 60, 400]))
        accuracy_m = draw(st.sampled_from([5.0, 12.0, 80.0]))
        fix = fix_at(at_s, east_m, accuracy_m=accuracy_m, seq=len(fixes))
        fixes.append(_turned(fix, east))
    rules = [
        stay_out(
            id=f"rule-{number:03}",
            zone=_zone(
                draw(st.sampled_from(["circle", "area", "corridor"])),
                draw(st.sampled_from([-300.0, 100.0, 300.0, 1000.0, 1500.0])) + number * 1000.0,
                draw(st.sampled_from([30.0, 80.0, 400.0])),
                east,
            ),
            buffer_m=draw(st.sampled_from([None, None, 150.0])),
        )
        for number in range(draw(st.sampled_from([0, 3, 9])))
    ]
    far = draw(st.sampled_from([0, 70]))  # more than few
    rules += [stay_out(id=f"far-{n:03}", zone=_zone("circle", 8e5, 80.0, 0.0)) for n in range(far)]
    home = _zone("circle", 0.0, 100.0, east)
    rules.append(curfew(zone=home, buffer_m=draw(st.sampled_from([None, 40.0]))))
    return fixes, rules


@settings(max_examples=80, deadline=None)
@given(_scenes())
def test_asking_every_rule_about_every_fix_finds_the_same(
    scene: tuple[list[Fix], list[Rule]],
) -> None:
    fixes, rules = scene

    def judgement() -> Judgement:
        return judged(fixes, rules, until_s=fixes[-1].at_s + 3600)

    with patch("geofence.judgement.Survey", AskingEverybody):
        expected = judgement()
    assert judgement() == expected


_longitudes = st.one_of(st.floats(-180.0, 180.0), st.sampled_from([-180.0, 179.999, -179.999]))
_places = st.builds(
    Anchor,
    st.just(b""),
    st.just(0),
    st.floats(-90.0, 90.0),
    _longitudes,
    st.floats(0.0, 1e6, exclude_min=True),
)


@settings(max_examples=200, deadline=None)
@given(a=_places, b=_places, others=st.lists(_places, min_size=1, max_size=4))
def test_many_boxes_are_as_each_alone(a: Anchor, b: Anchor, others: list[Anchor]) -> None:
    radius_m = a.accuracy_m
    alone = Box.around([a, b])
    alone_grown = alone.grown(radius_m)
    boxes = [Box.around([place]).grown(place.accuracy_m) for place in others]

    together = Boxes.between(*(np.array([n]) for n in (*a[2:4], *b[2:4])))
    grown = together.grown(np.array([radius_m]))

    assert [float(side[0]) for side in together] == list(alone)
    np.testing.assert_allclose([side[0] for side in grown], alone_grown, rtol=1e-12)
    meeting = Boxes.of([alone, alone_grown]).meeting(Boxes.of(boxes)).tolist()
    assert meeting == [[box.meets(one) for box in boxes] for one in (alone, alone_grown)]


@settings(max_examples=200, deadline=None)
@given(a=_places, b=_places)
def test_the_cheap_bound_is_never_less_than_the_way(a: Anchor, b: Anchor) -> None:
    assert separation_m(a.latitude, a.longitude, b.latitude, b.longitude) <= most_m(a, b) + 1e-6


def test_the_cheap_bound_knows_the_antimeridian() -> None:
    east, west = Anchor(b"", 0, 0.0, 179.999, 1.0), Anchor(b"", 0, 0.0, -179.999, 1.0)

    assert 200.0 < most_m(east, west) < 250.0
