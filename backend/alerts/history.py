"""The one way in which something is written into an alert's history, and into the audit record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from backend.alerts.models import AlertEventRow, AlertRow
from backend.alerts.values import EventKind, Finding
from backend.audit import service as audit
from backend.core.actor import Actor
from backend.core.clock import rfc3339
from backend.core.db import Session


def append(
    session: Session,
    actor: Actor,
    row: AlertRow,
    kind: EventKind,
    *,
    now: datetime,
    note: str = "",
    finding: Mapping[str, Any] | None = None,
) -> None:
    """Add one event to the history of `row`, whose lock the caller holds; audits it."""
    row.last_event += 1
    session.add(
        AlertEventRow(
            alert_id=row.id,
            number=row.last_event,
            at=now,
            kind=kind,
            actor_kind=actor.kind,
            actor_id=actor.id,
            state=row.state,
            disposition=row.disposition,
            note=note,
            finding=finding,
        )
    )
    audit.record(
        session,
        actor,
        audit.Act[f"ALERT_{kind.name}"],
        subject=("alert", row.id),
        agency_id=row.agency_id,
        supervisee_id=row.supervisee_id,
        now=now,
        details={"event": row.last_event, "state": row.state, "kind": row.kind},
    )


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """Return `finding` as the JSON that history keeps, just as it will be read back."""
    text = json.dumps(
        {
            "kind": finding.kind.value,
            "severity": finding.severity.value,
            "certainty": finding.certainty.value,
            "occurred_at": rfc3339(finding.occurred_at),
            "explanation": dict(finding.explanation.data),
            "sentence_en": finding.explanation.sentence_en,
            "sentence_es": finding.explanation.sentence_es,
        }
    )
    kept: dict[str, Any] = json.loads(text)
    return kept


def last_finding(session: Session, alert_id: UUID) -> dict[str, Any] | None:
    """Return what judging last said of the alert."""
    return session.scalar(
        select(AlertEventRow.finding)
        .where(AlertEventRow.alert_id == alert_id, AlertEventRow.finding.is_not(None))
        .order_by(AlertEventRow.number.desc())
        .limit(1)
    )
