"""Examination: signals of a person's fixes, found in event time by the clock, not by the request.

Every quarter of an hour, at most, the fixes of a person who was heard of are looked at again from
where the last look ended; a fix that arrives late sends the next look back. What it finds is kept
beside the fixes, shown to officers and scored. It refuses nobody, and nothing is judged by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, insert, select

import geofence
from backend.core.clock import unix_s
from backend.core.db import Session
from backend.identity import service as identity
from backend.location import companions, judging, suspicions
from backend.location.models import Examination, Oddity, PersonState
from backend.location.rulebook import PersonRules, RuleBook
from backend.location.signals import packed
from geofence.plausibility import Signal

BATCH: Final = 100
EVERY_S: Final = 900
"""A person is examined at most this often."""
SETTLED_S: Final = 600
"""Fixes older than this arrive late, if they still do: what is younger is looked at once more."""
LONGEST_S: Final = 86_400
"""At most so much of somebody's time is examined at once."""
BACK_S: Final = 86_400
"""Where the first examination of a person begins."""
_COMMITTING_MS: Final = 60_000
"""A fix may be received before an examination and be there only after it."""


def adopt(session: Session, now: datetime) -> None:
    """Begin to examine people who were never examined."""
    known = select(Examination.supervisee_id)
    people = session.execute(
        select(PersonState.supervisee_id, PersonState.agency_id)
        .where(PersonState.supervisee_id.not_in(known))
        .limit(BATCH)
    )
    rows = [
        {
            "supervisee_id": supervisee_id,
            "agency_id": agency_id,
            "since_s": unix_s(now) - BACK_S,
            "examined_ms": 0,
        }
        for supervisee_id, agency_id in people
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


def examine(session: Session, book: RuleBook, supervisee_id: UUID, now: datetime) -> None:
    """Examine a person's fixes up to now, or a day of them: then the person stays due.

    Writes oddities and footprints anew, and lets stretches and their alerts follow.
    """
    row = session.get_one(Examination, supervisee_id, with_for_update=True)
    epoch = identity.rules_epoch(session, supervisee_id)
    rules = book.of(session, supervisee_id, epoch, now)
    until_s = min(unix_s(now), row.since_s + LONGEST_S)
    reach_s = rules.signal_limits.reach_s
    fixes = [
        fix
        for fix in judging.stored_facts(session, supervisee_id, row.since_s - reach_s, until_s)
        if fix.usable
    ]
    companions.remember(session, row, fixes, until_s)
    company = companions.find(session, row, fixes, rules.signal_limits)
    replay = companions.find_replay(session, row, fixes, rules.signal_limits)
    odd = _signalled(fixes, rules, replay, company)
    fresh = [oddity for oddity in odd if oddity.fix.at_s > row.since_s]
    _keep(session, supervisee_id, row.since_s, until_s, fresh)
    suspicions.follow(session, row, rules, fresh, company, until_s, now)
    caught_up = until_s == unix_s(now)
    row.since_s = until_s - SETTLED_S if caught_up else until_s
    if caught_up:
        row.examined_ms = 1000 * unix_s(now)


def _signalled(
    fixes: Sequence[geofence.Fix],
    rules: PersonRules,
    replay: geofence.Replay | None,
    company: companions.Companion | None,
) -> list[geofence.Oddity]:
    """Return the odd fixes with the signals of each fix, of its track and of its company."""
    limits = rules.signal_limits
    found = {
        oddity.fix.digest: oddity
        for oddity in geofence.find_oddities(fixes, limits, rules.parameters)
    }
    wide: list[tuple[int, int, Signal]] = []
    if replay is not None:
        wide.append((replay.from_s, replay.until_s, replay.signal(limits)))
    if company is not None:
        stretch = company.company
        wide.append((stretch.from_s, stretch.until_s, stretch.signal(limits)))
    for from_s, until_s, signal in wide:
        for fix in fixes:
            if from_s <= fix.at_s <= until_s:
                oddity = found.get(fix.digest, geofence.Oddity(fix=fix, signals=()))
                found[fix.digest] = replace(oddity, signals=(*oddity.signals, signal))
    return sorted(found.values(), key=lambda oddity: oddity.fix.order)


def _keep(
    session: Session,
    supervisee_id: UUID,
    since_s: int,
    until_s: int,
    found: Sequence[geofence.Oddity],
) -> None:
    session.execute(
        delete(Oddity).where(
            Oddity.supervisee_id == supervisee_id,
            Oddity.taken_s > since_s,
            Oddity.taken_s <= until_s,
        )
    )
    rows = [
        {
            "activation_id": UUID(oddity.fix.activation),
            "seq": oddity.fix.seq,
            "supervisee_id": supervisee_id,
            "taken_s": oddity.fix.at_s,
            "signals": packed(oddity.signals),
            "score": oddity.score,
        }
        for oddity in found
    ]
    if rows:
        session.execute(insert(Oddity), rows)
