"""Cash at the counter: receipts without holes, and days that two officers count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from backend.audit import service as audit
from backend.core.actor import Actor, Permission
from backend.core.db import Database, Session
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity import service as identity
from backend.migrations import downgrade, upgrade
from backend.outbox.models import OutboxMessage
from backend.outbox.rows import message_of
from backend.payments import receipts, service
from backend.payments.cash_days import CashDayState
from backend.payments.kinds import Basis, Method
from backend.payments.ledger import Account
from backend.payments.models import SuspenseEntryRow
from backend.payments.service import CashDay, Payment, Receipt
from notifications.formats import Language
from tests.support.clocks import START
from tests.support.counters import closed, confirmed, days_of, supervisor_of
from tests.support.identity import make_actor, make_supervisee
from tests.support.offices import Office, make_office
from tests.support.payments import paid

TOMORROW = START + timedelta(days=1)


class Counter:
    """An officer's drawer, and a supervisor who looks into it."""

    def __init__(self, database: Database, office: Office) -> None:
        self.database, self.office, self.officer = database, office, office.actor
        with database.transaction() as session:
            self.supervisor = supervisor_of(session, office, START)

    def do(self, act: Callable[[Session], Any]) -> Any:
        with self.database.transaction() as session:
            return act(session)

    def refused(self, act: Callable[[Session], Any]) -> Problem:
        with pytest.raises(Problem) as caught, self.database.transaction() as session:
            act(session)
        return caught.value

    def take(self, amount_minor: int = 10_000, **what: Any) -> Payment:
        now = what.pop("now", START)
        by = what.pop("by", self.officer)
        person = self.office.person.id
        payment: Payment = self.do(
            lambda s: paid(s, by, person, now, amount_minor=amount_minor, **what)
        )
        return payment

    def reverse(self, payment: Payment, now: Any = START) -> None:
        self.do(
            lambda s: service.reverse_payment(
                s, self.supervisor, payment.id, reason="Miscounted.", now=now
            )
        )

    def days(self, **wanted: bool) -> list[CashDay]:
        with self.database.snapshot() as session:
            return days_of(session, self.supervisor, START, **wanted)

    def day(self) -> CashDay:
        (found,) = self.days()
        return found

    def over_short(self) -> int:
        beside = SuspenseEntryRow.account == Account.OVER_SHORT
        with self.database.snapshot() as session:
            total = session.scalar(select(func.sum(SuspenseEntryRow.amount_minor)).where(beside))
        return int(total or 0)


@pytest.fixture
def counter(database: Database, office: Office) -> Counter:
    return Counter(database, office)


def test_receipts_are_numbered_without_holes_and_told_again_keep_theirs(counter: Counter) -> None:
    first = counter.take(receipt_number="R-1")
    counter.refused(
        lambda s: paid(
            s, counter.officer, counter.office.person.id, START, received_on=date(2030, 1, 1)
        )
    )
    with pytest.raises(ZeroDivisionError), counter.database.transaction() as session:
        paid(session, counter.officer, counter.office.person.id, START)
        raise ZeroDivisionError  # whatever undoes the whole act
    again = counter.take(receipt_number="R-1")
    second = counter.take(receipt_number="R-2")

    assert (first.serial, again.serial, second.serial) == (1, 1, 2)
    assert counter.day().expected_minor == 20_000


def test_each_agency_has_its_own_series(counter: Counter) -> None:
    counter.take()
    with counter.database.transaction() as session:
        other = make_office(session, START)

        assert paid(session, other.actor, other.person.id, START).serial == 1


def test_a_check_has_a_receipt_and_is_no_cash(counter: Counter) -> None:
    check = Receipt(
        receipt_number="C-1",
        amount_minor=500,
        currency="USD",
        received_on=START.date(),
        method=Method.CHECK,
    )

    payment = counter.do(
        lambda s: service.record_payment(
            s, counter.officer, counter.office.person.id, check, note="", now=START
        )
    )

    assert payment.serial == 1
    assert counter.days() == []
    counter.reverse(payment)
    assert counter.days() == []


