"""What the system does with alerts, as judging learns more: raise, extend, clear, withdraw.

An alert is history: detected once, never deleted, and never changed after a human decided on it.
From then on new evidence is added to its history only, and shown beside the decision.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from backend.alerts import history, notice
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.alerts.lifecycle import AlertState, Refusal, Step, take
from backend.alerts.models import AlertRow
from backend.alerts.values import EventKind, Finding
from backend.core.actor import SYSTEM
from backend.core.db import Session, insert_once
from backend.core.ids import new_id


def raise_alert(
    session: Session,
    *,
    agency_id: UUID,
    supervisee_id: UUID,
    kind: AlertKind,
    severity: Severity,
    certainty: Certainty = Certainty.CONFIRMED,
    source: str,
    source_id: UUID,
    occurred_at: datetime,
    explanation: Explanation,
    now: datetime,
) -> UUID:
    """Return the alert about `(source, source_id)`, raised now or, if it is there, extended.

    One that judging had withdrawn is open again. Writes the alert, its event, the audit record
    and, when it becomes critical, an e-mail to each officer concerned.
    """
    finding = Finding(
        kind=kind,
        severity=severity,
        certainty=certainty,
        occurred_at=occurred_at,
        explanation=explanation,
    )
    alert_id = _insert(session, agency_id, supervisee_id, (source, source_id), finding, now)
    if alert_id is not None:
        _announce(session, _locked(session, alert_id), finding, EventKind.RAISED, now)
        return alert_id
    row = _about(session, supervisee_id, source, source_id)
    _learn(session, row, finding, now)
    return row.id


def extend(
    session: Session,
    alert_id: UUID,
    *,
    severity: Severity,
    certainty: Certainty,
    occurred_at: datetime | None,
    explanation: Explanation,
    now: datetime,
) -> None:
    """Add what judging says now: certainty and explanation follow it, severity only rises.

    `occurred_at` is None where what is added belongs to what had begun: its time stays.
    The same finding again changes nothing. A decided alert gets the event alone; a withdrawn one
    is open again.
    """
    row = _locked(session, alert_id)
    finding = Finding(
        kind=row.kind,
        severity=severity,
        certainty=certainty,
        occurred_at=row.occurred_at if occurred_at is None else occurred_at,
        explanation=explanation,
    )
    _learn(session, row, finding, now)


def clear(session: Session, alert_id: UUID, at: datetime | None, now: datetime) -> None:
    """Stamp that the condition ended by itself at `at`; None: it goes on after all.

    This is no decision: a decided alert is stamped like any other. The same stamp again changes
    nothing.
    """
    row = _locked(session, alert_id)
    if row.cleared_at == at:
        return
    row.cleared_at = at
    kind = EventKind.CONTINUED if at is None else EventKind.CLEARED
    history.append(session, SYSTEM, row, kind, now=now)


def withdraw(session: Session, alert_id: UUID, explanation: Explanation, now: datetime) -> bool:
    """Withdraw an alert that judging no longer stands by; False if a human had decided on it."""
    return _withdraw(session, _locked(session, alert_id), explanation, None, now)


def merge(
    session: Session, alert_id: UUID, into: UUID, explanation: Explanation, now: datetime
) -> bool:
    """Withdraw an alert that is one with `into`; False if a human had decided on it."""
    return _withdraw(session, _locked(session, alert_id), explanation, into, now)


def decided(
    session: Session, alert_ids: Collection[UUID], *, lock: bool = False
) -> frozenset[UUID]:
    """Return those of `alert_ids` on which a human has decided.

    With `lock` nobody decides on any of them until the transaction ends.
    """
    theirs = select(AlertRow.id, AlertRow.disposition).where(AlertRow.id.in_(alert_ids))
    rows = session.execute(theirs.order_by(AlertRow.id).with_for_update() if lock else theirs)
    return frozenset(alert_id for alert_id, disposition in rows if disposition is not None)


def is_notice_due(session: Session, alert_id: UUID, _now: datetime) -> bool:
    """Whether officers should still be told: not when it is withdrawn or resolved."""
    state = session.scalar(select(AlertRow.state).where(AlertRow.id == alert_id))
    return state not in {None, AlertState.WITHDRAWN, AlertState.RESOLVED}


def _insert(
    session: Session,
    agency_id: UUID,
    supervisee_id: UUID,
    cause: tuple[str, UUID],
    finding: Finding,
    now: datetime,
) -> UUID | None:
    """Store a new alert; None if there is one of the same cause, even one stored just now."""
    source, source_id = cause
    statement = (
        insert_once(session, AlertRow)
        .values(
            id=new_id(now),
            agency_id=agency_id,
            supervisee_id=supervisee_id,
            source=source,
            source_id=source_id,
            kind=finding.kind,
            severity=finding.severity,
            certainty=finding.certainty,
            state=AlertState.OPEN,
            explanation=history.finding_as_json(finding)["explanation"],
            sentence_en=finding.explanation.sentence_en,
            sentence_es=finding.explanation.sentence_es,
            occurred_at=finding.occurred_at,
            detected_at=now,
            evidence_at=now,
            last_event=0,
        )
        .on_conflict_do_nothing(index_elements=[AlertRow.source, AlertRow.source_id])
        .returning(AlertRow.id)
    )
    return session.scalar(statement)


def _locked(session: Session, alert_id: UUID) -> AlertRow:
    row = _lock_one(session, AlertRow.id == alert_id)
    if row is None:
        raise LookupError("no such alert")
    return row


def _about(session: Session, supervisee_id: UUID, source: str, source_id: UUID) -> AlertRow:
    theirs = AlertRow.supervisee_id == supervisee_id
    row = _lock_one(
        session, theirs & (AlertRow.source == source) & (AlertRow.source_id == source_id)
    )
    if row is None:
        raise LookupError("this cause belongs to another person's alert")
    return row


def _lock_one(session: Session, which: ColumnElement[bool]) -> AlertRow | None:
    statement = select(AlertRow).where(which).with_for_update()
    return session.scalar(statement.execution_options(populate_existing=True))


def _announce(
    session: Session, row: AlertRow, finding: Finding, kind: EventKind, now: datetime
) -> None:
    """Record that the alert wants attention from now on, and tell the officers if it is urgent."""
    kept = history.finding_as_json(finding)
    history.append(session, SYSTEM, row, kind, finding=kept, now=now)
    if row.severity is Severity.CRITICAL:
        notice.notify_officers(session, row, now)


def _learn(session: Session, row: AlertRow, finding: Finding, now: datetime) -> None:
    """Take in what judging says of an alert that is there."""
    finding = replace(finding, severity=row.severity.at_least(finding.severity))
    if row.state is AlertState.WITHDRAWN:
        _reinstate(session, row, finding, now)
    elif history.finding_as_json(finding) != history.last_finding(session, row.id):
        _extend(session, row, finding, now)


def _reinstate(session: Session, row: AlertRow, finding: Finding, now: datetime) -> None:
    standing = take(row.standing, Step.REINSTATE, note="", disposition=None)
    if isinstance(standing, Refusal):
        raise TypeError("a withdrawn alert cannot have been decided")
    row.state, row.merged_into = standing.state, None
    _adopt(row, finding, now)
    _announce(session, row, finding, EventKind.REINSTATED, now)


def _extend(session: Session, row: AlertRow, finding: Finding, now: datetime) -> None:
    decided = row.standing.decided
    urgent_now = finding.severity is Severity.CRITICAL and row.severity is not Severity.CRITICAL
    row.evidence_at = now
    if not decided:
        _adopt(row, finding, now)
    kept = history.finding_as_json(finding)
    history.append(session, SYSTEM, row, EventKind.EXTENDED, finding=kept, now=now)
    if urgent_now and not decided:
        notice.notify_officers(session, row, now)


def _adopt(row: AlertRow, finding: Finding, now: datetime) -> None:
    """Let the alert say what judging says; `detected_at` stays."""
    row.kind, row.severity, row.certainty = finding.kind, finding.severity, finding.certainty
    row.occurred_at, row.evidence_at = finding.occurred_at, now
    row.explanation = dict(finding.explanation.data)
    row.sentence_en = finding.explanation.sentence_en
    row.sentence_es = finding.explanation.sentence_es


def _withdraw(
    session: Session, row: AlertRow, explanation: Explanation, into: UUID | None, now: datetime
) -> bool:
    """Take the alert back, or, where a human had decided, only say so in its history."""
    if row.state is AlertState.WITHDRAWN:
        return True
    finding = Finding(
        kind=row.kind,
        severity=row.severity,
        certainty=row.certainty,
        occurred_at=row.occurred_at,
        explanation=explanation,
    )
    kept = history.finding_as_json(finding)
    standing = take(row.standing, Step.WITHDRAW, note="", disposition=None)
    if isinstance(standing, Refusal):
        if kept != history.last_finding(session, row.id):
            row.evidence_at = now
            history.append(session, SYSTEM, row, EventKind.CONTRADICTED, finding=kept, now=now)
        return False
    row.state, row.merged_into, row.evidence_at = standing.state, into, now
    notice.take_back(session, row.id, now)
    history.append(session, SYSTEM, row, EventKind.WITHDRAWN, finding=kept, now=now)
    return True
