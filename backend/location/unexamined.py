"""What came in of some people since they were examined, read in a few statements for all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, bindparam, select

import geofence
from backend.core.clock import unix_s
from backend.core.db import Session, table_of
from backend.core.rows import KEYS, RowReader
from backend.identity import service as identity
from backend.location.models import Examination, Fix, PersonState
from backend.location.rulebook import judged_by, signal_limits

LONGEST_S: Final = 86_400
"""At most so much of somebody's time is examined at once, or followed without beginning anew."""

_EXAMINATIONS: Final = table_of(Examination)
_STATES: Final = table_of(PersonState)
_FIXES: Final = table_of(Fix)
_VERSION: Final = (
    _EXAMINATIONS.c.supervisee_id,
    _EXAMINATIONS.c.since_s,
    _EXAMINATIONS.c.examined_ms,
    _STATES.c.received_ms,
)
_BOTH: Final = _EXAMINATIONS.join(_STATES, _STATES.c.supervisee_id == _EXAMINATIONS.c.supervisee_id)
_ROWS: Final = RowReader(
    select(*_VERSION, _EXAMINATIONS.c.agency_id, _EXAMINATIONS.c.course, _STATES.c.until_s)
    .select_from(_BOTH)
    .where(_EXAMINATIONS.c.supervisee_id == KEYS)
)
_HOLD: Final = RowReader(
    select(*_VERSION)
    .select_from(_BOTH)
    .where(_STATES.c.supervisee_id == KEYS)
    .order_by(_STATES.c.supervisee_id)
    .with_for_update(skip_locked=True)
)
_READ: Final = RowReader(
    select(
        _FIXES.c.supervisee_id,
        _FIXES.c.digest,
        _FIXES.c.activation_id,
        _FIXES.c.seq,
        _FIXES.c.taken_s,
        _FIXES.c.mono_ms,
        _FIXES.c.latitude,
        _FIXES.c.longitude,
        _FIXES.c.accuracy_m,
        _FIXES.c.boot,
    )
    .join(_EXAMINATIONS, _EXAMINATIONS.c.supervisee_id == _FIXES.c.supervisee_id)
    .where(
        _EXAMINATIONS.c.supervisee_id == KEYS,
        _FIXES.c.taken_s > _EXAMINATIONS.c.since_s - bindparam("back_s", type_=BigInteger),
        _FIXES.c.taken_s <= _EXAMINATIONS.c.since_s + LONGEST_S,
        _FIXES.c.usable,
    )
    .order_by(_EXAMINATIONS.c.supervisee_id, _FIXES.c.taken_s)
)
_COURSE: Final = msgspec.msgpack.Decoder(geofence.Course)


class Version(NamedTuple):
    """Differs once somebody was heard of, or their examination sent back or done by another."""

    supervisee_id: UUID
    since_s: int
    examined_ms: int
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexamined:
    """A person's fixes of `since_s < t <= until_s`, in order, and the course that leads to them.

    `judged_s` is how far their fixes are judged: what lies further back sends examining back when
    it arrives.
    """

    version: Version
    agency: identity.Agency
    limits: geofence.SignalLimits
    parameters: geofence.Parameters
    judged_s: int
    until_s: int
    course: geofence.Course
    fixes: list[geofence.Fix]

    @property
    def supervisee_id(self) -> UUID:
        """Who it is."""
        return self.version.supervisee_id

    @property
    def since_s(self) -> int:
        """Where their examination goes on."""
        return self.version.since_s


def hold(session: Session, people: Collection[UUID]) -> set[Version]:
    """Return people as they are, locked; without those with whom somebody else is busy."""
    return {Version(*row) for row in _HOLD.read(session, people)}


class _Stored(NamedTuple):
    """A person's examination as it stands."""

    version: Version
    agency_id: UUID
    course: bytes | None
    judged_s: int


def read(session: Session, people: Collection[UUID], now: datetime) -> list[Unexamined]:
    """Return what is to be examined of each person up to now, or a day of it."""
    some = [_Stored(Version(*row[:4]), *row[4:]) for row in _ROWS.read(session, people)]
    agencies = identity.get_agencies(session, {one.agency_id for one in some})
    limits = {one: signal_limits(agency.policy) for one, agency in agencies.items()}
    courses = {one.version.supervisee_id: _course(one) for one in some}
    back_s = max((limit.reach_s for limit in limits.values()), default=0)
    fixes = {
        **_facts(session, [one for one, course in courses.items() if course is not None], 0),
        **_facts(session, [one for one, course in courses.items() if course is None], back_s),
    }
    return [
        _unexamined(
            one.version,
            agencies[one.agency_id],
            limits[one.agency_id],
            judged_s=one.judged_s,
            until_s=min(unix_s(now), one.version.since_s + LONGEST_S),
            course=courses[one.version.supervisee_id],
            fixes=fixes.get(one.version.supervisee_id, []),
        )
        for one in some
    ]


def _course(stored: _Stored) -> geofence.Course | None:
    """Return the course to go on from; None if it has to begin anew."""
    if stored.course is None:
        return None
    course, since_s = _COURSE.decode(stored.course), stored.version.since_s
    goes_on = course.until_s == since_s and since_s - course.since_s <= LONGEST_S
    return course if goes_on else None


def _unexamined(
    version: Version,
    agency: identity.Agency,
    limits: geofence.SignalLimits,
    *,
    judged_s: int,
    until_s: int,
    course: geofence.Course | None,
    fixes: list[geofence.Fix],
) -> Unexamined:
    since_s, parameters = version.since_s, judged_by(agency.policy)
    if course is None:
        begin_s = since_s - limits.reach_s
        before = [fix for fix in fixes if begin_s < fix.at_s <= since_s]
        course = geofence.Course(since_s=begin_s if before else since_s, until_s=begin_s)
        course.follow(before, since_s, limits, parameters)
    return Unexamined(
        version=version,
        agency=agency,
        limits=limits,
        parameters=parameters,
        judged_s=judged_s,
        until_s=until_s,
        course=course,
        fixes=[fix for fix in fixes if since_s < fix.at_s <= until_s],
    )


def _facts(
    session: Session, people: Collection[UUID], back_s: int
) -> Mapping[UUID, list[geofence.Fix]]:
    """Return each person's usable fixes, in order, from `back_s` before their examination on."""
    if not people:
        return {}
    rows = _READ.read(session, people, back_s=back_s)
    return {one: _in_order(mine) for one, mine in groupby(rows, lambda row: row[0])}


def _in_order(rows: Any) -> list[geofence.Fix]:
    names: dict[UUID, str] = {}
    fixes = [
        geofence.Fix(
            digest=digest,
            activation=names.get(phone) or names.setdefault(phone, str(phone)),
            seq=seq,
            at_s=at_s,
            mono_ms=mono_ms,
            latitude=latitude,
            longitude=longitude,
            accuracy_m=accuracy_m,
            boot=boot,
        )
        for _, digest, phone, seq, at_s, mono_ms, latitude, longitude, accuracy_m, boot in rows
    ]
    fixes.sort(key=lambda fix: fix.order)
    return fixes
