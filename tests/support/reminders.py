"""People who owe something, and what the worker does about it."""

from __future__ import annotations

from datetime import date, datetime
from itertools import count
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from backend.appointments import service as appointments
from backend.appointments.service import Appointment, AppointmentKind, AppointmentTerms
from backend.core.db import Database, Session
from backend.outbox.models import OutboxMessage
from backend.outbox.rows import message_of
from backend.payments import service as payments
from backend.payments.kinds import Basis, Method, ObligationKind
from backend.payments.service import Incoming, Obligation, Payment, Source, Terms
from backend.reminders.service import SOURCE as REMINDERS
from backend.reminders.service import PlanReport
from backend.reminders.text import texts_now
from backend.worker import jobs
from tests.support.devices import Person

_numbers: Final = count(1)


def owes(
    session: Session,
    person: Person,
    due_on: date,
    now: datetime,
    *,
    amount_minor: int = 5_000,
    kind: ObligationKind = ObligationKind.SUPERVISION_FEE,
) -> Obligation:
    """Make the person owe dollars from now on."""
    terms = Terms(
        kind=kind, amount_minor=amount_minor, currency="USD", basis=Basis.ORDER, reference="TEST-1"
    )
    return payments.raise_obligation(
        session, person.officer, person.supervisee_id, terms, due_on=due_on, now=now
    )


def pays(session: Session, person: Person, amount_minor: int, now: datetime) -> Payment:
    """Book money that the person transferred the day before: nobody gives a receipt for that."""
    money = Incoming(
        supervisee_id=person.supervisee_id,
        amount_minor=amount_minor,
        currency="USD",
        received_on=date(2026, 3, 1),
        method=Method.BANK_TRANSFER,
        source=Source.IMPORT,
        external_id=f"B-{next(_numbers)}",
    )
    return payments.book_payment(session, person.officer, money, now=now)


def expects(
    session: Session,
    person: Person,
    starts_at: datetime,
    now: datetime,
    *,
    kind: AppointmentKind = AppointmentKind.HEARING,
    **terms: Any,
) -> Appointment:
    """Make an appointment with the person."""
    said = AppointmentTerms(starts_at=starts_at, **terms)
    return appointments.make_appointment(
        session, person.officer, person.supervisee_id, kind, said, now=now
    )


def planned(database: Database, now: datetime) -> PlanReport:
    """Plan, and commit."""
    return jobs.plan(database, now)


def waiting(database: Database) -> list[tuple[str, datetime]]:
    """Local day and instant of every reminder that nobody has tried to send, in order."""
    with database.snapshot() as session:
        rows = session.scalars(
            select(OutboxMessage)
            .where(
                OutboxMessage.source_kind == REMINDERS,
                OutboxMessage.attempts == 0,
                OutboxMessage.withdrawn_at.is_(None),
            )
            .order_by(OutboxMessage.due_at)
        )
        return [(row.key.rsplit(":", 1)[1], row.due_at) for row in rows]


def bodies_now(database: Database) -> list[str]:
    """What each reminder would say now, in order of their instants; unowed ones are left out."""
    with database.snapshot() as session:
        rows = session.scalars(select(OutboxMessage).order_by(OutboxMessage.due_at))
        messages = [message_of(row) for row in rows]
        texts = texts_now(session, messages, pays_in_app=False)
        return [texts[message.id].body for message in messages if message.id in texts]


def message_ids(database: Database) -> list[UUID]:
    """Every message of the outbox, in order of their instants."""
    with database.snapshot() as session:
        return list(session.scalars(select(OutboxMessage.id).order_by(OutboxMessage.due_at)))
