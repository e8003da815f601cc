from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backend.conditions.content import Draft, check
from backend.conditions.kinds import Advice, ConditionKind
from backend.conditions.roominess import roominess_m
from backend.core.errors import Code, Problem
from geofence import Corridor, GeometryRefused, parse_zone
from tests.support.conditions import NIGHTS, circle, rectangle

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOME = circle(41.88, -87.63, 100.0)
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}


@pytest.mark.parametrize(
    ("kind", "parts", "pointer"),
    [
        (ConditionKind.EXCLUSION_ZONE, {}, "/zone"),
        (ConditionKind.INCLUSION_ZONE, {"zone": HOME}, "/schedule"),
        (ConditionKind.CURFEW, {"schedule": NIGHTS}, "/zone"),
        (ConditionKind.OTHER, {}, "/text"),
        (ConditionKind.OTHER, {"text": "No alcohol.", "zone": HOME}, "/zone"),
        (ConditionKind.OTHER, {"text": "No alcohol.", "schedule": NIGHTS}, "/schedule"),
        (ConditionKind.OTHER, {"text": "No alcohol.", "buffer_m": 5.0}, "/buffer_m"),
    ],
)
def test_a_part_that_is_missing_or_makes_no_sense_is_pointed_at(
    kind: ConditionKind, parts: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Problem) as refusal:
        check(kind, Draft(title="Test", **parts), NOW)

    assert refusal.value.code is Code.INVALID_REQUEST
    assert refusal.value.pointer == pointer


@pytest.mark.parametrize(
    ("zone", "pointer", "reason"),
    [
        ({}, "/zone/type", "unsupported_type"),
        (
            {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 91], [0, 0]]]},
            "/zone/coordinates/0/2",
            "out_of_range",
        ),
        (circle(0.0, 0.0, -5.0), "/zone/properties/radius_m", "bad_radius"),
        (BOW_TIE, "/zone/coordinates", "crosses_itself"),
    ],
)
def test_bad_geometry_is_refused_at_the_coordinate(
    zone: dict[str, Any], pointer: str, reason: str
) -> None:
    with pytest.raises(Problem) as refusal:
        check(ConditionKind.EXCLUSION_ZONE, Draft(title="Test", zone=zone), NOW)

    assert refusal.value.code is Code.GEOMETRY_REFUSED
    assert refusal.value.pointer == pointer
    assert refusal.value.members["reason"] == reason


def test_a_ring_that_crosses_itself_is_refused_with_the_place() -> None:
    with pytest.raises(Problem) as refusal:
        check(ConditionKind.EXCLUSION_ZONE, Draft(title="Test", zone=BOW_TIE), NOW)

    assert refusal.value.members["place"] == [0.5, 0.5]


def test_a_curfew_without_a_week_is_refused() -> None:
    one_night = NIGHTS | {
        "weekly": [],
        "added": [{"start": "2026-04-01T20:00", "end": "2026-04-02T06:00"}],
    }
    draft = Draft(title="Home", zone=HOME, schedule=one_night)

    with pytest.raises(Problem) as refusal:
        check(ConditionKind.CURFEW, draft, NOW)

    assert refusal.value.code is Code.SCHEDULE_REFUSED
    assert refusal.value.pointer == "/schedule/weekly"
    assert check(ConditionKind.INCLUSION_ZONE, draft, NOW).schedule == one_night


def test_what_was_drawn_is_kept_and_nothing_else() -> None:
    drawn = HOME | {"name": "Testa's home", "bbox": [1, 2, 3, 4]}

    kept = check(ConditionKind.CURFEW, Draft(title="Home", zone=drawn, schedule=NIGHTS), NOW)

    assert kept.zone == HOME
    assert kept.schedule == NIGHTS


def test_a_home_smaller_than_the_usual_accuracy_is_warned_of() -> None:
    small, large = circle(41.88, -87.63, 49.0), circle(41.88, -87.63, 50.0)

    def advice(kind: ConditionKind, zone: dict[str, Any]) -> tuple[Advice, ...]:
        return check(kind, Draft(title="Home", zone=zone, schedule=NIGHTS), NOW).advice

    assert advice(ConditionKind.CURFEW, small) == (Advice.ZONE_SMALLER_THAN_ACCURACY,)
    assert advice(ConditionKind.CURFEW, large) == ()
    assert advice(ConditionKind.EXCLUSION_ZONE, small) == ()


@pytest.mark.parametrize(
    ("zone", "expected_m"),
    [
        (circle(60.0, 10.0, 77.0), 77.0),
        # 0.001 degrees of latitude are 111.4 m at 60 degrees, 0.002 of longitude 111.6 m.
        (rectangle(10.0, 60.0, 10.002, 60.001), 55.7),
    ],
)
def test_roominess_is_the_inner_radius(zone: dict[str, Any], expected_m: float) -> None:
    parsed = parse_zone(zone)

    assert not isinstance(parsed, GeometryRefused)
    assert roominess_m(parsed) == pytest.approx(expected_m, rel=0.002)


def test_a_corridor_is_half_its_width_roomy_and_a_hole_takes_room() -> None:
    outer = [[10.0, 60.0], [10.002, 60.0], [10.002, 60.001], [10.0, 60.001], [10.0, 60.0]]
    hole = [[10.0005, 60.0002], [10.0005, 60.0008], [10.0015, 60.0008], [10.0015, 60.0002]]
    holed = parse_zone({"type": "Polygon", "coordinates": [outer, [*hole, hole[0]]]})

    assert not isinstance(holed, GeometryRefused)
    assert roominess_m(holed) < 30.0
    assert roominess_m(Corridor(line=((0.0, 0.0), (1.0, 0.0)), width_m=80.0)) == 40.0
