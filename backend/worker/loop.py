"""Runs jobs by the clock until stopped.

Each job has a thread of its own, so that a provider that hangs does not hold up the sweep. A
fault in a job is logged by type and place, counted, and met again in the next slot.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import structlog
from prometheus_client import Counter, Histogram

from backend.core.clock import Clock, unix_s
from backend.core.db import Database
from backend.core.jobs import claim_slot, finish_slot
from backend.core.logs import fault
from notifications.channels.base import Channel

LONGEST_WAIT_S: Final = 1.0
"""How soon a job notices that the clock was stepped, or that it is to stop."""

_RUNS: Final = Counter("connectrex_job_runs", "Runs of jobs by the clock", ["job", "outcome"])
_SECONDS: Final = Histogram("connectrex_job_seconds", "How long runs of jobs take", ["job"])
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something to do every `every_s` seconds.

    `run` returns whether there is more to do at once. A shared job is run by every worker, each
    taking another part of the work, and notes its own heartbeat; of any other job one worker wins
    each slot of time.
    """

    name: str
    every_s: int
    run: Callable[[datetime], bool]
    shared: bool = False


class Worker:
    """Runs `jobs` and closes `channels` when it stops. `stop` waits for running jobs to end."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        jobs: Sequence[Job],
        channels: Sequence[Channel] = (),
        *,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """`wait` sleeps for so many seconds, or less, and returns whether to stop."""
        self._database = database
        self._clock = clock
        self._jobs = jobs
        self._channels = channels
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin, in the background."""
        for job in self._jobs:
            thread = threading.Thread(
                target=self.repeat, args=(job,), name=f"job-{job.name}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End every job after the run that it is in, then close the channels."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def repeat(self, job: Job) -> None:
        """Run `job` in each of its slots until told to stop."""
        last: int | None = None
        while True:
            now = self._clock.now()
            slot = unix_s(now) // job.every_s
            if slot != last:
                last = slot
                self.run(job, now)
            left_s = (slot + 1) * job.every_s - self._clock.now().timestamp()
            if self._wait(min(max(left_s, 0.0), LONGEST_WAIT_S)):
                return

    def run(self, job: Job, now: datetime) -> None:
        """Run `job` once, if this worker is the one to do it now. Raises nothing."""
        try:
            with _SECONDS.labels(job.name).time():
                ran = self._exhaust(job, now) if job.shared else self._win(job, now)
        except Exception as error:  # noqa: BLE001 - one job's fault must not end the others
            _RUNS.labels(job.name, "failed").inc()
            _log.error("job.failed", job=job.name, **fault(error))
        else:
            if ran:
                _RUNS.labels(job.name, "finished").inc()

    def _win(self, job: Job, now: datetime) -> bool:
        """Run `job` if no other worker has its slot; a run that fails leaves the slot unfinished."""
        with self._database.transaction() as session:
            slot = claim_slot(session, job.name, job.every_s, now)
        if slot is None:
            return False
        self._exhaust(job, now)
        with self._database.transaction() as session:
            finish_slot(session, job.name, slot, self._clock.now())
        return True

    def _exhaust(self, job: Job, now: datetime) -> bool:
        while job.run(now) and not self._stopping.is_set():
            now = self._clock.now()
        return True
