"""What is owed, read: by officers, by the person, by reminders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Select, func, select, true

from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.payments.book import Standing, standings
from backend.payments.kinds import ObligationStatus
from backend.payments.ledger import Account
from backend.payments.models import LedgerEntryRow, ObligationRow
from backend.payments.recurrence import today_in
from backend.payments.values import DueObligation, Obligation


def obligations(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    *,
    unpaid: bool = False,
    cursor: Cursor,
    now: datetime,
) -> Page[Obligation]:
    """Return a page of what the person ever owed, newest first; `unpaid`: what is still owed.

    Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.PAYMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    theirs = _still_owed() if unpaid else select(ObligationRow)
    theirs = theirs.where(ObligationRow.supervisee_id == person.id)
    page: Page[ObligationRow] = fetch_page(session, theirs, ObligationRow.id, cursor)
    today = today_in(identity.get_agency(session, person.agency_id).zone, now)
    return Page(items=_values(session, page.items, today), next=page.next)


def unpaid_obligations(session: Session, supervisee_id: UUID, today: date) -> list[Obligation]:
    """Return what the person still owes, the oldest due first."""
    theirs = _still_owed().where(ObligationRow.supervisee_id == supervisee_id)
    rows = session.scalars(theirs.order_by(ObligationRow.due_on, ObligationRow.id)).all()
    return _values(session, rows, today)


def one_obligation(session: Session, obligation_id: UUID, today: date) -> Obligation:
    """Return an obligation that is there."""
    return _values(session, [session.get_one(ObligationRow, obligation_id)], today)[0]


def due_items(
    session: Session,
    from_day: date,
    until_day: date,
    *,
    supervisee_ids: Collection[UUID] | None = None,
) -> Iterable[DueObligation]:
    """Return what is owed, in every agency, and due in `[from_day, until_day)`, in due order.

    By everybody, or by some people.
    """
    theirs = true() if supervisee_ids is None else ObligationRow.supervisee_id.in_(supervisee_ids)
    outstanding = func.sum(LedgerEntryRow.amount_minor)
    rows = session.execute(
        select(ObligationRow, outstanding)
        .join(LedgerEntryRow, LedgerEntryRow.obligation_id == ObligationRow.id)
        .where(
            theirs,
            ObligationRow.due_on >= from_day,
            ObligationRow.due_on < until_day,
            LedgerEntryRow.account == Account.RECEIVABLE,
        )
        .group_by(ObligationRow.id)
        .having(outstanding > 0)
        .order_by(ObligationRow.due_on, ObligationRow.id)
    )
    return [
        DueObligation(
            obligation_id=row.id,
            agency_id=row.agency_id,
            supervisee_id=row.supervisee_id,
            kind=row.kind,
            due_on=row.due_on,
            outstanding_minor=int(amount),
            currency=row.currency,
        )
        for row, amount in rows
    ]


def is_still_owed(session: Session, obligation_id: UUID, _now: datetime) -> bool:
    """Whether anything of the obligation is unpaid; False for one that is not there."""
    return standings(session, [obligation_id])[obligation_id].outstanding_minor > 0


def _still_owed() -> Select[ObligationRow]:
    outstanding = (
        select(func.sum(LedgerEntryRow.amount_minor))
        .where(
            LedgerEntryRow.obligation_id == ObligationRow.id,
            LedgerEntryRow.account == Account.RECEIVABLE,
        )
        .scalar_subquery()
    )
    return select(ObligationRow).where(outstanding > 0)


def _values(session: Session, rows: Sequence[ObligationRow], today: date) -> list[Obligation]:
    standing = standings(session, [row.id for row in rows])
    return [_value(row, standing[row.id], today) for row in rows]


def _value(row: ObligationRow, standing: Standing, today: date) -> Obligation:
    return Obligation(
        id=row.id,
        supervisee_id=row.supervisee_id,
        recurring_fee_id=row.recurring_fee_id,
        kind=row.kind,
        amount_minor=row.amount_minor,
        currency=row.currency,
        due_on=row.due_on,
        basis=row.basis,
        reference=row.reference,
        raised_at=row.raised_at,
        outstanding_minor=standing.outstanding_minor,
        status=_status(row, standing, today),
    )


def _status(row: ObligationRow, standing: Standing, today: date) -> ObligationStatus:
    if standing.charged_minor == 0:
        return ObligationStatus.CANCELLED
    if standing.outstanding_minor == 0:
        return ObligationStatus.PAID
    return ObligationStatus.OVERDUE if row.due_on < today else ObligationStatus.DUE
