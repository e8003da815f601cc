"""Everything that a person's conditions ask, read for many people in as few statements as for one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select

from backend.conditions.content import RULE_KINDS
from backend.conditions.exemptions import to_exemption
from backend.conditions.in_force import InForce, OrderedVersion, in_force, versions_of_people
from backend.conditions.models import AbsenceRow, ExemptionRow, OrderRow
from backend.conditions.orders import to_order
from backend.conditions.texts import PROTECTED_ZONE
from backend.conditions.timetable import read_schedule
from backend.conditions.validity import second_from
from backend.conditions.values import Exemption, Order, RuleLabel
from backend.core.db import Session, padded, table_of
from geofence import Rule, Schedule, StoredZone, Suspension
from notifications.formats import Language

_Document = TypeVar("_Document")
_Row = TypeVar("_Row", OrderRow, AbsenceRow, ExemptionRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What judging needs of one person's conditions: each as the function of its name gives it."""

    rules: Sequence[Rule]
    suspensions: Sequence[Suspension]
    labels: Mapping[tuple[str, int], RuleLabel]
    orders: Sequence[Order]
    exemptions: Sequence[Exemption]


def standings(session: Session, people: Collection[UUID], from_s: int) -> dict[UUID, Standing]:
    """Return what holds for each of these people at some second from `from_s` on: four statements."""
    orders = _by_person(session, OrderRow, people)
    versions = versions_of_people(session, people, confidential=True)
    absences = _by_person(session, AbsenceRow, people, AbsenceRow.approved_at.is_not(None))
    exemptions = _by_person(session, ExemptionRow, people, ExemptionRow.approved_at.is_not(None))
    return {
        one: Standing(
            rules=rules_among(versions[one], from_s, None),
            suspensions=suspensions_among(absences[one], from_s, None),
            labels=labels_among(versions[one]),
            orders=tuple(to_order(row) for row in orders[one]),
            exemptions=tuple(to_exemption(row) for row in exemptions[one]),
        )
        for one in people
    }


def _by_person(
    session: Session, kind: type[_Row], people: Collection[UUID], *only: ColumnElement[bool]
) -> dict[UUID, list[_Row]]:
    """Return the rows of each person, as they were made.

    They have the attributes of `kind`, and are none of the session's objects, which cost more.
    """
    among = kind.supervisee_id.in_(padded(people))
    found: dict[UUID, list[_Row]] = {supervisee_id: [] for supervisee_id in people}
    rows: Iterable[Any] = session.execute(
        select(table_of(kind)).where(among, *only).order_by(kind.id)
    )
    for row in rows:
        found[row.supervisee_id].append(row)
    return found


def rules_among(versions: list[OrderedVersion], from_s: int, until_s: int | None) -> list[Rule]:
    """Return the rules among a person's versions, those in force at some second of this time."""
    items = in_force(versions, from_s, until_s)
    return [_rule(item) for item in items if item.version.kind.monitored]


def suspensions_among(
    rows: Iterable[AbsenceRow], from_s: int, until_s: int | None
) -> list[Suspension]:
    """Return what approved absences rest at some second of this time."""
    suspensions = [_suspension(row) for row in rows]
    return [
        suspension
        for suspension in suspensions
        if suspension is not None
        and suspension.until_s > from_s
        and (until_s is None or suspension.from_s < until_s)
    ]


def labels_among(versions: Iterable[OrderedVersion]) -> dict[tuple[str, int], RuleLabel]:
    """Return how to speak of each of a person's versions that was ever a rule."""
    return {
        (str(version.condition_id), version.number): _label(version)
        for version in versions
        if version.kind.monitored and not version.lifted
    }


def _rule(item: InForce) -> Rule:
    version = item.version
    return Rule(
        id=str(version.condition_id),
        version=version.number,
        kind=RULE_KINDS[version.kind],
        zone=StoredZone(required(version.zone)),  # read when somebody comes near
        schedule=None if version.schedule is None else _schedule(version.schedule),
        buffer_m=version.buffer_m,
        valid_from_s=item.span.from_s,
        valid_until_s=item.span.until_s,
    )


def required(document: _Document | None) -> _Document:
    """Return the zone of what is judged, in the form in which it is kept: there is one."""
    if document is None:
        raise LookupError("a version that is judged has a zone")
    return document


@lru_cache(maxsize=1024)
def _schedule(document: str) -> Schedule:
    """Return a stored schedule: many people have the same one."""
    return read_schedule(msgspec.json.decode(document))


def _suspension(row: AbsenceRow) -> Suspension | None:
    """Return what the absence rests, None if it was withdrawn before it began."""
    ends_at = row.ends_at if row.withdrawn_at is None else min(row.ends_at, row.withdrawn_at)
    from_s, until_s = second_from(row.starts_at), second_from(ends_at)
    if until_s <= from_s:
        return None
    return Suspension(from_s=from_s, until_s=until_s, rule_ids=frozenset(row.condition_ids))


def _label(version: OrderedVersion) -> RuleLabel:
    confidential, schedule = version.confidential, version.schedule
    return RuleLabel(
        condition_id=version.condition_id,
        version=version.number,
        kind=version.kind,
        confidential=confidential,
        place_en=PROTECTED_ZONE[Language.ENGLISH] if confidential else version.title,
        place_es=PROTECTED_ZONE[Language.SPANISH] if confidential else version.title,
        order_reference=version.order_reference,
        timezone=None if schedule is None else _schedule(schedule).timezone,
    )
