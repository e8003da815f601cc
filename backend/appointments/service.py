"""Appointments: made, moved, cancelled, and read by officers, by the person, by reminders.

Reminders follow from what is here, and the person is told when an appointment is moved or
cancelled: whoever does that need not tell anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, exists, select

from backend.appointments.check_in_rules import CheckInRefusal, Punctuality
from backend.appointments.check_ins import (
    CheckIn,
    CheckInOpening,
    Shown,
    TurnedAway,
    check_in,
    check_ins,
    my_check_ins,
    open_check_in,
)
from backend.appointments.models import NOT_CANCELLED, AppointmentRow, CheckInRow, appointment_of
from backend.appointments.notices import NoticePreview, preview_of, tell_change, told_at
from backend.appointments.values import TOLD_AS, Appointment, AppointmentKind, AppointmentTerms
from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import Actor, Permission
from backend.core.db import Session, table_of
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.core.rows import KEYS, RowReader
from backend.identity import service as identity
from notifications.messages import Template

__all__ = [
    "TOLD_AS",
    "Appointment",
    "AppointmentKind",
    "AppointmentTerms",
    "CheckIn",
    "CheckInOpening",
    "CheckInRefusal",
    "NoticePreview",
    "Punctuality",
    "Shown",
    "TurnedAway",
    "appointment_to_change",
    "appointments",
    "cancel_appointment",
    "change_appointment",
    "check_in",
    "check_ins",
    "due_appointments",
    "make_appointment",
    "my_appointments",
    "my_check_ins",
    "open_check_in",
    "preview_cancellation",
    "preview_change",
    "read_appointment",
    "told_at",
]

_TOLD: Final = frozenset({"starts_at", "zone", "place"})
"""What of an appointment a person must know anew when it changes."""

_NAMES: Final = tuple(item.name for item in fields(Appointment))
_APPOINTMENTS: Final = table_of(AppointmentRow)
_CHECK_INS: Final = table_of(CheckInRow)
_CHECKED_IN: Final = exists().where(
    _CHECK_INS.c.appointment_id == _APPOINTMENTS.c.id, _CHECK_INS.c.refusal.is_(None)
)
_FIND_DUE: Final = RowReader(
    select(*(_APPOINTMENTS.c[name] for name in _NAMES)).where(
        _APPOINTMENTS.c.supervisee_id == KEYS,
        _APPOINTMENTS.c.starts_at >= bindparam("since"),
        _APPOINTMENTS.c.starts_at < bindparam("until"),
        NOT_CANCELLED,
        ~_CHECKED_IN,
    )
)


def make_appointment(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    kind: AppointmentKind,
    terms: AppointmentTerms,
    *,
    now: datetime,
) -> Appointment:
    """Expect a person at a time ahead, and return the appointment. Audited.

    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST.
    """
    actor.require(Permission.APPOINTMENT_WRITE)
    person = identity.get_supervisee(session, actor, supervisee_id)
    row = AppointmentRow(
        id=new_id(now), supervisee_id=person.id, kind=kind, made_by=actor.id, made_at=now
    )
    _write(session, actor, row, terms, now)
    session.add(row)
    session.flush()
    _record(session, actor, Act.APPOINTMENT_MADE, row, now, {"starts_at": row.starts_at})
    return appointment_of(row)


def appointment_to_change(session: Session, actor: Actor, appointment_id: UUID) -> Appointment:
    """Return an appointment, locked until the transaction ends. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.APPOINTMENT_WRITE)
    return appointment_of(_find(session, actor, appointment_id, locked=True))


def change_appointment(
    session: Session,
    actor: Actor,
    appointment_id: UUID,
    terms: AppointmentTerms,
    *,
    now: datetime,
) -> Appointment:
    """Move or correct an appointment that is still ahead. Audited by field names and instants.

    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST, ILLEGAL_TRANSITION.
    """
    actor.require(Permission.APPOINTMENT_WRITE)
    row = _find(session, actor, appointment_id, locked=True)
    _require_ahead(session, row, now)
    before = appointment_of(row)
    _write(session, actor, row, terms, now)
    after = appointment_of(row)
    changed = [
        item.name
        for item in fields(AppointmentTerms)
        if getattr(before, item.name) != getattr(after, item.name)
    ]
    if changed:
        details = {"fields": changed, "was_at": before.starts_at, "starts_at": after.starts_at}
        _record(session, actor, Act.APPOINTMENT_CHANGED, row, now, details)
    if not _TOLD.isdisjoint(changed):
        tell_change(session, row, before.starts_at, now)
    return after


def cancel_appointment(
    session: Session, actor: Actor, appointment_id: UUID, *, reason: str, now: datetime
) -> Appointment:
    """Expect the person no more. Audited.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION.
    """
    actor.require(Permission.APPOINTMENT_WRITE)
    row = _find(session, actor, appointment_id, locked=True)
    _require_ahead(session, row, now)
    row.cancelled_at, row.cancelled_by, row.cancellation_reason = now, actor.id, reason
    row.look_at = None
    _record(session, actor, Act.APPOINTMENT_CANCELLED, row, now)
    tell_change(session, row, row.starts_at, now)
    return appointment_of(row)


