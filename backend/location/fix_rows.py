"""Many fixes of one journal into the table at once: COPY on PostgreSQL, one prepared INSERT on SQLite.

By SQLAlchemy's own executemany a row costs five times as much as to judge it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Connection

import geofence
from backend.core.db import Session
from backend.core.rows import copy_in
from backend.location.refusals import RefusalReason

_COLUMNS: Final = (
    "activation_id, supervisee_id, received_ms, assurance, journal_n, boot, signed, seq, digest, "
    "taken_s, mono_ms, latitude, longitude, accuracy_m, usable, signals, refused"
)
_COPY: Final = f"COPY fixes ({_COLUMNS}) FROM STDIN"
_INSERT: Final = f"INSERT INTO fixes ({_COLUMNS}) VALUES ({', '.join('?' * 17)})"  # noqa: S608 - constants
_NULL: Final = r"\N"


class FixRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One buffered fix as it is kept; a struct, since there are many."""

    fix: geofence.Fix
    signals: str
    refused: RefusalReason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixRows:
    """The fixes of one token, and what they have in common."""

    activation_id: UUID
    supervisee_id: UUID
    received_ms: int
    assurance: str
    journal_n: int
    boot: int | None
    rows: Sequence[FixRow]


def write(session: Session, tokens: Sequence[FixRows]) -> None:
    """Write the fixes of some tokens in one statement."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        _insert(connection, tokens)
    else:
        _copy(connection, tokens)


def _insert(connection: Connection, tokens: Sequence[FixRows]) -> None:
    values = [row for token in tokens for row in _values(token)]
    if values:
        connection.exec_driver_sql(_INSERT, values)


def _values(token: FixRows) -> list[tuple[Any, ...]]:
    common = (
        token.activation_id.hex,
        token.supervisee_id.hex,
        token.received_ms,
        token.assurance,
        token.journal_n,
        token.boot,
        "",
    )
    return [
        (
            *common,
            row.fix.seq,
            row.fix.digest,
            row.fix.at_s,
            row.fix.mono_ms,
            row.fix.latitude,
            row.fix.longitude,
            row.fix.accuracy_m,
            row.fix.usable,
            row.signals,
            None if row.refused is None else row.refused.value,
        )
        for row in token.rows
    ]


def _copy(connection: Connection, tokens: Sequence[FixRows]) -> None:
    text = "".join(line for token in tokens for line in _lines(token))
    if text:
        copy_in(connection, _COPY, text)


def _lines(token: FixRows) -> list[str]:
    """Return rows in COPY's text form; no text among them holds a tab, a line break or a backslash."""
    boot = _NULL if token.boot is None else token.boot
    common = (
        f"{token.activation_id}\t{token.supervisee_id}\t{token.received_ms}\t{token.assurance}\t"
        f"{token.journal_n}\t{boot}\t\t"
    )
    return [
        f"{common}{row.fix.seq}\t\\\\x{row.fix.digest.hex()}\t{row.fix.at_s}\t{row.fix.mono_ms}\t"
        f"{row.fix.latitude!r}\t{row.fix.longitude!r}\t{row.fix.accuracy_m!r}\t"
        f"{'t' if row.fix.usable else 'f'}\t{row.signals}\t"
        f"{_NULL if row.refused is None else row.refused.value}\n"
        for row in token.rows
    ]
