"""Tables of devices: how a phone is enrolled, its key, whose it was and when, where to push."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.classification import CREDENTIAL, DEVICE, OPERATIONAL
from backend.core.db import Base, stored_enum
from backend.devices.assurance import Assurance, Platform
from backend.devices.enrolment_code import CodeEnd
from backend.devices.evidence import EvidenceType
from backend.devices.key_state import ActivationEnd, AskedState, KeyReason, KeyState
from backend.devices.presence_level import PresenceEnd, PresenceMeans, PresencePurpose


class EnrolmentCode(Base):
    """A one-time code that an officer hands to a person: the selector finds it, the secret opens it.

    Open while `ended_at` is null; at most one is open for a person, and for a selector.
    """

    __tablename__ = "enrolment_codes"
    __table_args__ = (
        Index(
            "uq_enrolment_codes_open_selector",
            "selector",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "uq_enrolment_codes_open_supervisee",
            "supervisee_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(
        ForeignKey("supervisees.id"), index=True, info=OPERATIONAL
    )
    selector: Mapped[str] = mapped_column(String(4), info=CREDENTIAL)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32), info=CREDENTIAL)
    issued_by: Mapped[UUID] = mapped_column(info=OPERATIONAL)
    issued_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    failed_tries: Mapped[int] = mapped_column(info=OPERATIONAL)
    ended_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    end: Mapped[CodeEnd | None] = mapped_column(stored_enum(CodeEnd), info=OPERATIONAL)


class EnrolmentChallenge(Base):
    """What a new key must sign, once, to be enrolled with a code."""

    __tablename__ = "enrolment_challenges"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code_id: Mapped[UUID] = mapped_column(
        ForeignKey("enrolment_codes.id"), index=True, info=OPERATIONAL
    )
    challenge: Mapped[str] = mapped_column(String(43), unique=True, info=CREDENTIAL)
    issued_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    used_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)


class ActivationRow(Base):
    """A person with a device for a period: what fixes belong to. In force while not ended.

    A person has one activation in force at most. Whose it is, and from when, never changes.
    """

    __tablename__ = "activations"
    __table_args__ = (
        Index(
            "uq_activations_in_force",
            "supervisee_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        {"info": {"immutable": ("ended_at", "end")}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(
        ForeignKey("supervisees.id"), index=True, info=OPERATIONAL
    )
    challenge_id: Mapped[UUID] = mapped_column(
        ForeignKey("enrolment_challenges.id"), unique=True, info=OPERATIONAL
    )
    platform: Mapped[Platform] = mapped_column(stored_enum(Platform), info=DEVICE)
    app_version: Mapped[str] = mapped_column(String(40), info=DEVICE)
    os_version: Mapped[str] = mapped_column(String(40), info=DEVICE)
    started_at: Mapped[datetime] = mapped_column(info=DEVICE)
    ended_at: Mapped[datetime | None] = mapped_column(info=DEVICE)
    end: Mapped[ActivationEnd | None] = mapped_column(stored_enum(ActivationEnd), info=DEVICE)


class DeviceKey(Base):
    """A key that was enrolled, once and for one activation; `public_key` is its point, X and Y.

    `app_version` and `os_version` are what the phone said that it was made on, if it said so.
    """

    __tablename__ = "device_keys"
    __table_args__ = ({"info": {"immutable": ("state", "state_reason", "state_since")}},)

    jkt: Mapped[str] = mapped_column(String(43), primary_key=True)
    activation_id: Mapped[UUID] = mapped_column(
        ForeignKey("activations.id"), index=True, info=OPERATIONAL
    )
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=OPERATIONAL)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(64), info=DEVICE)
    assurance: Mapped[Assurance] = mapped_column(stored_enum(Assurance), info=DEVICE)
    app_version: Mapped[str | None] = mapped_column(String(40), info=DEVICE)
    os_version: Mapped[str | None] = mapped_column(String(40), info=DEVICE)
    enrolled_at: Mapped[datetime] = mapped_column(info=DEVICE)
    state: Mapped[KeyState] = mapped_column(stored_enum(KeyState), info=DEVICE)
    state_reason: Mapped[KeyReason] = mapped_column(stored_enum(KeyReason), info=DEVICE)
    state_since: Mapped[datetime] = mapped_column(info=DEVICE)


class KeyEvent(Base):
    """A step in a key's life, and who took it."""

    __tablename__ = "key_events"
    __table_args__ = ({"info": {"immutable": True}},)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    jkt: Mapped[str] = mapped_column(ForeignKey("device_keys.jkt"), index=True, info=DEVICE)
    at: Mapped[datetime] = mapped_column(info=DEVICE)
    state: Mapped[KeyState] = mapped_column(stored_enum(KeyState), info=DEVICE)
    reason: Mapped[KeyReason] = mapped_column(stored_enum(KeyReason), info=DEVICE)
    officer_id: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)