def test_what_came_otherwise_has_no_receipt_of_the_counter(counter: Counter) -> None:
    person = counter.office.person.id
    money = service.Incoming(
        supervisee_id=person,
        amount_minor=100,
        currency="USD",
        received_on=START.date(),
        method=Method.LOCKBOX,
        source=service.Source.IMPORT,
        external_id="B-1",
    )

    payment = counter.do(lambda s: service.book_payment(s, counter.officer, money, now=START))

    assert payment.serial is None
    refusal = counter.refused(lambda s: service.printed_receipt(s, counter.officer, payment.id))
    assert refusal.code is Code.NOT_FOUND


def test_a_day_is_counted_by_one_and_confirmed_by_another(counter: Counter) -> None:
    counter.take(7_000)
    counter.take(500)
    day = counter.day()
    assert (day.state, day.expected_minor, day.counted_minor) == (CashDayState.OPEN, 7_500, None)
    assert day.difference_minor is None

    counted = counter.do(lambda s: closed(s, counter.officer, day.id, 7_500, START))
    done = counter.do(lambda s: confirmed(s, counter.supervisor, day.id, 7_500, START))

    assert (counted.state, counted.difference_minor) == (CashDayState.CLOSED, 0)
    assert done.state is CashDayState.CONFIRMED
    assert (done.closed_by, done.confirmed_by) == (counter.officer.id, counter.supervisor.id)
    assert counter.over_short() == 0
    with counter.database.snapshot() as session:
        assert service.cash_day(session, counter.officer, day.id) == done
        assert not service.verify(session).findings


@pytest.mark.parametrize(("counted_minor", "short_minor"), [(9_000, 1_000), (10_250, -250)])
def test_a_difference_is_booked_by_authority(
    counter: Counter, counted_minor: int, short_minor: int
) -> None:
    counter.take()
    day = counter.day()
    counter.do(lambda s: closed(s, counter.officer, day.id, counted_minor, START))

    without = counter.refused(
        lambda s: confirmed(s, counter.supervisor, day.id, counted_minor, START)
    )
    assert (without.code, without.pointer) == (Code.INVALID_REQUEST, "/authority")
    half = counter.refused(
        lambda s: service.confirm_cash_day(
            s,
            counter.supervisor,
            day.id,
            counted_minor=counted_minor,
            authority=Basis.POLICY,
            document=None,
            now=START,
        )
    )
    assert half.pointer == "/document"
    assert counter.over_short() == 0
    counter.do(
        lambda s: confirmed(s, counter.supervisor, day.id, counted_minor, START, document="Rule 9")
    )

    assert counter.over_short() == short_minor
    assert (counter.day().authority, counter.day().document) == (Basis.POLICY, "Rule 9")
    with counter.database.snapshot() as session:
        assert not service.verify(session).findings


def test_no_authority_is_named_where_nothing_differs(counter: Counter) -> None:
    counter.take()
    day = counter.day()
    counter.do(lambda s: closed(s, counter.officer, day.id, 10_000, START))

    refusal = counter.refused(
        lambda s: confirmed(s, counter.supervisor, day.id, 10_000, START, document="Rule 9")
    )

    assert refusal.code is Code.INVALID_REQUEST


def test_nobody_confirms_what_they_took_or_counted(counter: Counter) -> None:
    counter.take(by=counter.supervisor)
    day = counter.day()
    with counter.database.transaction() as session:
        colleague = supervisor_of(session, counter.office, START)
        third = supervisor_of(session, counter.office, START)
    counter.do(lambda s: closed(s, colleague, day.id, 10_000, START))

    for one in (counter.supervisor, colleague):
        refusal = counter.refused(
            partial(confirmed, actor=one, cash_day_id=day.id, counted_minor=10_000, now=START)
        )
        assert refusal.code is Code.SECOND_PERSON_REQUIRED
    assert counter.do(lambda s: confirmed(s, third, day.id, 10_000, START)).confirmed_by == third.id


