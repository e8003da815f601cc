"""Enrolment codes: issued by an officer, and exchanged by a phone for a challenge.

A wrong code gets one answer, whether it never was, is over, or has another secret. The failed try
is stored, so it is an answer too and no exception.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, update

from backend.audit import service as audit
from backend.audit.acts import Act, Outcome
from backend.core.actor import SYSTEM, Actor, Permission
from backend.core.db import Session
from backend.core.ids import new_id
from backend.devices.enrolment_code import (
    CHALLENGE_LIFE,
    CODE_LIFE,
    MAX_FAILED_TRIES,
    Code,
    CodeEnd,
    new_challenge,
    new_code,
    read_code,
)
from backend.devices.models import (
    EnrolmentChallenge,
    EnrolmentCode,
    KeyChallenge,
    PresenceChallenge,
)
from backend.identity import service as identity

OPEN_CHALLENGES: Final = 5
"""How many challenges of one code, key or phone may be open: it asks again for a lost answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """A code as it is shown once, and until when it is good."""

    id: UUID
    code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a new key must sign, and for how many seconds it may."""

    challenge: str
    expires_in: int


def issue_code(
    session: Session, actor: Actor, supervisee_id: UUID, *, code_key: bytes, now: datetime
) -> IssuedCode:
    """Return a fresh code for the person; one issued before is good no more.

    Raises FORBIDDEN, NOT_FOUND. Audited.
    """
    actor.require(Permission.DEVICE_ENROL)
    person = identity.get_supervisee(session, actor, supervisee_id)
    _end(session, EnrolmentCode.supervisee_id == person.id, CodeEnd.REPLACED, now)
    code = _free_code(session, now)
    row = EnrolmentCode(
        id=new_id(now),
        agency_id=person.agency_id,
        supervisee_id=person.id,
        selector=code.selector,
        secret_hash=code.secret_hash(code_key),
        issued_by=actor.id,
        issued_at=now,
        expires_at=now + CODE_LIFE,
        failed_tries=0,
    )
    session.add(row)
    _record(session, actor, row, Act.ENROLMENT_CODE_ISSUED, now)
    return IssuedCode(id=row.id, code=code.shown(), expires_at=row.expires_at)


def _free_code(session: Session, now: datetime) -> Code:
    """Return a code whose selector no open code has: one of a million, of which few are open."""
    while True:
        code = new_code()
        same_selector = EnrolmentCode.selector == code.selector
        _end(session, same_selector & (EnrolmentCode.expires_at <= now), CodeEnd.EXPIRED, now)
        taken = select(EnrolmentCode.id).where(same_selector, EnrolmentCode.ended_at.is_(None))
        if session.scalar(taken) is None:
            return code


def _end(session: Session, which: ColumnElement[bool], end: CodeEnd, now: datetime) -> None:
    session.execute(
        update(EnrolmentCode)
        .where(which, EnrolmentCode.ended_at.is_(None))
        .values(ended_at=now, end=end)
    )


def open_challenge(
    session: Session, text: str, *, code_key: bytes, address: str | None, now: datetime
) -> Challenge | None:
    """Return a challenge for the code that somebody typed, or None if it does not hold.

    A wrong secret counts, and the fifth ends the code: the caller must commit in either case.
    Audited for a code that exists; a guess in the dark leaves no trace.
    """
    code = read_code(text)
    row = _open_code(session, code, now)
    if code is None or row is None:
        return None
    stranger = replace(SYSTEM, address=address)
    if not code.opens(row.secret_hash, code_key):
        _count_failure(row, now)
        _record(session, stranger, row, Act.ENROLMENT_CODE_REFUSED, now, Outcome.FAILED)
        return None
    challenge = add_challenge(session, row, now)
    _record(session, stranger, row, Act.ENROLMENT_CHALLENGED, now)
    return challenge


def _open_code(session: Session, code: Code | None, now: datetime) -> EnrolmentCode | None:
    """Return the open code with this selector, locked: tries are counted one after the other."""
    if code is None:
        return None
    return session.scalar(
        select(EnrolmentCode)
        .where(
            EnrolmentCode.selector == code.selector,
            EnrolmentCode.ended_at.is_(None),
            EnrolmentCode.expires_at > now,
        )
        .with_for_update()
    )


def _count_failure(row: EnrolmentCode, now: datetime) -> None:
    row.failed_tries += 1
    if row.failed_tries >= MAX_FAILED_TRIES:
        row.ended_at, row.end = now, CodeEnd.TRIES_EXHAUSTED


def add_challenge(session: Session, row: EnrolmentCode, now: datetime) -> Challenge:
    """Add a challenge, and drop the oldest unused ones, so that a code never has many."""
    unused = (EnrolmentChallenge.code_id == row.id) & EnrolmentChallenge.used_at.is_(None)
    make_room(session, EnrolmentChallenge, unused)
    challenge = new_challenge()
    session.add(
        EnrolmentChallenge(
            id=new_id(now),
            code_id=row.id,
            challenge=challenge,
            issued_at=now,
            expires_at=now + CHALLENGE_LIFE,
        )
    )
    return Challenge(challenge=challenge, expires_in=int(CHALLENGE_LIFE.total_seconds()))


def make_room(
    session: Session,
    table: type[EnrolmentChallenge | KeyChallenge | PresenceChallenge],
    among: ColumnElement[bool],
    *still: ColumnElement[bool],
) -> None:
    """Drop all challenges `among` these but the newest few that are good `still`, for one more."""
    newest = (
        select(table.id).where(among, *still).order_by(table.id.desc()).limit(OPEN_CHALLENGES - 1)
    )
    kept = session.scalars(newest).all()
    session.execute(delete(table).where(among, table.id.not_in(kept)))


def _record(
    session: Session,
    actor: Actor,
    row: EnrolmentCode,
    act: Act,
    now: datetime,
    outcome: Outcome = Outcome.SUCCEEDED,
) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("enrolment-code", row.id),
        supervisee_id=row.supervisee_id,
        agency_id=row.agency_id,
        now=now,
        outcome=outcome,
    )
