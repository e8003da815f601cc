"""Leaves to be served without location: proposed by one officer, approved by another."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from backend.audit.service import Act
from backend.conditions import two_persons
from backend.conditions.invalid import invalid
from backend.conditions.kinds import Authority
from backend.conditions.models import ExemptionRow
from backend.conditions.reach import require_reach, take_effect, within_reach
from backend.conditions.values import Exemption
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemptionRequest:
    """What an officer proposes: `scope` in the authority's words; `starts_at` None means at once."""

    scope: str
    authority: Authority
    reference: str
    starts_at: datetime | None
    ends_at: datetime


def propose_exemption(
    session: Session, actor: Actor, supervisee_id: UUID, request: ExemptionRequest, *, now: datetime
) -> Exemption:
    """Write a proposal down and return it; audited. It exempts nobody until it is approved.

    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST (service already refused cannot be granted later,
    so an exemption does not begin in the past).
    """
    actor.require(Permission.CONDITION_WRITE)
    author_id = two_persons.deciding_officer(actor)
    require_reach(session, actor, supervisee_id)
    starts_at = request.starts_at or now
    if starts_at < now:
        detail = "An exemption does not begin in the past: leave this out for at once."
        raise invalid("starts_at", detail)
    if request.ends_at <= starts_at:
        raise invalid("ends_at", "An exemption ends after it starts.")
    row = ExemptionRow(
        id=new_id(now),
        supervisee_id=supervisee_id,
        scope=request.scope,
        authority=request.authority,
        reference=request.reference,
        starts_at=starts_at,
        ends_at=request.ends_at,
        author_id=author_id,
        created_at=now,
    )
    session.add(row)
    return _recorded(session, actor, Act.EXEMPTION_PROPOSED, row, now)


def approve_exemption(
    session: Session, actor: Actor, exemption_id: UUID, *, now: datetime
) -> Exemption:
    """Approve as a second officer and return it; it holds from now at the earliest. Audited.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION, SECOND_PERSON_REQUIRED.
    """
    actor.require(Permission.CONDITION_APPROVE)
    row = _find(session, actor, exemption_id, lock=True)
    _refuse_if_over(row, now)
    two_persons.approve(row, actor, now)
    return _recorded(session, actor, Act.EXEMPTION_APPROVED, row, now)


def withdraw_exemption(
    session: Session, actor: Actor, exemption_id: UUID, *, reason: str, now: datetime
) -> Exemption:
    """End an exemption, or its proposal, now and return it; audited. Raises as approving."""
    actor.require(Permission.CONDITION_WRITE)
    row = _find(session, actor, exemption_id, lock=True)
    _refuse_if_over(row, now)
    two_persons.withdraw(row, actor, reason, now)
    return _recorded(session, actor, Act.EXEMPTION_WITHDRAWN, row, now)


def get_exemption(session: Session, actor: Actor, exemption_id: UUID) -> Exemption:
    """Return one exemption."""
    actor.require(Permission.CONDITION_READ)
    return to_exemption(_find(session, actor, exemption_id, lock=False))


def list_exemptions(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor
) -> Page[Exemption]:
    """Return a person's exemptions, latest proposed first."""
    actor.require(Permission.CONDITION_READ)
    require_reach(session, actor, supervisee_id)
    statement = select(ExemptionRow).where(ExemptionRow.supervisee_id == supervisee_id)
    page: Page[ExemptionRow] = fetch_page(session, statement, ExemptionRow.id, cursor)
    return Page(items=[to_exemption(row) for row in page.items], next=page.next)


def to_exemption(row: ExemptionRow) -> Exemption:
    """Return the frozen value of a row."""
    return Exemption(**{field.name: getattr(row, field.name) for field in fields(Exemption)})


def _find(session: Session, actor: Actor, exemption_id: UUID, *, lock: bool) -> ExemptionRow:
    reach = within_reach(actor, ExemptionRow.supervisee_id)
    statement = select(ExemptionRow).where(ExemptionRow.id == exemption_id, reach)
    row = session.scalar(statement.with_for_update(of=ExemptionRow) if lock else statement)
    if row is None:
        raise not_found()
    return row


def _refuse_if_over(row: ExemptionRow, now: datetime) -> None:
    if row.ends_at <= now:
        raise Problem(Code.ILLEGAL_TRANSITION, "This exemption is over.")


def _recorded(
    session: Session, actor: Actor, act: Act, row: ExemptionRow, now: datetime
) -> Exemption:
    take_effect(session, actor, act, ("exemption", row.id), row.supervisee_id, now)
    return to_exemption(row)
