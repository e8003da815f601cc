"""Approved absences: spans in which named conditions rest, granted by two officers.

An absence may be approved after it was needed (a night in hospital): then what was judged is
judged again, and what differs is listed, before (`proposals`) and after. A victim's zone rests
only if it is named, on a court's reference, and approved by an officer who may read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from backend.audit.service import Act
from backend.conditions import two_persons
from backend.conditions.invalid import invalid
from backend.conditions.models import AbsenceRow, ConditionRow, OrderRow
from backend.conditions.reach import require_reach, take_effect, within_reach
from backend.conditions.validity import second_from
from backend.conditions.values import Absence
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceRequest:
    """What an officer proposes. `condition_ids` None names every zone that is not confidential."""

    starts_at: datetime
    ends_at: datetime
    places: str
    reason: str
    condition_ids: tuple[UUID, ...] | None
    court_reference: str | None


def propose_absence(
    session: Session, actor: Actor, supervisee_id: UUID, request: AbsenceRequest, *, now: datetime
) -> Absence:
    """Write a proposal down and return it; audited. Nothing rests until it is approved.

    The conditions are fixed here: one that a court adds later does not rest. Raises FORBIDDEN,
    NOT_FOUND, INVALID_REQUEST.
    """
    actor.require(Permission.CONDITION_WRITE)
    author_id = two_persons.deciding_officer(actor)
    require_reach(session, actor, supervisee_id)
    if second_from(request.ends_at) <= second_from(request.starts_at):
        raise invalid("ends_at", "An absence ends after it starts.")
    conditions = _named(_conditions_of(session, supervisee_id), request.condition_ids)
    if request.court_reference is None and any(row.confidential for row in conditions):
        raise invalid("court_reference", "A confidential zone rests only by a court's decision.")
    row = AbsenceRow(
        id=new_id(now),
        supervisee_id=supervisee_id,
        starts_at=request.starts_at,
        ends_at=request.ends_at,
        places=request.places,
        reason=request.reason,
        court_reference=request.court_reference,
        condition_ids=[str(condition.id) for condition in conditions],
        author_id=author_id,
        created_at=now,
    )
    session.add(row)
    return _recorded(session, actor, Act.ABSENCE_PROPOSED, row, now)


def approve_absence(session: Session, actor: Actor, absence_id: UUID, *, now: datetime) -> Absence:
    """Approve as a second officer and return it; audited.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION, SECOND_PERSON_REQUIRED.
    """
    actor.require(Permission.CONDITION_APPROVE)
    row = _find(session, actor, absence_id, lock=True)
    named = set(to_absence(row).condition_ids)
    conditions = _conditions_of(session, row.supervisee_id)
    if any(condition.confidential for condition in conditions if condition.id in named):
        actor.require(Permission.CONFIDENTIAL_ZONE_READ)
    two_persons.approve(row, actor, now)
    from_s = second_from(row.starts_at)
    return _recorded(session, actor, Act.ABSENCE_APPROVED, row, now, judged_from_s=from_s)


def withdraw_absence(
    session: Session, actor: Actor, absence_id: UUID, *, reason: str, now: datetime
) -> Absence:
    """End an absence, or its proposal, now and return it; audited.

    What has rested stays at rest; an approved absence that is over cannot be taken back. Raises as
    approving.
    """
    actor.require(Permission.CONDITION_WRITE)
    row = _find(session, actor, absence_id, lock=True)
    if row.approved_at is not None and row.ends_at <= now:
        raise Problem(Code.ILLEGAL_TRANSITION, "This absence is over.")
    two_persons.withdraw(row, actor, reason, now)
    from_s = None if row.approved_at is None else second_from(now)
    return _recorded(session, actor, Act.ABSENCE_WITHDRAWN, row, now, judged_from_s=from_s)


def find_proposed(session: Session, actor: Actor, absence_id: UUID) -> AbsenceRow:
    """Return the row of an absence that waits for approval, for the slice's own eyes.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION.
    """
    actor.require(Permission.CONDITION_READ)
    row = _find(session, actor, absence_id, lock=False)
    two_persons.require_undecided(row)
    return row


def get_absence(session: Session, actor: Actor, absence_id: UUID) -> Absence:
    """Return one absence."""
    actor.require(Permission.CONDITION_READ)
    return to_absence(_find(session, actor, absence_id, lock=False))


def list_absences(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor
) -> Page[Absence]:
    """Return a person's absences, latest proposed first."""
    actor.require(Permission.CONDITION_READ)
    require_reach(session, actor, supervisee_id)
    statement = select(AbsenceRow).where(AbsenceRow.supervisee_id == supervisee_id)
    page: Page[AbsenceRow] = fetch_page(session, statement, AbsenceRow.id, cursor)
    return Page(items=[to_absence(row) for row in page.items], next=page.next)


def to_absence(row: AbsenceRow) -> Absence:
    """Return the frozen value of a row."""
    return Absence(
        id=row.id,
        supervisee_id=row.supervisee_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        places=row.places,
        reason=row.reason,
        court_reference=row.court_reference,
        condition_ids=tuple(UUID(text) for text in row.condition_ids),
        author_id=row.author_id,
        created_at=row.created_at,
        approver_id=row.approver_id,
        approved_at=row.approved_at,
        withdrawn_by=row.withdrawn_by,
        withdrawn_at=row.withdrawn_at,
        withdrawal_reason=row.withdrawal_reason,
    )


def _find(session: Session, actor: Actor, absence_id: UUID, *, lock: bool) -> AbsenceRow:
    reach = within_reach(actor, AbsenceRow.supervisee_id)
    statement = select(AbsenceRow).where(AbsenceRow.id == absence_id, reach)
    row = session.scalar(statement.with_for_update(of=AbsenceRow) if lock else statement)
    if row is None:
        raise not_found()
    return row


def _conditions_of(session: Session, supervisee_id: UUID) -> Sequence[ConditionRow]:
    """Return every condition of a person that fixes are judged by, oldest first."""
    statement = (
        select(ConditionRow)
        .join(OrderRow, OrderRow.id == ConditionRow.order_id)
        .where(OrderRow.supervisee_id == supervisee_id)
        .order_by(ConditionRow.id)
    )
    return [row for row in session.scalars(statement) if row.kind.monitored]


def _named(
    conditions: Sequence[ConditionRow], condition_ids: tuple[UUID, ...] | None
) -> list[ConditionRow]:
    """Return the conditions that shall rest: those named, or all that are not confidential."""
    if condition_ids is None:
        named = [row for row in conditions if not row.confidential]
        if not named:
            raise invalid("condition_ids", "There is no condition that could rest.")
        return named
    by_id = {row.id: row for row in conditions}
    for index, condition_id in enumerate(condition_ids):
        if condition_id not in by_id:
            detail = "This person has no such condition with a zone."
            raise invalid(f"condition_ids/{index}", detail)
    return [row for row in conditions if row.id in condition_ids]


def _recorded(
    session: Session,
    actor: Actor,
    act: Act,
    row: AbsenceRow,
    now: datetime,
    *,
    judged_from_s: int | None = None,
) -> Absence:
    subject, whose = ("absence", row.id), row.supervisee_id
    take_effect(session, actor, act, subject, whose, now, judged_from_s=judged_from_s)
    return to_absence(row)
