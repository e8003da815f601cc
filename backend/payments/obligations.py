"""What is owed: raised once, paid by allocation, cancelled by a reversal, never changed."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from backend.audit import service as audit
from backend.core.actor import Actor, Permission
from backend.core.db import Session, insert_once
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.identity import service as identity
from backend.payments import ledger
from backend.payments.book import (
    Book,
    Occasion,
    allocate,
    open_book,
    post,
    reverse,
    transaction_of,
)
from backend.payments.ledger import TransactionKind
from backend.payments.models import ObligationRow
from backend.payments.owed import one_obligation
from backend.payments.reliefs import withdraw_reliefs_of
from backend.payments.values import Obligation, Reversal, Source, Terms


def raise_obligation(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    terms: Terms,
    *,
    due_on: date,
    now: datetime,
) -> Obligation:
    """Return what the person owes from now on; credit that is there pays it at once.

    Writes obligation and charge; audited. Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.PAYMENT_RECORD)
    person = identity.get_supervisee(session, actor, supervisee_id)
    book = open_book(session, person.agency_id, person.id, now)
    obligation_id = charge(session, actor, book, terms, due_on, None, now)
    if obligation_id is None:
        raise LookupError("an obligation with a fresh id was there already")
    return one_obligation(session, obligation_id, book.today)


def charge(
    session: Session,
    actor: Actor,
    book: Book,
    terms: Terms,
    due_on: date,
    recurring_fee_id: UUID | None,
    now: datetime,
) -> UUID | None:
    """Return the id of a new obligation that is charged to `book`.

    None if the recurring fee has one of this due day already: nothing is written then.
    """
    obligation_id = _insert(session, book, terms, due_on, recurring_fee_id, now)
    if obligation_id is None:
        return None
    occasion = Occasion(
        kind=TransactionKind.CHARGE, source=Source.OBLIGATION, external_id=str(obligation_id)
    )
    entries = ledger.charge(obligation_id, terms.amount_minor, terms.currency)
    transaction_id = post(session, actor, book, occasion, entries, now)
    if transaction_id is None:
        raise LookupError("a new obligation was charged already")
    allocate(session, actor, book, terms.currency, transaction_id, now)
    _record(session, actor, audit.Act.OBLIGATION_RAISED, book, obligation_id, now)
    return obligation_id


def cancel_obligation(
    session: Session, actor: Actor, obligation_id: UUID, *, reason: str, now: datetime
) -> Reversal:
    """Return the reversal by which an obligation is owed no more; what was paid becomes credit.

    Audited. Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION when it was cancelled before.
    """
    actor.require(Permission.PAYMENT_RECORD)
    row = _visible(session, actor, obligation_id)
    book = open_book(session, row.agency_id, row.supervisee_id, now)
    reversal = cancel(session, actor, book, row, reason, now)
    if reversal is None:
        raise Problem(Code.ILLEGAL_TRANSITION, "The obligation was cancelled before.")
    return reversal


def cancel(
    session: Session, actor: Actor, book: Book, row: ObligationRow, reason: str, now: datetime
) -> Reversal | None:
    """Return the reversal of the obligation's charge; None if it was reversed before."""
    charged = transaction_of(session, row.agency_id, Source.OBLIGATION, str(row.id))
    if charged is None:
        raise LookupError("an obligation was never charged")
    withdraw_reliefs_of(session, actor, book, row.id, reason, now)
    reversal = reverse(session, actor, book, charged, reason, now)
    if reversal is not None:
        _record(session, actor, audit.Act.OBLIGATION_CANCELLED, book, row.id, now)
    return reversal


def _insert(
    session: Session,
    book: Book,
    terms: Terms,
    due_on: date,
    recurring_fee_id: UUID | None,
    now: datetime,
) -> UUID | None:
    statement = (
        insert_once(session, ObligationRow)
        .values(
            id=new_id(now),
            agency_id=book.agency_id,
            supervisee_id=book.supervisee_id,
            recurring_fee_id=recurring_fee_id,
            kind=terms.kind,
            amount_minor=terms.amount_minor,
            currency=terms.currency,
            due_on=due_on,
            basis=terms.basis,
            reference=terms.reference,
            raised_at=now,
        )
        .on_conflict_do_nothing(
            index_elements=[ObligationRow.recurring_fee_id, ObligationRow.due_on]
        )
        .returning(ObligationRow.id)
    )
    return session.scalar(statement)


def _visible(session: Session, actor: Actor, obligation_id: UUID) -> ObligationRow:
    row = session.scalar(
        select(ObligationRow).where(
            ObligationRow.id == obligation_id,
            ObligationRow.supervisee_id.in_(identity.visible_supervisees(actor)),
        )
    )
    if row is None:
        raise not_found()
    return row


def _record(
    session: Session, actor: Actor, act: audit.Act, book: Book, obligation_id: UUID, now: datetime
) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("obligation", obligation_id),
        agency_id=book.agency_id,
        supervisee_id=book.supervisee_id,
        now=now,
    )
