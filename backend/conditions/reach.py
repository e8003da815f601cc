"""Whose papers this actor may touch: every query of officers in this slice narrows by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from backend.audit import service as audit
from backend.audit.service import Act
from backend.conditions import changes
from backend.conditions.changes import RuleChange
from backend.core.actor import Actor
from backend.core.db import Session
from backend.identity import service as identity


def within_reach(actor: Actor, supervisee_id: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    """Return the criterion that keeps a query to the people whom this actor may see."""
    return supervisee_id.in_(identity.visible_supervisees(actor))


def require_reach(session: Session, actor: Actor, supervisee_id: UUID) -> None:
    """Raise NOT_FOUND unless this person exists and this actor may see them."""
    identity.get_supervisee(session, actor, supervisee_id)


def take_effect(
    session: Session,
    actor: Actor,
    act: Act,
    subject: tuple[str, UUID],
    supervisee_id: UUID,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    *,
    judged_from_s: int | None = None,
) -> None:
    """Audit an act that changes what holds for a person, and move their rules on with it.

    `judged_from_s` is the first second that is judged by other rules than before, None if there is
    none: it may lie in the past.
    """
    session.flush()
    epoch = identity.bump_rules_epoch(session, supervisee_id)
    if judged_from_s is not None:
        changes.record(
            session,
            actor,
            RuleChange(act=act, subject=subject, at=now, from_s=judged_from_s),
            supervisee_id=supervisee_id,
            epoch=epoch,
        )
    audit.record(
        session,
        actor,
        act,
        subject=subject,
        now=now,
        supervisee_id=supervisee_id,
        details=details or {},
    )
