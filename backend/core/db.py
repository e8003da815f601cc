"""The database: one way to open a transaction, on SQLite and on PostgreSQL alike.

SQLite is the embedded default: one process owns the file (a second is refused), and writers queue
in order of arrival, because SQLite's own busy-waiting starves some of them for seconds.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Executable,
    MetaData,
    Table,
    create_engine,
    event,
    make_url,
)
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

__all__ = [
    "Base",
    "Database",
    "FileOwnedElsewhereError",
    "Session",
    "UtcDateTime",
    "affected_rows",
    "insert_once",
    "is_outage",
    "outage_reason",
    "padded",
    "stored_enum",
    "table_of",
]

Value = TypeVar("Value")

_CONVENTION: Final = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime, on SQLite (which keeps no zone) too; naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC; refuse a time that does not say where it is."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without zone cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The parent of every table."""

    metadata = MetaData(naming_convention=_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration form
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


def stored_enum(members: type[Enum]) -> SqlEnum:
    """Return the column type of an enum kept as its value, so that a table reads by itself."""
    return SqlEnum(
        members,
        native_enum=False,
        create_constraint=False,
        length=60,
        values_callable=lambda kind: [member.value for member in kind],
    )


CONNECT_S: Final = 5
"""How long PostgreSQL may take to accept a connection; a dead host must not hold every thread."""

_READ_ONLY_SQLITE: Final[dict[str, Any]] = {"connectrex_read_only": True}
_READ_ONLY_POSTGRESQL: Final[dict[str, Any]] = {
    "isolation_level": "REPEATABLE READ",
    "postgresql_readonly": True,
}


class FairLock:
    """A lock that is granted in the order in which it was asked for."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._mutex:
            if not self._held:
                self._held = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()

    def __exit__(self, *_: object) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


class FileOwnedElsewhereError(RuntimeError):
    """Another process has this SQLite database open."""


class Database:
    """Gives transactions on one database; close it when done.

    `url` is an SQLAlchemy URL (`sqlite:///path`, `postgresql+psycopg://…`); `pool_size` is how
    many transactions may be open at once (one thread, one transaction).
    """

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.url = _with_driver(make_url(url))
        self.embedded = self.url.get_backend_name() == "sqlite"
        self._owner = _own_file(self.url) if self.embedded else None
        self._write_lock = FairLock() if self.embedded else None
        self._read_only = _READ_ONLY_SQLITE if self.embedded else _READ_ONLY_POSTGRESQL
        self.engine = _create_engine(self.url, pool_size)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session whose work is committed on leaving, or rolled back by an exception."""
        if self._write_lock is None:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
        else:
            with (
                self._write_lock,
                Session(self.engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Give a session that sees one state of the data and cannot change it."""
        with (
            self.engine.connect().execution_options(**self._read_only) as connection,
            Session(connection, expire_on_commit=False) as session,
        ):
            yield session

    def close(self) -> None:
        """Close every connection and let go of the file."""
        self.engine.dispose()
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None


def _with_driver(url: URL) -> URL:
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise ValueError("the database must be sqlite or postgresql")
    if not url.database or url.database == ":memory:":
        raise ValueError("the SQLite database must be a file: one connection per transaction")
    return url


def _own_file(url: URL) -> int:
    """Take the lock file beside the database for the life of this process."""
    path = Path(f"{url.database}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise FileOwnedElsewhereError(
            f"{url.database} is in use by another process: stop it first, or use PostgreSQL"
        ) from None
    return handle


def _create_engine(url: URL, pool_size: int) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=30)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    # Statements of the hot path are prepared at once: there are few, and each runs for every fix.
    # No ping before each use, which would cost every fix a round trip: when the server was away,
    # whoever meets the first dead connection is told to ask again, and the pool drops them all.
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
        pool_pre_ping=False,
        connect_args={
            "prepare_threshold": 1,
            "options": "-c timezone=UTC",
            "connect_timeout": CONNECT_S,
            # A host that vanished without a word is noticed after a minute, not after two hours.
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        },
    )


def _configure_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("connectrex_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def table_of(model: type[Base]) -> Table:
    """Return a model's table: statements on it skip the ORM, which the way of a fix must."""
    table = model.__table__
    if not isinstance(table, Table):
        raise TypeError(model.__name__)
    return table


def padded(values: Collection[Value]) -> list[Value]:
    """Return the values, the last one repeated up to a power of two: for `IN` on the hot path.

    Each length of a list is another statement to prepare; so there are only a few.
    """
    listed = list(values)
    missing = (1 << max(len(listed) - 1, 0).bit_length()) - len(listed)
    return listed + listed[-1:] * missing


def insert_once(session: Session, row: type[Base]) -> Insert:
    """Return an INSERT that can leave out what is there already, on either database."""
    if session.get_bind().dialect.name == "sqlite":
        return cast("Insert", sqlite_insert(row))  # the same clauses under another name
    return postgresql_insert(row)


def affected_rows(session: Session, statement: Executable) -> int:
    """Return how many rows an INSERT, UPDATE or DELETE touched: the answer of compare-and-set."""
    result = session.execute(statement)
    count: int = getattr(result, "rowcount", -1)
    return count


def is_outage(error: SQLAlchemyError) -> bool:
    """Return whether the database could not do its work just now: gone, full, locked, too busy.

    Anything else is a mistake in a statement, and ours.
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, OperationalError):
        # SQLite reports a mistake in a statement as operational too.
        return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
    return isinstance(error, PoolTimeoutError)


def outage_reason(error: SQLAlchemyError) -> str:
    """Return the database's own name for an outage (SQLite's) or its number (SQLSTATE)."""
    original = getattr(error, "orig", None)
    name = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    return str(name or "unknown")
