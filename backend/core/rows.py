"""Many rows in one statement, by the driver: for what runs with every fix, or for many people.

SQLAlchemy sends an INSERT of many rows row by row, which on PostgreSQL is a message and on SQLite a
turn of the interpreter's lock for each. Here a batch is one statement whose text is made once, and
what it reads and writes goes past the compiler, and past the objects that describe a result: those
cost more than the driver itself. Errors are SQLAlchemy's all the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    Column,
    ColumnClause,
    Connection,
    Dialect,
    Enum,
    LargeBinary,
    Select,
    Table,
    Uuid,
    literal_column,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine.interfaces import DBAPICursor

from backend.core.db import Session, UtcDateTime, padded

Row = Mapping[str, Any]
_Convert = Callable[[Any], Any]


KEYS: Final[ColumnClause[Any]] = literal_column("__keys__")
"""What a `RowReader`'s statement compares a column with, by `==`: the keys of the batch."""

_AS_TEXT: Final = (Uuid, UtcDateTime, Enum)
_REMEMBERED: Final = 1024
_PAIRS: Final = 4096
_WRITTEN_TOGETHER: Final = 100
"""Rows of one statement on SQLite, which takes 32,766 values at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A statement as one dialect takes it, and how what is given by name becomes the driver's."""

    text: str
    constants: Row
    binds: Mapping[str, _Convert | None]

    def parameters(self, given: Row) -> dict[str, Any]:
        """Return all but the keys. Raises KeyError if one is missing."""
        values = dict(self.constants)
        for name, bind in self.binds.items():
            values[name] = given[name] if bind is None else bind(given[name])
        return values


class RowReader:
    """Reads what `statement` finds for a batch of keys, which stand in it as `KEYS`.

    Its other parameters are `bindparam`s, given by name, and constants.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self._statement = statement
        self._reading = lru_cache(maxsize=None)(self._reading_of)
        self._text = lru_cache(maxsize=None)(self._text_of)
        self._converters: dict[Dialect, tuple[_Convert | None, ...]] = {}

    def read(self, session: Session, keys: Collection[Any], **given: Any) -> list[tuple[Any, ...]]:
        """Return the rows of `keys`, in the statement's order; a key without row gives none."""
        session.flush()  # as any query of the session does: it sees what was changed before
        connection = session.connection()
        dialect = connection.dialect
        parameters = self._reading(dialect).parameters(given)
        among, named = self._among(keys, postgresql=dialect.name == "postgresql")
        text = self._text(dialect, among)
        with closing(_executed(connection, text, parameters | named)) as cursor:
            converters = self._converters.get(dialect)
            if converters is None:
                converters = self._converters[dialect] = self._converters_of(dialect, cursor)
            return _converted(cursor.fetchall(), converters)

    def _among(self, keys: Collection[Any], *, postgresql: bool) -> tuple[str, dict[str, Any]]:
        """Return what a column is compared with, and its values by name."""
        if postgresql:
            return "= ANY(%(keys)s)", {"keys": _array(keys)}
        named = _named(padded(keys))
        return f"IN ({', '.join(f':{name}' for name in named)})", named

    def _reading_of(self, dialect: Dialect) -> _Reading:
        style = dialect if dialect.name == "postgresql" else sqlite.dialect(paramstyle="named")
        compiled = self._statement.compile(dialect=style)
        binds = {
            name: parameter.type.dialect_impl(dialect).bind_processor(dialect)
            for name, parameter in compiled.binds.items()
        }
        return _Reading(
            text=str(compiled),
            constants={
                name: parameter.value if (bind := binds[name]) is None else bind(parameter.value)
                for name, parameter in compiled.binds.items()
                if not parameter.required
            },
            binds={name: binds[name] for name, one in compiled.binds.items() if one.required},
        )

    def _text_of(self, dialect: Dialect, among: str) -> str:
        return self._reading(dialect).text.replace(f"= {KEYS.name}", among)

    def _converters_of(self, dialect: Dialect, cursor: DBAPICursor) -> tuple[_Convert | None, ...]:
        """Return for each column how the driver's values become ours."""
        columns = self._statement.selected_columns
        found = (
            (column.type, column.type.dialect_impl(dialect).result_processor(dialect, described[1]))
            for column, described in zip(columns, cursor.description, strict=True)
        )
        if dialect.name == "postgresql":
            return tuple(convert for _, convert in found)
        # Many rows are of few people: the text of each identifier, instant and word is read once.
        return tuple(
            lru_cache(_REMEMBERED)(convert) if convert and isinstance(kind, _AS_TEXT) else convert
            for kind, convert in found
        )


