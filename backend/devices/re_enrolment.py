"""Enrolment of a phone again that has lost its key: it asks, an officer decides.

The app begins anew and knows by what name its device was enrolled, but has nothing to sign over with.
It makes a key to ask with, asks, shows its person a reference number, and asks again from time to
time. The officer hears the number from the person, sees the same one here, and approves or declines.
An approval is an enrolment code that nobody reads: the answer to the key that asked is a challenge of
it, and what follows is an enrolment like any other, with evidence, level, and an activation of its
own. Without the old key nobody can show that it is the same phone, so the earlier activation ends.

One question of a person is open at a time; a newer one takes its place. A stranger who knows the
device's name can ask, and nothing more: the number that the person reads out is not theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Severity
from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import Actor, ActorKind, Permission
from backend.core.crockford import encode, grouped
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.devices import keys
from backend.devices.codes import Challenge, add_challenge, issue_code
from backend.devices.key_state import ENROLLED_STATES, AskedState
from backend.devices.models import DeviceKey, EnrolmentCode, ReEnrolmentRow
from backend.identity import service as identity

ASKED_LIFE: Final = timedelta(days=7)
ALERT_SOURCE: Final = "re-enrolment"

_DIGITS: Final = 8
_GROUP: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ReEnrolment:
    """A phone that asks to be enrolled again; `reference` is what its person reads out."""

    id: UUID
    supervisee_id: UUID
    jkt: str
    reference: str
    asked_at: datetime
    expires_at: datetime
    state: AskedState
    decided_at: datetime | None
    decided_by: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the phone that asked is told; `challenge` is there once an officer approved."""

    reference: str
    state: AskedState
    expires_at: datetime
    challenge: Challenge | None


def ask(
    session: Session, *, asking_jkt: str, device: str, address: str | None, now: datetime
) -> Asked | None:
    """Return how the question of the key `asking_jkt` stands, and put it if it is new.

    None where `device` is no enrolled key. Writes the question; audited, and told to the officer.
    """
    key = session.scalar(
        select(DeviceKey).where(DeviceKey.jkt == device, DeviceKey.state.in_(ENROLLED_STATES))
    )
    if key is None:
        return None
    row = session.scalar(
        select(ReEnrolmentRow).where(
            ReEnrolmentRow.asking_jkt == asking_jkt, ReEnrolmentRow.jkt == device
        )
    )
    if row is None:
        row = _put(session, key, asking_jkt, address, now)
    return Asked(
        reference=_reference(row),
        state=_state(row, now),
        expires_at=row.expires_at,
        challenge=_challenge(session, row, now),
    )


def _put(
    session: Session, key: DeviceKey, asking_jkt: str, address: str | None, now: datetime
) -> ReEnrolmentRow:
    earlier = (ReEnrolmentRow.supervisee_id == key.supervisee_id) & (
        ReEnrolmentRow.state == AskedState.OPEN
    )
    for replaced in session.scalars(select(ReEnrolmentRow).where(earlier).with_for_update()):
        replaced.state, replaced.decided_at = AskedState.REPLACED, now
    session.flush()  # one question of a person is open at a time
    row = ReEnrolmentRow(
        id=new_id(now),
        agency_id=key.agency_id,
        supervisee_id=key.supervisee_id,
        jkt=key.jkt,
        asking_jkt=asking_jkt,
        asked_at=now,
        expires_at=now + ASKED_LIFE,
        state=AskedState.OPEN,
    )
    session.add(row)
    session.flush()
    phone = Actor(
        kind=ActorKind.SUPERVISEE, id=key.supervisee_id, agency_id=key.agency_id, address=address
    )
    _record(session, phone, row, Act.RE_ENROLMENT_ASKED, now)
    _tell(session, row, now)
    return row


def _challenge(session: Session, row: ReEnrolmentRow, now: datetime) -> Challenge | None:
    if row.code_id is None:
        return None
    code = session.scalar(
        select(EnrolmentCode)
        .where(
            EnrolmentCode.id == row.code_id,
            EnrolmentCode.ended_at.is_(None),
            EnrolmentCode.expires_at > now,
        )
        .with_for_update()
    )
    return None if code is None else add_challenge(session, code, now)


