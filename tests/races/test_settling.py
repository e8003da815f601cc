"""Several workers hear of the same payments at once, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from backend.core.db import Database
from backend.payments.hosted_models import NoticeOutcome
from backend.payments.ledger import TransactionKind
from backend.payments.models import LedgerTransactionRow
from backend.simulator.provider import LocalProvider
from backend.worker.settling import Settling
from tests.support.clocks import START, FrozenClock
from tests.support.hosted import Till, adapter_to, party
from tests.support.offices import make_office
from tests.support.races import at_once

WORKERS = 2
PAYMENTS = 6


@pytest.fixture
def till(postgresql_database: Database, clock: FrozenClock) -> Iterator[Till]:
    with postgresql_database.transaction() as session:
        office = make_office(session, START)
    with LocalProvider(now=clock.now) as fake:
        yield Till(postgresql_database, clock, fake, office)


def count(till: Till, kind: TransactionKind) -> int:
    with till.database.snapshot() as session:
        found = session.scalar(
            select(func.count())
            .select_from(LedgerTransactionRow)
            .where(LedgerTransactionRow.kind == kind)
        )
    return int(found or 0)


def test_two_workers_share_a_storm_and_book_everything_once(till: Till) -> None:
    references = []
    for number in range(PAYMENTS):
        fine = till.owe(1_000 + number)
        payment = till.ask(obligations=(fine.id,))
        reference = till.fake.service.pay(till.page_of(payment), slowly=number % 2 == 0)
        assert reference is not None
        if number % 2 == 0:
            till.fake.service.settle(reference, succeeds=True)
        references.append(reference)
    till.provider.refund(references[0], party().order_id, 400, "USD")
    till.fake.service.stray_payment(55, "usd")
    till.tell(order=lambda events: events[::-1] * 2)
    workers = [
        Settling(database=till.database, provider=adapter_to(till.fake)) for _ in range(WORKERS)
    ]

    # The second round finds leases that have lapsed, as after a worker that was too slow.
    for late in (timedelta(), timedelta(hours=2)):
        at_once([partial(one.settle_notices, till.clock.now() + late) for one in workers])

    assert set(till.outcomes()) <= {NoticeOutcome.SETTLED, NoticeOutcome.STRAY}
    assert count(till, TransactionKind.PAYMENT) == PAYMENTS
    assert count(till, TransactionKind.REFUND) == 1
    assert till.money() == {
        "outstanding": 400,
        "paid": sum(1_000 + number for number in range(PAYMENTS)) - 400,
        "credit": 0,
        "pending": 0,
        "suspense": [(55, "USD")],
    }
    assert till.messages() == ["payment-receipt"] * PAYMENTS


def test_one_payment_settled_by_both_at_the_same_moment_is_booked_once(till: Till) -> None:
    till.owe()
    payment = till.ask()
    till.fake.service.pay(till.page_of(payment))
    till.clock.step(days=2)
    looks = [
        Settling(database=till.database, provider=adapter_to(till.fake)) for _ in range(WORKERS)
    ]
    till.tell()

    at_once(
        [
            partial(looks[0].settle_notices, till.clock.now()),
            partial(looks[1].look_after, till.clock.now()),
        ]
    )

    assert till.money()["paid"] == 10_000
    assert count(till, TransactionKind.PAYMENT) == 1
    assert till.messages() == ["payment-receipt"]
