"""Notices from the provider: each kept once and first, then worked off, however often it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from backend.core.db import Session, insert_once
from backend.core.ids import new_id
from backend.payments.hosted_models import NoticeOutcome, NoticeRow
from backend.payments.provider import Notice

NOTICE_BATCH: Final = 50
_FIRST_WAIT: Final = timedelta(seconds=30)
_LONGEST_WAIT: Final = timedelta(hours=1)
_MOST_DOUBLINGS: Final = 10


def keep_notice(session: Session, notice: Notice, *, now: datetime) -> bool:
    """Return whether the notice is new; told again, nothing is written."""
    row = NoticeRow
    statement = (
        insert_once(session, row)
        .values(
            id=new_id(now),
            event_id=notice.id,
            kind=notice.kind[:80],
            subject=notice.subject,
            reference=notice.reference,
            happened_at=notice.happened_at,
            received_at=now,
            attempts=0,
            next_at=now,
        )
        .on_conflict_do_nothing(index_elements=[row.event_id])
        .returning(row.id)
    )
    return session.scalar(statement) is not None


def claim_notices(session: Session, now: datetime) -> Sequence[Notice]:
    """Return notices to work off, the oldest first; no other worker gets them for a while.

    One that is not finished comes again after a wait, which grows to an hour: nothing is given up.
    """
    rows = session.scalars(
        select(NoticeRow)
        .where(NoticeRow.next_at <= now)
        .order_by(NoticeRow.next_at, NoticeRow.id)
        .limit(NOTICE_BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        wait = min(_FIRST_WAIT * 2 ** min(row.attempts, _MOST_DOUBLINGS), _LONGEST_WAIT)
        row.attempts += 1
        row.next_at = now + wait
    return [_value(row) for row in rows]


def finish_notice(session: Session, event_id: str, outcome: NoticeOutcome, now: datetime) -> None:
    """Say what a notice led to; what was said first stays."""
    row = session.scalars(
        select(NoticeRow).where(NoticeRow.event_id == event_id).with_for_update()
    ).one()
    if row.outcome is None:
        row.outcome, row.finished_at, row.next_at = outcome, now, None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedNotice:
    """A notice that was tried and not finished: the provider does not answer, or a fault of ours."""

    notice: Notice
    attempts: int
    next_at: datetime | None


def unfinished_notices(session: Session) -> list[UnfinishedNotice]:
    """Return the notices that were tried and not finished, oldest first: the operator's."""
    rows = session.scalars(
        select(NoticeRow)
        .where(NoticeRow.outcome.is_(None), NoticeRow.attempts > 0)
        .order_by(NoticeRow.id)
    )
    return [
        UnfinishedNotice(notice=_value(row), attempts=row.attempts, next_at=row.next_at)
        for row in rows
    ]


def _value(row: NoticeRow) -> Notice:
    return Notice(
        id=row.event_id,
        kind=row.kind,
        subject=row.subject,
        reference=row.reference,
        happened_at=row.happened_at,
    )
