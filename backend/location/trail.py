"""No trail: of a person in this mode only what shows an episode is shown, and in the end kept.

Judging needs every fix for as long as anything can have it judged again; after that none. Then all
that a fix says of where and when is erased, and nothing else: its number, digest and time of receipt
stay, so that the same fix again gets the same receipt, another under its number is a fork, and no
number counts as missing. The triggers let this be done by a permit on record only.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, exists, select, update

import geofence
from backend.alerts import service as alerts
from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import SYSTEM
from backend.core.clock import from_unix_s, unix_s
from backend.core.db import Session, table_of
from backend.core.ids import new_id
from backend.identity.service import Supervisee, Trail
from backend.location import evidence, judging, person, refused
from backend.location.evidence import Forks
from backend.location.models import (
    PURGED_S,
    Checkpoint,
    Fix,
    JournalEntry,
    Oddity,
    Refusal,
    TrailPurge,
)
from backend.location.person import Person

KEPT_S: Final = judging.HISTORY_S + 86_400
"""Fixes are kept so long: as far back as judging begins again, and what examining looks at before."""
MOST: Final = 2_000
"""So many rows of each table are erased in one transaction."""
PEOPLE: Final = 200
"""So many people are read at once."""
_NEVER: Final = sys.maxsize

_FIXES: Final = table_of(Fix)
_ODDITIES: Final = table_of(Oddity)
_ERASE: Final = (
    update(_FIXES)
    .where(_FIXES.c.activation_id == bindparam("phone"), _FIXES.c.seq == bindparam("number"))
    .values(
        taken_s=PURGED_S,
        mono_ms=0,
        boot=None,
        latitude=0.0,
        longitude=0.0,
        accuracy_m=0.0,
        usable=False,
        signals="",
        signed="",
    )
)
_FORGET: Final = delete(_ODDITIES).where(
    _ODDITIES.c.activation_id == bindparam("phone"), _ODDITIES.c.seq == bindparam("number")
)


# What is shown ------------------------------------------------------------------------------


def kept_from_s(one: Supervisee) -> int:
    """Return the second from which on the person's trail is kept, and may be shown."""
    if one.trail is not Trail.KEPT:
        return _NEVER
    return PURGED_S + 1 if one.trail_from is None else unix_s(one.trail_from)


def latest(session: Session, one: Supervisee, statement: Select[Fix], *, limit: int) -> list[Fix]:
    """Return those of a person's fixes that `statement` finds and that are shown, newest first."""
    newest = (Fix.taken_s.desc(), Fix.seq.desc())
    from_s = kept_from_s(one)
    found = list(
        session.scalars(statement.where(Fix.taken_s >= from_s).order_by(*newest).limit(limit))
    )
    if from_s <= PURGED_S + 1 or len(found) == limit:
        return found
    digests = evidence.named(session, one.id)
    times = sorted({at_s for at_s in digests.values() if at_s < from_s}, reverse=True)
    for some in evidence.in_parts(times):
        rows = session.scalars(statement.where(Fix.taken_s.in_(some)).order_by(*newest))
        found += [row for row in rows if row.digest in digests]
        if len(found) >= limit:
            break
    return found[:limit]


def is_shown(session: Session, one: Supervisee, token: JournalEntry) -> bool:
    """Whether a token may be read as signed: evidence, or all of it from when a trail is kept."""
    from_s = kept_from_s(one)
    earlier = select(Fix.seq).where(
        Fix.supervisee_id == one.id,
        Fix.taken_s < from_s,
        Fix.activation_id == token.activation_id,
        Fix.journal_n == token.n,
    )
    if from_s <= PURGED_S + 1 or not (token.forked or session.scalar(exists(earlier).select())):
        return True
    forks = Forks(session, one.id).tokens
    return (token.activation_id, token.n) in forks | evidence.tokens_named(session, one.id)


# What is erased -----------------------------------------------------------------------------


def purge(session: Session, one: Supervisee, now: datetime) -> bool:
    """Erase a batch of what nothing can have judged again, but for evidence; audits it.

    Returns whether there may be more.
    """
    locked = person.find(session, one.id)
    before_s = min(unix_s(now) - KEPT_S, kept_from_s(one))
    if locked is None:
        return False
    forks = Forks(session, one.id)
    fixes = _fixes_due(session, locked, before_s, forks)
    whole = len(fixes) < MOST
    tokens = _tokens_due(session, one.id, before_s, forks, fixes) if whole else []
    refusals = _refusals_due(session, one.id, before_s) if whole else []
    if not (fixes or tokens or refusals):
        return False
    permit = _permit(session, locked, before_s, now)
    _erase(session, fixes, tokens, refusals)
    counts = {"fixes": len(fixes), "journal_tokens": len(tokens), "refusals": len(refusals)}
    audit.record(
        session,
        SYSTEM,
        Act.TRAIL_PURGED,
        subject=("trail-purge", permit),
        agency_id=locked.agency_id,
        supervisee_id=one.id,
        now=now,
        details={"before": from_unix_s(before_s), **counts},
    )
    return MOST in counts.values()


