"""How far somebody was from a victim's zone: told to few, and each telling is recorded."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import Actor, Permission
from backend.core.db import Session


def may_know_zones(actor: Actor) -> bool:
    """Whether this officer may know where confidential zones are."""
    return Permission.CONFIDENTIAL_ZONE_READ in actor.permissions


def audit_zones_told(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    condition_ids: Collection[UUID],
    now: datetime,
) -> None:
    """Audit that distances to these confidential zones were told to somebody who may know."""
    for condition_id in sorted(condition_ids):
        audit.record(
            session,
            actor,
            Act.CONFIDENTIAL_ZONE_READ,
            subject=("condition", condition_id),
            supervisee_id=supervisee_id,
            now=now,
        )
