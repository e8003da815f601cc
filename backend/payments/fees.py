"""Recurring fees: set once, raised as obligations when their reminders come near, ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from backend.audit import service as audit
from backend.core.actor import SYSTEM, Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.payments.book import open_book
from backend.payments.models import ObligationRow, RecurringFeeRow
from backend.payments.obligations import cancel, charge
from backend.payments.recurrence import Recurrence, today_in
from backend.payments.values import RecurringFee, Terms

FEE_BATCH: Final = 200
_ENDED: Final = "The recurring fee ended before this day."


def set_recurring_fee(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    terms: Terms,
    recurrence: Recurrence,
    *,
    now: datetime,
) -> RecurringFee:
    """Return a fee that falls due again and again; what is due soon is raised at once.

    Audited. Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST for a start in the past: what was due
    before anybody said so is raised by hand, or not at all.
    """
    actor.require(Permission.PAYMENT_RECORD)
    person = identity.get_supervisee(session, actor, supervisee_id)
    book = open_book(session, person.agency_id, person.id, now)
    if recurrence.starts_on < book.today:
        raise Problem(Code.INVALID_REQUEST, "A fee cannot start in the past.", pointer="/starts_on")
    row = RecurringFeeRow(
        id=new_id(now),
        agency_id=person.agency_id,
        supervisee_id=person.id,
        **asdict(terms),
        **asdict(recurrence),
        next_due_on=recurrence.first_due(),
        set_at=now,
    )
    session.add(row)
    session.flush()
    _record(session, actor, audit.Act.RECURRING_FEE_SET, row, now)
    _raise_due(session, actor, row, _horizon(session, row.agency_id, now), now)
    return _value(row)


def end_recurring_fee(
    session: Session, actor: Actor, fee_id: UUID, *, last_due_on: date, now: datetime
) -> RecurringFee:
    """Return the fee, which falls due no later than on `last_due_on`.

    What was raised for days after it is cancelled; what was paid of that becomes credit. Audited.
    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION when the fee ends no later anyway.
    """
    actor.require(Permission.PAYMENT_RECORD)
    row = _locked(session, actor, fee_id)
    if row.last_due_on is not None and row.last_due_on <= last_due_on:
        raise Problem(Code.ILLEGAL_TRANSITION, "The fee ends no later anyway.")
    row.last_due_on = last_due_on
    if row.next_due_on is not None and row.next_due_on > last_due_on:
        row.next_due_on = None
    _record(session, actor, audit.Act.RECURRING_FEE_ENDED, row, now)
    book = open_book(session, row.agency_id, row.supervisee_id, now)
    for obligation in _raised_after(session, row, last_due_on):
        cancel(session, actor, book, obligation, _ENDED, now)
    return _value(row)


def recurring_fees(
    session: Session, actor: Actor, supervisee_id: UUID, *, cursor: Cursor
) -> Page[RecurringFee]:
    """Return a page of the person's recurring fees, newest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    theirs = select(RecurringFeeRow).where(RecurringFeeRow.supervisee_id == person.id)
    page: Page[RecurringFeeRow] = fetch_page(session, theirs, RecurringFeeRow.id, cursor)
    return Page(items=[_value(row) for row in page.items], next=page.next)


def raise_recurring(session: Session, now: datetime, *, limit: int = FEE_BATCH) -> int:
    """Raise the obligations of at most `limit` recurring fees; return how many there were.

    A fee is raised the day before its first reminder, by the agency's zone and policy, so that
    there is always something to remind of. Running again raises nothing twice; call again while
    the answer is `limit`.
    """
    raised = 0
    for agency_id in _agencies_with_fees(session):
        horizon = _horizon(session, agency_id, now)
        for row in _due(session, agency_id, horizon, limit - raised):
            _raise_due(session, SYSTEM, row, horizon, now)
            raised += 1
    return raised


def _horizon(session: Session, agency_id: UUID, now: datetime) -> date:
    """Return the last due day for which obligations of this agency are raised by now."""
    agency = identity.get_agency(session, agency_id)
    first_reminder_days = -min((0, *agency.policy.payment_reminder_days))
    return today_in(agency.zone, now) + timedelta(days=first_reminder_days + 1)


def _raise_due(
    session: Session, actor: Actor, row: RecurringFeeRow, horizon: date, now: datetime
) -> None:
    book = open_book(session, row.agency_id, row.supervisee_id, now)
    recurrence = _recurrence(row)
    while row.next_due_on is not None and row.next_due_on <= horizon:
        charge(session, actor, book, _terms(row), row.next_due_on, row.id, now)
        row.next_due_on = recurrence.next_due(row.next_due_on)
    session.flush()


def _agencies_with_fees(session: Session) -> Sequence[UUID]:
    running = select(RecurringFeeRow.agency_id).where(RecurringFeeRow.next_due_on.is_not(None))
    return session.scalars(running.distinct().order_by(RecurringFeeRow.agency_id)).all()


def _due(session: Session, agency_id: UUID, horizon: date, limit: int) -> Sequence[RecurringFeeRow]:
    """Return fees to raise, which no other worker has; by person, so that none waits in a ring."""
    return session.scalars(
        select(RecurringFeeRow)
        .where(RecurringFeeRow.agency_id == agency_id, RecurringFeeRow.next_due_on <= horizon)
        .order_by(RecurringFeeRow.supervisee_id, RecurringFeeRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def _raised_after(
    session: Session, row: RecurringFeeRow, last_due_on: date
) -> Sequence[ObligationRow]:
    return session.scalars(
        select(ObligationRow)
        .where(ObligationRow.recurring_fee_id == row.id, ObligationRow.due_on > last_due_on)
        .order_by(ObligationRow.due_on)
    ).all()


def _locked(session: Session, actor: Actor, fee_id: UUID) -> RecurringFeeRow:
    row = session.scalar(
        select(RecurringFeeRow)
        .where(
            RecurringFeeRow.id == fee_id,
            RecurringFeeRow.supervisee_id.in_(identity.visible_supervisees(actor)),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise not_found()
    return row


def _recurrence(row: RecurringFeeRow) -> Recurrence:
    return Recurrence(
        cadence=row.cadence,
        starts_on=row.starts_on,
        day_of_month=row.day_of_month,
        last_due_on=row.last_due_on,
    )


def _terms(row: RecurringFeeRow) -> Terms:
    return Terms(
        kind=row.kind,
        amount_minor=row.amount_minor,
        currency=row.currency,
        basis=row.basis,
        reference=row.reference,
    )


def _value(row: RecurringFeeRow) -> RecurringFee:
    return RecurringFee(
        id=row.id,
        supervisee_id=row.supervisee_id,
        **asdict(_terms(row)),
        **asdict(_recurrence(row)),
        next_due_on=row.next_due_on,
        set_at=row.set_at,
    )


def _record(
    session: Session, actor: Actor, act: audit.Act, row: RecurringFeeRow, now: datetime
) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("recurring-fee", row.id),
        agency_id=row.agency_id,
        supervisee_id=row.supervisee_id,
        now=now,
    )
