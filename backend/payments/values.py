"""Money as other slices and views see it: frozen, without the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from uuid import UUID

from backend.payments.kinds import (
    Authority,
    Basis,
    Cadence,
    Method,
    ObligationKind,
    ObligationStatus,
)
from backend.payments.ledger import TransactionKind
from notifications.formats import Language


class Source(Enum):
    """Where a transaction comes from; with its external id it is there once per agency."""

    COUNTER = "counter"
    PROVIDER = "provider"
    IMPORT = "import"
    SUSPENSE = "suspense"
    OBLIGATION = "obligation"
    RELIEF = "relief"
    REVERSAL = "reversal"
    ALLOCATION = "allocation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is to be owed, and by what authority (`reference`: of the order, or of the policy)."""

    kind: ObligationKind
    amount_minor: int
    currency: str
    basis: Basis
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """An amount that a person came to owe, and what of it is still outstanding.

    `next_due_on` and `overdue_minor` go by the instalments of a plan, if one covers it.
    """

    id: UUID
    supervisee_id: UUID
    recurring_fee_id: UUID | None
    kind: ObligationKind
    amount_minor: int
    currency: str
    due_on: date
    next_due_on: date
    basis: Basis
    reference: str
    raised_at: datetime
    relieved_minor: int
    outstanding_minor: int
    overdue_minor: int
    status: ObligationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringFee:
    """A fee that falls due again and again; `next_due_on` is not raised as an obligation yet."""

    id: UUID
    supervisee_id: UUID
    kind: ObligationKind
    amount_minor: int
    currency: str
    basis: Basis
    reference: str
    cadence: Cadence
    starts_on: date
    day_of_month: int | None
    last_due_on: date | None
    next_due_on: date | None
    set_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocated:
    """What of a payment went to one obligation."""

    obligation_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money that was received. `allocated` is where it first went; the rest was credit.

    `receipt_number` is of the counter's receipt, or the number that `source` gave it.
    `serial` is the number of the agency's own receipts, 1, 2, 3 …; None for what came otherwise.
    `returned_minor` is what was refunded or charged back since.
    """

    id: UUID
    supervisee_id: UUID
    number: int
    source: Source
    receipt_number: str
    serial: int | None
    amount_minor: int
    currency: str
    received_on: date
    method: Method
    note: str
    recorded_at: datetime
    recorded_by: UUID | None
    reversed_by: UUID | None
    returned_minor: int
    allocated: Sequence[Allocated]

    @property
    def left_minor(self) -> int:
        """What can still go back of it: nothing of a payment that was reversed."""
        return 0 if self.reversed_by is not None else self.amount_minor - self.returned_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """A transaction that undid another."""

    id: UUID
    number: int
    reversed_id: UUID
    reason: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyBalance:
    """What a person owes in one currency: `balance_minor` is outstanding less credit.

    `charged_minor` is less what was waived, reduced or converted; of `pending_minor` nothing is
    paid yet.
    """

    currency: str
    charged_minor: int
    paid_minor: int
    outstanding_minor: int
    overdue_minor: int
    credit_minor: int
    balance_minor: int
    pending_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a person owes today: sums by currency, and what is unpaid, the oldest due first."""

    as_of: date
    currencies: Sequence[CurrencyBalance]
    unpaid: Sequence[Obligation]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One transaction that changed what is owed, and the balance after it.

    `amount_minor` is positive for what is owed more. `obligation_kind` belongs to a charge,
    `reference` to a charge and to what has a document, `receipt_number` to a payment, and
    `about_number` to what is about another transaction: a reversal, a refund. `authority` says by
    whose word: of a charge its basis.
    """

    number: int
    booked_on: date
    kind: TransactionKind
    amount_minor: int
    currency: str
    balance_minor: int
    obligation_kind: ObligationKind | None
    reference: str | None
    receipt_number: str | None
    about_number: int | None
    note: str
    authority: Authority | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencySum:
    """A balance in one currency."""

    currency: str
    balance_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A person's account over `[since, until)`, days of the agency's zone, in order of booking."""

    since: date
    until: date
    opening: Sequence[CurrencySum]
    lines: Sequence[StatementLine]
    closing: Sequence[CurrencySum]

    @property
    def last_day(self) -> date:
        """The last day of the period, as people name it."""
        return self.until - timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementDocument:
    """A statement with what stands around it on paper. `issued_on` is the agency's local day."""

    statement: Statement
    person_name: str
    agency_name: str
    contact: str
    language: Language
    issued_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DueObligation:
    """What reminders need to know of an obligation that is still owed."""

    obligation_id: UUID
    agency_id: UUID
    supervisee_id: UUID
    kind: ObligationKind
    due_on: date
    outstanding_minor: int
    currency: str
