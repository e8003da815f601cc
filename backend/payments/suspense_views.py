"""The API of money whose owner is unknown: officers see it, give it to a person, or send it back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.core.http import Audience, Blueprint, actor, now, snapshot, transaction
from backend.core.paging import Page
from backend.payments import service
from backend.payments.schemas import PaymentSchema
from backend.payments.service import Payment, SuspenseItem
from backend.payments.suspense_schemas import (
    SuspenseAssignmentSchema,
    SuspenseFilterSchema,
    SuspenseItemSchema,
    SuspensePageSchema,
)

officers = Blueprint(
    "suspense",
    __name__,
    url_prefix="/v1/suspense",
    audience=Audience.OFFICER,
    description="Money whose owner is unknown",
)
BLUEPRINTS = (officers,)


@officers.route("")
@officers.arguments(SuspenseFilterSchema, location="query")
@officers.response(200, SuspensePageSchema)
def list_suspense(filters: dict[str, Any]) -> Page[SuspenseItem]:
    """List the agency's suspense, newest first."""
    with snapshot() as session:
        return service.suspense_items(session, actor(), **filters)


@officers.route("/<uuid:item_id>/assignment", methods=["POST"])
@officers.arguments(SuspenseAssignmentSchema)
@officers.response(201, PaymentSchema)
def assign_suspense(data: dict[str, Any], item_id: UUID) -> Payment:
    """Say whose money it is: it becomes a payment of theirs."""
    with transaction() as session:
        return service.clear_suspense(session, actor(), item_id, **data, now=now())


@officers.route("/<uuid:item_id>/return", methods=["POST"])
@officers.response(200, SuspenseItemSchema)
def return_suspense(item_id: UUID) -> SuspenseItem:
    """Record that the money was sent back to where it came from."""
    with transaction() as session:
        return service.return_suspense(session, actor(), item_id, now=now())
