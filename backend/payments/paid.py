"""What was paid, read: payments with where they went and what of them went back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Exists, Select, exists, func, select
from sqlalchemy.orm import aliased

from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import not_found
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.payments.book import transaction_of
from backend.payments.cash_models import ReceiptRow
from backend.payments.ledger import REPAYMENTS, Account, TransactionKind
from backend.payments.models import LedgerEntryRow, LedgerTransactionRow
from backend.payments.values import Allocated, Payment, Source


def read_payment(session: Session, actor: Actor, payment_id: UUID) -> Payment:
    """Return one payment. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    return payment_value(session, find_payment(session, actor, payment_id))


def payments(
    session: Session, actor: Actor, supervisee_id: UUID, *, cursor: Cursor
) -> Page[Payment]:
    """Return a page of what the person paid, newest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    theirs = _payments().where(LedgerTransactionRow.supervisee_id == person.id)
    page: Page[LedgerTransactionRow] = fetch_page(session, theirs, LedgerTransactionRow.id, cursor)
    return Page(items=[payment_value(session, row) for row in page.items], next=page.next)


def payment_instants(
    session: Session, people: Select[UUID], *, since: datetime, until: datetime
) -> Mapping[UUID, Sequence[datetime]]:
    """Return when money of some people was booked in `[since, until)`, in order, by person.

    What was reversed since, and what is only pending, is not among it.
    """
    rows = session.execute(
        select(LedgerTransactionRow.supervisee_id, LedgerTransactionRow.recorded_at)
        .where(
            LedgerTransactionRow.kind == TransactionKind.PAYMENT,
            LedgerTransactionRow.supervisee_id.in_(people),
            LedgerTransactionRow.recorded_at >= since,
            LedgerTransactionRow.recorded_at < until,
            ~_undone(),
        )
        .order_by(LedgerTransactionRow.recorded_at)
    )
    instants: defaultdict[UUID, list[datetime]] = defaultdict(list)
    for person, recorded_at in rows:
        instants[person].append(recorded_at)
    return instants


def returned_minor(session: Session, payment_id: UUID) -> int:
    """Return what of a payment was refunded or charged back, and stayed so."""
    total = session.scalar(
        select(func.sum(LedgerEntryRow.amount_minor))
        .join(LedgerTransactionRow, LedgerTransactionRow.id == LedgerEntryRow.transaction_id)
        .where(
            LedgerTransactionRow.about_id == payment_id,
            LedgerTransactionRow.kind.in_(REPAYMENTS),
            LedgerEntryRow.account == Account.CREDIT,
            ~_undone(),
        )
    )
    return int(total or 0)


def find_payment(session: Session, actor: Actor, payment_id: UUID) -> LedgerTransactionRow:
    """Return the transaction of a payment whose payer `actor` may see. Raises NOT_FOUND."""
    row = session.scalar(
        _payments().where(
            LedgerTransactionRow.id == payment_id,
            LedgerTransactionRow.supervisee_id.in_(identity.visible_supervisees(actor)),
        )
    )
    if row is None:
        raise not_found()
    return row


def payment_value(session: Session, row: LedgerTransactionRow) -> Payment:
    """Return the payment that a transaction records."""
    if row.received_on is None or row.method is None:
        raise LookupError("a payment without day or method")
    cash = cash_of(session, row.id)
    reversed_by = transaction_of(session, row.agency_id, Source.REVERSAL, str(row.id))
    return Payment(
        id=row.id,
        supervisee_id=row.supervisee_id,
        number=row.number,
        source=row.source,
        receipt_number=row.external_id,
        serial=_serial(session, row.id),
        amount_minor=cash.amount_minor,
        currency=cash.currency,
        received_on=row.received_on,
        method=row.method,
        note=row.note,
        recorded_at=row.recorded_at,
        recorded_by=row.actor_id,
        reversed_by=reversed_by.id if reversed_by else None,
        returned_minor=returned_minor(session, row.id),
        allocated=_allocated(session, row),
    )


def cash_of(session: Session, transaction_id: UUID) -> LedgerEntryRow:
    """Return the entry by which a payment brought money, or a repayment took it."""
    return session.scalars(
        select(LedgerEntryRow).where(
            LedgerEntryRow.transaction_id == transaction_id, LedgerEntryRow.account == Account.CASH
        )
    ).one()


def _serial(session: Session, payment_id: UUID) -> int | None:
    return session.scalar(select(ReceiptRow.number).where(ReceiptRow.payment_id == payment_id))


def _undone() -> Exists:
    """Whether the transaction was reversed since."""
    undoing = aliased(LedgerTransactionRow)
    return exists().where(
        undoing.about_id == LedgerTransactionRow.id, undoing.kind == TransactionKind.REVERSAL
    )


def _payments() -> Select[LedgerTransactionRow]:
    return select(LedgerTransactionRow).where(LedgerTransactionRow.kind == TransactionKind.PAYMENT)


def _allocated(session: Session, row: LedgerTransactionRow) -> list[Allocated]:
    allocation = transaction_of(session, row.agency_id, Source.ALLOCATION, str(row.id))
    if allocation is None:
        return []
    entries = session.scalars(
        select(LedgerEntryRow)
        .where(
            LedgerEntryRow.transaction_id == allocation.id,
            LedgerEntryRow.account == Account.RECEIVABLE,
        )
        .order_by(LedgerEntryRow.line)
    )
    return [
        Allocated(obligation_id=entry.obligation_id, amount_minor=-entry.amount_minor)
        for entry in entries
        if entry.obligation_id is not None
    ]