def test_two_counts_that_differ_confirm_nothing_until_it_is_counted_anew(counter: Counter) -> None:
    counter.take()
    day = counter.day()
    counter.do(lambda s: closed(s, counter.officer, day.id, 9_000, START))

    refusal = counter.refused(lambda s: confirmed(s, counter.supervisor, day.id, 10_000, START))
    assert refusal.code is Code.COUNT_DIFFERS
    counter.do(lambda s: closed(s, counter.officer, day.id, 10_000, START))
    counter.do(lambda s: confirmed(s, counter.supervisor, day.id, 10_000, START))

    assert counter.day().difference_minor == 0
    again = counter.refused(lambda s: closed(s, counter.officer, day.id, 9_000, START))
    assert again.code is Code.ILLEGAL_TRANSITION
    twice = counter.refused(lambda s: confirmed(s, counter.supervisor, day.id, 10_000, START))
    assert twice.code is Code.ILLEGAL_TRANSITION


def test_an_open_day_cannot_be_confirmed(counter: Counter) -> None:
    counter.take()

    refusal = counter.refused(
        lambda s: confirmed(s, counter.supervisor, counter.day().id, 10_000, START)
    )

    assert refusal.code is Code.ILLEGAL_TRANSITION


def test_a_closed_day_takes_no_cash_and_the_next_one_does(counter: Counter) -> None:
    counter.take()
    counter.do(lambda s: closed(s, counter.officer, counter.day().id, 10_000, START))

    refusal = counter.refused(lambda s: paid(s, counter.officer, counter.office.person.id, START))
    assert refusal.code is Code.CASH_DAY_CLOSED
    assert counter.take(currency="EUR").serial == 2
    assert counter.take(by=counter.supervisor).serial == 3
    counter.take(now=TOMORROW)

    assert [(one.day, one.currency) for one in counter.days()] == [
        (START.date(), "EUR"),
        (START.date(), "USD"),
        (START.date(), "USD"),
        (TOMORROW.date(), "USD"),
    ]


def test_a_receipt_told_again_after_closing_is_the_same_payment(counter: Counter) -> None:
    first = counter.take(receipt_number="R-1")
    counter.do(lambda s: closed(s, counter.officer, counter.day().id, 10_000, START))

    assert counter.take(receipt_number="R-1").id == first.id


def test_a_reversal_shows_in_the_payments_own_day_while_that_is_open(counter: Counter) -> None:
    payment = counter.take()
    counter.take(500)

    counter.reverse(payment, TOMORROW)

    assert counter.day().expected_minor == 500


def test_a_reversal_after_closing_goes_to_the_next_day(counter: Counter) -> None:
    payment = counter.take()
    counter.do(lambda s: closed(s, counter.officer, counter.day().id, 10_000, START))

    counter.reverse(payment)

    before, after = counter.days()
    assert (before.expected_minor, after.expected_minor) == (10_000, -10_000)
    assert (after.officer_id, after.day) == (counter.officer.id, TOMORROW.date())
    with counter.database.snapshot() as session:
        assert not service.verify(session).findings


def test_days_that_nobody_confirmed_are_listed_once_they_are_older_than_a_day(
    counter: Counter,
) -> None:
    counter.take()
    day = counter.day()
    counter.take(now=TOMORROW)
    later = counter.days()[1]

    def overdue(days: int) -> list[Any]:
        now = START + timedelta(days=days)
        found = counter.do(lambda s: days_of(s, counter.officer, now, overdue=True))
        return [one.id for one in found]

    assert overdue(1) == []
    assert overdue(2) == [day.id]
    counter.do(lambda s: closed(s, counter.officer, day.id, 10_000, START))
    assert overdue(2) == [day.id]
    counter.do(lambda s: confirmed(s, counter.supervisor, day.id, 10_000, START))
    assert overdue(2) == []
    assert [one.id for one in counter.days(unconfirmed=True)] == [later.id]


def test_who_may_not_is_refused_by_name(counter: Counter, office: Office) -> None:
    counter.take()
    day = counter.day()
    with counter.database.transaction() as session:
        colleague = make_actor(session, office.agency, START)
        stranger = make_office(session, START).actor
    reader = _only(counter.officer, Permission.PAYMENT_READ)

    for actor, code in (
        (reader, Code.FORBIDDEN),
        (colleague, Code.FORBIDDEN),
        (stranger, Code.NOT_FOUND),
    ):
        refusal = counter.refused(
            partial(closed, actor=actor, cash_day_id=day.id, counted_minor=10_000, now=START)
        )
        assert refusal.code is code
    counter.do(lambda s: closed(s, counter.officer, day.id, 10_000, START))
    assert (
        counter.refused(lambda s: confirmed(s, colleague, day.id, 10_000, START)).code
        is Code.FORBIDDEN
    )
    assert counter.refused(lambda s: service.cash_day(s, stranger, day.id)).code is Code.NOT_FOUND


