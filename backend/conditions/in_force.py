"""What holds for one person in a span of time: the one query behind judging and showing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeAlias
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import load_only

from backend.conditions import validity
from backend.conditions.models import ConditionRow, OrderRow, VersionRow
from backend.conditions.validity import Span
from backend.core.db import Session, padded

VersionOfOrder: TypeAlias = tuple[VersionRow, ConditionRow, OrderRow]

_FOR_JUDGING: Final = (
    load_only(
        VersionRow.number,
        VersionRow.effective_from,
        VersionRow.needs_approval,
        VersionRow.approved_at,
        VersionRow.lifted,
        VersionRow.title,
        VersionRow.zone,
        VersionRow.buffer_m,
        VersionRow.schedule,
        VersionRow.order_reference,
    ),
    load_only(ConditionRow.kind, ConditionRow.confidential),
    load_only(OrderRow.supervisee_id, OrderRow.starts_at, OrderRow.ends_at),
)
"""Most of what reading costs is making identifiers of text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """A version that holds in `span`, with what it belongs to. Rows: not for other slices."""

    span: Span
    version: VersionRow
    condition: ConditionRow
    order: OrderRow


def versions_in_force(
    session: Session,
    supervisee_id: UUID,
    from_s: int,
    until_s: int | None,
    *,
    confidential: bool,
) -> list[InForce]:
    """Return what is in force at some second of `from_s <= t < until_s` (None: ever after).

    Without `confidential`, victims' zones are not even read. Lifted versions ask for nothing and
    are left out; so is what awaits approval, and all that lies outside its order's time.
    """
    rows = versions_of_person(session, supervisee_id, confidential=confidential)
    return in_force(rows, from_s, until_s)


def in_force(rows: list[VersionOfOrder], from_s: int, until_s: int | None) -> list[InForce]:
    """Return those of a person's versions that hold at some second of `from_s <= t < until_s`."""
    return [
        item
        for _, versions in groupby(rows, key=lambda row: row[1].id)
        for item in _of_one_condition(list(versions))
        if item.span.overlaps(from_s, until_s)
    ]


def versions_of_person(
    session: Session, supervisee_id: UUID, *, confidential: bool
) -> list[VersionOfOrder]:
    """Return every version ever made, by condition and number, with what it belongs to."""
    return versions_of_people(session, [supervisee_id], confidential=confidential)[supervisee_id]


def versions_of_people(
    session: Session, people: Collection[UUID], *, confidential: bool, judging: bool = False
) -> dict[UUID, list[VersionOfOrder]]:
    """Return every version of these people, as of one, in one statement.

    With `judging` only the columns that judging needs are read; the others are when asked for.
    """
    statement = (
        select(VersionRow, ConditionRow, OrderRow)
        .join(ConditionRow, ConditionRow.id == VersionRow.condition_id)
        .join(OrderRow, OrderRow.id == ConditionRow.order_id)
        .where(OrderRow.supervisee_id.in_(padded(people)))
        .order_by(ConditionRow.id, VersionRow.number)
    )
    if not confidential:
        statement = statement.where(ConditionRow.confidential.is_(False))
    if judging:
        statement = statement.options(*_FOR_JUDGING)
    found: dict[UUID, list[VersionOfOrder]] = {supervisee_id: [] for supervisee_id in people}
    for version, condition, order in session.execute(statement):
        found[order.supervisee_id].append((version, condition, order))
    return found


def _of_one_condition(rows: list[VersionOfOrder]) -> Iterator[InForce]:
    _, condition, order = rows[0]
    order_span = validity.order_span(order.starts_at, order.ends_at)
    spans = validity.spans(order_span, [version for version, _, _ in rows])
    for (version, _, _), span in zip(rows, spans, strict=True):
        if span is not None and not version.lifted:
            yield InForce(span=span, version=version, condition=condition, order=order)
