"""Fakes that implement the ports of `notifications`, and messages to send through them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from notifications.channels.base import (
    Address,
    AddressKind,
    Delivered,
    OutboundMessage,
    SendResult,
)
from notifications.delivery import Claim, Content, MessageState, Outcome, may_become
from notifications.formats import Language
from notifications.kind import CollapseKey
from notifications.messages import Rendered, Template, render
from notifications.waking_hours import WakingHours

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def rendered(reference: str = "TEST-1") -> Rendered:
    """A message in words."""
    return render(Template.ALERT, Language.ENGLISH, {"reference": reference})


def outbound(
    address: Address,
    *,
    message_id: UUID | None = None,
    text: Rendered | None = None,
    expires_at: datetime = NOON + timedelta(days=2),
) -> OutboundMessage:
    """A message on its way to `address`."""
    return OutboundMessage(
        id=message_id or uuid4(),
        address=address,
        rendered=text or rendered(),
        collapse_key=CollapseKey.PAYMENT,
        expires_at=expires_at,
    )


class FakeInbox:
    """An inbox in memory: one entry per message id."""

    def __init__(self) -> None:
        self.entries: dict[UUID, tuple[str, str, str, datetime]] = {}

    def keep(self, messages: Sequence[OutboundMessage], *, at: datetime) -> None:
        for one in messages:
            said = (one.address.value, one.rendered.subject, one.rendered.body, at)
            self.entries.setdefault(one.id, said)


class FakeChannel:
    """A channel that answers as told, and keeps the batches it was given."""

    def __init__(
        self,
        *kinds: AddressKind,
        answer: Callable[[OutboundMessage], SendResult] = lambda message: Delivered(
            reference=f"ref-{message.id}"
        ),
    ) -> None:
        self._kinds = frozenset(kinds)
        self.answer = answer
        self.batches: list[list[OutboundMessage]] = []

    @property
    def kinds(self) -> frozenset[AddressKind]:
        return self._kinds

    @property
    def sent(self) -> list[OutboundMessage]:
        """Every message it was given, in order."""
        return [message for batch in self.batches for message in batch]

    def send(self, batch: Sequence[OutboundMessage], *, now: datetime) -> list[SendResult]:
        del now
        self.batches.append(list(batch))
        return [self.answer(message) for message in batch]

    def close(self) -> None:
        """There is nothing to give back."""


@dataclass(slots=True, kw_only=True)
class _Row:
    """One message of the outbox in memory."""

    due_at: datetime
    expires_at: datetime
    waking_hours: WakingHours | None
    content: Content
    owed: bool = True
    state: MessageState = MessageState.PENDING
    attempt: int = 0
    outcomes: list[Outcome] = field(default_factory=list)


class MemoryStore:
    """The outbox in memory: a `Store`, and a `StoreHarness` for its own contract."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[UUID, _Row] = {}
        self._forgotten: set[Address] = set()
        self._heartbeat: datetime | None = None

    # What delivery asks.

    def claim(self, *, now: datetime, lease_s: float, limit: int) -> Sequence[Claim]:
        with self._lock:
            due = sorted(
                (row.due_at, key)
                for key, row in self._rows.items()
                if row.state in {MessageState.PENDING, MessageState.CLAIMED} and row.due_at <= now
            )
            return [self._claim(key, now, lease_s) for _, key in due[:limit]]

    def _claim(self, key: UUID, now: datetime, lease_s: float) -> Claim:
        row = self._rows[key]
        row.state = MessageState.CLAIMED
        row.due_at = now + timedelta(seconds=lease_s)
        row.attempt += 1
        return Claim(
            message_id=key,
            attempt=row.attempt,
            collapse_key=CollapseKey.PAYMENT,
            expires_at=row.expires_at,
            waking_hours=row.waking_hours,
        )

    def read_due(self, claims: Sequence[Claim], *, now: datetime) -> Mapping[UUID, Content]:
        del now
        with self._lock:
            return {
                claim.message_id: self._reachable(self._rows[claim.message_id].content)
                for claim in claims
                if self._rows[claim.message_id].owed
            }

    def _reachable(self, content: Content) -> Content:
        living = tuple(one for one in content.addresses if one not in self._forgotten)
        return Content(rendered=content.rendered, addresses=living)

    def record(self, outcomes: Sequence[Outcome], *, now: datetime) -> None:
        del now
        with self._lock:
            for outcome in outcomes:
                self._forgotten.update(outcome.forget)
                self._record(outcome)

    def _record(self, outcome: Outcome) -> None:
        row = self._rows[outcome.message_id]
        if row.state is not MessageState.CLAIMED or row.attempt != outcome.attempt:
            return
        row.state = outcome.state
        row.outcomes.append(outcome)
        if outcome.retry_at is not None:
            row.due_at = outcome.retry_at

    def heartbeat(self, *, now: datetime) -> None:
        self._heartbeat = now

    # What tests ask.

    @property
    def store(self) -> MemoryStore:
        return self

    def enqueue(
        self,
        *,
        send_at: datetime,
        expires_at: datetime,
        addresses: tuple[Address, ...],
        waking_hours: WakingHours | None = None,
    ) -> UUID:
        key = uuid4()
        content = Content(rendered=rendered(), addresses=addresses)
        self._rows[key] = _Row(
            due_at=send_at, expires_at=expires_at, waking_hours=waking_hours, content=content
        )
        return key

    def settle(self, message_id: UUID) -> None:
        self._rows[message_id].owed = False

    def receipt(self, message_id: UUID, *, at: datetime) -> None:
        del at
        row = self._rows[message_id]
        if may_become(row.state, MessageState.DELIVERED):
            row.state = MessageState.DELIVERED

    def state(self, message_id: UUID) -> MessageState:
        return self._rows[message_id].state

    def outcomes(self, message_id: UUID) -> list[Outcome]:
        """What was recorded of the message, oldest first."""
        return list(self._rows[message_id].outcomes)

    def forgotten(self) -> set[Address]:
        return set(self._forgotten)

    def last_heartbeat(self) -> datetime | None:
        return self._heartbeat
