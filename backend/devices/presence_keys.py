"""Presence keys as they are kept: which is in force for a phone, how one ends, what officers see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.paging import Cursor, Page, fetch_page
from backend.devices.models import PresenceKey
from backend.devices.presence_level import Presence, PresenceEnd, PresenceMeans
from backend.identity import service as identity


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledPresence:
    """A means by which a person shows that they are there; in force while `ended_at` is None."""

    id: UUID
    activation_id: UUID
    means: PresenceMeans
    level: Presence
    verdict: Mapping[str, Any]
    enrolled_at: datetime
    ended_at: datetime | None
    end: PresenceEnd | None


def presence_key_in_force(
    session: Session, activation_id: UUID, *, lock: bool = False
) -> PresenceKey | None:
    """Return what shows presence on this phone now."""
    statement = select(PresenceKey).where(
        PresenceKey.activation_id == activation_id, PresenceKey.ended_at.is_(None)
    )
    return session.scalar(statement.with_for_update() if lock else statement)


def end_presence_key(
    session: Session, activation_id: UUID, end: PresenceEnd, now: datetime
) -> None:
    """Let what shows presence on this phone, if anything does, show nothing any more."""
    session.execute(
        update(PresenceKey)
        .where(PresenceKey.activation_id == activation_id, PresenceKey.ended_at.is_(None))
        .values(ended_at=now, end=end)
    )


def presence_keys_of(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor
) -> Page[EnrolledPresence]:
    """Return by what a person shows that they are there, newest first.

    Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.DEVICE_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    theirs = select(PresenceKey).where(PresenceKey.supervisee_id == person.id)
    page: Page[PresenceKey] = fetch_page(session, theirs, PresenceKey.id, cursor)
    return Page(items=[enrolled_presence(row) for row in page.items], next=page.next)


def enrolled_presence(row: PresenceKey) -> EnrolledPresence:
    """Return a row as others see it."""
    return EnrolledPresence(
        id=row.id,
        activation_id=row.activation_id,
        means=row.means,
        level=row.means.level,
        verdict=row.verdict,
        enrolled_at=row.enrolled_at,
        ended_at=row.ended_at,
        end=row.end,
    )
