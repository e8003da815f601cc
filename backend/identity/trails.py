"""Whether a person's trail is kept: by an officer's word, from then on.

Where it is not, fixes are judged all the same, for as long as anything can have them judged again;
what remains are the ones that an episode names as its evidence (`location.trail`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select

from backend.audit import service as audit
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.identity.models import SuperviseeRow, Trail
from backend.identity.supervisees import Supervisee, get_supervisee
from backend.identity.visibility import find_supervisee


def trail_to_change(session: Session, actor: Actor, supervisee_id: UUID) -> Supervisee:
    """Return a person, locked until the transaction ends. Raises FORBIDDEN, NOT_FOUND.

    Who decides on the trail must be one who may read it.
    """
    actor.require(Permission.SUPERVISEE_WRITE)
    actor.require(Permission.LOCATION_READ)
    find_supervisee(session, actor, supervisee_id, locked=True)
    return get_supervisee(session, actor, supervisee_id)


def set_trail(
    session: Session, actor: Actor, supervisee_id: UUID, trail: Trail, *, now: datetime
) -> Supervisee:
    """Return the person with their trail kept from now on, or not even that of the past. Audited.

    Raises FORBIDDEN, NOT_FOUND.
    """
    before = trail_to_change(session, actor, supervisee_id)
    if before.trail is trail:
        return before
    row = session.get_one(SuperviseeRow, supervisee_id)
    row.trail, row.trail_from = trail, now if trail is Trail.KEPT else None
    audit.record(
        session,
        actor,
        audit.Act.TRAIL_SET,
        subject=("supervisee", supervisee_id),
        supervisee_id=supervisee_id,
        now=now,
        details={"trail": trail},
    )
    session.flush()
    return get_supervisee(session, actor, supervisee_id)


def without_trail_after(session: Session, after: UUID | None, *, limit: int) -> Sequence[UUID]:
    """Return the next people, in order, of whom there is a time without a trail: no actor."""
    some = select(SuperviseeRow.id).where(
        or_(SuperviseeRow.trail == Trail.ZONE_EVENTS_ONLY, SuperviseeRow.trail_from.is_not(None))
    )
    if after is not None:
        some = some.where(SuperviseeRow.id > after)
    return session.scalars(some.order_by(SuperviseeRow.id).limit(limit)).all()
