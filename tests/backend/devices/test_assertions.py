"""An iPhone's app shows again that it is genuine; each assertion counts once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from backend.audit.models import AuditEvent
from backend.core.db import Database
from backend.core.settings import Settings
from backend.devices.models import AppAttestKey
from backend.simulator.phone import Phone
from tests.support.attestation.phones import IPhone, attesting, client_data_of
from tests.support.attestation.x509_writer import new_key
from tests.support.clocks import START, FrozenClock
from tests.support.devices import (
    Person,
    enrolled_phone,
    fresh_nonce,
    send_signed,
    supervised_person,
)

ASSERTIONS = "/v1/device/assertions"
IPHONE = IPhone()


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return attesting(settings, tmp_path)


@pytest.fixture
def person(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def phone(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    return enrolled_phone(database, client, clock, person, platform="ios", evidence=IPHONE)


def assert_app(client: FlaskClient, phone: Phone, counter: int, **changes: Any) -> TestResponse:
    """Send an assertion, right in everything but `changes`."""
    nonce = fresh_nonce(client, phone.key)
    client_data = changes.pop("client_data", client_data_of(nonce, phone.jkt))
    signer: IPhone = changes.pop("signer", IPHONE)
    members = {
        "assertion": signer.assertion(client_data, counter=counter),
        "client_data": client_data,
        **changes,
    }
    return send_signed(client, phone.key, "POST", ASSERTIONS, members=members, nonce=nonce)


def counter_of(database: Database, phone: Phone) -> int:
    with database.snapshot() as session:
        return session.get_one(AppAttestKey, phone.jkt).counter


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"assertion": "!"}, "NOT_CBOR"),
        ({"assertion": ""}, "NOT_CBOR"),
        ({"client_data": "{}"}, "CLIENT_DATA_MALFORMED"),
        ({"client_data": client_data_of("a" * 42, "b" * 43)}, "WRONG_CHALLENGE"),
        ({"signer": IPhone(key=new_key())}, "WRONG_SIGNATURE"),
    ],
)
def test_what_the_genuine_app_did_not_sign_just_now_is_refused(
    client: FlaskClient, database: Database, phone: Phone, changes: dict[str, Any], reason: str
) -> None:
    answer = assert_app(client, phone, 1, **changes)

    assert answer.status_code == 422
    assert answer.json is not None
    assert (answer.json["code"], answer.json["reason"]) == ("evidence-refused", reason)
    assert counter_of(database, phone) == 0


def test_a_phone_that_no_app_vouches_for_has_nothing_to_assert(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    phone = enrolled_phone(database, client, clock, person, platform="ios")

    assert assert_app(client, phone, 1).status_code == 404


def test_an_assertion_moves_the_counter_and_is_recorded(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person, phone: Phone
) -> None:
    clock.step(hours=1)
    answer = assert_app(client, phone, 3)

    assert answer.status_code == 200
    assert answer.json == {"counter": 3, "asserted_at": "2026-03-02T10:00:00Z"}
    with database.snapshot() as session:
        kept = session.get_one(AppAttestKey, phone.jkt)
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.act == "device.app-asserted")
        ).one()
    assert (kept.counter, kept.asserted_at) == (3, clock.now())
    assert event.supervisee_id == person.supervisee_id


@pytest.mark.parametrize("counter", [2, 3])
def test_a_counter_that_does_not_rise_is_a_replay_or_a_clone(
    client: FlaskClient, database: Database, phone: Phone, counter: int
) -> None:
    assert_app(client, phone, 3)

    answer = assert_app(client, phone, counter)

    assert answer.json is not None
    assert answer.json["reason"] == "COUNTER_NOT_RISING"
    assert counter_of(database, phone) == 3
