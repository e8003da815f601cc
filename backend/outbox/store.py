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
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from backend.core.db import Database, Session
from backend.core.jobs import beat
from backend.outbox.messages import Recipient
from backend.outbox.models import UNSENT, OutboxEvent, OutboxMessage
from backend.outbox.reading import Reader, read
from backend.outbox.rows import change, event_of, message_of, waking_hours_of
from notifications.channels.base import Address
from notifications.delivery import DEFAULT_RETRY, Claim, Content, MessageState, Outcome

HEARTBEAT_JOB: Final = "dispatch"

AddressBook = Callable[
    [Session, AbstractSet[Recipient], datetime], Mapping[Recipient, tuple[Address, ...]]
]
"""Says where people can be reached now, the best address first."""
Forget = Callable[[Session, Address, str, datetime], None]
"""Drops an address at which nothing will ever arrive, for a reason that is a code."""


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
            update(OutboxMessage)
            .where(OutboxMessage.id.in_(select(due.c.id)))
            .values(
                state=MessageState.CLAIMED,
                attempts=OutboxMessage.attempts + 1,
                changes=OutboxMessage.changes + 1,
                next_at=now + timedelta(seconds=lease_s),
            )
            .returning(OutboxMessage)
            .execution_options(synchronize_session=False)
        )
        with self._database.transaction() as session:
            rows = session.scalars(claimed).all()
            session.add_all(event_of(row, now, reason="") for row in rows)
            return [_claim_of(row) for row in sorted(rows, key=lambda row: (row.due_at, row.id))]

    def read_due(self, claims: Sequence[Claim], *, now: datetime) -> Mapping[UUID, Content]:
        """Return text and addresses of those claims whose sources still want them sent."""
        wanted = select(OutboxMessage).where(
            OutboxMessage.id.in_([claim.message_id for claim in claims]),
            OutboxMessage.withdrawn_at.is_(None),
        )
        with self._database.snapshot() as session:
            messages = [message_of(row) for row in session.scalars(wanted)]
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
        still_claimed = (
            select(OutboxMessage)
            .where(OutboxMessage.id.in_(by_id), OutboxMessage.state == MessageState.CLAIMED)
            .order_by(OutboxMessage.id)
            .with_for_update()
        )
        with self._database.transaction() as session:
            session.add_all(
                _apply(row, by_id[row.id], now)
                for row in session.scalars(still_claimed).all()
                if row.attempts == by_id[row.id].attempt
            )
            for outcome in outcomes:
                for address in outcome.forget:
                    self._forget(session, address, outcome.reason, now)

    def heartbeat(self, *, now: datetime) -> None:
        """Note that a pass ended."""
        with self._database.transaction() as session:
            beat(session, HEARTBEAT_JOB, now)


def _claim_of(row: OutboxMessage) -> Claim:
    return Claim(
        message_id=row.id,
        attempt=row.attempts,
        collapse_key=row.kind.collapse_key,
        expires_at=row.expires_at,
        waking_hours=waking_hours_of(row.waking_hours),
    )


def _apply(row: OutboxMessage, outcome: Outcome, now: datetime) -> OutboxEvent:
    if outcome.retry_at is not None:
        row.next_at = outcome.retry_at
    if outcome.state is MessageState.WITHDRAWN:
        row.withdrawn_at = row.withdrawn_at or now
    if outcome.state is MessageState.SENT:
        row.sent_at, row.via = now, outcome.via
    return change(
        row,
        outcome.state,
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
