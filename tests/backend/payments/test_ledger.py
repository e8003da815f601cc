from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from backend.payments import ledger
from backend.payments.kinds import DEFAULT_ALLOCATION_ORDER, ObligationKind
from backend.payments.ledger import (
    MAX_AMOUNT_MINOR,
    Account,
    Debt,
    Entries,
    Entry,
    LedgerError,
    TransactionKind,
)

DAY = date(2026, 3, 1)
NAMESPACE = UUID(int=0)
CURRENCIES = ("EUR", "USD")


def _id(number: int) -> UUID:
    return uuid5(NAMESPACE, str(number))


def _debt(
    number: int,
    outstanding_minor: int,
    *,
    charged_minor: int = 10_000,
    kind: ObligationKind = ObligationKind.FINE,
    due_on: date = DAY,
) -> Debt:
    return Debt(
        obligation_id=_id(number),
        kind=kind,
        due_on=due_on,
        charged_minor=charged_minor,
        outstanding_minor=outstanding_minor,
    )


def _allocated(debts: list[Debt], credit_minor: int) -> dict[int, int]:
    """What moves on each obligation, by its number; 0 stands for credit."""
    entries = ledger.allocation(
        debts, credit_minor=credit_minor, currency="USD", order=DEFAULT_ALLOCATION_ORDER
    )
    numbers = {_id(number): number for number in range(1, 10)}
    return {
        numbers[entry.obligation_id] if entry.obligation_id else 0: entry.amount_minor
        for entry in entries
    }


def test_a_transaction_of_nothing_is_refused() -> None:
    with pytest.raises(LedgerError):
        ledger.check([])


def test_entries_that_do_not_add_up_are_refused() -> None:
    entry = Entry(account=Account.CASH, amount_minor=5, currency="USD")

    with pytest.raises(LedgerError):
        ledger.check([entry])


def test_one_currency_does_not_pay_another() -> None:
    dollars = Entry(account=Account.CASH, amount_minor=5, currency="USD")
    euros = Entry(account=Account.CREDIT, amount_minor=-5, currency="EUR")

    with pytest.raises(LedgerError):
        ledger.check([dollars, euros])


@pytest.mark.parametrize(
    ("account", "obligation_id", "amount_minor"),
    [
        (Account.CASH, None, 0),
        (Account.CASH, _id(1), 5),
        (Account.CREDIT, _id(1), 5),
        (Account.RECEIVABLE, None, 5),
        (Account.CHARGES, None, 5),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(
    account: Account, obligation_id: UUID | None, amount_minor: int
) -> None:
    with pytest.raises(LedgerError):
        Entry(
            account=account, obligation_id=obligation_id, amount_minor=amount_minor, currency="USD"
        )


@pytest.mark.parametrize("amount_minor", [0, -1, MAX_AMOUNT_MINOR + 1])
def test_an_amount_that_is_none_is_refused(amount_minor: int) -> None:
    with pytest.raises(LedgerError):
        ledger.charge(_id(1), amount_minor, "USD")
    with pytest.raises(LedgerError):
        ledger.payment(amount_minor, "USD")


def test_nothing_is_moved_where_everything_is_in_its_place() -> None:
    assert _allocated([], 0) == {}
    assert _allocated([], 500) == {}
    assert _allocated([_debt(1, 10_000)], 0) == {}
    assert _allocated([_debt(1, 0)], 500) == {}


def test_credit_pays_by_kind_and_then_the_oldest_due() -> None:
    fee = _debt(1, 3_000, kind=ObligationKind.SUPERVISION_FEE, due_on=DAY - timedelta(days=90))
    young_fine = _debt(2, 3_000, due_on=DAY)
    old_fine = _debt(3, 3_000, due_on=DAY - timedelta(days=30))
    victim = _debt(4, 3_000, kind=ObligationKind.RESTITUTION, due_on=DAY + timedelta(days=30))

    moved = _allocated([fee, young_fine, old_fine, victim], 7_500)

    assert moved == {4: -3_000, 3: -3_000, 2: -1_500, 0: 7_500}


def test_what_was_allocated_beyond_what_came_in_is_taken_back_from_the_last() -> None:
    first = _debt(1, 0, kind=ObligationKind.RESTITUTION)
    last = _debt(2, 0, kind=ObligationKind.PROGRAMME_FEE)

    assert _allocated([first, last], -4_000) == {2: 4_000, 0: -4_000}
    assert _allocated([first, last], -12_000) == {2: 10_000, 1: 2_000, 0: -12_000}


def test_what_was_paid_of_a_cancelled_obligation_pays_the_next() -> None:
    cancelled = _debt(1, -4_000, charged_minor=0)
    other = _debt(2, 10_000)

    assert _allocated([cancelled, other], 0) == {1: 4_000, 2: -4_000}


def test_what_is_owed_of_a_cancelled_obligation_is_owed_elsewhere() -> None:
    cancelled = _debt(1, 4_000, charged_minor=0)
    other = _debt(2, 6_000)

    assert _allocated([cancelled, other], 0) == {1: -4_000, 2: 4_000}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(ObligationKind),
            st.integers(0, 60),
            st.integers(0, 5_000),
            st.integers(-5_000, 10_000),
        ),
        max_size=6,
    ),
    st.integers(0, 20_000),
    st.permutations(list(ObligationKind)),
)
def test_allocation_puts_every_cent_in_its_place(
    drawn: list[tuple[ObligationKind, int, int, int]], paid_minor: int, order: list[ObligationKind]
) -> None:
    debts = [
        _debt(number, owed, charged_minor=charged, kind=kind, due_on=DAY + timedelta(days=days))
        for number, (kind, days, charged, owed) in enumerate(drawn, start=1)
    ]
    charged_minor = sum(debt.charged_minor for debt in debts)
    credit_minor = paid_minor - charged_minor + sum(debt.outstanding_minor for debt in debts)

    entries = ledger.allocation(debts, credit_minor=credit_minor, currency="USD", order=order)

    moved = ledger.balances(entries, "USD")
    after = {
        d.obligation_id: d.outstanding_minor + moved.get((Account.RECEIVABLE, d.obligation_id), 0)
        for d in debts
    }
    credit_after = credit_minor - moved.get((Account.CREDIT, None), 0)
    assert sum(moved.values()) == 0
    assert all(0 <= after[debt.obligation_id] <= debt.charged_minor for debt in debts)
    assert credit_after >= 0
    assert credit_after == 0 or not any(after.values())
    assert credit_after == max(0, paid_minor - charged_minor)


