"""Where to push: one phone's address is one person's, and a dead one is forgotten."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from backend.audit.models import AuditEvent
from backend.core.db import Database
from backend.devices import service as devices
from backend.devices.models import PushKind
from backend.devices.service import PushAddress
from backend.outbox.messages import Recipient, RecipientKind
from backend.simulator.phone import Phone
from backend.simulator.phone import PushAddress as PhoneAddress
from notifications.delivery import MessageState
from tests.support.clocks import START, FrozenClock
from tests.support.devices import (
    Person,
    enrolled_phone,
    fresh_nonce,
    send_signed,
    supervised_person,
)
from tests.support.outbox import a_message, enqueued, state_of

PATH = "/v1/device/push-address"


@pytest.fixture
def person(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def phone(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    return enrolled_phone(database, client, clock, person)


def put(client: FlaskClient, phone: Phone, members: dict[str, Any]) -> TestResponse:
    nonce = fresh_nonce(client, phone.key)
    return send_signed(client, phone.key, "PUT", PATH, members=members, nonce=nonce)


def addresses(database: Database, person: Person) -> list[PushAddress]:
    with database.snapshot() as session:
        return [
            one
            for some in devices.push_addresses_of(session, [person.supervisee_id]).values()
            for one in some
        ]


def count_acts(database: Database, act: str) -> int:
    with database.snapshot() as session:
        return session.scalar(select(func.count()).where(AuditEvent.act == act)) or 0


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"kind": "fid"},
        {"kind": "carrier-pigeon", "address": "x"},
        {"kind": "fid", "address": "with a space"},
        {"kind": "fid", "address": "x\n"},
        {"kind": "fid", "address": 7},
        {"kind": "fid", "address": "x", "activation_id": str(uuid4())},
    ],
)
def test_what_is_no_address_is_refused(
    client: FlaskClient, database: Database, person: Person, phone: Phone, members: dict[str, Any]
) -> None:
    assert put(client, phone, members).status_code == 422
    assert addresses(database, person) == []


def test_a_person_without_phone_has_no_address(database: Database, person: Person) -> None:
    assert addresses(database, person) == []


def test_the_last_address_set_is_the_one(
    client: FlaskClient, database: Database, person: Person, phone: Phone
) -> None:
    first = put(client, phone, {"kind": "token", "address": "old"})
    second = put(client, phone, {"kind": "fid", "address": "new"})

    assert (first.status_code, second.status_code) == (204, 204)
    assert addresses(database, person) == [PushAddress(kind=PushKind.FID, value="new")]


def test_the_same_address_again_writes_nothing(
    client: FlaskClient, database: Database, phone: Phone
) -> None:
    for _ in range(3):
        put(client, phone, {"kind": "fid", "address": "same"})

    assert count_acts(database, "push-address.set") == 1


def test_an_address_that_came_with_the_enrolment_is_kept(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    push = PhoneAddress(kind="fid", address="at-enrolment")
    enrolled_phone(database, client, clock, person, push=push)

    assert addresses(database, person) == [PushAddress(kind=PushKind.FID, value="at-enrolment")]


def test_an_address_that_changed_hands_is_no_longer_the_first_persons(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person, phone: Phone
) -> None:
    put(client, phone, {"kind": "fid", "address": "handed-over"})
    with database.transaction() as session:
        other = supervised_person(session, now=START)
    push = PhoneAddress(kind="fid", address="handed-over")
    enrolled_phone(database, client, clock, other, push=push)

    assert addresses(database, person) == []
    assert len(addresses(database, other)) == 1


def test_a_dead_address_is_forgotten_and_the_reason_kept(
    client: FlaskClient, database: Database, person: Person, phone: Phone
) -> None:
    put(client, phone, {"kind": "fid", "address": "dead"})
    with database.transaction() as session:
        devices.forget_push_address(session, "dead", reason="UNREGISTERED", now=START)

    assert addresses(database, person) == []
    with database.snapshot() as session:
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.act == "push-address.forgotten")
        ).one()
    assert "UNREGISTERED" in event.details
    assert "dead" not in event.details
    assert event.agency_id == person.agency.id


def test_forgetting_what_is_not_there_does_nothing(database: Database) -> None:
    with database.transaction() as session:
        devices.forget_push_address(session, "never", reason="UNREGISTERED", now=START)

    assert count_acts(database, "push-address.forgotten") == 0


def test_an_address_is_in_no_repr() -> None:
    assert "secret" not in repr(PushAddress(kind=PushKind.FID, value="secret"))


# Receipts: a push that was accepted is not one that arrived.


def receipt(
    client: FlaskClient, phone: Phone, message_id: object, path: str = "/v1/device/deliveries"
) -> int:
    members = {"message_id": str(message_id)}
    nonce = fresh_nonce(client, phone.key)
    return send_signed(client, phone.key, "POST", path, members=members, nonce=nonce).status_code


def test_a_receipt_for_nothing_is_refused(client: FlaskClient, phone: Phone) -> None:
    assert receipt(client, phone, uuid4()) == 404
    assert receipt(client, phone, "no id") == 422


def test_a_receipt_for_another_persons_message_is_refused(
    client: FlaskClient, database: Database, phone: Phone
) -> None:
    message_id = enqueued(database, a_message())

    assert receipt(client, phone, message_id) == 404
    assert state_of(database, message_id) is MessageState.PENDING


def test_a_receipt_says_that_the_message_arrived(
    client: FlaskClient, database: Database, person: Person, phone: Phone
) -> None:
    me = Recipient(kind=RecipientKind.SUPERVISEE, id=person.supervisee_id)
    message_id = enqueued(database, a_message(recipient=me))

    assert [receipt(client, phone, message_id) for _ in range(2)] == [204, 204]
    assert state_of(database, message_id) is MessageState.DELIVERED


def test_opening_a_message_says_so(
    client: FlaskClient, database: Database, person: Person, phone: Phone
) -> None:
    me = Recipient(kind=RecipientKind.SUPERVISEE, id=person.supervisee_id)
    message_id = enqueued(database, a_message(recipient=me))

    assert receipt(client, phone, uuid4(), "/v1/device/openings") == 404
    assert receipt(client, phone, message_id, "/v1/device/openings") == 204
    assert state_of(database, message_id) is MessageState.DELIVERED


def test_a_body_beyond_all_measure_is_refused(client: FlaskClient, phone: Phone) -> None:
    answer = put(client, phone, {"kind": "fid", "address": "x" * (1 << 21)})

    assert answer.status_code == 413
    assert answer.json is not None
    assert answer.json["code"] == "too-large"
