from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.core.clock import rfc3339
from backend.core.db import Database
from backend.identity.service import Agency, Officer, Role
from tests.support.clocks import START, FrozenClock
from tests.support.identity import PASSWORD, bearer_of, make_agency, make_officer

SESSION = "/v1/officer/session"
NEW_PASSWORD = "another password nobody has"


@pytest.fixture
def agency(database: Database) -> Agency:
    with database.transaction() as session:
        return make_agency(session, START)


@pytest.fixture
def officer(database: Database, agency: Agency) -> Officer:
    with database.transaction() as session:
        return make_officer(session, agency, START)


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD) -> TestResponse:
    return client.post(SESSION, json={"email": email, "password": password})


def bearer(answer: TestResponse) -> dict[str, str]:
    assert answer.json is not None
    return {"Authorization": f"Bearer {answer.json['token']}"}


MALFORMED: Sequence[dict[str, Any]] = [
    {},
    {"email": "offa@agency.example"},
    {"email": "", "password": ""},
    {"email": ["offa@agency.example"], "password": PASSWORD},
    {"email": "offa@agency.example", "password": "x" * 257},
    {"email": "offa@agency.example", "password": PASSWORD, "role": "agency_admin"},
    {"email": "offa\x00@agency.example", "password": PASSWORD},
    {"email": "\ud800@agency.example", "password": PASSWORD},
]


def test_a_malformed_sign_in_is_a_problem_and_repeats_nothing(client: FlaskClient) -> None:
    for body in MALFORMED:
        answer = client.post(SESSION, json=body)

        assert answer.status_code == 422, body
        assert PASSWORD not in answer.text


def test_a_failed_sign_in_says_the_same_for_every_reason(
    client: FlaskClient, officer: Officer
) -> None:
    wrong = sign_in(client, officer.email, "a wrong password, surely")
    unknown = sign_in(client, "nobody@agency.example")

    assert wrong.status_code == 401
    assert wrong.json is not None
    assert wrong.json["code"] == "sign-in-failed"
    assert (unknown.status_code, unknown.json) == (wrong.status_code, wrong.json)


def test_the_failures_of_a_lock_survive_their_refusals(
    client: FlaskClient, clock: FrozenClock, officer: Officer
) -> None:
    for _ in range(5):
        assert sign_in(client, officer.email, "wrong").status_code == 401

    locked = sign_in(client, officer.email)
    assert locked.status_code == 429
    assert locked.headers["Retry-After"] == "900"
    clock.step(minutes=15)
    assert sign_in(client, officer.email).status_code == 201


def test_a_session_is_opened_used_and_ended(
    client: FlaskClient, clock: FrozenClock, officer: Officer
) -> None:
    opened = sign_in(client, officer.email)
    assert opened.status_code == 201
    assert opened.headers["Cache-Control"] == "no-store"
    assert opened.json is not None
    assert set(opened.json) == {"token", "expires_at"}

    clock.step(minutes=29)
    shown = client.get("/v1/officer", headers=bearer(opened))
    assert shown.status_code == 200
    assert shown.json is not None
    assert shown.json["id"] == str(officer.id)
    assert "password" not in shown.text
    clock.step(minutes=29)
    assert client.get("/v1/officer", headers=bearer(opened)).status_code == 200

    assert client.delete(SESSION, headers=bearer(opened)).status_code == 204
    assert client.get("/v1/officer", headers=bearer(opened)).status_code == 401


def test_an_idle_session_ends(client: FlaskClient, clock: FrozenClock, officer: Officer) -> None:
    opened = sign_in(client, officer.email)

    clock.step(minutes=30)

    assert client.get("/v1/officer", headers=bearer(opened)).status_code == 401


NO_TOKENS: Sequence[str | None] = [
    None,
    "",
    "Bearer",
    "Bearer ",
    "Basic b2ZmYTpvZmZh",
    "Bearer cxs_",
    "DPoP x",
    "Bearer \xff",
]


def test_whoever_shows_no_good_token_is_told_to_sign_in(client: FlaskClient) -> None:
    for authorization in NO_TOKENS:
        headers = {} if authorization is None else {"Authorization": authorization}

        answer = client.get("/v1/officer", headers=headers)

        assert answer.status_code == 401, authorization
        assert answer.json is not None
        assert answer.json["code"] == "unauthenticated"
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="connectrex"')


