"""The schema's history (Alembic): how a database gets from empty to now, and back."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData

import backend
from backend.core.db import Base, Database

_FOLDER: Final = Path(__file__).parent


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database's schema to `revision`; nothing happens when it is there already."""
    with _schema_change(database) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(database: Database, revision: str) -> None:
    """Take the database's schema back to `revision` (`base` is empty)."""
    with _schema_change(database) as connection:
        command.downgrade(_config(connection), revision)


@contextmanager
def _schema_change(database: Database) -> Iterator[Connection]:
    """Give a transaction in which a table may be built anew, whatever refers to it.

    SQLite can change little of a table: it is copied, dropped and the copy renamed. To drop what
    others refer to it must not look at foreign keys, which it can be told only between transactions.
    """
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if database.embedded:
            driver.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
        finally:
            if database.embedded:
                driver.execute("PRAGMA foreign_keys = ON")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config


def metadata() -> MetaData:
    """Return the metadata of every model of every slice."""
    for package in pkgutil.iter_modules(backend.__path__):
        if package.ispkg:
            for path in sorted(Path(_FOLDER.parent / package.name).glob("*models.py")):
                importlib.import_module(f"backend.{package.name}.{path.stem}")
    importlib.import_module("backend.core.jobs")
    importlib.import_module("backend.core.idempotency")
    importlib.import_module("backend.core.outages")
    return Base.metadata
