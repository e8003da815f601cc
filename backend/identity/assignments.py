"""Which officers have charge of a person, and who is told of the person's alerts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select

from backend.audit import service as audit
from backend.core.actor import Actor, Permission
from backend.core.db import Session, affected_rows
from backend.core.errors import not_found
from backend.identity.models import AssignmentRow, OfficerRow, SuperviseeRow
from backend.identity.roles import Role
from backend.identity.visibility import find_supervisee
from notifications.formats import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """An officer's charge of a person since `assigned_at`."""

    officer_id: UUID
    supervisee_id: UUID
    assigned_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerContact:
    """Where an officer is told of an alert."""

    id: UUID
    email: str = field(repr=False)
    language: Language


def assignments(session: Session, actor: Actor, supervisee_id: UUID) -> list[Assignment]:
    """Return who has charge of a person, longest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.SUPERVISEE_READ)
    find_supervisee(session, actor, supervisee_id)
    rows = session.scalars(
        select(AssignmentRow)
        .where(AssignmentRow.supervisee_id == supervisee_id)
        .order_by(AssignmentRow.assigned_at, AssignmentRow.officer_id)
    )
    return [_assignment(row) for row in rows]


def assign(
    session: Session, actor: Actor, supervisee_id: UUID, officer_id: UUID, *, now: datetime
) -> Assignment:
    """Give an officer charge of a person; nothing changes if they have it. Audited.

    Raises FORBIDDEN, NOT_FOUND (also for an officer who is disabled or of another agency).
    """
    actor.require(Permission.SUPERVISEE_WRITE)
    # The lock lets two requests for the same assignment follow each other, not collide.
    person = find_supervisee(session, actor, supervisee_id, locked=True)
    officer = session.scalar(
        select(OfficerRow.id).where(
            OfficerRow.id == officer_id,
            OfficerRow.agency_id == person.agency_id,
            OfficerRow.disabled_at.is_(None),
        )
    )
    if officer is None:
        raise not_found()
    present = session.get(AssignmentRow, (supervisee_id, officer_id))
    return _assignment(present or give_charge(session, actor, supervisee_id, officer_id, now))


def unassign(
    session: Session, actor: Actor, supervisee_id: UUID, officer_id: UUID, *, now: datetime
) -> None:
    """Take a person out of an officer's charge. Audited. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.SUPERVISEE_WRITE)
    find_supervisee(session, actor, supervisee_id)
    removed = affected_rows(
        session,
        delete(AssignmentRow).where(
            AssignmentRow.supervisee_id == supervisee_id, AssignmentRow.officer_id == officer_id
        ),
    )
    if not removed:
        raise not_found()
    _record(session, actor, audit.Act.SUPERVISEE_UNASSIGNED, supervisee_id, now, officer_id)


def officers_to_notify(session: Session, supervisee_id: UUID) -> list[OfficerContact]:
    """Return who is told of a person's alerts: those in charge, else the agency's supervisors.

    Where there are none either, its administrators: they may not read it, but can see to it that
    somebody does. Disabled officers are never told.
    """
    in_charge = select(AssignmentRow.officer_id).where(AssignmentRow.supervisee_id == supervisee_id)
    agency = select(SuperviseeRow.agency_id).where(SuperviseeRow.id == supervisee_id)
    ours = OfficerRow.agency_id.in_(agency)
    return (
        _contacts(session, OfficerRow.id.in_(in_charge))
        or _contacts(session, ours & (OfficerRow.role == Role.SUPERVISOR))
        or _contacts(session, ours & (OfficerRow.role == Role.AGENCY_ADMIN))
    )


def officer_contacts(session: Session, officer_ids: Iterable[UUID]) -> dict[UUID, OfficerContact]:
    """Return where officers are reached now, by id; the disabled are left out."""
    contacts = _contacts(session, OfficerRow.id.in_(list(officer_ids)))
    return {contact.id: contact for contact in contacts}


def administrators(session: Session) -> list[OfficerContact]:
    """Return who runs the agencies, of all of them: whom the system itself tells of its faults."""
    return _contacts(session, OfficerRow.role == Role.AGENCY_ADMIN)


def _contacts(session: Session, whom: ColumnElement[bool]) -> list[OfficerContact]:
    officers = session.execute(
        select(OfficerRow.id, OfficerRow.email, OfficerRow.language)
        .where(whom, OfficerRow.disabled_at.is_(None))
        .order_by(OfficerRow.id)
    )
    return [OfficerContact(id=id_, email=email, language=lang) for id_, email, lang in officers]


def give_charge(
    session: Session, actor: Actor, supervisee_id: UUID, officer_id: UUID, now: datetime
) -> AssignmentRow:
    """Write and audit a new assignment; the caller has checked that it is allowed."""
    row = AssignmentRow(supervisee_id=supervisee_id, officer_id=officer_id, assigned_at=now)
    session.add(row)
    session.flush()
    _record(session, actor, audit.Act.SUPERVISEE_ASSIGNED, supervisee_id, now, officer_id)
    return row


def _record(
    session: Session,
    actor: Actor,
    act: audit.Act,
    supervisee_id: UUID,
    now: datetime,
    officer_id: UUID,
) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("supervisee", supervisee_id),
        supervisee_id=supervisee_id,
        now=now,
        details={"officer_id": officer_id},
    )


def _assignment(row: AssignmentRow) -> Assignment:
    return Assignment(
        officer_id=row.officer_id, supervisee_id=row.supervisee_id, assigned_at=row.assigned_at
    )