def test_a_token_that_is_told_again_is_not_to_be_kept_by_caches_either(
    client: FlaskClient, clock: FrozenClock, officer: Officer
) -> None:
    headers = bearer(sign_in(client, officer.email)) | {"Idempotency-Key": "token-1"}
    wanted = {
        "name": "case import",
        "scopes": ["supervisee:read"],
        "expires_at": rfc3339(clock.now() + timedelta(days=30)),
    }

    first, again = (client.post("/v1/tokens", json=wanted, headers=headers) for _ in range(2))

    assert again.json == first.json
    assert again.headers["Cache-Control"] == "no-store"


def test_an_api_token_is_made_used_listed_and_revoked(
    client: FlaskClient, clock: FrozenClock, officer: Officer
) -> None:
    session = bearer(sign_in(client, officer.email))
    wanted = {
        "name": "case import",
        "scopes": ["supervisee:read", "own"],
        "expires_at": rfc3339(clock.now() + timedelta(days=30)),
    }
    made = client.post("/v1/tokens", json=wanted, headers=session)
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert made.json is not None
    assert made.json["scopes"] == ["supervisee:read", "own"]

    token = bearer(made)
    assert client.get("/v1/supervisees", headers=token).status_code == 200
    assert client.get("/v1/officers", headers=token).status_code == 403
    assert client.post("/v1/tokens", json=wanted, headers=token).status_code == 403
    assert client.delete(SESSION, headers=token).status_code == 404

    listed = client.get("/v1/tokens", headers=session)
    assert listed.json is not None
    assert [item["id"] for item in listed.json["items"]] == [made.json["id"]]
    assert made.json["token"] not in listed.text
    path = f"/v1/tokens/{made.json['id']}"
    assert client.delete(path, headers=session).status_code == 204
    assert client.get("/v1/supervisees", headers=token).status_code == 401
    assert client.delete(path, headers=session).status_code == 404


REFUSED_TOKENS: Sequence[tuple[dict[str, Any], int]] = [
    ({"scopes": []}, 422),
    ({"scopes": ["everything:everywhere"]}, 422),
    ({"scopes": ["agency:manage"]}, 403),
    ({"scopes": ["token:manage"]}, 403),
    ({"expires_at": "2026-04-01T00:00:00"}, 422),
    ({"expires_at": "2036-04-01T00:00:00Z"}, 422),
    ({"name": ""}, 422),
    ({"officer_id": "00000000-0000-0000-0000-000000000000"}, 422),
]


def test_a_token_that_may_not_be_is_refused(client: FlaskClient, officer: Officer) -> None:
    session = bearer(sign_in(client, officer.email))
    good = {
        "name": "case import",
        "scopes": ["supervisee:read"],
        "expires_at": "2026-04-01T00:00:00Z",
    }

    for wrong, status in REFUSED_TOKENS:
        answer = client.post("/v1/tokens", json=good | wrong, headers=session)

        assert answer.status_code == status, wrong


def test_an_officer_changes_their_own_password(client: FlaskClient, officer: Officer) -> None:
    session = bearer(sign_in(client, officer.email))
    body = {"present_password": PASSWORD, "password": NEW_PASSWORD}
    wrong = body | {"present_password": "a wrong password, surely"}
    short = body | {"password": "short"}

    assert client.put("/v1/officer/password", json=wrong, headers=session).status_code == 401
    assert client.put("/v1/officer/password", json=short, headers=session).status_code == 422
    assert client.put("/v1/officer/password", json=body, headers=session).status_code == 204

    assert client.get("/v1/officer", headers=session).status_code == 401
    assert sign_in(client, officer.email).status_code == 401
    assert sign_in(client, officer.email, NEW_PASSWORD).status_code == 201


def test_guessing_the_present_password_with_a_stolen_session_locks(
    client: FlaskClient, officer: Officer
) -> None:
    session = bearer(sign_in(client, officer.email))
    guess = {"present_password": "a wrong password, surely", "password": NEW_PASSWORD}
    headers = session | {"Idempotency-Key": "again and again"}

    statuses = [
        client.put("/v1/officer/password", json=guess, headers=headers).status_code
        for _ in range(6)
    ]

    assert statuses == [401, 401, 401, 401, 401, 429]


def test_an_administrator_gives_an_officer_a_new_password(
    client: FlaskClient, database: Database, agency: Agency, officer: Officer
) -> None:
    with database.transaction() as session:
        admin = bearer_of(
            session, make_officer(session, agency, START, role=Role.AGENCY_ADMIN), START
        )
    old = bearer(sign_in(client, officer.email))
    path, body = f"/v1/officers/{officer.id}/password", {"password": NEW_PASSWORD}

    assert client.put(path, json=body, headers=old).status_code == 403
    assert client.put(path, json=body, headers=admin).status_code == 204

    assert client.get("/v1/officer", headers=old).status_code == 401
    assert sign_in(client, officer.email, NEW_PASSWORD).status_code == 201