def re_enrolments_of(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor, now: datetime
) -> Page[ReEnrolment]:
    """Return what a person's phones asked, newest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.DEVICE_READ)
    identity.get_supervisee(session, actor, supervisee_id)
    theirs = select(ReEnrolmentRow).where(ReEnrolmentRow.supervisee_id == supervisee_id)
    page: Page[ReEnrolmentRow] = fetch_page(session, theirs, ReEnrolmentRow.id, cursor)
    return Page(items=[_seen(row, now) for row in page.items], next=page.next)


def re_enrolment(
    session: Session, actor: Actor, asked_id: UUID, now: datetime, *, lock: bool = False
) -> ReEnrolment:
    """Return one question, locked if it is to be decided. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.DEVICE_READ)
    return _seen(_visible(session, actor, asked_id, for_update=lock), now)


def approve(
    session: Session, actor: Actor, asked_id: UUID, *, code_key: bytes, now: datetime
) -> ReEnrolment:
    """Let the key that asked enrol a phone for the person, within a day.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION. Audited.
    """
    actor.require(Permission.DEVICE_ENROL)
    row = _open(session, actor, asked_id, now)
    row.code_id = issue_code(session, actor, row.supervisee_id, code_key=code_key, now=now).id
    return _decide(session, actor, row, AskedState.APPROVED, Act.RE_ENROLMENT_APPROVED, now)


def decline(session: Session, actor: Actor, asked_id: UUID, *, now: datetime) -> ReEnrolment:
    """Say no for good. Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION. Audited."""
    actor.require(Permission.DEVICE_ENROL)
    row = _open(session, actor, asked_id, now)
    return _decide(session, actor, row, AskedState.DECLINED, Act.RE_ENROLMENT_DECLINED, now)


def _open(session: Session, actor: Actor, asked_id: UUID, now: datetime) -> ReEnrolmentRow:
    """Return a question that can be decided, locked."""
    row = _visible(session, actor, asked_id, for_update=True)
    state = _state(row, now)
    if state is not AskedState.OPEN:
        raise Problem(Code.ILLEGAL_TRANSITION, f"The question is {state.value}.")
    key = keys.visible_key(session, actor, row.jkt)
    if key.state not in ENROLLED_STATES:
        raise Problem(Code.ILLEGAL_TRANSITION, f"The device's key is {key.state.value}.")
    return row


def _decide(
    session: Session,
    actor: Actor,
    row: ReEnrolmentRow,
    state: AskedState,
    act: Act,
    now: datetime,
) -> ReEnrolment:
    row.state, row.decided_at, row.decided_by = state, now, actor.id
    _record(session, actor, row, act, now)
    return _seen(row, now)


def _visible(
    session: Session, actor: Actor, asked_id: UUID, *, for_update: bool = False
) -> ReEnrolmentRow:
    statement = select(ReEnrolmentRow).where(
        ReEnrolmentRow.id == asked_id,
        ReEnrolmentRow.agency_id == actor.agency,
        ReEnrolmentRow.supervisee_id.in_(identity.visible_supervisees(actor)),
    )
    row = session.scalar(statement.with_for_update() if for_update else statement)
    if row is None:
        raise not_found()
    return row


def _seen(row: ReEnrolmentRow, now: datetime) -> ReEnrolment:
    return ReEnrolment(
        id=row.id,
        supervisee_id=row.supervisee_id,
        jkt=row.jkt,
        reference=_reference(row),
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        state=_state(row, now),
        decided_at=row.decided_at,
        decided_by=row.decided_by,
    )


def _reference(row: ReEnrolmentRow) -> str:
    return grouped(encode(row.id.int, _DIGITS), _GROUP)


def _state(row: ReEnrolmentRow, now: datetime) -> AskedState:
    over = row.state is AskedState.OPEN and now >= row.expires_at
    return AskedState.EXPIRED if over else row.state


def _record(session: Session, actor: Actor, row: ReEnrolmentRow, act: Act, now: datetime) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("re-enrolment", row.id),
        supervisee_id=row.supervisee_id,
        now=now,
        details={"jkt": row.jkt},
    )


def _tell(session: Session, row: ReEnrolmentRow, now: datetime) -> None:
    reference = _reference(row)
    alerts.raise_alert(
        session,
        agency_id=row.agency_id,
        supervisee_id=row.supervisee_id,
        kind=AlertKind.RE_ENROLMENT_ASKED,
        severity=Severity.WARNING,
        source=ALERT_SOURCE,
        source_id=row.id,
        occurred_at=now,
        explanation=Explanation(
            data={"re_enrolment_id": str(row.id), "jkt": row.jkt, "reference": reference},
            sentence_en="A phone that has lost its key asks to be enrolled again. Call the person, "
            f"and approve only if their phone shows {reference}.",
            sentence_es="Un teléfono que perdió su clave pide registrarse de nuevo. Llame a la "
            f"persona y apruébelo solo si su teléfono muestra {reference}.",
        ),
        now=now,
    )
