"""Many fixes of one journal into the table at once: COPY on PostgreSQL, one prepared INSERT on SQLite.

By SQLAlchemy's own executemany a row costs five times as much as to judge it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from struct import Struct
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
_COPY: Final = f"COPY fixes ({_COLUMNS}) FROM STDIN (FORMAT binary)"
_INSERT: Final = f"INSERT INTO fixes ({_COLUMNS}) VALUES ({', '.join('?' * 17)})"  # noqa: S608 - constants

# PostgreSQL's binary form of COPY: each row begins with the count of its values, each value with
# its length, which is -1 for NULL. https://www.postgresql.org/docs/current/sql-copy.html
_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL: Final = b"\xff\xff"
_VALUES: Final = (17).to_bytes(2)
_NULL: Final = b"\xff\xff\xff\xff"
_OWN: Final = Struct("> iq i32s iq iq id id id i?").pack
"""What every fix has of its own, in the order of the columns."""


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
    records = [record for token in tokens for record in _records(token)]
    if records:
        copy_in(connection, _COPY, b"".join([_HEAD, *records, _TAIL]))


def _records(token: FixRows) -> list[bytes]:
    """Return rows in COPY's binary form."""
    common = _VALUES + b"".join(
        map(
            _value,
            (
                token.activation_id.bytes,
                token.supervisee_id.bytes,
                token.received_ms.to_bytes(8),
                token.assurance.encode(),
                token.journal_n.to_bytes(8),
                None if token.boot is None else token.boot.to_bytes(8),
                b"",
            ),
        )
    )
    return [common + _own(row.fix) + _marks(row.signals, row.refused) for row in token.rows]


def _own(fix: geofence.Fix) -> bytes:
    return _OWN(
        8,
        fix.seq,
        32,
        fix.digest,
        8,
        fix.at_s,
        8,
        fix.mono_ms,
        8,
        fix.latitude,
        8,
        fix.longitude,
        8,
        fix.accuracy_m,
        1,
        fix.usable,
    )


@cache
def _marks(signals: str, refused: RefusalReason | None) -> bytes:
    return _value(signals.encode()) + _value(None if refused is None else refused.value.encode())


def _value(value: bytes | None) -> bytes:
    return _NULL if value is None else len(value).to_bytes(4) + value
