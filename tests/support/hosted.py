"""A local payment provider and the server's way to it, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from backend.core.clock import Clock
from backend.core.db import Database
from backend.core.ids import new_id
from backend.core.paging import Cursor
from backend.outbox.models import OutboxMessage
from backend.payments import service
from backend.payments.hosted_models import NoticeOutcome, NoticeRow
from backend.payments.hosted_state import HostedState
from backend.payments.ledger import Account
from backend.payments.models import LedgerEntryRow
from backend.payments.provider import Party, ReturnUrls
from backend.payments.service import HostedPayment, Obligation, Wish
from backend.payments.stripe_provider import StripeProvider
from backend.simulator.provider import SECRET_KEY, WEBHOOK_SECRET, LocalProvider
from backend.simulator.provider_notices import Event
from backend.worker.settling import Settling
from tests.support.clocks import START, FrozenClock
from tests.support.offices import Office
from tests.support.payments import owed

URLS = ReturnUrls(done="https://connectrex.test/done", left="https://connectrex.test/left")


@contextmanager
def provider_at_work(clock: Clock) -> Iterator[tuple[LocalProvider, StripeProvider]]:
    """The fake, and the adapter that speaks with it."""
    with LocalProvider(now=clock.now) as fake:
        yield fake, adapter_to(fake)


def adapter_to(fake: LocalProvider, *, key: str = SECRET_KEY) -> StripeProvider:
    """The way to the fake."""
    return StripeProvider(key, [WEBHOOK_SECRET], api_base=fake.url, timeout_s=5.0)


def party(agency_id: UUID | None = None) -> Party:
    """A new order, of an agency."""
    return Party(order_id=new_id(START), agency_id=agency_id or new_id(START))


class Till:
    """A person who owes, the provider whom they pay at, and the worker that hears of it."""

    def __init__(
        self, database: Database, clock: FrozenClock, fake: LocalProvider, office: Office
    ) -> None:
        self.database, self.clock, self.fake, self.office = database, clock, fake, office
        self.provider = adapter_to(fake)
        self.settling = Settling(database=database, provider=self.provider)
        self._told = 0

    def owe(self, amount_minor: int = 10_000, **what: Any) -> Obligation:
        """Let the person owe an amount in US dollars, due in a month."""
        with self.database.transaction() as session:
            return owed(
                session,
                self.office.actor,
                self.office.person.id,
                self.clock.now().date() + timedelta(days=30),
                self.clock.now(),
                amount_minor=amount_minor,
                **what,
            )

    def ask(self, **wish: Any) -> HostedPayment:
        """Have a page opened by the officer."""
        with self.database.transaction() as session:
            asked = service.ask_to_pay(
                session,
                self.office.actor,
                self.office.person.id,
                Wish(**wish),
                urls=URLS,
                now=self.clock.now(),
            )
        page = service.open_page(self.provider, asked)
        with self.database.transaction() as session:
            return service.keep_page(session, asked.payment.id, page, now=self.clock.now())

    def page_of(self, payment: HostedPayment) -> str:
        """The provider's name for the page."""
        assert payment.url is not None
        return payment.url.rpartition("/")[2]

    def tell(self, *, order: Callable[[list[Event]], Iterable[Event]] = iter) -> None:
        """Give the server the notices of what happened since the last time, in some order."""
        news = self.fake.service.events[self._told :]
        self._told += len(news)
        for event in order(list(news)):
            self.hear(event)

    def hear(self, event: Event) -> None:
        """Give the server one notice."""
        notice = self.provider.read_notice(json.dumps(event).encode())
        assert notice is not None
        with self.database.transaction() as session:
            service.keep_notice(session, notice, now=self.clock.now())

    def settle(self) -> None:
        """Let a worker work off what it heard."""
        while self.settling.settle_notices(self.clock.now()):
            pass

    def news(self) -> None:
        """Tell and settle."""
        self.tell()
        self.settle()

    def state(self, payment: HostedPayment) -> HostedState:
        """How far a payment has come."""
        return self.read(payment).state

    def read(self, payment: HostedPayment) -> HostedPayment:
        """A payment as it stands."""
        with self.database.snapshot() as session:
            page = service.hosted_payments(
                session, self.office.actor, self.office.person.id, cursor=Cursor(limit=100)
            )
        return next(one for one in page.items if one.id == payment.id)

    def outcomes(self) -> list[NoticeOutcome | None]:
        """What each notice led to, in the order of arrival."""
        with self.database.snapshot() as session:
            return list(session.scalars(select(NoticeRow.outcome).order_by(NoticeRow.id)))

    def money(self) -> dict[str, Any]:
        """Where the money is: owed, paid and credit of the person; what waits in suspense."""
        actor, now = self.office.actor, self.clock.now()
        with self.database.snapshot() as session:
            balance = service.balance(session, actor, self.office.person.id, now=now)
            waiting = service.suspense_items(session, actor, waiting=True, cursor=Cursor(limit=100))
            pending = session.scalar(
                select(func.sum(LedgerEntryRow.amount_minor)).where(
                    LedgerEntryRow.account == Account.IN_TRANSIT,
                    LedgerEntryRow.supervisee_id == self.office.person.id,
                )
            )
        sums = next(iter(balance.currencies), None)
        return {
            "outstanding": sums.outstanding_minor if sums else 0,
            "paid": sums.paid_minor if sums else 0,
            "credit": sums.credit_minor if sums else 0,
            "pending": int(pending or 0),
            "suspense": sorted((one.amount_minor, one.currency) for one in waiting.items),
        }

    def messages(self) -> list[str]:
        """What the person is to be told, by the kind of source."""
        with self.database.snapshot() as session:
            rows = session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))
            return [row.source_kind for row in rows]
