"""Examination: signals of people's fixes, found in event time by the clock, not by the request.

Every quarter of an hour, at most, the fixes of a person who was heard of are looked at from where
the last look ended; a fix that arrives late sends the next look back. What it finds is kept beside
the fixes, shown to officers and scored. It refuses nobody, and nothing is judged by it.

Many people are examined together: `look` reads and finds in a snapshot, which holds up nobody, and
`keep` writes in a short transaction. Who was heard of between the two is left for the next time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert, select, tuple_

import geofence
from backend.core.clock import unix_s
from backend.core.db import Session, table_of
from backend.core.rows import KEYS, Row, RowReader, RowWriter
from backend.location import companions, footprints, suspicions, unexamined
from backend.location.companions import Companion, Trail
from backend.location.models import Examination, Oddity, PersonState
from backend.location.unexamined import Unexamined, Version
from geofence.plausibility import Signal

BATCH: Final = 500
TOGETHER: Final = 100
"""How many are looked at in one snapshot and kept in one transaction."""
EVERY_S: Final = 900
"""A person is examined at most this often."""
SETTLED_S: Final = 600
"""Fixes older than this arrive late, if they still do: what is younger is looked at once more."""
BACK_S: Final = 86_400
"""Where the first examination of a person begins."""
_COMMITTING_MS: Final = 60_000
"""A fix may be received before an examination and be there only after it."""

_EXAMINATIONS: Final = table_of(Examination)
_ODDITIES: Final = table_of(Oddity)
_KEEP: Final = RowWriter(_EXAMINATIONS, replaces=True)
_KEEP_ODDITIES: Final = RowWriter(_ODDITIES, replaces=True)
_FOUND_BEFORE: Final = RowReader(
    select(*_ODDITIES.c)
    .join(_EXAMINATIONS, _EXAMINATIONS.c.supervisee_id == _ODDITIES.c.supervisee_id)
    .where(_EXAMINATIONS.c.supervisee_id == KEYS, _ODDITIES.c.taken_s > _EXAMINATIONS.c.since_s)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is to be written of a person who was looked at.

    `suspicious` is whether there are stretches, found now or before, whose alerts follow.
    """

    version: Version
    looked: suspicions.Looked
    examination: Row
    steps: footprints.Change
    odd: Sequence[Row]
    not_odd: Collection[tuple[UUID, int]]
    suspicious: bool


def unknown(session: Session) -> list[tuple[UUID, UUID]]:
    """Return some people who were never examined, each with their agency."""
    known = select(Examination.supervisee_id)
    people = session.execute(
        select(PersonState.supervisee_id, PersonState.agency_id)
        .where(PersonState.supervisee_id.not_in(known))
        .limit(BATCH)
    )
    return [(supervisee_id, agency_id) for supervisee_id, agency_id in people]


def adopt(session: Session, now: datetime) -> None:
    """Begin to examine people who were never examined."""
    rows = [
        {
            "supervisee_id": supervisee_id,
            "agency_id": agency_id,
            "since_s": unix_s(now) - BACK_S,
            "examined_ms": 0,
        }
        for supervisee_id, agency_id in unknown(session)
    ]
    if rows:
        session.execute(insert(Examination), rows)


def due(session: Session, now: datetime) -> list[UUID]:
    """Return people who were heard of since they were examined, the longest waiting first."""
    return list(
        session.scalars(
            select(Examination.supervisee_id)
            .join(PersonState, PersonState.supervisee_id == Examination.supervisee_id)
            .where(
                Examination.examined_ms <= 1000 * (unix_s(now) - EVERY_S),
                PersonState.received_ms > Examination.examined_ms - _COMMITTING_MS,
            )
            .order_by(Examination.examined_ms)
            .limit(BATCH)
        )
    )


def look(session: Session, people: Collection[UUID], now: datetime) -> list[Finding]:
    """Return what there is to be written of each, up to now or for a day: then they stay due."""
    some = unexamined.read(session, people, now)
    back_s = max((one.limits.reach_s for one in some), default=0)
    steps = footprints.kept(session, people, back_s)
    trails = [_trail(one, steps.get(one.supervisee_id, [])) for one in some]
    replays = companions.find_replays(session, trails)
    company = companions.find_companions(session, trails)
    before = _found_before(session, people)
    near = suspicions.near(session, people)
    return [
        _finding(
            one,
            trail,
            replays.get(one.supervisee_id),
            company.get(one.supervisee_id),
            before.get(one.supervisee_id, {}),
            now,
            is_near=one.supervisee_id in near,
        )
        for one, trail in zip(some, trails, strict=True)
    ]


