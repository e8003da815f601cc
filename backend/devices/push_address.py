"""Where to push to a person's phone: an address is one phone's, and so one person's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, insert, or_, select

from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import SYSTEM, Actor
from backend.core.db import Session
from backend.core.rows import KEYS, RowReader
from backend.devices.models import PushAddressRow, PushKind

MAX_ADDRESS_CHARACTERS: Final = 512
_MAX_REASON_CHARACTERS: Final = 100
_IN_USE: Final = PushAddressRow.refused_at.is_(None)
_FIND_IN_USE: Final = RowReader(
    select(PushAddressRow.supervisee_id, PushAddressRow.kind, PushAddressRow.address).where(
        PushAddressRow.supervisee_id == KEYS, _IN_USE
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAddress:
    """An address of Firebase Cloud Messaging; `value` is hidden in repr."""

    kind: PushKind
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushState:
    """Whether a phone takes pushes, since when it does not, and the sender's code for why."""

    activation_id: UUID
    set_at: datetime
    refused_at: datetime | None
    refusal: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The activation whose phone an address is."""

    agency_id: UUID
    supervisee_id: UUID
    activation_id: UUID


def set_push_address(
    session: Session, actor: Actor, holder: Holder, address: PushAddress, now: datetime
) -> None:
    """Make `address` the one that is pushed to for `holder`, and take it from anybody else.

    An app that changed hands keeps its address: left with the one before, that person's messages
    would go to another one's phone. Nothing is written when it is so already.
    """
    mine = PushAddressRow.activation_id == holder.activation_id
    same = (PushAddressRow.address == address.value) & (PushAddressRow.kind == address.kind)
    if session.scalar(select(PushAddressRow.activation_id).where(mine, same, _IN_USE)):
        return
    mine_or_same = or_(mine, PushAddressRow.address == address.value)
    session.execute(delete(PushAddressRow).where(mine_or_same))
    session.execute(
        insert(PushAddressRow).values(
            activation_id=holder.activation_id,
            supervisee_id=holder.supervisee_id,
            agency_id=holder.agency_id,
            kind=address.kind,
            address=address.value,
            set_at=now,
        )
    )
    audit.record(
        session,
        actor,
        Act.PUSH_ADDRESS_SET,
        subject=("activation", holder.activation_id),
        supervisee_id=holder.supervisee_id,
        now=now,
    )


def push_addresses_of(
    session: Session, supervisee_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[PushAddress]]:
    """Return the addresses of some people's phones; who has none is absent."""
    found: defaultdict[UUID, list[PushAddress]] = defaultdict(list)
    for supervisee_id, kind, value in _FIND_IN_USE.read(session, supervisee_ids):
        found[supervisee_id].append(PushAddress(kind=kind, value=value))
    return found


def push_states_of(session: Session, supervisee_id: UUID) -> Sequence[PushState]:
    """Return how it stands with the person's phones that ever took a push, the newest first."""
    rows = session.scalars(
        select(PushAddressRow)
        .where(PushAddressRow.supervisee_id == supervisee_id)
        .order_by(PushAddressRow.activation_id.desc())
    )
    return [
        PushState(
            activation_id=row.activation_id,
            set_at=row.set_at,
            refused_at=row.refused_at,
            refusal=row.refusal,
        )
        for row in rows
    ]


def forget_push_address(session: Session, value: str, *, reason: str, now: datetime) -> None:
    """Push to this address no more; `reason` is the sender's code, kept in the audit record."""
    row = session.scalar(select(PushAddressRow).where(PushAddressRow.address == value, _IN_USE))
    if row is None:
        return
    row.refused_at, row.refusal = now, reason[:_MAX_REASON_CHARACTERS]
    audit.record(
        session,
        SYSTEM,
        Act.PUSH_ADDRESS_FORGOTTEN,
        subject=("activation", row.activation_id),
        supervisee_id=row.supervisee_id,
        agency_id=row.agency_id,
        now=now,
        details={"reason": reason},
    )


def drop_push_address(session: Session, activation_id: UUID) -> None:
    """Push no more to the phone of an activation that has ended."""
    session.execute(delete(PushAddressRow).where(PushAddressRow.activation_id == activation_id))
