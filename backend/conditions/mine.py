"""What supervised persons read of their own conditions: never a word of a confidential one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from backend.conditions.in_force import InForce, versions_in_force
from backend.conditions.texts import MEANING, WHAT
from backend.conditions.validity import Span
from backend.conditions.values import MyCondition, MyZone
from backend.core.actor import Actor
from backend.core.clock import from_unix_s, unix_s
from backend.core.db import Session
from backend.identity import service as identity
from notifications.formats import Language


def my_conditions(session: Session, actor: Actor, *, now: datetime) -> list[MyCondition]:
    """Return what holds for the person who asks, now and later; our words in their language."""
    person_id = actor.supervisee
    language = identity.get_supervisee(session, actor, person_id).language
    return [_condition(item, language) for item in _of(session, person_id, now)]


def my_zones(session: Session, actor: Actor, *, now: datetime) -> list[MyZone]:
    """Return the zones of `my_conditions`, to be drawn."""
    items = _of(session, actor.supervisee, now)
    return [_zone(item, item.version.zone) for item in items if item.version.zone is not None]


def _of(session: Session, person_id: UUID, now: datetime) -> list[InForce]:
    return versions_in_force(session, person_id, unix_s(now), None, confidential=False)


def _condition(item: InForce, language: Language) -> MyCondition:
    effective_from, effective_to = _instants(item.span)
    return MyCondition(
        id=item.condition.id,
        version=item.version.number,
        kind=item.condition.kind,
        what=WHAT[language][item.condition.kind],
        meaning=MEANING[language][item.condition.kind],
        title=item.version.title,
        text=item.version.text,
        schedule=item.version.schedule,
        court=item.order.court,
        order_reference=item.version.order_reference,
        effective_from=effective_from,
        effective_to=effective_to,
    )


def _zone(item: InForce, zone: Mapping[str, Any]) -> MyZone:
    effective_from, effective_to = _instants(item.span)
    return MyZone(
        condition_id=item.condition.id,
        version=item.version.number,
        kind=item.condition.kind,
        title=item.version.title,
        zone=zone,
        buffer_m=item.version.buffer_m,
        schedule=item.version.schedule,
        effective_from=effective_from,
        effective_to=effective_to,
    )


def _instants(span: Span) -> tuple[datetime, datetime | None]:
    until = None if span.until_s is None else from_unix_s(span.until_s)
    return from_unix_s(span.from_s), until
