"""Appointments at the edge."""

from __future__ import annotations

from typing import Any, Final

import marshmallow as ma

from backend.appointments.models import (
    MAX_CONTACT_CHARACTERS,
    MAX_NOTE_CHARACTERS,
    MAX_PLACE_CHARACTERS,
    MAX_REASON_CHARACTERS,
)
from backend.appointments.values import AppointmentKind, AppointmentTerms
from backend.core.schemas import FreeText, Instant, Schema, page_of
from backend.outbox.schemas import TextsSchema
from notifications.formats import Language
from notifications.kind import MessageKind

_PHONE: Final = ma.validate.Regexp(r"^\+[1-9][0-9]{6,14}(?!\n)$", error="Give E.164: +15555550100.")


def _text(max_length: int, description: str) -> FreeText:
    return FreeText(
        max_length=max_length,
        load_default=None,
        allow_none=True,
        metadata={"description": description},
    )


class AppointmentTermsSchema(Schema):
    """When and where a person is expected, and whom to call about it."""

    starts_at = Instant(required=True)
    zone = ma.fields.String(
        load_default=None,
        validate=ma.validate.Length(min=1, max=60),
        metadata={
            "description": "IANA zone of the place, whose wall time is told; or the agency's"
        },
    )
    place = _text(MAX_PLACE_CHARACTERS, "Named in reminders")
    note = _text(MAX_NOTE_CHARACTERS, "Shown to the person in the app, not in reminders")
    contact_name = _text(MAX_CONTACT_CHARACTERS, "Whom to call; the agency if missing")
    contact_phone = ma.fields.String(
        load_default=None,
        allow_none=True,
        validate=_PHONE,
        metadata={"description": "E.164; the agency's if missing"},
    )

    @ma.post_load
    def make_terms(self, data: dict[str, Any], **_: Any) -> Any:
        """Return the terms as one value, beside what else there is."""
        kind = data.pop("kind", None)
        terms = AppointmentTerms(**data)
        return terms if kind is None else {"kind": kind, "terms": terms}


class NewAppointmentSchema(AppointmentTermsSchema):
    """An appointment to make."""

    kind = ma.fields.Enum(AppointmentKind, by_value=True, required=True)


class AppointmentSchema(NewAppointmentSchema):
    """An appointment as it stands."""

    id = ma.fields.UUID(required=True)
    supervisee_id = ma.fields.UUID(required=True)
    made_at = Instant(required=True)
    cancelled_at = Instant(required=True, allow_none=True)
    cancellation_reason = ma.fields.String(required=True, allow_none=True)


class CancellationSchema(Schema):
    """Why an appointment will not take place."""

    reason = FreeText(max_length=MAX_REASON_CHARACTERS, required=True)


class NoticePreviewSchema(Schema):
    """What the person would be told, in every language."""

    kind = ma.fields.Enum(MessageKind, by_value=True, required=True)
    language = ma.fields.Enum(
        Language, by_value=True, required=True, metadata={"description": "The one that is sent"}
    )
    texts = ma.fields.Nested(
        TextsSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Null if nothing changes that the person is told of"},
    )


AppointmentPageSchema = page_of(AppointmentSchema)
