"""What a person is told of payments at the provider: receipts, notice before, failure.

None of it is on a lock screen. Read again when it is sent: what is not so any more is not said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from backend.core.db import Session
from backend.outbox.messages import Message, Source
from backend.payments.hosted import HostedPayment, hosted_value
from backend.payments.hosted_models import HostedPaymentRow
from backend.payments.hosted_state import HostedState
from backend.payments.telling import addressee_of, tell
from notifications.formats import day, money
from notifications.messages import Rendered, Template, render

RECEIPT_SOURCE: Final = "payment-receipt"
FAILURE_SOURCE: Final = "payment-failure"
AUTOPAY_SOURCE: Final = "autopay-notice"

_SAID: Final = {
    RECEIPT_SOURCE: (Template.PAYMENT_RECEIPT, HostedState.PAID),
    FAILURE_SOURCE: (Template.PAYMENT_FAILED, HostedState.FAILED),
    AUTOPAY_SOURCE: (Template.AUTOPAY_NOTICE, HostedState.ANNOUNCED),
}
"""What is said from each source, and in what state of the payment it is true."""

SOURCES: Final = tuple(_SAID)


def tell_receipt(session: Session, payment: HostedPayment, *, at_once: bool, now: datetime) -> None:
    """Let the person have a receipt: at once if they have just paid, else while they are awake."""
    _tell(session, RECEIPT_SOURCE, payment, at_once=at_once, now=now)


def tell_failure(session: Session, payment: HostedPayment, *, now: datetime) -> None:
    """Let the person know that no money came, and that nothing else follows from that."""
    _tell(session, FAILURE_SOURCE, payment, at_once=False, now=now)


def tell_before(session: Session, payment: HostedPayment, *, now: datetime) -> None:
    """Let the person know what will be taken, when, and how to stop it."""
    _tell(session, AUTOPAY_SOURCE, payment, at_once=False, now=now)


def texts(session: Session, messages: Sequence[Message], _now: datetime) -> Mapping[UUID, Rendered]:
    """Return the words of the messages that are still true."""
    found: dict[UUID, Rendered] = {}
    for message in messages:
        template, state = _SAID[message.source.kind]
        row = session.get(HostedPaymentRow, message.source.id)
        if row is not None and row.state is state:
            found[message.id] = _text(session, template, hosted_value(row))
    return found


def _tell(
    session: Session, source: str, payment: HostedPayment, *, at_once: bool, now: datetime
) -> None:
    about = Source(kind=source, id=payment.id)
    tell(session, payment.supervisee_id, about, at_once=at_once, now=now)


def _text(session: Session, template: Template, payment: HostedPayment) -> Rendered:
    to = addressee_of(session, payment.supervisee_id)
    on = payment.collect_on or payment.asked_at.astimezone(to.zone).date()
    params = {**to.params, "amount": money(payment.amount_minor, payment.currency)}
    if template is not Template.PAYMENT_FAILED:
        params["day"] = day(on, to.language)
    if template is Template.PAYMENT_RECEIPT:
        params["number"] = str(payment.id)
    return render(template, to.language, params)
