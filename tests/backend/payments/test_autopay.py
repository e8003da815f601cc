"""Autopay, refunds and reconciliation, with the provider over HTTP and time in days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from backend.audit.acts import Act
from backend.core.actor import Actor, ActorKind
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.payments import service
from backend.payments.hosted_models import DifferenceKind, HostedPaymentRow, MandateState
from backend.payments.hosted_state import HostedState
from backend.payments.kinds import Basis, Method
from backend.payments.service import Autopay, HostedPayment
from backend.simulator.provider import LocalProvider, Outage
from backend.worker import Worker
from backend.worker.jobs import jobs
from tests.support.audit import acts_kept
from tests.support.clocks import FrozenClock
from tests.support.hosted import URLS, Till
from tests.support.offices import Office
from tests.support.payments import owed, paid


@pytest.fixture
def fake(clock: FrozenClock) -> Iterator[LocalProvider]:
    with LocalProvider(now=clock.now) as provider:
        yield provider


@pytest.fixture
def till(database: Database, clock: FrozenClock, fake: LocalProvider, office: Office) -> Till:
    return Till(database, clock, fake, office)


def person(till: Till) -> Actor:
    return Actor(
        kind=ActorKind.SUPERVISEE, id=till.office.person.id, agency_id=till.office.agency.id
    )


def ask(till: Till, currency: str | None = None) -> Autopay:
    with till.database.transaction() as session:
        asked = service.ask_for_autopay(
            session, person(till), currency=currency, urls=URLS, now=till.clock.now()
        )
    page = service.open_setup(till.provider, asked)
    with till.database.transaction() as session:
        return service.keep_setup(session, asked.autopay.id, page)


def allow(till: Till) -> Autopay:
    """Let the person give their leave on the provider's page."""
    asked = ask(till)
    assert asked.url is not None
    till.fake.service.pay(asked.url.rpartition("/")[2])
    till.news()
    return asked


def read(till: Till) -> Autopay | None:
    with till.database.snapshot() as session:
        try:
            return service.own_autopay(session, person(till))
        except Problem:
            return None


def owe(till: Till, due_on: date, amount_minor: int = 4_000) -> None:
    who = (till.office.actor, till.office.person.id)
    with till.database.transaction() as session:
        owed(session, *who, due_on, till.clock.now(), amount_minor=amount_minor)


def pay_cash(till: Till, amount_minor: int) -> None:
    who = (till.office.actor, till.office.person.id)
    with till.database.transaction() as session:
        paid(session, *who, till.clock.now(), amount_minor=amount_minor)


def collect(till: Till) -> None:
    till.settling.collect(till.clock.now())


def hosted(till: Till) -> list[HostedPayment]:
    with till.database.snapshot() as session:
        page = service.hosted_payments(
            session, till.office.actor, till.office.person.id, cursor=Cursor()
        )
    return list(page.items)[::-1]


def end(till: Till, actor: Actor | None = None) -> None:
    with till.database.transaction() as session:
        service.end_autopay(
            session, actor or person(till), till.office.person.id, now=till.clock.now()
        )


def charges(till: Till) -> int:
    return sum(event["type"] == "charge.succeeded" for event in till.fake.service.events)


# Leave


def test_nobody_else_gives_a_persons_leave(till: Till) -> None:
    with till.database.transaction() as session, pytest.raises(Problem) as problem:
        service.ask_for_autopay(
            session, till.office.actor, currency=None, urls=URLS, now=till.clock.now()
        )

    assert problem.value.code is Code.NOT_FOUND


def test_leave_that_was_only_asked_for_takes_nothing(till: Till) -> None:
    first = ask(till)
    owe(till, date(2026, 3, 5))

    collect(till)

    assert first.state is MandateState.OPEN
    assert ask(till) == first
    assert ask(till, "EUR").id != first.id
    assert hosted(till) == []


