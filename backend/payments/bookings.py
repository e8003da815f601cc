"""Money that comes in and goes back, from wherever: each happening is booked once.

`(source, external_id)` names what happened outside. Told again it is the same booking; told again
with other content it is refused. A payment and its pending announcement go by one external id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select

from backend.audit import service as audit
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.identity import service as identity
from backend.payments import ledger
from backend.payments.book import Book, Occasion, allocate, open_book, post, reverse, transaction_of
from backend.payments.kinds import Authority, Method
from backend.payments.ledger import REPAYMENTS, Entries, TransactionKind
from backend.payments.models import LedgerTransactionRow
from backend.payments.paid import find_payment, payment_value
from backend.payments.values import Payment, Reversal, Source

_PENDING: Final = "/pending"
_ARRIVED: Final = "The money came."


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """Money that a person pays, or is about to. Two tellings of one payment are equal."""

    supervisee_id: UUID
    amount_minor: int
    currency: str
    received_on: date
    method: Method
    source: Source
    external_id: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """Money of a payment that goes back, and by what authority and document."""

    payment_id: UUID
    amount_minor: int
    source: Source
    external_id: str
    reason: str
    authority: Authority
    document: str


def book_pending(session: Session, actor: Actor, money: Incoming, *, now: datetime) -> UUID | None:
    """Return the transaction by which money is known to be on its way; nothing is paid by it.

    None if the payment itself is booked already: news may overtake each other. Audited. Raises
    FORBIDDEN, NOT_FOUND.
    """
    book = _book_of(session, actor, money.supervisee_id, now)
    if transaction_of(session, book.agency_id, money.source, money.external_id) is not None:
        return None
    announced = _occasion(money, TransactionKind.PENDING, money.external_id + _PENDING)
    entries = ledger.pending(money.amount_minor, money.currency)
    transaction_id = post(session, actor, book, announced, entries, now)
    if transaction_id is None:
        told = transaction_of(session, book.agency_id, money.source, announced.external_id)
        return told.id if told else None
    _record(session, actor, audit.Act.PAYMENT_ANNOUNCED, book, transaction_id, now)
    return transaction_id


def release_pending(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    *,
    source: Source,
    external_id: str,
    reason: str,
    now: datetime,
) -> bool:
    """Say that money which was on its way does not come; return whether anything was pending.

    Audited. Raises FORBIDDEN, NOT_FOUND.
    """
    book = _book_of(session, actor, supervisee_id, now)
    pending = transaction_of(session, book.agency_id, source, external_id + _PENDING)
    if pending is None or reverse(session, actor, book, pending, reason, now) is None:
        return False
    _record(session, actor, audit.Act.PAYMENT_FAILED, book, pending.id, now)
    return True


def book_payment(session: Session, actor: Actor, money: Incoming, *, now: datetime) -> Payment:
    """Return the payment, booked now or, if the same was told before, then.

    It pays what the agency's order of allocation puts first; the rest is credit. What was pending
    under its external id is pending no more. Audited. Raises FORBIDDEN, NOT_FOUND, ALREADY_EXISTS
    when the external id stands for another payment.
    """
    book = _book_of(session, actor, money.supervisee_id, now)
    occasion = _occasion(money, TransactionKind.PAYMENT, money.external_id)
    entries = ledger.payment(money.amount_minor, money.currency)
    payment_id = post(session, actor, book, occasion, entries, now)
    if payment_id is None:
        return _told_before(session, book, money)
    pending = transaction_of(session, book.agency_id, money.source, money.external_id + _PENDING)
    if pending is not None and pending.supervisee_id == book.supervisee_id:
        reverse(session, actor, book, pending, _ARRIVED, now)
    allocate(session, actor, book, money.currency, payment_id, now)
    _record(session, actor, audit.Act.PAYMENT_RECORDED, book, payment_id, now)
    return payment_value(session, session.get_one(LedgerTransactionRow, payment_id))


def book_refund(session: Session, actor: Actor, back: Outgoing, *, now: datetime) -> UUID:
    """Return the transaction by which money was given back; what it had paid is owed again.

    Credit goes first, then what the order of allocation puts last. Audited. Raises FORBIDDEN,
    NOT_FOUND, ILLEGAL_TRANSITION for more than there is of the payment, ALREADY_EXISTS when the
    external id stands for something else.
    """
    return _give_back(session, actor, back, TransactionKind.REFUND, now)


def book_chargeback(session: Session, actor: Actor, back: Outgoing, *, now: datetime) -> UUID:
    """Return the transaction by which a bank took money back. As `book_refund` otherwise."""
    return _give_back(session, actor, back, TransactionKind.CHARGEBACK, now)


def reverse_repayment(
    session: Session, actor: Actor, repayment_id: UUID, *, reason: str, now: datetime
) -> Reversal | None:
    """Return what undoes a refund that failed, or a chargeback that was won; None if undone before.

    Audited. Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.PAYMENT_RECORD)
    row = session.scalar(
        select(LedgerTransactionRow).where(
            LedgerTransactionRow.id == repayment_id,
            LedgerTransactionRow.kind.in_(REPAYMENTS),
            LedgerTransactionRow.supervisee_id.in_(identity.visible_supervisees(actor)),
        )
    )
    if row is None:
        raise not_found()
    book = open_book(session, row.agency_id, row.supervisee_id, now)
    reversal = reverse(session, actor, book, row, reason, now)
    if reversal is not None:
        _record(session, actor, audit.Act.REPAYMENT_REVERSED, book, row.id, now)
    return reversal


