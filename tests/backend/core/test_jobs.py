from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from backend.core.db import Database
from backend.core.jobs import KEEP_SLOTS, RunSlot, claim_slot, finish_slot, heartbeats

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_one_slot_has_one_winner(database: Database) -> None:
    with database.transaction() as session:
        first = claim_slot(session, "sweep", 30, NOON)
    with database.transaction() as session:
        second = claim_slot(session, "sweep", 30, NOON + timedelta(seconds=29))
        later = claim_slot(session, "sweep", 30, NOON + timedelta(seconds=30))

    assert first is not None
    assert second is None
    assert later == first + 1


def test_jobs_do_not_take_each_others_slots(database: Database) -> None:
    with database.transaction() as session:
        assert claim_slot(session, "sweep", 30, NOON) is not None
        assert claim_slot(session, "seal", 30, NOON) is not None


def test_a_job_that_never_finished_is_overdue(database: Database) -> None:
    with database.transaction() as session:
        claim_slot(session, "sweep", 30, NOON)
        (beat,) = heartbeats(session, ["sweep"])

    assert beat.is_overdue(30, NOON)


def test_a_job_that_stopped_is_overdue(database: Database) -> None:
    with database.transaction() as session:
        slot = claim_slot(session, "sweep", 30, NOON)
        assert slot is not None
        finish_slot(session, "sweep", slot, NOON)
        (beat,) = heartbeats(session, ["sweep"])

    assert not beat.is_overdue(30, NOON + timedelta(seconds=150))
    assert beat.is_overdue(30, NOON + timedelta(seconds=151))


def test_old_slots_are_forgotten_when_a_run_finishes(database: Database) -> None:
    with database.transaction() as session:
        claim_slot(session, "sweep", 30, NOON)
        later = NOON + KEEP_SLOTS + timedelta(minutes=1)
        slot = claim_slot(session, "sweep", 30, later)
        assert slot is not None
        finish_slot(session, "sweep", slot, later)

        assert session.scalar(select(func.count()).select_from(RunSlot)) == 1
