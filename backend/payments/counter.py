"""Money that comes in at the counter: one payment for one receipt, however often it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Select, select

from backend.audit import service as audit
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.payments import ledger
from backend.payments.book import Book, Occasion, allocate, open_book, post, reverse, transaction_of
from backend.payments.kinds import Method
from backend.payments.ledger import Account, TransactionKind
from backend.payments.models import LedgerEntryRow, LedgerTransactionRow
from backend.payments.values import Allocated, Payment, Reversal, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What stands on a receipt. Two tellings of one receipt are equal."""

    receipt_number: str
    amount_minor: int
    currency: str
    received_on: date
    method: Method


def record_payment(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    receipt: Receipt,
    *,
    note: str,
    now: datetime,
) -> Payment:
    """Return the payment of a receipt, booked now or, if the same was told before, then.

    It pays what the agency's order of allocation puts first; the rest is credit. Audited. Raises
    FORBIDDEN, NOT_FOUND, INVALID_REQUEST for a day to come, ALREADY_EXISTS when the receipt's
    number stands for another payment.
    """
    actor.require(Permission.PAYMENT_RECORD)
    person = identity.get_supervisee(session, actor, supervisee_id)
    book = open_book(session, person.agency_id, person.id, now)
    if receipt.received_on > book.today:
        raise Problem(Code.INVALID_REQUEST, "This day is yet to come.", pointer="/received_on")
    payment_id = _book(session, actor, book, receipt, note, now)
    if payment_id is None:
        return _told_before(session, book, receipt)
    allocate(session, actor, book, receipt.currency, payment_id, now)
    _record(session, actor, audit.Act.PAYMENT_RECORDED, book, payment_id, now)
    return _value(session, session.get_one(LedgerTransactionRow, payment_id))


def reverse_payment(
    session: Session, actor: Actor, payment_id: UUID, *, reason: str, now: datetime
) -> Reversal:
    """Return the reversal of a payment that was not made; what it had paid is owed again.

    Audited. Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION when it was reversed before.
    """
    actor.require(Permission.PAYMENT_RECORD)
    row = _find(session, actor, payment_id)
    book = open_book(session, row.agency_id, row.supervisee_id, now)
    reversal = reverse(session, actor, book, row, reason, now)
    if reversal is None:
        raise Problem(Code.ILLEGAL_TRANSITION, "The payment was reversed before.")
    _record(session, actor, audit.Act.PAYMENT_REVERSED, book, payment_id, now)
    return reversal


def read_payment(session: Session, actor: Actor, payment_id: UUID) -> Payment:
    """Return one payment. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    return _value(session, _find(session, actor, payment_id))


def payments(
    session: Session, actor: Actor, supervisee_id: UUID, *, cursor: Cursor
) -> Page[Payment]:
    """Return a page of what the person paid, newest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    theirs = _payments().where(LedgerTransactionRow.supervisee_id == person.id)
    page: Page[LedgerTransactionRow] = fetch_page(session, theirs, LedgerTransactionRow.id, cursor)
    return Page(items=[_value(session, row) for row in page.items], next=page.next)


def _book(
    session: Session, actor: Actor, book: Book, receipt: Receipt, note: str, now: datetime
) -> UUID | None:
    occasion = Occasion(
        kind=TransactionKind.PAYMENT,
        source=Source.COUNTER,
        external_id=receipt.receipt_number,
        received_on=receipt.received_on,
        method=receipt.method,
        note=note,
    )
    entries = ledger.payment(receipt.amount_minor, receipt.currency)
    return post(session, actor, book, occasion, entries, now)


def _told_before(session: Session, book: Book, receipt: Receipt) -> Payment:
    """Return the payment that has this receipt's number, if it is this person's and the same."""
    row = transaction_of(session, book.agency_id, Source.COUNTER, receipt.receipt_number)
    if row is not None and row.supervisee_id == book.supervisee_id:
        payment = _value(session, row)
        if _receipt_of(payment) == receipt:
            return payment
    detail = "This receipt number stands for another payment."
    raise Problem(Code.ALREADY_EXISTS, detail, pointer="/receipt_number")


def _receipt_of(payment: Payment) -> Receipt:
    return Receipt(
        receipt_number=payment.receipt_number,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        received_on=payment.received_on,
        method=payment.method,
    )


def _payments() -> Select[LedgerTransactionRow]:
    return select(LedgerTransactionRow).where(LedgerTransactionRow.kind == TransactionKind.PAYMENT)


def _find(session: Session, actor: Actor, payment_id: UUID) -> LedgerTransactionRow:
    row = session.scalar(
        _payments().where(
            LedgerTransactionRow.id == payment_id,
            LedgerTransactionRow.supervisee_id.in_(identity.visible_supervisees(actor)),
        )
    )
    if row is None:
        raise not_found()
    return row


def _value(session: Session, row: LedgerTransactionRow) -> Payment:
    if row.received_on is None or row.method is None:
        raise LookupError("a payment without day or method")
    cash = session.scalars(
        select(LedgerEntryRow).where(
            LedgerEntryRow.transaction_id == row.id, LedgerEntryRow.account == Account.CASH
        )
    ).one()
    reversed_by = transaction_of(session, row.agency_id, Source.REVERSAL, str(row.id))
    return Payment(
        id=row.id,
        supervisee_id=row.supervisee_id,
        number=row.number,
        receipt_number=row.external_id,
        amount_minor=cash.amount_minor,
        currency=cash.currency,
        received_on=row.received_on,
        method=row.method,
        note=row.note,
        recorded_at=row.recorded_at,
        recorded_by=row.actor_id,
        reversed_by=reversed_by.id if reversed_by else None,
        allocated=_allocated(session, row),
    )


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


def _record(
    session: Session, actor: Actor, act: audit.Act, book: Book, payment_id: UUID, now: datetime
) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("payment", payment_id),
        agency_id=book.agency_id,
        supervisee_id=book.supervisee_id,
        now=now,
    )
