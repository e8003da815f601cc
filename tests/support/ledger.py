"""A book with one of everything in it, and doing to it what only an intruder would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, create_engine

from backend.core.actor import SYSTEM
from backend.core.db import Base, Database, Session
from backend.core.immutability import guarded_tables, unguard
from backend.identity.service import Role
from backend.payments import service
from backend.payments.kinds import Authority, Basis, Method, ObligationKind
from backend.payments.ledger import TransactionKind
from backend.payments.service import Incoming, Outgoing, ReliefTerms, Source, Unidentified
from tests.support.counters import closed, confirmed, days_of
from tests.support.identity import actor_of, make_officer
from tests.support.offices import Office
from tests.support.payments import owed, paid

RECEIVED_ON: Final = date(2026, 3, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyBook:
    """What is in it, by what it is."""

    fine_id: UUID
    relief_id: UUID
    payment_id: UUID
    refund_id: UUID
    undone_id: UUID
    waiting_id: UUID
    cash_day_id: UUID
    taken_id: UUID


def incoming(
    person: UUID, external_id: str, amount_minor: int = 4_000, currency: str = "USD"
) -> Incoming:
    """Money on a hosted page, by its number there."""
    return Incoming(
        supervisee_id=person,
        amount_minor=amount_minor,
        currency=currency,
        received_on=RECEIVED_ON,
        method=Method.HOSTED_PAGE,
        source=Source.PROVIDER,
        external_id=external_id,
    )


def outgoing(payment_id: UUID, external_id: str, amount_minor: int = 1_000) -> Outgoing:
    """Money of a payment that goes back, by its number at the provider."""
    return Outgoing(
        payment_id=payment_id,
        amount_minor=amount_minor,
        source=Source.PROVIDER,
        external_id=external_id,
        reason="Paid twice.",
        authority=Authority.PROVIDER,
        document=external_id,
    )


def unidentified(
    external_id: str, amount_minor: int = 3_000, currency: str = "USD"
) -> Unidentified:
    """Money of nobody known, by its number at the bank."""
    return Unidentified(
        amount_minor=amount_minor,
        currency=currency,
        received_on=RECEIVED_ON,
        method=Method.LOCKBOX,
        source=Source.IMPORT,
        external_id=external_id,
    )


def relief_terms(kind: TransactionKind, amount_minor: int) -> ReliefTerms:
    """What shall be owed less, by a court's order."""
    return ReliefTerms(
        kind=kind,
        amount_minor=amount_minor,
        authority=Basis.ORDER,
        document="2026-CR-000411",
        reason="Lost her work.",
        service_hours=20 if kind is TransactionKind.CONVERSION else None,
    )


def busy_book(session: Session, office: Office, now: datetime) -> BusyBook:
    """Let everything happen once to one person's money."""
    person, soon = office.person.id, now.date() + timedelta(days=18)
    supervisor = actor_of(make_officer(session, office.agency, now, role=Role.SUPERVISOR))
    fine = owed(session, office.actor, person, soon, now, amount_minor=20_000)
    owed(session, office.actor, person, soon, now, kind=ObligationKind.RESTITUTION)
    service.book_pending(session, SYSTEM, incoming(person, "pi_1"), now=now)
    payment = service.book_payment(session, SYSTEM, incoming(person, "pi_1"), now=now)
    refund_id = service.book_refund(session, SYSTEM, outgoing(payment.id, "re_1"), now=now)
    chargeback_id = service.book_chargeback(session, SYSTEM, outgoing(payment.id, "dp_1"), now=now)
    service.reverse_repayment(session, SYSTEM, chargeback_id, reason="Won.", now=now)
    mistaken = paid(session, office.actor, person, now)
    service.reverse_payment(session, office.actor, mistaken.id, reason="Miscounted.", now=now)
    taken = paid(session, office.actor, person, now, amount_minor=700)
    (day,) = days_of(session, office.actor, now)
    closed(session, office.actor, day.id, 650, now)
    confirmed(session, supervisor, day.id, 650, now, document="Cash rule 9")
    waiver = relief_terms(TransactionKind.WAIVER, 2_000)
    relief = service.propose_relief(session, office.actor, fine.id, waiver, now=now)
    service.approve_relief(session, supervisor, relief.id, now=now)
    waiting = service.book_suspense(session, SYSTEM, office.agency.id, unidentified("L-1"), now=now)
    service.clear_suspense(session, office.actor, waiting.id, person, note="By phone.", now=now)
    return BusyBook(
        fine_id=fine.id,
        relief_id=relief.id,
        payment_id=payment.id,
        refund_id=refund_id,
        undone_id=mistaken.id,
        waiting_id=waiting.id,
        cash_day_id=day.id,
        taken_id=taken.id,
    )


@contextmanager
def without_guards(database: Database) -> Iterator[Connection]:
    """Give a connection of somebody who owns the database and has taken its guards away."""
    engine = create_engine(database.url)
    with engine.begin() as connection:
        for table in guarded_tables(Base.metadata):
            unguard(connection, table)
        if not database.embedded:  # SQLite asks for foreign keys only where it is told to
            connection.exec_driver_sql("SET session_replication_role = replica")
        yield connection
    engine.dispose()
