"""A local payment provider and the server's way to it, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from backend.core.clock import Clock
from backend.core.ids import new_id
from backend.payments.provider import Party, ReturnUrls
from backend.payments.stripe_provider import StripeProvider
from backend.simulator.provider import SECRET_KEY, WEBHOOK_SECRET, LocalProvider
from tests.support.clocks import START

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