def test_leave_is_given_on_the_providers_page_and_once(till: Till) -> None:
    asked = allow(till)

    found = read(till)
    assert found is not None
    assert (found.id, found.state, found.url) == (asked.id, MandateState.ACTIVE, None)
    with pytest.raises(Problem) as problem:
        ask(till)
    assert problem.value.code is Code.ILLEGAL_TRANSITION


def test_an_outage_leaves_a_wish_that_can_be_made_again(till: Till) -> None:
    till.fake.fail(Outage.UNANSWERED)
    with pytest.raises(Problem) as problem:
        ask(till)

    assert problem.value.code is Code.PAYMENT_PAGE_UNAVAILABLE
    assert ask(till).state is MandateState.OPEN


def test_a_page_on_which_nobody_gave_leave_ends(till: Till) -> None:
    asked = ask(till)
    assert asked.url is not None
    till.fake.service.expire(asked.url.rpartition("/")[2])

    till.news()

    assert read(till) is None


def test_a_newer_leave_takes_the_place_of_an_older_one(till: Till) -> None:
    euros, dollars = ask(till, "EUR"), ask(till, "USD")
    for one in (euros, dollars):
        assert one.url is not None
        till.fake.service.pay(one.url.rpartition("/")[2])

    till.news()
    till.settling.look_after(till.clock.now())

    found = read(till)
    assert found is not None
    assert found.state is MandateState.ACTIVE
    with till.database.snapshot() as session:
        assert service.mandates_to_end(session) == []


# Taking


def test_money_is_announced_three_days_before_and_taken_on_the_day_once(till: Till) -> None:
    allow(till)
    owe(till, date(2026, 3, 9))

    collect(till)
    assert hosted(till) == []
    till.clock.step(days=4)
    collect(till)
    collect(till)

    [announced] = hosted(till)
    assert (announced.state, announced.collect_on) == (HostedState.ANNOUNCED, date(2026, 3, 9))
    assert till.messages() == ["autopay-notice"]
    till.clock.step(days=2, hours=23)
    collect(till)
    assert charges(till) == 0
    till.clock.step(hours=12)
    collect(till)
    collect(till)
    till.news()

    [taken] = hosted(till)
    assert (taken.state, taken.amount_minor) == (HostedState.PAID, 4_000)
    assert charges(till) == 1
    assert till.money()["outstanding"] == 0
    assert till.messages() == ["autopay-notice", "payment-receipt"]
    with till.database.snapshot() as session:
        [payment] = service.payments(
            session, till.office.actor, till.office.person.id, cursor=Cursor()
        ).items
    assert payment.method is Method.AUTOPAY


def test_what_was_due_before_the_leave_is_not_taken(till: Till) -> None:
    owe(till, date(2026, 3, 1))
    allow(till)

    collect(till)

    assert hosted(till) == []


def test_what_becomes_known_late_is_announced_three_days_before_all_the_same(till: Till) -> None:
    allow(till)
    owe(till, date(2026, 3, 3))
    collect(till)
    owe(till, date(2026, 3, 2), 500)
    collect(till)

    days = [(one.collect_on, one.amount_minor) for one in hosted(till)]
    assert sorted(days) == [(date(2026, 3, 5), 4_000), (date(2026, 3, 6), 500)]


def announced(till: Till) -> None:
    """Leave, a debt of 40.00 USD, and notice of it; then the day on which it is taken."""
    allow(till)
    owe(till, date(2026, 3, 5))
    collect(till)
    till.clock.step(days=3, hours=12)


def test_no_more_is_taken_than_is_owed_by_then(till: Till) -> None:
    announced(till)
    pay_cash(till, 1_500)

    collect(till)
    till.news()

    states = [(one.state, one.amount_minor) for one in hosted(till)]
    assert states == [(HostedState.CANCELLED, 4_000), (HostedState.PAID, 2_500)]
    assert till.money()["outstanding"] == 0


def test_what_was_paid_meanwhile_is_not_taken(till: Till) -> None:
    announced(till)
    pay_cash(till, 4_000)

    collect(till)

    assert [one.state for one in hosted(till)] == [HostedState.CANCELLED]
    assert charges(till) == 0


