from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError, OperationalError

from backend.core.db import Database, Session
from backend.core.jobs import RunSlot
from backend.outbox import service
from backend.outbox.messages import Message
from backend.outbox.models import OutboxEvent
from backend.outbox.store import OutboxStore
from notifications.channels.base import Address, AddressKind
from notifications.delivery import DEFAULT_RETRY, Claim, MessageState, Outcome
from notifications.messages import Rendered
from tests.support.clocks import START
from tests.support.notifications import rendered
from tests.support.outbox import (
    SOURCE_KIND,
    OutboxHarness,
    a_message,
    enqueued,
    history_of,
    state_of,
)
from tests.support.store_contract import StoreContract, StoreHarness

LEASE_S = 300.0


class TestTheOutboxIsAStore(StoreContract):
    @pytest.fixture
    def harness(self, database: Database) -> StoreHarness:
        return OutboxHarness(database)


class UnreadableError(Exception):
    """Names a person, which no log and no row may repeat."""


class Readers:
    """A reader of which one source is broken."""

    def __init__(self, *broken: UUID) -> None:
        self.broken = set(broken)

    def __call__(
        self, _session: Session, messages: Sequence[Message], _now: datetime
    ) -> Mapping[UUID, Rendered]:
        if any(one.source.id in self.broken for one in messages):
            raise UnreadableError("Testa Example")
        return {one.id: rendered() for one in messages}


def a_store(database: Database, reader: Readers) -> OutboxStore:
    return OutboxStore(
        database,
        readers={SOURCE_KIND: reader},
        address_book=lambda _session, people, _now: dict.fromkeys(people, ()),
        forget=lambda *_: None,
    )


def claimed(store: OutboxStore, now: datetime = START) -> Sequence[Claim]:
    return store.claim(now=now, lease_s=LEASE_S, limit=10)


def an_outcome(claim: Claim, state: MessageState, reference: str = "") -> Outcome:
    return Outcome(
        message_id=claim.message_id,
        attempt=claim.attempt,
        state=state,
        reason="TEST",
        via=AddressKind.EMAIL if state is MessageState.SENT else None,
        reference=reference,
    )


def test_a_message_that_cannot_be_read_does_not_hold_up_the_others(database: Database) -> None:
    broken = a_message()
    sound = enqueued(database, a_message())
    unreadable = enqueued(database, broken)
    store = a_store(database, Readers(broken.source.id))

    contents = store.read_due(claimed(store), now=START)

    assert list(contents) == [sound]
    assert state_of(database, unreadable) is MessageState.PENDING


def test_what_could_not_be_read_is_neither_lost_nor_withdrawn(database: Database) -> None:
    broken = a_message()
    message_id = enqueued(database, broken)
    reader = Readers(broken.source.id)
    store = a_store(database, reader)
    [claim] = claimed(store)
    store.read_due([claim], now=START)
    store.record([an_outcome(claim, MessageState.WITHDRAWN)], now=START)

    reader.broken.clear()
    [again] = claimed(store, START + timedelta(minutes=1))

    assert list(store.read_due([again], now=START)) == [message_id]
    assert history_of(database, message_id)[1] == (
        MessageState.PENDING,
        1,
        "FAULT_UnreadableError",
    )


def test_what_can_never_be_read_is_given_up_in_the_end(database: Database) -> None:
    broken = a_message(expires_at=START + timedelta(days=90))
    message_id = enqueued(database, broken)
    store = a_store(database, Readers(broken.source.id))

    for day in range(DEFAULT_RETRY.max_attempts):
        now = START + timedelta(days=day)
        store.read_due(claimed(store, now), now=now)

    assert state_of(database, message_id) is MessageState.EXHAUSTED


def test_a_source_that_nobody_reads_waits_for_a_worker_that_does(database: Database) -> None:
    message_id = enqueued(database, a_message())
    store = OutboxStore(database, readers={}, address_book=lambda *_: {}, forget=lambda *_: None)

    contents = store.read_due(claimed(store), now=START)

    assert dict(contents) == {}
    assert state_of(database, message_id) is MessageState.PENDING


def test_a_database_that_fails_while_reading_stops_the_pass(database: Database) -> None:
    def fails(*_: object) -> Mapping[UUID, Rendered]:
        raise OperationalError("SELECT", {}, Exception("gone"))

    message_id = enqueued(database, a_message())
    store = OutboxStore(
        database, readers={SOURCE_KIND: fails}, address_book=lambda *_: {}, forget=lambda *_: None
    )
    claims = claimed(store)

    with pytest.raises(OperationalError):
        store.read_due(claims, now=START)

    assert state_of(database, message_id) is MessageState.CLAIMED


