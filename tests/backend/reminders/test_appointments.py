"""Reminders of check-ins, hearings and appointments, and of what people have turned off."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from backend.appointments import service as appointments
from backend.appointments.service import AppointmentKind, AppointmentTerms
from backend.core.actor import Actor, ActorKind
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.identity.service import AgencyPolicy
from backend.outbox.models import OutboxMessage
from backend.reminders import choices, service
from backend.reminders.service import PlanReport
from notifications.delivery import MessageState
from notifications.kind import MessageKind
from tests.support.clocks import START
from tests.support.devices import Person, supervised_person
from tests.support.reminders import bodies_now, expects, owes, pays, planned, waiting

HEARING_AT = datetime(2026, 3, 6, 15, 30, tzinfo=UTC)
"""Friday, 9:30 in Chicago."""
DAY = timedelta(days=1)


def me(person: Person) -> Actor:
    return Actor(kind=ActorKind.SUPERVISEE, id=person.supervisee_id, agency_id=person.agency.id)


@pytest.mark.parametrize("kind", list(AppointmentKind))
def test_an_appointment_is_reminded_of_three_days_and_one_before(
    database: Database, testa: Person, kind: AppointmentKind
) -> None:
    with database.transaction() as session:
        expects(session, testa, HEARING_AT, START, kind=kind)

    report = planned(database, START)

    # Seven days before is past.
    assert report == PlanReport(added=2)
    assert [day for day, _ in waiting(database)] == ["2026-03-03", "2026-03-05"]


def test_each_kind_has_days_of_its_own(database: Database) -> None:
    policy = AgencyPolicy(
        check_in_reminder_days=(0,), hearing_reminder_days=(-2,), appointment_reminder_days=()
    )
    with database.transaction() as session:
        person = supervised_person(session, now=START, policy=policy)
        for kind in AppointmentKind:
            expects(session, person, HEARING_AT + DAY / 2, START, kind=kind)

    planned(database, START)

    assert [day for day, _ in waiting(database)] == ["2026-03-04", "2026-03-06"]


def test_a_reminder_says_where_when_by_whose_clock_and_whom_to_call(
    database: Database, testa: Person
) -> None:
    with database.transaction() as session:
        expects(
            session,
            testa,
            HEARING_AT,
            START,
            place="Room 4",
            zone="America/Denver",
            contact_name="the clerk",
            contact_phone="+15555550177",
        )
    planned(database, START)

    first, *_ = bodies_now(database)

    assert "Court hearing (Room 4): Friday, March 6, 2026, 8:30\N{NO-BREAK SPACE}AM MST" in first
    assert "call the clerk at +15555550177" in first
    assert "Testa County Supervision" in first


def test_moving_takes_back_what_is_unsent_and_plans_anew(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        made = expects(session, testa, HEARING_AT, START)
    planned(database, START)
    terms = AppointmentTerms(starts_at=HEARING_AT + DAY)
    with database.transaction() as session:
        appointments.change_appointment(session, testa.officer, made.id, terms, now=START)

    # Before planning has noticed, nothing of the old day would be sent any more.
    assert bodies_now(database) == []
    report = planned(database, START)

    assert report == PlanReport(added=2, withdrawn=2)
    assert [day for day, _ in waiting(database)] == ["2026-03-04", "2026-03-06"]


DAY_BEFORE = datetime(2026, 3, 5, 19, tzinfo=UTC)
"""13:00 in Chicago, when the last reminder of the hearing is sent."""


def moved(database: Database, person: Person, made: UUID, to: datetime, now: datetime) -> None:
    with database.transaction() as session:
        appointments.change_appointment(
            session, person.officer, made, AppointmentTerms(starts_at=to), now=now
        )


@pytest.mark.parametrize(
    ("ahead", "reminded"),
    [(timedelta(seconds=10), False), (timedelta(minutes=59), False), (timedelta(hours=1), True)],
)
def test_who_was_just_told_of_a_move_is_not_reminded_of_it_as_well(
    database: Database, testa: Person, ahead: timedelta, reminded: bool
) -> None:
    now = DAY_BEFORE - ahead
    with database.transaction() as session:
        made = expects(session, testa, HEARING_AT, START)
    planned(database, DAY_BEFORE - timedelta(hours=2))

    moved(database, testa, made.id, HEARING_AT + timedelta(minutes=30), now)

    # What is sent before planning has noticed says it as little.
    assert bool(bodies_now(database)) is reminded
    assert planned(database, now) == PlanReport(moved=int(reminded), withdrawn=int(not reminded))
    assert [day for day, _ in waiting(database)] == ["2026-03-05"] * reminded
    assert planned(database, now) == PlanReport()


def test_what_else_falls_due_is_reminded_of_all_the_same(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        made = expects(session, testa, HEARING_AT, START, place="Room 4")
        expects(session, testa, HEARING_AT + timedelta(hours=3), START, place="Room 7")
    planned(database, DAY_BEFORE - timedelta(hours=2))

    moved(database, testa, made.id, HEARING_AT + timedelta(hours=1), DAY_BEFORE - DAY / 48)

    (body,) = bodies_now(database)
    assert "Room 7" in body
    assert "10:30" not in body


def test_a_notice_that_waits_for_the_morning_spares_the_mornings_reminder(
    database: Database,
) -> None:
    policy = AgencyPolicy(reminder_at=time(8), reminders_from=time(8))
    evening = datetime(2026, 3, 3, 4, tzinfo=UTC)
    with database.transaction() as session:
        person = supervised_person(session, now=START, policy=policy)
        made = expects(session, person, HEARING_AT, START)
    planned(database, evening - DAY / 24)
    assert [day for day, _ in waiting(database)] == ["2026-03-03", "2026-03-05"]

    moved(database, person, made.id, HEARING_AT + timedelta(minutes=30), evening)
    planned(database, evening)

    assert [day for day, _ in waiting(database)] == ["2026-03-05"]


def test_a_notice_that_reached_nobody_spares_no_reminder(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        made = expects(session, testa, HEARING_AT, START)
    now = DAY_BEFORE - timedelta(minutes=20)
    moved(database, testa, made.id, HEARING_AT + timedelta(minutes=30), now)
    planned(database, now)
    assert waiting(database) == []

    with database.transaction() as session:
        session.execute(update(OutboxMessage).values(state=MessageState.UNDELIVERABLE))

    assert planned(database, now) == PlanReport(added=1)


def test_moving_by_an_hour_moves_the_end_alone(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        made = expects(session, testa, HEARING_AT, START)
    planned(database, START)
    terms = AppointmentTerms(starts_at=HEARING_AT + timedelta(hours=1))
    with database.transaction() as session:
        appointments.change_appointment(session, testa.officer, made.id, terms, now=START)

    assert planned(database, START) == PlanReport(moved=2)


def test_cancelling_takes_back_what_is_unsent(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        made = expects(session, testa, HEARING_AT, START)
    planned(database, START)
    with database.transaction() as session:
        appointments.cancel_appointment(
            session, testa.officer, made.id, reason="Settled.", now=START
        )

    assert bodies_now(database) == []
    assert planned(database, START) == PlanReport(withdrawn=2)


def test_a_kind_that_is_turned_off_is_taken_back_and_others_stay(
    database: Database, testa: Person
) -> None:
    with database.transaction() as session:
        owes(session, testa, HEARING_AT.date() + DAY, START)
        expects(session, testa, HEARING_AT, START)
    planned(database, START)
    with database.transaction() as session:
        chosen = choices.choose(session, me(testa), {MessageKind.PAYMENT}, now=START)

    report = planned(database, START)

    assert chosen.turned_off == [MessageKind.PAYMENT]
    assert report == PlanReport(withdrawn=3)
    assert len(bodies_now(database)) == 2


def test_what_is_turned_on_again_is_planned_again(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        owes(session, testa, HEARING_AT.date() + DAY, START)
        choices.choose(session, me(testa), {MessageKind.PAYMENT}, now=START)
    assert planned(database, START) == PlanReport()
    with database.transaction() as session:
        choices.choose(session, me(testa), set(), now=START)
        again = choices.choose(session, me(testa), set(), now=START)

    assert again.turned_off == []
    assert planned(database, START) == PlanReport(added=3)


def test_what_is_mandatory_cannot_be_turned_off(database: Database, testa: Person) -> None:
    with pytest.raises(Problem) as refusal, database.transaction() as session:
        choices.choose(session, me(testa), {MessageKind.HEARING}, now=START)

    assert (refusal.value.code, refusal.value.pointer) == (Code.INVALID_REQUEST, "/turned_off")


def test_choices_are_the_persons_own(database: Database, testa: Person) -> None:
    with pytest.raises(Problem) as refusal, database.transaction() as session:
        choices.choose(session, testa.officer, {MessageKind.PAYMENT}, now=START)

    assert refusal.value.code is Code.FORBIDDEN


def test_officers_see_what_is_turned_off(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        choices.choose(session, me(testa), {MessageKind.PAYMENT, MessageKind.CHECK_IN}, now=START)
        seen = choices.choices_of(session, testa.officer, testa.supervisee_id)

    assert seen.turned_off == [MessageKind.CHECK_IN, MessageKind.PAYMENT]
    assert seen.mandatory == [MessageKind.HEARING]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["owe", "pay", "expect", "move", "cancel", "turn off", "turn on", "wait"]),
        st.integers(0, 12),
        st.integers(0, 23),
    ),
    min_size=1,
    max_size=8,
)


@given(steps=STEPS)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_happens_what_waits_is_what_would_be_planned_from_nothing(
    database: Database, steps: list[tuple[str, int, int]]
) -> None:
    now = START
    with database.transaction() as session:
        person = supervised_person(session, now=now)
        twin = supervised_person(session, now=now)
    made: dict[UUID, list[UUID]] = {person.supervisee_id: [], twin.supervisee_id: []}
    for what, days, hours in steps:
        at = now + timedelta(days=days, hours=hours, minutes=1)
        for one in (person, twin):
            _do(database, what, one, made[one.supervisee_id], at, now)
        if what == "wait":
            now += timedelta(hours=hours)
        # The twin is planned for at the end alone.
        _planned_for(database, person, now)

    again = _planned_for(database, person, now)
    _planned_for(database, twin, now)

    assert again == PlanReport()
    assert _waits(database, person, now) == _waits(database, twin, now)


def _do(
    database: Database, what: str, person: Person, made: list[UUID], at: datetime, now: datetime
) -> None:
    officer = person.officer
    with database.transaction() as session:
        if what == "owe":
            owes(session, person, at.date(), now)
        elif what == "pay":
            pays(session, person, 100_000, now)
        elif what == "expect":
            made.append(expects(session, person, at, now).id)
        elif what == "turn off":
            choices.choose(session, me(person), {MessageKind.PAYMENT}, now=now)
        elif what == "turn on":
            choices.choose(session, me(person), set(), now=now)
        elif made and appointments.read_appointment(session, officer, made[-1]).starts_at > now:
            if what == "move":
                terms = AppointmentTerms(starts_at=at)
                appointments.change_appointment(session, officer, made[-1], terms, now=now)
            elif what == "cancel":
                last = made.pop()
                appointments.cancel_appointment(session, officer, last, reason="x", now=now)


def _planned_for(database: Database, person: Person, now: datetime) -> PlanReport:
    with database.transaction() as session:
        changes = service.changes_due(session, [person.supervisee_id], now)
        return service.make(session, changes, now)


def _waits(
    database: Database, person: Person, now: datetime
) -> list[tuple[str, datetime, datetime]]:
    with database.snapshot() as session:
        rows = session.scalars(
            select(OutboxMessage).where(
                OutboxMessage.recipient_id == person.supervisee_id,
                OutboxMessage.withdrawn_at.is_(None),
                OutboxMessage.due_at > now,
            )
        )
        return sorted((row.key.partition(":")[2], row.due_at, row.expires_at) for row in rows)
