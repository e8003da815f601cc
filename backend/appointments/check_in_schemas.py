"""Check-ins at the edge."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from backend.appointments.check_in_rules import CheckInRefusal, Punctuality
from backend.appointments.check_ins import Shown
from backend.core.schemas import Instant, Schema, page_of
from backend.devices.presence_level import Presence, PresenceMeans
from backend.devices.presence_schemas import (
    PresenceChallengeSchema,
    ShownAssertionSchema,
    challenge_field,
)
from backend.devices.service import ShownSignature
from backend.proof.presence import MAX_CHARS


class CheckInChallengeSchema(Schema):
    """What shows that the person is there for this check-in, and when it is open."""

    opening = ma.fields.Nested(PresenceChallengeSchema, required=True)
    least = ma.fields.Enum(
        Presence,
        by_value=True,
        required=True,
        metadata={"description": "What the agency asks for at least"},
    )
    opens_at = Instant(required=True)
    late_from = Instant(required=True)


class NewCheckInSchema(Schema):
    """What shows that the person is there: all empty where the agency asks for nothing."""

    challenge = challenge_field(load_default=None)
    signature = ma.fields.String(
        load_default=None,
        validate=ma.validate.Length(max=MAX_CHARS),
        metadata={
            "description": "Phones: `presence+jwt` over `{challenge, check_in, jkt}` by the "
            "presence key"
        },
    )
    assertion = ma.fields.Nested(
        ShownAssertionSchema,
        load_default=None,
        metadata={"description": "Browsers: the passkey's assertion"},
    )

    @ma.validates_schema
    def refuse_half(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a challenge that nothing answers, an answer to none, and two answers."""
        answers = [name for name in ("signature", "assertion") if data[name] is not None]
        if len(answers) != (data["challenge"] is not None):
            raise ma.ValidationError(
                {"challenge": ["With it goes either signature or assertion, and never alone."]}
            )

    @ma.post_load
    def make_shown(self, data: dict[str, Any], **_: Any) -> Shown:
        """Return it as a value."""
        signature = data["signature"]
        signed = None if signature is None else ShownSignature(signature=signature)
        return Shown(challenge=data["challenge"], presence=signed or data["assertion"])


class CheckInSchema(Schema):
    """An attempt to check in; it counts where `refusal` is null."""

    id = ma.fields.UUID(required=True)
    appointment_id = ma.fields.UUID(required=True)
    activation_id = ma.fields.UUID(required=True)
    at = Instant(required=True)
    due_at = Instant(required=True, metadata={"description": "When the person was expected then"})
    refusal = ma.fields.Enum(CheckInRefusal, by_value=True, required=True, allow_none=True)
    reason = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What was wrong with what was shown, a stable name"},
    )
    punctuality = ma.fields.Enum(Punctuality, by_value=True, required=True, allow_none=True)
    level = ma.fields.Enum(
        Presence, by_value=True, required=True, metadata={"description": "What was shown"}
    )
    means = ma.fields.Enum(PresenceMeans, by_value=True, required=True, allow_none=True)
    presence_key_id = ma.fields.UUID(required=True, allow_none=True)
    fix_seq = ma.fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The activation's fix that came along"},
    )


class AcceptedCheckInSchema(CheckInSchema):
    """A check-in that counts."""

    receipt = ma.fields.String(
        required=True, metadata={"description": "The server's signed word of it, a compact JWS"}
    )


CheckInPageSchema = page_of(CheckInSchema)
