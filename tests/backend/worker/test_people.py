from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from flask.testing import FlaskClient

from backend.core.db import Database
from backend.identity import service as identity
from backend.identity.service import OfficerData, Role
from backend.outbox.messages import Recipient, RecipientKind
from backend.simulator.phone import PushAddress
from backend.worker.people import addresses, forget
from notifications.channels.base import Address, AddressKind
from tests.support.clocks import START, FrozenClock
from tests.support.devices import Person, enrolled_phone
from tests.support.identity import make_officer


def of(database: Database, recipient: Recipient, now: datetime = START) -> tuple[Address, ...]:
    with database.snapshot() as session:
        return addresses(session, {recipient}, now).get(recipient, ())


def as_recipient(person: Person) -> Recipient:
    return Recipient(kind=RecipientKind.SUPERVISEE, id=person.supervisee_id)


def test_nobody_is_nowhere(database: Database) -> None:
    with database.snapshot() as session:
        assert dict(addresses(session, set(), START)) == {}
    for kind in RecipientKind:
        assert of(database, Recipient(kind=kind, id=uuid4())) == ()


def test_a_person_without_phone_is_reached_by_mail_and_inbox(
    database: Database, testa: Person
) -> None:
    found = of(database, as_recipient(testa))

    assert [address.kind for address in found] == [AddressKind.EMAIL, AddressKind.INBOX]
    assert found[-1].value == str(testa.supervisee_id)


def test_a_phone_comes_first(
    database: Database, client: FlaskClient, clock: FrozenClock, testa: Person
) -> None:
    for kind, expected in (("token", AddressKind.FCM_TOKEN), ("fid", AddressKind.FCM_FID)):
        push = PushAddress(kind=kind, address=f"address-{kind}")
        enrolled_phone(database, client, clock, testa, push=push)

        first, *_ = of(database, as_recipient(testa))

        assert first == Address(kind=expected, value=f"address-{kind}")


def test_an_officer_is_reached_by_mail_until_disabled(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        make_officer(session, testa.agency, START, role=Role.AGENCY_ADMIN)
        officer = make_officer(session, testa.agency, START)
    recipient = Recipient(kind=RecipientKind.OFFICER, id=officer.id)
    before = of(database, recipient)
    data = OfficerData(
        email=officer.email, given_name="Offa", family_name="Example", role=Role.OFFICER
    )

    with database.transaction() as session:
        identity.change_officer(session, testa.officer, officer.id, data, disabled=True, now=START)

    assert before == (Address(kind=AddressKind.EMAIL, value=officer.email),)
    assert of(database, recipient) == ()


def test_a_dead_push_address_is_forgotten_and_a_dead_mailbox_rests_for_a_month(
    database: Database, client: FlaskClient, clock: FrozenClock, testa: Person
) -> None:
    push = PushAddress(kind="token", address="gone")
    enrolled_phone(database, client, clock, testa, push=push)
    known = of(database, as_recipient(testa))

    with database.transaction() as session:
        for address in known:
            forget(session, address, "UNREGISTERED", START)

    left = of(database, as_recipient(testa))
    assert [address.kind for address in left] == [AddressKind.INBOX]
    later = of(database, as_recipient(testa), START + timedelta(days=30))
    assert [address.kind for address in later] == [AddressKind.EMAIL, AddressKind.INBOX]


def test_an_officers_mailbox_is_tried_whatever_was_said_of_it(
    database: Database, testa: Person
) -> None:
    recipient = Recipient(kind=RecipientKind.OFFICER, id=testa.account.id)
    before = of(database, recipient)

    with database.transaction() as session:
        forget(session, before[0], "SMTP_550", START)

    assert of(database, recipient) == before
