"""The outbox as delivery sees it: notifications' `Store`, each method one short transaction.

Claiming waits for nobody: PostgreSQL skips what another worker is claiming (FOR UPDATE SKIP
LOCKED), SQLite has one writer at a time. A claim is a lease: if its worker dies, the message is
claimed again when the lease lapses, under the next attempt number, and what the dead worker might
still say under the old one is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Row, select, update

from backend.core.db import Database, Session, table_of
from backend.core.jobs import beat
from backend.core.rows import KEYS, RowChanger, RowReader, RowWriter
from backend.outbox.messages import Recipient
from backend.outbox.models import UNSENT, OutboxEvent, OutboxMessage
from backend.outbox.reading import Reader, read
from backend.outbox.rows import STORED, event_columns, message_from, waking_hours_of
from notifications.channels.base import Address, AddressKind
from notifications.delivery import DEFAULT_RETRY, Claim, Content, MessageState, Outcome

HEARTBEAT_JOB: Final = "dispatch"

_BEAT_EVERY: Final = timedelta(seconds=1)

AddressBook = Callable[
    [Session, AbstractSet[Recipient], datetime], Mapping[Recipient, tuple[Address, ...]]
]
"""Says where people can be reached now, the best address first."""
Forget = Callable[[Session, Address, str, datetime], None]
"""Drops an address at which nothing will ever arrive, for a reason that is a code."""

_MESSAGES: Final = table_of(OutboxMessage)
_CLAIMED: Final = tuple(
    _MESSAGES.c[name]
    for name in ("id", "kind", "attempts", "changes", "due_at", "expires_at", "waking_hours")
)


class _Standing(NamedTuple):
    """What of a claimed message its outcome may change, and by which attempt it is claimed."""

    id: UUID
    attempts: int
    changes: int
    next_at: datetime
    withdrawn_at: datetime | None
    sent_at: datetime | None
    via: AddressKind | None


_FIND: Final = RowReader(
    select(*(_MESSAGES.c[name] for name in STORED)).where(
        _MESSAGES.c.id == KEYS, _MESSAGES.c.withdrawn_at.is_(None)
    )
)
_FIND_CLAIMED: Final = RowReader(
    select(*(_MESSAGES.c[name] for name in _Standing._fields))
    .where(_MESSAGES.c.id == KEYS, _MESSAGES.c.state == MessageState.CLAIMED)
    .order_by(_MESSAGES.c.id)
    .with_for_update()
)
_CHANGE: Final = RowChanger(
    _MESSAGES, ("state", "changes", "next_at", "withdrawn_at", "sent_at", "via")
)
_TELL: Final = RowWriter(table_of(OutboxEvent))


class OutboxStore:
    """Implements `notifications.delivery.Store` on `database`.

    `readers` has one reader for each kind of source: it writes the text, and knows what is still
    due. A message without one is tried again, in the hope of a worker that has it.
    """

    def __init__(
        self,
        database: Database,
        *,
        readers: Mapping[str, Reader],
        address_book: AddressBook,
        forget: Forget,
    ) -> None:
        self._database = database
        self._readers = readers
        self._address_book = address_book
        self._forget = forget
        self._beat_at: datetime | None = None

    def claim(self, *, now: datetime, lease_s: float, limit: int) -> Sequence[Claim]:
        """Lease at most `limit` messages that are due, those due longest first."""
        due = (
            select(OutboxMessage.id)
            .where(UNSENT, OutboxMessage.next_at <= now)
            .order_by(OutboxMessage.next_at, OutboxMessage.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        claimed = (
            update(_MESSAGES)
            .where(_MESSAGES.c.id.in_(select(due.c.id)))
            .values(
                state=MessageState.CLAIMED,
                attempts=_MESSAGES.c.attempts + 1,
                changes=_MESSAGES.c.changes + 1,
                next_at=now + timedelta(seconds=lease_s),
            )
            .returning(*_CLAIMED)
        )
        with self._database.transaction() as session:
            rows = sorted(session.execute(claimed), key=lambda row: (row.due_at, row.id))
            _TELL.write(
                session,
                [
                    event_columns(
                        row.id, row.changes, MessageState.CLAIMED, row.attempts, now, reason=""
                    )
                    for row in rows
                ],
            )
        return [_claim_of(row) for row in rows]

    def read_due(self, claims: Sequence[Claim], *, now: datetime) -> Mapping[UUID, Content]:
        """Return text and addresses of those claims whose sources still want them sent."""
        with self._database.snapshot() as session:
            found = _FIND.read(session, [claim.message_id for claim in claims])
            messages = [message_from(dict(zip(STORED, row, strict=True))) for row in found]
            texts, faults = read(session, self._readers, messages, now)
            due = [message for message in messages if message.id in texts]
            addresses = self._address_book(session, {message.recipient for message in due}, now)
        self._set_aside(claims, faults, now)
        return {
            message.id: Content(
                rendered=texts[message.id], addresses=addresses.get(message.recipient, ())
            )
            for message in due
        }

    def _set_aside(
        self, claims: Sequence[Claim], faults: Mapping[UUID, str], now: datetime
    ) -> None:
        """Put back what could not be read, for a later attempt.

        Dispatch takes its absence for "due no more", but by then the message is not CLAIMED, so
        that conclusion is ignored.
        """
        unreadable = [claim for claim in claims if claim.message_id in faults]
        if unreadable:
            self.record(
                [_failed(claim, faults[claim.message_id], now) for claim in unreadable], now=now
            )

    def record(self, outcomes: Sequence[Outcome], *, now: datetime) -> None:
        """Put each message that is still this worker's into its new state; forget dead addresses."""
        by_id = {outcome.message_id: outcome for outcome in outcomes}
        with self._database.transaction() as session:
            ours = [
                standing
                for standing in map(_Standing._make, _FIND_CLAIMED.read(session, by_id))
                if standing.attempts == by_id[standing.id].attempt
            ]
            _CHANGE.write(session, [_changed(one, by_id[one.id], now) for one in ours])
            _TELL.write(session, [_event(one, by_id[one.id], now) for one in ours])
            for outcome in outcomes:
                for address in outcome.forget:
                    self._forget(session, address, outcome.reason, now)

    def heartbeat(self, *, now: datetime) -> None:
        """Note that a pass ended; of many within a second, the first."""
        if self._beat_at is not None and timedelta() <= now - self._beat_at < _BEAT_EVERY:
            return
        with self._database.transaction() as session:
            beat(session, HEARTBEAT_JOB, now)
        self._beat_at = now


