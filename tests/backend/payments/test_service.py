from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DatabaseError

from backend.audit import service as audit
from backend.audit.models import AuditEvent
from backend.core.actor import Actor, ActorKind, Permission
from backend.core.db import Database, Session
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.payments import service
from backend.payments.kinds import Authority, Cadence, Method, ObligationKind, ObligationStatus
from backend.payments.ledger import Account, TransactionKind
from backend.payments.models import LedgerEntryRow, LedgerTransactionRow, ObligationRow
from backend.payments.service import Balance, Obligation
from backend.payments.values import CurrencyBalance
from tests.support.clocks import START
from tests.support.identity import actor_of, make_officer, make_supervisee
from tests.support.offices import Office, make_office
from tests.support.payments import owed, paid, receipt, terms

TODAY = date(2026, 3, 2)
SOON = date(2026, 3, 20)
PAST = date(2026, 2, 1)


def _balance(session: Session, office: Office) -> Balance:
    return service.balance(session, office.actor, office.person.id, now=START)


def _dollars(session: Session, office: Office) -> CurrencyBalance:
    (balance,) = _balance(session, office).currencies
    return balance


def _obligations(session: Session, office: Office) -> dict[UUID, Obligation]:
    page = service.obligations(session, office.actor, office.person.id, cursor=Cursor(), now=START)
    return {obligation.id: obligation for obligation in page.items}


def _assert_books_are_right(session: Session) -> None:
    sums = session.execute(
        select(func.sum(LedgerEntryRow.amount_minor)).group_by(
            LedgerEntryRow.transaction_id, LedgerEntryRow.currency
        )
    )
    assert {int(total) for (total,) in sums} <= {0}
    numbers = session.execute(
        select(
            func.count(LedgerTransactionRow.id),
            func.max(LedgerTransactionRow.number),
        ).group_by(LedgerTransactionRow.supervisee_id)
    )
    assert all(count == last for count, last in numbers)


def test_a_person_without_debts_owes_nothing(database: Database, office: Office) -> None:
    with database.snapshot() as session:
        assert _balance(session, office) == Balance(as_of=TODAY, currencies=[], unpaid=[])


def test_what_is_raised_is_owed(database: Database, office: Office) -> None:
    with database.transaction() as session:
        obligation = owed(session, office.actor, office.person.id, SOON, START)

        assert obligation.status is ObligationStatus.DUE
        assert obligation.outstanding_minor == 10_000
        assert _dollars(session, office) == CurrencyBalance(
            currency="USD",
            charged_minor=10_000,
            paid_minor=0,
            outstanding_minor=10_000,
            overdue_minor=0,
            credit_minor=0,
            balance_minor=10_000,
            pending_minor=0,
        )
        _assert_books_are_right(session)


def test_overdue_begins_the_day_after_in_the_agencys_zone(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, TODAY, START)
        midnight = datetime(2026, 3, 3, 6, 0, tzinfo=UTC)  # in Chicago
        before = service.balance(
            session, office.actor, office.person.id, now=midnight - timedelta(seconds=1)
        )
        after = service.balance(session, office.actor, office.person.id, now=midnight)

    assert before.currencies[0].overdue_minor == 0
    assert after.currencies[0].overdue_minor == 10_000
    assert after.unpaid[0].status is ObligationStatus.OVERDUE


