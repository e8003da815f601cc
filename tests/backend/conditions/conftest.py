"""A case under supervision, and an application whose caller a test chooses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.core.actor import Actor
from backend.core.db import Database
from backend.core.http import Audience, set_actor
from tests.conftest import _backends
from tests.support.clocks import FrozenClock
from tests.support.conditions import Case, open_case


@pytest.fixture(scope="module", params=_backends())
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """One fresh database per module and backend: each test has agencies of its own in it."""
    source = request.getfixturevalue(f"{request.param}_databases")
    with source.fresh_url() as url:
        yield url


class ChosenActor:
    """A guard that admits whomever the test names; implements `Guard`."""

    security: Mapping[str, Any] = {}
    responses: Mapping[int, str] = {}

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def __call__(self) -> None:
        """Let the chosen actor in."""
        set_actor(self.actor)


@pytest.fixture
def case(database: Database, clock: FrozenClock) -> Case:
    """A person under supervision, committed."""
    with database.transaction() as session:
        return open_case(session, now=clock.now(), name=uuid4().hex)


@pytest.fixture
def other_case(database: Database, clock: FrozenClock) -> Case:
    """A person of another agency, committed."""
    with database.transaction() as session:
        return open_case(session, now=clock.now(), name=uuid4().hex)


@pytest.fixture
def caller(app: Flask, case: Case) -> ChosenActor:
    """Who makes the requests: the case's officer, until a test says otherwise."""
    chosen = ChosenActor(case.officer)
    api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    api.guards[Audience.OFFICER] = chosen
    api.guards[Audience.SUPERVISEE] = chosen
    return chosen


@pytest.fixture
def http(app: Flask, caller: ChosenActor) -> FlaskClient:
    """A client that `caller` uses."""
    assert caller.actor
    return app.test_client()
