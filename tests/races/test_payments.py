"""Money at several counters at once, on PostgreSQL, each transaction with its own connection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import func, select

from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity.service import Role
from backend.payments import service
from backend.payments.bank_file import COLUMNS
from backend.payments.imports import LineOutcome
from backend.payments.kinds import Basis
from backend.payments.ledger import Account, TransactionKind
from backend.payments.models import LedgerEntryRow, LedgerTransactionRow
from backend.payments.service import ReliefTerms
from tests.support.clocks import START
from tests.support.counters import closed, confirmed, days_of, supervisor_of
from tests.support.identity import actor_of, make_officer, make_supervisee
from tests.support.offices import Office, make_office
from tests.support.payments import monthly_fee, owed, paid
from tests.support.races import at_once

COUNTERS = 6
TODAY = date(2026, 3, 2)


@pytest.fixture
def office(postgresql_database: Database) -> Office:
    """An agency at work."""
    with postgresql_database.transaction() as session:
        return make_office(session, START)


def _tell(database: Database, office: Office, person: UUID, receipt_number: str) -> UUID | Code:
    """The payment that this counter was given, or why it was refused."""
    try:
        with database.transaction() as session:
            return paid(session, office.actor, person, START, receipt_number=receipt_number).id
    except Problem as problem:
        return problem.code


def test_one_receipt_told_at_every_counter_at_once_is_one_payment(
    postgresql_database: Database, office: Office
) -> None:
    database, person = postgresql_database, office.person.id

    told = at_once([lambda: _tell(database, office, person, "R-77")] * COUNTERS)

    assert len(set(told)) == 1
    assert isinstance(told[0], UUID)
    with database.snapshot() as session:
        balance = service.balance(session, office.actor, person, now=START)
        assert balance.currencies[0].paid_minor == 10_000


def test_one_receipt_for_two_people_at_once_is_refused_to_one(
    postgresql_database: Database, office: Office
) -> None:
    database = postgresql_database
    with database.transaction() as session:
        other = make_supervisee(session, office.agency, START)

    told = at_once(
        [
            partial(_tell, database, office, person, "R-77")
            for person in (office.person.id, other.id)
        ]
    )

    assert [code for code in told if isinstance(code, Code)] == [Code.ALREADY_EXISTS]
    with database.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(LedgerTransactionRow)) == 1


def _upload(database: Database, office: Office, *whose: UUID | None) -> dict[LineOutcome, int]:
    """How many lines of a file with these owners had which outcome."""
    lines = [
        f"B-{number},2026-03-01,4000,USD,lockbox,{one or ''},"
        for number, one in enumerate(whose, start=1)
    ]
    content = "\n".join([",".join(COLUMNS), *lines]).encode()
    with database.transaction() as session:
        found = service.import_file(session, office.actor, content, now=START)
    return {outcome: len(numbers) for outcome, numbers in found.items() if numbers}


def test_one_file_sent_by_everybody_at_once_is_booked_once(
    postgresql_database: Database, office: Office
) -> None:
    database, person = postgresql_database, office.person.id
    upload = partial(_upload, database, office, person, None, person)

    told = at_once([upload] * COUNTERS)

    first = {LineOutcome.BOOKED: 2, LineOutcome.SUSPENSE: 1}
    assert sorted(told, key=len) == [{LineOutcome.KNOWN: 3}] * (COUNTERS - 1) + [first]
    with database.snapshot() as session:
        (balance,) = service.balance(session, office.actor, person, now=START).currencies
        waiting = service.suspense_items(session, office.actor, waiting=True, cursor=Cursor())
    assert (balance.paid_minor, len(waiting.items)) == (8_000, 1)


def test_a_number_that_one_file_gives_to_somebody_and_one_to_nobody_is_booked_once(
    postgresql_database: Database, office: Office
) -> None:
    database, person = postgresql_database, office.person.id

    told = at_once([partial(_upload, database, office, one) for one in (person, None) * 3])

    assert sum(one.get(LineOutcome.KNOWN, 0) for one in told) == 5


def test_payments_at_once_never_pay_a_debt_twice(
    postgresql_database: Database, office: Office
) -> None:
    database, person = postgresql_database, office.person.id
    with database.transaction() as session:
        debt = owed(session, office.actor, person, TODAY, START, amount_minor=25_000)

    at_once([partial(_tell, database, office, person, f"R-{number}") for number in range(COUNTERS)])

    with database.snapshot() as session:
        (balance,) = service.balance(session, office.actor, person, now=START).currencies
        numbers = session.scalars(
            select(LedgerTransactionRow.number).order_by(LedgerTransactionRow.number)
        ).all()
        receivable = session.scalar(
            select(func.sum(LedgerEntryRow.amount_minor)).where(
                LedgerEntryRow.obligation_id == debt.id,
                LedgerEntryRow.account == Account.RECEIVABLE,
            )
        )
    assert receivable == 0
    assert balance.credit_minor == COUNTERS * 10_000 - 25_000
    assert list(numbers) == list(range(1, len(numbers) + 1))


def test_one_payment_is_reversed_once_however_many_ask(
    postgresql_database: Database, office: Office
) -> None:
    database, person = postgresql_database, office.person.id
    with database.transaction() as session:
        payment = paid(session, office.actor, person, START)

    def reverse() -> Code | None:
        try:
            with database.transaction() as session:
                service.reverse_payment(
                    session, office.actor, payment.id, reason="Wrong.", now=START
                )
        except Problem as problem:
            return problem.code
        return None

    answers = at_once([reverse] * COUNTERS)

    assert answers.count(None) == 1
    assert answers.count(Code.ILLEGAL_TRANSITION) == COUNTERS - 1


def test_workers_at_once_raise_each_due_day_of_a_fee_once(
    postgresql_database: Database, office: Office
) -> None:
    database = postgresql_database
    with database.transaction() as session:
        people = [make_supervisee(session, office.agency, START).id for _ in range(4)]
        for person in people * 2:
            monthly_fee(session, office.actor, person, START, starts_on=TODAY, day_of_month=20)

    def work() -> int:
        raised = 0
        while True:
            with database.transaction() as session:
                count = service.raise_recurring(session, START + timedelta(days=60), limit=3)
            if not count:
                return raised
            raised += count

    raised = at_once([work] * COUNTERS)

    assert sum(raised) == 8
    with database.snapshot() as session:
        for person in people:
            page = service.obligations(session, office.actor, person, cursor=Cursor(), now=START)
            due = sorted(item.due_on for item in page.items)
            assert due == [date(2026, 3, 20)] * 2 + [date(2026, 4, 20)] * 2


def test_one_waiver_is_posted_once_however_many_approve(
    postgresql_database: Database, office: Office
) -> None:
    database, person = postgresql_database, office.person.id
    with database.transaction() as session:
        debt = owed(session, office.actor, person, TODAY, START, amount_minor=25_000)
        terms = ReliefTerms(
            kind=TransactionKind.WAIVER,
            amount_minor=15_000,
            authority=Basis.ORDER,
            document="Order 7",
            reason="Lost her work.",
        )
        both = [
            service.propose_relief(session, office.actor, debt.id, terms, now=START)
            for _ in range(2)
        ]
        supervisors = [
            actor_of(make_officer(session, office.agency, START, role=Role.SUPERVISOR))
            for _ in range(COUNTERS)
        ]

    def approve(number: int) -> Code | None:
        try:
            with database.transaction() as session:
                relief = both[number % 2]
                service.approve_relief(session, supervisors[number], relief.id, now=START)
        except Problem as problem:
            return problem.code
        return None

    answers = at_once([partial(approve, number) for number in range(COUNTERS)])

    assert answers.count(None) == 1
    assert answers.count(Code.ILLEGAL_TRANSITION) == COUNTERS - 1
    with database.snapshot() as session:
        (dollars,) = service.balance(session, office.actor, person, now=START).currencies
        assert dollars.outstanding_minor == 10_000


def test_receipts_at_once_are_numbered_without_holes(
    postgresql_database: Database, office: Office
) -> None:
    database = postgresql_database
    with database.transaction() as session:
        people = [make_supervisee(session, office.agency, START).id for _ in range(COUNTERS)]

    def take(number: int) -> int | None:
        with database.transaction() as session:
            receipt = {"receipt_number": f"R-{number}", "amount_minor": 100}
            return paid(session, office.actor, people[number], START, **receipt).serial

    numbers = at_once([partial(take, number) for number in range(COUNTERS)])

    assert sorted(number or 0 for number in numbers) == list(range(1, COUNTERS + 1))
    with database.snapshot() as session:
        (day,) = days_of(session, office.actor, START)
        assert day.expected_minor == 100 * COUNTERS
        assert not service.verify(session).findings


def test_one_day_is_confirmed_once_however_many_counted(
    postgresql_database: Database, office: Office
) -> None:
    database = postgresql_database
    with database.transaction() as session:
        paid(session, office.actor, office.person.id, START)
        (day,) = days_of(session, office.actor, START)
        closed(session, office.actor, day.id, 9_000, START)
        supervisors = [supervisor_of(session, office, START) for _ in range(COUNTERS)]

    def confirm(number: int) -> Code | None:
        try:
            with database.transaction() as session:
                by = supervisors[number]
                confirmed(session, by, day.id, 9_000, START, document="Cash rule 9")
        except Problem as problem:
            return problem.code
        return None

    answers = at_once([partial(confirm, number) for number in range(COUNTERS)])

    assert answers.count(None) == 1
    assert answers.count(Code.ILLEGAL_TRANSITION) == COUNTERS - 1
    with database.snapshot() as session:
        assert not service.verify(session).findings


def test_cash_that_comes_while_the_day_is_closed_is_in_it_or_refused(
    postgresql_database: Database, office: Office
) -> None:
    database = postgresql_database
    with database.transaction() as session:
        paid(session, office.actor, office.person.id, START)
        (day,) = days_of(session, office.actor, START)

    def close() -> None:
        with database.transaction() as session:
            closed(session, office.actor, day.id, 10_000, START)

    acts: list[Callable[[], UUID | Code | None]] = [close]
    acts += [partial(_tell, database, office, office.person.id, f"Q-{n}") for n in range(4)]
    told = at_once(acts)

    taken = [one for one in told if isinstance(one, UUID)]
    refused = [one for one in told if isinstance(one, Code)]
    assert set(refused) <= {Code.CASH_DAY_CLOSED}
    with database.snapshot() as session:
        (day,) = days_of(session, office.actor, START)
        assert day.expected_minor == 10_000 * (1 + len(taken))
        assert not service.verify(session).findings