def _claim_of(row: Row[*tuple[Any, ...]]) -> Claim:
    return Claim(
        message_id=row.id,
        attempt=row.attempts,
        collapse_key=row.kind.collapse_key,
        expires_at=row.expires_at,
        waking_hours=waking_hours_of(row.waking_hours),
    )


def _changed(standing: _Standing, outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Return all that an outcome may change of a message."""
    is_withdrawn = outcome.state is MessageState.WITHDRAWN
    is_sent = outcome.state is MessageState.SENT
    return {
        "id": standing.id,
        "state": outcome.state,
        "changes": standing.changes + 1,
        "next_at": outcome.retry_at or standing.next_at,
        "withdrawn_at": standing.withdrawn_at or (now if is_withdrawn else None),
        "sent_at": now if is_sent else standing.sent_at,
        "via": outcome.via if is_sent else standing.via,
    }


def _event(standing: _Standing, outcome: Outcome, now: datetime) -> dict[str, Any]:
    return event_columns(
        standing.id,
        standing.changes + 1,
        outcome.state,
        standing.attempts,
        now,
        reason=outcome.reason,
        via=outcome.via,
        reference=outcome.reference,
    )


def _failed(claim: Claim, reason: str, now: datetime) -> Outcome:
    exhausted = claim.attempt >= DEFAULT_RETRY.max_attempts
    wait_s = DEFAULT_RETRY.delay_s(claim.message_id, claim.attempt, None)
    return Outcome(
        message_id=claim.message_id,
        attempt=claim.attempt,
        state=MessageState.EXHAUSTED if exhausted else MessageState.PENDING,
        reason=reason,
        retry_at=None if exhausted else now + timedelta(seconds=wait_s),
    )
