"""Whose key a proof names: the one question that every request of a phone asks the database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Column, Select, select

from backend.core.db import Session
from backend.core.rows import KEYS, RowReader
from backend.devices.assurance import Assurance
from backend.devices.key_state import ENROLLED_STATES, KeyState
from backend.devices.models import DeviceKey

_KEPT_KEYS: Final = 16_384
_UNCOMPRESSED: Final = b"\x04"
_COORDINATE_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyContext:
    """An enrolled key, and whose it is: what a proof is held against."""

    jkt: str
    public_key: ec.EllipticCurvePublicKey
    state: KeyState
    assurance: Assurance
    activation_id: UUID
    supervisee_id: UUID
    agency_id: UUID


# The table, not the class: the mapper's part of a select costs as much as the rest of it.
_COLUMNS: Final = DeviceKey.__table__.c
_KEPT: Final = (
    _COLUMNS.jkt,
    _COLUMNS.public_key,
    _COLUMNS.state,
    _COLUMNS.assurance,
    _COLUMNS.activation_id,
    _COLUMNS.supervisee_id,
    _COLUMNS.agency_id,
)
_CONTEXTS: Final = RowReader(select(*_KEPT).where(_COLUMNS.jkt == KEYS))


def key_context(session: Session, jkt: str) -> KeyContext | None:
    """Return the enrolled key of this thumbprint; None if it never was one, or is one no more.

    One row by its primary key, read anew for every request: what is revoked is so at once, in
    every process. What is kept between requests is what a row becomes, by its very values.
    """
    return key_contexts(session, {jkt}).get(jkt)


def key_contexts(session: Session, jkts: Collection[str]) -> dict[str, KeyContext]:
    """Return the enrolled keys among these thumbprints, as `key_context` does, in one statement."""
    return _enrolled(_CONTEXTS.read(session, jkts))


def beside_keys(columns: Iterable[Any], supervisee_id: Column[UUID]) -> Select[*tuple[Any, ...]]:
    """Return what reads keys by their thumbprints (`KEYS`), and beside each its person's `columns`.

    `supervisee_id` is the column that says whose those are. `split` takes the rows apart.
    """
    return (
        select(*_KEPT, *columns)
        .join(supervisee_id.table, supervisee_id == _COLUMNS.supervisee_id)
        .where(_COLUMNS.jkt == KEYS)
    )


def split(
    rows: Sequence[tuple[Any, ...]],
) -> tuple[dict[str, KeyContext], list[tuple[Any, ...]]]:
    """Return the enrolled keys among rows of `beside_keys`, and what stands beside each row's key."""
    width = len(_KEPT)
    return _enrolled(row[:width] for row in rows), [row[width:] for row in rows]


def _enrolled(rows: Iterable[tuple[Any, ...]]) -> dict[str, KeyContext]:
    found = map(_context, rows)
    return {context.jkt: context for context in found if context.state in ENROLLED_STATES}


@lru_cache(maxsize=_KEPT_KEYS)
def _context(row: tuple[Any, ...]) -> KeyContext:
    jkt, point, state, assurance, activation_id, supervisee_id, agency_id = row
    return KeyContext(
        jkt=jkt,
        public_key=key_of(point),
        state=state,
        assurance=assurance,
        activation_id=activation_id,
        supervisee_id=supervisee_id,
        agency_id=agency_id,
    )


def key_of(point: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key of which `point_of` was kept."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _UNCOMPRESSED + point)


def point_of(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Return what is kept of a public key: X and Y, 32 bytes each."""
    numbers = public_key.public_numbers()
    return numbers.x.to_bytes(_COORDINATE_BYTES) + numbers.y.to_bytes(_COORDINATE_BYTES)
