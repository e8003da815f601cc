from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from backend.core.actor import SYSTEM, Actor, ActorKind
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity import service as identity
from backend.identity.service import Role
from backend.outbox.inbox import StoredInbox
from backend.reminders import service
from tests.support.clocks import START, FrozenClock
from tests.support.devices import Person, enrolled_phone, supervised_person
from tests.support.identity import actor_of, bearer_of, make_actor
from tests.support.outbox import to_inbox
from tests.support.reminders import message_ids, owes, pays, planned

DUE = date(2026, 3, 7)
DUE_AT = datetime(2026, 3, 2, 19, tzinfo=UTC)


@pytest.fixture
def reminded(database: Database, testa: Person) -> Person:
    """A person with three reminders waiting."""
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)
    return testa


def texts(database: Database, actor: Actor, supervisee_id: UUID) -> list[str | None]:
    with database.snapshot() as session:
        page = service.reminders_of(session, actor, supervisee_id, Cursor(), pays_in_app=False)
        return [item.text for item in page.items]


def test_an_officer_without_the_permission_is_refused(database: Database, reminded: Person) -> None:
    nobody = replace(reminded.officer, permissions=frozenset())

    with pytest.raises(Problem) as refusal:
        texts(database, nobody, reminded.supervisee_id)

    assert refusal.value.code is Code.FORBIDDEN


def test_an_officer_of_another_agency_and_a_stranger_look_alike(
    database: Database, reminded: Person
) -> None:
    with database.transaction() as session:
        other = supervised_person(session, now=START)

    for supervisee_id in (reminded.supervisee_id, uuid4()):
        with pytest.raises(Problem) as refusal:
            texts(database, other.officer, supervisee_id)
        assert refusal.value.code is Code.NOT_FOUND


def test_an_officer_sees_only_the_reminders_of_the_person_asked_for(
    database: Database, reminded: Person
) -> None:
    with database.transaction() as session:
        other = supervised_person(session, now=START, agency=reminded.agency)

    assert texts(database, reminded.officer, other.supervisee_id) == []


def test_an_officer_reads_what_would_be_said_now(database: Database, reminded: Person) -> None:
    with database.transaction() as session:
        pays(session, reminded, 1_000, START)

    previews = texts(database, reminded.officer, reminded.supervisee_id)

    assert len(previews) == 3
    assert all("$40.00" in (text or "") for text in previews)


def test_a_reminder_names_the_agencys_own_page_to_pay_on(
    database: Database, reminded: Person
) -> None:
    before = texts(database, reminded.officer, reminded.supervisee_id)
    agency = reminded.agency
    with database.transaction() as session:
        identity.change_agency(
            session,
            make_actor(session, agency, START, role=Role.AGENCY_ADMIN),
            name=agency.name,
            zone=agency.zone,
            contact_phone=agency.contact_phone,
            contact_email=agency.contact_email,
            policy=replace(agency.policy, payment_url="https://pay.agency.example/fees"),
            now=START,
        )

    after = texts(database, reminded.officer, reminded.supervisee_id)

    assert not [text for text in before if "http" in (text or "")]
    assert (
        len([text for text in after if "Pay here: https://pay.agency.example/fees" in (text or "")])
        == 3
    )


def test_a_reminder_that_would_not_be_sent_has_no_text(
    database: Database, reminded: Person
) -> None:
    with database.transaction() as session:
        pays(session, reminded, 5_000, START)

    assert texts(database, reminded.officer, reminded.supervisee_id) == [None] * 3


def test_what_was_given_is_shown_as_it_was_given(database: Database, reminded: Person) -> None:
    first, *_ = message_ids(database)
    StoredInbox(database).keep(
        [to_inbox(reminded.supervisee_id, "as given", message_id=first)], at=DUE_AT
    )
    with database.transaction() as session:
        pays(session, reminded, 5_000, START)

    shown = texts(database, reminded.officer, reminded.supervisee_id)

    assert sorted(text or "" for text in shown) == ["", "", "as given"]


def test_reminders_are_listed_over_http(
    database: Database, client: FlaskClient, reminded: Person
) -> None:
    with database.transaction() as session:
        bearer = bearer_of(session, reminded.account, START)
    path = f"/v1/supervisees/{reminded.supervisee_id}/reminders"

    first = client.get(f"{path}?limit=2", headers=bearer)
    assert first.json is not None
    second = client.get(f"{path}?limit=2&after={first.json['next']}", headers=bearer)

    assert second.json is not None
    items = first.json["items"] + second.json["items"]
    assert second.json["next"] is None
    [soonest] = [item for item in items if item["due_at"] == "2026-03-02T19:00:00Z"]
    text = soonest.pop("text")
    assert soonest == {
        "id": str(message_ids(database)[0]),
        "kind": "payment",
        "state": "pending",
        "language": "en",
        "due_at": "2026-03-02T19:00:00Z",
        "expires_at": "2026-03-08T06:00:00Z",
        "attempts": 0,
        "sent_at": None,
        "via": None,
        "delivered_at": None,
        "opened_at": None,
    }
    assert "Supervision fee: $50.00" in text


def test_without_signing_in_there_is_no_list(client: FlaskClient, reminded: Person) -> None:
    answer = client.get(f"/v1/supervisees/{reminded.supervisee_id}/reminders")

    assert answer.status_code == 401


def test_an_inbox_is_its_owners(database: Database, reminded: Person) -> None:
    message_id = uuid4()
    StoredInbox(database).keep(
        [to_inbox(reminded.supervisee_id, "Hello Testa", message_id=message_id)], at=START
    )

    def inbox_of(supervisee_id: UUID) -> list[tuple[UUID, str]]:
        person = Actor(kind=ActorKind.SUPERVISEE, id=supervisee_id, agency_id=reminded.agency.id)
        with database.snapshot() as session:
            page = service.inbox(session, person, Cursor())
            return [(item.id, item.body) for item in page.items]

    assert inbox_of(reminded.supervisee_id) == [(message_id, "Hello Testa")]
    assert inbox_of(uuid4()) == []


def test_nobody_but_a_supervised_person_has_an_inbox(database: Database, reminded: Person) -> None:
    with database.snapshot() as session:
        for actor in (SYSTEM, actor_of(reminded.account)):
            with pytest.raises(LookupError):
                service.inbox(session, actor, Cursor())


def test_the_inbox_stands_behind_the_gate(client: FlaskClient) -> None:
    assert client.get("/v1/me/inbox").status_code == 401


def test_a_person_reads_their_inbox_by_phone(
    database: Database, client: FlaskClient, clock: FrozenClock, reminded: Person
) -> None:
    phone = enrolled_phone(database, client, clock, reminded)
    message_id = uuid4()
    StoredInbox(database).keep(
        [to_inbox(reminded.supervisee_id, "Hello Testa", message_id=message_id)], at=START
    )

    answer = phone.get("/v1/me/inbox")

    assert answer.status == 200
    assert answer.json() == {
        "items": [
            {
                "id": str(message_id),
                "subject": "You have a message",
                "body": "Hello Testa",
                "posted_at": "2026-03-02T09:00:00Z",
            }
        ],
        "next": None,
    }
