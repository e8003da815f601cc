"""A worker that ends itself by SIGKILL while it looks for check-ins; a process of its own."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from enum import Enum
from uuid import UUID

from backend.appointments import overdue
from backend.core.clock import SteppedClock
from backend.core.db import Database, Session
from backend.core.settings import Settings
from backend.worker.jobs import look_for_check_ins
from backend.worker.loop import Job, Worker
from tests.faults.dying import die

JOB = "look-for-check-ins"
EVERY_S = 60


class LookStep(Enum):
    """After which the worker dies: it told of the second, uncommitted; or of all."""

    TOLD = "told"
    DONE = "done"


def look_and_die(session: Session, appointment_id: UUID, now: datetime) -> None:
    """Look for a check-in, and die with the second before anything of it is committed."""
    global looked_at  # noqa: PLW0603 - a process of a single purpose
    look(session, appointment_id, now)
    looked_at += 1
    if looked_at > 1:
        die()


def main(step: LookStep) -> None:
    """Look for the check-ins that are due, and die on the way."""
    settings = Settings.from_environment(os.environ)
    assert settings.stepped_clock is not None
    database, clock = Database(settings.database_url), SteppedClock(settings.stepped_clock)
    if step is LookStep.TOLD:
        overdue.look = look_and_die

    def run(now: datetime) -> bool:
        look_for_check_ins(database, now)
        die()
        return False

    job = Job(name=JOB, every_s=EVERY_S, run=run)
    Worker(database, clock, [job]).run(job, clock.now())


looked_at = 0
look = overdue.look

if __name__ == "__main__":
    main(LookStep(sys.argv[1]))
