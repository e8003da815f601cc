"""Tables of the audit record: the events, their seals, and the queue between the two."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.classification import OPERATIONAL
from backend.core.db import Base

MAX_ADDRESS: Final = 60
"""More than any network address has; what a careless proxy passes on may be longer."""


class AuditEvent(Base):
    """One act: who, what, when (to the hundredth), from where, on what, with what outcome.

    Enums are kept as plain text: an act that a later version no longer knows must stay readable.
    Nothing points to other slices' tables, so that the record outlives what it speaks of.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_agency_id_id", "agency_id", "id"),
        Index("ix_audit_events_supervisee_id_id", "supervisee_id", "id"),
        {"info": {"immutable": True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    agency_id: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    actor_kind: Mapped[str] = mapped_column(String(20), info=OPERATIONAL)
    actor_id: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    address: Mapped[str | None] = mapped_column(String(MAX_ADDRESS), info=OPERATIONAL)
    act: Mapped[str] = mapped_column(String(60), info=OPERATIONAL)
    subject_kind: Mapped[str | None] = mapped_column(String(60), info=OPERATIONAL)
    subject_id: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    supervisee_id: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    outcome: Mapped[str] = mapped_column(String(20), info=OPERATIONAL)
    details: Mapped[str] = mapped_column(Text, info=OPERATIONAL)
    """A JSON object as text: exactly what the seal covers."""


class UnsealedEvent(Base):
    """An event that waits for its seal.

    The row is committed together with its event, however late, so the sealer finds every event
    once by reading a short table, and never has to guess how late a transaction may commit.
    """

    __tablename__ = "audit_unsealed"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)


class AuditSeal(Base):
    """One link of the chain: `hash` covers the hash before it, this row and its event."""

    __tablename__ = "audit_seals"
    __table_args__ = ({"info": {"immutable": True}},)

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[UUID] = mapped_column(ForeignKey("audit_events.id"), unique=True)
    sealed_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), info=OPERATIONAL)
