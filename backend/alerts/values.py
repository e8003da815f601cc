"""Alerts as other slices and views see them: frozen, without the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.alerts.lifecycle import AlertState, Disposition
from backend.core.actor import ActorKind


class EventKind(Enum):
    """What happened to an alert, in the past tense.

    Contradicted: judging no longer stands by it, but a human had decided, so it stands.
    """

    RAISED = "raised"
    EXTENDED = "extended"
    CLEARED = "cleared"
    CONTINUED = "continued"
    WITHDRAWN = "withdrawn"
    CONTRADICTED = "contradicted"
    REINSTATED = "reinstated"
    ACKNOWLEDGED = "acknowledged"
    INVESTIGATED = "investigated"
    CONTACT_RECORDED = "contact-recorded"
    NOTED = "noted"
    RESOLVED = "resolved"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What judging says now of one thing that happened."""

    kind: AlertKind
    severity: Severity
    certainty: Certainty
    occurred_at: datetime
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert as it stands."""

    id: UUID
    supervisee_id: UUID
    kind: AlertKind
    severity: Severity
    certainty: Certainty
    state: AlertState
    disposition: Disposition | None
    merged_into: UUID | None
    sentence_en: str
    sentence_es: str
    occurred_at: datetime
    detected_at: datetime
    evidence_at: datetime
    cleared_at: datetime | None
    acknowledged_at: datetime | None
    first_contact_at: datetime | None
    resolved_at: datetime | None

    @property
    def evidence_after_decision(self) -> bool:
        """Whether judging said something new after a human had decided."""
        return self.resolved_at is not None and self.evidence_at > self.resolved_at


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """One thing that happened to an alert. `finding` is what judging said, as JSON."""

    number: int
    at: datetime
    kind: EventKind
    actor_kind: ActorKind
    actor_id: UUID | None
    state: AlertState
    disposition: Disposition | None
    note: str
    finding: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDetail:
    """An alert with everything that explains it, and its history from the first event on.

    `delivered_at` is when the first e-mail about it was taken by a relay; None before, and for
    alerts that are not critical.
    """

    alert: Alert
    source: str
    source_id: UUID
    explanation: Mapping[str, Any]
    delivered_at: datetime | None
    events: Sequence[AlertEvent]
