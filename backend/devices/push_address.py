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
from backend.devices.models import PushAddressRow, PushKind

MAX_ADDRESS_CHARACTERS: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAddress:
    """An address of Firebase Cloud Messaging; `value` is hidden in repr."""

    kind: PushKind
    value: str = field(repr=False)


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
    if session.scalar(select(PushAddressRow.activation_id).where(mine, same)):
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
    theirs = select(PushAddressRow).where(PushAddressRow.supervisee_id.in_(supervisee_ids))
    for row in session.scalars(theirs):
        found[row.supervisee_id].append(PushAddress(kind=row.kind, value=row.address))
    return found


def forget_push_address(session: Session, value: str, *, reason: str, now: datetime) -> None:
    """Push to this address no more; `reason` is the sender's code, kept in the audit record."""
    row = session.scalar(select(PushAddressRow).where(PushAddressRow.address == value))
    if row is None:
        return
    session.delete(row)
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