def test_a_payment_pays_what_the_order_of_allocation_puts_first(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        fine = owed(session, office.actor, office.person.id, PAST, START)
        victim = owed(
            session,
            office.actor,
            office.person.id,
            SOON,
            START,
            kind=ObligationKind.RESTITUTION,
            amount_minor=2_000,
        )
        payment = paid(session, office.actor, office.person.id, START, amount_minor=5_000)

        assert {(a.obligation_id, a.amount_minor) for a in payment.allocated} == {
            (victim.id, 2_000),
            (fine.id, 3_000),
        }
        assert _obligations(session, office)[victim.id].status is ObligationStatus.PAID
        assert _obligations(session, office)[fine.id].outstanding_minor == 7_000
        _assert_books_are_right(session)


def test_what_is_paid_too_much_is_credit_and_pays_what_comes_later(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        paid(session, office.actor, office.person.id, START, amount_minor=12_000)
        assert _dollars(session, office).credit_minor == 12_000
        assert _dollars(session, office).balance_minor == -12_000

        obligation = owed(session, office.actor, office.person.id, SOON, START)

        assert obligation.status is ObligationStatus.PAID
        assert _dollars(session, office).credit_minor == 2_000
        _assert_books_are_right(session)


def test_money_of_one_currency_does_not_pay_a_debt_in_another(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, SOON, START, currency="EUR")
        paid(session, office.actor, office.person.id, START)

        euros, dollars = _balance(session, office).currencies
        assert (euros.currency, euros.outstanding_minor) == ("EUR", 10_000)
        assert (dollars.currency, dollars.credit_minor) == ("USD", 10_000)


def test_one_receipt_is_one_payment_however_often_it_is_told(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        first = paid(session, office.actor, office.person.id, START, receipt_number="R-77")
    later = START + timedelta(hours=1)
    with database.transaction() as session:
        again = paid(session, office.actor, office.person.id, later, receipt_number="R-77")

        assert again == first
        assert _dollars(session, office).paid_minor == 10_000


@pytest.mark.parametrize(
    "other",
    [
        {"amount_minor": 9_999},
        {"currency": "EUR"},
        {"received_on": date(2026, 2, 28)},
    ],
)
def test_a_receipt_number_that_stands_for_another_payment_is_refused(
    database: Database, office: Office, other: dict[str, object]
) -> None:
    with database.transaction() as session:
        paid(session, office.actor, office.person.id, START, receipt_number="R-77")

    with database.transaction() as session, pytest.raises(Problem) as refused:
        paid(session, office.actor, office.person.id, START, receipt_number="R-77", **other)

    assert refused.value.code is Code.ALREADY_EXISTS
    with database.snapshot() as session:
        assert _dollars(session, office).paid_minor == 10_000


def test_the_receipt_of_another_person_is_refused(database: Database, office: Office) -> None:
    with database.transaction() as session:
        other = make_supervisee(session, office.agency, START)
        paid(session, office.actor, other.id, START, receipt_number="R-77")

        with pytest.raises(Problem) as refused:
            paid(session, office.actor, office.person.id, START, receipt_number="R-77")

    assert refused.value.code is Code.ALREADY_EXISTS


def test_two_agencies_number_their_receipts_apart(database: Database, office: Office) -> None:
    with database.transaction() as session:
        elsewhere = make_office(session, START)
        paid(session, office.actor, office.person.id, START, receipt_number="R-77")
        paid(session, elsewhere.actor, elsewhere.person.id, START, receipt_number="R-77")

        assert _dollars(session, elsewhere).paid_minor == 10_000


def test_money_cannot_have_come_in_tomorrow(database: Database, office: Office) -> None:
    with database.transaction() as session, pytest.raises(Problem) as refused:
        paid(
            session,
            office.actor,
            office.person.id,
            START,
            received_on=TODAY + timedelta(days=1),
        )

    assert refused.value.pointer == "/received_on"


def test_a_reversed_payment_leaves_the_debt_as_it_was(database: Database, office: Office) -> None:
    with database.transaction() as session:
        fine = owed(session, office.actor, office.person.id, PAST, START)
        payment = paid(session, office.actor, office.person.id, START, amount_minor=12_000)

        reversal = service.reverse_payment(
            session, office.actor, payment.id, reason="The check bounced.", now=START
        )

        assert reversal.reversed_id == payment.id
        assert _obligations(session, office)[fine.id].outstanding_minor == 10_000
        assert _dollars(session, office).paid_minor == 0
        assert _dollars(session, office).credit_minor == 0
        shown = service.read_payment(session, office.actor, payment.id)
        assert shown.reversed_by == reversal.id
        _assert_books_are_right(session)


def test_a_reversed_payment_is_reversed_once(database: Database, office: Office) -> None:
    with database.transaction() as session:
        payment = paid(session, office.actor, office.person.id, START)
        service.reverse_payment(session, office.actor, payment.id, reason="Wrong.", now=START)

        with pytest.raises(Problem) as refused:
            service.reverse_payment(session, office.actor, payment.id, reason="Wrong.", now=START)

    assert refused.value.code is Code.ILLEGAL_TRANSITION


def test_credit_that_was_spent_is_taken_back_when_its_payment_is_reversed(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        payment = paid(session, office.actor, office.person.id, START, amount_minor=12_000)
        fine = owed(session, office.actor, office.person.id, SOON, START)

        service.reverse_payment(session, office.actor, payment.id, reason="Wrong.", now=START)

        assert _obligations(session, office)[fine.id].outstanding_minor == 10_000
        assert _dollars(session, office).balance_minor == 10_000
        _assert_books_are_right(session)


def test_only_a_payment_can_be_reversed_as_one(database: Database, office: Office) -> None:
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, SOON, START)
        charge = session.scalars(select(LedgerTransactionRow.id)).one()

        for payment_id in (charge, uuid4()):
            with pytest.raises(Problem) as refused:
                service.reverse_payment(session, office.actor, payment_id, reason="x", now=START)
            assert refused.value.code is Code.NOT_FOUND


def test_what_was_paid_of_a_cancelled_obligation_pays_the_next(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        wrong = owed(session, office.actor, office.person.id, PAST, START)
        right = owed(session, office.actor, office.person.id, SOON, START)
        paid(session, office.actor, office.person.id, START, amount_minor=4_000)

        service.cancel_obligation(
            session, office.actor, wrong.id, reason="Raised twice.", now=START
        )

        after = _obligations(session, office)
        assert after[wrong.id].status is ObligationStatus.CANCELLED
        assert after[wrong.id].outstanding_minor == 0
        assert after[right.id].outstanding_minor == 6_000
        assert _dollars(session, office).balance_minor == 6_000
        _assert_books_are_right(session)
        with pytest.raises(Problem) as refused:
            service.cancel_obligation(session, office.actor, wrong.id, reason="x", now=START)
        assert refused.value.code is Code.ILLEGAL_TRANSITION


def test_the_agencys_order_of_allocation_is_followed(database: Database, office: Office) -> None:
    with database.transaction() as session:
        admin = actor_of(office.officer, permissions=frozenset({Permission.AGENCY_MANAGE}))
        fine = owed(session, office.actor, office.person.id, PAST, START)
        victim = owed(
            session, office.actor, office.person.id, PAST, START, kind=ObligationKind.RESTITUTION
        )
        kinds = [ObligationKind.FINE, *(k for k in ObligationKind if k is not ObligationKind.FINE)]

        service.change_allocation_order(session, admin, kinds, now=START)
        paid(session, office.actor, office.person.id, START)

        assert _obligations(session, office)[fine.id].outstanding_minor == 0
        assert _obligations(session, office)[victim.id].outstanding_minor == 10_000


@pytest.mark.parametrize(
    "kinds",
    [[], list(ObligationKind)[1:], [*list(ObligationKind)[1:], list(ObligationKind)[1]]],
)
def test_an_order_that_leaves_a_kind_out_is_refused(
    database: Database, office: Office, kinds: list[ObligationKind]
) -> None:
    admin = actor_of(office.officer, permissions=frozenset({Permission.AGENCY_MANAGE}))

    with database.transaction() as session, pytest.raises(Problem) as refused:
        service.change_allocation_order(session, admin, kinds, now=START)

    assert refused.value.pointer == "/kinds"


def test_a_statement_tells_how_the_balance_came_to_be(database: Database, office: Office) -> None:
    april = START + timedelta(days=40)
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, SOON, START)
        payment = paid(
            session, office.actor, office.person.id, april, amount_minor=3_000, receipt_number="R-5"
        )
        service.reverse_payment(session, office.actor, payment.id, reason="Bounced.", now=april)

        whole = service.statement(session, office.actor, office.person.id, now=april)
        since_april = service.statement(
            session, office.actor, office.person.id, since=date(2026, 4, 1), now=april
        )

    assert [(line.kind, line.amount_minor, line.balance_minor) for line in whole.lines] == [
        (TransactionKind.CHARGE, 10_000, 10_000),
        (TransactionKind.PAYMENT, -3_000, 7_000),
        (TransactionKind.REVERSAL, 3_000, 10_000),
    ]
    assert whole.opening == []
    assert (whole.lines[0].obligation_kind, whole.lines[0].reference) == (
        ObligationKind.FINE,
        "2026-CR-000411",
    )
    assert whole.lines[0].authority is Authority.ORDER
    assert whole.lines[1].receipt_number == "R-5"
    assert whole.lines[2].about_number == whole.lines[1].number
    assert whole.lines[2].note == "Bounced."
    assert since_april.opening[0].balance_minor == 10_000
    assert since_april.lines == whole.lines[1:]
    assert since_april.closing == whole.closing


@pytest.mark.parametrize(
    ("since", "until"),
    [(TODAY, TODAY), (TODAY, PAST), (date(2025, 1, 1), TODAY)],
)
def test_a_period_that_is_none_is_refused(
    database: Database, office: Office, since: date, until: date
) -> None:
    with database.snapshot() as session, pytest.raises(Problem) as refused:
        service.statement(
            session, office.actor, office.person.id, since=since, until=until, now=START
        )

    assert refused.value.pointer == "?until"


def test_reminders_get_what_is_still_owed_in_order_of_the_due_day(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        late = owed(session, office.actor, office.person.id, date(2026, 3, 10), START)
        early = owed(session, office.actor, office.person.id, date(2026, 3, 5), START)
        owed(session, office.actor, office.person.id, date(2026, 3, 11), START)
        part = session.get_one(ObligationRow, early.id)
        paid(session, office.actor, office.person.id, START, amount_minor=2_500)

        items = service.due_items(
            session, date(2026, 3, 5), date(2026, 3, 11), supervisee_ids=[office.person.id]
        )
        nobodys = service.due_items(
            session, date(2026, 3, 5), date(2026, 3, 11), supervisee_ids=[uuid4()]
        )

    assert [(item.obligation_id, item.outstanding_minor) for item in items] == [
        (part.id, 7_500),
        (late.id, 10_000),
    ]
    assert nobodys == []
    assert items[0].supervisee_id == office.person.id
    assert items[0].agency_id == office.agency.id
    assert items[0].currency == "USD"


def test_what_is_paid_or_cancelled_is_reminded_of_no_more(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        first = owed(session, office.actor, office.person.id, PAST, START)
        second = owed(session, office.actor, office.person.id, SOON, START)
        assert service.is_still_owed(session, first.id, START)

        payment = paid(session, office.actor, office.person.id, START)
        service.cancel_obligation(session, office.actor, second.id, reason="x", now=START)
        assert not service.is_still_owed(session, first.id, START)
        assert not service.is_still_owed(session, second.id, START)
        assert not service.is_still_owed(session, uuid4(), START)
        theirs = [office.person.id]
        assert service.due_items(session, PAST, date(2027, 1, 1), supervisee_ids=theirs) == []

        service.reverse_payment(session, office.actor, payment.id, reason="x", now=START)
        assert service.is_still_owed(session, first.id, START)


def test_a_person_reads_their_own_balance_and_nobody_elses(
    database: Database, office: Office
) -> None:
    person = Actor(kind=ActorKind.SUPERVISEE, id=office.person.id, agency_id=office.agency.id)
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, SOON, START)
        other = make_supervisee(session, office.agency, START)
        owed(session, office.actor, other.id, SOON, START)

        assert service.own_balance(session, person, now=START) == _balance(session, office)
        with pytest.raises(Problem):
            service.own_balance(session, office.actor, now=START)
        with pytest.raises(Problem):
            service.balance(session, person, other.id, now=START)


def _attempts(session: Session, actor: Actor, office: Office) -> list[Callable[[], object]]:
    person, cursor = office.person.id, Cursor()
    return [
        lambda: service.raise_obligation(session, actor, person, terms(), due_on=SOON, now=START),
        lambda: service.record_payment(session, actor, person, receipt(), note="", now=START),
        lambda: service.balance(session, actor, person, now=START),
        lambda: service.statement(session, actor, person, now=START),
        lambda: service.obligations(session, actor, person, cursor=cursor, now=START),
        lambda: service.payments(session, actor, person, cursor=cursor),
        lambda: service.recurring_fees(session, actor, person, cursor=cursor),
    ]


def test_without_the_permission_nobody_reads_or_writes(database: Database, office: Office) -> None:
    powerless = actor_of(office.officer, permissions=frozenset())

    with database.transaction() as session:
        for attempt in _attempts(session, powerless, office):
            with pytest.raises(Problem) as refused:
                attempt()
            assert refused.value.code is Code.FORBIDDEN


def test_a_person_of_another_agency_or_another_officer_is_not_there(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        elsewhere = make_office(session, START)
        colleague = actor_of(make_officer(session, office.agency, START), own_only=True)
        fine = owed(session, office.actor, office.person.id, SOON, START)
        payment = paid(session, office.actor, office.person.id, START)

        for stranger in (elsewhere.actor, colleague):
            by_id = [
                lambda who=stranger: service.cancel_obligation(
                    session, who, fine.id, reason="x", now=START
                ),
                lambda who=stranger: service.reverse_payment(
                    session, who, payment.id, reason="x", now=START
                ),
                lambda who=stranger: service.read_payment(session, who, payment.id),
            ]
            for attempt in [*_attempts(session, stranger, office), *by_id]:
                with pytest.raises(Problem) as refused:
                    attempt()
                assert refused.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    "table", ["obligations", "ledger_transactions", "ledger_entries", "recurring_fees"]
)
def test_what_was_booked_can_be_neither_changed_nor_deleted(
    database: Database, office: Office, table: str
) -> None:
    with database.transaction() as session:
        owed(session, office.actor, office.person.id, SOON, START)
        service.set_recurring_fee(
            session,
            office.actor,
            office.person.id,
            terms(),
            service.Recurrence(cadence=Cadence.WEEKLY, starts_on=SOON),
            now=START,
        )

    column = "supervisee_id"
    for change in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
        with pytest.raises(DatabaseError), database.transaction() as session:
            session.connection().exec_driver_sql(change)


def test_every_act_is_audited_without_amounts(database: Database, office: Office) -> None:
    with database.transaction() as session:
        fine = owed(session, office.actor, office.person.id, SOON, START)
        payment = paid(session, office.actor, office.person.id, START, receipt_number="R-77")
        paid(session, office.actor, office.person.id, START, receipt_number="R-77")
        service.reverse_payment(session, office.actor, payment.id, reason="x", now=START)
        service.cancel_obligation(session, office.actor, fine.id, reason="x", now=START)

        events = session.scalars(
            select(AuditEvent).where(AuditEvent.subject_id.in_([fine.id, payment.id]))
        ).all()

    assert sorted(event.act for event in events) == sorted(
        act.value
        for act in (
            audit.Act.OBLIGATION_RAISED,
            audit.Act.PAYMENT_RECORDED,
            audit.Act.PAYMENT_REVERSED,
            audit.Act.OBLIGATION_CANCELLED,
        )
    )
    assert {event.actor_id for event in events} == {office.officer.id}
    assert {event.supervisee_id for event in events} == {office.person.id}


def test_the_ledger_keeps_who_booked_what_and_when(database: Database, office: Office) -> None:
    with database.transaction() as session:
        payment = paid(session, office.actor, office.person.id, START)

        row = session.get_one(LedgerTransactionRow, payment.id)
        accounts = session.scalars(
            select(LedgerEntryRow.account)
            .where(LedgerEntryRow.transaction_id == payment.id)
            .order_by(LedgerEntryRow.line)
        ).all()

    assert (row.number, row.booked_on, row.recorded_at) == (1, TODAY, START)
    assert (row.actor_kind, row.actor_id) == (ActorKind.OFFICER, office.officer.id)
    assert (row.method, row.received_on) == (Method.CASH, date(2026, 3, 1))
    assert accounts == [Account.CASH, Account.CREDIT]
