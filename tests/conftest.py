"""Fixtures for everything above the pure packages: a database, a clock, an application."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_socket import socket_allow_hosts
from sqlalchemy.engine import URL

from backend.core.db import Database
from backend.core.settings import Mode, Settings, kept_server_keys
from tests.support import postgresql
from tests.support.clocks import FrozenClock
from tests.support.databases import PostgresqlDatabases, SqliteDatabases

PUBLIC_URL = "https://connectrex.test"


@pytest.fixture(autouse=True)
def _only_this_machine() -> None:
    """Forbid every connection to the outside."""
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    """A running PostgreSQL."""
    with postgresql.server() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: URL) -> PostgresqlDatabases:
    """A source of fresh PostgreSQL databases."""
    return PostgresqlDatabases(postgresql_server)


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """A source of fresh SQLite databases."""
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite"))


def _backends() -> list[str]:
    return os.environ.get("TEST_DATABASES", "sqlite,postgresql").split(",")


@pytest.fixture(params=_backends())
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a fresh migrated database, once per backend."""
    source = request.getfixturevalue(f"{request.param}_databases")
    with source.fresh_url() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh migrated database, once per backend."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def postgresql_database(postgresql_databases: PostgresqlDatabases) -> Iterator[Database]:
    """A fresh migrated PostgreSQL database: for races, which SQLite's one writer cannot have."""
    with postgresql_databases.fresh_url() as url:
        database = Database(url)
        yield database
        database.close()


@pytest.fixture
def clock() -> FrozenClock:
    """A clock that stands at Monday, 2 March 2026, 09:00 UTC."""
    return FrozenClock()


@pytest.fixture(scope="session")
def server_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one key that signs tokens and receipts."""
    return kept_server_keys(tmp_path_factory.mktemp("keys") / "server-keys.pem")


@pytest.fixture
def settings(database_url: str, server_keys: Path) -> Settings:
    """Settings of a test application."""
    return Settings(
        mode=Mode.TEST,
        database_url=database_url,
        root_secret=bytes(range(32)),
        server_keys=server_keys,
        public_url=PUBLIC_URL,
    )


@pytest.fixture
def app(settings: Settings, database: Database, clock: FrozenClock) -> Flask:
    """The application on the fresh database and the standing clock."""
    from backend.app import create_app  # noqa: PLC0415 - pure packages are tested without it

    return create_app(settings, database, clock)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the application; base URL is the public one, as phones sign it."""
    return app.test_client()
