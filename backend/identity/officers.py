"""Officers: who works for an agency, in which role."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from backend.audit import service as audit
from backend.core.actor import Actor, ActorKind, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity.formats import normal_email
from backend.identity.models import AgencyRow, OfficerRow
from backend.identity.roles import PERMISSIONS, Role
from backend.identity.tokens import end_all
from notifications.formats import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerData:
    """What an agency keeps of somebody who works for it."""

    email: str = field(repr=False)
    given_name: str = field(repr=False)
    family_name: str = field(repr=False)
    role: Role
    job_title: str = field(default="", repr=False)
    language: Language = Language.ENGLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class Officer(OfficerData):
    """Somebody who works for an agency. A disabled officer cannot sign in; tokens are ended."""

    id: UUID
    agency_id: UUID
    disabled: bool
    created_at: datetime
    active_at: datetime

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the role allows."""
        return PERMISSIONS[self.role]


def create_officer(
    session: Session,
    actor: Actor,
    data: OfficerData,
    *,
    agency_id: UUID,
    password_hash: str,
    now: datetime,
) -> Officer:
    """Take somebody into an agency. Audited.

    `password_hash` comes from `passwords.hash_password`, made before the transaction began.
    Raises FORBIDDEN; NOT_FOUND for an agency that is not the actor's; INVALID_REQUEST;
    ALREADY_EXISTS for an e-mail address that some officer, of any agency, signs in with.
    """
    actor.require(Permission.OFFICER_MANAGE)
    agency = session.get(AgencyRow, agency_id)
    if agency is None or actor.agency_id not in {None, agency_id}:
        raise not_found()
    email = _unused_email(session, data.email)
    row = OfficerRow(
        id=new_id(now),
        agency_id=agency_id,
        password_hash=password_hash,
        created_at=now,
        active_at=now,
    )
    _write(row, data, email)
    session.add(row)
    session.flush()
    _record(session, actor, audit.Act.OFFICER_CREATED, row, now, {"role": row.role})
    return _value(row)


def officers(session: Session, actor: Actor, *, cursor: Cursor) -> Page[Officer]:
    """Return a page of the agency's officers, newest first. Raises FORBIDDEN."""
    actor.require(Permission.OFFICER_READ)
    statement = select(OfficerRow).where(OfficerRow.agency_id == actor.agency)
    page: Page[OfficerRow] = fetch_page(session, statement, OfficerRow.id, cursor)
    return Page(items=[_value(row) for row in page.items], next=page.next)


def read_officer(session: Session, actor: Actor, officer_id: UUID) -> Officer:
    """Return an officer of the actor's agency. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.OFFICER_READ)
    return _value(_find(session, actor, officer_id))


def acting_officer(session: Session, actor: Actor) -> Officer:
    """Return the officer who acts. Raises NOT_FOUND if it is none."""
    if actor.kind is not ActorKind.OFFICER or actor.id is None:
        raise not_found()
    return _value(_find(session, actor, actor.id))


def officer_to_change(session: Session, actor: Actor, officer_id: UUID) -> Officer:
    """Return an officer, locked until the transaction ends. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.OFFICER_MANAGE)
    return _value(_find(session, actor, officer_id, locked=True))


def change_officer(
    session: Session,
    actor: Actor,
    officer_id: UUID,
    data: OfficerData,
    *,
    disabled: bool,
    now: datetime,
) -> Officer:
    """Replace what is kept of an officer; disabling ends all their tokens. Audited.

    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST, ALREADY_EXISTS; CONFLICT for what would leave
    the agency without an administrator.
    """
    actor.require(Permission.OFFICER_MANAGE)
    # One change at a time, or two administrators could dismiss each other.
    session.execute(select(AgencyRow.id).where(AgencyRow.id == actor.agency).with_for_update())
    row = _find(session, actor, officer_id, locked=True)
    before = _value(row)
    email = normal_email(data.email)
    _write(row, data, email if email == row.email else _unused_email(session, email))
    if disabled != before.disabled:
        row.disabled_at = now if disabled else None
        row.active_at = row.active_at if disabled else now
        end_all(session, row.id, now=now)
    session.flush()
    _require_administrator(session, row.agency_id)
    after = _value(row)
    changed = [
        item.name
        for item in fields(Officer)
        if getattr(before, item.name) != getattr(after, item.name)
    ]
    if changed:
        details = {"fields": changed, "role": row.role, "disabled": disabled}
        _record(session, actor, audit.Act.OFFICER_CHANGED, row, now, details)
    return after


def reset_password(
    session: Session, actor: Actor, officer_id: UUID, *, password_hash: str, now: datetime
) -> None:
    """Give an officer a new password; all their sessions and tokens end. Audited.

    It also admits again who did not sign in for too long. Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.OFFICER_MANAGE)
    row = _find(session, actor, officer_id, locked=True)
    row.password_hash = password_hash
    row.active_at = now
    end_all(session, row.id, now=now)
    _record(session, actor, audit.Act.PASSWORD_CHANGED, row, now)


def _find(session: Session, actor: Actor, officer_id: UUID, *, locked: bool = False) -> OfficerRow:
    statement = select(OfficerRow).where(
        OfficerRow.id == officer_id, OfficerRow.agency_id == actor.agency
    )
    if locked:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    row = session.scalar(statement)
    if row is None:
        raise not_found()
    return row


def _unused_email(session: Session, text: str) -> str:
    email = normal_email(text)
    if session.scalar(select(OfficerRow.id).where(OfficerRow.email == email)) is not None:
        raise Problem(
            Code.ALREADY_EXISTS, "An officer signs in with this address.", pointer="/email"
        )
    return email


def _require_administrator(session: Session, agency_id: UUID) -> None:
    administrator = session.scalar(
        select(OfficerRow.id)
        .where(
            OfficerRow.agency_id == agency_id,
            OfficerRow.role == Role.AGENCY_ADMIN,
            OfficerRow.disabled_at.is_(None),
        )
        .limit(1)
    )
    if administrator is None:
        raise Problem(Code.CONFLICT, "The agency would have no administrator left.")


def _write(row: OfficerRow, data: OfficerData, email: str) -> None:
    row.email = email
    row.given_name, row.family_name = data.given_name, data.family_name
    row.job_title = data.job_title
    row.role = data.role
    row.language = data.language


def _record(
    session: Session,
    actor: Actor,
    act: audit.Act,
    row: OfficerRow,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("officer", row.id),
        agency_id=row.agency_id,
        now=now,
        details=details,
    )


def _value(row: OfficerRow) -> Officer:
    return Officer(
        id=row.id,
        agency_id=row.agency_id,
        email=row.email,
        given_name=row.given_name,
        family_name=row.family_name,
        job_title=row.job_title,
        role=row.role,
        language=row.language,
        disabled=row.disabled_at is not None,
        created_at=row.created_at,
        active_at=row.active_at,
    )
