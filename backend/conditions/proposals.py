"""What would hold for a person if an act that reaches into the past were done: nothing is stored.

Whoever decides sees before what would be judged differently (`location.preview`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from backend.conditions import absences, orders, standing
from backend.conditions.in_force import versions_of_person
from backend.conditions.orders import to_order
from backend.conditions.standing import Standing, standings
from backend.conditions.validity import second_from
from backend.core.actor import Actor
from backend.core.db import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What would hold for a person, and from which second it would be judged by.

    `judged_from_s` None: nothing would be judged differently, ever.
    """

    supervisee_id: UUID
    subject: tuple[str, UUID]
    standing: Standing
    judged_from_s: int | None


def proposed_absence(session: Session, actor: Actor, absence_id: UUID, *, from_s: int) -> Proposal:
    """Return what would hold from `from_s` on if this absence were approved.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION (it was decided already).
    """
    row = absences.find_proposed(session, actor, absence_id)
    now_holds = standings(session, [row.supervisee_id], from_s)[row.supervisee_id]
    rests = standing.suspensions_among([row], from_s, None)
    return Proposal(
        supervisee_id=row.supervisee_id,
        subject=("absence", row.id),
        standing=replace(now_holds, suspensions=[*now_holds.suspensions, *rests]),
        judged_from_s=second_from(row.starts_at),
    )


def proposed_end(
    session: Session,
    actor: Actor,
    order_id: UUID,
    ends_at: datetime | None,
    *,
    from_s: int,
    now: datetime,
) -> Proposal:
    """Return what would hold from `from_s` on if this order ended at `ends_at` (None: never).

    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST, as changing the order would.
    """
    ended = orders.find_ended(session, actor, order_id, ends_at, now=now)
    supervisee_id = ended.row.supervisee_id
    now_holds = standings(session, [supervisee_id], from_s)[supervisee_id]
    versions = [
        version._replace(starts_at=ended.row.starts_at, ends_at=ended.row.ends_at)
        if version.order_id == order_id
        else version
        for version in versions_of_person(session, supervisee_id, confidential=True)
    ]
    return Proposal(
        supervisee_id=supervisee_id,
        subject=("order", order_id),
        standing=replace(
            now_holds,
            rules=standing.rules_among(versions, from_s, None),
            orders=[
                to_order(ended.row) if order.id == order_id else order for order in now_holds.orders
            ],
        ),
        judged_from_s=ended.judged_from_s,
    )
