"""Migrations build what the models describe, up and down, and keep the triggers."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from backend.core.db import Database
from backend.core.immutability import guarded_tables
from backend.migrations import downgrade, metadata, upgrade


def test_migrations_build_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, metadata()) == []


def test_migrations_go_down_to_nothing_and_up_again(database: Database) -> None:
    downgrade(database, "base")
    with database.engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}

    upgrade(database)
    with database.engine.connect() as connection:
        assert set(metadata().tables) <= set(inspect(connection).get_table_names())


def _triggers(database: Database) -> set[str]:
    query = {
        True: "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        False: "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    with database.engine.connect() as connection:
        return set(connection.scalars(text(query[database.embedded])))


def test_every_guarded_table_has_its_triggers_after_every_migration(database: Database) -> None:
    wanted = {
        f"{table}_no_{act}" for table in guarded_tables(metadata()) for act in ("update", "delete")
    } | {"fixes_have_owners"}

    assert wanted <= _triggers(database)

    downgrade(database, "base")
    upgrade(database)
    assert wanted <= _triggers(database)


def test_evidence_is_guarded() -> None:
    assert {
        "fixes",
        "journal_tokens",
        "refusals",
        "audit_events",
        "audit_seals",
        "ledger_transactions",
        "ledger_entries",
        "condition_versions",
        "alert_events",
        "device_evidence",
    } <= set(guarded_tables(metadata()))


@pytest.mark.parametrize("table", sorted(guarded_tables(metadata())))
def test_a_guarded_table_refuses_to_be_emptied(postgresql_database: Database, table: str) -> None:
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with (
            pytest.raises(DBAPIError, match="append-only"),
            postgresql_database.transaction() as session,
        ):
            session.execute(text(statement))
