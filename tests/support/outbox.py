"""Messages for the outbox, and the outbox on a real database as delivery's tests know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select

from backend.core.db import Database, Session
from backend.core.jobs import heartbeats
from backend.outbox import service
from backend.outbox.messages import Message, NewMessage, Recipient, RecipientKind, Source
from backend.outbox.models import OutboxEvent, OutboxMessage
from backend.outbox.store import HEARTBEAT_JOB, OutboxStore
from notifications.channels.base import Address, AddressKind, OutboundMessage
from notifications.delivery import MessageState
from notifications.formats import Language
from notifications.kind import MessageKind
from notifications.messages import Rendered
from notifications.waking_hours import WakingHours
from tests.support.clocks import START
from tests.support.notifications import outbound, rendered

SOURCE_KIND = "test"


def a_person() -> Recipient:
    """A supervised person whom nobody else knows."""
    return Recipient(kind=RecipientKind.SUPERVISEE, id=uuid4())


def a_message(
    *,
    recipient: Recipient | None = None,
    key: str | None = None,
    source: Source | None = None,
    due_at: datetime = START,
    expires_at: datetime | None = None,
    waking_hours: WakingHours | None = None,
) -> NewMessage:
    """A payment reminder to somebody, of a source of its own."""
    return NewMessage(
        kind=MessageKind.PAYMENT,
        recipient=recipient or a_person(),
        key=key or str(uuid4()),
        source=source or Source(kind=SOURCE_KIND, id=uuid4()),
        language=Language.ENGLISH,
        due_at=due_at,
        expires_at=expires_at or due_at + timedelta(days=2),
        waking_hours=waking_hours,
    )


def enqueued(database: Database, message: NewMessage, now: datetime = START) -> UUID:
    """The id of `message`, stored and committed."""
    with database.transaction() as session:
        message_id = service.enqueue(session, message, now=now)
    assert message_id is not None
    return message_id


def to_inbox(supervisee_id: UUID, body: str, *, message_id: UUID | None = None) -> OutboundMessage:
    """A message on its way to the inbox of a person."""
    address = Address(kind=AddressKind.INBOX, value=str(supervisee_id))
    return outbound(
        address,
        message_id=message_id,
        text=replace(rendered(), subject="You have a message", body=body),
    )


def state_of(database: Database, message_id: UUID) -> MessageState:
    """Where the message stands."""
    with database.snapshot() as session:
        return session.scalars(
            select(OutboxMessage.state).where(OutboxMessage.id == message_id)
        ).one()


def history_of(database: Database, message_id: UUID) -> list[tuple[MessageState, int, str]]:
    """State, attempt and reason of every event of the message, oldest first."""
    with database.snapshot() as session:
        events = session.scalars(
            select(OutboxEvent)
            .where(OutboxEvent.message_id == message_id)
            .order_by(OutboxEvent.number)
        )
        return [(event.state, event.attempt, event.reason) for event in events]


class OutboxHarness:
    """Implements `StoreHarness` on a real database; sources and addresses are in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._addresses: dict[Recipient, tuple[Address, ...]] = {}
        self._settled: set[UUID] = set()
        self._forgotten: set[Address] = set()
        self.store = self.store_on(database)

    def store_on(self, database: Database) -> OutboxStore:
        """The outbox of another process: the same sources and addresses, its own connections."""
        return OutboxStore(
            database,
            readers={SOURCE_KIND: self.read},
            address_book=self.addresses,
            forget=self.forget,
        )

    def read(
        self, _session: Session, messages: Sequence[Message], _now: datetime
    ) -> Mapping[UUID, Rendered]:
        return {one.id: rendered() for one in messages if one.id not in self._settled}

    def addresses(
        self, _session: Session, recipients: AbstractSet[Recipient], _now: datetime
    ) -> Mapping[Recipient, tuple[Address, ...]]:
        return {
            one: tuple(known for known in self._addresses[one] if known not in self._forgotten)
            for one in recipients
        }

    def forget(self, _session: Session, address: Address, _reason: str, _now: datetime) -> None:
        self._forgotten.add(address)

    def enqueue(
        self,
        *,
        send_at: datetime,
        expires_at: datetime,
        addresses: tuple[Address, ...],
        waking_hours: WakingHours | None = None,
    ) -> UUID:
        person = a_person()
        self._addresses[person] = addresses
        message = a_message(
            recipient=person, due_at=send_at, expires_at=expires_at, waking_hours=waking_hours
        )
        return enqueued(self._database, message)

    def settle(self, message_id: UUID) -> None:
        self._settled.add(message_id)

    def receipt(self, message_id: UUID, *, at: datetime) -> None:
        with self._database.transaction() as session:
            row = session.get_one(OutboxMessage, message_id)
            person = Recipient(kind=row.recipient_kind, id=row.recipient_id)
            assert service.confirm_delivery(session, person, message_id, now=at)

    def state(self, message_id: UUID) -> MessageState:
        return state_of(self._database, message_id)

    def forgotten(self) -> set[Address]:
        return set(self._forgotten)

    def last_heartbeat(self) -> datetime | None:
        with self._database.snapshot() as session:
            [beat] = heartbeats(session, [HEARTBEAT_JOB])
            return beat.finished_at