class KeyChallenge(Base):
    """What the next key of a phone must sign, once, to follow the key `jkt`; which one did."""

    __tablename__ = "key_challenges"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    jkt: Mapped[str] = mapped_column(ForeignKey("device_keys.jkt"), index=True, info=DEVICE)
    challenge: Mapped[str] = mapped_column(String(43), unique=True, info=CREDENTIAL)
    issued_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    used_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    new_jkt: Mapped[str | None] = mapped_column(String(43), info=DEVICE)


class ReEnrolmentRow(Base):
    """A phone that has lost its key `jkt` and asks, by another key, to be enrolled again.

    `code_id` is the code that an officer's approval is; nobody ever reads it.
    """

    __tablename__ = "re_enrolments"
    __table_args__ = (
        UniqueConstraint("asking_jkt", "jkt"),
        Index(
            "uq_re_enrolments_open",
            "supervisee_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        {"info": {"immutable": ("state", "decided_at", "decided_by", "code_id")}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(
        ForeignKey("supervisees.id"), index=True, info=OPERATIONAL
    )
    jkt: Mapped[str] = mapped_column(ForeignKey("device_keys.jkt"), info=DEVICE)
    asking_jkt: Mapped[str] = mapped_column(String(43), info=DEVICE)
    asked_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    state: Mapped[AskedState] = mapped_column(stored_enum(AskedState), info=OPERATIONAL)
    decided_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    decided_by: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    code_id: Mapped[UUID | None] = mapped_column(ForeignKey("enrolment_codes.id"), info=OPERATIONAL)


class DeviceEvidence(Base):
    """What a phone showed of its hardware when it was enrolled, what it said, and by what judged.

    `received` is the evidence as it came, in JSON. `serials` are those of an Android chain, in
    hexadecimal; `batch_key` is SHA-256 of a factory's key of attestation, which many phones share.
    """

    __tablename__ = "device_evidence"
    __table_args__ = (
        Index("ix_device_evidence_agency_id_batch_key", "agency_id", "batch_key"),
        {"info": {"immutable": True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    jkt: Mapped[str] = mapped_column(ForeignKey("device_keys.jkt"), index=True)
    activation_id: Mapped[UUID] = mapped_column(ForeignKey("activations.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=OPERATIONAL)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    type: Mapped[EvidenceType] = mapped_column(stored_enum(EvidenceType), info=DEVICE)
    at: Mapped[datetime] = mapped_column(info=DEVICE)
    received: Mapped[str] = mapped_column(info=DEVICE)
    verdict: Mapped[dict[str, Any]] = mapped_column(JSON, info=DEVICE)
    roots_version: Mapped[str | None] = mapped_column(String(64), info=OPERATIONAL)
    status_list_version: Mapped[str | None] = mapped_column(String(64), info=OPERATIONAL)
    serials: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), info=DEVICE)
    batch_key: Mapped[bytes | None] = mapped_column(LargeBinary(32), info=DEVICE)


class AppAttestKey(Base):
    """A key of App Attest that vouches for a phone's own key, and how often it has signed."""

    __tablename__ = "app_attest_keys"
    __table_args__ = ({"info": {"immutable": ("counter", "asserted_at")}},)

    jkt: Mapped[str] = mapped_column(ForeignKey("device_keys.jkt"), primary_key=True)
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True, info=DEVICE)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(64), info=DEVICE)
    app_id: Mapped[str] = mapped_column(String(255), info=DEVICE)
    counter: Mapped[int] = mapped_column(BigInteger, info=DEVICE)
    asserted_at: Mapped[datetime | None] = mapped_column(info=DEVICE)


class PresenceChallenge(Base):
    """What must be signed, once, to show that a person is at their phone, and for what.

    `subject_id` is the check-in that it is for; null for enrolling.
    """

    __tablename__ = "presence_challenges"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    activation_id: Mapped[UUID] = mapped_column(
        ForeignKey("activations.id"), index=True, info=OPERATIONAL
    )
    purpose: Mapped[PresencePurpose] = mapped_column(stored_enum(PresencePurpose), info=OPERATIONAL)
    subject_id: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    challenge: Mapped[str] = mapped_column(String(43), unique=True, info=CREDENTIAL)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    used_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)


class PresenceKey(Base):
    """A key that a person's presence opens: a phone's second key, or a browser's passkey.

    One is in force for an activation while `ended_at` is null. `credential_id` is the thumbprint's
    bytes, or the passkey's identifier; `public_key` the point, X and Y, or the passkey's COSE key.
    `received` is what the phone showed, in JSON; `serials` as in `DeviceEvidence`.
    """

    __tablename__ = "presence_keys"
    __table_args__ = (
        Index(
            "uq_presence_keys_in_force",
            "activation_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        {"info": {"immutable": ("counter", "ended_at", "end")}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(
        ForeignKey("supervisees.id"), index=True, info=OPERATIONAL
    )
    activation_id: Mapped[UUID] = mapped_column(
        ForeignKey("activations.id"), index=True, info=OPERATIONAL
    )
    means: Mapped[PresenceMeans] = mapped_column(stored_enum(PresenceMeans), info=DEVICE)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023), unique=True, info=DEVICE)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(1024), info=DEVICE)
    counter: Mapped[int] = mapped_column(BigInteger, info=DEVICE)
    received: Mapped[str] = mapped_column(info=DEVICE)
    verdict: Mapped[dict[str, Any]] = mapped_column(JSON, info=DEVICE)
    roots_version: Mapped[str | None] = mapped_column(String(64), info=OPERATIONAL)
    status_list_version: Mapped[str | None] = mapped_column(String(64), info=OPERATIONAL)
    serials: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), info=DEVICE)
    enrolled_at: Mapped[datetime] = mapped_column(info=DEVICE)
    ended_at: Mapped[datetime | None] = mapped_column(info=DEVICE)
    end: Mapped[PresenceEnd | None] = mapped_column(stored_enum(PresenceEnd), info=DEVICE)


