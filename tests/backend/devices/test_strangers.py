"""How often a network may try to enrol: wrong tries lock it for a while, right ones never do."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from backend.core.db import Database
from backend.devices.models import EnrolmentCode
from backend.identity.throttle import LOCK, TRIES_PER_NETWORK
from backend.simulator.proof import ProofKey, compact_json
from tests.support.clocks import FrozenClock
from tests.support.devices import (
    SERVER_URL,
    Person,
    code_for,
    send_signed,
    signed_headers,
    supervised_person,
)

OFFICE = "192.0.2.7"
ELSEWHERE = "192.0.2.8"
CHALLENGE = "/v1/enrolments/challenge"
UNKNOWN = "ZZZZZ-ZZZZZ"
ENROLMENT: dict[str, object] = {
    "platform": "android",
    "evidence": [],
    "app_version": "1",
    "os_version": "1",
}


@pytest.fixture
def person(database: Database, clock: FrozenClock) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=clock.now())


@pytest.fixture
def code(database: Database, clock: FrozenClock, person: Person) -> str:
    with database.transaction() as session:
        return code_for(session, person, now=clock.now())


def exchange(client: FlaskClient, code: str, address: str = OFFICE) -> TestResponse:
    return client.post(CHALLENGE, json={"code": code}, environ_base={"REMOTE_ADDR": address})


def exhaust(client: FlaskClient, address: str = OFFICE) -> None:
    """Try as often as a network may, with codes that never were."""
    statuses = {exchange(client, UNKNOWN, address).status_code for _ in range(TRIES_PER_NETWORK)}
    assert statuses == {403}


def test_fifty_wrong_codes_lock_a_network_and_no_other(client: FlaskClient, code: str) -> None:
    exhaust(client)

    locked, other = exchange(client, code), exchange(client, code, ELSEWHERE)

    assert (locked.status_code, other.status_code) == (429, 200)
    assert locked.json is not None
    assert locked.json["code"] == "locked"
    assert locked.headers["Retry-After"] == str(int(LOCK.total_seconds()))


def test_after_a_while_it_may_try_again(client: FlaskClient, clock: FrozenClock, code: str) -> None:
    exhaust(client)
    clock.step(minutes=10)
    assert exchange(client, code).headers["Retry-After"] == "300"

    clock.step(minutes=5)

    assert exchange(client, code).status_code == 200


def test_a_code_loses_no_try_to_a_network_that_is_locked(
    client: FlaskClient, database: Database, code: str
) -> None:
    exhaust(client)

    exchange(client, code[:-1] + ("0" if code[-1] != "0" else "1"))

    with database.snapshot() as session:
        assert session.scalars(select(EnrolmentCode.failed_tries)).all() == [0]


def test_an_office_enrols_as_many_phones_as_it_likes(client: FlaskClient, code: str) -> None:
    for _ in range(TRIES_PER_NETWORK - 1):
        exchange(client, UNKNOWN)

    statuses = {exchange(client, code).status_code for _ in range(TRIES_PER_NETWORK)}

    assert statuses == {200}


def test_the_customer_of_one_ipv6_network_is_one(client: FlaskClient, code: str) -> None:
    for number in range(TRIES_PER_NETWORK):
        exchange(client, UNKNOWN, f"2001:db8:1:2::{number + 1:x}")

    assert exchange(client, code, "2001:db8:1:2:ffff::1").status_code == 429
    assert exchange(client, code, "2001:db8:1:3::1").status_code == 200


def test_codes_and_re_enrolments_are_counted_together(app: Flask) -> None:
    client, key = app.test_client(), ProofKey()
    client.environ_base["REMOTE_ADDR"] = OFFICE

    def ask() -> TestResponse:
        def send(**claims: str) -> TestResponse:
            members = {"device": "A" * 43}
            return send_signed(client, key, "POST", "/v1/re-enrolments", members=members, **claims)

        return send(nonce=send().headers["DPoP-Nonce"])

    bad = {
        try_().status_code
        for _ in range(TRIES_PER_NETWORK // 2)
        for try_ in (ask, lambda: exchange(client, UNKNOWN))
    }

    assert bad == {403}
    assert (ask().status_code, exchange(client, UNKNOWN).status_code) == (429, 429)


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/v1/devices", ENROLMENT),
        ("/v1/device/keys", {"key_change": "a.b.c", "evidence": []}),
    ],
)
def test_an_old_challenge_repeated_locks_nobody_out(
    app: Flask, code: str, path: str, members: dict[str, object]
) -> None:
    client, key = app.test_client(), ProofKey()
    client.environ_base["REMOTE_ADDR"] = OFFICE
    body = compact_json(members)
    headers = signed_headers(key, "POST", path, body=body, nonce="A" * 43)

    statuses = {
        client.post(path, base_url=SERVER_URL, headers=headers, data=body).status_code
        for _ in range(TRIES_PER_NETWORK + 1)
    }

    assert statuses == {401}
    assert exchange(client, code).status_code == 200


def test_enrolment_and_sign_in_do_not_lock_each_other(client: FlaskClient, code: str) -> None:
    wrong = {"email": "nobody@agency.example", "password": "wrong horse battery staple"}

    def sign_in() -> int:
        return client.post(
            "/v1/officer/session", json=wrong, environ_base={"REMOTE_ADDR": OFFICE}
        ).status_code

    exhaust(client)

    assert sign_in() == 401
    assert [sign_in() for _ in range(5)][-1] == 429
    assert exchange(client, code, ELSEWHERE).status_code == 200
