"""The rules of the ledger: double entry in integer minor units. Pure.

Every transaction is a set of entries that add up to zero in each currency. Nothing is changed or
taken out: a mistake is reversed by a further transaction. What a person paid first becomes credit;
a transaction of its own moves credit to what is owed, in the agency's order of allocation, and
moves it again when a reversal or a cancellation made that wrong:

    charge       RECEIVABLE(obligation) +a    CHARGES(obligation) -a
    relief       WAIVED, REDUCED or CONVERTED(obligation) +a    RECEIVABLE(obligation) -a
    pending      IN_TRANSIT +a                EXPECTED -a         (no money yet: nothing is paid)
    payment      CASH +a                      CREDIT -a           (posted)
    refund       CREDIT +a                    CASH -a             (a chargeback likewise)
    allocation   CREDIT +x                    RECEIVABLE(obligation) -x      (or the other way)
    reversal     the negation of a transaction with the allocations that it caused

What is pending ends by a reversal, whether the money came (then it is posted beside it) or not.
Money of somebody unknown waits in the agency's own book, and leaves it for a person's or back:

    suspense     CASH +a                      UNIDENTIFIED -a
    clearance    UNIDENTIFIED +a              CASH -a             (a return likewise)

What was counted at the counter beside what was expected shows there too:

    overage      CASH +a                      OVER_SHORT -a
    shortage     OVER_SHORT +a                CASH -a
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID

from backend.payments.kinds import ObligationKind

MAX_AMOUNT_MINOR: Final = 10**12
"""The largest amount of one charge or payment: far above any, far below what a column holds."""


class Account(Enum):
    """The accounts in every book. Debits are positive."""

    RECEIVABLE = "receivable"
    CHARGES = "charges"
    WAIVED = "waived"
    REDUCED = "reduced"
    CONVERTED = "converted"
    CASH = "cash"
    CREDIT = "credit"
    IN_TRANSIT = "in_transit"
    EXPECTED = "expected"
    UNIDENTIFIED = "unidentified"
    OVER_SHORT = "over_short"


RELIEF_ACCOUNTS: Final = frozenset({Account.WAIVED, Account.REDUCED, Account.CONVERTED})
PER_OBLIGATION: Final = RELIEF_ACCOUNTS | {Account.RECEIVABLE, Account.CHARGES}


class TransactionKind(Enum):
    """What a transaction records."""

    CHARGE = "charge"
    WAIVER = "waiver"
    REDUCTION = "reduction"
    CONVERSION = "conversion"
    PENDING = "pending"
    PAYMENT = "payment"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    ALLOCATION = "allocation"
    REVERSAL = "reversal"
    SUSPENSE = "suspense"
    CLEARANCE = "clearance"
    RETURN = "return"
    OVERAGE = "overage"
    SHORTAGE = "shortage"


REPAYMENTS: Final = (TransactionKind.REFUND, TransactionKind.CHARGEBACK)
"""What gives a payment back, or a part of it."""

RELIEVES: Final[Mapping[TransactionKind, Account]] = MappingProxyType(
    {
        TransactionKind.WAIVER: Account.WAIVED,
        TransactionKind.REDUCTION: Account.REDUCED,
        TransactionKind.CONVERSION: Account.CONVERTED,
    }
)
"""By what transaction a person comes to owe less, and in which account that shows."""


class LedgerError(ValueError):
    """A transaction that breaks the rules of the ledger: a fault in our code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a transaction: an amount in minor units, debits positive."""

    account: Account
    obligation_id: UUID | None = None
    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.amount_minor == 0:
            raise LedgerError("an entry of nothing")
        if (self.account in PER_OBLIGATION) is (self.obligation_id is None):
            raise LedgerError(f"{self.account.value} and obligation do not go together")


Entries: TypeAlias = tuple[Entry, ...]
Balances: TypeAlias = Mapping[tuple[Account, UUID | None], int]
"""The sum of the entries of one currency, by account and obligation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """An obligation as allocation sees it. `charged_minor` is what was charged less all relief."""

    obligation_id: UUID
    kind: ObligationKind
    due_on: date
    charged_minor: int
    outstanding_minor: int


def check(entries: Sequence[Entry]) -> None:
    """Raise LedgerError unless `entries` make a transaction: some, and zero per currency."""
    sums: defaultdict[str, int] = defaultdict(int)
    for entry in entries:
        sums[entry.currency] += entry.amount_minor
    if not entries or any(sums.values()):
        raise LedgerError("the entries of a transaction must add up to zero")


def charge(obligation_id: UUID, amount_minor: int, currency: str) -> Entries:
    """Return the entries by which a person comes to owe an amount."""
    return _transfer(Account.CHARGES, Account.RECEIVABLE, amount_minor, currency, obligation_id)


def relief(kind: TransactionKind, obligation_id: UUID, amount_minor: int, currency: str) -> Entries:
    """Return the entries by which a person owes less by a waiver, reduction or conversion."""
    return _transfer(Account.RECEIVABLE, RELIEVES[kind], amount_minor, currency, obligation_id)


