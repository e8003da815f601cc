"""What the clock costs among 100,000 people, of whom a thousand are due: `python -m benchmarks.sweeps`.

The curfew of those who are due begins, and they are at home, as their phones said half a minute
ago. The worker's own job sweeps them: with their rules in the memory of this process, or to be read
first, as after a start, or where there are more people than a process keeps; and once more all
that were never judged before. Seconds are those of the clock on the wall, since the database works
too; beside them is what this process took of a processor, in which SQLite is and PostgreSQL is not.
"""

from __future__ import annotations

import gc
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import insert, select, update

import geofence
from backend.cli import settle
from backend.conditions.models import ConditionRow, OrderRow, VersionRow
from backend.core.clock import unix_s
from backend.core.db import Database, Session, table_of
from backend.core.ids import new_id
from backend.core.rows import Row, RowWriter
from backend.identity import service as identity
from backend.identity.models import SuperviseeRow
from backend.location import person, sweeps
from backend.location.models import PersonState
from backend.location.rulebook import RuleBook
from backend.migrations import upgrade
from backend.worker import jobs
from benchmarks.scene import EXCLUSIONS, HOME, impose_ten_zones
from tests.support import postgresql
from tests.support.conditions import open_case

PEOPLE: Final = 100_000
DUE: Final = 1_000
WEIGHED: Final = 200
AIM_S: Final = 1.0
_NOW: Final = datetime(2026, 3, 3, 3, 0, 20, tzinfo=UTC)
"""Twenty seconds after the curfew began."""
_ORDERED: Final = _NOW - timedelta(days=1)
ZONES: Final = EXCLUSIONS + 1
_PEOPLE: Final = table_of(SuperviseeRow)
_ORDERS: Final = table_of(OrderRow)
_CONDITIONS: Final = table_of(ConditionRow)
_VERSIONS: Final = table_of(VersionRow)
_STATES: Final = table_of(PersonState)
_PUT_BACK: Final = RowWriter(_STATES, replaces=True)


