"""Conditions: imposed, changed by new versions, approved, lifted. Nothing is ever overwritten.

A confidential zone protects a victim. It takes two officers and a court's reference, its wording
is only for those with CONFIDENTIAL_ZONE_READ, and `reading.py` records each time it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from backend.audit.service import Act
from backend.conditions import content, reading, two_persons, validity
from backend.conditions.content import Content, Draft
from backend.conditions.invalid import invalid
from backend.conditions.kinds import ConditionKind
from backend.conditions.models import ConditionRow, OrderRow, VersionRow
from backend.conditions.orders import find_order
from backend.conditions.reach import take_effect
from backend.conditions.values import Condition
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.core.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """Why a version is made, and from when: `effective_from` None means at once.

    `order_reference` None stands for the order's own, `victim_consented_on` is for confidential
    zones alone.
    """

    reason: str
    effective_from: datetime | None = None
    order_reference: str | None = None
    victim_consented_on: date | None = None


def impose(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    kind: ConditionKind,
    confidential: bool,
    draft: Draft,
    ruling: Ruling,
    now: datetime,
) -> Condition:
    """Add a condition with its first version to an order and return it; audited.

    A confidential one is in force only after another officer has approved it. Raises FORBIDDEN,
    NOT_FOUND, INVALID_REQUEST, GEOMETRY_REFUSED, SCHEDULE_REFUSED, ILLEGAL_TRANSITION (the order
    has ended).
    """
    actor.require(Permission.CONDITION_WRITE)
    _require_clearance(actor, confidential=confidential)
    order = find_order(session, actor, order_id, lock=True)
    if confidential and kind is not ConditionKind.EXCLUSION_ZONE:
        raise invalid("confidential", "Only an exclusion zone can be confidential.")
    condition = ConditionRow(
        id=new_id(now), order_id=order.id, kind=kind, confidential=confidential
    )
    session.add(condition)
    session.flush()
    wording = content.check(kind, draft, ruling.effective_from or now)
    _append(session, actor, Act.CONDITION_IMPOSED, condition, order, wording, ruling, now)
    return reading.show(session, actor, condition, order)


def add_version(
    session: Session,
    actor: Actor,
    condition_id: UUID,
    *,
    draft: Draft,
    ruling: Ruling,
    now: datetime,
) -> Condition:
    """Say what a condition says from now or a later instant on; audited.

    It replaces whatever earlier versions say from then on, and touches no instant before. Raises
    as `impose`.
    """
    actor.require(Permission.CONDITION_WRITE)
    condition, order = reading.find(session, actor, condition_id, lock=True)
    _require_clearance(actor, confidential=condition.confidential)
    wording = content.check(condition.kind, draft, ruling.effective_from or now)
    _append(session, actor, Act.CONDITION_VERSION_ADDED, condition, order, wording, ruling, now)
    return reading.show(session, actor, condition, order)


def lift(
    session: Session, actor: Actor, condition_id: UUID, *, ruling: Ruling, now: datetime
) -> Condition:
    """End a condition before its order ends, by a version that asks for nothing; audited.

    For a confidential zone this too takes a second officer. Raises as `impose`.
    """
    actor.require(Permission.CONDITION_WRITE)
    condition, order = reading.find(session, actor, condition_id, lock=True)
    _require_clearance(actor, confidential=condition.confidential)
    latest = reading.versions_of(session, condition.id)[-1]
    if latest.lifted:
        raise Problem(Code.ILLEGAL_TRANSITION, "This condition has been lifted already.")
    wording = Content(title=latest.title, text=None, zone=None, buffer_m=None, schedule=None)
    act = Act.CONDITION_LIFTED
    _append(session, actor, act, condition, order, wording, ruling, now, lifted=True)
    return reading.show(session, actor, condition, order)


def approve_version(
    session: Session, actor: Actor, condition_id: UUID, *, now: datetime
) -> Condition:
    """Approve the latest version as a second officer; from now on it can be in force. Audited.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION, SECOND_PERSON_REQUIRED.
    """
    actor.require(Permission.CONDITION_APPROVE)
    condition, order = reading.find(session, actor, condition_id, lock=True)
    _require_clearance(actor, confidential=condition.confidential)
    latest = reading.versions_of(session, condition.id)[-1]
    if not latest.needs_approval:
        raise Problem(Code.ILLEGAL_TRANSITION, "This version needs no approval.")
    two_persons.approve(latest, actor, now)
    _record(session, actor, Act.CONDITION_VERSION_APPROVED, condition, order, latest, now)
    return reading.show(session, actor, condition, order)


def _append(
    session: Session,
    actor: Actor,
    act: Act,
    condition: ConditionRow,
    order: OrderRow,
    wording: Content,
    ruling: Ruling,
    now: datetime,
    *,
    lifted: bool = False,
) -> None:
    """Store the next version; `order` is locked, so no other can take its number."""
    _check_dates(order, ruling, now)
    _check_victim(ruling, confidential=condition.confidential)
    latest = select(VersionRow.number).where(VersionRow.condition_id == condition.id)
    numbers = session.scalars(latest).all()
    version = VersionRow(
        id=new_id(now),
        condition_id=condition.id,
        number=max(numbers, default=0) + 1,
        effective_from=ruling.effective_from or now,
        needs_approval=condition.confidential,
        author_id=two_persons.deciding_officer(actor),
        created_at=now,
        lifted=lifted,
        title=wording.title,
        text=wording.text,
        zone=wording.zone,
        buffer_m=wording.buffer_m,
        schedule=wording.schedule,
        advice=[advice.value for advice in wording.advice],
        reason=ruling.reason,
        order_reference=ruling.order_reference or order.reference,
        victim_consented_on=ruling.victim_consented_on,
    )
    session.add(version)
    _record(session, actor, act, condition, order, version, now)


def _record(
    session: Session,
    actor: Actor,
    act: Act,
    condition: ConditionRow,
    order: OrderRow,
    version: VersionRow,
    now: datetime,
) -> None:
    subject, details = ("condition", condition.id), {"version": version.number}
    whose, from_s = order.supervisee_id, validity.starts_s(version)
    take_effect(session, actor, act, subject, whose, now, details, judged_from_s=from_s)


def _require_clearance(actor: Actor, *, confidential: bool) -> None:
    """Only who may read a victim's zone may write or approve one."""
    if confidential:
        actor.require(Permission.CONFIDENTIAL_ZONE_READ)


def _check_dates(order: OrderRow, ruling: Ruling, now: datetime) -> None:
    """Refuse a version outside the order's time, or one that would change the past."""
    if order.ends_at is not None and order.ends_at <= now:
        raise Problem(Code.ILLEGAL_TRANSITION, "The order has ended: nothing can rest on it.")
    if ruling.effective_from is None:
        return
    if ruling.effective_from < now:
        detail = "A version changes nothing in the past: leave this out for at once."
        raise invalid("effective_from", detail)
    if order.ends_at is not None and ruling.effective_from >= order.ends_at:
        raise invalid("effective_from", "The order ends before that.")


def _check_victim(ruling: Ruling, *, confidential: bool) -> None:
    if not confidential and ruling.victim_consented_on is not None:
        raise invalid("victim_consented_on", "Only a confidential zone has a victim's consent.")
    if confidential and ruling.order_reference is None:
        raise invalid("order_reference", "A confidential zone needs the court's reference.")
    if confidential and ruling.victim_consented_on is None:
        raise invalid("victim_consented_on", "Say when the victim consented to this zone.")
