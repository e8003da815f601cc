"""What we ask of whoever takes payments for us: a port. The person pays on the provider's own page.

Nothing of a card or an account crosses this port. The provider's word is asked for again whenever
something depends on it: what a notice claims to have happened is never taken for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol
from uuid import UUID

from backend.core.errors import Code, Problem
from notifications.formats import Language


class ProviderUnavailableError(Exception):
    """The provider did not do it just now; the same order may be given again."""


class ProviderRefusedError(Exception):
    """The provider will not do it: asking again is of no use. `code` is a word, never personal."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PaymentStatus(Enum):
    """Where money stands at the provider."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"


class PageStatus(Enum):
    """Where a hosted page stands. Complete says that the person is done, not that money came."""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class ReturnKind(Enum):
    """How money goes back: given by us, or taken by the payer's bank."""

    REFUND = "refund"
    CHARGEBACK = "chargeback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """For whom an order is: our own numbers, which tell the provider nothing of the person."""

    order_id: UUID
    agency_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnUrls:
    """Where the provider's page sends the person afterwards."""

    done: str
    left: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """What the provider keeps so that money may be taken later: two references of its own."""

    customer: str
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOrder:
    """A hosted page on which one amount is paid. `payee` is the agency's name."""

    party: Party
    amount_minor: int
    currency: str
    payee: str
    language: Language
    urls: ReturnUrls


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupOrder:
    """A hosted page on which the person allows that money is taken on due days."""

    party: Party
    currency: str
    language: Language
    urls: ReturnUrls


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOrder:
    """An amount to be taken by a mandate while the person is away."""

    party: Party
    amount_minor: int
    currency: str
    payee: str
    mandate: Mandate


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedPage:
    """A page at the provider. Once it is complete it names the payment, or the mandate."""

    reference: str
    party: Party | None
    url: str | None
    expires_at: datetime
    status: PageStatus
    payment: str | None = None
    mandate: Mandate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Money of a payment that went back; `undone`: and came again (the refund failed, the dispute
    was won).
    """

    reference: str
    kind: ReturnKind
    amount_minor: int
    undone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPayment:
    """A payment as the provider has it. `party` is None for one that we did not order."""

    reference: str
    party: Party | None
    status: PaymentStatus
    received_minor: int
    currency: str
    created_at: datetime
    failure: str | None = None
    returns: Sequence[Return] = ()


class Subject(Enum):
    """What a notice is about."""

    PAGE = "page"
    PAYMENT = "payment"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """That something happened to `reference`. `id` is unique at the provider."""

    id: str
    kind: str
    subject: Subject
    reference: str
    happened_at: datetime


class PaymentProvider(Protocol):
    """Takes money on pages of its own. Every method but the first two speaks over the network.

    Those raise ProviderUnavailableError and ProviderRefusedError. An order that is given twice
    (`party.order_id`) is carried out once.
    """

    def is_genuine(self, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
        """Return whether a notice is the provider's own, unchanged and fresh."""
        ...

    def read_notice(self, body: bytes) -> Notice | None:
        """Return what a genuine notice says; None for what cannot be read."""
        ...

    def open_page(self, order: PageOrder) -> HostedPage:
        """Return the page on which the order's amount can be paid, once."""
        ...

    def open_setup(self, order: SetupOrder) -> HostedPage:
        """Return the page on which the person can give a mandate."""
        ...

    def close_page(self, reference: str) -> None:
        """Let nobody pay on the page any more; nothing if it is not open."""
        ...

    def charge(self, order: ChargeOrder) -> ProviderPayment:
        """Take an amount by a mandate and return what became of it, which may be FAILED."""
        ...

    def end_mandate(self, mandate: Mandate) -> None:
        """Let the provider forget the mandate; nothing if it has."""
        ...

    def refund(self, payment: str, order_id: UUID, amount_minor: int, currency: str) -> Return:
        """Give back a part of a payment."""
        ...

    def fetch_page(self, reference: str) -> HostedPage | None:
        """Return the page as it is now; None if there is none."""
        ...

    def fetch_payment(self, reference: str) -> ProviderPayment | None:
        """Return the payment as it is now, with what went back; None if there is none."""
        ...

    def payments_between(self, since: datetime, until: datetime) -> Iterator[ProviderPayment]:
        """Give the payments that were begun in `[since, until)`, without what went back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Who takes payments for this service: a provider, or nobody."""

    provider: PaymentProvider | None

    @property
    def is_attended(self) -> bool:
        """Whether people can pay in the app."""
        return self.provider is not None

    def attended(self) -> PaymentProvider:
        """Return the provider. Raises NO_ONLINE_PAYMENT where nobody takes payments."""
        if self.provider is None:
            raise Problem(Code.NO_ONLINE_PAYMENT)
        return self.provider