def _permit(session: Session, one: Person, before_s: int, now: datetime) -> UUID:
    row = TrailPurge(id=new_id(now), supervisee_id=one.supervisee_id, before_s=before_s, at=now)
    session.add(row)
    session.flush()
    return row.id


def _fixes_due(
    session: Session, one: Person, before_s: int, forks: Forks
) -> Sequence[Mapping[str, Any]]:
    """Return the names of fixes to erase, the earliest first."""
    keep = evidence.named(session, one.supervisee_id).keys() | _may_be_named(session, one, before_s)
    rows = session.execute(
        select(Fix.activation_id, Fix.seq, Fix.digest)
        .where(
            Fix.supervisee_id == one.supervisee_id,
            Fix.taken_s > PURGED_S,
            Fix.taken_s < before_s,
            Fix.received_ms < 1000 * before_s,
        )
        .order_by(Fix.taken_s)
        .limit(MOST + len(keep) + len(forks.fixes))
    )
    return [
        {"phone": row.activation_id, "number": row.seq}
        for row in rows
        if row.digest not in keep and (row.activation_id, row.seq) not in forks.fixes
    ][:MOST]


def _may_be_named(session: Session, one: Person, before_s: int) -> set[bytes]:
    """Return what an episode may yet name: what judging remembers, now or where it begins again.

    What is older than the first of those states and is not in it, no later one remembers.
    """
    first = session.scalars(
        select(Checkpoint.state)
        .where(Checkpoint.supervisee_id == one.supervisee_id, Checkpoint.until_s >= before_s)
        .order_by(Checkpoint.until_s)
        .limit(1)
    ).first()
    found: set[bytes] = set()
    for stored in (first, one.judgement):
        state = None if stored is None else _state(stored)
        if state is not None:
            found |= state.fixes()
    return found


def _state(stored: bytes) -> geofence.State | None:
    try:
        return geofence.State.loads(stored)
    except geofence.StateMismatch:
        return None  # From a state of another engine nothing goes on.


def _tokens_due(
    session: Session,
    supervisee_id: UUID,
    before_s: int,
    forks: Forks,
    erased: Sequence[Mapping[str, Any]],
) -> list[UUID]:
    """Return the tokens of which no fix is kept any more once `erased` are not."""
    going = {(each["phone"], each["number"]) for each in erased}
    kept = session.execute(
        select(Fix.activation_id, Fix.journal_n, Fix.seq).where(
            Fix.supervisee_id == supervisee_id,
            Fix.taken_s > PURGED_S,
            Fix.journal_n.is_not(None),
        )
    )
    held = {
        (row.activation_id, row.journal_n)
        for row in kept
        if (row.activation_id, row.seq) not in going
    } | forks.tokens
    rows = session.execute(
        select(JournalEntry.id, JournalEntry.activation_id, JournalEntry.n).where(
            JournalEntry.supervisee_id == supervisee_id,
            JournalEntry.received_ms < 1000 * before_s,
            JournalEntry.signed != "",
        )
    )
    return [row.id for row in rows if (row.activation_id, row.n) not in held][:MOST]


def _refusals_due(session: Session, supervisee_id: UUID, before_s: int) -> list[UUID]:
    """Return the refusals whose proof goes: all but those that an alert was raised for."""
    told = alerts.sources(session, supervisee_id, refused.SOURCE)
    rows = session.scalars(
        select(Refusal.id).where(
            Refusal.supervisee_id == supervisee_id,
            Refusal.at < from_unix_s(before_s),
            Refusal.signed != "",
        )
    )
    return [one for one in rows if one not in told][:MOST]


def _erase(
    session: Session,
    fixes: Collection[Mapping[str, Any]],
    tokens: Collection[UUID],
    refusals: Collection[UUID],
) -> None:
    connection = session.connection()
    if fixes:
        connection.execute(_FORGET, list(fixes))
        connection.execute(_ERASE, list(fixes))
    if tokens:
        session.execute(update(JournalEntry).where(JournalEntry.id.in_(tokens)).values(signed=""))
    if refusals:
        session.execute(update(Refusal).where(Refusal.id.in_(refusals)).values(signed=""))
