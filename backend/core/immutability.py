"""Tables that the database itself keeps from changing, on SQLite and on PostgreSQL.

Fixes, ledger, audit and condition versions are evidence: a bug, a hurried officer or a stolen
password must not be able to rewrite them. Triggers refuse it, whoever asks. Batch migrations on
SQLite rebuild tables and lose triggers: call `guard` again after one; a contract test counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, MetaData

IMMUTABLE_KEY: Final = "immutable"
"""`Table.info[IMMUTABLE_KEY]`: True (nothing changes), or the columns that may, as a tuple."""


def guarded_tables(metadata: MetaData) -> dict[str, tuple[str, ...]]:
    """Return each guarded table's name with the columns that may still change (often none)."""
    return {
        name: table.info[IMMUTABLE_KEY] if isinstance(table.info[IMMUTABLE_KEY], tuple) else ()
        for name, table in metadata.tables.items()
        if table.info.get(IMMUTABLE_KEY)
    }


def guard(
    connection: Connection, table: str, columns: list[str], mutable: tuple[str, ...] = ()
) -> None:
    """Create the triggers that refuse UPDATE (outside `mutable`) and DELETE on `table`.

    `columns` are all columns of the table, `mutable` those that may change.
    """
    frozen = [column for column in columns if column not in mutable]
    statements = _sqlite(table, frozen) if _is_sqlite(connection) else _postgresql(table, frozen)
    for statement in statements:
        connection.exec_driver_sql(statement)


def unguard(connection: Connection, table: str) -> None:
    """Drop the triggers of `table`: for downgrades."""
    suffix = "" if _is_sqlite(connection) else f" ON {table}"
    for act in ("update", "delete"):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_no_{act}{suffix}")


def allow_erasure(
    connection: Connection,
    table: str,
    columns: Iterable[str],
    erased: Mapping[str, str],
    permit: str,
) -> None:
    """Let what `erased` names of a guarded row be set to these SQL literals, if `permit` holds.

    All of them or none, and no other of its `columns`; whatever else changes a row stays refused.
    `permit` is an SQL condition on `OLD`: that an immutable row on record allows it.
    """
    on_sqlite = _is_sqlite(connection)
    same = "IS" if on_sqlite else "IS NOT DISTINCT FROM"
    becomes = {column: f"OLD.{column}" for column in columns} | dict(erased)
    allowed = " AND ".join(f"NEW.{name} {same} {value}" for name, value in becomes.items())
    make = _erasing_sqlite if on_sqlite else _erasing_postgresql
    for statement in make(table, f"{allowed} AND {permit}"):
        connection.exec_driver_sql(statement)


def forbid_erasure(connection: Connection, table: str, columns: list[str]) -> None:
    """Guard `table` as before `allow_erasure`: for downgrades."""
    unguard(connection, table)
    if not _is_sqlite(connection):
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS refuse_change_of_{table}")
    guard(connection, table, columns)


def _erasing_sqlite(table: str, allowed: str) -> list[str]:
    no_update = f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} WHEN NOT ({allowed}) "
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    return [f"DROP TRIGGER {table}_no_update", no_update + refuse]


def _erasing_postgresql(table: str, allowed: str) -> list[str]:
    function = f"refuse_change_of_{table}()"
    refuse = (
        f"CREATE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {allowed} THEN RETURN NEW; END IF; "
        "RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME "
        "USING ERRCODE = 'restrict_violation'; END $$"
    )
    no_update = f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
    return [
        refuse,
        f"DROP TRIGGER {table}_no_update ON {table}",
        no_update + f"FOR EACH ROW EXECUTE FUNCTION {function}",
    ]


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _sqlite(table: str, frozen: list[str]) -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    names = ", ".join(frozen)
    return [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE OF {names} ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
    ]


def _postgresql(table: str, frozen: list[str]) -> list[str]:
    names = ", ".join(frozen)
    refuse = (
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME "
        "USING ERRCODE = 'restrict_violation'; END $$"
    )
    no_update = f"CREATE TRIGGER {table}_no_update BEFORE UPDATE OF {names} ON {table} "
    no_delete = f"CREATE TRIGGER {table}_no_delete BEFORE DELETE OR TRUNCATE ON {table} "
    return [
        refuse,
        no_update + "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        no_delete + "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    ]
