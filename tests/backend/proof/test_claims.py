"""What a phone says of its place: exact types and ranges, told apart from silence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backend.proof.claims import (
    FixClaim,
    LocationClaim,
    Unavailable,
    read_fix,
    read_location,
)
from backend.proof.members import ClaimProblem, MalformedClaim
from tests.backend.proof.forge import good_fix, good_location

ABSENT, WRONG_TYPE = ClaimProblem.ABSENT, ClaimProblem.WRONG_TYPE
OUT_OF_RANGE, CONTRADICTORY = ClaimProblem.OUT_OF_RANGE, ClaimProblem.CONTRADICTORY


@pytest.mark.parametrize(
    ("changes", "member", "problem"),
    [
        ({"latitude": ...}, "latitude", ABSENT),
        ({"longitude": ...}, "longitude", ABSENT),
        ({"accuracy": ...}, "accuracy", ABSENT),
        ({"timestamp": ...}, "timestamp", ABSENT),
        ({"latitude": None}, "latitude", WRONG_TYPE),
        ({"latitude": True}, "latitude", WRONG_TYPE),
        ({"latitude": "45.27"}, "latitude", WRONG_TYPE),
        ({"latitude": [45.27]}, "latitude", WRONG_TYPE),
        ({"latitude": 90.0000001}, "latitude", OUT_OF_RANGE),
        ({"latitude": -91}, "latitude", OUT_OF_RANGE),
        ({"latitude": 10**1000}, "latitude", OUT_OF_RANGE),
        ({"longitude": 180.1}, "longitude", OUT_OF_RANGE),
        ({"longitude": False}, "longitude", WRONG_TYPE),
        ({"accuracy": 0}, "accuracy", OUT_OF_RANGE),
        ({"accuracy": -5.0}, "accuracy", OUT_OF_RANGE),
        ({"accuracy": 10_000_001}, "accuracy", OUT_OF_RANGE),
        ({"timestamp": 1772442000.0}, "timestamp", WRONG_TYPE),
        ({"timestamp": True}, "timestamp", WRONG_TYPE),
        ({"timestamp": "2026-03-02T09:00:00Z"}, "timestamp", WRONG_TYPE),
        ({"timestamp": -1}, "timestamp", OUT_OF_RANGE),
        ({"timestamp": 10**15}, "timestamp", OUT_OF_RANGE),
        ({"altitude": None}, "altitude", WRONG_TYPE),
        ({"altitude-accuracy": -1}, "altitude-accuracy", OUT_OF_RANGE),
        ({"heading": 361}, "heading", OUT_OF_RANGE),
        ({"speed": None}, "speed", WRONG_TYPE),
        ({"speed": -0.1}, "speed", OUT_OF_RANGE),
    ],
)
def test_a_badly_formed_location_is_named(
    changes: dict[str, Any], member: str, problem: ClaimProblem
) -> None:
    location = read_location({"location": good_location(**changes)})

    assert location == MalformedClaim(member=f"location.{member}", problem=problem)


@pytest.mark.parametrize("location", [None, [], "here", 1, True])
def test_a_location_that_is_no_object_is_named(location: object) -> None:
    assert read_location({"location": location}) == MalformedClaim(
        member="location", problem=WRONG_TYPE
    )


@pytest.mark.parametrize(
    ("changes", "member", "problem"),
    [
        ({"seq": ...}, "seq", ABSENT),
        ({"seq": 0}, "seq", OUT_OF_RANGE),
        ({"seq": 2**53}, "seq", OUT_OF_RANGE),
        ({"seq": True}, "seq", WRONG_TYPE),
        ({"seq": 1.0}, "seq", WRONG_TYPE),
        ({"mono": ...}, "mono", ABSENT),
        ({"mono": -1}, "mono", OUT_OF_RANGE),
        ({"src": ...}, "src", ABSENT),
        ({"src": ""}, "src", OUT_OF_RANGE),
        ({"src": "a b"}, "src", OUT_OF_RANGE),
        ({"src": "x" * 33}, "src", OUT_OF_RANGE),
        ({"src": "l5"}, "src", OUT_OF_RANGE),
        ({"src": 1}, "src", WRONG_TYPE),
        ({"hacc": ...}, "hacc", ABSENT),
        ({"hacc": 5.0}, "hacc", WRONG_TYPE),
        ({"hacc": [5.0]}, "hacc", WRONG_TYPE),
        ({"hacc": [5.0, 68, 1]}, "hacc", WRONG_TYPE),
        ({"hacc": [None, 68]}, "hacc.value", WRONG_TYPE),
        ({"hacc": [-1, 68]}, "hacc.value", OUT_OF_RANGE),
        ({"hacc": [5.0, 0.68]}, "hacc.level", OUT_OF_RANGE),
        ({"hacc": [5.0, 101]}, "hacc.level", OUT_OF_RANGE),
        ({"mock": ...}, "mock", ABSENT),
        ({"mock": 0}, "mock", WRONG_TYPE),
        ({"mock": None}, "mock", WRONG_TYPE),
        ({"clk": "server"}, "clk", OUT_OF_RANGE),
        ({"clk": None}, "clk", WRONG_TYPE),
        ({"sats": 3.5}, "sats", WRONG_TYPE),
        ({"sats": -1}, "sats", OUT_OF_RANGE),
        ({"cn0": 101}, "cn0", OUT_OF_RANGE),
        ({"cn0": True}, "cn0", WRONG_TYPE),
    ],
)
def test_a_badly_formed_fix_is_named(
    changes: dict[str, Any], member: str, problem: ClaimProblem
) -> None:
    fix = read_fix({"fix": good_fix(**changes)})

    assert fix == MalformedClaim(member=f"fix.{member}", problem=problem)


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ({"unavailable": "LAZY"}, OUT_OF_RANGE),
        ({"unavailable": "timeout"}, OUT_OF_RANGE),
        ({"unavailable": ""}, OUT_OF_RANGE),
        ({"unavailable": None}, WRONG_TYPE),
        ({"unavailable": ["TIMEOUT"]}, WRONG_TYPE),
        ({"unavailable": "TIMEOUT", "location": good_location()}, CONTRADICTORY),
        ({"unavailable": "TIMEOUT", "location": None}, CONTRADICTORY),
    ],
)
def test_a_badly_formed_reason_is_named(claims: dict[str, Any], problem: ClaimProblem) -> None:
    assert read_location(claims) == MalformedClaim(member="unavailable", problem=problem)


def test_silence_is_told_apart_from_nonsense() -> None:
    assert read_location({}) is None
    assert read_fix({}) is None


@pytest.mark.parametrize("reason", list(Unavailable))
def test_every_reason_is_read(reason: Unavailable) -> None:
    assert read_location({"unavailable": reason.name}) is reason


def test_a_whole_location_is_read() -> None:
    said = good_location(**{"altitude-accuracy": 3, "heading": 0, "timestamp": 0})

    assert read_location({"location": said}) == LocationClaim(
        latitude=45.27,
        longitude=13.71,
        accuracy_m=8.1,
        timestamp=datetime(1970, 1, 1, tzinfo=UTC),
        altitude_m=211.15,
        altitude_accuracy_m=3.0,
        heading_deg=0.0,
        speed_mps=1.4,
    )


@pytest.mark.parametrize("latitude", [-90, 0, 45, 90.0, -0.0])
def test_whole_degrees_may_be_integers(latitude: float) -> None:
    said = {"latitude": latitude, "longitude": 180, "accuracy": 1, "timestamp": 1}

    location = read_location({"location": said})

    assert isinstance(location, LocationClaim)
    assert type(location.latitude) is float
    assert location.latitude == latitude
    assert location.altitude_m is None


def test_a_whole_fix_is_read() -> None:
    assert read_fix({"fix": good_fix(clk="wall", extra="ignored")}) == FixClaim(
        seq=12,
        mono_ms=3_600_000,
        src="gps",
        reported_accuracy_m=5.0,
        reported_level_percent=68.0,
        mock=False,
        wall_clock=True,
        satellites=11,
        cn0_dbhz=34.5,
    )


def test_a_bare_fix_is_read() -> None:
    fix = read_fix({"fix": good_fix(sats=..., cn0=...)})

    assert isinstance(fix, FixClaim)
    assert (fix.wall_clock, fix.satellites, fix.cn0_dbhz) == (False, None, None)