def preview_change(
    session: Session, actor: Actor, appointment_id: UUID, terms: AppointmentTerms, *, now: datetime
) -> NoticePreview:
    """Return what the person would be told if the appointment were changed so.

    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST, ILLEGAL_TRANSITION.
    """
    row = _find_previewed(session, actor, appointment_id, now)
    draft = AppointmentRow(supervisee_id=row.supervisee_id, kind=row.kind)
    _write(session, actor, draft, terms, now)
    is_told = any(getattr(row, name) != getattr(draft, name) for name in _TOLD)
    return preview_of(session, draft, Template.APPOINTMENT_MOVED if is_told else None)


def preview_cancellation(
    session: Session, actor: Actor, appointment_id: UUID, *, now: datetime
) -> NoticePreview:
    """Return what the person would be told if the appointment were cancelled.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION.
    """
    row = _find_previewed(session, actor, appointment_id, now)
    return preview_of(session, row, Template.APPOINTMENT_CANCELLED)


def read_appointment(session: Session, actor: Actor, appointment_id: UUID) -> Appointment:
    """Return one appointment to an officer. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.APPOINTMENT_READ)
    return appointment_of(_find(session, actor, appointment_id))


def appointments(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor
) -> Page[Appointment]:
    """Return a person's appointments, latest made first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.APPOINTMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    return _page(session, person.id, cursor)


def my_appointments(session: Session, actor: Actor, cursor: Cursor) -> Page[Appointment]:
    """Return the acting person's own appointments, latest made first.

    Raises FORBIDDEN for anybody but a supervised person.
    """
    return _page(session, actor.supervisee, cursor)


def due_appointments(
    session: Session, since: datetime, until: datetime, *, supervisee_ids: Collection[UUID]
) -> Sequence[Appointment]:
    """Return where some people are expected in `[since, until)`: the system's read, no actor.

    Who has checked in is expected no more.
    """
    rows = _FIND_DUE.read(session, supervisee_ids, since=since, until=until)
    return [Appointment(**dict(zip(_NAMES, row, strict=True))) for row in rows]


def _page(session: Session, supervisee_id: UUID, cursor: Cursor) -> Page[Appointment]:
    theirs = select(AppointmentRow).where(AppointmentRow.supervisee_id == supervisee_id)
    page: Page[AppointmentRow] = fetch_page(session, theirs, AppointmentRow.id, cursor)
    return Page(items=[appointment_of(row) for row in page.items], next=page.next)


def _find(
    session: Session, actor: Actor, appointment_id: UUID, *, locked: bool = False
) -> AppointmentRow:
    statement = select(AppointmentRow).where(
        AppointmentRow.id == appointment_id,
        AppointmentRow.supervisee_id.in_(identity.visible_supervisees(actor)),
    )
    if locked:
        statement = statement.with_for_update(of=AppointmentRow)
    row = session.scalar(statement)
    if row is None:
        raise not_found()
    return row


def _find_previewed(
    session: Session, actor: Actor, appointment_id: UUID, now: datetime
) -> AppointmentRow:
    actor.require(Permission.APPOINTMENT_READ)
    row = _find(session, actor, appointment_id)
    _require_ahead(session, row, now)
    return row


def _require_ahead(session: Session, row: AppointmentRow, now: datetime) -> None:
    if row.cancelled_at is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "This appointment was cancelled.")
    if row.starts_at <= now:
        raise Problem(Code.ILLEGAL_TRANSITION, "This appointment has begun: it stays as it was.")
    checked_in = select(_APPOINTMENTS.c.id).where(_APPOINTMENTS.c.id == row.id, _CHECKED_IN)
    if session.scalar(checked_in) is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "The person has checked in for this already.")


def _write(
    session: Session, actor: Actor, row: AppointmentRow, terms: AppointmentTerms, now: datetime
) -> None:
    if terms.starts_at <= now:
        raise Problem(
            Code.INVALID_REQUEST, "An appointment lies in the future.", pointer="/starts_at"
        )
    agency = identity.get_agency(session, actor.agency)
    row.starts_at = terms.starts_at
    row.look_at = terms.starts_at if row.kind is AppointmentKind.CHECK_IN else None
    row.zone = identity.known_zone(terms.zone or agency.zone)
    row.place, row.note = terms.place, terms.note
    row.contact_name, row.contact_phone = terms.contact_name, terms.contact_phone


def _record(
    session: Session,
    actor: Actor,
    act: Act,
    row: AppointmentRow,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("appointment", row.id),
        supervisee_id=row.supervisee_id,
        now=now,
        details=details,
    )
