"""What officers are shown of signals: those of a fix, and the stretches that were suspicious."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from backend.core.actor import Actor
from backend.core.clock import from_unix_s
from backend.core.db import Session
from backend.identity import service as identity
from backend.location.models import Fix, Oddity, Suspicion
from geofence.plausibility import Signal, SignalKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownOddity:
    """The signals of one fix as found in event time, and their score between 0 and 1."""

    score: float
    signals: Sequence[Signal]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSuspicion:
    """A stretch of odd fixes. `companion_id` only for those who may see that person too."""

    id: UUID
    since: datetime
    until: datetime
    score: float
    signals: Sequence[Signal]
    companion_id: UUID | None
    alert_id: UUID
    withdrawn: bool


def packed(signals: Iterable[Signal]) -> list[Any]:
    """Return signals as the database keeps them."""
    return [[signal.kind.value, float(signal.value), float(signal.limit)] for signal in signals]


def unpacked(stored: Iterable[Sequence[Any]]) -> tuple[Signal, ...]:
    """Return the signals that were kept."""
    return tuple(
        Signal(kind=SignalKind(kind), value=value, limit=limit) for kind, value, limit in stored
    )


def of_fixes(session: Session, fixes: Collection[Fix]) -> Mapping[tuple[UUID, int], ShownOddity]:
    """Return what is odd about fixes of one person, by activation and number; most have nothing."""
    if not fixes:
        return {}
    times = [fix.taken_s for fix in fixes]
    rows = session.scalars(
        select(Oddity).where(
            Oddity.supervisee_id == next(iter(fixes)).supervisee_id,
            Oddity.taken_s >= min(times),
            Oddity.taken_s <= max(times),
        )
    )
    return {
        (row.activation_id, row.seq): ShownOddity(score=row.score, signals=unpacked(row.signals))
        for row in rows
    }


def shown(session: Session, actor: Actor, rows: Sequence[Suspicion]) -> list[ShownSuspicion]:
    """Return stretches as an officer may see them."""
    companions = [row.companion_id for row in rows if row.companion_id is not None]
    visible = _visible(session, actor, companions)
    return [
        ShownSuspicion(
            id=row.id,
            since=from_unix_s(row.from_s),
            until=from_unix_s(row.until_s),
            score=row.score,
            signals=unpacked(row.signals),
            companion_id=row.companion_id if row.companion_id in visible else None,
            alert_id=row.alert_id,
            withdrawn=row.withdrawn,
        )
        for row in rows
    ]


def last_suspicion(session: Session, actor: Actor, supervisee_id: UUID) -> ShownSuspicion | None:
    """Return the latest stretch that still stands, over or not."""
    mine = (Suspicion.supervisee_id == supervisee_id) & Suspicion.withdrawn.is_(False)
    last = select(Suspicion).where(mine).order_by(Suspicion.until_s.desc()).limit(1)
    return next(iter(shown(session, actor, session.scalars(last).all())), None)


def _visible(session: Session, actor: Actor, people: Collection[UUID]) -> frozenset[UUID]:
    """Return those of `people` whom `actor` may see."""
    may_see = identity.visible_supervisees(actor).subquery()
    return frozenset(session.scalars(select(may_see.c.id).where(may_see.c.id.in_(people))))
