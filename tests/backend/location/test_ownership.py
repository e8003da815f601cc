"""A fix belongs to an activation and to its person: the database itself sees to it, on both."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import insert, inspect, select
from sqlalchemy.exc import IntegrityError

import geofence
from backend.core.db import Database, table_of
from backend.core.ids import new_id
from backend.location import fix_rows
from backend.location.models import Fix, Oddity
from backend.migrations import downgrade, upgrade
from tests.support.clocks import FrozenClock
from tests.support.location import HOME, Watched, at, watched_person

_FIXES = table_of(Fix)


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    return watched_person(app, database, clock, curfew=False)


def _rows(watched: Watched) -> list[dict[str, Any]]:
    with watched.database.snapshot() as session:
        found = session.execute(select(_FIXES).order_by(_FIXES.c.seq)).mappings()
        return [dict(row) for row in found]


def _fact_of(row: dict[str, Any]) -> geofence.Fix:
    return geofence.Fix(
        digest=row["digest"],
        activation=str(row["activation_id"]),
        seq=2,
        at_s=row["taken_s"] + 60,
        mono_ms=row["mono_ms"] + 60_000,
        latitude=row["latitude"],
        longitude=row["longitude"],
        accuracy_m=row["accuracy_m"],
    )


def _oddity_of(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in ("activation_id", "seq", "supervisee_id", "taken_s")}
    return kept | {"signals": [], "score": 0.5}


def _add(watched: Watched, **changes: UUID) -> None:
    """Write two more fixes, the second with these changes."""
    (row,) = _rows(watched)
    with watched.database.transaction() as session:
        session.execute(insert(_FIXES), [row | {"seq": 100}, row | {"seq": 101} | changes])


@pytest.mark.parametrize("column", ["activation_id", "supervisee_id"])
def test_a_fix_of_nobody_is_refused_with_all_that_came_with_it(
    watched: Watched, clock: FrozenClock, column: str
) -> None:
    watched.phone.send_fix(at(HOME))

    with pytest.raises(IntegrityError, match="no such owner"):
        _add(watched, **{column: new_id(clock.now())})

    assert [row["seq"] for row in _rows(watched)] == [1]


def test_a_fix_under_the_name_of_somebody_else_is_refused(
    watched: Watched, app: Flask, database: Database, clock: FrozenClock
) -> None:
    watched.phone.send_fix(at(HOME))
    other = watched_person(app, database, clock, curfew=False, name="other")

    with pytest.raises(IntegrityError, match="no such owner"):
        _add(watched, supervisee_id=other.case.supervisee_id)


def test_buffered_fixes_are_held_against_their_owner_too(
    watched: Watched, clock: FrozenClock
) -> None:
    watched.phone.send_fix(at(HOME))
    (row,) = _rows(watched)
    fix = fix_rows.FixRow(fix=_fact_of(row), signals="", refused=None)
    token = fix_rows.FixRows(
        activation_id=new_id(clock.now()),
        supervisee_id=row["supervisee_id"],
        received_ms=row["received_ms"],
        assurance=row["assurance"],
        journal_n=1,
        boot=None,
        rows=[fix],
    )

    with (
        pytest.raises(IntegrityError, match="no such owner"),
        watched.database.transaction() as session,
    ):
        fix_rows.write(session, [token])


def test_a_change_of_the_table_loses_no_fix_and_nothing_that_refers_to_one(
    watched: Watched, clock: FrozenClock
) -> None:
    watched.phone.send_fix(at(HOME))
    clock.step(minutes=1)
    watched.phone.send_fix(at(HOME))
    before = _rows(watched)
    with watched.database.transaction() as session:
        session.execute(insert(table_of(Oddity)), [_oddity_of(before[0])])

    downgrade(watched.database, "0021")
    with watched.database.engine.connect() as connection:
        assert len(inspect(connection).get_foreign_keys("fixes")) == 2
    upgrade(watched.database)

    assert _rows(watched) == before
    with watched.database.snapshot() as session:
        assert session.scalar(select(Oddity.seq)) == before[0]["seq"]
    with pytest.raises(IntegrityError), watched.database.transaction() as session:
        session.execute(insert(table_of(Oddity)), [_oddity_of(before[0]) | {"seq": 77}])
