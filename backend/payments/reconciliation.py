"""Reconciliation: every payment of the last days, at the provider and here, held side by side."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from backend.audit import service as audit
from backend.core.actor import SYSTEM
from backend.core.db import Session
from backend.payments.differences import note_difference
from backend.payments.hosted_models import DifferenceKind, HostedPaymentRow
from backend.payments.hosted_state import HostedState
from backend.payments.provider import PaymentStatus, ProviderPayment

WINDOW: Final = timedelta(days=4)
"""How far back is looked: with daily runs each payment is met several times."""
IN_FLIGHT: Final = timedelta(hours=1)
"""What is younger may still be on its way here."""
_PAGE_LIFE: Final = timedelta(days=1)
_BOOKED: Final = frozenset({HostedState.PAID, HostedState.MISMATCHED})


def note_if_not_booked(
    session: Session, order_id: UUID, payment: ProviderPayment, *, now: datetime
) -> bool:
    """Note a payment that came there and is not booked here, or the reverse; return whether so."""
    row = session.get_one(HostedPaymentRow, order_id)
    if (row.state in _BOOKED) is (payment.status is PaymentStatus.PAID):
        return False
    note_difference(
        session,
        DifferenceKind.NOT_BOOKED,
        payment,
        agency_id=row.agency_id,
        hosted_payment_id=row.id,
        now=now,
    )
    return True


def note_missing(
    session: Session,
    references: Collection[str],
    *,
    since: datetime,
    until: datetime,
    now: datetime,
) -> int:
    """Note payments of ours that are not among the provider's of `[since, until)`; how many.

    Audited, with what was compared.
    """
    rows = session.scalars(
        select(HostedPaymentRow).where(
            HostedPaymentRow.asked_at >= since,
            HostedPaymentRow.asked_at < until - _PAGE_LIFE,
            HostedPaymentRow.state == HostedState.PAID,
        )
    ).all()
    missing = [row for row in rows if row.payment_reference not in references]
    for row in missing:
        note_difference(
            session,
            DifferenceKind.UNKNOWN_THERE,
            row.payment_reference or str(row.id),
            agency_id=row.agency_id,
            hosted_payment_id=row.id,
            now=now,
        )
    audit.record(
        session,
        SYSTEM,
        audit.Act.PAYMENTS_RECONCILED,
        subject=None,
        now=now,
        details={"there": len(references), "missing": len(missing)},
    )
    return len(missing)
