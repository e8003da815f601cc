"""Every operation on money, in any order: the books stay whole, and nothing written is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TypeAlias
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from backend.core.actor import SYSTEM, Actor, ActorKind
from backend.core.db import Database, Session, table_of
from backend.core.errors import Problem
from backend.identity.service import Role
from backend.payments import service
from backend.payments.cash_models import CashMovementRow, ReceiptRow
from backend.payments.kinds import Cadence, Decision, Method, ObligationKind
from backend.payments.ledger import RELIEVES, Account, TransactionKind
from backend.payments.models import (
    LedgerEntryRow,
    LedgerTransactionRow,
    ObligationRow,
    SuspenseEntryRow,
    SuspenseTransactionRow,
)
from backend.payments.plans import PlanTerms
from tests.support.clocks import START
from tests.support.counters import closed, confirmed, days_of
from tests.support.identity import actor_of, make_officer
from tests.support.ledger import incoming, outgoing, relief_terms, unidentified
from tests.support.offices import make_office
from tests.support.payments import monthly_fee, owed, paid

KEPT = (
    LedgerTransactionRow,
    LedgerEntryRow,
    SuspenseTransactionRow,
    SuspenseEntryRow,
    ObligationRow,
    ReceiptRow,
    CashMovementRow,
)
Made: TypeAlias = MultipleResults[UUID] | UUID

AMOUNTS = st.sampled_from((1, 1_000, 2_500, 4_000))
"""Few, so that one operation often fits what another left."""
CURRENCIES = st.sampled_from(("EUR", "USD"))
NUMBERS = st.integers(1, 4).map(str)
"""Numbers of what happens outside: few, so that they come again, with other content too."""
PLANS = st.builds(
    PlanTerms,
    currency=CURRENCIES,
    instalment_minor=st.sampled_from((1_000, 2_500)),
    cadence=st.sampled_from(Cadence),
    first_due_on=st.just(date(2026, 3, 20)),
)


class BooksMachine(RuleBasedStateMachine):
    """One person's money and their agency's suspense; a refused operation must leave no trace."""

    obligations: Bundle[UUID] = Bundle("obligations")
    payments: Bundle[UUID] = Bundle("payments")
    repayments: Bundle[UUID] = Bundle("repayments")
    reliefs: Bundle[UUID] = Bundle("reliefs")
    waiting: Bundle[UUID] = Bundle("waiting")
    fees: Bundle[UUID] = Bundle("fees")
    plans: Bundle[UUID] = Bundle("plans")

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        with database.transaction() as session:
            office = make_office(session, START)
            chief = make_officer(session, office.agency, START, role=Role.SUPERVISOR)
            administrator = make_officer(session, office.agency, START, role=Role.AGENCY_ADMIN)
        self._agency_id, self._person_id = office.agency.id, office.person.id
        self._officer, self._chief = office.actor, actor_of(chief)
        self._administrator = actor_of(administrator)
        self._person = Actor(
            kind=ActorKind.SUPERVISEE, id=self._person_id, agency_id=self._agency_id
        )
        self._kept: set[tuple[object, ...]] = set()

    def _do(self, act: Callable[[Session], UUID | None]) -> UUID | None:
        try:
            with self._database.transaction() as session:
                return act(session)
        except Problem:
            return None

    def _make(self, act: Callable[[Session], UUID | None]) -> Made:
        made = self._do(act)
        return multiple() if made is None else made

    @initialize(target=obligations, currencies=st.lists(CURRENCIES, max_size=2))
    def owe_from_the_start(self, currencies: list[str]) -> MultipleResults[UUID]:
        def owe(session: Session, currency: str) -> UUID:
            who = (session, self._officer, self._person_id, date(2026, 3, 20), START)
            return owed(*who, amount_minor=4_000, currency=currency).id

        with self._database.transaction() as session:
            return multiple(*(owe(session, currency) for currency in currencies))

    @rule(
        target=obligations,
        kind=st.sampled_from(ObligationKind),
        day=st.integers(1, 28),
        amount_minor=AMOUNTS,
        currency=CURRENCIES,
    )
    def owe(self, kind: ObligationKind, day: int, amount_minor: int, currency: str) -> Made:
        what = {"kind": kind, "amount_minor": amount_minor, "currency": currency}
        due_on = date(2026, 3, day)
        return self._make(
            lambda s: owed(s, self._officer, self._person_id, due_on, START, **what).id
        )

    @rule(obligation=obligations)
    def cancel(self, obligation: UUID) -> None:
        self._do(
            lambda s: (
                service.cancel_obligation(
                    s, self._officer, obligation, reason="Lifted.", now=START
                ).id
            )
        )

    @rule(target=payments, number=NUMBERS, amount_minor=AMOUNTS, currency=CURRENCIES)
    def pay_at_the_counter(self, number: str, amount_minor: int, currency: str) -> Made:
        what = {"amount_minor": amount_minor, "currency": currency}
        return self._make(
            lambda s: (
                paid(s, self._officer, self._person_id, START, receipt_number=number, **what).id
            )
        )

    @rule(payment=payments)
    def reverse_payment(self, payment: UUID) -> None:
        self._do(
            lambda s: (
                service.reverse_payment(
                    s, self._officer, payment, reason="Miscounted.", now=START
                ).id
            )
        )

    @rule(number=NUMBERS, amount_minor=AMOUNTS, currency=CURRENCIES)
    def announce(self, number: str, amount_minor: int, currency: str) -> None:
        money = incoming(self._person_id, number, amount_minor, currency)
        self._do(lambda s: service.book_pending(s, SYSTEM, money, now=START))

    @rule(target=payments, number=NUMBERS, amount_minor=AMOUNTS, currency=CURRENCIES)
    def arrive(self, number: str, amount_minor: int, currency: str) -> Made:
        money = incoming(self._person_id, number, amount_minor, currency)
        return self._make(lambda s: service.book_payment(s, SYSTEM, money, now=START).id)

    @rule(number=NUMBERS)
    def release(self, number: str) -> None:
        def let_go(session: Session) -> None:
            service.release_pending(
                session,
                SYSTEM,
                self._person_id,
                source=service.Source.PROVIDER,
                external_id=number,
                reason="Declined.",
                now=START,
            )

        self._do(let_go)

    @rule(target=repayments, payment=payments, number=NUMBERS, amount_minor=AMOUNTS)
    def refund(self, payment: UUID, number: str, amount_minor: int) -> Made:
        back = outgoing(payment, f"re_{number}", amount_minor)
        return self._make(lambda s: service.book_refund(s, SYSTEM, back, now=START))

    @rule(target=repayments, payment=payments, number=NUMBERS, amount_minor=AMOUNTS)
    def charge_back(self, payment: UUID, number: str, amount_minor: int) -> Made:
        back = outgoing(payment, f"dp_{number}", amount_minor)
        return self._make(lambda s: service.book_chargeback(s, SYSTEM, back, now=START))

    @rule(target=payments, number=NUMBERS, amount_minor=AMOUNTS, currency=CURRENCIES)
    def transfer(self, number: str, amount_minor: int, currency: str) -> Made:
        money = replace(
            incoming(self._person_id, f"B-{number}", amount_minor, currency),
            source=service.Source.IMPORT,
            method=Method.BANK_TRANSFER,
        )
        return self._make(lambda s: service.book_payment(s, SYSTEM, money, now=START).id)

    @rule(payment=payments, number=NUMBERS)
    def return_by_bank(self, payment: UUID, number: str) -> None:
        self._do(
            lambda s: (
                service.return_by_bank(
                    s, self._officer, payment, reference=number, reason="No funds.", now=START
                ).id
            )
        )

    @rule(repayment=repayments)
    def undo_repayment(self, repayment: UUID) -> None:
        def undo(session: Session) -> None:
            service.reverse_repayment(session, SYSTEM, repayment, reason="Won.", now=START)

        self._do(undo)

    @rule(target=waiting, number=NUMBERS, amount_minor=AMOUNTS, currency=CURRENCIES)
    def wait(self, number: str, amount_minor: int, currency: str) -> Made:
        money = unidentified(number, amount_minor, currency)
        return self._make(
            lambda s: service.book_suspense(s, SYSTEM, self._agency_id, money, now=START).id
        )

    @rule(target=payments, item=waiting)
    def clear(self, item: UUID) -> Made:
        return self._make(
            lambda s: (
                service.clear_suspense(
                    s, self._officer, item, self._person_id, note="", now=START
                ).id
            )
        )

    @rule(item=waiting)
    def send_back(self, item: UUID) -> None:
        self._do(lambda s: service.return_suspense(s, self._officer, item, now=START).id)

    @rule(
        target=reliefs,
        obligation=obligations,
        kind=st.sampled_from(sorted(RELIEVES, key=lambda kind: kind.value)),
        amount_minor=AMOUNTS,
    )
    def propose(self, obligation: UUID, kind: TransactionKind, amount_minor: int) -> Made:
        terms = relief_terms(kind, amount_minor)
        return self._make(
            lambda s: service.propose_relief(s, self._officer, obligation, terms, now=START).id
        )

    @rule(relief=reliefs)
    def approve(self, relief: UUID) -> None:
        self._do(lambda s: service.approve_relief(s, self._chief, relief, now=START).id)

    @rule(relief=consumes(reliefs))
    def withdraw(self, relief: UUID) -> None:
        self._do(
            lambda s: (
                service.withdraw_relief(s, self._chief, relief, reason="In error.", now=START).id
            )
        )

    @rule(target=fees, day_of_month=st.integers(2, 8))
    def set_fee(self, day_of_month: int) -> Made:
        return self._make(
            lambda s: (
                monthly_fee(
                    s,
                    self._officer,
                    self._person_id,
                    START,
                    starts_on=START.date(),
                    day_of_month=day_of_month,
                ).id
            )
        )

    @rule(fee=fees, last_due_on=st.dates(date(2026, 3, 1), date(2026, 3, 9)))
    def end_fee(self, fee: UUID, last_due_on: date) -> None:
        self._do(
            lambda s: (
                service.end_recurring_fee(
                    s, self._officer, fee, last_due_on=last_due_on, now=START
                ).id
            )
        )

    @rule(target=plans, terms=PLANS)
    def agree_on_a_plan(self, terms: PlanTerms) -> Made:
        return self._make(
            lambda s: service.set_plan(s, self._officer, self._person_id, terms, now=START).id
        )

    @rule(target=plans, terms=PLANS)
    def ask_for_a_plan(self, terms: PlanTerms) -> Made:
        return self._make(lambda s: service.request_plan(s, self._person, terms, now=START).id)

    @rule(plan=plans, decision=st.sampled_from(Decision))
    def answer_a_plan(self, plan: UUID, decision: Decision) -> None:
        self._do(
            lambda s: (
                service.decide_plan(
                    s, self._officer, plan, decision=decision, note="", now=START
                ).id
            )
        )

    @rule(plan=plans)
    def break_a_plan(self, plan: UUID) -> None:
        self._do(
            lambda s: service.break_plan(s, self._officer, plan, reason="Her wish.", now=START).id
        )

    @rule(counted_minor=AMOUNTS)
    def close_the_day(self, counted_minor: int) -> None:
        def close(session: Session) -> None:
            for day in days_of(session, self._officer, START, unconfirmed=True):
                closed(session, self._officer, day.id, counted_minor, START)

        self._do(close)

    @rule(counted_minor=AMOUNTS, document=st.sampled_from((None, "Cash rule 9")))
    def confirm_the_day(self, counted_minor: int, document: str | None) -> None:
        def confirm(session: Session) -> None:
            for day in days_of(session, self._officer, START, unconfirmed=True):
                confirmed(session, self._chief, day.id, counted_minor, START, document=document)

        self._do(confirm)

    @rule(kinds=st.permutations(list(ObligationKind)))
    def pay_others_first(self, kinds: list[ObligationKind]) -> None:
        def change(session: Session) -> None:
            service.change_allocation_order(
                session, self._administrator, kinds=tuple(kinds), now=START
            )

        self._do(change)

    @invariant()
    def the_books_are_whole(self) -> None:
        with self._database.snapshot() as session:
            found = service.verify(session).findings
        own = {self._person_id, self._agency_id}
        assert not [one for one in found if one.book_id in own]

    @invariant()
    def rows_are_only_added(self) -> None:
        with self._database.snapshot() as session:
            kept = {
                (model.__tablename__, *row)
                for model in KEPT
                for row in session.execute(select(*table_of(model).columns))
            }
        assert self._kept <= kept
        self._kept = kept

    @invariant()
    def a_balance_is_the_sum_of_entries(self) -> None:
        with self._database.snapshot() as session:
            rows = session.scalars(
                select(LedgerEntryRow).where(LedgerEntryRow.supervisee_id == self._person_id)
            ).all()
            shown = service.balance(session, self._officer, self._person_id, now=START)
            closing = service.statement(session, self._officer, self._person_id, now=START).closing
        for one in shown.currencies:
            sums = {
                account: sum(
                    row.amount_minor
                    for row in rows
                    if row.account is account and row.currency == one.currency
                )
                for account in Account
            }
            assert sum(sums.values()) == 0
            assert one.outstanding_minor == sums[Account.RECEIVABLE]
            assert one.credit_minor == -sums[Account.CREDIT]
            assert one.paid_minor == sums[Account.CASH]
            assert one.pending_minor == sums[Account.IN_TRANSIT]
            assert one.balance_minor == one.charged_minor - one.paid_minor
        balances = {one.currency: one.balance_minor for one in shown.currencies}
        assert all(balances[one.currency] == one.balance_minor for one in closing)


def test_whatever_happens_to_money_the_books_stay_whole(database: Database) -> None:
    class Machine(BooksMachine):
        def __init__(self) -> None:
            super().__init__(database)

    run_state_machine_as_test(
        Machine, settings=settings(max_examples=8, stateful_step_count=60, deadline=None)
    )
