"""What officers read of somebody's location, and what is recorded of their reading."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask import Flask

from backend.audit import service as audit
from backend.core.actor import Actor
from backend.core.db import Database
from backend.core.paging import Cursor
from backend.location import service
from tests.support.clocks import FrozenClock
from tests.support.conditions import circle, impose_confidential, recorded
from tests.support.location import MARKET, Watched, at, watched_person

HIDDEN = (41.95, -87.70)


@pytest.fixture
def near_victim(app: Flask, database: Database, clock: FrozenClock) -> tuple[Watched, UUID]:
    """A person inside a victim's zone, and the condition that protects it."""
    watched = watched_person(app, database, clock, curfew=False)
    assert watched.order is not None
    with database.transaction() as session:
        zone = circle(*HIDDEN, 300)
        hidden = impose_confidential(
            session, watched.case, watched.order, now=clock.now(), zone=zone
        )
    clock.step(seconds=60)
    watched.walk([at(HIDDEN, north_m=20.0 * step) for step in range(4)])
    return watched, hidden.id


def readings(watched: Watched) -> list[audit.Event]:
    with watched.database.snapshot() as session:
        events = recorded(session, watched.case, "condition")
    return [event for event in events if event.act == "confidential-zone.read"]


def distances(watched: Watched, actor: Actor) -> list[object]:
    """Read the episodes, and with them how far from each edge the person was."""
    now = watched.clock.now()
    with watched.database.transaction() as session:
        page = service.list_episodes(session, actor, watched.case.supervisee_id, Cursor(), now)
    return [fix["distance_m"] for item in page.items for fix in item.facts["evidence"]]


def test_reading_distances_to_a_victims_zone_is_recorded(
    near_victim: tuple[Watched, UUID],
) -> None:
    watched, condition_id = near_victim

    told = distances(watched, watched.case.supervisor)

    (reading,) = readings(watched)
    assert {type(distance_m) for distance_m in told} == {float}
    assert reading.subject_id == condition_id
    assert reading.actor_id == watched.case.supervisor.id


def test_reading_them_in_the_status_is_recorded_too(near_victim: tuple[Watched, UUID]) -> None:
    watched, condition_id = near_victim

    with watched.database.transaction() as session:
        service.status(
            session, watched.case.supervisor, watched.case.supervisee_id, watched.clock.now()
        )

    assert [reading.subject_id for reading in readings(watched)] == [condition_id]


def test_who_is_told_no_distance_has_read_nothing(near_victim: tuple[Watched, UUID]) -> None:
    watched, _ = near_victim

    told = distances(watched, watched.case.officer)

    assert set(told) == {None}
    assert readings(watched) == []


def test_an_ordinary_zones_distances_are_no_secret(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    watched = watched_person(app, database, clock, curfew=False)
    watched.walk([at(MARKET, north_m=20.0 * step) for step in range(4)])

    told = distances(watched, watched.case.supervisor)

    assert {type(distance_m) for distance_m in told} == {float}
    assert readings(watched) == []
