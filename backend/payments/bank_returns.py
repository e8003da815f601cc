"""Money that a bank took back after it was booked: a check that bounced, a transfer returned.

What it had paid is owed again, and the person hears of it. Money that still waits in suspense is
sent back there (`suspense.return_suspense`); of cards the provider tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.outbox.messages import Message
from backend.outbox.messages import Source as MessageSource
from backend.payments.book import transaction_of
from backend.payments.bookings import Outgoing, book_chargeback
from backend.payments.kinds import Authority, Basis, Method
from backend.payments.models import LedgerTransactionRow
from backend.payments.paid import cash_of, find_payment, payment_value, read_payment
from backend.payments.telling import addressee_of, tell
from backend.payments.values import Payment, Source
from notifications.formats import money
from notifications.messages import Rendered, Template, render

SOURCE: Final = "payment-returned"
_RETURNED: Final = "/returned"


def return_by_bank(
    session: Session,
    actor: Actor,
    payment_id: UUID,
    *,
    reference: str,
    reason: str,
    authority: Basis | None = None,
    document: str | None = None,
    now: datetime,
) -> Payment:
    """Return the payment, of which the bank took back what was left; told twice, it is one return.

    `reference` is the bank's number of the return, and its word is what the booking goes by unless
    an officer names another `authority` or `document`. Audited. Raises FORBIDDEN, NOT_FOUND,
    ILLEGAL_TRANSITION for cash, for what came by the provider, or when nothing is left,
    ALREADY_EXISTS when the number stands for another return.
    """
    actor.require(Permission.PAYMENT_RECORD)
    row = find_payment(session, actor, payment_id)
    payment = payment_value(session, row)
    if payment.method is Method.CASH or payment.source is Source.PROVIDER:
        raise Problem(Code.ILLEGAL_TRANSITION, "No bank returns this payment.")
    number = reference + _RETURNED
    if (
        not payment.left_minor
        and transaction_of(session, row.agency_id, Source.IMPORT, number) is None
    ):
        raise Problem(Code.ILLEGAL_TRANSITION, "Nothing is left of this payment.")
    back = Outgoing(
        payment_id=payment.id,
        amount_minor=payment.left_minor,
        source=Source.IMPORT,
        external_id=number,
        reason=reason,
        authority=Authority(authority.value) if authority else Authority.BANK,
        document=document or reference,
    )
    returned_id = book_chargeback(session, actor, back, now=now)
    about = MessageSource(kind=SOURCE, id=returned_id)
    tell(session, payment.supervisee_id, about, now=now)
    return read_payment(session, actor, payment.id)


def texts(session: Session, messages: Sequence[Message], _now: datetime) -> Mapping[UUID, Rendered]:
    """Return the words about returns that were not undone since."""
    found: dict[UUID, Rendered] = {}
    for message in messages:
        row = session.get_one(LedgerTransactionRow, message.source.id)
        if transaction_of(session, row.agency_id, Source.REVERSAL, str(row.id)) is None:
            found[message.id] = _text(session, row)
    return found


def _text(session: Session, row: LedgerTransactionRow) -> Rendered:
    cash = cash_of(session, row.id)
    to = addressee_of(session, row.supervisee_id)
    amount = money(-cash.amount_minor, cash.currency)
    return render(Template.PAYMENT_RETURNED, to.language, {**to.params, "amount": amount})
