"""Between rows of the outbox and values."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
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


def message_of(row: OutboxMessage) -> Message:
    """Return a row's value."""
    return Message(
        id=row.id,
        kind=row.kind,
        recipient=Recipient(kind=row.recipient_kind, id=row.recipient_id),
        key=row.key,
        source=Source(kind=row.source_kind, id=row.source_id),
        language=row.language,
        due_at=row.due_at,
        expires_at=row.expires_at,
        waking_hours=waking_hours_of(row.waking_hours),
        state=row.state,
        attempts=row.attempts,
        enqueued_at=row.enqueued_at,
        withdrawn_at=row.withdrawn_at,
        sent_at=row.sent_at,
        via=row.via,
        delivered_at=row.delivered_at,
        opened_at=row.opened_at,
    )


def change(
    row: OutboxMessage,
    state: MessageState,
    at: datetime,
    *,
    reason: str,
    via: AddressKind | None = None,
    reference: str = "",
) -> OutboxEvent:
    """Put `row` into `state` and return the line of history that tells of it."""
    row.state = state
    row.changes += 1
    return event_of(row, at, reason=reason, via=via, reference=reference)


def event_of(
    row: OutboxMessage,
    at: datetime,
    *,
    reason: str,
    via: AddressKind | None = None,
    reference: str = "",
) -> OutboxEvent:
    """Return the line of history of the change that `row` has just been through.

    What a provider said is cut to what the table holds: a long answer must not undo a record.
    """
    return OutboxEvent(
        message_id=row.id,
        number=row.changes,
        at=at,
        state=row.state,
        attempt=row.attempts,
        reason=reason[:MAX_REASON_CHARACTERS],
        via=via,
        reference=reference[:MAX_REFERENCE_CHARACTERS],
    )


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
    if column is None:
        return None
    return WakingHours(
        zone=ZoneInfo(column["zone"]),
        opens=time.fromisoformat(column["opens"]),
        closes=time.fromisoformat(column["closes"]),
    )