class PairReader(RowReader):
    """Reads what `statement` finds for a batch of pairs of an identifier and a whole number.

    It compares a `tuple_` of two columns with `KEYS`.
    """

    def read(self, session: Session, keys: Collection[Any], **given: Any) -> list[tuple[Any, ...]]:
        """Return the rows of `keys`, in the statement's order for each few thousand of them."""
        listed = list(keys)
        pieces = (listed[first : first + _PAIRS] for first in range(0, len(listed), _PAIRS))
        read = super().read
        return [row for piece in pieces for row in read(session, piece, **given)]

    def _among(self, keys: Collection[Any], *, postgresql: bool) -> tuple[str, dict[str, Any]]:
        if postgresql:
            ids, numbers = zip(*keys, strict=True)
            pairs = "SELECT * FROM unnest(%(ids)s::uuid[], %(numbers)s::bigint[])"
            return f"IN ({pairs})", {"ids": _array(ids), "numbers": list(numbers)}
        named = _named([value for pair in padded(keys) for value in pair])
        names = list(named)
        pairs = ", ".join(f"(:{a}, :{b})" for a, b in zip(names[::2], names[1::2], strict=True))
        return f"IN (VALUES {pairs})", named


def _named(keys: Iterable[Any]) -> dict[str, Any]:
    """Return the keys by names, as SQLite takes them."""
    texts = (key.hex if isinstance(key, UUID) else key for key in keys)
    return {f"key_{number}": key for number, key in enumerate(texts)}


def _executed(connection: Connection, text: str, parameters: Any) -> DBAPICursor:
    """Return the driver's cursor after a statement. Raises SQLAlchemy's errors, not the driver's."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(text, parameters)
    except connection.dialect.loaded_dbapi.Error as error:
        # No public name does it: besides raising, a lost connection makes the pool drop all of its.
        connection._handle_dbapi_exception(error, text, None, cursor, None)  # noqa: SLF001
    return cursor


def copy_in(connection: Connection, text: str, rows: bytes) -> None:
    """Send rows to `text`, a COPY FROM STDIN of PostgreSQL, in the form that it names.

    Raises SQLAlchemy's errors, as the rest does.
    """
    with _copying(connection, text) as copy:
        copy.write(rows)


@contextmanager
def _copying(connection: Connection, text: str) -> Iterator[Any]:
    """Give the driver's copy while `text` takes rows in. Raises SQLAlchemy's errors."""
    cursor: Any = connection.connection.cursor()
    try:
        with cursor.copy(text) as copy:
            yield copy
    except connection.dialect.loaded_dbapi.Error as error:
        connection._handle_dbapi_exception(error, text, None, cursor, None)  # noqa: SLF001 - as above
    finally:
        cursor.close()


def _array(keys: Collection[Any]) -> str | list[Any]:
    """Return an array as PostgreSQL's driver takes it; of identifiers, many times faster, as text."""
    if all(isinstance(key, UUID) for key in keys):
        return f"{{{','.join(key.hex for key in keys)}}}"
    return list(keys)


