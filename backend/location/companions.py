"""Footprints: where somebody was before by the digits, and who else was there at the time.

Two indexed numbers for each fix of a moving phone, and for one in eight of a resting one. They
find the few stretches of the past, and the few people, that are worth an exact look. People of
different agencies are never compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select

import geofence
from backend.core.clock import unix_s
from backend.core.db import Session, padded
from backend.location import judging
from backend.location.models import Examination, Footprint

MOST_PAST: Final = 5_000
"""So many places met before are looked at; whoever has more stands still."""
MOST_PEOPLE: Final = 5
"""So many people, those met most often, are looked at exactly."""
MEETINGS: Final = 3
"""Whoever was met less often is not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """Another person, and the stretch that both went together."""

    supervisee_id: UUID
    company: geofence.Company


def remember(
    session: Session, examination: Examination, fixes: Sequence[geofence.Fix], until_s: int
) -> None:
    """Write the footprints since the last examination anew."""
    since_s = examination.since_s
    session.execute(
        delete(Footprint).where(
            Footprint.supervisee_id == examination.supervisee_id,
            Footprint.taken_s > since_s,
            Footprint.taken_s <= until_s,
        )
    )
    rows = {
        fix.at_s: {
            "supervisee_id": examination.supervisee_id,
            "taken_s": fix.at_s,
            "agency_id": examination.agency_id,
            "digits": footprint.digits,
            "meeting": geofence.meeting_of(fix) if geofence.is_moving(previous, fix) else None,
        }
        for previous, fix in pairwise(fixes)
        if fix.at_s > since_s and (footprint := geofence.footprint_of(previous, fix)) is not None
    }
    if rows:
        session.execute(insert(Footprint), list(rows.values()))


def find_replay(
    session: Session,
    examination: Examination,
    fixes: Sequence[geofence.Fix],
    limits: geofence.SignalLimits,
) -> geofence.Replay | None:
    """Return the stretch of `fixes` that a person's own footprints show to be played again."""
    steps = [geofence.footprint_of(previous, fix) for previous, fix in pairwise(fixes)]
    recent = [step for step in steps if step is not None]
    if not recent:
        return None
    past = session.execute(
        select(Footprint.taken_s, Footprint.digits)
        .where(
            Footprint.supervisee_id == examination.supervisee_id,
            Footprint.digits.in_(padded({step.digits for step in recent})),
        )
        .order_by(Footprint.taken_s.desc())
        .limit(MOST_PAST)
    )
    return geofence.find_replay(
        recent,
        (geofence.Footprint(*row) for row in past),
        limits.replayed_places,
        after_s=examination.since_s,
    )


def find(
    session: Session,
    examination: Examination,
    fixes: Sequence[geofence.Fix],
    limits: geofence.SignalLimits,
) -> Companion | None:
    """Return with whom of the same agency, if anybody, a person moved as one for longest."""
    found = [
        Companion(supervisee_id=other_id, company=company)
        for other_id in _met(session, examination, fixes)
        if (company := _company(session, examination, other_id, fixes, limits)) is not None
    ]
    return max(found, key=lambda companion: companion.company.moving_s, default=None)


def _met(
    session: Session, examination: Examination, fixes: Sequence[geofence.Fix]
) -> Sequence[UUID]:
    """Return who was at the same places at the same times, those met most often first."""
    meetings = {
        geofence.meeting_of(fix)
        for previous, fix in pairwise(fixes)
        if geofence.is_moving(previous, fix)
    }
    if len(meetings) < MEETINGS:
        return ()
    times = func.count(Footprint.meeting.distinct())
    return session.scalars(
        select(Footprint.supervisee_id)
        .where(
            Footprint.agency_id == examination.agency_id,
            Footprint.meeting.in_(padded(meetings)),
            Footprint.supervisee_id != examination.supervisee_id,
        )
        .group_by(Footprint.supervisee_id)
        .having(times >= MEETINGS)
        .order_by(times.desc(), Footprint.supervisee_id)
        .limit(MOST_PEOPLE)
    ).all()


def _company(
    session: Session,
    examination: Examination,
    other_id: UUID,
    fixes: Sequence[geofence.Fix],
    limits: geofence.SignalLimits,
) -> geofence.Company | None:
    others = judging.stored_facts(session, other_id, fixes[0].at_s - 1, fixes[-1].at_s)
    return geofence.find_company(
        fixes,
        [fix for fix in others if fix.usable],
        limits.together_s,
        after_s=examination.since_s,
    )


def forget_old(session: Session, now: datetime) -> None:
    """Drop footprints, of everybody, that are older than judging ever goes back."""
    session.execute(delete(Footprint).where(Footprint.taken_s < unix_s(now) - judging.HISTORY_S))
