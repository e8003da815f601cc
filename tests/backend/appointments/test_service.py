from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from backend.appointments import service
from backend.appointments.service import AppointmentKind, AppointmentTerms
from backend.audit.acts import Act
from backend.audit.models import AuditEvent
from backend.core.actor import Actor, ActorKind
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from tests.support.clocks import START
from tests.support.devices import Person, supervised_person
from tests.support.reminders import expects

AT = datetime(2026, 3, 10, 15, tzinfo=UTC)


@pytest.fixture
def testa(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


def test_without_the_permission_nothing_is_made_or_read(database: Database, testa: Person) -> None:
    nobody = replace(testa.officer, permissions=frozenset())
    with database.transaction() as session:
        made = expects(session, testa, AT, START)

    for act in (
        lambda session: service.make_appointment(
            session,
            nobody,
            testa.supervisee_id,
            AppointmentKind.CHECK_IN,
            AppointmentTerms(starts_at=AT),
            now=START,
        ),
        lambda session: service.appointment_to_change(session, nobody, made.id),
        lambda session: service.cancel_appointment(session, nobody, made.id, reason="x", now=START),
        lambda session: service.read_appointment(session, nobody, made.id),
        lambda session: service.appointments(session, nobody, testa.supervisee_id, Cursor()),
        lambda session: service.my_appointments(session, nobody, Cursor()),
    ):
        with pytest.raises(Problem) as refusal, database.transaction() as session:
            act(session)
        assert refusal.value.code is Code.FORBIDDEN


def test_another_agencys_and_what_is_missing_look_alike(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        made = expects(session, testa, AT, START)
        other = supervised_person(session, now=START)

    for appointment_id in (made.id, uuid4()):
        with pytest.raises(Problem) as refusal, database.snapshot() as session:
            service.read_appointment(session, other.officer, appointment_id)
        assert refusal.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        (AppointmentTerms(starts_at=START), "/starts_at"),
        (AppointmentTerms(starts_at=AT, zone="Mars/Olympus"), "/zone"),
    ],
)
def test_an_appointment_lies_ahead_and_in_a_zone(
    database: Database, testa: Person, terms: AppointmentTerms, pointer: str
) -> None:
    with pytest.raises(Problem) as refusal, database.transaction() as session:
        service.make_appointment(
            session,
            testa.officer,
            testa.supervisee_id,
            AppointmentKind.HEARING,
            terms,
            now=START,
        )

    assert (refusal.value.code, refusal.value.pointer) == (Code.INVALID_REQUEST, pointer)


def test_an_appointment_is_in_the_agencys_zone_unless_told(
    database: Database, testa: Person
) -> None:
    with database.transaction() as session:
        here = expects(session, testa, AT, START)
        there = expects(session, testa, AT, START, zone="America/Denver")

    assert (here.zone, there.zone) == ("America/Chicago", "America/Denver")


def test_moving_is_audited_with_both_instants_and_no_words(
    database: Database, testa: Person
) -> None:
    with database.transaction() as session:
        made = expects(session, testa, AT, START, place="Room 4")
    later = AppointmentTerms(starts_at=AT + timedelta(days=1), place="Room 5", zone=made.zone)

    with database.transaction() as session:
        moved = service.change_appointment(session, testa.officer, made.id, later, now=START)
        again = service.change_appointment(session, testa.officer, made.id, later, now=START)

    assert (moved.starts_at, moved.place) == (AT + timedelta(days=1), "Room 5")
    assert again == moved
    with database.snapshot() as session:
        [event] = session.scalars(
            select(AuditEvent).where(AuditEvent.act == Act.APPOINTMENT_CHANGED.value)
        )
    assert json.loads(event.details) == {
        "fields": ["starts_at", "place"],
        "was_at": "2026-03-10T15:00:00Z",
        "starts_at": "2026-03-11T15:00:00Z",
    }


def test_what_is_cancelled_or_over_stays_as_it_was(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        cancelled = expects(session, testa, AT, START)
        over = expects(session, testa, AT, START)
        gone = service.cancel_appointment(
            session, testa.officer, cancelled.id, reason="The court is closed.", now=START
        )
    assert (gone.cancelled_at, gone.cancellation_reason) == (START, "The court is closed.")

    terms = AppointmentTerms(starts_at=AT + timedelta(days=9))
    for appointment_id, now in ((cancelled.id, START), (over.id, AT)):
        with pytest.raises(Problem) as moving, database.transaction() as session:
            service.change_appointment(session, testa.officer, appointment_id, terms, now=now)
        with pytest.raises(Problem) as cancelling, database.transaction() as session:
            service.cancel_appointment(
                session, testa.officer, appointment_id, reason="again", now=now
            )
        assert moving.value.code is cancelling.value.code is Code.ILLEGAL_TRANSITION


def test_due_are_those_in_the_span_that_are_not_cancelled(
    database: Database, testa: Person
) -> None:
    day = timedelta(days=1)
    with database.transaction() as session:
        first = expects(session, testa, AT, START)
        expects(session, testa, AT + day, START)
        cancelled = expects(session, testa, AT, START)
        service.cancel_appointment(session, testa.officer, cancelled.id, reason="x", now=START)

    with database.snapshot() as session:
        theirs = [testa.supervisee_id]
        due = service.due_appointments(session, AT, AT + day, supervisee_ids=theirs)
        nobodys = service.due_appointments(session, AT, AT + day, supervisee_ids=[uuid4()])

    assert due == [first]
    assert nobodys == []


def test_a_person_reads_their_own_alone(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        other = supervised_person(session, now=START, agency=testa.agency)
        mine = expects(session, testa, AT, START)
        expects(session, other, AT, START)
    me = Actor(kind=ActorKind.SUPERVISEE, id=testa.supervisee_id, agency_id=testa.agency.id)

    with database.snapshot() as session:
        page = service.my_appointments(session, me, Cursor())

    assert page.items == [mine]
