"""Invented debts and payments, made through the service."""

from __future__ import annotations

from datetime import date, datetime
from itertools import count
from typing import Any, Final
from uuid import UUID

from backend.core.actor import Actor
from backend.core.db import Session
from backend.payments import service
from backend.payments.kinds import Basis, Cadence, Method, ObligationKind
from backend.payments.service import (
    Obligation,
    Payment,
    Receipt,
    Recurrence,
    RecurringFee,
    Terms,
)

_numbers: Final = count(1)


def terms(
    *,
    kind: ObligationKind = ObligationKind.FINE,
    amount_minor: int = 10_000,
    currency: str = "USD",
) -> Terms:
    """What a court ordered to be paid."""
    return Terms(
        kind=kind,
        amount_minor=amount_minor,
        currency=currency,
        basis=Basis.ORDER,
        reference="2026-CR-000411",
    )


def owed(
    session: Session, actor: Actor, supervisee_id: UUID, due_on: date, now: datetime, **what: Any
) -> Obligation:
    """An obligation of 100.00 USD, or of `what`, by the names of `terms`."""
    return service.raise_obligation(
        session, actor, supervisee_id, terms(**what), due_on=due_on, now=now
    )


def receipt(
    *,
    receipt_number: str | None = None,
    amount_minor: int = 10_000,
    currency: str = "USD",
    received_on: date = date(2026, 3, 1),
) -> Receipt:
    """A receipt for cash, with a number of its own."""
    return Receipt(
        receipt_number=receipt_number or f"R-{next(_numbers)}",
        amount_minor=amount_minor,
        currency=currency,
        received_on=received_on,
        method=Method.CASH,
    )


def paid(
    session: Session, actor: Actor, supervisee_id: UUID, now: datetime, **what: Any
) -> Payment:
    """A payment of 100.00 USD in cash, or of `what`, by the names of `receipt`."""
    return service.record_payment(session, actor, supervisee_id, receipt(**what), note="", now=now)


def monthly_fee(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    now: datetime,
    *,
    starts_on: date,
    day_of_month: int,
    last_due_on: date | None = None,
) -> RecurringFee:
    """A supervision fee of 45.00 USD a month."""
    return service.set_recurring_fee(
        session,
        actor,
        supervisee_id,
        terms(kind=ObligationKind.SUPERVISION_FEE, amount_minor=4_500),
        Recurrence(
            cadence=Cadence.MONTHLY,
            starts_on=starts_on,
            day_of_month=day_of_month,
            last_due_on=last_due_on,
        ),
        now=now,
    )
