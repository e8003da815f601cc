"""What the clock costs among 100,000 people, of whom a thousand are due: `python -m benchmarks.sweeps`.

The due ones have a curfew that begins; each is swept in a transaction of their own, as the worker
does it. Seconds are those of the clock on the wall, since the database works too.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import insert, select, update

from backend.core.clock import unix_s
from backend.core.db import Database, table_of
from backend.core.ids import new_id
from backend.identity.models import SuperviseeRow
from backend.location import person, sweeps
from backend.location.models import PersonState
from backend.location.rulebook import RuleBook
from backend.migrations import upgrade
from benchmarks.scene import EVERY_NIGHT, HOME
from tests.support import postgresql
from tests.support.conditions import circle, impose_curfew, open_case, order_for

PEOPLE: Final = 100_000
DUE: Final = 1_000
AIM_S: Final = 1.0
_NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
_PEOPLE: Final = table_of(SuperviseeRow)
_STATES: Final = table_of(PersonState)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Seconds to find out who is due, and to sweep them: rules read first, and in memory."""

    name: str
    swept: int
    asking_s: float
    first_s: float
    again_s: float

    def row(self) -> str:
        """Return the run as a line of the table."""
        met = "met" if self.asking_s + self.again_s <= AIM_S else "MISSED"
        return (
            f"{self.name:12} {self.swept:7d} {self.asking_s:10.3f} {self.first_s:10.2f} "
            f"{self.again_s:10.2f}   aim {AIM_S:.0f} s: {met}"
        )


def measure(name: str, database_url: str) -> Measured:
    """Return how long one round of sweeping takes, on a database that is filled for it."""
    database, book = Database(database_url), RuleBook()
    upgrade(database)
    due = _fill(database)
    first_s, asking_s, swept = _round(database, book, _NOW)
    _wake(database, due)
    again_s, _, _ = _round(database, book, _NOW + timedelta(minutes=1))
    database.close()
    return Measured(name=name, swept=swept, asking_s=asking_s, first_s=first_s, again_s=again_s)


def _round(database: Database, book: RuleBook, now: datetime) -> tuple[float, float, int]:
    """Sweep as many as are due, in the worker's batches; return seconds of both, and how many."""
    sweeping_s = asking_s = 0.0
    swept = 0
    while swept < DUE:
        began = time.perf_counter()
        with database.transaction() as session:
            people = sweeps.due(session, now)
        asked = time.perf_counter()
        asking_s += asked - began
        for supervisee_id in people:
            with database.transaction() as session:
                sweeps.sweep(session, book, supervisee_id, now)
        sweeping_s += time.perf_counter() - asked
        swept += len(people)
    return sweeping_s, asking_s, swept


def _fill(database: Database) -> list[UUID]:
    """Make the people: those who are due with an order and a curfew, the others resting."""
    with database.transaction() as session:
        case = open_case(session, now=_NOW - timedelta(days=1), name="sweeps")
        columns = session.execute(select(_PEOPLE)).mappings().one()
        ids = [new_id(_NOW) for _ in range(PEOPLE - 1)]
        session.execute(insert(_PEOPLE), [{**columns, "id": one} for one in ids])
        person.lock(session, case.supervisee_id, case.agency_id, _NOW)
        state = dict(session.execute(select(_STATES)).mappings().one())
        state |= {"next_due_s": unix_s(_NOW) + 86_400, "judged_epoch": columns["rules_epoch"]}
        session.execute(insert(_STATES), [{**state, "supervisee_id": one} for one in ids])
    due = ids[:DUE]
    for one in due:
        with database.transaction() as session:
            theirs = replace(case, supervisee_id=one)
            order = order_for(session, theirs, now=_NOW - timedelta(days=1))
            impose_curfew(
                session,
                theirs,
                order,
                now=_NOW - timedelta(days=1),
                zone=circle(*HOME, 150.0),
                schedule=EVERY_NIGHT,
            )
    _wake(database, due)
    return due


def _wake(database: Database, people: Sequence[UUID]) -> None:
    """Let the clock owe these people a look."""
    with database.transaction() as session:
        session.execute(
            update(_STATES).where(_STATES.c.supervisee_id.in_(people)).values(next_due_s=0)
        )


def tables() -> None:
    """Print the table."""
    print(f"{'database':12} {'swept':>7} {'asking s':>10} {'first s':>10} {'again s':>10}")
    with tempfile.TemporaryDirectory() as folder:
        print(measure("SQLite", f"sqlite:///{folder}/sweeps.sqlite3").row())
    with postgresql.server(durable=True) as url:
        database = postgresql.create_database(url, "sweeps")
        print(measure("PostgreSQL", database.render_as_string(hide_password=False)).row())


if __name__ == "__main__":
    tables()
