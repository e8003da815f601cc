"""What an officer sees of phones and mailboxes that refuse."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from backend.core.actor import Permission
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.identity import service as identity
from backend.outbox.mailboxes import REST
from backend.outbox.messages import Recipient, RecipientKind
from backend.reminders.reach import Reach, ReachKind, reach_of
from backend.simulator.phone import PushAddress
from backend.worker.people import addresses, forget
from notifications.channels.base import Address, AddressKind
from tests.support.clocks import START, FrozenClock
from tests.support.devices import (
    Person,
    enrolled_phone,
    fresh_nonce,
    send_signed,
    supervised_person,
)
from tests.support.identity import bearer_of


def reaches(database: Database, person: Person) -> list[Reach]:
    with database.snapshot() as session:
        return reach_of(session, person.officer, person.supervisee_id, now=START)


def refused(database: Database, kind: AddressKind, value: str, reason: str) -> None:
    with database.transaction() as session:
        forget(session, Address(kind=kind, value=value), reason, START)


def mailbox_of(database: Database, person: Person) -> str:
    with database.snapshot() as session:
        return identity.get_supervisee(session, person.officer, person.supervisee_id).emails[0]


@pytest.mark.parametrize("missing", [Permission.REMINDER_READ, Permission.SUPERVISEE_READ])
def test_without_the_permission_nothing_is_shown(
    database: Database, testa: Person, missing: Permission
) -> None:
    held = testa.officer.permissions - {missing}

    with pytest.raises(Problem) as refusal:
        reaches(database, replace(testa, officer=replace(testa.officer, permissions=held)))

    assert refusal.value.code is Code.FORBIDDEN


def test_an_officer_of_another_agency_finds_nobody(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        other = supervised_person(session, now=START)

    with pytest.raises(Problem) as refusal:
        reaches(database, replace(other, supervisee_id=testa.supervisee_id))

    assert refusal.value.code is Code.NOT_FOUND


def test_a_phone_that_refuses_is_shown_and_left_alone_until_it_reports_anew(
    database: Database, client: FlaskClient, clock: FrozenClock, testa: Person
) -> None:
    push = PushAddress(kind="token", address="a-token")
    phone = enrolled_phone(database, client, clock, testa, push=push)
    refused(database, AddressKind.FCM_TOKEN, "a-token", "UNREGISTERED")
    refused(database, AddressKind.FCM_TOKEN, "a-token", "LATER")

    shown, _ = reaches(database, testa)
    to = Recipient(kind=RecipientKind.SUPERVISEE, id=testa.supervisee_id)
    with database.snapshot() as session:
        used = addresses(session, {to}, START)[to]

    assert (shown.kind, shown.is_used) == (ReachKind.PHONE, False)
    assert (shown.refused_at, shown.refusal) == (START, "UNREGISTERED")
    assert AddressKind.FCM_TOKEN not in {one.kind for one in used}

    told = {"kind": "token", "address": "a-token"}
    path, nonce = "/v1/device/push-address", fresh_nonce(client, phone.key)
    send_signed(client, phone.key, "PUT", path, members=told, nonce=nonce)
    again, _ = reaches(database, testa)

    assert (again.is_used, again.refused_at) == (True, None)


def test_a_mailbox_that_refuses_is_shown_and_rests(database: Database, testa: Person) -> None:
    mailbox = mailbox_of(database, testa)
    [before] = reaches(database, testa)
    refused(database, AddressKind.EMAIL, mailbox, "SMTP_550")

    [after] = reaches(database, testa)
    with database.snapshot() as session:
        [later] = reach_of(
            session, testa.officer, testa.supervisee_id, now=START + REST + timedelta(seconds=1)
        )

    assert (before.is_used, before.refusal) == (True, None)
    assert (after.is_used, after.refused_at, after.refusal) == (False, START, "SMTP_550")
    assert (later.is_used, later.refused_at) == (True, START)


def test_it_is_shown_over_http(database: Database, client: FlaskClient, testa: Person) -> None:
    with database.transaction() as session:
        bearer = bearer_of(session, testa.account, START)

    answer = client.get(f"/v1/supervisees/{testa.supervisee_id}/addresses", headers=bearer)

    assert answer.json == {
        "items": [
            {
                "kind": "mailbox",
                "address": mailbox_of(database, testa),
                "activation_id": None,
                "is_used": True,
                "refused_at": None,
                "refusal": None,
            }
        ]
    }