class Seconds(NamedTuple):
    """How long a round took: by the clock on the wall, and of a processor by this process."""

    wall: float
    cpu: float

    @property
    def cell(self) -> str:
        """What stands in the table."""
        return f"{self.wall:8.2f} {self.cpu / DUE * 1000:7.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """From asking who is due until nobody is any more."""

    name: str
    warm: Seconds
    cold: Seconds
    never_judged: Seconds
    each_kb: float

    def row(self) -> str:
        """Return the run as a line of the table."""
        cells = " ".join(one.cell for one in (self.warm, self.cold, self.never_judged))
        met = ["met" if one.wall < AIM_S else "MISSED" for one in (self.warm, self.cold)]
        aims = f"under {AIM_S:.0f} s: {met[0]} with rules in memory, {met[1]} where read first"
        return f"{self.name:10} {cells} {self.each_kb:8.1f}   {aims}"


def measure(name: str, database_url: str) -> Measured:
    """Return how long a round of sweeping takes, on a database that is filled for it."""
    database, book = Database(database_url), RuleBook()
    upgrade(database)
    due = _fill(database)
    never_judged = _round(database, RuleBook(), _NOW - timedelta(minutes=2))
    rows = _hear_of(database, due)
    cold = _round(database, book, _NOW)
    with database.transaction() as session:
        _PUT_BACK.write(session, rows)
    warm = _round(database, book, _NOW)
    each_kb = _kept_kb(database, due[:WEIGHED])
    database.close()
    return Measured(
        name=name,
        warm=warm,
        cold=cold,
        never_judged=never_judged,
        each_kb=each_kb,
    )


def _kept_kb(database: Database, people: Sequence[UUID]) -> float:
    """Return what the rules of a person and their judgement take in memory once they were swept."""
    book = RuleBook()
    tracemalloc.start()
    with database.snapshot() as session:
        epochs = {one: identity.rules_epoch(session, one) for one in people}
        rules = book.of_all(session, epochs, _NOW)
    states = []
    for one in rules.values():
        state = geofence.State.begin(at_s=unix_s(_ORDERED), parameters=one.parameters)
        judged = geofence.judge(
            state,
            [_fix(0, unix_s(_NOW) - 60)],
            one.prepared,
            until_s=unix_s(_NOW),
            parameters=one.parameters,
        )
        states.append(judged.state.dumps())
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / len(states) / 1000


def _round(database: Database, book: RuleBook, now: datetime) -> Seconds:
    """Sweep as the worker does, until nobody is due."""
    gc.collect()
    began, worked = time.perf_counter(), time.process_time()
    while jobs.sweep(database, book, now):
        pass
    seconds = Seconds(time.perf_counter() - began, time.process_time() - worked)
    with database.snapshot() as session:
        if sweeps.due(session, now):
            raise RuntimeError("somebody is due still")
    return seconds


def _hear_of(database: Database, people: Sequence[UUID]) -> list[Row]:
    """Let each be judged by a fix at home, half a minute before the curfew; return their rows."""
    at, book = _NOW - timedelta(seconds=50), RuleBook()
    with database.transaction() as session:
        for number, one in enumerate(person.lock_free(session, people)):
            rules = book.of(session, one.supervisee_id, one.rules_epoch, at)
            state = geofence.State.loads(one.judgement or b"")
            judged = geofence.judge(
                state,
                [_fix(number, unix_s(at))],
                rules.prepared,
                until_s=unix_s(at),
                parameters=rules.parameters,
            )
            heard = one.received(at).with_judgement(judged.state, rules)
            person.save(session, heard, rules, at)
        among = _STATES.c.supervisee_id.in_(people)
        return [dict(row) for row in session.execute(select(_STATES).where(among)).mappings()]


def _fix(number: int, at_s: int) -> geofence.Fix:
    latitude, longitude = HOME
    return geofence.Fix(
        digest=number.to_bytes(32),
        activation=str(number),
        seq=1,
        at_s=at_s,
        mono_ms=at_s * 1000,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=10.0,
    )


def _fill(database: Database) -> list[UUID]:
    """Make the people: those who are due with an order and ten zones, the others resting."""
    with database.transaction() as session:
        case = open_case(session, now=_ORDERED, name="sweeps")
        impose_ten_zones(session, case, _ORDERED)
        columns = session.execute(select(_PEOPLE)).mappings().one()
        ids = [new_id(_NOW) for _ in range(PEOPLE - 1)]
        session.execute(insert(_PEOPLE), [{**columns, "id": one} for one in ids])
        person.lock(session, case.supervisee_id, case.agency_id, _NOW)
        state = dict(session.execute(select(_STATES)).mappings().one())
        state |= {"next_due_s": unix_s(_NOW) + 86_400, "judged_epoch": columns["rules_epoch"]}
        session.execute(insert(_STATES), [{**state, "supervisee_id": one} for one in ids])
        due = ids[:DUE]
        for one in due:
            _copy_conditions(session, one)
        session.execute(
            update(_STATES).where(_STATES.c.supervisee_id.in_(due)).values(next_due_s=0)
        )
    return due


def _copy_conditions(session: Session, supervisee_id: UUID) -> None:
    """Order of a person all that was ordered of the first one."""
    orders, conditions, versions = (
        [
            dict(row)
            for row in session.execute(select(table).order_by(table.c.id).limit(count)).mappings()
        ]
        for table, count in ((_ORDERS, 1), (_CONDITIONS, ZONES), (_VERSIONS, ZONES))
    )
    news = {row["id"]: new_id(_NOW) for row in (*orders, *conditions)}
    for row in orders:
        row |= {"id": news[row["id"]], "supervisee_id": supervisee_id}
    for row in conditions:
        row |= {"id": news[row["id"]], "order_id": news[row["order_id"]]}
    for row in versions:
        row |= {"id": new_id(_NOW), "condition_id": news[row["condition_id"]]}
    session.execute(insert(_ORDERS), orders)
    session.execute(insert(_CONDITIONS), conditions)
    session.execute(insert(_VERSIONS), versions)


def tables() -> None:
    """Print the table."""
    settle()  # as every server and worker does
    print(f"{'':10} {'in memory':>16} {'read first':>16} {'never judged':>16} {'memory':>8}")
    print(f"{'database':10} {' '.join(['       s  ms CPU'] * 3)} {'kB each':>8}")
    with tempfile.TemporaryDirectory() as folder:
        print(measure("SQLite", f"sqlite:///{folder}/sweeps.sqlite3").row())
    with postgresql.server(durable=True) as url:
        database = postgresql.create_database(url, "sweeps")
        print(measure("PostgreSQL", database.render_as_string(hide_password=False)).row())


if __name__ == "__main__":
    tables()
