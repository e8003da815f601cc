"""Between rows of the outbox and values."""

from __future__ import annotations

from datetime import datetime, time
from functools import lru_cache
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.outbox.messages import Message, Recipient, Source
from backend.outbox.models import (
    MAX_REASON_CHARACTERS,
    MAX_REFERENCE_CHARACTERS,
    OutboxEvent,
    OutboxMessage,
)
from notifications.channels.base import AddressKind
from notifications.delivery import MessageState
from notifications.waking_hours import WakingHours

STORED: Final = (
    "id",
    "kind",
    "recipient_kind",
    "recipient_id",
    "key",
    "source_kind",
    "source_id",
    "language",
    "due_at",
    "expires_at",
    "waking_hours",
    "state",
    "attempts",
    "enqueued_at",
    "withdrawn_at",
    "sent_at",
    "via",
    "delivered_at",
    "opened_at",
)
"""The columns that a `Message` is made of."""


def message_of(row: OutboxMessage) -> Message:
    """Return a row's value."""
    return message_from({name: getattr(row, name) for name in STORED})


def message_from(stored: dict[str, Any]) -> Message:
    """Return the value of the columns `STORED`, whose dictionary it uses up."""
    recipient = Recipient(kind=stored.pop("recipient_kind"), id=stored.pop("recipient_id"))
    source = Source(kind=stored.pop("source_kind"), id=stored.pop("source_id"))
    hours = waking_hours_of(stored.pop("waking_hours"))
    return Message(recipient=recipient, source=source, waking_hours=hours, **stored)


def change(row: OutboxMessage, state: MessageState, at: datetime, *, reason: str) -> OutboxEvent:
    """Put `row` into `state` and return the line of history that tells of it."""
    row.state = state
    row.changes += 1
    return OutboxEvent(**event_columns(row.id, row.changes, state, row.attempts, at, reason=reason))


def event_columns(
    message_id: UUID,
    number: int,
    state: MessageState,
    attempt: int,
    at: datetime,
    *,
    reason: str,
    via: AddressKind | None = None,
    reference: str = "",
) -> dict[str, Any]:
    """Return a line of history as it is stored.

    What a provider said is cut to what the table holds: a long answer must not undo a record.
    """
    return {
        "message_id": message_id,
        "number": number,
        "at": at,
        "state": state,
        "attempt": attempt,
        "reason": reason[:MAX_REASON_CHARACTERS],
        "via": via,
        "reference": reference[:MAX_REFERENCE_CHARACTERS],
    }


def waking_hours_column(hours: WakingHours | None) -> dict[str, Any] | None:
    """Return waking hours as they are stored."""
    if hours is None:
        return None
    return {
        "zone": hours.zone.key,
        "opens": hours.opens.isoformat(),
        "closes": hours.closes.isoformat(),
    }


def waking_hours_of(column: dict[str, Any] | None) -> WakingHours | None:
    """Return waking hours from how they are stored."""
    return None if column is None else _waking_hours(**column)


@lru_cache(maxsize=1024)
def _waking_hours(zone: str, opens: str, closes: str) -> WakingHours:
    """Return the one value of hours that many messages share."""
    return WakingHours(
        zone=ZoneInfo(zone), opens=time.fromisoformat(opens), closes=time.fromisoformat(closes)
    )
