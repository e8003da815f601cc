"""What auditors get to see of the record."""

from __future__ import annotations

import marshmallow as ma

from backend.audit.acts import Act
from backend.core.schemas import CursorSchema, Instant, Schema, page_of


class EventFilterSchema(CursorSchema):
    """Which events to list."""

    act = ma.fields.Enum(Act, by_value=True, metadata={"description": "Only this act"})
    actor_id = ma.fields.UUID(metadata={"description": "Only acts of this officer or person"})
    supervisee_id = ma.fields.UUID(metadata={"description": "Only acts that concern this person"})


class EventSchema(Schema):
    """One recorded act."""

    id = ma.fields.UUID(required=True)
    at = Instant(required=True, metadata={"description": "To the hundredth"})
    actor_kind = ma.fields.String(
        required=True, metadata={"description": "`officer`, `supervisee` or `system`"}
    )
    actor_id = ma.fields.UUID(required=True, allow_none=True)
    address = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "Network address it came from"}
    )
    act = ma.fields.String(required=True, metadata={"description": "`resource.verb`, past tense"})
    subject_kind = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "What was acted on"}
    )
    subject_id = ma.fields.UUID(required=True, allow_none=True)
    supervisee_id = ma.fields.UUID(
        required=True, allow_none=True, metadata={"description": "The person it concerns"}
    )
    outcome = ma.fields.String(
        required=True, metadata={"description": "`succeeded`, or `failed` for a refused try"}
    )
    details = ma.fields.Dict(
        required=True, metadata={"description": "Identifiers, field names and codes"}
    )


EventPageSchema = page_of(EventSchema)