def pending(amount_minor: int, currency: str) -> Entries:
    """Return the entries by which money is known to be on its way; nothing is paid by them."""
    return _transfer(Account.EXPECTED, Account.IN_TRANSIT, amount_minor, currency)


def payment(amount_minor: int, currency: str) -> Entries:
    """Return the entries by which money comes in, as credit that is not yet allocated."""
    return _transfer(Account.CREDIT, Account.CASH, amount_minor, currency)


def repayment(amount_minor: int, currency: str) -> Entries:
    """Return the entries by which money goes back, given (a refund) or taken (a chargeback)."""
    return _transfer(Account.CASH, Account.CREDIT, amount_minor, currency)


def suspense(amount_minor: int, currency: str) -> Entries:
    """Return the entries by which money of somebody unknown comes in."""
    return _transfer(Account.UNIDENTIFIED, Account.CASH, amount_minor, currency)


def clearance(amount_minor: int, currency: str) -> Entries:
    """Return the entries by which it leaves the agency's book, for a person's or back."""
    return _transfer(Account.CASH, Account.UNIDENTIFIED, amount_minor, currency)


def difference(kind: TransactionKind, amount_minor: int, currency: str) -> Entries:
    """Return the entries by which more was counted than expected (an overage), or less."""
    if kind is TransactionKind.OVERAGE:
        return _transfer(Account.OVER_SHORT, Account.CASH, amount_minor, currency)
    return _transfer(Account.CASH, Account.OVER_SHORT, amount_minor, currency)


def reversal(entries: Iterable[Entry]) -> Entries:
    """Return the entries that undo `entries`, one for each account and obligation."""
    sums: defaultdict[tuple[Account, UUID | None, str], int] = defaultdict(int)
    for entry in entries:
        sums[entry.account, entry.obligation_id, entry.currency] -= entry.amount_minor
    return tuple(
        Entry(account=account, obligation_id=obligation_id, amount_minor=amount, currency=currency)
        for (account, obligation_id, currency), amount in sums.items()
        if amount
    )


def balances(entries: Iterable[Entry], currency: str) -> Balances:
    """Return what the entries of one currency add up to."""
    sums: defaultdict[tuple[Account, UUID | None], int] = defaultdict(int)
    for entry in entries:
        if entry.currency == currency:
            sums[entry.account, entry.obligation_id] += entry.amount_minor
    return dict(sums)


def allocation(
    debts: Iterable[Debt],
    *,
    credit_minor: int,
    currency: str,
    order: Sequence[ObligationKind],
) -> Entries:
    """Return the entries that put credit where it belongs; none if it is there already.

    `credit_minor` is what is unallocated, negative if more was allocated than came in.

    1. Nothing is paid beyond what was charged, nothing owed beyond it: the rest is credit.
    2. Credit that is not there is taken back, from what comes last in `order`.
    3. Credit that is there pays what comes first: by kind in `order`, then the oldest due.
    """
    ranked = sorted(
        debts, key=lambda debt: (order.index(debt.kind), debt.due_on, debt.obligation_id)
    )
    owed = {d.obligation_id: min(max(d.outstanding_minor, 0), d.charged_minor) for d in ranked}  # 1
    available = credit_minor + sum(owed[d.obligation_id] - d.outstanding_minor for d in ranked)
    for debt in reversed(ranked):  # 2
        taken_back = min(max(-available, 0), debt.charged_minor - owed[debt.obligation_id])
        owed[debt.obligation_id] += taken_back
        available += taken_back
    for debt in ranked:  # 3
        paid = min(max(available, 0), owed[debt.obligation_id])
        owed[debt.obligation_id] -= paid
        available -= paid
    moves = {d.obligation_id: owed[d.obligation_id] - d.outstanding_minor for d in ranked}
    return _moves(moves, currency)


def _moves(moves: Mapping[UUID, int], currency: str) -> Entries:
    """Return the entries that raise each obligation's outstanding amount by `moves`."""
    receivables = tuple(
        Entry(
            account=Account.RECEIVABLE,
            obligation_id=obligation_id,
            amount_minor=amount,
            currency=currency,
        )
        for obligation_id, amount in moves.items()
        if amount
    )
    total = sum(moves.values())
    if not total:
        return receivables
    return (*receivables, Entry(account=Account.CREDIT, amount_minor=-total, currency=currency))


def _transfer(
    credited: Account,
    debited: Account,
    amount_minor: int,
    currency: str,
    obligation_id: UUID | None = None,
) -> Entries:
    """Return an amount on the debit of one account and the credit of another."""
    if not 0 < amount_minor <= MAX_AMOUNT_MINOR:
        raise LedgerError("an amount must be positive and sensible")
    return tuple(
        Entry(
            account=account,
            obligation_id=obligation_id if account in PER_OBLIGATION else None,
            amount_minor=signed,
            currency=currency,
        )
        for account, signed in ((debited, amount_minor), (credited, -amount_minor))
    )
