"""What others may know of where people were: fixes, episodes, refusals, how things stand now.

Every reading of fixes by an officer is audited: it is the most personal thing we hold. So is
every reading of an episode that tells how far somebody was from a victim's zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_

import geofence
from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import Actor, Permission
from backend.core.clock import from_unix_s, unix_s
from backend.core.db import Session
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.location import episodes, signals, trail
from backend.location.disclosure import audit_zones_told, may_know_zones
from backend.location.models import Episode, Fix, PersonState, Refusal, Suspicion
from backend.location.refusals import RefusalReason, advice
from backend.location.signals import ShownOddity, ShownSuspicion
from notifications.formats import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFix:
    """One fix as kept. `signals` are those of the gate, `oddity` what was found in event time."""

    activation_id: UUID
    seq: int
    taken_at: datetime
    received_at: datetime
    latitude: float
    longitude: float
    accuracy_m: float
    usable: bool
    refused: RefusalReason | None
    signals: list[str]
    assurance: str
    digest: str
    oddity: ShownOddity | None
    journal_n: int | None

    @property
    def delayed(self) -> bool:
        """Whether it came in a journal: judged by when it was taken, known only later."""
        return self.journal_n is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixPage:
    """Fixes, newest first, and the cursor of those that follow."""

    items: list[StoredFix]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedEpisode:
    """One episode as judged now."""

    id: UUID
    condition_id: UUID
    condition_version: int
    perimeter: str
    certainty: str
    onset: datetime
    ended: datetime | None
    alert_id: UUID | None
    withdrawn: bool
    kept_at: datetime | None
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRefusal:
    """One refusal, in the words that its person read."""

    id: UUID
    reference: str
    reason: RefusalReason
    at: datetime
    what: str
    what_to_do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How things stand with one person's location."""

    last_received_at: datetime | None
    judged_until: datetime | None
    silent: bool
    last_fix: StoredFix | None
    last_suspicion: ShownSuspicion | None
    open_episodes: list[JudgedEpisode]


def list_fixes(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    *,
    since: datetime | None,
    until: datetime | None,
    after: str | None,
    limit: int,
    now: datetime,
) -> FixPage:
    """Return fixes taken in `[since, until)`, newest first; audits the reading.

    Of a time without a trail only those that an episode names as its evidence. `after` is
    `taken_s:seq` of the last fix of the page before.
    """
    person = _may_read(session, actor, supervisee_id)
    statement = select(Fix).where(Fix.supervisee_id == supervisee_id)
    if since is not None:
        statement = statement.where(Fix.taken_s >= unix_s(since))
    if until is not None:
        statement = statement.where(Fix.taken_s < unix_s(until))
    if after is not None:
        taken_s, seq = map(int, after.split(":"))
        statement = statement.where(tuple_(Fix.taken_s, Fix.seq) < (taken_s, seq))
    rows = trail.latest(session, person, statement, limit=limit + 1)
    _audit_reading(session, actor, supervisee_id, now)
    last = rows[limit - 1] if len(rows) > limit else None
    return FixPage(
        items=_stored_fixes(session, rows[:limit]),
        next=None if last is None else f"{last.taken_s}:{last.seq}",
    )


def list_episodes(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor, now: datetime
) -> Page[JudgedEpisode]:
    """Return a person's episodes, latest noticed first; withdrawn ones are marked.

    Audits the reading of distances to victims' zones.
    """
    _may_read(session, actor, supervisee_id)
    statement = select(Episode).where(Episode.supervisee_id == supervisee_id)
    page: Page[Episode] = fetch_page(session, statement, Episode.id, cursor)
    return Page(items=_shown(session, actor, supervisee_id, page.items, now), next=page.next)


def list_suspicions(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor, now: datetime
) -> Page[ShownSuspicion]:
    """Return the stretches in which a person's fixes were hard to believe, latest found first.

    Audits the reading.
    """
    _may_read(session, actor, supervisee_id)
    _audit_reading(session, actor, supervisee_id, now)
    statement = select(Suspicion).where(Suspicion.supervisee_id == supervisee_id)
    page: Page[Suspicion] = fetch_page(session, statement, Suspicion.id, cursor)
    return Page(items=signals.shown(session, actor, page.items), next=page.next)


def list_refusals(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor
) -> Page[KeptRefusal]:
    """Return a person's refusals as an officer of theirs sees them."""
    _may_read(session, actor, supervisee_id)
    return _refusals(session, supervisee_id, Language.ENGLISH, cursor)


def own_refusals(session: Session, actor: Actor, cursor: Cursor) -> Page[KeptRefusal]:
    """Return the refusals of the supervisee who asks, in their language."""
    person = identity.get_supervisee(session, actor, own_id(actor))
    return _refusals(session, person.id, person.language, cursor)


