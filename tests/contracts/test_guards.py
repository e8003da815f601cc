"""Evidence refuses to be changed, whatever way the schema came to where it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, MetaData, Table, create_engine, insert, text
from sqlalchemy.exc import DBAPIError

from backend import migrations
from backend.core.db import Database
from backend.core.immutability import guarded_tables, unguard
from backend.migrations import downgrade, metadata, upgrade
from tests.support.clocks import START

REVISIONS: Final = [
    script.revision
    for script in ScriptDirectory(str(Path(migrations.__file__).parent)).walk_revisions()
]
"""From the newest to the first."""
_SQLITE_CATALOGUE: Final = """
SELECT tbl_name AS name, group_concat(sql, ' ') AS definition FROM (
    SELECT tbl_name, sql FROM sqlite_master WHERE type IN ('table', 'trigger') ORDER BY type, name
) GROUP BY tbl_name
"""
_POSTGRESQL_CATALOGUE: Final = """
SELECT relname AS name, concat(columns, triggers) AS definition FROM pg_class
JOIN LATERAL (
    SELECT string_agg(attname, ' ' ORDER BY attnum) AS columns FROM pg_attribute
    WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
) AS attributes ON true
LEFT JOIN LATERAL (
    SELECT string_agg(
        concat(pg_get_triggerdef(pg_trigger.oid), tgenabled, prosrc), ' ' ORDER BY tgname
    ) AS triggers FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE tgrelid = pg_class.oid AND NOT tgisinternal
) AS guards ON true
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
DELETE: Final = "DELETE"
TRUNCATE: Final = "TRUNCATE"
NEEDED: Final = {"fixes": ("activations",), "trail_purges": ("supervisees",)}
"""Whose rows the database wants to see before it takes a row of the table."""
GUARDED_NO_MORE: Final = {"status_lists"}
"""What was found to be no evidence: nothing else that was ever guarded may change."""
ANY: Final[dict[type, Any]] = {
    UUID: UUID(int=1),
    str: "x",
    int: 1,
    float: 1.0,
    bool: True,
    bytes: b"x",
    date: START.date(),
    object: {},
}
"""A row of these alone in every column that must have a value, so that rows fit each other."""


def test_evidence_is_guarded() -> None:
    assert {
        "fixes",
        "journal_tokens",
        "refusals",
        "trail_purges",
        "audit_events",
        "audit_seals",
        "ledger_transactions",
        "ledger_entries",
        "condition_versions",
        "alert_events",
        "device_evidence",
    } <= set(guarded_tables(metadata()))


def test_evidence_refuses_to_be_changed_after_every_migration_down_and_up(
    database: Database,
) -> None:
    guarded, tried = guarded_tables(metadata()), dict[tuple[str, str], set[str]]()
    with owned(database) as connection:
        at_first = definitions(connection)

    for step in steps(database):
        with owned(database) as connection:
            there = definitions(connection)
            assert ever_guarded(there) - GUARDED_NO_MORE <= guarded.keys()
            for name in guarded.keys() & there.keys():
                state = name, there[name]
                if state not in tried:
                    tried[state] = unrefused(connection, name)
                assert tried[state] <= set(guarded[name]), f"{name}, {step}"

    assert {name for name, _ in tried} == guarded.keys()
    assert there == at_first


def test_permits_open_three_triggers_and_no_other(database: Database) -> None:
    opened = {
        True: "SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE :asks",
        False: "SELECT tgname FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
        "WHERE prosrc LIKE :asks",
    }
    with database.engine.connect() as connection:
        found = connection.scalars(text(opened[database.embedded]), {"asks": "%FROM trail_purges%"})

        assert set(found) == {
            f"{name}_no_update" for name in ("fixes", "journal_tokens", "refusals")
        }


def test_a_guard_that_is_missing_is_noticed(database: Database) -> None:
    with owned(database) as connection:
        assert unrefused(connection, "fixes") == set()
        unguard(connection, "fixes")
        assert unrefused(connection, "fixes") >= {"activation_id", "digest", DELETE}


def steps(database: Database) -> Iterator[str]:
    """Take a database from the newest schema to the first and back, one migration at a time."""
    yield "at the newest"
    for revision in REVISIONS[1:]:
        downgrade(database, revision)
        yield f"down at {revision}"
    downgrade(database, "base")
    for revision in reversed(REVISIONS):
        upgrade(database, revision)
        yield f"up at {revision}"


@contextmanager
def owned(database: Database) -> Iterator[Connection]:
    """Give a connection that asks for no foreign keys, and keeps nothing of what it does."""
    engine = create_engine(database.url)
    try:
        with engine.connect() as connection:
            yield connection
            connection.rollback()
    finally:
        engine.dispose()


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def definitions(connection: Connection) -> dict[str, str]:
    """Return all that decides what is refused of each table: its columns, triggers and functions."""
    catalogue = _SQLITE_CATALOGUE if is_sqlite(connection) else _POSTGRESQL_CATALOGUE
    return {row.name: row.definition for row in connection.execute(text(catalogue))}


def ever_guarded(there: dict[str, str]) -> set[str]:
    return {name for name, definition in there.items() if "is append-only" in definition}


def unrefused(connection: Connection, name: str) -> set[str]:
    """Return what may be done to a row of the table: columns to change, or to take rows away."""
    table = Table(name, MetaData(), autoload_with=connection, resolve_fks=False)
    statements = {
        one.name: f'UPDATE {name} SET "{one.name}" = "{one.name}"' for one in table.columns
    }
    statements[DELETE] = f"DELETE FROM {name}"
    if not is_sqlite(connection):
        statements[TRUNCATE] = f"TRUNCATE {name} CASCADE"
    with connection.begin_nested() as savepoint:
        for needed in (*NEEDED.get(name, ()), name):
            put_row(connection, needed)
        found = {act for act, sql in statements.items() if not refuses(connection, name, sql)}
        savepoint.rollback()
    return found


def put_row(connection: Connection, name: str) -> None:
    """Put a row into the table that owes nothing to any other, whatever its foreign keys say."""
    table = Table(name, MetaData(), autoload_with=connection, resolve_fks=False)
    row = {one.name: some_value(one, n) for n, one in enumerate(table.columns) if not one.nullable}
    if is_sqlite(connection):
        connection.execute(insert(table).values(row))
    else:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.execute(insert(table).values(row))
        connection.exec_driver_sql("SET LOCAL session_replication_role = origin")


def some_value(column: Column[Any], number: int) -> Any:
    """Return what fits: the same in every table, except that times follow one another."""
    kind = column.type.python_type
    return START + timedelta(seconds=number) if kind is datetime else ANY[kind]


def refuses(connection: Connection, table: str, statement: str) -> bool:
    try:
        with connection.begin_nested() as savepoint:
            connection.execute(text(statement))
            savepoint.rollback()
    except DBAPIError as error:
        return f"{table} is append-only" in str(error.orig)
    return False
