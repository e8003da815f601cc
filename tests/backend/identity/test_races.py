"""Requests that meet on real connections: SQLite has one writer at a time, so PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from backend.app import create_app
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.settings import Mode, Settings
from backend.identity import service
from backend.identity.service import OfficerData, Role
from tests.support.clocks import START, FrozenClock
from tests.support.identity import (
    PASSWORD,
    actor_of,
    bearer_of,
    make_agency,
    make_officer,
    make_supervisee,
)


@pytest.fixture
def app(postgresql_database: Database, server_keys: Any, clock: FrozenClock) -> Flask:
    settings = Settings(
        mode=Mode.TEST,
        database_url=postgresql_database.url.render_as_string(hide_password=False),
        root_secret=bytes(range(32)),
        server_keys=server_keys,
        public_url="https://connectrex.test",
    )
    return create_app(settings, postgresql_database, clock)


def at_once(act: Callable[[int], int], times: int) -> list[int]:
    """Return what `act` answers to each of so many callers who start together."""
    start = threading.Barrier(times)

    def run(number: int) -> int:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(times) as pool:
        return sorted(pool.map(run, range(times)))


def test_guesses_made_at_once_do_not_outrun_the_lock(
    app: Flask, postgresql_database: Database
) -> None:
    with postgresql_database.transaction() as session:
        officer = make_officer(session, make_agency(session, START), START)

    def guess(number: int) -> int:
        body = {"email": officer.email, "password": f"guess number {number} of many"}
        return app.test_client().post("/v1/officer/session", json=body).status_code

    assert at_once(guess, 12) == [401] * 5 + [429] * 7
    body = {"email": officer.email, "password": PASSWORD}
    assert app.test_client().post("/v1/officer/session", json=body).status_code == 429


def test_of_two_changes_of_one_version_one_wins(app: Flask, postgresql_database: Database) -> None:
    with postgresql_database.transaction() as session:
        agency = make_agency(session, START)
        bearer = bearer_of(session, make_officer(session, agency, START), START)
        person = make_supervisee(session, agency, START)
    path = f"/v1/supervisees/{person.id}"
    seen = bearer | {"If-Match": app.test_client().get(path, headers=bearer).headers["ETag"]}

    def change(number: int) -> int:
        body = {"given_name": f"Testa{number}", "family_name": "Example"}
        return app.test_client().put(path, json=body, headers=seen).status_code

    assert at_once(change, 6) == [200] + [412] * 5


def test_an_officer_assigned_by_two_at_once_is_assigned_once(
    app: Flask, postgresql_database: Database
) -> None:
    with postgresql_database.transaction() as session:
        agency = make_agency(session, START)
        officer = make_officer(session, agency, START)
        bearer = bearer_of(session, officer, START)
        person = make_supervisee(session, agency, START)
    path = f"/v1/supervisees/{person.id}/assignments"

    def assign(_: int) -> int:
        body = {"officer_id": str(officer.id)}
        return app.test_client().post(path, json=body, headers=bearer).status_code

    assert at_once(assign, 4) == [201] * 4
    listed = app.test_client().get(path, headers=bearer).json
    assert listed is not None
    assert len(listed) == 1


def test_two_administrators_cannot_dismiss_each_other(postgresql_database: Database) -> None:
    with postgresql_database.transaction() as session:
        agency = make_agency(session, START)
        admins = [make_officer(session, agency, START, role=Role.AGENCY_ADMIN) for _ in range(2)]

    def dismiss_the_other(number: int) -> int:
        actor, other = actor_of(admins[number]), admins[1 - number]
        data = OfficerData(
            email=other.email, given_name="Offa", family_name="Example", role=other.role
        )
        try:
            with postgresql_database.transaction() as session:
                service.change_officer(session, actor, other.id, data, disabled=True, now=START)
        except Problem as problem:
            return problem.code.status
        return 200

    assert at_once(dismiss_the_other, 2) == [200, Code.CONFLICT.status]
