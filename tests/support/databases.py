"""A fresh database for every test, copied from a template that the migrations built once."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

from sqlalchemy.engine import URL

from backend.core.db import Database
from backend.migrations import upgrade
from tests.support import postgresql

_TEMPLATE: Final = "connectrex_template"


class SqliteDatabases:
    """Gives databases that are copies of one migrated file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.sqlite3"
        database = Database(f"sqlite:///{self._template}")
        upgrade(database)
        with database.engine.connect() as connection:
            # The copy takes one file: nothing may be left in the write-ahead log.
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()

    @contextlib.contextmanager
    def fresh_url(self) -> Iterator[str]:
        """Give the URL of a database of one's own."""
        path = self._folder / f"{uuid4().hex}.sqlite3"
        shutil.copyfile(self._template, path)
        yield f"sqlite:///{path}"
        for leftover in self._folder.glob(f"{path.name}*"):
            leftover.unlink()


class PostgresqlDatabases:
    """Gives databases that are copies of one migrated template."""

    def __init__(self, server_url: URL) -> None:
        self._server_url = server_url
        self._template = f"{_TEMPLATE}_{uuid4().hex[:8]}"
        url = postgresql.create_database(server_url, self._template)
        database = Database(url.render_as_string(hide_password=False), pool_size=1)
        upgrade(database)
        database.close()

    @contextlib.contextmanager
    def fresh_url(self) -> Iterator[str]:
        """Give the URL of a database of one's own."""
        name = f"test_{uuid4().hex}"
        url = postgresql.create_database(self._server_url, name, template=self._template)
        yield url.render_as_string(hide_password=False)
        postgresql.drop_database(self._server_url, name)