def _only(actor: Actor, permission: Permission, *, own_only: bool = False) -> Actor:
    return Actor(
        kind=actor.kind,
        id=actor.id,
        agency_id=actor.agency_id,
        permissions=frozenset({permission}),
        own_only=own_only,
    )


def test_an_officer_who_sees_their_own_alone_sees_their_own_cash(counter: Counter) -> None:
    counter.take()
    counter.take(by=counter.supervisor)

    own = _only(counter.officer, Permission.PAYMENT_READ, own_only=True)
    with counter.database.snapshot() as session:
        found = days_of(session, own, START)

    assert [one.officer_id for one in found] == [counter.officer.id]


def test_closing_and_confirming_are_audited_with_their_counts(
    counter: Counter, database: Database
) -> None:
    counter.take()
    day = counter.day()
    counter.do(lambda s: closed(s, counter.officer, day.id, 9_900, START))
    counter.do(lambda s: confirmed(s, counter.supervisor, day.id, 9_900, START, document="Rule 9"))

    reader = _only(counter.supervisor, Permission.AUDIT_READ)
    with database.snapshot() as session:
        acts = {
            act: audit.events(session, reader, cursor=Cursor(), act=act).items
            for act in (audit.Act.CASH_DAY_CLOSED, audit.Act.CASH_DAY_CONFIRMED)
        }

    (closing,), (confirming,) = acts.values()
    assert closing.details == {"expected_minor": 10_000, "counted_minor": 9_900}
    assert (confirming.actor_id, confirming.details) == (
        counter.supervisor.id,
        {"difference": -100},
    )


def test_a_receipt_says_the_same_in_both_languages(counter: Counter) -> None:
    payment = counter.take(4_050)

    with counter.database.snapshot() as session:
        printed = service.printed_receipt(session, counter.officer, payment.id)

    assert printed.number == 1
    assert set(printed.texts) == {"en", "es"}
    assert all("$40.50" in text and "1" in text for text in printed.texts.values())
    assert "thank you" in printed.texts["en"]
    assert "Gracias" in printed.texts["es"]


def test_numbers_are_given_to_what_was_taken_before_there_were_any(
    counter: Counter, database: Database
) -> None:
    earlier = [counter.take(), counter.take(500, now=START + timedelta(minutes=1))]
    downgrade(database, "0017")
    upgrade(database)
    later = counter.take()
    counter.reverse(earlier[0])

    with database.snapshot() as session:
        numbers = [
            service.read_payment(session, counter.officer, one.id).serial
            for one in (*earlier, later)
        ]
        assert not service.verify(session).findings
    assert numbers == [1, 2, 3]
    assert counter.day().expected_minor == 10_000


def test_the_person_is_given_the_receipt_unless_it_was_reversed_meanwhile(
    counter: Counter, database: Database, office: Office
) -> None:
    with database.transaction() as session:
        spanish = make_supervisee(session, office.agency, START, language=Language.SPANISH)
        identity.assign(session, counter.officer, spanish.id, office.officer.id, now=START)
        paid(session, counter.officer, spanish.id, START, received_on=START.date())
    undone = counter.take()
    counter.reverse(undone)

    texts = receipts_of(database)

    assert len(texts) == 1
    assert "Gracias" in texts[0]
    assert "Número: 1" in texts[0]


def receipts_of(database: Database) -> list[str]:
    """The words of all receipts that wait."""
    with database.snapshot() as session:
        rows = session.scalars(
            select(OutboxMessage).where(OutboxMessage.source_kind == receipts.SOURCE)
        )
        messages = [message_of(row) for row in rows]
        said = receipts.texts(session, messages, START)
    return [text.body for text in said.values()]
