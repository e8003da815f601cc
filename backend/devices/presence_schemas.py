"""What phones, browsers and officers send and get of presence."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from backend.core.schemas import Instant, Schema, page_of
from backend.devices.presence_level import Presence, PresenceEnd, PresenceMeans
from backend.devices.presence_offer import AppAssertion, OfferedKey, OfferedPasskey
from backend.devices.presence_use import ShownAssertion
from backend.devices.schemas import MAX_CERTIFICATES, MAX_CLIENT_DATA, AppAssertionSchema
from backend.proof.presence import MAX_CHARS

_MAX_CERTIFICATE = 1 << 16
_MAX_BASE64URL = 16_384


def challenge_field(**options: Any) -> fields.String:
    """Return the field of a challenge that the server gave out."""
    return fields.String(
        validate=validate.Length(max=43),
        metadata={"description": "As the server gave it out"},
        **options,
    )


def _jws(description: str, **options: Any) -> fields.String:
    return fields.String(
        validate=validate.Length(max=MAX_CHARS),
        metadata={"description": description},
        **options,
    )


def _base64url(description: str) -> fields.String:
    return fields.String(
        required=True,
        validate=validate.Length(max=_MAX_BASE64URL),
        metadata={"description": f"{description}, base64url"},
    )


class PresenceChallengeSchema(Schema):
    """What must be signed, and by what it can be."""

    challenge = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds"})
    means = fields.Enum(
        PresenceMeans,
        by_value=True,
        required=True,
        allow_none=True,
        metadata={"description": "What is enrolled on this device now"},
    )
    public_key = fields.Dict(
        required=True,
        allow_none=True,
        metadata={"description": "In a browser: what the page hands to `navigator.credentials`"},
    )


class KeyAssertionSchema(AppAssertionSchema):
    """What an iPhone's genuine app says of the key, signed with its App Attest key."""

    client_data = fields.String(
        required=True,
        validate=validate.Length(max=MAX_CLIENT_DATA),
        metadata={
            "description": '`{"access_control", "challenge", "jkt", "presence_jkt"}` as it was '
            "hashed"
        },
    )

    @ma.post_load
    def make_assertion(self, data: dict[str, Any], **_: Any) -> AppAssertion:
        """Return it as a value."""
        return AppAssertion(**data)


class OfferedKeySchema(Schema):
    """A phone's second key, which its system releases to a verified user only."""

    challenge = challenge_field(required=True)
    key = _jws(
        "`presence-key+jwt` over `{challenge, jkt}`, by the key in its header", required=True
    )
    x5c = fields.List(
        fields.String(
            validate=validate.Length(max=_MAX_CERTIFICATE),
            metadata={"description": "A certificate in base64"},
        ),
        load_default=None,
        validate=validate.Length(max=MAX_CERTIFICATES),
        metadata={"description": "Android: the key's certificates, its own first"},
    )
    app_assertion = fields.Nested(
        KeyAssertionSchema,
        load_default=None,
        metadata={"description": "iOS: the genuine app's word of how the key is guarded"},
    )
    key_change = _jws(
        "`key-change+jwt` over `{challenge, new_jkt}` by the presence key before",
        load_default=None,
    )

    @ma.validates_schema
    def refuse_two_witnesses(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse evidence of two platforms for one key."""
        if data["x5c"] is not None and data["app_assertion"] is not None:
            raise ma.ValidationError({"app_assertion": ["Either this or x5c."]})

    @ma.post_load
    def make_offer(self, data: dict[str, Any], **_: Any) -> OfferedKey:
        """Return the offer as a value."""
        x5c = data.pop("x5c")
        return OfferedKey(**data, x5c=None if x5c is None else tuple(x5c))


class OfferedPasskeySchema(Schema):
    """What `navigator.credentials.create()` gave the page."""

    challenge = challenge_field(required=True)
    id = _base64url("The credential's `rawId`")
    client_data = _base64url("`response.clientDataJSON`")
    attestation_object = _base64url("`response.attestationObject`")

    @ma.post_load
    def make_offer(self, data: dict[str, Any], **_: Any) -> OfferedPasskey:
        """Return the offer as a value."""
        return OfferedPasskey(**data)


class ShownAssertionSchema(Schema):
    """What `navigator.credentials.get()` gave the page."""

    id = _base64url("The credential's `rawId`")
    client_data = _base64url("`response.clientDataJSON`")
    authenticator_data = _base64url("`response.authenticatorData`")
    signature = _base64url("`response.signature`")

    @ma.post_load
    def make_assertion(self, data: dict[str, Any], **_: Any) -> ShownAssertion:
        """Return the assertion as a value."""
        return ShownAssertion(**data)


class PresenceKeySchema(Schema):
    """By what a person shows that they are there."""

    id = fields.UUID(required=True)
    activation_id = fields.UUID(required=True)
    means = fields.Enum(PresenceMeans, by_value=True, required=True)
    level = fields.Enum(
        Presence, by_value=True, required=True, metadata={"description": "What it shows at most"}
    )
    verdict = fields.Dict(
        required=True, metadata={"description": "What was shown of it, by its means"}
    )
    enrolled_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    end = fields.Enum(PresenceEnd, by_value=True, required=True, allow_none=True)


PresenceKeyPageSchema = page_of(PresenceKeySchema)
