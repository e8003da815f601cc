from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from backend.app import create_app
from backend.core.db import Database
from backend.core.settings import Mode, Settings
from tests.support.clocks import FrozenClock


def test_the_process_says_that_it_is_alive(client: FlaskClient) -> None:
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json == {"status": "alive"}


def test_what_is_not_there_is_a_problem(client: FlaskClient) -> None:
    answer = client.get("/nothing")

    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert answer.json["code"] == "not-found"


def client_of(settings: Settings, database: Database, clock: FrozenClock) -> FlaskClient:
    return create_app(settings, database, clock).test_client()


@pytest.mark.parametrize(
    "given", [None, "", "invented", "Bearer", "Bearer None", "Bearer invente", "Basic invented"]
)
def test_without_their_token_the_metrics_are_not_told(
    settings: Settings, database: Database, clock: FrozenClock, given: str | None
) -> None:
    client = client_of(replace(settings, metrics_token="invented"), database, clock)

    answer = client.get("/metrics", headers={} if given is None else {"Authorization": given})

    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert "connectrex_" not in answer.text


def test_with_their_token_the_metrics_are_told(
    settings: Settings, database: Database, clock: FrozenClock
) -> None:
    client = client_of(replace(settings, metrics_token="invented"), database, clock)

    answer = client.get("/metrics", headers={"Authorization": "Bearer invented"})

    assert answer.status_code == 200
    assert "connectrex_" in answer.text


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer None"}])
def test_production_without_a_token_has_no_metrics(
    settings: Settings, database: Database, clock: FrozenClock, headers: dict[str, str]
) -> None:
    production = replace(settings, mode=Mode.PRODUCTION, smtp_url="smtps://relay.test:465")
    client = client_of(production, database, clock)

    answer = client.get("/metrics", headers=headers)

    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["code"] == "not-found"
