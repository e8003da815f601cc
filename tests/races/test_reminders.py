"""Planning at once: whoever comes second finds it done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

from backend.core.db import Database
from backend.reminders.service import PlanReport
from tests.support.clocks import START
from tests.support.devices import supervised_person
from tests.support.reminders import message_ids, owes, planned


def test_planning_at_once_plans_once(postgresql_database: Database) -> None:
    with postgresql_database.transaction() as session:
        for _ in range(5):
            owes(session, supervised_person(session, now=START), date(2026, 3, 7), START)
    barrier = Barrier(4)

    def plan(_: int) -> PlanReport:
        barrier.wait(10)
        return planned(postgresql_database, START)

    with ThreadPoolExecutor(4) as planners:
        reports = list(planners.map(plan, range(4)))

    assert sum(report.added for report in reports) == 15
    assert len(message_ids(postgresql_database)) == 15
