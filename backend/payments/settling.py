"""From what the provider says to the ledger, forward only.

The provider's word was fetched before, outside any transaction. The same word again, or an older
one after a newer, changes nothing: everything is booked under the provider's own numbers, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from backend.core.actor import SYSTEM
from backend.core.db import Session
from backend.identity import service as identity
from backend.payments.bookings import (
    Incoming,
    Outgoing,
    book_chargeback,
    book_payment,
    book_pending,
    book_refund,
    release_pending,
    reverse_repayment,
)
from backend.payments.differences import note_difference
from backend.payments.hosted import hosted_value, locked_payment
from backend.payments.hosted_models import (
    MAX_CODE,
    DifferenceKind,
    HostedPaymentRow,
    NoticeOutcome,
)
from backend.payments.hosted_state import UNSETTLED, HostedState, later, seen
from backend.payments.kinds import Authority, Method
from backend.payments.messages import tell_failure, tell_receipt
from backend.payments.provider import (
    HostedPage,
    Party,
    PaymentStatus,
    ProviderPayment,
    Return,
    ReturnKind,
)
from backend.payments.suspense import Unidentified, book_suspense
from backend.payments.values import Payment, Source

_ASK_AGAIN: Final = timedelta(hours=12)
_FAILED: Final = "The payment failed."
_BACK: Final = "Told by the payment provider."


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the provider says of one order, as it was a moment ago."""

    page: HostedPage | None = None
    payment: ProviderPayment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What to ask the provider about an order of ours."""

    order_id: UUID
    page: str | None
    payment: str | None


def look_for(session: Session, party: Party) -> Look | None:
    """Return what else to ask about an order of ours; None if it is no payment of ours."""
    row = session.get(HostedPaymentRow, party.order_id)
    if row is None or row.agency_id != party.agency_id:
        return None
    return Look(order_id=row.id, page=row.page_reference, payment=row.payment_reference)


def looks_due(session: Session, now: datetime, *, limit: int) -> Sequence[Look]:
    """Return orders of which nothing was heard though something should have happened."""
    rows = session.scalars(
        select(HostedPaymentRow)
        .where(
            HostedPaymentRow.look_at <= now,
            HostedPaymentRow.page_reference.is_not(None)
            | HostedPaymentRow.payment_reference.is_not(None),
        )
        .order_by(HostedPaymentRow.look_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.look_at = now + _ASK_AGAIN if row.state in UNSETTLED else None
    return [
        Look(order_id=row.id, page=row.page_reference, payment=row.payment_reference)
        for row in rows
    ]


def settle(session: Session, order_id: UUID, facts: Facts, *, now: datetime) -> NoticeOutcome:
    """Bring one of our payments, and the ledger, to where the provider says that it is.

    Raises Problem where the ledger contradicts what the provider says.
    """
    row = locked_payment(session, order_id)
    before, payment = row.state, facts.payment
    if payment is not None and row.payment_reference not in {None, payment.reference}:
        return take_stray(session, payment, now=now)
    _move(row, facts, now)
    if payment is not None:
        _book(session, row, payment, now)
    elif row.state in {HostedState.FAILED, HostedState.EXPIRED}:
        _release(session, row, now)
    if before is not row.state:
        _tell(session, row, before, now)
    return NoticeOutcome.SETTLED


def take_stray(session: Session, payment: ProviderPayment, *, now: datetime) -> NoticeOutcome:
    """Put money that we did not ask for where an officer can say whose it is.

    It goes into the suspense of the agency that its order names, or of the only one there is. With
    neither nobody may see it but the operator: it stays noted, and nothing is lost.
    """
    if payment.status is not PaymentStatus.PAID:
        return NoticeOutcome.STRAY
    agency_id = _agency_of(session, payment.party)
    if agency_id is not None:
        _book_suspense(session, agency_id, payment, "A payment that was not asked for.", now)
    note_difference(session, DifferenceKind.UNKNOWN_HERE, payment, agency_id=agency_id, now=now)
    return NoticeOutcome.STRAY


def note_contradiction(session: Session, order_id: UUID, facts: Facts, *, now: datetime) -> None:
    """Note that the ledger refused what the provider says of one of our payments."""
    row = session.get_one(HostedPaymentRow, order_id)
    note_difference(
        session,
        DifferenceKind.CONTRADICTED,
        facts.payment or str(order_id),
        agency_id=row.agency_id,
        hosted_payment_id=row.id,
        now=now,
    )


def _move(row: HostedPaymentRow, facts: Facts, now: datetime) -> None:
    payment, page = facts.payment, facts.page
    news = seen(page.status if page else None, payment.status if payment else None)
    if news is HostedState.PAID and payment is not None and not _is_as_asked(row, payment):
        news = HostedState.MISMATCHED
    if payment is not None:
        row.payment_reference = payment.reference
    state = later(row.state, news)
    if state is row.state:
        return
    row.state, row.changed_at = state, now
    row.look_at = (row.look_at or now + _ASK_AGAIN) if state in UNSETTLED else None
    if state is HostedState.FAILED and payment is not None and payment.failure:
        row.failure = payment.failure[:MAX_CODE]


def _is_as_asked(row: HostedPaymentRow, payment: ProviderPayment) -> bool:
    return (payment.received_minor, payment.currency) == (row.amount_minor, row.currency)


def _book(session: Session, row: HostedPaymentRow, payment: ProviderPayment, now: datetime) -> None:
    match row.state:
        case HostedState.PROCESSING:
            book_pending(session, SYSTEM, _money(session, row, payment), now=now)
        case HostedState.FAILED | HostedState.EXPIRED:
            _release(session, row, now)
        case HostedState.PAID if payment.status is PaymentStatus.PAID:
            booked = book_payment(session, SYSTEM, _money(session, row, payment), now=now)
            for back in payment.returns:
                _book_return(session, booked, back, now)
        case HostedState.MISMATCHED if payment.status is PaymentStatus.PAID:
            note = f"Another amount or currency than was asked for: {row.id}"
            _release(session, row, now)
            _book_suspense(session, row.agency_id, payment, note, now)
            note_difference(
                session,
                DifferenceKind.OTHER_AMOUNT,
                payment,
                agency_id=row.agency_id,
                hosted_payment_id=row.id,
                now=now,
            )


def _book_return(session: Session, booked: Payment, back: Return, now: datetime) -> None:
    given = back.kind is ReturnKind.REFUND
    out = Outgoing(
        payment_id=booked.id,
        amount_minor=back.amount_minor,
        source=Source.PROVIDER,
        external_id=back.reference,
        reason=_BACK,
        authority=Authority.PROVIDER if given else Authority.BANK,
        document=back.reference,
    )
    book = book_refund if given else book_chargeback
    repayment_id = book(session, SYSTEM, out, now=now)
    if back.undone:
        reverse_repayment(session, SYSTEM, repayment_id, reason=_BACK, now=now)


def _release(session: Session, row: HostedPaymentRow, now: datetime) -> None:
    if row.payment_reference is not None:
        release_pending(
            session,
            SYSTEM,
            row.supervisee_id,
            source=Source.PROVIDER,
            external_id=row.payment_reference,
            reason=_FAILED,
            now=now,
        )


def _money(session: Session, row: HostedPaymentRow, payment: ProviderPayment) -> Incoming:
    zone = ZoneInfo(identity.get_agency(session, row.agency_id).zone)
    return Incoming(
        supervisee_id=row.supervisee_id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        received_on=payment.created_at.astimezone(zone).date(),
        method=Method.HOSTED_PAGE if row.mandate_id is None else Method.AUTOPAY,
        source=Source.PROVIDER,
        external_id=payment.reference,
    )


def _book_suspense(
    session: Session, agency_id: UUID, payment: ProviderPayment, note: str, now: datetime
) -> None:
    zone = ZoneInfo(identity.get_agency(session, agency_id).zone)
    money = Unidentified(
        amount_minor=payment.received_minor,
        currency=payment.currency,
        received_on=payment.created_at.astimezone(zone).date(),
        method=Method.HOSTED_PAGE,
        source=Source.PROVIDER,
        external_id=payment.reference,
        note=note,
    )
    book_suspense(session, SYSTEM, agency_id, money, now=now)


def _agency_of(session: Session, party: Party | None) -> UUID | None:
    agencies = [agency.id for agency in identity.every_agency(session)]
    if party is not None and party.agency_id in agencies:
        return party.agency_id
    return agencies[0] if len(agencies) == 1 else None


def _tell(session: Session, row: HostedPaymentRow, before: HostedState, now: datetime) -> None:
    if row.state is HostedState.PAID:
        at_once = before in {HostedState.ASKED, HostedState.OPEN} and row.mandate_id is None
        tell_receipt(session, hosted_value(row), at_once=at_once, now=now)
    elif row.state is HostedState.FAILED:
        tell_failure(session, hosted_value(row), now=now)
