"""The API of money: officers raise and record, read balance and statement; people read their own.

Card numbers are refused wherever text is typed: cards are paid on a provider's own page.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.core.http import Audience, Blueprint, actor, now, snapshot, transaction
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema
from backend.payments import service
from backend.payments.cash_views import BLUEPRINTS as CASH
from backend.payments.import_views import BLUEPRINTS as FILES
from backend.payments.kinds import ObligationKind
from backend.payments.relief_views import BLUEPRINTS as RELIEF
from backend.payments.schemas import (
    AllocationOrderSchema,
    BalanceSchema,
    BankReturnSchema,
    FeeEndSchema,
    NewObligationSchema,
    NewPaymentSchema,
    NewRecurringFeeSchema,
    ObligationFilterSchema,
    ObligationPageSchema,
    ObligationSchema,
    PaymentPageSchema,
    PaymentSchema,
    ReasonSchema,
    RecurringFeePageSchema,
    RecurringFeeSchema,
    ReversalSchema,
)
from backend.payments.statement_views import BLUEPRINTS as STATEMENTS

officers = Blueprint(
    "payments",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="What people owe and what they paid",
)
own = Blueprint(
    "own-payments",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE,
    description="What the person who asks owes",
)
BLUEPRINTS = (officers, own, *CASH, *FILES, *RELIEF, *STATEMENTS)


@officers.route("/supervisees/<uuid:supervisee_id>/obligations", methods=["POST"])
@officers.arguments(NewObligationSchema)
@officers.response(201, ObligationSchema)
def raise_obligation(data: dict[str, Any], supervisee_id: UUID) -> service.Obligation:
    """Record that the person owes an amount; credit that is there pays it at once."""
    with transaction() as session:
        return service.raise_obligation(session, actor(), supervisee_id, **data, now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/obligations")
@officers.arguments(ObligationFilterSchema, location="query")
@officers.response(200, ObligationPageSchema)
def list_obligations(filters: dict[str, Any], supervisee_id: UUID) -> Page[service.Obligation]:
    """List what the person ever owed, newest first."""
    with snapshot() as session:
        return service.obligations(session, actor(), supervisee_id, **filters, now=now())


@officers.route("/obligations/<uuid:obligation_id>/cancellation", methods=["POST"])
@officers.arguments(ReasonSchema)
@officers.response(200, ReversalSchema)
def cancel_obligation(data: dict[str, Any], obligation_id: UUID) -> service.Reversal:
    """Reverse an obligation's charge; what was paid of it becomes credit."""
    with transaction() as session:
        return service.cancel_obligation(session, actor(), obligation_id, **data, now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/recurring-fees", methods=["POST"])
@officers.arguments(NewRecurringFeeSchema)
@officers.response(201, RecurringFeeSchema)
def set_recurring_fee(data: dict[str, Any], supervisee_id: UUID) -> service.RecurringFee:
    """Set a fee that falls due again and again, by the calendar of the agency's zone."""
    with transaction() as session:
        return service.set_recurring_fee(session, actor(), supervisee_id, **data, now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/recurring-fees")
@officers.arguments(CursorSchema, location="query")
@officers.response(200, RecurringFeePageSchema)
def list_recurring_fees(cursor: Cursor, supervisee_id: UUID) -> Page[service.RecurringFee]:
    """List the person's recurring fees, newest first."""
    with snapshot() as session:
        return service.recurring_fees(session, actor(), supervisee_id, cursor=cursor)


@officers.route("/recurring-fees/<uuid:fee_id>/end", methods=["POST"])
@officers.arguments(FeeEndSchema)
@officers.response(200, RecurringFeeSchema)
def end_recurring_fee(data: dict[str, Any], fee_id: UUID) -> service.RecurringFee:
    """End a recurring fee; what was raised for later days is cancelled."""
    with transaction() as session:
        return service.end_recurring_fee(session, actor(), fee_id, **data, now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/payments", methods=["POST"])
@officers.arguments(NewPaymentSchema)
@officers.response(201, PaymentSchema)
def record_payment(data: dict[str, Any], supervisee_id: UUID) -> service.Payment:
    """Record money received at the counter; the same receipt told again is the same payment."""
    with transaction() as session:
        return service.record_payment(session, actor(), supervisee_id, **data, now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/payments")
@officers.arguments(CursorSchema, location="query")
@officers.response(200, PaymentPageSchema)
def list_payments(cursor: Cursor, supervisee_id: UUID) -> Page[service.Payment]:
    """List what the person paid, newest first."""
    with snapshot() as session:
        return service.payments(session, actor(), supervisee_id, cursor=cursor)


@officers.route("/payments/<uuid:payment_id>")
@officers.response(200, PaymentSchema)
def read_payment(payment_id: UUID) -> service.Payment:
    """Give one payment."""
    with snapshot() as session:
        return service.read_payment(session, actor(), payment_id)


@officers.route("/payments/<uuid:payment_id>/reversal", methods=["POST"])
@officers.arguments(ReasonSchema)
@officers.response(200, ReversalSchema)
def reverse_payment(data: dict[str, Any], payment_id: UUID) -> service.Reversal:
    """Reverse a payment that was not made; what it had paid is owed again."""
    with transaction() as session:
        return service.reverse_payment(session, actor(), payment_id, **data, now=now())


@officers.route("/payments/<uuid:payment_id>/bank-return", methods=["POST"])
@officers.arguments(BankReturnSchema)
@officers.response(200, PaymentSchema)
def return_by_bank(data: dict[str, Any], payment_id: UUID) -> service.Payment:
    """Record that a check bounced or a transfer was returned; what it had paid is owed again."""
    with transaction() as session:
        return service.return_by_bank(session, actor(), payment_id, **data, now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/balance")
@officers.response(200, BalanceSchema)
def read_balance(supervisee_id: UUID) -> service.Balance:
    """Give what the person owes today."""
    with snapshot() as session:
        return service.balance(session, actor(), supervisee_id, now=now())


@officers.route("/allocation-order")
@officers.etag
@officers.response(200, AllocationOrderSchema)
def read_allocation_order() -> dict[str, tuple[ObligationKind, ...]]:
    """Give the order in which payments are allocated: every officer may know it."""
    with snapshot() as session:
        return {"kinds": service.allocation_order(session, actor().agency)}


@officers.route("/allocation-order", methods=["PUT"])
@officers.etag
@officers.arguments(AllocationOrderSchema)
@officers.response(200, AllocationOrderSchema)
def change_allocation_order(
    data: dict[str, Any],
) -> dict[str, tuple[ObligationKind, ...]]:
    """Change the order in which payments are allocated from now on."""
    with transaction() as session:
        current = service.allocation_order_to_change(session, actor())
        officers.check_etag({"kinds": current}, AllocationOrderSchema)
        return {"kinds": service.change_allocation_order(session, actor(), **data, now=now())}


@own.route("/balance")
@own.response(200, BalanceSchema)
def read_own_balance() -> service.Balance:
    """Give what the person who asks owes today."""
    with snapshot() as session:
        return service.own_balance(session, actor(), now=now())