@pytest.mark.parametrize("by_officer", [True, False])
def test_autopay_that_was_switched_off_takes_nothing(till: Till, by_officer: bool) -> None:
    announced(till)

    end(till, till.office.actor if by_officer else None)
    end(till)
    collect(till)
    till.settling.look_after(till.clock.now())

    assert read(till) is None
    assert [one.state for one in hosted(till)] == [HostedState.CANCELLED]
    assert charges(till) == 0
    with till.database.snapshot() as session:
        assert service.mandates_to_end(session) == []
    assert acts_kept(till.database) >= {Act.AUTOPAY_ASKED, Act.AUTOPAY_BEGUN, Act.AUTOPAY_ENDED}


def test_an_officer_without_permission_switches_nothing_off(till: Till) -> None:
    with pytest.raises(Problem) as problem:
        end(till, replace(till.office.actor, permissions=frozenset()))

    assert problem.value.code is Code.FORBIDDEN


def test_what_the_bank_declines_is_information_and_is_not_tried_again(till: Till) -> None:
    announced(till)
    till.fake.service.let_methods_decline()

    collect(till)
    till.clock.step(days=2)
    collect(till)
    till.news()

    [failed] = hosted(till)
    assert (failed.state, failed.failure) == (HostedState.FAILED, "card_declined")
    assert till.money()["outstanding"] == 4_000
    assert till.messages() == ["autopay-notice", "payment-failure"]


def test_a_method_that_the_provider_does_not_have_fails(till: Till) -> None:
    announced(till)
    with till.database.snapshot() as session:
        assert service.mandates_to_end(session) == []
    till.fake.service._methods.clear()

    collect(till)

    [failed] = hosted(till)
    assert (failed.state, failed.failure) == (HostedState.FAILED, "resource_missing")


@pytest.mark.parametrize("outage", list(Outage))
def test_an_outage_delays_and_takes_nothing_twice(till: Till, outage: Outage) -> None:
    announced(till)
    till.fake.fail(outage)

    collect(till)
    assert [one.state for one in hosted(till)] == [HostedState.ASKED]
    till.clock.step(minutes=11)
    collect(till)
    till.news()

    assert [one.state for one in hosted(till)] == [HostedState.PAID]
    assert charges(till) == 1


def test_after_a_day_without_the_provider_it_is_given_up_rather_than_taken_twice(
    till: Till,
) -> None:
    announced(till)
    till.fake.fail(Outage.BROKEN)
    collect(till)
    till.clock.step(hours=21)

    collect(till)

    [failed] = hosted(till)
    assert (failed.state, failed.failure) == (HostedState.FAILED, "provider_unavailable")
    assert charges(till) == 0


# Refunds


def refund(till: Till, payment_id: Any, amount_minor: int) -> int:
    actor = till.office.actor
    with till.database.transaction() as session:
        order = service.ask_refund(session, actor, payment_id, amount_minor=amount_minor)
    back = service.give_back(till.provider, order)
    with till.database.transaction() as session:
        payment = service.keep_refund(
            session,
            actor,
            order,
            back,
            authority=Basis.POLICY,
            document="Refund rule 3",
            reason="Paid too much.",
            now=till.clock.now(),
        )
    return payment.returned_minor


def pay_online(till: Till) -> Any:
    owe(till, date(2026, 4, 1))
    payment = till.ask()
    till.fake.service.pay(till.page_of(payment))
    till.news()
    with till.database.snapshot() as session:
        [booked] = service.payments(
            session, till.office.actor, till.office.person.id, cursor=Cursor()
        ).items
    return booked.id


def test_a_refund_is_given_and_booked_once_whoever_tells_of_it(till: Till) -> None:
    payment_id = pay_online(till)

    assert refund(till, payment_id, 1_000) == 1_000
    till.news()

    assert till.money()["outstanding"] == 1_000
    assert refund(till, payment_id, 3_000) == 4_000
    with pytest.raises(Problem) as problem:
        refund(till, payment_id, 1)
    assert problem.value.code is Code.ILLEGAL_TRANSITION


