"""Workers at once on PostgreSQL, each with connections of its own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from backend.core.db import Database
from backend.outbox import service
from backend.outbox.messages import NewMessage
from backend.outbox.models import OutboxEvent, OutboxMessage
from backend.worker.loop import Job, Worker
from notifications.channels.base import Address, AddressKind
from notifications.delivery import MessageState
from notifications.dispatch import dispatch
from tests.support.clocks import START, FrozenClock
from tests.support.notifications import FakeChannel
from tests.support.outbox import OutboxHarness, a_message, enqueued, state_of

WORKERS = 8
MESSAGES = 120
MAIL = Address(kind=AddressKind.EMAIL, value="testa@example.com")


@pytest.fixture
def databases(postgresql_database: Database) -> Iterator[list[Database]]:
    """The same database, as several processes see it."""
    url = postgresql_database.url.render_as_string(hide_password=False)
    with ExitStack() as stack:
        opened = [Database(url, pool_size=2) for _ in range(WORKERS)]
        for one in opened:
            stack.callback(one.close)
        yield opened


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each of the acts returned, all begun at the same moment."""
    barrier = threading.Barrier(len(acts))

    def begin(act: Callable[[], object]) -> object:
        barrier.wait(10)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(begin, acts))


@pytest.mark.parametrize("workers", [2, 8])
def test_workers_share_the_queue_and_send_each_message_once(
    databases: list[Database], workers: int
) -> None:
    databases = databases[:workers]
    first, *_ = databases
    harness = OutboxHarness(first)
    waiting = {
        harness.enqueue(send_at=START, expires_at=START + timedelta(days=1), addresses=(MAIL,))
        for _ in range(MESSAGES)
    }
    mail = [FakeChannel(AddressKind.EMAIL) for _ in databases]

    def work(database: Database, channel: FakeChannel) -> None:
        store = harness.store_on(database)
        while dispatch(store, [channel], lambda: START, limit=7).claimed:
            pass

    at_once(
        *(
            lambda database=database, channel=channel: work(database, channel)
            for database, channel in zip(databases, mail, strict=True)
        )
    )

    sent = Counter(message.id for channel in mail for message in channel.sent)
    assert sent == Counter(waiting)
    with first.snapshot() as session:
        states = set(session.scalars(select(OutboxMessage.state).distinct()))
        events = session.scalars(select(func.count()).select_from(OutboxEvent)).one()
    assert states == {MessageState.SENT}
    assert events == 2 * MESSAGES


def test_the_same_key_put_in_at_once_is_kept_once(databases: list[Database]) -> None:
    message = a_message(key="person:payment:2026-03-02")

    def put(database: Database, one: NewMessage) -> object:
        with database.transaction() as session:
            return service.enqueue(session, one, now=START)

    kept = at_once(*(lambda database=database: put(database, message) for database in databases))

    assert sum(one is not None for one in kept) == 1


def test_withdrawing_while_others_claim_never_leaves_a_message_in_two_states(
    databases: list[Database],
) -> None:
    one, two, *_ = databases
    store = OutboxHarness(two).store
    for _ in range(20):
        message = a_message()
        message_id = enqueued(one, message)

        def withdraw(message: NewMessage = message) -> int:
            with one.transaction() as session:
                return service.withdraw(session, message.source, now=START)

        taken_back, claims = at_once(
            withdraw, lambda: store.claim(now=START, lease_s=300, limit=10)
        )

        assert taken_back == 1
        if claims:
            assert dict(store.read_due(claims, now=START)) == {}  # type: ignore[arg-type]
            assert state_of(one, message_id) is MessageState.CLAIMED
        else:
            assert state_of(one, message_id) is MessageState.WITHDRAWN


def test_of_many_workers_one_wins_a_slot(databases: list[Database]) -> None:
    ran: list[datetime] = []

    def run(now: datetime) -> bool:
        ran.append(now)
        return False

    job = Job(name="plan-reminders", every_s=60, run=run)
    workers = [Worker(database, FrozenClock(), [job]) for database in databases]

    at_once(*(lambda worker=worker: worker.run(job, START) for worker in workers))

    assert ran == [START]
