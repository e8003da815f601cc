"""Works off the provider's notices: asks the provider, with no transaction open, then books.

Any number of workers may do it: a notice is claimed for a while, and what is booked is booked once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter

from backend.core.db import Database
from backend.core.errors import Problem
from backend.core.logs import fault
from backend.payments import service as payments
from backend.payments.provider import (
    ChargeOrder,
    HostedPage,
    Mandate,
    Notice,
    Party,
    PaymentProvider,
    ProviderPayment,
    ProviderRefusedError,
    ProviderUnavailableError,
    Subject,
)
from backend.payments.service import Facts, Look, NoticeOutcome

_LOOKS: Final = 20
_OUTCOMES: Final = Counter(
    "connectrex_provider_notices", "What the provider's notices led to", ["outcome"]
)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """Brings payments to where the provider says that they are."""

    database: Database
    provider: PaymentProvider

    def settle_notices(self, now: datetime) -> bool:
        """Work off a batch of notices; return whether there may be more."""
        with self.database.transaction() as session:
            notices = payments.claim_notices(session, now)
        for notice in notices:
            self._guarded(partial(self._settle_notice, notice, now))
        return len(notices) == payments.NOTICE_BATCH

    def look_after(self, now: datetime) -> bool:
        """Ask about payments of which nothing was heard, let go of mandates that have ended.

        Returns whether there may be more to ask about.
        """
        with self.database.snapshot() as session:
            ended = payments.mandates_to_end(session)
        for mandate_id, mandate in ended:
            self._guarded(partial(self._let_go, mandate_id, mandate, now))
        with self.database.transaction() as session:
            looks = payments.looks_due(session, now, limit=_LOOKS)
        for look in looks:
            self._guarded(partial(self._look, look, now))
        return len(looks) == _LOOKS

    def collect(self, now: datetime) -> bool:
        """Announce what autopay will take, and take what was announced; there is no more then."""
        with self.database.transaction() as session:
            payments.announce(session, now)
        with self.database.transaction() as session:
            orders = payments.charges_due(session, now)
        for order in orders:
            self._guarded(partial(self._charge, order, now))
        return len(orders) == payments.CHARGE_BATCH

    def reconcile(self, now: datetime) -> bool:
        """Hold the payments of the last days side by side; differences are noted, not hidden."""
        since, until = now - payments.WINDOW, now - payments.IN_FLIGHT
        references = set()
        for payment in self.provider.payments_between(since, until):
            references.add(payment.reference)
            self._guarded(partial(self._compare, payment, now))
        with self.database.transaction() as session:
            payments.note_missing(session, references, since=since, until=until, now=now)
        return False

    def _charge(self, order: ChargeOrder, now: datetime) -> None:
        try:
            payment = self.provider.charge(order)
        except ProviderRefusedError as error:
            with self.database.transaction() as session:
                payments.charge_refused(session, order.party.order_id, error.code, now=now)
            return
        with self.database.transaction() as session:
            facts = Facts(payment=payment)
            payments.settle(session, order.party.order_id, facts, now=now)

    def _compare(self, listed: ProviderPayment, now: datetime) -> None:
        payment = self.provider.fetch_payment(listed.reference) or listed
        look = self._look_for(payment.party)
        if look is None:
            self._stray(payment, now)
            return
        self._settle(look, None, payment, now)
        with self.database.transaction() as session:
            payments.note_if_not_booked(session, look.order_id, payment, now=now)

    def _let_go(self, mandate_id: UUID, mandate: Mandate, now: datetime) -> None:
        self.provider.end_mandate(mandate)
        with self.database.transaction() as session:
            payments.mandate_let_go(session, mandate_id, now=now)

    def _guarded(self, act: Callable[[], None]) -> None:
        """Do one thing; what fails is met again later, and holds up nothing else."""
        try:
            act()
        except (ProviderUnavailableError, ProviderRefusedError):
            _OUTCOMES.labels("unavailable").inc()
        except Exception as error:  # noqa: BLE001 - one notice's fault must not hold up the others
            _OUTCOMES.labels("failed").inc()
            _log.error("settling.failed", job="settle-payments", **fault(error))

    def _settle_notice(self, notice: Notice, now: datetime) -> None:
        outcome = self._outcome(notice, now)
        with self.database.transaction() as session:
            payments.finish_notice(session, notice.id, outcome, now)
        _OUTCOMES.labels(outcome.value).inc()

    def _outcome(self, notice: Notice, now: datetime) -> NoticeOutcome:
        page: HostedPage | None = None
        payment: ProviderPayment | None = None
        if notice.subject is Subject.PAGE:
            page = self.provider.fetch_page(notice.reference)
        elif notice.subject is Subject.PAYMENT:
            payment = self.provider.fetch_payment(notice.reference)
        found = page or payment
        if found is None:
            return NoticeOutcome.IRRELEVANT
        look = self._look_for(found.party)
        if look is not None:
            return self._settle(look, page, payment, now)
        if page is not None:
            return self._settle_setup(page, now)
        return NoticeOutcome.IRRELEVANT if payment is None else self._stray(payment, now)

    def _look_for(self, party: Party | None) -> Look | None:
        if party is None:
            return None
        with self.database.snapshot() as session:
            return payments.look_for(session, party)

    def _settle_setup(self, page: HostedPage, now: datetime) -> NoticeOutcome:
        with self.database.transaction() as session:
            is_ours = payments.settle_mandate(session, page, now=now)
        return NoticeOutcome.SETTLED if is_ours else NoticeOutcome.IRRELEVANT

    def _look(self, look: Look, now: datetime) -> None:
        self._settle(look, None, None, now)

    def _settle(
        self,
        look: Look,
        page: HostedPage | None,
        payment: ProviderPayment | None,
        now: datetime,
    ) -> NoticeOutcome:
        if page is None and look.page is not None:
            page = self.provider.fetch_page(look.page)
        reference = (page.payment if page else None) or look.payment
        if payment is None and reference is not None:
            payment = self.provider.fetch_payment(reference)
        facts = Facts(page=page, payment=payment)
        try:
            with self.database.transaction() as session:
                return payments.settle(session, look.order_id, facts, now=now)
        except Problem:
            with self.database.transaction() as session:
                payments.note_contradiction(session, look.order_id, facts, now=now)
            return NoticeOutcome.CONTRADICTED

    def _stray(self, payment: ProviderPayment, now: datetime) -> NoticeOutcome:
        with self.database.transaction() as session:
            return payments.take_stray(session, payment, now=now)
