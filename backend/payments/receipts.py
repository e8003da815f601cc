"""Receipts of the counter: one series of numbers an agency, 1, 2, 3 …, and what stands on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from backend.core.actor import Actor, Permission
from backend.core.db import Session, insert_once
from backend.core.errors import not_found
from backend.outbox.messages import Message, Source
from backend.payments.cash_models import ReceiptRow, ReceiptSeriesRow
from backend.payments.models import LedgerTransactionRow
from backend.payments.paid import find_payment, payment_value
from backend.payments.telling import addressee_of, tell
from backend.payments.values import Payment
from notifications.formats import Language, day, money
from notifications.messages import Rendered, Template, render

SOURCE: Final = "counter-receipt"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedReceipt:
    """A receipt in words, by language (`en`, `es`)."""

    number: int
    texts: Mapping[str, str] = field(repr=False)


def give_number(session: Session, agency_id: UUID, payment_id: UUID) -> int:
    """Return the next number of the agency's series, which the payment has from now on.

    Whoever takes one holds the series until the transaction ends: what is undone leaves no hole.
    """
    series = ReceiptSeriesRow
    number = session.scalars(
        insert_once(session, series)
        .values(agency_id=agency_id, last_number=1)
        .on_conflict_do_update(
            index_elements=[series.agency_id], set_={"last_number": series.last_number + 1}
        )
        .returning(series.last_number)
    ).one()
    session.add(ReceiptRow(payment_id=payment_id, agency_id=agency_id, number=number))
    return number


def tell_receipt(session: Session, payment: Payment, *, at_once: bool, now: datetime) -> None:
    """Let the person have the receipt: at once if they stand at the counter."""
    source = Source(kind=SOURCE, id=payment.id)
    tell(session, payment.supervisee_id, source, at_once=at_once, now=now)


def printed_receipt(session: Session, actor: Actor, payment_id: UUID) -> PrintedReceipt:
    """Return what stands on the receipt of a payment at the counter. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    payment = payment_value(session, find_payment(session, actor, payment_id))
    if payment.serial is None:
        raise not_found()
    texts = {one.value: _text(session, payment, one).body for one in Language}
    return PrintedReceipt(number=payment.serial, texts=texts)


def texts(session: Session, messages: Sequence[Message], _now: datetime) -> Mapping[UUID, Rendered]:
    """Return the words of the receipts of payments that stand."""
    found: dict[UUID, Rendered] = {}
    for message in messages:
        payment = payment_value(session, session.get_one(LedgerTransactionRow, message.source.id))
        if payment.reversed_by is None:
            found[message.id] = _text(session, payment)
    return found


def _text(session: Session, payment: Payment, language: Language | None = None) -> Rendered:
    to = addressee_of(session, payment.supervisee_id, language)
    params = {
        "amount": money(payment.amount_minor, payment.currency),
        "day": day(payment.received_on, to.language),
        "number": str(payment.serial),
    }
    return render(Template.PAYMENT_RECEIPT, to.language, {**to.params, **params})