def status(session: Session, actor: Actor, supervisee_id: UUID, now: datetime) -> Status:
    """Return how things stand with one person's location; audits the reading.

    The last fix is one that `list_fixes` shows.
    """
    person = _may_read(session, actor, supervisee_id)
    _audit_reading(session, actor, supervisee_id, now)
    state = session.get(PersonState, supervisee_id)
    usable = select(Fix).where(Fix.supervisee_id == supervisee_id, Fix.usable)
    last = next(iter(trail.latest(session, person, usable, limit=1)), None)
    open_rows = session.scalars(
        select(Episode).where(
            Episode.supervisee_id == supervisee_id,
            Episode.ended_s.is_(None),
            Episode.withdrawn.is_(False),
            Episode.kept_at.is_(None),
        )
    )
    return Status(
        last_received_at=None if state is None else from_unix_s(state.received_ms / 1000),
        judged_until=None if state is None or state.until_s == 0 else from_unix_s(state.until_s),
        silent=state is not None and state.silence_alert_id is not None,
        last_fix=None if last is None else _stored_fixes(session, [last])[0],
        last_suspicion=signals.last_suspicion(session, actor, supervisee_id),
        open_episodes=_shown(session, actor, supervisee_id, open_rows, now),
    )


def own_id(actor: Actor) -> UUID:
    """Return the supervisee who acts; a fault for anyone else."""
    if actor.id is None:
        raise LookupError("nobody in particular acts")
    return actor.id


def _audit_reading(session: Session, actor: Actor, supervisee_id: UUID, now: datetime) -> None:
    audit.record(
        session,
        actor,
        Act.FIXES_READ,
        subject=("supervisee", supervisee_id),
        supervisee_id=supervisee_id,
        now=now,
    )


def _may_read(session: Session, actor: Actor, supervisee_id: UUID) -> identity.Supervisee:
    actor.require(Permission.LOCATION_READ)
    return identity.get_supervisee(session, actor, supervisee_id)


def _refusals(
    session: Session, supervisee_id: UUID, language: Language, cursor: Cursor
) -> Page[KeptRefusal]:
    statement = select(Refusal).where(Refusal.supervisee_id == supervisee_id)
    page: Page[Refusal] = fetch_page(session, statement, Refusal.id, cursor)
    items = []
    for row in page.items:
        words = advice(row.reason, language)
        items.append(
            KeptRefusal(
                id=row.id,
                reference=row.reference,
                reason=row.reason,
                at=row.at,
                what=words.what,
                what_to_do=words.what_to_do,
            )
        )
    return Page(items=items, next=page.next)


def _stored_fixes(session: Session, rows: Sequence[Fix]) -> list[StoredFix]:
    odd = signals.of_fixes(session, rows)
    return [_stored_fix(row, odd.get((row.activation_id, row.seq))) for row in rows]


def _stored_fix(row: Fix, oddity: ShownOddity | None) -> StoredFix:
    return StoredFix(
        activation_id=row.activation_id,
        seq=row.seq,
        taken_at=from_unix_s(row.taken_s),
        received_at=from_unix_s(row.received_ms / 1000),
        latitude=row.latitude,
        longitude=row.longitude,
        accuracy_m=row.accuracy_m,
        usable=row.usable,
        refused=row.refused,
        signals=row.signals.split(),
        assurance=row.assurance,
        digest=row.digest.hex(),
        oddity=oddity,
        journal_n=row.journal_n,
    )


def _shown(
    session: Session, actor: Actor, supervisee_id: UUID, rows: Iterable[Episode], now: datetime
) -> list[JudgedEpisode]:
    """Return a person's episodes; how far a confidential zone was, only for those who may know it.

    Audits each such zone of which that is told.
    """
    cleared = may_know_zones(actor)
    shown = list(rows)
    told = {row.rule_id for row in shown if row.confidential and cleared}
    audit_zones_told(session, actor, supervisee_id, told, now)
    return [_judged(row, disclose=cleared or not row.confidential) for row in shown]


def _judged(row: Episode, *, disclose: bool) -> JudgedEpisode:
    return JudgedEpisode(
        id=row.id,
        condition_id=row.rule_id,
        condition_version=row.rule_version,
        perimeter=row.perimeter,
        certainty=row.certainty,
        onset=from_unix_s(row.onset_s),
        ended=None if row.ended_s is None else from_unix_s(row.ended_s),
        alert_id=row.alert_id,
        withdrawn=row.withdrawn,
        kept_at=row.kept_at,
        facts=geofence.facts(episodes.load(row.verdict), disclose=disclose),
    )
