"""Refunds of what was paid at the provider: an officer asks, the provider pays, we book."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.payments.bookings import Outgoing, book_refund
from backend.payments.kinds import Authority, Basis
from backend.payments.paid import find_payment, payment_value, read_payment
from backend.payments.provider import (
    PaymentProvider,
    ProviderRefusedError,
    ProviderUnavailableError,
    Return,
)
from backend.payments.values import Payment, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """What the provider is to give back. Asked for again before it is booked, the same order."""

    order_id: UUID
    payment_id: UUID
    payment_reference: str
    amount_minor: int
    currency: str


def ask_refund(
    session: Session, actor: Actor, payment_id: UUID, *, amount_minor: int
) -> RefundOrder:
    """Return the order to give back a part of a payment that was made at the provider.

    Its number follows from the payment, from what of it went back before, and from the amount: told
    twice, it is one refund. Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION for money that did not
    come by the provider, or more than there is of it.
    """
    actor.require(Permission.PAYMENT_RECORD)
    payment = payment_value(session, find_payment(session, actor, payment_id))
    if payment.source is not Source.PROVIDER:
        raise Problem(Code.ILLEGAL_TRANSITION, "This payment did not come by the provider.")
    if amount_minor > payment.left_minor:
        raise Problem(Code.ILLEGAL_TRANSITION, "There is not so much left of this payment.")
    return RefundOrder(
        order_id=uuid5(payment.id, f"{payment.returned_minor}:{amount_minor}"),
        payment_id=payment.id,
        payment_reference=payment.receipt_number,
        amount_minor=amount_minor,
        currency=payment.currency,
    )


def give_back(provider: PaymentProvider, order: RefundOrder) -> Return:
    """Return what the provider gave back. Raises PAYMENT_PAGE_UNAVAILABLE, ILLEGAL_TRANSITION."""
    try:
        return provider.refund(
            order.payment_reference, order.order_id, order.amount_minor, order.currency
        )
    except ProviderUnavailableError:
        raise Problem(Code.PAYMENT_PAGE_UNAVAILABLE, "The provider did not answer.") from None
    except ProviderRefusedError:
        raise Problem(Code.ILLEGAL_TRANSITION, "The provider refuses this refund.") from None


def keep_refund(
    session: Session,
    actor: Actor,
    order: RefundOrder,
    back: Return,
    *,
    authority: Basis,
    document: str,
    reason: str,
    now: datetime,
) -> Payment:
    """Return the payment of which a part has gone back. Audited."""
    out = Outgoing(
        payment_id=order.payment_id,
        amount_minor=back.amount_minor,
        source=Source.PROVIDER,
        external_id=back.reference,
        reason=reason,
        authority=Authority(authority.value),
        document=document,
    )
    book_refund(session, actor, out, now=now)
    return read_payment(session, actor, order.payment_id)