def keep(session: Session, findings: Collection[Finding], now: datetime) -> int:
    """Write oddities and footprints, and let stretches and their alerts follow.

    Returns of how many; whoever was heard of since they were looked at, or is at this moment, is
    left out and stays due.
    """
    held = unexamined.hold(session, [finding.version.supervisee_id for finding in findings])
    still = [finding for finding in findings if finding.version in held]
    footprints.write(session, [finding.steps for finding in still])
    not_odd = [named for finding in still for named in finding.not_odd]
    if not_odd:
        named = tuple_(_ODDITIES.c.activation_id, _ODDITIES.c.seq)
        session.execute(delete(_ODDITIES).where(named.in_(not_odd)))
    _KEEP_ODDITIES.write(session, [row for finding in still for row in finding.odd])
    _KEEP.write(session, [finding.examination for finding in still])
    for finding in still:
        if finding.suspicious:
            suspicions.follow(session, finding.looked, now)
    return len(still)


def _trail(one: Unexamined, kept: Sequence[footprints.Step]) -> Trail:
    begin_s = one.since_s - one.limits.reach_s
    known = [] if one.course.last is None else [one.course.last]
    return Trail(
        supervisee_id=one.supervisee_id,
        agency_id=one.agency.id,
        limits=one.limits,
        since_s=one.since_s,
        until_s=one.until_s,
        earlier=[step for step in kept if begin_s < step.at_s <= one.since_s],
        fresh=footprints.steps_of([*known, *one.fixes]),
        stored=[step for step in kept if one.since_s < step.at_s <= one.until_s],
    )


def _found_before(
    session: Session, people: Collection[UUID]
) -> Mapping[UUID, Mapping[tuple[UUID, int], Row]]:
    """Return the oddities that each person's examination finds anew, by activation and number."""
    found: dict[UUID, dict[tuple[UUID, int], Row]] = {}
    for values in _FOUND_BEFORE.read(session, people):
        row = dict(zip(_ODDITIES.c.keys(), values, strict=True))
        found.setdefault(row["supervisee_id"], {})[row["activation_id"], row["seq"]] = row
    return found


def _finding(
    one: Unexamined,
    trail: Trail,
    replay: geofence.Replay | None,
    companion: Companion | None,
    before: Mapping[tuple[UUID, int], Row],
    now: datetime,
    *,
    is_near: bool,
) -> Finding:
    examination, found = _followed(one, now)
    found = _signalled(one, found, replay, companion)
    looked = suspicions.Looked(
        supervisee_id=one.supervisee_id,
        agency=one.agency,
        since_s=one.since_s,
        until_s=one.until_s,
        found=found,
        companion=companion,
    )
    odd = {(row["activation_id"], row["seq"]): row for row in map(looked.row, found)}
    mine = {named for named, row in before.items() if row["taken_s"] <= one.until_s}
    return Finding(
        version=one.version,
        looked=looked,
        examination=examination,
        steps=trail.change(),
        odd=[row for named, row in odd.items() if before.get(named) != row],
        not_odd=mine - odd.keys(),
        suspicious=is_near or bool(found and looked.stretches()),
    )


def _followed(one: Unexamined, now: datetime) -> tuple[Row, list[geofence.Oddity]]:
    """Return the examination as it will stand, and the odd ones among the new fixes.

    It goes on from what is settled, and judged: an older fix that arrives sends it back.
    """
    caught_up = one.until_s == unix_s(now)
    since_s = one.until_s
    if caught_up:
        since_s = max(min(one.until_s - SETTLED_S, one.judged_s), one.since_s)
    settled = sum(fix.at_s <= since_s for fix in one.fixes)
    course, limits, parameters = one.course, one.limits, one.parameters
    found = course.follow(one.fixes[:settled], since_s, limits, parameters)
    row = {
        "supervisee_id": one.supervisee_id,
        "agency_id": one.agency.id,
        "since_s": since_s,
        "examined_ms": 1000 * unix_s(now) if caught_up else one.version.examined_ms,
        "course": msgspec.msgpack.encode(course),
    }
    return row, found + course.follow(one.fixes[settled:], one.until_s, limits, parameters)


def _signalled(
    one: Unexamined,
    odd: Sequence[geofence.Oddity],
    replay: geofence.Replay | None,
    companion: Companion | None,
) -> list[geofence.Oddity]:
    """Return the odd fixes with the signals of each fix, of its track and of its company."""
    wide: list[tuple[int, int, Signal]] = []
    if replay is not None:
        wide.append((replay.from_s, replay.until_s, replay.signal(one.limits)))
    if companion is not None:
        stretch = companion.company
        wide.append((stretch.from_s, stretch.until_s, stretch.signal(one.limits)))
    if not wide:
        return list(odd)
    found = {oddity.fix.digest: oddity for oddity in odd}
    for from_s, until_s, signal in wide:
        for fix in one.fixes:
            if from_s <= fix.at_s <= until_s:
                oddity = found.get(fix.digest, geofence.Oddity(fix=fix, signals=()))
                found[fix.digest] = replace(oddity, signals=(*oddity.signals, signal))
    return sorted(found.values(), key=lambda oddity: oddity.fix.order)