class StatusListRow(Base):
    """A version of the makers' list of revoked keys; `fetched_at` is when it was last the newest.

    `version` is the SHA-256 of `body`.
    """

    __tablename__ = "status_lists"

    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary, info=OPERATIONAL)
    fetched_at: Mapped[datetime] = mapped_column(index=True, info=OPERATIONAL)


class PushKind(Enum):
    """What kind of address Firebase Cloud Messaging gave the app."""

    FID = "fid"
    TOKEN = "token"  # noqa: S105 - the name of a kind, not a secret


class PushAddressRow(Base):
    """Where to push to an activation's phone; an address is one phone's, and so one person's.

    One that is refused for good stays, to be shown, and is pushed to no more.
    """

    __tablename__ = "push_addresses"

    activation_id: Mapped[UUID] = mapped_column(ForeignKey("activations.id"), primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(
        ForeignKey("supervisees.id"), index=True, info=OPERATIONAL
    )
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    kind: Mapped[PushKind] = mapped_column(stored_enum(PushKind), info=DEVICE)
    address: Mapped[str] = mapped_column(String(512), unique=True, info=DEVICE)
    set_at: Mapped[datetime] = mapped_column(info=DEVICE)
    refused_at: Mapped[datetime | None] = mapped_column(info=DEVICE)
    refusal: Mapped[str | None] = mapped_column(String(100), info=OPERATIONAL)


class UsedProof(Base):
    """A proof that was used for an act, remembered for as long as its nonce is good."""

    __tablename__ = "used_proofs"

    jkt: Mapped[str] = mapped_column(String(43), primary_key=True)
    jti: Mapped[str] = mapped_column(String(64), primary_key=True, info=OPERATIONAL)
    forget_at: Mapped[datetime] = mapped_column(index=True, info=OPERATIONAL)