def _converted(
    rows: Sequence[tuple[Any, ...]], converters: Sequence[_Convert | None]
) -> list[tuple[Any, ...]]:
    """Return rows with our values in place of the driver's, worked out column by column."""
    columns = [
        column if convert is None else map(convert, column)
        for column, convert in zip(zip(*rows, strict=True), converters, strict=bool(rows))
    ]
    return list(zip(*columns, strict=True))


class _Batch(ABC):
    """Many rows of `columns` of `table` in one statement, the text of which is made once."""

    def __init__(self, table: Table, columns: Sequence[Column[Any]]) -> None:
        self._table = table
        self._columns = columns
        self._names: Final = tuple(column.name for column in columns)
        self.document_text = lru_cache(maxsize=None)(self._document_text_of)
        self._values_text = lru_cache(maxsize=None)(self._values_text_of)
        self._binds = lru_cache(maxsize=None)(self._binds_of)

    def write(self, session: Session, rows: Sequence[Row]) -> int:
        """Write `rows`, of which none is nothing to do; return how many were not left out."""
        if not rows:
            return 0
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            text = self.document_text(connection.dialect)
            with closing(_executed(connection, text, (_json(rows),))) as cursor:
                return cursor.rowcount
        return sum(
            self._write_values(connection, rows[first : first + _WRITTEN_TOGETHER])
            for first in range(0, len(rows), _WRITTEN_TOGETHER)
        )

    @abstractmethod
    def _document_text_of(self, dialect: Dialect) -> str:
        """Return the text for PostgreSQL: one JSON document, so that it holds for any number."""

    @abstractmethod
    def _values_text_of(self, count: int) -> str:
        """Return the text for SQLite: each value of `count` rows by itself."""

    def _document(self, dialect: Dialect) -> str:
        types = ", ".join(
            f"{c.name} {'text' if _is_bytes(c) else c.type.compile(dialect)}" for c in self._columns
        )
        return f"json_to_recordset(%s::json) AS rows({types})"

    def _marks(self, count: int) -> str:
        return ", ".join([f"({', '.join('?' * len(self._names))})"] * count)

    def _write_values(self, connection: Connection, rows: Sequence[Row]) -> int:
        values = self._values(rows, connection.dialect)
        with closing(_executed(connection, self._values_text(len(rows)), values)) as cursor:
            return cursor.rowcount

    def _values(self, rows: Sequence[Row], dialect: Dialect) -> tuple[Any, ...]:
        binds = self._binds(dialect)
        return tuple(
            row[name] if bind is None else bind(row[name]) for row in rows for name, bind in binds
        )

    def _binds_of(self, dialect: Dialect) -> tuple[tuple[str, _Convert | None], ...]:
        """Return for each column how its values become the driver's."""
        return tuple(
            (column.name, column.type.dialect_impl(dialect).bind_processor(dialect))
            for column in self._columns
        )


class RowWriter(_Batch):
    """Writes rows of `table`, each with every one of its columns.

    A row whose primary key is there already takes its place if `replaces`. One that meets the
    unique index `unless`, such as `(key) WHERE withdrawn_at IS NULL`, is left out. Any other that
    is there twice raises `IntegrityError`.
    """

    def __init__(self, table: Table, *, replaces: bool = False, unless: str | None = None) -> None:
        super().__init__(table, tuple(table.columns))
        self._replaces = replaces
        self._unless = unless

    def _document_text_of(self, dialect: Dialect) -> str:
        names = ", ".join(_read(column) for column in self._columns)
        return f"{self._insert()} SELECT {names} FROM {self._document(dialect)}{self._otherwise()}"  # noqa: S608 - names of our own models

    def _values_text_of(self, count: int) -> str:
        return f"{self._insert()} VALUES {self._marks(count)}{self._otherwise()}"

    def _insert(self) -> str:
        return f"INSERT INTO {self._table.name} ({', '.join(self._names)})"

    def _otherwise(self) -> str:
        if self._unless is not None:
            return f" ON CONFLICT {self._unless} DO NOTHING"
        if not self._replaces:
            return ""
        keys = [column.name for column in self._table.primary_key]
        news = ", ".join(f"{name} = excluded.{name}" for name in self._names if name not in keys)
        return f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {news}"


