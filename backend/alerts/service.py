"""Alerts for officers: the list, one with its history, the steps of triage, key figures.

What the system does with alerts (raise, extend, clear, withdraw) is in `raising`, and is offered
here too: this module is the slice's door.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select

from backend.alerts import history, notice
from backend.alerts.figures import LONGEST_PERIOD, Figures, Outcome, figure
from backend.alerts.kinds import AlertKind
from backend.alerts.lifecycle import (
    MACHINE_STEPS,
    AlertState,
    Disposition,
    Refusal,
    Step,
    take,
)
from backend.alerts.models import AlertEventRow, AlertRow
from backend.alerts.notice import MESSAGE_SOURCE
from backend.alerts.raising import (
    clear,
    decided,
    extend,
    is_notice_due,
    merge,
    raise_alert,
    withdraw,
)
from backend.alerts.values import Alert, AlertDetail, AlertEvent, EventKind
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity

__all__ = [
    "MESSAGE_SOURCE",
    "alert",
    "alerts",
    "clear",
    "decided",
    "explanations",
    "extend",
    "figures",
    "findings",
    "hold_alert",
    "is_notice_due",
    "merge",
    "raise_alert",
    "sources",
    "take_step",
    "withdraw",
]


def alerts(
    session: Session,
    actor: Actor,
    *,
    state: AlertState | None = None,
    kind: AlertKind | None = None,
    supervisee_id: UUID | None = None,
    cursor: Cursor,
) -> Page[Alert]:
    """Return a page of the alerts that this officer may see, newest first. Raises FORBIDDEN."""
    actor.require(Permission.ALERT_READ)
    statement = _visible(actor)
    if state is not None:
        statement = statement.where(AlertRow.state == state)
    if kind is not None:
        statement = statement.where(AlertRow.kind == kind)
    if supervisee_id is not None:
        statement = statement.where(AlertRow.supervisee_id == supervisee_id)
    page: Page[AlertRow] = fetch_page(session, statement, AlertRow.id, cursor)
    return Page(items=[_alert(row) for row in page.items], next=page.next)


def alert(session: Session, actor: Actor, alert_id: UUID) -> AlertDetail:
    """Return one alert with its explanation and history. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.ALERT_READ)
    return _detail(session, _find(session, _visible(actor), alert_id))


def explanations(session: Session, source: str) -> list[dict[str, Any]]:
    """Return what all alerts of a source say, as data."""
    return list(session.scalars(select(AlertRow.explanation).where(AlertRow.source == source)))


def findings(session: Session, supervisee_id: UUID, source: str) -> list[dict[str, Any]]:
    """Return what a person's alerts of a source say, and all that their history says they said."""
    mine = (AlertRow.supervisee_id == supervisee_id) & (AlertRow.source == source)
    said = session.scalars(
        select(AlertEventRow.finding)
        .join(AlertRow, AlertRow.id == AlertEventRow.alert_id)
        .where(mine, AlertEventRow.finding.is_not(None))
    )
    before = [finding["explanation"] for finding in said if finding is not None]
    return [*session.scalars(select(AlertRow.explanation).where(mine)), *before]


def sources(session: Session, supervisee_id: UUID, source: str) -> set[UUID]:
    """Return what of a source a person's alerts were raised for."""
    mine = (AlertRow.supervisee_id == supervisee_id) & (AlertRow.source == source)
    return set(session.scalars(select(AlertRow.source_id).where(mine)))


