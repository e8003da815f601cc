"""Copies of databases: what would have become of the same facts otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url

from tests.support import postgresql


@contextmanager
def copy_of(database_url: str) -> Iterator[str]:
    """Give the URL of a copy of a database that nobody uses at the moment."""
    url = make_url(database_url)
    name = f"copy_{uuid4().hex}"
    if url.get_backend_name() == "sqlite":
        copied_file = f"{url.database}.{name}"
        for part in ("", "-wal"):
            if Path(f"{url.database}{part}").exists():
                shutil.copyfile(f"{url.database}{part}", f"{copied_file}{part}")
        yield f"sqlite:///{copied_file}"
        return
    copied = postgresql.create_database(url, name, template=str(url.database))
    yield copied.render_as_string(hide_password=False)
    postgresql.drop_database(url, name)
