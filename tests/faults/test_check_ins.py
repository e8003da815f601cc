"""Workers killed while they look for check-ins: each that did not come is told, and told once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from backend.alerts.models import AlertEventRow, AlertRow
from backend.alerts.values import EventKind
from backend.appointments import service
from backend.appointments.service import AppointmentKind, AppointmentTerms
from backend.worker.jobs import look_for_check_ins
from backend.worker.loop import Job, Worker
from tests.faults.dying_look import EVERY_S, JOB, LookStep
from tests.support.clocks import START
from tests.support.conditions import open_case, order_for
from tests.support.sites import Site

CHECK_INS = 3


@pytest.mark.parametrize("step", LookStep)
def test_killed_while_looking_the_worker_tells_of_each_check_in_once(
    site: Site, step: LookStep
) -> None:
    site.clock.step_to(START)
    with site.opened() as database, database.transaction() as session:
        case = open_case(session, now=START)
        order_for(session, case, now=START)
        for _ in range(CHECK_INS):
            service.make_appointment(
                session,
                case.officer,
                case.supervisee_id,
                AppointmentKind.CHECK_IN,
                AppointmentTerms(starts_at=START + timedelta(hours=1)),
                now=START,
            )
    site.clock.step_to(START + timedelta(hours=2))

    dying = [sys.executable, "-m", "tests.faults.dying_look", step.value]
    died = subprocess.run(dying, env={**os.environ, **site.environment}, check=False)
    with site.opened() as database:
        with database.snapshot() as session:
            told_before = len(session.scalars(select(AlertRow)).all())
        for _ in range(2):
            site.clock.step(timedelta(seconds=EVERY_S))
            job = Job(name=JOB, every_s=EVERY_S, run=partial(look_for_check_ins, database))
            Worker(database, site.clock, [job]).run(job, site.clock.now())
        with database.snapshot() as session:
            told = session.scalars(select(AlertRow.source_id)).all()
            kinds = session.scalars(select(AlertEventRow.kind)).all()

    assert died.returncode == -signal.SIGKILL
    assert told_before == {LookStep.TOLD: 1, LookStep.DONE: CHECK_INS}[step]
    assert len(told) == len(set(told)) == CHECK_INS
    assert kinds == [EventKind.RAISED] * CHECK_INS