def hold_alert(session: Session, actor: Actor, alert_id: UUID) -> AlertDetail:
    """Return one alert and keep everybody else from changing it until the transaction ends.

    For an officer who is about to decide: what was compared with `If-Match` is what is changed.
    Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.ALERT_DECIDE)
    return _detail(session, _find(session, _visible(actor).with_for_update(), alert_id))


def take_step(
    session: Session,
    actor: Actor,
    alert_id: UUID,
    step: Step,
    *,
    note: str,
    disposition: Disposition | None = None,
    now: datetime,
) -> AlertDetail:
    """Return the alert after an officer's step; writes the step into its history, audits it.

    An acknowledgement takes back the e-mails that are still unsent. Raises FORBIDDEN, NOT_FOUND,
    ILLEGAL_TRANSITION, INVALID_REQUEST (note or disposition missing or out of place).
    """
    actor.require(Permission.ALERT_DECIDE)
    if step in MACHINE_STEPS:
        raise ValueError("only judging again withdraws or reinstates")
    row = _find(session, _visible(actor).with_for_update(), alert_id)
    standing = take(row.standing, step, note=note, disposition=disposition)
    if isinstance(standing, Refusal):
        raise _problem(standing, row.state)
    row.state, row.disposition = standing.state, standing.disposition
    _stamp(row, step, now)
    history.append(session, actor, row, _EVENTS[step], note=note, now=now)
    if step in {Step.ACKNOWLEDGE, Step.RESOLVE}:
        notice.take_back(session, row.id, now)
    return _detail(session, row)


def figures(session: Session, actor: Actor, *, since: datetime, until: datetime) -> Figures:
    """Return the figures of alerts detected in `[since, until)` among people this officer sees.

    Raises FORBIDDEN, INVALID_REQUEST for an empty period or one of more than 92 days.
    """
    actor.require(Permission.ALERT_READ)
    if not timedelta() < until - since <= LONGEST_PERIOD:
        raise Problem(Code.INVALID_REQUEST, "A period has 1 to 92 days.", pointer="?until")
    detected = (AlertRow.detected_at >= since) & (AlertRow.detected_at < until)
    rows = session.execute(
        _visible(actor)
        .where(detected)
        .with_only_columns(
            AlertRow.state, AlertRow.disposition, AlertRow.detected_at, AlertRow.acknowledged_at
        )
    )
    people = select(func.count()).select_from(identity.visible_supervisees(actor).subquery())
    return figure(
        [_outcome(*row) for row in rows],
        people=session.scalar(people) or 0,
        since=since,
        until=until,
    )


def _visible(actor: Actor) -> Select[AlertRow]:
    return select(AlertRow).where(
        AlertRow.agency_id == actor.agency,
        AlertRow.supervisee_id.in_(identity.visible_supervisees(actor)),
    )


def _find(session: Session, visible: Select[AlertRow], alert_id: UUID) -> AlertRow:
    """Return the alert as the database has it now, even if an older state was read before."""
    statement = visible.where(AlertRow.id == alert_id)
    row = session.scalar(statement.execution_options(populate_existing=True))
    if row is None:
        raise not_found()
    return row


_EVENTS: Final = {
    Step.ACKNOWLEDGE: EventKind.ACKNOWLEDGED,
    Step.INVESTIGATE: EventKind.INVESTIGATED,
    Step.RECORD_CONTACT: EventKind.CONTACT_RECORDED,
    Step.NOTE: EventKind.NOTED,
    Step.RESOLVE: EventKind.RESOLVED,
    Step.REOPEN: EventKind.REOPENED,
}


def _stamp(row: AlertRow, step: Step, now: datetime) -> None:
    """Keep the time that belongs to a step: of the first of its kind, of the last decision."""
    match step:
        case Step.ACKNOWLEDGE:
            row.acknowledged_at = row.acknowledged_at or now
        case Step.RECORD_CONTACT:
            row.first_contact_at = row.first_contact_at or now
        case Step.RESOLVE:
            row.resolved_at = now
        case _:
            pass


def _problem(refusal: Refusal, state: AlertState) -> Problem:
    match refusal:
        case Refusal.NOTE_MISSING:
            return Problem(Code.INVALID_REQUEST, "Say why.", pointer="/note")
        case Refusal.DISPOSITION_MISSING | Refusal.DISPOSITION_UNASKED:
            detail = "A resolution, and nothing else, names its disposition."
            return Problem(Code.INVALID_REQUEST, detail, pointer="/disposition")
        case _:
            return Problem(Code.ILLEGAL_TRANSITION, f"The alert is {state.value}.")


def _outcome(
    state: AlertState,
    disposition: Disposition | None,
    detected_at: datetime,
    acknowledged_at: datetime | None,
) -> Outcome:
    waited = None if acknowledged_at is None else acknowledged_at - detected_at
    return Outcome(state=state, disposition=disposition, to_acknowledge=waited)


def _detail(session: Session, row: AlertRow) -> AlertDetail:
    session.flush()
    events = session.scalars(
        select(AlertEventRow).where(AlertEventRow.alert_id == row.id).order_by(AlertEventRow.number)
    )
    return AlertDetail(
        alert=_alert(row),
        source=row.source,
        source_id=row.source_id,
        explanation=row.explanation,
        delivered_at=notice.delivered_at(session, row.id),
        events=[_event(event) for event in events],
    )


def _alert(row: AlertRow) -> Alert:
    return Alert(
        id=row.id,
        supervisee_id=row.supervisee_id,
        kind=row.kind,
        severity=row.severity,
        certainty=row.certainty,
        state=row.state,
        disposition=row.disposition,
        merged_into=row.merged_into,
        sentence_en=row.sentence_en,
        sentence_es=row.sentence_es,
        occurred_at=row.occurred_at,
        detected_at=row.detected_at,
        evidence_at=row.evidence_at,
        cleared_at=row.cleared_at,
        acknowledged_at=row.acknowledged_at,
        first_contact_at=row.first_contact_at,
        resolved_at=row.resolved_at,
    )


def _event(row: AlertEventRow) -> AlertEvent:
    return AlertEvent(
        number=row.number,
        at=row.at,
        kind=row.kind,
        actor_kind=row.actor_kind,
        actor_id=row.actor_id,
        state=row.state,
        disposition=row.disposition,
        note=row.note,
        finding=row.finding,
    )
