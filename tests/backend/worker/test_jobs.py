from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import structlog
from flask import Flask
from sqlalchemy import func, select

from backend.audit.models import AuditSeal
from backend.core.clock import unix_s
from backend.core.db import Database, Session
from backend.core.jobs import heartbeats
from backend.core.settings import Settings
from backend.location import sweeps
from backend.location.judging import CHECKPOINT_EVERY_S, HISTORY_S
from backend.location.models import Checkpoint
from backend.location.rulebook import RuleBook
from backend.worker.channels import open_channels
from backend.worker.jobs import SCHEDULE, SEAL_JOB, jobs, seal, sweep
from tests.support.clocks import START, FrozenClock
from tests.support.devices import Person
from tests.support.location import HOME, at, watched_person


def test_every_scheduled_job_runs_when_there_is_nothing_to_do(
    database: Database, settings: Settings, clock: FrozenClock
) -> None:
    found = jobs(database, clock, open_channels(settings, database))

    more = {job.name: job.run(clock.now()) for job in found}

    assert more == dict.fromkeys(SCHEDULE.periods_s, False)


@pytest.mark.parametrize("name", ["renew-status-list", "recheck-devices"])
def test_what_revokes_phones_is_looked_at_every_hour(
    database: Database, settings: Settings, clock: FrozenClock, name: str
) -> None:
    (job,) = (
        one for one in jobs(database, clock, open_channels(settings, database)) if one.name == name
    )

    assert job.every_s == 3600


@pytest.mark.parametrize(("name", "most_s"), [("sweep", 30), ("examine", 60)])
def test_nobody_waits_for_the_clock_longer(name: str, most_s: int) -> None:
    assert SCHEDULE.periods_s[name] <= most_s


@pytest.mark.usefixtures("testa")
def test_sealing_chains_what_was_done_and_leaves_a_heartbeat(database: Database) -> None:
    first, second = seal(database, START), seal(database, START)

    with database.snapshot() as session:
        seals = session.scalars(select(func.count()).select_from(AuditSeal)).one()
        [beat] = heartbeats(session, [SEAL_JOB])
    assert (first, second) == (True, False)
    assert seals > 0
    assert beat.finished_at == START


def test_one_persons_fault_does_not_stop_the_sweep_of_the_others(
    database: Database, testa: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[list[UUID]] = []
    people = dict.fromkeys([testa.agency.id, testa.supervisee_id, testa.officer.id], 0)

    def fails_for_testa(
        _session: Session, _book: RuleBook, some: Collection[UUID], _now: datetime
    ) -> int:
        if testa.supervisee_id in some:
            raise RuntimeError("Testa Example")
        swept.append(list(some))
        return len(some)

    monkeypatch.setattr(sweeps, "due", lambda _session, _now: people)
    monkeypatch.setattr(sweeps, "sweep", fails_for_testa)
    monkeypatch.setattr(RuleBook, "of_all", lambda *_: {})

    with structlog.testing.capture_logs() as logs:
        more = sweep(database, RuleBook(), START)

    assert more is False
    assert swept == [[testa.agency.id], [testa.officer.id]]
    assert [entry["error_type"] for entry in logs] == ["RuntimeError"]
    assert "Testa" not in str(logs)


@pytest.mark.parametrize("works", [True, False])
def test_a_full_batch_is_followed_by_another_unless_all_of_it_failed(
    database: Database, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    def judge(*_: object) -> int:
        if not works:
            raise RuntimeError
        return 1

    monkeypatch.setattr(sweeps, "BATCH", 2)
    monkeypatch.setattr(sweeps, "due", lambda _session, _now: {1: 0, 2: 0})
    monkeypatch.setattr(RuleBook, "of_all", lambda *_: {})
    monkeypatch.setattr(sweeps, "sweep", judge)

    assert sweep(database, RuleBook(), START) is works


def test_checkpoints_that_judging_cannot_begin_from_are_forgotten(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    watched = watched_person(app, database, clock)
    watched.walk([at(HOME)] * 4, every_s=CHECKPOINT_EVERY_S)
    [forget] = [job for job in jobs(database, clock, ()) if job.name == "forget-old-checkpoints"]
    clock.set(START + timedelta(seconds=HISTORY_S + CHECKPOINT_EVERY_S + 1))

    before = checkpoints(database)
    forget.run(clock.now())

    horizon_s = unix_s(clock.now()) - HISTORY_S
    assert min(before) < horizon_s
    assert checkpoints(database) == [until_s for until_s in before if until_s >= horizon_s] != []


def checkpoints(database: Database) -> list[int]:
    with database.snapshot() as session:
        return list(session.scalars(select(Checkpoint.until_s).order_by(Checkpoint.until_s)))
