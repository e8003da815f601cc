"""A draft zone or schedule, judged against where a person was: what it would have raised.

`gather` reads in a snapshot, `judge` computes with no database at all, `record` writes the one
thing that is kept: that somebody's fixes were read. A month of fixes takes seconds to judge, and
in that time no transaction is open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

import geofence
from backend.alerts.kinds import AlertKind, Severity
from backend.audit import service as audit
from backend.audit.acts import Act
from backend.conditions import service as conditions
from backend.conditions.service import Advice, ConditionKind, Draft
from backend.core.actor import Actor, Permission
from backend.core.clock import from_unix_s, unix_s
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.identity import service as identity
from backend.location import judging, trail
from backend.location.episodes import classify
from backend.location.models import Fix
from backend.location.rulebook import judged_by

LONGEST: Final = timedelta(days=31)
EARLIEST_YEAR: Final = 2000
MOST_FIXES: Final = 50_000
"""A month at one a minute, and some more."""
MOST_DISTANCES: Final = 100_000_000
"""Fixes times positions of the zone: with these limits, a few seconds of one core."""
MOST_EPISODES: Final = 1_000
"""So many are told one by one; the counts are always of all."""
_PLACE_EN: Final = "the draft zone"
_PLACE_ES: Final = "la zona propuesta"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """All that judging a draft takes: the rule in force from its start, until `until_s` inclusive.

    `fixes` begin a little before the rule does, with what was then known of the person's place.
    """

    supervisee_id: UUID
    kind: ConditionKind
    rule: geofence.Rule
    until_s: int
    parameters: geofence.Parameters
    timezone: str
    fixes: Sequence[geofence.Fix]
    advice: tuple[Advice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldBeAlert:
    """What officers would have been told; `withdrawn`: and later told that it was not so."""

    kind: AlertKind
    severity: Severity
    raised_at: datetime
    withdrawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldBeEpisode:
    """A span in which the draft would have been, or might have been, broken."""

    certainty: str
    perimeter: str
    onset: datetime
    ended: datetime | None
    alert: WouldBeAlert | None
    sentence_en: str
    sentence_es: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A window of the draft began, and nobody knew where the person was: never a violation."""

    window_began: datetime
    last_fix_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many of each there were, told one by one or not."""

    alerts: int
    confirmed: int
    possible: int
    sightings: int
    taken_back: int
    no_data: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a draft would have raised in `since <= t < until`, of so many usable fixes."""

    since: datetime
    until: datetime
    fixes: int
    advice: tuple[Advice, ...]
    counts: Counts
    episodes: list[WouldBeEpisode]
    truncated: bool
    no_data: list[Unknown]


