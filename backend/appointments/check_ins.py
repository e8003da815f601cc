"""Check-ins: a person says, where they are and when, that it is they; every attempt is kept.

`check_in`, behind the location gate:
  1  the appointment is the person's own check-in; one that is accepted already stays as it was
  2  it is not cancelled, and not too early
  3  what is shown of the person's presence holds (`devices.show_presence`)
  4  and it is what the agency asks for, at least
What comes late is told to the officer (`overdue`), and is a check-in all the same. A refusal is a
value: an exception would roll back what must be kept. By itself it is never a violation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from backend.appointments import overdue
from backend.appointments.check_in_rules import (
    WHAT_TO_DO,
    CheckInRefusal,
    Punctuality,
    insufficient,
    punctuality,
    untimely,
    window_of,
)
from backend.appointments.models import AppointmentRow, CheckInRow, appointment_of
from backend.appointments.values import Appointment, AppointmentKind
from backend.attestation.web.passkey import RelyingParty
from backend.audit import service as audit
from backend.audit.acts import Act, Outcome
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.devices import service as devices
from backend.devices.enrolment_advice import AnyReason, remedy_for, what_to_do
from backend.devices.presence_level import Presence, PresenceMeans
from backend.devices.service import (
    KeyContext,
    PresenceRefused,
    PresenceShown,
    ShownAssertion,
    ShownSignature,
)
from backend.identity import service as identity
from backend.identity.policy import AgencyPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInOpening:
    """What the person's device is to sign, and what the agency asks for at least.

    `opens_at` and `late_from` are the window.
    """

    opening: devices.PresenceOpening
    least: Presence
    opens_at: datetime
    late_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a request brings: presence over a challenge, if any, and the number of its fix."""

    challenge: str | None = None
    presence: ShownSignature | ShownAssertion | None = None
    fix_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """An attempt to check in; it counts where `refusal` is None.

    `due_at` is when the person was expected then. `level` is what was shown, `means` by what;
    `reason` names what was wrong with it. `fix_seq` is the fix of `activation_id` that came along.
    """

    id: UUID
    appointment_id: UUID
    supervisee_id: UUID
    activation_id: UUID
    at: datetime
    due_at: datetime
    refusal: CheckInRefusal | None
    reason: str | None
    punctuality: Punctuality | None
    level: Presence
    means: PresenceMeans | None
    presence_key_id: UUID | None
    fix_seq: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    """An attempt that does not count, kept, and what the person can do about it."""

    attempt: CheckIn
    what_to_do: str
    contact: str
    least: Presence
    opens_at: datetime


def open_check_in(
    session: Session,
    actor: Actor,
    key: KeyContext,
    appointment_id: UUID,
    party: RelyingParty,
    now: datetime,
) -> CheckInOpening:
    """Return what shows that the person is there for this check-in.

    Raises NOT_FOUND, ILLEGAL_TRANSITION for an appointment that is no check-in.
    """
    appointment = _own(session, actor, appointment_id)
    policy = identity.get_agency(session, actor.agency).policy
    window = window_of(appointment, policy)
    return CheckInOpening(
        opening=devices.open_check_in(session, key, appointment.id, party, now),
        least=Presence(policy.least_presence),
        opens_at=window.opens_at,
        late_from=window.late_from,
    )


def check_in(
    session: Session,
    actor: Actor,
    key: KeyContext,
    appointment_id: UUID,
    shown: Shown,
    *,
    party: RelyingParty,
    now: datetime,
) -> CheckIn | TurnedAway:
    """Return the check-in that counts, or why this one does not; commit in either case. Audited.

    Raises NOT_FOUND, ILLEGAL_TRANSITION for an appointment that is no check-in.
    """
    # 1
    appointment = _own(session, actor, appointment_id, locked=True)
    accepted = _accepted(session, appointment.id)
    if accepted is not None:
        return _value(accepted)

    # 2 to 4
    agency = identity.get_agency(session, actor.agency)
    found = untimely(appointment, agency.policy, now) or _presence(
        session, key, appointment.id, shown, party, now
    )
    refusal = _refusal(found, agency.policy)

    row = _row(key, appointment, shown, now)
    row.refusal = refusal
    if isinstance(found, PresenceRefused):
        row.reason = found.reason.name
    if isinstance(found, PresenceShown):
        row.level, row.means = found.level, found.means
        row.presence_key_id = found.presence_key_id
    if refusal is None:
        row.punctuality = punctuality(appointment, agency.policy, now)
    session.add(row)
    session.flush()
    _record(session, actor, row)
    if refusal is None:
        overdue.came(session, row, agency)
        return _value(row)
    reason = found.reason if isinstance(found, PresenceRefused) else None
    return TurnedAway(
        attempt=_value(row),
        what_to_do=_words(refusal, reason, identity.me(session, actor)),
        contact=agency.contact_phone,
        least=Presence(agency.policy.least_presence),
        opens_at=window_of(appointment, agency.policy).opens_at,
    )


