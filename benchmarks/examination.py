"""What examining for signals costs for one person: `python -m benchmarks.examination`.

A hundred people of one agency sent a fix a minute for a day, each a kilometre north of the next. The
worker's own job examines them for the first time (a day read at once), and after each of three
quarters of an hour with fifteen more fixes of each. Twice it goes on from the stored course; once,
a day after that began, it reads anew. CPU is that of this process: on SQLite with the database in
it, on PostgreSQL without.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from sqlalchemy import func, insert, select, update

import geofence
from backend.core.clock import from_unix_s, unix_s
from backend.core.db import Database, Session, table_of
from backend.core.ids import new_id
from backend.devices import service as devices
from backend.devices.assurance import Platform
from backend.devices.models import ActivationRow, EnrolmentChallenge
from backend.identity.models import SuperviseeRow
from backend.location import person
from backend.location.models import Fix, Footprint, PersonState
from backend.migrations import upgrade
from backend.worker import jobs
from benchmarks import signals
from benchmarks.judgement.scenes import DAY_S, START_S
from tests.support import postgresql
from tests.support.conditions import Case, open_case

PEOPLE: Final = 100
EVERY_S: Final = 60
MORE: Final = 15
TIMES: Final = 3
_APART_DEGREES: Final = 0.01
_BEGAN: Final = from_unix_s(START_S)
_PEOPLE: Final = table_of(SuperviseeRow)
_FIXES: Final = table_of(Fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """CPU milliseconds for one person: a day at once, fifteen fixes more, and those read anew."""

    name: str
    day_ms: float
    going_on_ms: float
    anew_ms: float

    def row(self) -> str:
        """Return the run as a line of the table."""
        return f"{self.name:12} {self.day_ms:10.2f} {self.going_on_ms:12.2f} {self.anew_ms:9.2f}"


def measure(name: str, database_url: str) -> Measured:
    """Return what examining costs on a database that is filled for it.

    Raises RuntimeError if nothing was kept of what was looked at.
    """
    database = Database(database_url)
    upgrade(database)
    with database.transaction() as session:
        phones = _enrol(session, open_case(session, now=_BEGAN, name="examination"))
    first, *parts = _parts()
    day_ms = _examined_ms(database, phones, first)
    going_on_ms, _, anew_ms = sorted(_examined_ms(database, phones, part) for part in parts)
    with database.snapshot() as session:
        kept = session.scalars(select(func.count()).select_from(Footprint)).one()
    database.close()
    if kept < PEOPLE:
        raise RuntimeError(f"{kept} footprints of {PEOPLE} people")
    return Measured(name=name, day_ms=day_ms, going_on_ms=going_on_ms, anew_ms=anew_ms)


def _parts() -> Iterator[list[geofence.Fix]]:
    """Give what a phone tells of a day with a way to work and back, and of each quarter after it."""
    rng = np.random.default_rng(1)
    east_m = np.concatenate([signals.day(EVERY_S, rng), np.zeros(TIMES * MORE)])
    fixes = signals.told(east_m, EVERY_S, START_S, rng)
    a_day = DAY_S // EVERY_S
    yield fixes[:a_day]
    for begins in range(a_day, len(fixes), MORE):
        yield fixes[begins : begins + MORE]


def _examined_ms(
    database: Database, phones: Sequence[tuple[UUID, UUID]], fixes: Sequence[geofence.Fix]
) -> float:
    """Let everybody send fixes, and examine until nobody is due; return the CPU for each."""
    now = from_unix_s(fixes[-1].at_s + 1)
    with database.transaction() as session:
        session.execute(insert(_FIXES), list(_rows(phones, fixes, now)))
        heard = {"received_ms": 1000 * unix_s(now), "until_s": fixes[-1].at_s}
        session.execute(update(PersonState).values(heard))
    gc.collect()
    began_s = time.process_time()
    while jobs.examine(database, now):
        pass
    return (time.process_time() - began_s) / len(phones) * 1e3


def _rows(
    phones: Sequence[tuple[UUID, UUID]], fixes: Sequence[geofence.Fix], now: datetime
) -> Iterator[dict[str, object]]:
    for number, (supervisee_id, activation_id) in enumerate(phones):
        for fix in fixes:
            yield {
                "activation_id": activation_id,
                "seq": fix.seq,
                "supervisee_id": supervisee_id,
                "digest": fix.digest,
                "taken_s": fix.at_s,
                "received_ms": 1000 * unix_s(now),
                "mono_ms": fix.mono_ms,
                "boot": fix.boot,
                "latitude": fix.latitude + number * _APART_DEGREES,
                "longitude": fix.longitude,
                "accuracy_m": fix.accuracy_m,
                "usable": True,
                "signals": "",
                "assurance": "software",
                "signed": "x" * 900,
            }


def _enrol(session: Session, case: Case) -> list[tuple[UUID, UUID]]:
    """Make people like the first, each with a phone; return their ids and those of their phones."""
    columns = dict(session.execute(select(_PEOPLE)).mappings().one())
    code = devices.issue_code(
        session, case.officer, case.supervisee_id, code_key=bytes(32), now=_BEGAN
    )
    phones = [(new_id(_BEGAN), new_id(_BEGAN)) for _ in range(PEOPLE)]
    session.execute(insert(_PEOPLE), [{**columns, "id": one} for one, _ in phones])
    session.execute(
        insert(EnrolmentChallenge),
        [
            {
                "id": phone,
                "code_id": code.id,
                "challenge": str(phone),
                "issued_at": _BEGAN,
                "expires_at": _BEGAN + timedelta(minutes=5),
                "used_at": _BEGAN,
            }
            for _, phone in phones
        ],
    )
    session.execute(
        insert(ActivationRow),
        [
            {
                "id": phone,
                "agency_id": case.agency_id,
                "supervisee_id": one,
                "challenge_id": phone,
                "platform": Platform.ANDROID,
                "app_version": "1",
                "os_version": "1",
                "started_at": _BEGAN,
            }
            for one, phone in phones
        ],
    )
    for one, _ in phones:
        person.lock(session, one, case.agency_id, _BEGAN)
    return phones


def tables() -> None:
    """Print the table."""
    print(f"{'database':12} {'a day ms':>10} {f'{MORE} more ms':>12} {'anew ms':>9}")
    with tempfile.TemporaryDirectory() as folder:
        print(measure("SQLite", f"sqlite:///{folder}/examination.sqlite3").row())
    with postgresql.server(durable=True) as url:
        database = postgresql.create_database(url, "examination")
        print(measure("PostgreSQL", database.render_as_string(hide_password=False)).row())


if __name__ == "__main__":
    tables()