def gather(
    session: Session,
    actor: Actor,
    *,
    supervisee_id: UUID,
    kind: ConditionKind,
    draft: Draft,
    since: datetime,
    until: datetime | None,
    now: datetime,
) -> Trial:
    """Return what `judge` needs; `until` None means now. Whoever reads must `record` it.

    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST (the time is empty, too long, too far back or to
    come; too many fixes; a part of the draft is missing), TRAIL_NOT_KEPT, GEOMETRY_REFUSED,
    SCHEDULE_REFUSED.
    """
    actor.require(Permission.CONDITION_WRITE)
    actor.require(Permission.LOCATION_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    until_s = _last_second(since, until, now)
    if unix_s(since) < trail.kept_from_s(person):
        raise Problem(Code.TRAIL_NOT_KEPT)
    rule, advice = conditions.draft_rule(kind, draft, since)
    agency = identity.get_agency(session, person.agency_id)
    parameters = judged_by(agency.policy)
    # What was known when the rule began would have counted: no fix was missing then.
    after_s = rule.valid_from_s - parameters.fresh_s - 1
    _limit_work(session, supervisee_id, geofence.drawn(rule.zone), after_s, until_s)
    return Trial(
        supervisee_id=supervisee_id,
        kind=kind,
        rule=rule,
        until_s=until_s,
        parameters=parameters,
        timezone=agency.zone if rule.schedule is None else rule.schedule.timezone,
        fixes=judging.stored_facts(session, supervisee_id, after_s, until_s),
        advice=advice,
    )


def judge(trial: Trial) -> DryRun:
    """Return what the draft, alone and from nothing, would have raised; pure.

    Taken-back episodes are among them where officers would have been told of them at the time.
    """
    rule, parameters = trial.rule, trial.parameters
    begin_s = rule.valid_from_s - parameters.fresh_s - 1
    judgement = geofence.judge(
        geofence.State.begin(at_s=begin_s, parameters=parameters),
        trial.fixes,
        geofence.PreparedRules([rule]),
        until_s=trial.until_s,
        parameters=parameters,
    )
    found = sorted(judgement.changes, key=lambda episode: (episode.onset_s, episode.ordinal))
    return DryRun(
        since=from_unix_s(rule.valid_from_s),
        until=from_unix_s(trial.until_s + 1),
        fixes=sum(fix.usable and fix.at_s >= rule.valid_from_s for fix in trial.fixes),
        advice=trial.advice,
        counts=_count(found, judgement.no_data),
        episodes=[_told(trial, episode) for episode in found[:MOST_EPISODES]],
        truncated=len(found) > MOST_EPISODES,
        no_data=[_unknown(gap) for gap in judgement.no_data],
    )


def record(session: Session, actor: Actor, trial: Trial, now: datetime) -> None:
    """Audit that a person's fixes were read for a dry run: nothing else of it is kept."""
    audit.record(
        session,
        actor,
        Act.ZONE_DRY_RUN,
        subject=("supervisee", trial.supervisee_id),
        supervisee_id=trial.supervisee_id,
        now=now,
        details={
            "kind": trial.kind,
            "since": from_unix_s(trial.rule.valid_from_s),
            "until": from_unix_s(trial.until_s + 1),
        },
    )


def _last_second(since: datetime, until: datetime | None, now: datetime) -> int:
    """Return the last second to judge, or refuse the time."""
    until = now if until is None else until
    if until > now:
        raise _invalid("until", "Nobody knows yet where the person will be.")
    if unix_s(until) <= unix_s(since):
        raise _invalid("until", "This ends before it begins.")
    if until - since > LONGEST:
        raise _invalid("since", f"At most {LONGEST.days} days are judged at once.")
    if since.year < EARLIEST_YEAR:
        raise _invalid("since", f"Nothing is known from before {EARLIEST_YEAR}.")
    return unix_s(until) - 1


def _limit_work(
    session: Session, supervisee_id: UUID, zone: geofence.Zone, after_s: int, until_s: int
) -> None:
    most = min(MOST_FIXES, MOST_DISTANCES // _positions(zone))
    between = (Fix.taken_s > after_s, Fix.taken_s <= until_s)
    count = select(func.count()).where(Fix.supervisee_id == supervisee_id, *between)
    if (session.scalar(count) or 0) > most:
        detail = f"More than {most} fixes are too many for such a zone: choose a shorter time."
        raise _invalid("since", detail)


def _positions(zone: geofence.Zone) -> int:
    match zone:
        case geofence.Circle():
            return 1
        case geofence.Corridor(line=line):
            return len(line)
        case geofence.Area(polygons=polygons):
            return sum(len(ring) for polygon in polygons for ring in polygon)


def _invalid(member: str, detail: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, detail, pointer=f"/{member}")


def _count(found: Sequence[geofence.Episode], gaps: Sequence[geofence.NoData]) -> Counts:
    by_certainty = Counter(episode.certainty for episode in found)
    return Counts(
        alerts=sum(_raised_s(episode) is not None for episode in found),
        confirmed=by_certainty[geofence.Certainty.CONFIRMED],
        possible=by_certainty[geofence.Certainty.POSSIBLE],
        sightings=by_certainty[geofence.Certainty.SIGHTING],
        taken_back=by_certainty[geofence.Certainty.VOID],
        no_data=len(gaps),
    )


def _told(trial: Trial, episode: geofence.Episode) -> WouldBeEpisode:
    told = partial(geofence.explain, episode, timezone=trial.timezone)
    return WouldBeEpisode(
        certainty=episode.certainty.value,
        perimeter=episode.perimeter.value,
        onset=from_unix_s(episode.onset_s),
        ended=None if episode.ended_s is None else from_unix_s(episode.ended_s),
        alert=_alert(trial.kind, episode),
        sentence_en=told(place=_PLACE_EN, language="en"),
        sentence_es=told(place=_PLACE_ES, language="es"),
        facts=geofence.facts(episode),
    )


def _alert(condition: ConditionKind, episode: geofence.Episode) -> WouldBeAlert | None:
    """Return the alert as it was at its gravest; None if nobody would have been told."""
    raised_s = _raised_s(episode)
    if raised_s is None:
        return None
    confirmed = episode.confirmed_at_s is not None
    certainty = geofence.Certainty.CONFIRMED if confirmed else geofence.Certainty.POSSIBLE
    kind, severity = classify(condition, replace(episode, certainty=certainty))
    return WouldBeAlert(
        kind=kind,
        severity=severity,
        raised_at=from_unix_s(raised_s),
        withdrawn=episode.certainty is not certainty,
    )


def _raised_s(episode: geofence.Episode) -> int | None:
    """Return when the episode was first reported, None if it never was."""
    return episode.confirmed_at_s if episode.possible_at_s is None else episode.possible_at_s


def _unknown(gap: geofence.NoData) -> Unknown:
    last_s = gap.last_fix_s
    return Unknown(
        window_began=from_unix_s(gap.at_s),
        last_fix_at=None if last_s is None else from_unix_s(last_s),
    )
