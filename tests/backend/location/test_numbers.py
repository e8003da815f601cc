"""Every number by which fixes are judged is an agency's to change, under its own name."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any, Final

import pytest
from flask import Flask

import geofence
from backend.core.db import Database
from backend.identity.policy import AgencyPolicy, from_stored, to_stored
from backend.identity.schemas import PolicySchema
from backend.location.models import PersonState
from backend.location.rulebook import judged_by
from tests.support.clocks import FrozenClock
from tests.support.location import HOME, Watched, at, watched_person

OWN: Final[dict[str, Any]] = {
    "suspect_factor": 1.1,
    "hard_factor": 1.6,
    "independent_after_s": 31,
    "confirming_instants": 4,
    "jump_speed_mps": 2.5,
    "jump_instants": 6,
    "jump_span_s": 101,
    "possible_after_s": 241,
    "fresh_s": 301,
    "unproven_after_s": 901,
    "unproven_instants": 7,
    "crossing_gap_s": 302,
    "crossing_speed_mps": 51.0,
    "fast_speed_mps": 71.0,
    "impossible_speed_mps": 303.0,
    "clock_tolerance_s": 8.0,
    "clock_drift_ppm": 102.0,
}
"""For each number one that no other has, nor any has by default."""
POLICY: Final = AgencyPolicy()


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    return watched_person(app, database, clock)


def test_the_numbers_are_all_there_are_and_can_be_told_apart() -> None:
    defaults = asdict(geofence.Parameters())

    assert OWN.keys() == defaults.keys()
    assert len(set(OWN.values()) - set(defaults.values())) == len(OWN)


def test_each_number_reaches_the_engine_under_its_own_name() -> None:
    written = PolicySchema().dump(POLICY) | OWN

    policy = from_stored(json.loads(json.dumps(to_stored(PolicySchema().load(written)))))

    assert judged_by(policy) == geofence.Parameters(**OWN)


def test_by_default_an_agency_judges_as_the_engine_does() -> None:
    assert judged_by(POLICY) == geofence.Parameters()


def test_a_policy_that_names_none_of_them_judges_as_the_engine_does() -> None:
    named = {item.name for item in fields(POLICY)} - OWN.keys()
    stored, written = to_stored(POLICY), PolicySchema().dump(POLICY)

    assert from_stored({name: stored[name] for name in named}) == POLICY
    assert PolicySchema().load({name: written[name] for name in named}) == POLICY


def test_a_change_of_any_number_judges_again_by_it(watched: Watched) -> None:
    changed: dict[str, Any] = {}
    for step, (name, value) in enumerate(OWN.items()):
        changed[name] = value
        watched.set_policy(**{name: value})

        assert watched.walk([at(HOME, north_m=float(step))]) == [200]

        assert _judged_by(watched) == geofence.Parameters(**changed).fingerprint, name


def test_the_gate_refuses_from_the_agency_s_own_speed_on(watched: Watched) -> None:
    watched.set_policy(impossible_speed_mps=100.0)

    statuses = watched.walk([at(HOME), at(HOME, north_m=150 * 60.0)])

    assert statuses == [200, 403]


def _judged_by(one: Watched) -> str:
    with one.database.snapshot() as session:
        stored = session.get_one(PersonState, one.case.supervisee_id).judgement
    assert stored is not None
    return geofence.State.loads(stored).fingerprint
