"""Footprints: where somebody was before by the digits, and who else was there at the time.

Two indexed numbers for each fix of a moving phone, and for one in eight of a resting one. They
find the few stretches of the past, and the few people, that are worth an exact look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, delete, func, select, tuple_

import geofence
from backend.core.clock import unix_s
from backend.core.db import Session, table_of
from backend.core.rows import KEYS, PairReader, RowReader, RowWriter
from backend.location import judging
from backend.location.models import Examination, Footprint
from geofence.replay import COMMONPLACE

_TABLE: Final = table_of(Footprint)
_EXAMINATIONS: Final = table_of(Examination)
_WRITE: Final = RowWriter(_TABLE, replaces=True)
_KEPT: Final = RowReader(
    select(_TABLE.c.supervisee_id, _TABLE.c.taken_s, _TABLE.c.digits, _TABLE.c.meeting)
    .join(_EXAMINATIONS, _TABLE.c.supervisee_id == _EXAMINATIONS.c.supervisee_id)
    .where(
        _EXAMINATIONS.c.supervisee_id == KEYS,
        _TABLE.c.taken_s > _EXAMINATIONS.c.since_s - bindparam("back_s", type_=BigInteger),
    )
    .order_by(_EXAMINATIONS.c.supervisee_id, _TABLE.c.taken_s)
)
_RANKED: Final = (
    select(
        _TABLE.c.supervisee_id,
        _TABLE.c.taken_s,
        _TABLE.c.digits,
        func.row_number()
        .over(
            partition_by=(_TABLE.c.supervisee_id, _TABLE.c.digits),
            order_by=_TABLE.c.taken_s.desc(),
        )
        .label("rank"),
    )
    .where(tuple_(_TABLE.c.supervisee_id, _TABLE.c.digits) == KEYS)
    .subquery()
)
_PAST: Final = PairReader(
    select(_RANKED.c.supervisee_id, _RANKED.c.taken_s, _RANKED.c.digits).where(
        # One more than is commonplace tells that a place is.
        _RANKED.c.rank <= COMMONPLACE + 1
    )
)
_MET: Final = PairReader(
    select(_TABLE.c.agency_id, _TABLE.c.meeting, _TABLE.c.supervisee_id).where(
        tuple_(_TABLE.c.agency_id, _TABLE.c.meeting) == KEYS
    )
)


class Step(NamedTuple):
    """What is remembered of a fix: its place by the digits and, if it moved, where others are met."""

    at_s: int
    digits: int
    meeting: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The steps of a person's last few minutes that are new or no longer so."""

    supervisee_id: UUID
    agency_id: UUID
    gone: Collection[int]
    steps: Collection[Step]


def steps_of(fixes: Iterable[geofence.Fix]) -> list[Step]:
    """Return what to remember of fixes, in time order; of the first nothing."""
    found = {}
    for previous, fix in pairwise(fixes):
        footprint = geofence.footprint_of(previous, fix)
        if footprint is not None:
            moving = geofence.is_moving(previous, fix)
            meeting = geofence.meeting_of(fix) if moving else None
            found[fix.at_s] = Step(footprint.at_s, footprint.digits, meeting)
    return list(found.values())


def kept(session: Session, people: Collection[UUID], back_s: int) -> Mapping[UUID, list[Step]]:
    """Return each person's steps, in time order, from `back_s` before their examination on."""
    rows = _KEPT.read(session, people, back_s=back_s)
    return {
        one: [Step(*row[1:]) for row in mine] for one, mine in groupby(rows, lambda row: row[0])
    }


def past(
    session: Session, places: Mapping[UUID, Collection[int]]
) -> Mapping[UUID, list[geofence.Footprint]]:
    """Return when each person was at places before, of a commonplace one the last times."""
    found: defaultdict[UUID, list[geofence.Footprint]] = defaultdict(list)
    pairs = [(one, digits) for one, mine in places.items() for digits in mine]
    for one, at_s, digits in _PAST.read(session, pairs):
        found[one].append(geofence.Footprint(at_s, digits))
    return found


def present(
    session: Session, meetings: Collection[tuple[UUID, int]]
) -> Sequence[tuple[UUID, int, UUID]]:
    """Return who of an agency was roughly where and when: agency, meeting, person."""
    return _MET.read(session, meetings)


def write(session: Session, changes: Collection[Change]) -> None:
    """Write what changed."""
    gone = [(one.supervisee_id, at_s) for one in changes for at_s in one.gone]
    if gone:
        named = tuple_(_TABLE.c.supervisee_id, _TABLE.c.taken_s)
        session.execute(delete(_TABLE).where(named.in_(gone)))
    rows = [
        {
            "supervisee_id": one.supervisee_id,
            "taken_s": step.at_s,
            "agency_id": one.agency_id,
            "digits": step.digits,
            "meeting": step.meeting,
        }
        for one in changes
        for step in one.steps
    ]
    _WRITE.write(session, rows)


def forget_old(session: Session, now: datetime) -> None:
    """Drop footprints, of everybody, that are older than judging ever goes back."""
    session.execute(delete(Footprint).where(Footprint.taken_s < unix_s(now) - judging.HISTORY_S))
