"""The chain over the audit record: a change, a gap or a slipped-in row breaks it visibly.

Events are inserted plain, because a chain inside each request's transaction would make all
requests wait for one lock. One sealer links what is committed a moment later.

What a chain cannot show by itself is that its end was cut off, or that all of it was computed
anew: for that, keep a `Head` where the database's owner cannot reach it and verify against it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, exists, func, insert, select

from backend.audit.models import AuditEvent, AuditSeal, UnsealedEvent
from backend.core.db import Session

BATCH: Final = 500
GENESIS: Final = bytes(32)
LATE_AFTER: Final = timedelta(hours=1)
"""An event sealed so long after its own time was delayed by an outage, or slipped in."""

_SEALER: Final = 0x61756469
"""The advisory lock of the one sealer: any number that nothing else uses."""

_EVENT: Final = tuple(AuditEvent.__table__.columns)
_HAS_SEAL: Final = exists().where(AuditSeal.event_id == AuditEvent.id)
_WAITS: Final = exists().where(UnsealedEvent.event_id == AuditEvent.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the chain at some moment: who keeps it elsewhere can prove a later cut."""

    number: int
    hash: bytes


class BreakReason(Enum):
    """What is wrong at a place of the chain."""

    SEAL_MISPLACED = "a seal is missing or out of place"
    EVENT_MISSING = "the event is missing"
    UNREADABLE = "the seal or its event cannot be read"
    HASH_DIFFERS = "the event or a seal was changed"
    EVENT_STRAY = "the event has no seal and none was asked for"
    HEAD_DIFFERS = "the chain does not hold the head that was kept elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Where the record fails; `number` is None when that is not at a seal."""

    reason: BreakReason
    number: int | None = None
    event_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a check of the whole record found.

    `checked` seals hold, `unsealed` events wait for the sealer (a second, usually), `late` ones
    were sealed more than LATE_AFTER after the time that they claim: no break, but worth a look.
    """

    checked: int
    unsealed: int
    late: int
    head: Head
    first_break: Break | None

    @property
    def ok(self) -> bool:
        """Whether nothing was changed, removed or slipped in."""
        return self.first_break is None


def seal(session: Session, now: datetime) -> int:
    """Link up to BATCH committed events to the chain and return how many; 0 when none waits.

    Also 0 while another process seals: on PostgreSQL an advisory lock, held to the end of the
    transaction, admits one; SQLite has one writer anyway. Statements after the lock see what the
    sealer before committed, and the tables' keys would refuse a second link.
    """
    if session.get_bind().dialect.name == "postgresql" and not session.scalar(
        select(func.pg_try_advisory_xact_lock(_SEALER))
    ):
        return 0
    end = _stored_head(session)
    links = []
    for event in _waiting(session):
        end = Head(number=end.number + 1, hash=_hash(end, now, event))
        links.append(
            {"number": end.number, "event_id": event.id, "sealed_at": now, "hash": end.hash}
        )
    if links:
        session.execute(insert(AuditSeal), links)
        sealed = [link["event_id"] for link in links]
        session.execute(delete(UnsealedEvent).where(UnsealedEvent.event_id.in_(sealed)))
    return len(links)


def _stored_head(session: Session) -> Head:
    last = session.execute(
        select(AuditSeal.number, AuditSeal.hash).order_by(AuditSeal.number.desc()).limit(1)
    ).one_or_none()
    return Head(number=last.number, hash=last.hash) if last else Head(number=0, hash=GENESIS)


def _waiting(session: Session) -> Sequence[Row[Any]]:
    """Return the oldest events without a seal, however late their transactions committed."""
    return session.execute(
        select(*_EVENT)
        .join(UnsealedEvent, UnsealedEvent.event_id == AuditEvent.id)
        .order_by(AuditEvent.id)
        .limit(BATCH)
    ).all()


def _hash(previous: Head, sealed_at: datetime, event: Row[Any]) -> bytes:
    """Return SHA-256(previous hash || JSON of the seal's number and time and all of the event).

    Members without a value are left out: a column added later leaves the seals of today valid.
    """
    content = {
        column.name: value if isinstance(value, str) else _text(value)
        for column in _EVENT
        if (value := event._mapping[column.name]) is not None  # noqa: SLF001 - its public mapping
    }
    link = {"number": previous.number + 1, "sealed_at": _text(sealed_at), "event": content}
    canonical = json.dumps(link, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(previous.hash + canonical.encode()).digest()


def _text(value: UUID | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def verify(session: Session, expected: Head | None = None) -> Verification:
    """Return what a check of the whole record finds; give it a snapshot.

    1. Each seal follows the one before, is readable with its event, and its hash holds.
    2. `expected`, a head kept elsewhere, is part of the chain.
    3. Each event without a seal waits for one, and each that waits is there.
    """
    end, late = Head(number=0, hash=GENESIS), 0
    head_found = expected in {None, end}
    first_break = None
    for link in _chain(session):
        first_break = _flaw(link, end)
        if first_break is not None or link is None:
            break
        end = Head(number=link.number, hash=link.hash)
        late += link.sealed_at - link.at > LATE_AFTER
        head_found = head_found or end == expected
    if first_break is None and not head_found:
        first_break = Break(reason=BreakReason.HEAD_DIFFERS)
    unsealed = select(func.count()).select_from(AuditEvent).where(~_HAS_SEAL)
    return Verification(
        checked=end.number,
        unsealed=session.scalar(unsealed) or 0,
        late=late,
        head=end,
        first_break=first_break or _stray(session),
    )


def _chain(session: Session) -> Iterator[Row[Any] | None]:
    """Yield every seal with its event, by number; None, and no more, where one is unreadable.

    Somebody may have written what is no time or identifier: the batch that holds it is read
    again one by one, so that the break is named exactly.
    """
    size, last = BATCH, None
    while True:
        try:
            links = _links(session, last, size)
        except (ValueError, TypeError, AttributeError):
            if size == 1:
                yield None
                return
            size = 1
            continue
        if not links:
            return
        yield from links
        last = links[-1].number


def _links(session: Session, after: int | None, limit: int) -> Sequence[Row[Any]]:
    statement = (
        select(AuditSeal.number, AuditSeal.event_id, AuditSeal.sealed_at, AuditSeal.hash, *_EVENT)
        .outerjoin(AuditEvent, AuditEvent.id == AuditSeal.event_id)
        .order_by(AuditSeal.number)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(AuditSeal.number > after)
    return session.execute(statement).all()


def _flaw(link: Row[Any] | None, end: Head) -> Break | None:
    """Return what is wrong with `link` as the one after `end`, or None."""
    number = end.number + 1
    # 1. It can be read.
    if link is None:
        return Break(reason=BreakReason.UNREADABLE, number=number)
    # 2. It is the next.
    if link.number != number:
        return Break(reason=BreakReason.SEAL_MISPLACED, number=number)
    # 3. Its event is there.
    if link.id is None:
        return Break(reason=BreakReason.EVENT_MISSING, number=number, event_id=link.event_id)
    # 4. The hash covers what is there.
    if link.hash != _hash(end, link.sealed_at, link):
        return Break(reason=BreakReason.HASH_DIFFERS, number=number, event_id=link.event_id)
    return None


def _stray(session: Session) -> Break | None:
    """Return an event that nobody would ever seal, or one that vanished while it waited."""
    stray = session.scalar(select(AuditEvent.id).where(~_HAS_SEAL, ~_WAITS).limit(1))
    if stray is not None:
        return Break(reason=BreakReason.EVENT_STRAY, event_id=stray)
    event_is_there = exists().where(AuditEvent.id == UnsealedEvent.event_id)
    gone = session.scalar(select(UnsealedEvent.event_id).where(~event_is_there).limit(1))
    if gone is not None:
        return Break(reason=BreakReason.EVENT_MISSING, event_id=gone)
    return None