def test_a_message_withdrawn_while_claimed_is_not_sent(database: Database) -> None:
    message = a_message()
    message_id = enqueued(database, message)
    store = a_store(database, Readers())
    [claim] = claimed(store)

    with database.transaction() as session:
        taken_back = service.withdraw(session, message.source, now=START)

    assert taken_back == 1
    assert dict(store.read_due([claim], now=START)) == {}
    assert state_of(database, message_id) is MessageState.CLAIMED


def test_a_message_withdrawn_while_it_was_being_sent_stays_sent(database: Database) -> None:
    message = a_message()
    message_id = enqueued(database, message)
    store = a_store(database, Readers())
    [claim] = claimed(store)
    with database.transaction() as session:
        service.withdraw(session, message.source, now=START)

    store.record([an_outcome(claim, MessageState.SENT)], now=START)

    assert state_of(database, message_id) is MessageState.SENT


def test_history_tells_every_state_in_order(database: Database) -> None:
    message_id = enqueued(database, a_message())
    store = a_store(database, Readers())
    [first] = claimed(store)
    [second] = claimed(store, START + timedelta(seconds=LEASE_S))

    store.record([an_outcome(first, MessageState.SENT)], now=START + timedelta(hours=1))
    store.record([an_outcome(second, MessageState.SENT)], now=START + timedelta(hours=1))

    assert history_of(database, message_id) == [
        (MessageState.CLAIMED, 1, ""),
        (MessageState.CLAIMED, 2, ""),
        (MessageState.SENT, 2, "TEST"),
    ]


def test_a_long_answer_of_a_provider_does_not_undo_the_record(database: Database) -> None:
    message_id = enqueued(database, a_message())
    store = a_store(database, Readers())
    [claim] = claimed(store)

    store.record([an_outcome(claim, MessageState.SENT, reference="x" * 10_000)], now=START)

    assert state_of(database, message_id) is MessageState.SENT


def test_history_cannot_be_changed(database: Database) -> None:
    message_id = enqueued(database, a_message())
    claimed(a_store(database, Readers()))
    change = update(OutboxEvent).where(OutboxEvent.message_id == message_id)

    with pytest.raises(DBAPIError), database.transaction() as session:
        session.execute(change.values(state=MessageState.SENT))
    with pytest.raises(DBAPIError), database.transaction() as session:
        session.execute(delete(OutboxEvent))

    assert history_of(database, message_id) == [(MessageState.CLAIMED, 1, "")]


def test_a_fault_while_forgetting_an_address_undoes_the_whole_record(database: Database) -> None:
    def fails(*_: object) -> None:
        raise UnreadableError

    message_id = enqueued(database, a_message())
    store = OutboxStore(database, readers={}, address_book=lambda *_: {}, forget=fails)
    [claim] = claimed(store)
    phone = Address(kind=AddressKind.FCM_TOKEN, value="token")
    outcome = Outcome(
        message_id=claim.message_id,
        attempt=claim.attempt,
        state=MessageState.UNDELIVERABLE,
        reason="UNREGISTERED",
        forget=(phone,),
    )

    with pytest.raises(UnreadableError):
        store.record([outcome], now=START)

    assert state_of(database, message_id) is MessageState.CLAIMED


def test_of_many_passes_within_a_second_each_worker_tells_of_one(database: Database) -> None:
    one, other = OutboxHarness(database), OutboxHarness(database)
    half, most = START + timedelta(seconds=0.5), START + timedelta(seconds=0.9)

    one.store.heartbeat(now=START)
    one.store.heartbeat(now=half)
    told_by_one = one.last_heartbeat()
    other.store.heartbeat(now=half)
    told_by_other = one.last_heartbeat()
    one.store.heartbeat(now=most)

    assert (told_by_one, told_by_other, one.last_heartbeat()) == (START, half, half)


def test_a_worker_whose_clock_was_set_back_tells_that_it_lives(database: Database) -> None:
    harness = OutboxHarness(database)
    before = START - timedelta(days=1)
    harness.store.heartbeat(now=START)

    harness.store.heartbeat(now=before)

    with database.snapshot() as session:
        rows = session.scalars(select(RunSlot.finished_at).order_by(RunSlot.slot)).all()
    assert rows == [before, START]
