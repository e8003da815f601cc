"""What holds for one person in a span of time: the one query behind judging and showing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import Text, cast, select

from backend.conditions import validity
from backend.conditions.kinds import ConditionKind
from backend.conditions.models import ConditionRow, OrderRow, VersionRow
from backend.conditions.validity import Span
from backend.core.db import Session, table_of
from backend.core.rows import KEYS, RowReader

_VERSIONS: Final = table_of(VersionRow)
_CONDITIONS: Final = table_of(ConditionRow)
_ORDERS: Final = table_of(OrderRow)


class OrderedVersion(NamedTuple):
    """One version of a condition, with what it belongs to. Not for other slices.

    `starts_at` and `ends_at` are the order's. `zone` and `schedule` are the JSON that is stored:
    what shows them and what judges by them read it differently.
    """

    supervisee_id: UUID
    order_id: UUID
    court: str
    starts_at: datetime
    ends_at: datetime | None
    condition_id: UUID
    kind: ConditionKind
    confidential: bool
    number: int
    effective_from: datetime
    needs_approval: bool
    approved_at: datetime | None
    lifted: bool
    title: str
    text: str | None
    zone: str | None
    buffer_m: float | None
    schedule: str | None
    order_reference: str


_OF_PEOPLE: Final = (
    select(
        _ORDERS.c.supervisee_id,
        _ORDERS.c.id,
        _ORDERS.c.court,
        _ORDERS.c.starts_at,
        _ORDERS.c.ends_at,
        _CONDITIONS.c.id,
        _CONDITIONS.c.kind,
        _CONDITIONS.c.confidential,
        _VERSIONS.c.number,
        _VERSIONS.c.effective_from,
        _VERSIONS.c.needs_approval,
        _VERSIONS.c.approved_at,
        _VERSIONS.c.lifted,
        _VERSIONS.c.title,
        _VERSIONS.c.text,
        cast(_VERSIONS.c.zone, Text),
        _VERSIONS.c.buffer_m,
        cast(_VERSIONS.c.schedule, Text),
        _VERSIONS.c.order_reference,
    )
    .join_from(_VERSIONS, _CONDITIONS, _CONDITIONS.c.id == _VERSIONS.c.condition_id)
    .join(_ORDERS, _ORDERS.c.id == _CONDITIONS.c.order_id)
    .where(_ORDERS.c.supervisee_id == KEYS)
    .order_by(_CONDITIONS.c.id, _VERSIONS.c.number)
)
_READ_ALL: Final = RowReader(_OF_PEOPLE)
_READ_OPEN: Final = RowReader(_OF_PEOPLE.where(_CONDITIONS.c.confidential.is_(False)))


class InForce(NamedTuple):
    """A version, and the span in which it holds."""

    span: Span
    version: OrderedVersion


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
    versions = versions_of_person(session, supervisee_id, confidential=confidential)
    return in_force(versions, from_s, until_s)


def in_force(versions: Iterable[OrderedVersion], from_s: int, until_s: int | None) -> list[InForce]:
    """Return those of a person's versions that hold at some second of `from_s <= t < until_s`."""
    return [
        item
        for _, of_one in groupby(versions, key=attrgetter("condition_id"))
        for item in _of_one_condition(list(of_one))
        if item.span.overlaps(from_s, until_s)
    ]


def versions_of_person(
    session: Session, supervisee_id: UUID, *, confidential: bool
) -> list[OrderedVersion]:
    """Return every version ever made, by condition and number, with what it belongs to."""
    return versions_of_people(session, [supervisee_id], confidential=confidential)[supervisee_id]


def versions_of_people(
    session: Session, people: Collection[UUID], *, confidential: bool
) -> dict[UUID, list[OrderedVersion]]:
    """Return every version of these people, as of one, in one statement."""
    found: dict[UUID, list[OrderedVersion]] = {supervisee_id: [] for supervisee_id in people}
    reader = _READ_ALL if confidential else _READ_OPEN
    for version in map(OrderedVersion._make, reader.read(session, people)):
        found[version.supervisee_id].append(version)
    return found


def _of_one_condition(versions: list[OrderedVersion]) -> Iterator[InForce]:
    order_span = validity.order_span(versions[0].starts_at, versions[0].ends_at)
    spans = validity.spans(order_span, versions)
    for version, span in zip(versions, spans, strict=True):
        if span is not None and not version.lifted:
            yield InForce(span, version)
