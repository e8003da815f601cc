"""Money whose owner is unknown, at the edge."""

from __future__ import annotations

import marshmallow as ma

from backend.core.schemas import CursorSchema, FreeText, Instant, Schema, page_of
from backend.payments.kinds import Method
from backend.payments.ledger import TransactionKind
from backend.payments.models import MAX_NOTE_CHARACTERS
from backend.payments.schemas import MINOR
from backend.payments.values import Source


class SuspenseFilterSchema(CursorSchema):
    """Query parameters of the list of suspense."""

    waiting = ma.fields.Boolean(
        load_default=True, metadata={"description": "Only what is still there"}
    )


class SuspenseAssignmentSchema(Schema):
    """Whose money it is."""

    supervisee_id = ma.fields.UUID(required=True)
    note = FreeText(max_length=MAX_NOTE_CHARACTERS, load_default="")


class SuspenseItemSchema(Schema):
    """Money that waits, or waited, until its owner is known."""

    id = ma.fields.UUID()
    amount_minor = ma.fields.Integer(metadata=MINOR)
    currency = ma.fields.String()
    received_on = ma.fields.Date()
    method = ma.fields.Enum(Method, by_value=True)
    source = ma.fields.Enum(Source, by_value=True)
    external_id = ma.fields.String(metadata={"description": "The number that the source gave it"})
    note = ma.fields.String()
    recorded_at = Instant()
    cleared_by = ma.fields.UUID(
        allow_none=True, metadata={"description": "The transaction that took it out"}
    )
    cleared_as = ma.fields.Enum(TransactionKind, by_value=True, allow_none=True)


SuspensePageSchema = page_of(SuspenseItemSchema)
