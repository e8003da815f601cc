"""Works off the provider's notices: asks the provider, with no transaction open, then books.

Any number of workers may do it: a notice is claimed for a while, and what is booked is booked once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from prometheus_client import Counter

from backend.core.db import Database
from backend.core.errors import Problem
from backend.core.logs import fault
from backend.payments import service as payments
from backend.payments.provider import (
    HostedPage,
    Notice,
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
        """Ask about payments of which nothing was heard; return whether there may be more."""
        with self.database.transaction() as session:
            looks = payments.looks_due(session, now, limit=_LOOKS)
        for look in looks:
            self._guarded(partial(self._look, look, now))
        return len(looks) == _LOOKS

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
        look: Look | None = None
        if found.party is not None:
            with self.database.snapshot() as session:
                look = payments.look_for(session, found.party)
        if look is not None:
            return self._settle(look, page, payment, now)
        return NoticeOutcome.IRRELEVANT if payment is None else self._stray(payment, now)

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
