"""The API of the counter's cash: who took it counts, a second officer counts again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.core.http import Audience, Blueprint, actor, now, snapshot, transaction
from backend.core.paging import Page
from backend.payments import service
from backend.payments.cash_schemas import (
    CashConfirmationSchema,
    CashCountSchema,
    CashDayFilterSchema,
    CashDayPageSchema,
    CashDaySchema,
    PrintedReceiptSchema,
)
from backend.payments.service import CashDay, PrintedReceipt

officers = Blueprint(
    "cash",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="Cash of the counter, counted by two",
)
BLUEPRINTS = (officers,)


@officers.route("/cash-days")
@officers.arguments(CashDayFilterSchema, location="query")
@officers.response(200, CashDayPageSchema)
def list_cash_days(filters: dict[str, Any]) -> Page[CashDay]:
    """List the days on which officers took cash, newest first."""
    with snapshot() as session:
        return service.cash_days(session, actor(), **filters, now=now())


@officers.route("/cash-days/<uuid:cash_day_id>")
@officers.response(200, CashDaySchema)
def read_cash_day(cash_day_id: UUID) -> CashDay:
    """Give one day with what is expected of it."""
    with snapshot() as session:
        return service.cash_day(session, actor(), cash_day_id)


@officers.route("/cash-days/<uuid:cash_day_id>/closing", methods=["POST"])
@officers.arguments(CashCountSchema)
@officers.response(200, CashDaySchema)
def close_cash_day(data: dict[str, Any], cash_day_id: UUID) -> CashDay:
    """Count the day's cash and close it, or count it anew before it is confirmed."""
    with transaction() as session:
        return service.close_cash_day(session, actor(), cash_day_id, **data, now=now())


@officers.route("/cash-days/<uuid:cash_day_id>/confirmation", methods=["POST"])
@officers.arguments(CashConfirmationSchema)
@officers.response(200, CashDaySchema)
def confirm_cash_day(data: dict[str, Any], cash_day_id: UUID) -> CashDay:
    """Confirm a closed day as a second officer, who counted the same; a difference is booked."""
    with transaction() as session:
        return service.confirm_cash_day(session, actor(), cash_day_id, **data, now=now())


@officers.route("/payments/<uuid:payment_id>/receipt")
@officers.response(200, PrintedReceiptSchema)
def read_receipt(payment_id: UUID) -> PrintedReceipt:
    """Give the receipt of a payment at the counter, to print: what the person is told too."""
    with snapshot() as session:
        return service.printed_receipt(session, actor(), payment_id)
