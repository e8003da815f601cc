"""Work that the clock starts: which process runs a job now, and a heartbeat that shows it did.

Any number of workers may run; for each slot of time (`now // every`) a unique row lets exactly one
of them win. The row is also the heartbeat: a job whose last finished slot is too old is reported
by `/readyz`, so that reminders that stopped are noticed by somebody other than their recipients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.classification import OPERATIONAL
from backend.core.db import Base, Session, insert_once

KEEP_SLOTS: Final = timedelta(days=2)
BEAT_ROW_S: Final = 60
OVERDUE_AFTER: Final = 5
"""How many periods without a finished run make a job overdue."""


class RunSlot(Base):
    """One run of one job: who won the slot, and when it finished."""

    __tablename__ = "run_slots"

    job: Mapped[str] = mapped_column(primary_key=True, info=OPERATIONAL)
    slot: Mapped[int] = mapped_column(primary_key=True, info=OPERATIONAL)
    started_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    finished_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """When a job last finished; None if it never did."""

    job: str
    finished_at: datetime | None

    def is_overdue(self, every_s: int, now: datetime) -> bool:
        """Whether so many periods passed without a finished run that somebody must look."""
        if self.finished_at is None:
            return True
        return now - self.finished_at > timedelta(seconds=max(60, OVERDUE_AFTER * every_s))


def claim_slot(session: Session, job: str, every_s: int, now: datetime) -> int | None:
    """Return the slot that this process may run now, or None when another has it already."""
    slot = int(now.timestamp()) // every_s
    statement = (
        insert_once(session, RunSlot)
        .values(job=job, slot=slot, started_at=now)
        .on_conflict_do_nothing()
        .returning(RunSlot.slot)
    )
    return session.scalar(statement)


def finish_slot(session: Session, job: str, slot: int, now: datetime) -> None:
    """Record that the run of `slot` finished, and forget slots of days ago."""
    own = (RunSlot.job == job) & (RunSlot.slot == slot)
    session.execute(update(RunSlot).where(own).values(finished_at=now))
    session.execute(
        delete(RunSlot).where(
            RunSlot.job == job, RunSlot.started_at < now - KEEP_SLOTS, RunSlot.slot != slot
        )
    )


def beat(session: Session, job: str, now: datetime) -> None:
    """Record a finished pass of a job that every worker runs for itself: one row a minute."""
    claim_slot(session, job, BEAT_ROW_S, now)
    finish_slot(session, job, int(now.timestamp()) // BEAT_ROW_S, now)


def heartbeats(session: Session, jobs: list[str]) -> list[Heartbeat]:
    """Return the last finished run of each of `jobs`."""
    rows = session.execute(
        select(RunSlot.job, func.max(RunSlot.finished_at))
        .where(RunSlot.job.in_(jobs))
        .group_by(RunSlot.job)
    )
    last = dict(rows.all())
    return [Heartbeat(job=job, finished_at=last.get(job)) for job in jobs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How often each job runs, in seconds by its name: what `/readyz` holds heartbeats against."""

    periods_s: Mapping[str, int]
