"""Many rows in one statement, by the driver: for what runs with every fix.

SQLAlchemy sends an INSERT of many rows row by row, which on PostgreSQL is a message and on SQLite a
turn of the interpreter's lock for each. Here a batch is one statement whose text is made once, and
what it reads and writes goes past the compiler. Errors are SQLAlchemy's all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Column, ColumnClause, Dialect, LargeBinary, Select, Table, literal_column

from backend.core.db import Session, padded

Row = Mapping[str, Any]
_Convert = Callable[[Any], Any]


KEYS: Final[ColumnClause[Any]] = literal_column("__keys__")
"""What a `RowReader`'s statement compares a column with, by `==`: the keys of the batch."""


class RowReader:
    """Reads what `statement` finds for a batch of keys; its one parameter is `KEYS`."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._text = lru_cache(maxsize=None)(self._text_of)
        self._converters = lru_cache(maxsize=None)(self._converters_of)

    def read(self, session: Session, keys: Collection[Any]) -> list[tuple[Any, ...]]:
        """Return the rows of `keys`, in the statement's order; a key without row gives none."""
        connection = session.connection()
        dialect = connection.dialect
        if dialect.name == "postgresql":
            found = connection.exec_driver_sql(self._text(dialect, "= ANY(%s)"), (list(keys),))
        else:
            listed = [key.hex if isinstance(key, UUID) else key for key in padded(keys)]
            marks = f"IN ({', '.join('?' * len(listed))})"
            found = connection.exec_driver_sql(self._text(dialect, marks), tuple(listed))
        converters = self._converters(dialect, tuple(item[1] for item in found.cursor.description))
        return [
            tuple(
                value if convert is None else convert(value)
                for value, convert in zip(row, converters, strict=True)
            )
            for row in found
        ]

    def _text_of(self, dialect: Dialect, among: str) -> str:
        text = str(self._statement.compile(dialect=dialect))
        return text.replace(f"= {KEYS.name}", among)

    def _converters_of(
        self, dialect: Dialect, driver_types: tuple[object, ...]
    ) -> tuple[_Convert | None, ...]:
        """Return for each column how the driver's values become ours."""
        columns = self._statement.selected_columns
        return tuple(
            column.type.dialect_impl(dialect).result_processor(dialect, driver_type)
            for column, driver_type in zip(columns, driver_types, strict=True)
        )


class RowWriter:
    """Writes rows of `table`, each with every one of its columns.

    A row whose primary key is there already takes its place if `replaces`, and raises
    `IntegrityError` if not.
    """

    def __init__(self, table: Table, *, replaces: bool = False) -> None:
        self._table = table
        self._replaces = replaces
        self._names: Final = tuple(column.name for column in table.columns)
        self._document_text = lru_cache(maxsize=None)(self._document_text_of)
        self._values_text = lru_cache(maxsize=None)(self._values_text_of)
        self._binds = lru_cache(maxsize=None)(self._binds_of)

    def write(self, session: Session, rows: Sequence[Row]) -> None:
        """Write `rows`; none is nothing to do."""
        if not rows:
            return
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            text = self._document_text(connection.dialect)
            connection.exec_driver_sql(text, (msgspec.json.encode(rows).decode(),))
        else:
            values = self._values(rows, connection.dialect)
            connection.exec_driver_sql(self._values_text(len(rows)), values)

    def _document_text_of(self, dialect: Dialect) -> str:
        """Return the text for PostgreSQL: one JSON document, so that it holds for any number."""
        columns = self._table.columns
        names = ", ".join(
            f"decode({c.name}, 'base64')" if _is_bytes(c) else c.name for c in columns
        )
        types = ", ".join(
            f"{c.name} {'text' if _is_bytes(c) else c.type.compile(dialect)}" for c in columns
        )
        source = f"json_to_recordset(%s::json) AS rows({types})"
        return f"{self._insert()} SELECT {names} FROM {source}{self._otherwise()}"  # noqa: S608 - names of our own models

    def _values_text_of(self, count: int) -> str:
        """Return the text for SQLite: each value of `count` rows by itself."""
        row = f"({', '.join('?' * len(self._names))})"
        return f"{self._insert()} VALUES {', '.join([row] * count)}{self._otherwise()}"

    def _values(self, rows: Sequence[Row], dialect: Dialect) -> tuple[Any, ...]:
        binds = self._binds(dialect)
        return tuple(
            row[name] if bind is None else bind(row[name]) for row in rows for name, bind in binds
        )

    def _binds_of(self, dialect: Dialect) -> tuple[tuple[str, _Convert | None], ...]:
        """Return for each column how its values become the driver's."""
        return tuple(
            (column.name, column.type.dialect_impl(dialect).bind_processor(dialect))
            for column in self._table.columns
        )

    def _insert(self) -> str:
        return f"INSERT INTO {self._table.name} ({', '.join(self._names)})"

    def _otherwise(self) -> str:
        if not self._replaces:
            return ""
        keys = [column.name for column in self._table.primary_key]
        news = ", ".join(f"{name} = excluded.{name}" for name in self._names if name not in keys)
        return f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {news}"


def _is_bytes(column: Column[Any]) -> bool:
    """Whether a column's values are base64 in a JSON document."""
    return isinstance(column.type, LargeBinary)