class LedgerMachine(RuleBasedStateMachine):
    """Charges, payments, cancellations and reversals in any order, as the service does them."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[tuple[TransactionKind, Entries, int | None]] = []
        self.charges: dict[int, tuple[UUID, ObligationKind, date, str, int]] = {}
        self.payments: dict[int, tuple[str, int]] = {}
        self.reversed: set[int] = set()

    @rule(
        kind=st.sampled_from(ObligationKind),
        days=st.integers(0, 60),
        amount_minor=st.integers(1, 9_999),
        currency=st.sampled_from(CURRENCIES),
    )
    def charge(self, kind: ObligationKind, days: int, amount_minor: int, currency: str) -> None:
        obligation_id = _id(len(self.posted))
        entries = ledger.charge(obligation_id, amount_minor, currency)
        number = self._post(TransactionKind.CHARGE, entries)
        due_on = DAY + timedelta(days=days)
        self.charges[number] = (obligation_id, kind, due_on, currency, amount_minor)
        self._allocate(currency, number)

    @rule(amount_minor=st.integers(1, 20_000), currency=st.sampled_from(CURRENCIES))
    def pay(self, amount_minor: int, currency: str) -> None:
        number = self._post(TransactionKind.PAYMENT, ledger.payment(amount_minor, currency))
        self.payments[number] = (currency, amount_minor)
        self._allocate(currency, number)

    @precondition(lambda self: set(self.charges) | set(self.payments) > self.reversed)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        open_ = sorted((set(self.charges) | set(self.payments)) - self.reversed)
        number = data.draw(st.sampled_from(open_))
        undone = [*self.posted[number][1]]
        for kind, entries, cause in self.posted:
            if kind is TransactionKind.ALLOCATION and cause == number:
                undone += entries
        self.reversed.add(number)
        reversal = self._post(TransactionKind.REVERSAL, ledger.reversal(undone))
        self._allocate(undone[0].currency, reversal)

    def _post(self, kind: TransactionKind, entries: Entries, cause: int | None = None) -> int:
        ledger.check(entries)
        self.posted.append((kind, entries, cause))
        return len(self.posted) - 1

    def _allocate(self, currency: str, cause: int) -> None:
        balances = self._balances(currency)
        debts = [
            Debt(
                obligation_id=obligation_id,
                kind=kind,
                due_on=due_on,
                charged_minor=-balances.get((Account.CHARGES, obligation_id), 0),
                outstanding_minor=balances.get((Account.RECEIVABLE, obligation_id), 0),
            )
            for obligation_id, kind, due_on, owed_in, _ in self.charges.values()
            if owed_in == currency
        ]
        entries = ledger.allocation(
            debts,
            credit_minor=-balances.get((Account.CREDIT, None), 0),
            currency=currency,
            order=DEFAULT_ALLOCATION_ORDER,
        )
        if entries:
            self._post(TransactionKind.ALLOCATION, entries, cause)

    def _balances(self, currency: str) -> ledger.Balances:
        return ledger.balances(self._entries(), currency)

    def _entries(self) -> Iterable[Entry]:
        return (entry for _, entries, _ in self.posted for entry in entries)

    @invariant()
    def every_transaction_is_zero_in_each_currency(self) -> None:
        for _, entries, _ in self.posted:
            for currency in CURRENCIES:
                assert sum(ledger.balances(entries, currency).values()) == 0

    @invariant()
    def the_balance_is_what_was_charged_less_what_was_paid(self) -> None:
        for currency in CURRENCIES:
            balances = self._balances(currency)
            charged = sum(
                amount
                for number, (_, _, _, owed_in, amount) in self.charges.items()
                if owed_in == currency and number not in self.reversed
            )
            paid = sum(
                amount
                for number, (paid_in, amount) in self.payments.items()
                if paid_in == currency and number not in self.reversed
            )
            owed = sum(a for (account, _), a in balances.items() if account is Account.RECEIVABLE)
            credit = -balances.get((Account.CREDIT, None), 0)
            assert balances.get((Account.CASH, None), 0) == paid
            assert owed == max(0, charged - paid)
            assert credit == max(0, paid - charged)

    @invariant()
    def nothing_is_overpaid_and_a_cancelled_obligation_is_owed_no_more(self) -> None:
        for number, (obligation_id, _, _, currency, amount) in self.charges.items():
            owed = self._balances(currency).get((Account.RECEIVABLE, obligation_id), 0)
            assert 0 <= owed <= (0 if number in self.reversed else amount)


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
