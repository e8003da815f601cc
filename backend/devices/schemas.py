"""What devices and officers send and get."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from backend.core.schemas import FreeText, Instant, Schema, page_of
from backend.devices.assurance import Assurance, Platform
from backend.devices.key_state import (
    REVOCATION_REASONS,
    SUSPENSION_REASONS,
    ActivationEnd,
    KeyReason,
    KeyState,
)
from backend.devices.models import PushKind
from backend.devices.push_address import MAX_ADDRESS_CHARACTERS, PushAddress
from backend.devices.service import Phone

_VISIBLE_ASCII = validate.Regexp(r"[\x21-\x7e]+\Z", error="Must be visible ASCII without spaces.")


class EnrolmentCodeSchema(Schema):
    """The code that the officer gave."""

    code = fields.String(
        required=True,
        validate=validate.Length(min=1, max=40),
        metadata={"description": "Ten digits of Crockford's base 32, grouped in any way"},
    )


class EnrolmentChallengeSchema(Schema):
    """What the new key must sign, as nonce of the proof at `POST /v1/devices`."""

    challenge = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds"})


class PushAddressSchema(Schema):
    """Where to push to this device."""

    kind = fields.Enum(PushKind, by_value=True, required=True)
    address = fields.String(
        required=True,
        validate=validate.And(validate.Length(max=MAX_ADDRESS_CHARACTERS), _VISIBLE_ASCII),
        metadata={"description": "What Firebase Cloud Messaging gave the app"},
    )

    @ma.post_load
    def make_address(self, data: dict[str, Any], **_: Any) -> PushAddress:
        """Return the address as a value."""
        return PushAddress(kind=data["kind"], value=data["address"])


class DeviceEvidenceSchema(Schema):
    """What a device shows of its hardware; the members depend on the type."""

    class Meta(Schema.Meta):
        """Members of a type that is refused by its name are not looked at."""

        unknown = ma.INCLUDE

    type = fields.String(
        required=True, validate=validate.And(validate.Length(max=40), _VISIBLE_ASCII)
    )


class NewDeviceSchema(Schema):
    """A device that wants to be enrolled."""

    platform = fields.Enum(Platform, by_value=True, required=True)
    evidence = fields.List(
        fields.Nested(DeviceEvidenceSchema), required=True, validate=validate.Length(max=3)
    )
    push = fields.Nested(PushAddressSchema, load_default=None)
    app_version = FreeText(required=True, max_length=40)
    os_version = FreeText(required=True, max_length=40)

    @ma.post_load
    def make_phone(self, data: dict[str, Any], **_: Any) -> Phone:
        """Return the device as a value."""
        return Phone(**data | {"evidence": tuple(item["type"] for item in data["evidence"])})


class DevicePolicySchema(Schema):
    """What a device must know of the agency's policy."""

    max_accuracy_m = fields.Integer(
        required=True, metadata={"description": "Largest 95 % radius of a usable fix, in metres"}
    )
    silence_after_s = fields.Integer(
        required=True, metadata={"description": "Longest silence before an alert, in seconds"}
    )


class EnrolledDeviceSchema(Schema):
    """The device as the server knows it from now on."""

    device = fields.String(
        required=True, attribute="jkt", metadata={"description": "Thumbprint of its key"}
    )
    activation = fields.UUID(required=True, attribute="activation_id")
    assurance = fields.Enum(Assurance, by_value=True, required=True)
    policy = fields.Nested(DevicePolicySchema, required=True)


class AccessTokenSchema(Schema):
    """An access token for this key (RFC 9449, section 5)."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds"})


class MessageDeliverySchema(Schema):
    """A message that arrived on this phone."""

    message_id = fields.UUID(required=True, metadata={"description": "`id` of the push data"})


class IssuedEnrolmentCodeSchema(Schema):
    """A code, shown this once."""

    id = fields.UUID(required=True)
    code = fields.String(required=True)
    expires_at = Instant(required=True)


class DeviceKeySchema(Schema):
    """A key's state."""

    jkt = fields.String(required=True, metadata={"description": "Thumbprint (RFC 7638)"})
    assurance = fields.Enum(Assurance, by_value=True, required=True)
    enrolled_at = Instant(required=True)
    state = fields.Enum(KeyState, by_value=True, required=True)
    state_reason = fields.Enum(KeyReason, by_value=True, required=True)
    state_since = Instant(required=True)


class ActivationSchema(Schema):
    """A person with a device for a period."""

    id = fields.UUID(required=True)
    supervisee_id = fields.UUID(required=True)
    platform = fields.Enum(Platform, by_value=True, required=True)
    app_version = fields.String(required=True)
    os_version = fields.String(required=True)
    started_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    end = fields.Enum(ActivationEnd, by_value=True, required=True, allow_none=True)
    keys = fields.List(fields.Nested(DeviceKeySchema), required=True)


ActivationPageSchema = page_of(ActivationSchema)


class KeySuspensionSchema(Schema):
    """Why a key is suspended."""

    reason = fields.Enum(
        KeyReason, by_value=True, required=True, validate=validate.OneOf(SUSPENSION_REASONS)
    )


class KeyRevocationSchema(Schema):
    """Why a key is revoked."""

    reason = fields.Enum(
        KeyReason, by_value=True, required=True, validate=validate.OneOf(REVOCATION_REASONS)
    )


class JwkSetSchema(Schema):
    """The server's public keys (RFC 7517), by which tokens and receipts are verified."""

    keys = fields.List(fields.Dict(keys=fields.String(), values=fields.String()), required=True)
