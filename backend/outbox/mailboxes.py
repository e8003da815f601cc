"""Mailboxes that a relay refused for good: left alone for a month, since some come back.

Kept by a hash of the address. An officer who corrects the address makes it another one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import select

from backend.core.db import Session
from backend.outbox.models import MAX_REASON_CHARACTERS, RefusedMailbox

REST: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a relay said of a mailbox, and when. `reason` is a code."""

    reason: str
    refused_at: datetime


def refuse_mailbox(session: Session, address: str, *, reason: str, now: datetime) -> None:
    """Note that the mailbox is not there; the newest refusal counts."""
    reason = reason[:MAX_REASON_CHARACTERS]
    session.merge(RefusedMailbox(address_hash=_hash(address), reason=reason, refused_at=now))


def refused_mailboxes(session: Session, addresses: Collection[str]) -> Mapping[str, Refusal]:
    """Return which of some mailboxes were ever refused, and the newest refusal of each."""
    if not addresses:
        return {}
    by_hash = {_hash(address): address for address in addresses}
    rows = session.scalars(select(RefusedMailbox).where(RefusedMailbox.address_hash.in_(by_hash)))
    return {
        by_hash[row.address_hash]: Refusal(reason=row.reason, refused_at=row.refused_at)
        for row in rows
    }


def rests(refusal: Refusal, now: datetime) -> bool:
    """Whether nothing is to be sent to a mailbox that was so refused."""
    return now - refusal.refused_at < REST


def _hash(address: str) -> bytes:
    return sha256(address.strip().lower().encode()).digest()
