"""Tables of identity. Of a supervised person exactly what the privacy policy lists is kept."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.classification import CASE, CONTACT, CREDENTIAL, DEMOGRAPHIC, NAME, OPERATIONAL
from backend.core.db import Base, stored_enum
from backend.identity.roles import Role
from notifications.formats import Language


class AgencyRow(Base):
    """A tenant: nothing of one agency is ever seen by another."""

    __tablename__ = "agencies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), info=OPERATIONAL)
    zone: Mapped[str] = mapped_column(String(60), info=OPERATIONAL)
    contact_phone: Mapped[str] = mapped_column(String(20), info=OPERATIONAL)
    contact_email: Mapped[str] = mapped_column(String(254), info=OPERATIONAL)
    policy: Mapped[dict[str, Any]] = mapped_column(info=OPERATIONAL)
    created_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)


class OfficerRow(Base):
    """Somebody who works for an agency and may sign in."""

    __tablename__ = "officers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), index=True, info=OPERATIONAL)
    email: Mapped[str] = mapped_column(String(254), unique=True, info=CONTACT)
    given_name: Mapped[str] = mapped_column(String(100), info=NAME)
    family_name: Mapped[str] = mapped_column(String(100), info=NAME)
    job_title: Mapped[str] = mapped_column(String(100), info=NAME)
    role: Mapped[Role] = mapped_column(stored_enum(Role), info=OPERATIONAL)
    language: Mapped[Language] = mapped_column(stored_enum(Language), info=DEMOGRAPHIC)
    password_hash: Mapped[str] = mapped_column(String(200), info=CREDENTIAL)
    created_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    active_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    """The last sign-in, or when an administrator last admitted the officer."""
    disabled_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)


class Trail(Enum):
    """Whether all fixes of a case are kept, or only those that show an episode."""

    KEPT = "kept"
    ZONE_EVENTS_ONLY = "zone-events-only"


class SuperviseeRow(Base):
    """A supervised person.

    `trail_from` is since when the trail is kept again; None where it always was, or is not kept.
    """

    __tablename__ = "supervisees"
    __table_args__ = (Index("ix_supervisees_agency_id_id", "agency_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    given_name: Mapped[str] = mapped_column(String(100), info=NAME)
    family_name: Mapped[str] = mapped_column(String(100), info=NAME)
    job_title: Mapped[str] = mapped_column(String(100), info=NAME)
    postal_address: Mapped[str] = mapped_column(String(500), info=CONTACT)
    postal_code: Mapped[str] = mapped_column(String(20), info=DEMOGRAPHIC)
    emails: Mapped[list[Any]] = mapped_column(info=CONTACT)
    phones: Mapped[list[Any]] = mapped_column(info=CONTACT)
    language: Mapped[Language] = mapped_column(stored_enum(Language), info=DEMOGRAPHIC)
    zone: Mapped[str] = mapped_column(String(60), info=DEMOGRAPHIC)
    rules_epoch: Mapped[int] = mapped_column(Integer, info=OPERATIONAL)
    """Grows with every change of what the person is judged by: caches compare it."""
    created_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    trail: Mapped[Trail] = mapped_column(
        stored_enum(Trail), server_default=Trail.KEPT.value, info=CASE
    )
    trail_from: Mapped[datetime | None] = mapped_column(info=CASE)


class AssignmentRow(Base):
    """An officer's charge of a person; its end removes the row, the audit record keeps both."""

    __tablename__ = "assignments"

    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), primary_key=True)
    officer_id: Mapped[UUID] = mapped_column(
        ForeignKey("officers.id"), primary_key=True, index=True
    )
    assigned_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)


class TokenKind(Enum):
    """A sign-in, or a key for a program."""

    SESSION = "session"
    API = "api"


class OfficerTokenRow(Base):
    """A bearer token, of which only the hash is kept."""

    __tablename__ = "officer_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    officer_id: Mapped[UUID] = mapped_column(
        ForeignKey("officers.id"), index=True, info=OPERATIONAL
    )
    kind: Mapped[TokenKind] = mapped_column(stored_enum(TokenKind), info=OPERATIONAL)
    name: Mapped[str] = mapped_column(String(100), info=OPERATIONAL)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True, info=CREDENTIAL)
    scopes: Mapped[list[Any] | None] = mapped_column(info=OPERATIONAL)
    """Permissions by value; a session has none and holds all of the officer's role."""
    own_only: Mapped[bool] = mapped_column(info=OPERATIONAL)
    created_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    used_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    revoked_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)


class SignInTriesRow(Base):
    """The last tries to sign in with one e-mail address, known or not, or from one network."""

    __tablename__ = "sign_in_tries"

    key: Mapped[str] = mapped_column(String(80), primary_key=True, info=CREDENTIAL)
    tries_s: Mapped[list[Any]] = mapped_column(info=OPERATIONAL)
    """Unix seconds, oldest first."""
    last_at: Mapped[datetime] = mapped_column(index=True, info=OPERATIONAL)