def _give_back(
    session: Session, actor: Actor, back: Outgoing, kind: TransactionKind, now: datetime
) -> UUID:
    actor.require(Permission.PAYMENT_RECORD)
    row = find_payment(session, actor, back.payment_id)
    book = open_book(session, row.agency_id, row.supervisee_id, now)
    told = transaction_of(session, book.agency_id, back.source, back.external_id)
    if told is not None:
        return _same_repayment(told, back, kind)
    payment = payment_value(session, row)
    if back.amount_minor > payment.left_minor:
        raise Problem(Code.ILLEGAL_TRANSITION, "There is not so much left of this payment.")
    entries = ledger.repayment(back.amount_minor, payment.currency)
    repayment_id = _post_repayment(session, actor, book, back, kind, entries, now)
    allocate(session, actor, book, payment.currency, repayment_id, now)
    act = audit.Act.PAYMENT_REFUNDED
    if kind is TransactionKind.CHARGEBACK:
        act = audit.Act.PAYMENT_CHARGED_BACK
    _record(session, actor, act, book, row.id, now)
    return repayment_id


def _post_repayment(
    session: Session,
    actor: Actor,
    book: Book,
    back: Outgoing,
    kind: TransactionKind,
    entries: Entries,
    now: datetime,
) -> UUID:
    occasion = Occasion(
        kind=kind,
        source=back.source,
        external_id=back.external_id,
        about_id=back.payment_id,
        note=back.reason,
        authority=back.authority,
        document=back.document,
    )
    repayment_id = post(session, actor, book, occasion, entries, now)
    if repayment_id is None:
        raise Problem(Code.ALREADY_EXISTS, "This number stands for another person's money.")
    return repayment_id


def _same_repayment(told: LedgerTransactionRow, back: Outgoing, kind: TransactionKind) -> UUID:
    if told.about_id != back.payment_id or told.kind is not kind:
        raise Problem(Code.ALREADY_EXISTS, "This number stands for something else.")
    return told.id


def _book_of(session: Session, actor: Actor, supervisee_id: UUID, now: datetime) -> Book:
    actor.require(Permission.PAYMENT_RECORD)
    person = identity.get_supervisee(session, actor, supervisee_id)
    return open_book(session, person.agency_id, person.id, now)


def _occasion(money: Incoming, kind: TransactionKind, external_id: str) -> Occasion:
    return Occasion(
        kind=kind,
        source=money.source,
        external_id=external_id,
        received_on=money.received_on,
        method=money.method,
        note=money.note,
    )


def _told_before(session: Session, book: Book, money: Incoming) -> Payment:
    """Return the payment that has this number, if it is this person's and the same."""
    row = transaction_of(session, book.agency_id, money.source, money.external_id)
    if row is not None and row.supervisee_id == book.supervisee_id:
        payment = payment_value(session, row)
        if _said_by(payment) == _said_by(money):
            return payment
    detail = "This number stands for another payment."
    raise Problem(Code.ALREADY_EXISTS, detail, pointer="/receipt_number")


def _said_by(money: Incoming | Payment) -> tuple[int, str, date, Method]:
    return (money.amount_minor, money.currency, money.received_on, money.method)


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
