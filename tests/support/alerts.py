"""Invented alerts, made through the service."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from backend.alerts import service
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.core.db import Session
from backend.identity.service import Supervisee


def an_explanation(text: str = "The phone was 40 m inside the zone.", **data: Any) -> Explanation:
    """An explanation that says `text`, with `data` as its facts."""
    return Explanation(data=data or {"fixes": 2}, sentence_en=text, sentence_es=f"[es] {text}")


def raised_alert(
    session: Session,
    person: Supervisee,
    now: datetime,
    *,
    kind: AlertKind = AlertKind.EXCLUSION_ENTERED,
    severity: Severity = Severity.WARNING,
    certainty: Certainty = Certainty.CONFIRMED,
    source: str = "episode",
    source_id: UUID | None = None,
    explanation: Explanation | None = None,
) -> UUID:
    """The id of an alert about `person`, raised two minutes after it happened."""
    return service.raise_alert(
        session,
        agency_id=person.agency_id,
        supervisee_id=person.id,
        kind=kind,
        severity=severity,
        certainty=certainty,
        source=source,
        source_id=source_id or uuid4(),
        occurred_at=now - timedelta(minutes=2),
        explanation=explanation or an_explanation(),
        now=now,
    )
