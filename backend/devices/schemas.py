"""What devices and officers send and get."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from backend.core.schemas import FreeText, Instant, Schema, page_of
from backend.devices.assurance import Assurance, Platform
from backend.devices.evidence import (
    AndroidKeyEvidence,
    AppAttestEvidence,
    Evidence,
    EvidenceType,
    KnownEvidence,
    PlayIntegrityEvidence,
    UnknownEvidence,
)
from backend.devices.key_state import (
    REVOCATION_REASONS,
    SUSPENSION_REASONS,
    ActivationEnd,
    AskedState,
    KeyReason,
    KeyState,
)
from backend.devices.models import PushKind
from backend.devices.push_address import MAX_ADDRESS_CHARACTERS, PushAddress
from backend.devices.service import NextKey, Phone

_MAX_EVIDENCE = 1 << 20
MAX_CERTIFICATES = 64
_MAX_ASSERTION = 8192
MAX_CLIENT_DATA = 512
_EVIDENCE: Mapping[str, type[KnownEvidence]] = {
    "android-key": AndroidKeyEvidence,
    "apple-appattest": AppAttestEvidence,
    "play-integrity": PlayIntegrityEvidence,
}
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


def _text(description: str) -> fields.String:
    """A text of evidence: its verifier is the one that says what is too large."""
    return fields.String(
        validate=validate.Length(max=_MAX_EVIDENCE), metadata={"description": description}
    )


class DeviceEvidenceSchema(Schema):
    """What a device shows of its hardware; which members it has depends on the type."""

    class Meta(Schema.Meta):
        """Members of a type that is refused by its name are not looked at."""

        unknown = ma.INCLUDE

    type = fields.String(
        required=True,
        validate=validate.And(validate.Length(max=40), _VISIBLE_ASCII),
        metadata={"description": "`android-key`, `apple-appattest` or `play-integrity`"},
    )
    x5c = fields.List(
        _text("A certificate in base64"),
        validate=validate.Length(max=MAX_CERTIFICATES),
        metadata={"description": "android-key: the key's certificates, its own first"},
    )
    key_id = _text("apple-appattest: the key identifier, as iOS gives it")
    object = _text("apple-appattest: the attestation object in base64")
    client_data = _text('apple-appattest: `{"challenge", "jkt"}` as it was hashed')
    token = _text("play-integrity: the token, asked for with the nonce of docs/protocol.md")

    @ma.post_load
    def make_evidence(self, data: dict[str, Any], **_: Any) -> Evidence:
        """Return the evidence as a value; a known type has exactly its own members."""
        name = data.pop("type")
        kind = _EVIDENCE.get(name)
        if kind is None:
            return UnknownEvidence(name=name)
        wanted = {item.name for item in dataclasses.fields(kind)}
        wrong = {name: ["Missing data for required field."] for name in wanted - data.keys()}
        wrong |= {name: ["Unknown field."] for name in data.keys() - wanted}
        if wrong:
            raise ma.ValidationError(wrong)
        return kind(**data)


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
        return Phone(**data | {"evidence": tuple(data["evidence"])})


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


class NextKeySchema(Schema):
    """The next key of a phone that has one."""

    key_change = fields.String(
        required=True,
        validate=validate.Length(max=1024),
        metadata={
            "description": "`key-change+jwt` by the old key over `{challenge, new_jkt}`, a compact "
            "JWS"
        },
    )
    evidence = fields.List(
        fields.Nested(DeviceEvidenceSchema), required=True, validate=validate.Length(max=3)
    )
    app_version = FreeText(load_default=None, max_length=40)
    os_version = FreeText(load_default=None, max_length=40)

    @ma.post_load
    def make_next_key(self, data: dict[str, Any], **_: Any) -> NextKey:
        """Return it as a value."""
        return NextKey(**data | {"evidence": tuple(data["evidence"])})


class ReEnrolmentAskedSchema(Schema):
    """A phone that has lost its key."""

    device = fields.String(
        required=True,
        validate=validate.Regexp(r"[A-Za-z0-9_-]{43}\Z"),
        metadata={"description": "Thumbprint of the key that it had", "maxLength": 43},
    )


class AskedSchema(Schema):
    """How the question stands."""

    reference = fields.String(
        required=True, metadata={"description": "What the person reads out to their officer"}
    )
    state = fields.Enum(AskedState, by_value=True, required=True)
    expires_at = Instant(required=True)
    challenge = fields.Nested(EnrolmentChallengeSchema, required=True, allow_none=True)


class ReEnrolmentSchema(Schema):
    """A phone that has lost its key and asks to be enrolled again."""

    id = fields.UUID(required=True)
    supervisee_id = fields.UUID(required=True)
    device = fields.String(
        required=True, attribute="jkt", metadata={"description": "The key that it had"}
    )
    reference = fields.String(
        required=True, metadata={"description": "What the phone shows to the person"}
    )
    asked_at = Instant(required=True)
    expires_at = Instant(required=True)
    state = fields.Enum(AskedState, by_value=True, required=True)
    decided_at = Instant(required=True, allow_none=True)
    decided_by = fields.UUID(required=True, allow_none=True)


ReEnrolmentPageSchema = page_of(ReEnrolmentSchema)


class AccessTokenSchema(Schema):
    """An access token for this key (RFC 9449, section 5)."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds"})
    rotate_at = Instant(
        required=True, metadata={"description": "From when on the phone should change its key"}
    )


