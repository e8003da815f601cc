"""Requests and help at the edge."""

from __future__ import annotations

from typing import Any, Final

import marshmallow as ma

from backend.core.schemas import CursorSchema, FreeText, Instant, Schema, page_of
from backend.location.refusals import RefusalReason
from backend.requests.models import MAX_TEXT_CHARACTERS
from backend.requests.values import NewRequest, RequestKind, RequestState
from notifications.formats import Language

OUTCOMES: Final = (RequestState.ANSWERED, RequestState.DECLINED)


class NewRequestSchema(Schema):
    """What a person asks."""

    kind = ma.fields.Enum(RequestKind, by_value=True, required=True)
    text = FreeText(max_length=MAX_TEXT_CHARACTERS, required=True)
    starts_at = Instant(
        load_default=None,
        allow_none=True,
        metadata={"description": "For an exemption: from when on it is wanted"},
    )
    ends_at = Instant(
        load_default=None,
        allow_none=True,
        metadata={"description": "For an exemption: until when it is wanted"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> NewRequest:
        """Return it as one value."""
        return NewRequest(**data)


class RequestSchema(Schema):
    """A request, with the officer's answer."""

    id = ma.fields.UUID(required=True)
    supervisee_id = ma.fields.UUID(required=True)
    kind = ma.fields.Enum(RequestKind, by_value=True, required=True)
    text = ma.fields.String(required=True)
    starts_at = Instant(required=True, allow_none=True)
    ends_at = Instant(required=True, allow_none=True)
    asked_at = Instant(required=True)
    state = ma.fields.Enum(RequestState, by_value=True, required=True)
    answer = ma.fields.String(required=True, allow_none=True)
    answered_by = ma.fields.UUID(required=True, allow_none=True)
    answered_at = Instant(required=True, allow_none=True)


class RequestFilterSchema(CursorSchema):
    """Query parameters of the list of requests."""

    kind = ma.fields.Enum(RequestKind, by_value=True, load_default=None)
    state = ma.fields.Enum(RequestState, by_value=True, load_default=None)
    supervisee_id = ma.fields.UUID(load_default=None)


class AnswerSchema(Schema):
    """An officer's answer."""

    outcome = ma.fields.Enum(
        RequestState,
        by_value=True,
        required=True,
        validate=ma.validate.OneOf(OUTCOMES),
        metadata={"enum": [outcome.value for outcome in OUTCOMES]},
    )
    answer = FreeText(
        max_length=MAX_TEXT_CHARACTERS,
        required=True,
        metadata={"description": "The person reads it"},
    )


class RefusalHelpSchema(Schema):
    """What a reason of the gate means, and what to do about it."""

    reason = ma.fields.Enum(RefusalReason, by_value=True, required=True)
    what = ma.fields.String(required=True)
    what_to_do = ma.fields.String(required=True)


class RequestHelpSchema(Schema):
    """A kind of request, and what it is for."""

    kind = ma.fields.Enum(RequestKind, by_value=True, required=True)
    about = ma.fields.String(required=True)


class HelpSchema(Schema):
    """Whom to turn to and what to do, in the person's language."""

    language = ma.fields.Enum(Language, by_value=True, required=True)
    agency_name = ma.fields.String(required=True)
    contact_phone = ma.fields.String(required=True)
    contact_email = ma.fields.String(required=True)
    refusals = ma.fields.List(ma.fields.Nested(RefusalHelpSchema), required=True)
    requests = ma.fields.List(ma.fields.Nested(RequestHelpSchema), required=True)


RequestPageSchema = page_of(RequestSchema)
