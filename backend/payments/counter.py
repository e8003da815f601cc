"""Money that comes in at the counter: one payment for one receipt, however often it is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from backend.audit import service as audit
from backend.conditions.two_persons import deciding_officer
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.identity import service as identity
from backend.payments.book import open_book, reverse, transaction_of
from backend.payments.bookings import Incoming, book_payment
from backend.payments.cash_days import note_movement, take_back, take_cash
from backend.payments.kinds import Method
from backend.payments.paid import find_payment, payment_value, returned_minor
from backend.payments.receipts import give_number, tell_receipt
from backend.payments.recurrence import today_in
from backend.payments.suspense import put_back
from backend.payments.values import Payment, Reversal, Source


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

    It pays what the agency's order of allocation puts first; the rest is credit. It gets the next
    number of the agency's receipts, which the person is given; cash shows in the officer's day.
    Audited. Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST for a day to come, ALREADY_EXISTS when
    the receipt's number stands for another payment, CASH_DAY_CLOSED.
    """
    actor.require(Permission.PAYMENT_RECORD)
    person = identity.get_supervisee(session, actor, supervisee_id)
    today = today_in(identity.get_agency(session, person.agency_id).zone, now)
    if receipt.received_on > today:
        raise Problem(Code.INVALID_REQUEST, "This day is yet to come.", pointer="/received_on")
    book = open_book(session, person.agency_id, person.id, now)
    told = transaction_of(session, person.agency_id, Source.COUNTER, receipt.receipt_number)
    if told is not None:
        return book_payment(session, actor, _money(person.id, receipt, note), now=now)
    drawer = None
    if receipt.method is Method.CASH:
        drawer = take_cash(session, book, deciding_officer(actor), receipt.currency, now)
    payment = book_payment(session, actor, _money(person.id, receipt, note), now=now)
    if drawer is not None:
        note_movement(session, drawer, payment.id)
    payment = replace(payment, serial=give_number(session, person.agency_id, payment.id))
    tell_receipt(session, payment, at_once=receipt.received_on == today, now=now)
    return payment


def _money(supervisee_id: UUID, receipt: Receipt, note: str) -> Incoming:
    return Incoming(
        supervisee_id=supervisee_id,
        amount_minor=receipt.amount_minor,
        currency=receipt.currency,
        received_on=receipt.received_on,
        method=receipt.method,
        source=Source.COUNTER,
        external_id=receipt.receipt_number,
        note=note,
    )


def reverse_payment(
    session: Session, actor: Actor, payment_id: UUID, *, reason: str, now: datetime
) -> Reversal:
    """Return the reversal of a payment that was not made; what it had paid is owed again.

    Money that came out of suspense goes back there. Audited. Raises FORBIDDEN, NOT_FOUND,
    ILLEGAL_TRANSITION when it was reversed before, or some of it was paid back.
    """
    actor.require(Permission.PAYMENT_RECORD)
    row = find_payment(session, actor, payment_id)
    book = open_book(session, row.agency_id, row.supervisee_id, now)
    if returned_minor(session, row.id):
        raise Problem(Code.ILLEGAL_TRANSITION, "Some of the payment was paid back.")
    reversal = reverse(session, actor, book, row, reason, now)
    if reversal is None:
        raise Problem(Code.ILLEGAL_TRANSITION, "The payment was reversed before.")
    take_back(session, book, row.id, reversal.id, now)
    if row.source is Source.SUSPENSE:
        put_back(session, actor, book, payment_value(session, row), now)
    audit.record(
        session,
        actor,
        audit.Act.PAYMENT_REVERSED,
        subject=("payment", payment_id),
        agency_id=book.agency_id,
        supervisee_id=book.supervisee_id,
        now=now,
    )
    return reversal
