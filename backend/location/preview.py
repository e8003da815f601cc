"""What an act that reaches into the past would make different, before anybody decides on it.

As a dry run: `gather` reads in a snapshot, `judge` computes with no database at all, and `record`
writes the one thing that is kept: that it was asked, and what of a victim's zone was told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import geofence
from backend.audit import service as audit
from backend.audit.acts import Act
from backend.conditions import service as conditions
from backend.conditions.service import Proposal
from backend.core.actor import Actor, Permission
from backend.core.clock import from_unix_s, unix_s
from backend.core.db import Session
from backend.location import comparison, episodes, judging
from backend.location.comparison import Finding, ShownFinding
from backend.location.disclosure import audit_zones_told, may_know_zones
from backend.location.models import PersonState
from backend.location.rulebook import BEHIND_S, PersonRules, proposed_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """All that judging a proposal takes: the state before it, the facts since, what was found.

    `state` is None where nothing would be judged again: the act reaches no fix that was judged.
    """

    proposal: Proposal
    since_s: int
    until_s: int
    rules: PersonRules
    state: geofence.State | None
    fixes: Sequence[geofence.Fix]
    alerted: Sequence[geofence.Alerted]
    alert_ids: Mapping[str, UUID | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would become of each episode in `since <= t < until`: an empty span, nothing at all."""

    supervisee_id: UUID
    since: datetime
    until: datetime
    findings: list[ShownFinding]


def gather_absence(session: Session, actor: Actor, absence_id: UUID, *, now: datetime) -> Trial:
    """Return what `judge` needs to tell what approving an absence would make different.

    Whoever reads must `record` it. Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION.
    """
    actor.require(Permission.LOCATION_READ)
    from_s = unix_s(now) - BEHIND_S
    proposal = conditions.proposed_absence(session, actor, absence_id, from_s=from_s)
    return _gather(session, proposal, now)


def gather_end(
    session: Session, actor: Actor, order_id: UUID, *, ends_at: datetime | None, now: datetime
) -> Trial:
    """Return what `judge` needs to tell what another end of an order would make different.

    Whoever reads must `record` it. Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST.
    """
    actor.require(Permission.LOCATION_READ)
    from_s = unix_s(now) - BEHIND_S
    proposal = conditions.proposed_end(session, actor, order_id, ends_at, from_s=from_s, now=now)
    return _gather(session, proposal, now)


def judge(trial: Trial) -> list[Finding]:
    """Return what would become of each episode that the act reaches; pure."""
    if trial.state is None:
        return []
    refold = judging.Refold(state=trial.state)
    refold.add(
        geofence.judge(
            trial.state,
            trial.fixes,
            trial.rules.prepared,
            until_s=trial.until_s,
            parameters=trial.rules.parameters,
        )
    )
    attachment = geofence.attach(trial.alerted, refold.outcome().settled())
    found = geofence.differences(trial.alerted, attachment)
    return comparison.findings(trial.rules, found, trial.alert_ids, since_s=trial.since_s)


def record(
    session: Session, actor: Actor, trial: Trial, found: Sequence[Finding], now: datetime
) -> Preview:
    """Audit that an officer looked ahead; return what they may know of what was found."""
    person = trial.proposal.supervisee_id
    if disclose := may_know_zones(actor):
        audit_zones_told(session, actor, person, comparison.confidential_zones(found), now)
    audit.record(
        session,
        actor,
        Act.PAST_CHANGE_PREVIEWED,
        subject=trial.proposal.subject,
        supervisee_id=person,
        now=now,
    )
    return Preview(
        supervisee_id=person,
        since=from_unix_s(trial.since_s),
        until=from_unix_s(max(trial.until_s + 1, trial.since_s)),
        findings=comparison.shown(found, disclose=disclose),
    )


def _gather(session: Session, proposal: Proposal, now: datetime) -> Trial:
    person = session.get(PersonState, proposal.supervisee_id)
    rules = proposed_rules(session, proposal.supervisee_id, proposal.standing, now)
    until_s = 0 if person is None else person.until_s
    from_s = proposal.judged_from_s
    since_s = judging.reach_of(unix_s(now) if from_s is None else from_s, now)
    state, fixes, rows, before = None, [], {}, []
    if since_s <= until_s:
        state = judging.restart(session, proposal.supervisee_id, rules, since_s, now)
        fixes = judging.stored_facts(session, proposal.supervisee_id, state.until_s, until_s)
        again = judging.Refold(state=state).outcome()
        rows = episodes.judged_since(session, proposal.supervisee_id, again)
        before = episodes.alerted(session, rows)
    return Trial(
        proposal=proposal,
        since_s=since_s,
        until_s=until_s,
        rules=rules,
        state=state,
        fixes=fixes,
        alerted=before,
        alert_ids={key: row.alert_id for key, row in rows.items()},
    )
