"""Outages: a job stood still from when to when, and whether somebody was told. One row for each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Index, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.classification import OPERATIONAL
from backend.core.db import Base, Session, insert_once
from backend.core.ids import new_id

LEASE: Final = timedelta(minutes=5)
"""How long one process has to tell of an outage before another tries."""

_OPEN: Final = text("ended_at IS NULL")


class OutageRow(Base):
    """One time that a job stood still; of a job at most one lasts."""

    __tablename__ = "outages"
    __table_args__ = (
        Index("uq_outages_job", "job", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(info=OPERATIONAL)
    noticed_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    tell_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    told_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    ended_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A job that stands still, of which somebody is to be told."""

    id: UUID
    job: str
    noticed_at: datetime


def begin(session: Session, jobs: Collection[str], now: datetime) -> None:
    """Note that `jobs` stand still; of one that is known to, nothing is noted again."""
    for job in sorted(jobs):
        session.execute(
            insert_once(session, OutageRow)
            .values(id=new_id(now), job=job, noticed_at=now, tell_at=now)
            .on_conflict_do_nothing(index_elements=[OutageRow.job], index_where=_OPEN)
        )


def end(session: Session, jobs: Collection[str], now: datetime) -> None:
    """Note that `jobs` run: what stood still of them does no more."""
    session.execute(update(OutageRow).where(_OPEN, OutageRow.job.in_(jobs)).values(ended_at=now))


def claim(session: Session, now: datetime) -> Sequence[Outage]:
    """Return the outages that last and that nobody was told of; no other process gets them now."""
    rows = session.scalars(
        select(OutageRow)
        .where(_OPEN, OutageRow.told_at.is_(None), OutageRow.tell_at <= now)
        .order_by(OutageRow.id)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.tell_at = now + LEASE
    return [Outage(id=row.id, job=row.job, noticed_at=row.noticed_at) for row in rows]


def told(session: Session, ids: Collection[UUID], now: datetime) -> None:
    """Note that somebody was told."""
    session.execute(update(OutageRow).where(OutageRow.id.in_(ids)).values(told_at=now))
