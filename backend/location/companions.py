"""What footprints lead to: one's own past played again, and phones that moved as one.

Both are looked at exactly only where footprints say that there may be something. People of
different agencies are never compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import geofence
from backend.core.db import Session
from backend.location import footprints, judging
from backend.location.footprints import Step
from geofence.replay import LEAST_SHIFT_S
from geofence.together import LONGEST_STEP_S

MOST_PEOPLE: Final = 5
"""So many people, those met most often, are looked at exactly."""
MEETINGS: Final = 3
"""Whoever was met less often is not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """Another person, and the stretch that both went together."""

    supervisee_id: UUID
    company: geofence.Company


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """The steps of a person that bear on what is new since `since_s`: those before, and the new.

    `stored` are those that were new when somebody looked before.
    """

    supervisee_id: UUID
    agency_id: UUID
    limits: geofence.SignalLimits
    since_s: int
    until_s: int
    earlier: Sequence[Step]
    fresh: Sequence[Step]
    stored: Sequence[Step]

    def change(self) -> footprints.Change:
        """Return what is to be written, so that the new steps take the place of the stored ones."""
        fresh = set(self.fresh)
        return footprints.Change(
            supervisee_id=self.supervisee_id,
            agency_id=self.agency_id,
            gone={step.at_s for step in self.stored} - {step.at_s for step in fresh},
            steps=fresh.difference(self.stored),
        )


def find_replays(
    session: Session, trails: Collection[Trail]
) -> Mapping[UUID, geofence.Replay | None]:
    """Return the stretch of those whose own footprints show it to be played again.

    Only who was lately at a place of long before has all their steps looked up.
    """
    places = {trail.supervisee_id: {step.digits for step in trail.fresh} for trail in trails}
    past = footprints.past(session, places)
    again = [trail for trail in trails if _returned(trail, past[trail.supervisee_id])]
    places = {
        trail.supervisee_id: {step.digits for step in (*trail.earlier, *trail.fresh)}
        for trail in again
    }
    past = footprints.past(session, places)
    return {trail.supervisee_id: _replay(trail, past[trail.supervisee_id]) for trail in again}


def _returned(trail: Trail, past: Iterable[geofence.Footprint]) -> bool:
    """Whether a new step lies where an earlier one does, and not just before it."""
    first_s: dict[int, int] = {}
    for at_s, digits in _known(trail, past):
        first_s[digits] = min(at_s, first_s.get(digits, at_s))
    return any(step.at_s - first_s[step.digits] >= LEAST_SHIFT_S for step in trail.fresh)


def _known(trail: Trail, past: Iterable[geofence.Footprint]) -> list[geofence.Footprint]:
    """Return the past, with the steps since the last examination as they are now."""
    stored = [step for step in past if not trail.since_s < step.at_s <= trail.until_s]
    return stored + _plain(trail.fresh)


def _plain(steps: Iterable[Step]) -> list[geofence.Footprint]:
    return [geofence.Footprint(step.at_s, step.digits) for step in steps]


def _replay(trail: Trail, past: Iterable[geofence.Footprint]) -> geofence.Replay | None:
    return geofence.find_replay(
        _plain((*trail.earlier, *trail.fresh)),
        _known(trail, past),
        trail.limits.replayed_places,
        after_s=trail.since_s,
    )


def find_companions(session: Session, trails: Collection[Trail]) -> Mapping[UUID, Companion | None]:
    """Return with whom of the same agency, if anybody, people moved as one for longest."""
    movers = [trail for trail in trails if _may_have_company(trail)]
    wanted = {(trail.agency_id, meeting) for trail in movers for meeting in _meetings(trail)}
    present: defaultdict[tuple[UUID, int], set[UUID]] = defaultdict(set)
    for agency_id, meeting, supervisee_id in footprints.present(session, wanted):
        present[agency_id, meeting].add(supervisee_id)
    for trail in movers:
        for meeting in _meetings(trail):
            present[trail.agency_id, meeting].add(trail.supervisee_id)
    return {
        trail.supervisee_id: _companion(session, trail, _met(trail, present)) for trail in movers
    }


def _may_have_company(trail: Trail) -> bool:
    """Whether somebody moved for long enough: how long a step took, the one before it bounds."""
    moving_s, before_s = 0, trail.since_s - trail.limits.reach_s
    for step in (*trail.earlier, *trail.fresh):
        if step.meeting is not None:
            moving_s += min(step.at_s - before_s, LONGEST_STEP_S)
        before_s = step.at_s
    return moving_s >= trail.limits.together_s and len(_meetings(trail)) >= MEETINGS


def _meetings(trail: Trail) -> set[int]:
    steps = (*trail.earlier, *trail.fresh)
    return {step.meeting for step in steps if step.meeting is not None}


def _met(trail: Trail, present: Mapping[tuple[UUID, int], Collection[UUID]]) -> list[UUID]:
    """Return who was at the same places at the same times, those met most often first."""
    times = Counter(
        other
        for meeting in _meetings(trail)
        for other in present[trail.agency_id, meeting]
        if other != trail.supervisee_id
    )
    often = (one for one in times if times[one] >= MEETINGS)
    return sorted(often, key=lambda one: (-times[one], one))[:MOST_PEOPLE]


def _companion(session: Session, trail: Trail, others: Sequence[UUID]) -> Companion | None:
    if not others:
        return None
    after_s = trail.since_s - trail.limits.reach_s
    fixes = _usable(session, trail.supervisee_id, after_s, trail.until_s)
    found = [
        Companion(supervisee_id=other_id, company=company)
        for other_id in others
        if (company := _company(session, trail, other_id, fixes)) is not None
    ]
    return max(found, key=lambda companion: companion.company.moving_s, default=None)


def _company(
    session: Session, trail: Trail, other_id: UUID, fixes: Sequence[geofence.Fix]
) -> geofence.Company | None:
    others = _usable(session, other_id, fixes[0].at_s - 1, fixes[-1].at_s)
    limits = trail.limits
    return geofence.find_company(fixes, others, limits.together_s, after_s=trail.since_s)


def _usable(session: Session, one: UUID, after_s: int, until_s: int) -> list[geofence.Fix]:
    facts = judging.stored_facts(session, one, after_s, until_s)
    return [fix for fix in facts if fix.usable]
