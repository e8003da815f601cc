"""Tables of alerts: where each stands, and its history, which nothing changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.alerts.explanation import MAX_SENTENCE_CHARACTERS
from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.alerts.lifecycle import AlertState, Disposition, Standing
from backend.alerts.values import EventKind
from backend.core.actor import ActorKind
from backend.core.classification import CASE, LOCATION, OPERATIONAL
from backend.core.db import Base, stored_enum

MAX_SOURCE_CHARACTERS = 40


class AlertRow(Base):
    """An alert as it stands. The times are those of the domain, kept apart.

    `occurred_at` is when it happened, `detected_at` when we first knew (it never moves),
    `evidence_at` when judging last said something new. `last_event` counts its history.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        Index("ix_alerts_agency_id_id", "agency_id", "id"),
        Index("ix_alerts_agency_id_state_id", "agency_id", "state", "id"),
        Index("ix_alerts_supervisee_id_id", "supervisee_id", "id"),
        Index("ix_alerts_agency_id_detected_at", "agency_id", "detected_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agencies.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    source: Mapped[str] = mapped_column(String(MAX_SOURCE_CHARACTERS), info=OPERATIONAL)
    source_id: Mapped[UUID] = mapped_column(info=OPERATIONAL)
    kind: Mapped[AlertKind] = mapped_column(stored_enum(AlertKind), info=CASE)
    severity: Mapped[Severity] = mapped_column(stored_enum(Severity), info=CASE)
    certainty: Mapped[Certainty] = mapped_column(stored_enum(Certainty), info=CASE)
    state: Mapped[AlertState] = mapped_column(stored_enum(AlertState), info=CASE)
    disposition: Mapped[Disposition | None] = mapped_column(stored_enum(Disposition), info=CASE)
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("alerts.id"), info=CASE)
    explanation: Mapped[dict[str, Any]] = mapped_column(info=LOCATION)
    sentence_en: Mapped[str] = mapped_column(String(MAX_SENTENCE_CHARACTERS), info=LOCATION)
    sentence_es: Mapped[str] = mapped_column(String(MAX_SENTENCE_CHARACTERS), info=LOCATION)
    occurred_at: Mapped[datetime] = mapped_column(info=CASE)
    detected_at: Mapped[datetime] = mapped_column(info=CASE)
    evidence_at: Mapped[datetime] = mapped_column(info=CASE)
    cleared_at: Mapped[datetime | None] = mapped_column(info=CASE)
    acknowledged_at: Mapped[datetime | None] = mapped_column(info=CASE)
    first_contact_at: Mapped[datetime | None] = mapped_column(info=CASE)
    resolved_at: Mapped[datetime | None] = mapped_column(info=CASE)
    last_event: Mapped[int] = mapped_column(info=OPERATIONAL)

    @property
    def standing(self) -> Standing:
        """Where this alert stands in its life."""
        return Standing(state=self.state, disposition=self.disposition)


class AlertEventRow(Base):
    """One thing that happened to an alert: what was said, by whom, and where it stood after."""

    __tablename__ = "alert_events"
    __table_args__ = ({"info": {"immutable": True}},)

    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alerts.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(info=CASE)
    kind: Mapped[EventKind] = mapped_column(stored_enum(EventKind), info=CASE)
    actor_kind: Mapped[ActorKind] = mapped_column(stored_enum(ActorKind), info=OPERATIONAL)
    actor_id: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    state: Mapped[AlertState] = mapped_column(stored_enum(AlertState), info=CASE)
    disposition: Mapped[Disposition | None] = mapped_column(stored_enum(Disposition), info=CASE)
    note: Mapped[str] = mapped_column(Text, info=CASE)
    finding: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), info=LOCATION)