def my_check_ins(session: Session, actor: Actor, cursor: Cursor) -> Page[CheckIn]:
    """Return the acting person's own attempts, accepted and refused, latest first."""
    return _page(session, actor.supervisee, cursor)


def check_ins(session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor) -> Page[CheckIn]:
    """Return a person's attempts, accepted and refused, latest first.

    Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.APPOINTMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    return _page(session, person.id, cursor)


def _own(
    session: Session, actor: Actor, appointment_id: UUID, *, locked: bool = False
) -> Appointment:
    statement = select(AppointmentRow).where(
        AppointmentRow.id == appointment_id, AppointmentRow.supervisee_id == actor.supervisee
    )
    row = session.scalar(statement.with_for_update() if locked else statement)
    if row is None:
        raise not_found()
    if row.kind is not AppointmentKind.CHECK_IN:
        raise Problem(Code.ILLEGAL_TRANSITION, "This appointment is in person.")
    return appointment_of(row)


def _accepted(session: Session, appointment_id: UUID) -> CheckInRow | None:
    return session.scalar(
        select(CheckInRow).where(
            CheckInRow.appointment_id == appointment_id, CheckInRow.refusal.is_(None)
        )
    )


def _presence(
    session: Session,
    key: KeyContext,
    check_in_id: UUID,
    shown: Shown,
    party: RelyingParty,
    now: datetime,
) -> PresenceShown | PresenceRefused | None:
    if shown.challenge is None or shown.presence is None:
        return None
    return devices.show_presence(
        session,
        key,
        shown.presence,
        challenge=shown.challenge,
        check_in=check_in_id,
        party=party,
        now=now,
    )


def _refusal(
    found: CheckInRefusal | PresenceRefused | PresenceShown | None, policy: AgencyPolicy
) -> CheckInRefusal | None:
    if isinstance(found, CheckInRefusal):
        return found
    if isinstance(found, PresenceRefused):
        return CheckInRefusal.PRESENCE_REFUSED
    return insufficient(Presence.NONE if found is None else found.level, policy)


def _words(refusal: CheckInRefusal, reason: AnyReason | None, me: identity.Me) -> str:
    if reason is None:
        return WHAT_TO_DO[me.language][refusal]
    return what_to_do(remedy_for(reason), me.language)


def _row(key: KeyContext, appointment: Appointment, shown: Shown, now: datetime) -> CheckInRow:
    presence = shown.presence
    received: Mapping[str, Any] | None = (
        None if presence is None else {"challenge": shown.challenge, **asdict(presence)}
    )
    return CheckInRow(
        id=new_id(now),
        appointment_id=appointment.id,
        supervisee_id=key.supervisee_id,
        activation_id=key.activation_id,
        at=now,
        due_at=appointment.starts_at,
        level=Presence.NONE,
        received=None if received is None else json.dumps(received),
        fix_seq=shown.fix_seq,
    )


def _record(session: Session, actor: Actor, row: CheckInRow) -> None:
    accepted = row.refusal is None
    audit.record(
        session,
        actor,
        Act.CHECK_IN_ACCEPTED if accepted else Act.CHECK_IN_REFUSED,
        subject=("check-in", row.id),
        supervisee_id=row.supervisee_id,
        now=row.at,
        outcome=Outcome.SUCCEEDED if accepted else Outcome.FAILED,
        details={"appointment_id": str(row.appointment_id), "level": row.level},
    )


def _page(session: Session, supervisee_id: UUID, cursor: Cursor) -> Page[CheckIn]:
    theirs = select(CheckInRow).where(CheckInRow.supervisee_id == supervisee_id)
    page: Page[CheckInRow] = fetch_page(session, theirs, CheckInRow.id, cursor)
    return Page(items=[_value(row) for row in page.items], next=page.next)


def _value(row: CheckInRow) -> CheckIn:
    return CheckIn(**{item.name: getattr(row, item.name) for item in fields(CheckIn)})
