"""Who has read the privacy notice: said by the person, once a version, and shown to officers.

Nothing hangs on it: who has not said so is served like everybody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import Actor, Permission
from backend.core.db import Session, insert_once
from backend.core.errors import Code, Problem
from backend.identity import service as identity
from backend.privacy.models import AcknowledgementRow
from backend.privacy.notice import EFFECTIVE_ON, VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """The version in force, and when the person said that they have read it; None: not yet."""

    version: int
    effective_on: date
    acknowledged_at: datetime | None


def acknowledge(session: Session, actor: Actor, *, version: int, now: datetime) -> Acknowledgement:
    """Keep that the acting person has read the notice; said again, the first time counts. Audited.

    Raises FORBIDDEN for anybody but a supervised person, CONFLICT for a version not in force.
    """
    if version != VERSION:
        detail = "Another version is in force: read that one first."
        raise Problem(Code.CONFLICT, detail, members={"version": VERSION})
    first_time = (
        insert_once(session, AcknowledgementRow)
        .values(supervisee_id=actor.supervisee, version=VERSION, acknowledged_at=now)
        .on_conflict_do_nothing()
        .returning(AcknowledgementRow.version)
    )
    if session.scalar(first_time) is not None:
        audit.record(
            session,
            actor,
            Act.NOTICE_ACKNOWLEDGED,
            subject=("supervisee", actor.supervisee),
            supervisee_id=actor.supervisee,
            now=now,
            details={"version": VERSION},
        )
    return _of(session, actor.supervisee)


def my_acknowledgement(session: Session, actor: Actor) -> Acknowledgement:
    """Return how it stands with the acting person. Raises FORBIDDEN for anybody else."""
    return _of(session, actor.supervisee)


def acknowledgement(session: Session, actor: Actor, supervisee_id: UUID) -> Acknowledgement:
    """Return how it stands with a person. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.SUPERVISEE_READ)
    return _of(session, identity.get_supervisee(session, actor, supervisee_id).id)


def _of(session: Session, supervisee_id: UUID) -> Acknowledgement:
    row = session.get(AcknowledgementRow, (supervisee_id, VERSION))
    return Acknowledgement(
        version=VERSION,
        effective_on=EFFECTIVE_ON,
        acknowledged_at=None if row is None else row.acknowledged_at,
    )
