from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import structlog

from backend.core.db import Database
from backend.core.jobs import claim_slot, heartbeats
from backend.worker.loop import Job, Worker
from tests.support.clocks import START, FrozenClock
from tests.support.notifications import FakeChannel

JOB = "sweep"


@dataclass
class Runs:
    """A job that keeps when it ran, and how often it says that there is more."""

    more: int = 0
    at: list[datetime] = field(default_factory=list)

    def __call__(self, now: datetime) -> bool:
        self.at.append(now)
        return len(self.at) <= self.more


def fails(_: datetime) -> bool:
    raise RuntimeError("Testa Example, 12 Invented Street")


def stepping(clock: FrozenClock, *, seconds: float, times: int) -> Callable[[float], bool]:
    """A wait that moves the clock instead, and says stop after some times."""
    left = iter(range(times))

    def wait(wanted_s: float) -> bool:
        assert 0 <= wanted_s <= 1
        clock.step(seconds=seconds)
        return next(left) == times - 1

    return wait


def finished_at(database: Database, job: str) -> datetime | None:
    with database.snapshot() as session:
        [beat] = heartbeats(session, [job])
        return beat.finished_at


def test_a_job_runs_once_in_each_slot(database: Database, clock: FrozenClock) -> None:
    runs = Runs()
    job = Job(name=JOB, every_s=30, run=runs)
    worker = Worker(database, clock, [job], wait=stepping(clock, seconds=10, times=7))

    worker.repeat(job)

    assert runs.at == [START, START + timedelta(seconds=30), START + timedelta(seconds=60)]
    assert finished_at(database, JOB) == START + timedelta(seconds=60)


def test_a_stepped_clock_is_noticed(database: Database, clock: FrozenClock) -> None:
    runs = Runs()
    job = Job(name=JOB, every_s=3600, run=runs)
    worker = Worker(database, clock, [job], wait=stepping(clock, seconds=5 * 86_400, times=2))

    worker.repeat(job)

    assert runs.at == [START, START + timedelta(days=5)]


def test_a_slot_that_another_worker_has_is_left_to_it(
    database: Database, clock: FrozenClock
) -> None:
    runs = Runs()
    job = Job(name=JOB, every_s=30, run=runs)
    with database.transaction() as session:
        claim_slot(session, JOB, 30, START)

    Worker(database, clock, [job]).run(job, START)

    assert runs.at == []
    assert finished_at(database, JOB) is None


def test_a_shared_job_is_run_by_every_worker(database: Database, clock: FrozenClock) -> None:
    runs = Runs()
    job = Job(name=JOB, every_s=1, run=runs, shared=True)

    for _ in range(2):
        Worker(database, clock, [job]).run(job, START)

    assert runs.at == [START, START]


@pytest.mark.parametrize("shared", [False, True])
def test_a_job_that_has_more_to_do_goes_on_at_once(
    database: Database, clock: FrozenClock, shared: bool
) -> None:
    runs = Runs(more=2)
    job = Job(name=JOB, every_s=30, run=runs, shared=shared)

    Worker(database, clock, [job]).run(job, START)

    assert len(runs.at) == 3


def test_a_job_that_fails_is_told_without_what_it_said_and_leaves_no_heartbeat(
    database: Database, clock: FrozenClock
) -> None:
    job = Job(name=JOB, every_s=30, run=fails)

    with structlog.testing.capture_logs() as logs:
        Worker(database, clock, [job]).run(job, START)

    [entry] = logs
    assert (entry["event"], entry["job"], entry["error_type"]) == (
        "job.failed",
        JOB,
        "RuntimeError",
    )
    assert "Testa" not in str(entry)
    assert finished_at(database, JOB) is None


def test_a_job_that_fails_is_tried_again_and_does_not_stop_the_others(
    database: Database, clock: FrozenClock
) -> None:
    beats = threading.Event()

    def sound(_: datetime) -> bool:
        beats.set()
        return False

    broken = Job(name="broken", every_s=1, run=fails)
    with Worker(database, clock, [broken, Job(name=JOB, every_s=1, run=sound)]):
        assert beats.wait(10)


def test_a_job_that_hangs_does_not_hold_up_the_others(
    database: Database, clock: FrozenClock
) -> None:
    free, ran = threading.Event(), threading.Event()

    def hangs(_: datetime) -> bool:
        free.wait(10)
        return False

    def runs(_: datetime) -> bool:
        ran.set()
        return False

    worker = Worker(
        database,
        clock,
        [Job(name="hangs", every_s=1, run=hangs), Job(name=JOB, every_s=1, run=runs)],
    )
    worker.start()

    overtook = ran.wait(10)

    free.set()
    worker.stop()
    assert overtook


def test_stopping_waits_for_what_runs_and_then_closes_the_channels(
    database: Database, clock: FrozenClock
) -> None:
    begun, order = threading.Event(), list[str]()

    class Closing(FakeChannel):
        def close(self) -> None:
            order.append("closed")

    def slow(_: datetime) -> bool:
        begun.set()
        threading.Event().wait(0.1)
        order.append("ran")
        return True

    worker = Worker(database, clock, [Job(name=JOB, every_s=30, run=slow)], [Closing()])
    worker.start()
    assert begun.wait(10)

    worker.stop()

    assert order[-1] == "closed"
    assert order.count("ran") <= 2
    assert finished_at(database, JOB) == START
