"""What supervised persons read of their own conditions: never a word of a confidential one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

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
    return [_zone(item, zone) for item in items if (zone := _document(item.version.zone))]


def _of(session: Session, person_id: UUID, now: datetime) -> list[InForce]:
    return versions_in_force(session, person_id, unix_s(now), None, confidential=False)


def _condition(item: InForce, language: Language) -> MyCondition:
    version = item.version
    effective_from, effective_to = _instants(item.span)
    return MyCondition(
        id=version.condition_id,
        version=version.number,
        kind=version.kind,
        what=WHAT[language][version.kind],
        meaning=MEANING[language][version.kind],
        title=version.title,
        text=version.text,
        schedule=_document(version.schedule),
        court=version.court,
        order_reference=version.order_reference,
        effective_from=effective_from,
        effective_to=effective_to,
    )


def _zone(item: InForce, zone: Mapping[str, Any]) -> MyZone:
    version = item.version
    effective_from, effective_to = _instants(item.span)
    return MyZone(
        condition_id=version.condition_id,
        version=version.number,
        kind=version.kind,
        title=version.title,
        zone=zone,
        buffer_m=version.buffer_m,
        schedule=_document(version.schedule),
        effective_from=effective_from,
        effective_to=effective_to,
    )


def _document(stored: str | None) -> Mapping[str, Any] | None:
    return None if stored is None else msgspec.json.decode(stored, type=dict[str, Any])


def _instants(span: Span) -> tuple[datetime, datetime | None]:
    until = None if span.until_s is None else from_unix_s(span.until_s)
    return from_unix_s(span.from_s), until
