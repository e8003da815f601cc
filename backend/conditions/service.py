"""What other slices may ask: what holds for a person, and when. Officers' acts have own modules.

Everything here changes only with the person's `rules_epoch`, except by the passing of time, which
the returned values carry themselves: so a caller reads once per person and epoch, and keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from backend.conditions import content, standing
from backend.conditions.changes import RuleChange, rule_changes
from backend.conditions.content import RULE_KINDS, Draft
from backend.conditions.exemptions import to_exemption
from backend.conditions.in_force import versions_of_person
from backend.conditions.kinds import Advice, ConditionKind
from backend.conditions.models import AbsenceRow, ExemptionRow, OrderRow
from backend.conditions.orders import to_order
from backend.conditions.proposals import Proposal, proposed_absence, proposed_end
from backend.conditions.standing import Standing, standings
from backend.conditions.timetable import read_schedule
from backend.conditions.validity import second_from
from backend.conditions.values import Exemption, Order, RuleLabel
from backend.core.db import Session
from geofence import Rule, Suspension, zone_from_geojson

__all__ = [
    "Advice",
    "ConditionKind",
    "Draft",
    "Exemption",
    "Order",
    "Proposal",
    "RuleChange",
    "RuleLabel",
    "Standing",
    "draft_rule",
    "exemption_in_force",
    "exemptions_of",
    "has_order_in_force",
    "orders_of",
    "proposed_absence",
    "proposed_end",
    "rule_changes",
    "rule_labels",
    "rules_for",
    "standings",
    "suspensions_for",
]


def rules_for(
    session: Session, supervisee_id: UUID, from_s: int, until_s: int | None = None
) -> list[Rule]:
    """Return every rule version in force at some second of `from_s <= t < until_s`.

    With `until_s` None also those ahead. A rule's id is its condition's, as text; its validity is
    cut to its order's time: what no court ordered is not judged. Absences are apart, in
    `suspensions_for`. Victims' zones are among them.
    """
    rows = versions_of_person(session, supervisee_id, confidential=True)
    return standing.rules_among(rows, from_s, until_s)


def suspensions_for(
    session: Session, supervisee_id: UUID, from_s: int, until_s: int | None = None
) -> list[Suspension]:
    """Return the approved absences that rest some rule between these seconds.

    One approved late still counts from its start; one withdrawn ends at its withdrawal.
    """
    statement = select(AbsenceRow).where(
        AbsenceRow.supervisee_id == supervisee_id, AbsenceRow.approved_at.is_not(None)
    )
    rows = session.scalars(statement.order_by(AbsenceRow.id))
    return standing.suspensions_among(rows, from_s, until_s)


def draft_rule(
    kind: ConditionKind, draft: Draft, effective_from: datetime
) -> tuple[Rule, tuple[Advice, ...]]:
    """Return the rule that `draft` would be, without end, and what to think over; nothing is kept.

    `kind` is one that is judged. Its id is `draft`, its version 1. Raises the Problems of imposing
    such a condition: INVALID_REQUEST, GEOMETRY_REFUSED, SCHEDULE_REFUSED, with pointers.
    """
    wording = content.check(kind, draft, effective_from)
    rule = Rule(
        id="draft",
        version=1,
        kind=RULE_KINDS[kind],
        zone=zone_from_geojson(standing.required(wording.zone)),
        schedule=None if wording.schedule is None else read_schedule(wording.schedule),
        buffer_m=wording.buffer_m,
        valid_from_s=second_from(effective_from),
    )
    return rule, wording.advice


def rule_labels(session: Session, supervisee_id: UUID) -> Mapping[tuple[str, int], RuleLabel]:
    """Return how to speak of each rule version ever made, by rule id and version.

    Also of those that are in force no more, or were found never to have been (an order that was
    cut short): episodes of the past still name them.
    """
    return standing.labels_among(versions_of_person(session, supervisee_id, confidential=True))


def has_order_in_force(session: Session, supervisee_id: UUID, at: datetime) -> bool:
    """Whether some court has power over this person at this instant."""
    return any(order.is_in_force(at) for order in orders_of(session, supervisee_id))


def orders_of(session: Session, supervisee_id: UUID) -> tuple[Order, ...]:
    """Return a person's orders, whenever in force, in the order of their recording."""
    statement = select(OrderRow).where(OrderRow.supervisee_id == supervisee_id)
    return tuple(to_order(row) for row in session.scalars(statement.order_by(OrderRow.id)))


def exemption_in_force(session: Session, supervisee_id: UUID, at: datetime) -> Exemption | None:
    """Return an exemption from location that holds at this instant, None if there is none."""
    exemptions = exemptions_of(session, supervisee_id)
    return next((exemption for exemption in exemptions if exemption.is_in_force(at)), None)


def exemptions_of(session: Session, supervisee_id: UUID) -> tuple[Exemption, ...]:
    """Return a person's approved exemptions, whenever in force, in the order of their proposal."""
    statement = select(ExemptionRow).where(
        ExemptionRow.supervisee_id == supervisee_id, ExemptionRow.approved_at.is_not(None)
    )
    return tuple(to_exemption(row) for row in session.scalars(statement.order_by(ExemptionRow.id)))
