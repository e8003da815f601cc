from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from backend.audit import service
from backend.audit.models import AuditEvent, AuditSeal, UnsealedEvent
from backend.audit.service import Act, Outcome
from backend.core.actor import SYSTEM, Actor, ActorKind, Permission
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from tests.support.audit import make_event, recorded_acts
from tests.support.clocks import START, FrozenClock

OFFICER = Actor(
    kind=ActorKind.OFFICER,
    id=UUID(int=1),
    agency_id=UUID(int=10),
    permissions=frozenset({Permission.AUDIT_READ}),
    address="192.0.2.1",
)
COLLEAGUE = Actor(
    kind=ActorKind.OFFICER,
    id=UUID(int=2),
    agency_id=UUID(int=10),
    permissions=frozenset({Permission.AUDIT_READ}),
    own_only=True,
)
STRANGER = Actor(
    kind=ActorKind.OFFICER,
    id=UUID(int=3),
    agency_id=UUID(int=11),
    permissions=frozenset({Permission.AUDIT_READ}),
)


def test_what_cannot_be_written_exactly_is_refused(database: Database) -> None:
    for details in ({"value": object()}, {"value": float("nan")}, {"value": b"bytes"}):
        with pytest.raises((TypeError, ValueError)), database.transaction() as session:
            service.record(
                session, SYSTEM, Act.AGENCY_CREATED, subject=None, now=START, details=details
            )

    with database.snapshot() as session:
        assert recorded_acts(session) == []


def test_an_act_that_is_rolled_back_leaves_no_record(database: Database) -> None:
    with pytest.raises(LookupError), database.transaction() as session:
        make_event(session, START)
        raise LookupError

    with database.snapshot() as session:
        assert recorded_acts(session) == []
        assert session.scalar(select(UnsealedEvent)) is None


def test_a_record_says_who_what_when_from_where_on_what_and_with_what_outcome(
    database: Database,
) -> None:
    person, code = uuid4(), uuid4()
    at = datetime(2026, 3, 2, 9, 0, 1, 239_999, tzinfo=UTC)

    with database.transaction() as session:
        service.record(
            session,
            OFFICER,
            Act.OFFICER_SIGNED_IN,
            subject=("code", code),
            supervisee_id=person,
            outcome=Outcome.FAILED,
            details={"id": code, "until": START, "kind": ActorKind.SYSTEM, "fields": ["zone"]},
            now=at,
        )

    with database.snapshot() as session:
        (event,) = service.events(session, OFFICER, cursor=Cursor()).items
    assert event.actor_kind == "officer"
    assert event.actor_id == OFFICER.id
    assert event.agency_id == OFFICER.agency_id
    assert event.address == "192.0.2.1"
    assert event.act == "officer.signed-in"
    assert (event.subject_kind, event.subject_id) == ("code", code)
    assert event.supervisee_id == person
    assert event.outcome == "failed"
    assert event.at == datetime(2026, 3, 2, 9, 0, 1, 230_000, tzinfo=UTC)
    assert event.details == {
        "id": str(code),
        "until": "2026-03-02T09:00:00Z",
        "kind": "system",
        "fields": ["zone"],
    }


@pytest.mark.parametrize("table", [AuditEvent, AuditSeal])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_neither_events_nor_seals_can_be_changed(
    database: Database, table: type[AuditEvent | AuditSeal], statement: str
) -> None:
    with database.transaction() as session:
        make_event(session, START)
        service.seal(session, START)
    columns = [column.name for column in table.__table__.columns]

    for column in columns:
        with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
            session.execute(text(statement.format(table.__tablename__, column, column)))


def test_reading_the_record_needs_the_permission(database: Database) -> None:
    actor = Actor(kind=ActorKind.OFFICER, id=UUID(int=1), agency_id=UUID(int=10))

    with pytest.raises(Problem) as refused, database.snapshot() as session:
        service.events(session, actor, cursor=Cursor())

    assert refused.value.code is Code.FORBIDDEN


def test_an_agency_reads_its_own_acts_and_those_of_the_system_for_it_only(
    database: Database,
) -> None:
    with database.transaction() as session:
        make_event(session, START, actor=OFFICER)
        make_event(session, START, actor=STRANGER)
        make_event(session, START, actor=SYSTEM, agency_id=OFFICER.agency)
        make_event(session, START, actor=SYSTEM)

    with database.snapshot() as session:
        page = service.events(session, OFFICER, cursor=Cursor())

    assert {event.actor_kind for event in page.items} == {"officer", "system"}
    assert {event.agency_id for event in page.items} == {OFFICER.agency_id}


def test_an_officer_cannot_write_into_the_record_of_another_agency(database: Database) -> None:
    with database.transaction() as session:
        make_event(session, START, actor=OFFICER, agency_id=STRANGER.agency)

    with database.snapshot() as session:
        assert service.events(session, STRANGER, cursor=Cursor()).items == []


def test_whoever_sees_only_their_own_reads_only_their_own_acts(database: Database) -> None:
    with database.transaction() as session:
        make_event(session, START, actor=OFFICER)
        make_event(session, START, actor=COLLEAGUE)

    with database.snapshot() as session:
        page = service.events(session, COLLEAGUE, cursor=Cursor())

    assert [event.actor_id for event in page.items] == [COLLEAGUE.id]


def test_events_are_found_by_act_actor_and_person(database: Database) -> None:
    person = uuid4()
    with database.transaction() as session:
        make_event(session, START, actor=OFFICER, act=Act.TOKEN_CREATED)
        service.record(
            session,
            COLLEAGUE,
            Act.SUPERVISEE_CHANGED,
            subject=("supervisee", person),
            supervisee_id=person,
            now=START,
        )

    with database.snapshot() as session:
        by_act = service.events(session, OFFICER, cursor=Cursor(), act=Act.TOKEN_CREATED)
        by_actor = service.events(session, OFFICER, cursor=Cursor(), actor_id=COLLEAGUE.id)
        by_person = service.events(session, OFFICER, cursor=Cursor(), supervisee_id=person)

    assert [event.act for event in by_act.items] == ["token.created"]
    assert [event.act for event in by_actor.items] == ["supervisee.changed"]
    assert [event.act for event in by_person.items] == ["supervisee.changed"]


def test_pages_follow_each_other_newest_first(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        for _ in range(5):
            make_event(session, clock.step(seconds=1), actor=OFFICER)

    with database.snapshot() as session:
        first = service.events(session, OFFICER, cursor=Cursor(limit=3))
        second = service.events(session, OFFICER, cursor=Cursor(after=first.next, limit=3))

    times = [event.at for event in (*first.items, *second.items)]
    assert len(times) == 5
    assert times == sorted(times, reverse=True)
    assert second.next is None