class MessageDeliverySchema(Schema):
    """A message that arrived on this phone."""

    message_id = fields.UUID(required=True, metadata={"description": "`id` of the push data"})


class AppAssertionSchema(Schema):
    """What the genuine app signed with its App Attest key."""

    assertion = fields.String(
        required=True,
        validate=validate.Length(max=_MAX_ASSERTION),
        metadata={"description": "The assertion in base64"},
    )
    client_data = fields.String(
        required=True,
        validate=validate.Length(max=MAX_CLIENT_DATA),
        metadata={"description": '`{"challenge": <nonce of this proof>, "jkt"}` as it was hashed'},
    )


class AppAssertedSchema(Schema):
    """How often the app's key has signed."""

    counter = fields.Integer(required=True)
    asserted_at = Instant(required=True)


class IssuedEnrolmentCodeSchema(Schema):
    """A code, shown this once."""

    id = fields.UUID(required=True)
    code = fields.String(required=True)
    expires_at = Instant(required=True)


class DeviceKeySchema(Schema):
    """A key's state."""

    jkt = fields.String(required=True, metadata={"description": "Thumbprint (RFC 7638)"})
    assurance = fields.Enum(Assurance, by_value=True, required=True)
    app_version = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The app that made it, as the phone said, if it did"},
    )
    os_version = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The system that it was made on, as the phone said, if it did"},
    )
    enrolled_at = Instant(required=True)
    state = fields.Enum(KeyState, by_value=True, required=True)
    state_reason = fields.Enum(KeyReason, by_value=True, required=True)
    state_since = Instant(required=True)


class KeyEventSchema(Schema):
    """A step in a key's life."""

    id = fields.UUID(required=True)
    at = Instant(required=True)
    state = fields.Enum(KeyState, by_value=True, required=True)
    reason = fields.Enum(KeyReason, by_value=True, required=True)
    officer_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "Who took it, if an officer did"}
    )


class KeyEventListSchema(Schema):
    """A key's life, oldest step first."""

    items = fields.List(fields.Nested(KeyEventSchema), required=True)


class RecordedEvidenceSchema(Schema):
    """What a device showed when it was enrolled."""

    id = fields.UUID(required=True)
    type = fields.Enum(EvidenceType, by_value=True, required=True)
    at = Instant(required=True)
    verdict = fields.Dict(required=True, metadata={"description": "What it says, by its type"})
    roots_version = fields.String(required=True, allow_none=True)
    status_list_version = fields.String(required=True, allow_none=True)


class DeviceEvidenceListSchema(Schema):
    """All that a device showed when it was enrolled."""

    items = fields.List(fields.Nested(RecordedEvidenceSchema), required=True)


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