class RowCopier(RowWriter):
    """Writes rows with long texts: on PostgreSQL by COPY, which takes a text as it is.

    In a JSON document each of its characters is written, looked at and copied several times.
    """

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._types = lru_cache(maxsize=None)(self._types_of)

    def write(self, session: Session, rows: Sequence[Row]) -> int:
        """Write `rows`, as a `RowWriter` does."""
        connection = session.connection()
        if not rows or connection.dialect.name != "postgresql":
            return super().write(session, rows)
        text = f"COPY {self._table.name} ({', '.join(self._names)}) FROM STDIN (FORMAT binary)"
        with _copying(connection, text) as copy:
            copy.set_types(self._types(connection.dialect))
            for row in rows:
                copy.write_row(self._values([row], connection.dialect))
        return len(rows)

    def _types_of(self, dialect: Dialect) -> list[str]:
        """Return the columns' types by the names that the driver knows: those without a length."""
        return [column.type.compile(dialect).lower().split("(")[0] for column in self._columns]


class RowChanger(_Batch):
    """Gives rows of `table` new values of `changes`; `write` takes each with its primary key.

    A row that is not there is left out.
    """

    def __init__(self, table: Table, changes: Sequence[str]) -> None:
        keys = tuple(table.primary_key)
        super().__init__(table, (*keys, *(table.c[name] for name in changes)))
        self._keys = keys
        self._changes = self._columns[len(keys) :]

    def _document_text_of(self, dialect: Dialect) -> str:
        return self._update(self._document(dialect), _read)

    def _values_text_of(self, count: int) -> str:
        # SQLite numbers the columns of bare values.
        numbers = {column: f"rows.column{n}" for n, column in enumerate(self._columns, start=1)}
        return self._update(f"(VALUES {self._marks(count)}) AS rows", numbers.__getitem__)

    def _update(self, source: str, value: Callable[[Column[Any]], str]) -> str:
        table = self._table.name
        news = ", ".join(f"{column.name} = {value(column)}" for column in self._changes)
        same = " AND ".join(f"{table}.{key.name} = {value(key)}" for key in self._keys)
        return f"UPDATE {table} SET {news} FROM {source} WHERE {same}"  # noqa: S608 - names of our own models


Writing = tuple[_Batch, Sequence[Row]]
"""Rows, and what writes them."""


def write_together(session: Session, writings: Iterable[Writing]) -> None:
    """Write rows of several tables: on PostgreSQL in one statement, which is one way there and back.

    None may need what another of them writes, but for a foreign key.
    """
    filled = [writing for writing in writings if writing[1]]
    connection = session.connection()
    if not filled or connection.dialect.name != "postgresql":
        for batch, rows in filled:
            batch.write(session, rows)
        return
    text = _together(tuple(batch for batch, _ in filled), connection.dialect)
    documents = tuple(_json(rows) for _, rows in filled)
    with closing(_executed(connection, text, documents)):
        pass


@cache
def _together(batches: tuple[_Batch, ...], dialect: Dialect) -> str:
    """Return one statement of several, of which all but the last are named and not asked for."""
    *first, last = (batch.document_text(dialect) for batch in batches)
    if not first:
        return last
    named = ", ".join(f"written_{number} AS ({text})" for number, text in enumerate(first))
    return f"WITH {named} {last}"


def _json(rows: Sequence[Row]) -> str:
    return msgspec.json.encode(rows).decode()


def _read(column: Column[Any]) -> str:
    """Return how a column is read from the JSON document."""
    name = f"rows.{column.name}"
    return f"decode({name}, 'base64')" if _is_bytes(column) else name


def _is_bytes(column: Column[Any]) -> bool:
    """Whether a column's values are base64 in a JSON document."""
    return isinstance(column.type, LargeBinary)