def test_cash_is_not_refunded_by_the_provider(till: Till) -> None:
    pay_cash(till, 1_000)
    with till.database.snapshot() as session:
        [cash] = service.payments(
            session, till.office.actor, till.office.person.id, cursor=Cursor()
        ).items

    with pytest.raises(Problem) as problem:
        refund(till, cash.id, 100)

    assert problem.value.code is Code.ILLEGAL_TRANSITION


@pytest.mark.parametrize(
    ("outage", "code"),
    [(Outage.BROKEN, Code.PAYMENT_PAGE_UNAVAILABLE), (None, Code.ILLEGAL_TRANSITION)],
)
def test_a_refund_that_the_provider_does_not_give_is_not_booked(
    till: Till, outage: Outage | None, code: Code
) -> None:
    payment_id = pay_online(till)
    if outage is None:
        till.fake.service._charges.clear()
    else:
        till.fake.fail(outage)

    with pytest.raises(Problem) as problem:
        refund(till, payment_id, 1_000)

    assert problem.value.code is code
    assert till.money()["outstanding"] == 0


# Reconciliation


def found(till: Till) -> set[DifferenceKind]:
    with till.database.snapshot() as session:
        page = service.differences(session, till.office.actor, open_only=True, cursor=Cursor())
    return {one.kind for one in page.items}


def reconcile(till: Till) -> None:
    till.clock.step(days=2)
    till.settling.reconcile(till.clock.now())


def test_the_worker_reconciles_every_day_and_once(till: Till) -> None:
    listed = jobs(till.database, till.clock, [], till.provider)
    [job] = [one for one in listed if one.name == "reconcile-payments"]
    worker = Worker(till.database, till.clock, listed)

    found_by_day = []
    for amount_minor in (100, 200, 300):
        till.fake.service.stray_payment(amount_minor, "usd")
        till.clock.step(days=1)
        worker.run(job, till.clock.now())
        found_by_day.append(len(till.money()["suspense"]))
    till.fake.service.stray_payment(400, "usd")
    till.clock.step(hours=6)
    worker.run(job, till.clock.now())

    assert found_by_day == [1, 2, 3]
    assert len(till.money()["suspense"]) == 3


def test_books_that_agree_leave_nothing_to_explain(till: Till) -> None:
    pay_online(till)

    reconcile(till)

    assert found(till) == set()
    assert Act.PAYMENTS_RECONCILED in acts_kept(till.database)


def test_a_payment_of_which_no_notice_came_is_booked_by_reconciliation(till: Till) -> None:
    owe(till, date(2026, 4, 1))
    payment = till.ask()
    till.fake.service.pay(till.page_of(payment))

    reconcile(till)

    assert till.state(payment) is HostedState.PAID
    assert found(till) == set()


def test_a_payment_that_we_do_not_know_goes_to_suspense_and_is_shown(till: Till) -> None:
    till.fake.service.stray_payment(700, "usd")

    reconcile(till)
    reconcile(till)

    assert till.money()["suspense"] == [(700, "USD")]
    assert found(till) == {DifferenceKind.UNKNOWN_HERE}


def test_a_payment_that_they_do_not_know_is_shown(till: Till) -> None:
    pay_online(till)
    till.fake.service._intents.clear()

    reconcile(till)

    assert found(till) == {DifferenceKind.UNKNOWN_THERE}


def test_a_payment_that_is_paid_here_and_not_there_is_shown(till: Till) -> None:
    pay_online(till)
    [intent] = till.fake.service._intents.values()
    intent["status"] = "processing"

    reconcile(till)

    assert found(till) == {DifferenceKind.NOT_BOOKED}
    with till.database.snapshot() as session:
        assert session.query(HostedPaymentRow).one().state is HostedState.PAID
