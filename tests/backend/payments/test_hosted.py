"""Paying on the provider's page, from asking for it to the ledger; the provider is over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.ids import new_id
from backend.core.paging import Cursor
from backend.outbox.messages import Source
from backend.outbox.models import OutboxMessage
from backend.outbox.rows import message_of
from backend.payments import service
from backend.payments.hosted_models import DifferenceKind, NoticeOutcome
from backend.payments.hosted_state import HostedState
from backend.payments.kinds import Authority, Method
from backend.payments.ledger import TransactionKind
from backend.payments.messages import texts
from backend.payments.service import Facts, HostedPayment
from backend.simulator.provider import LocalProvider, Outage
from tests.support.clocks import START, FrozenClock
from tests.support.hosted import Till, party
from tests.support.offices import Office, make_office


@pytest.fixture
def fake(clock: FrozenClock) -> Iterator[LocalProvider]:
    with LocalProvider(now=clock.now) as provider:
        yield provider


@pytest.fixture
def till(database: Database, clock: FrozenClock, fake: LocalProvider, office: Office) -> Till:
    return Till(database, clock, fake, office)


def refused(till: Till, **wish: Any) -> tuple[Code, str | None]:
    with pytest.raises(Problem) as problem:
        till.ask(**wish)
    return problem.value.code, problem.value.pointer


# Asking


def test_what_is_not_owed_cannot_be_asked_for(till: Till) -> None:
    assert refused(till) == (Code.INVALID_REQUEST, "/currency")

    fine = till.owe(10_000)
    till.owe(500, currency="EUR")

    assert refused(till) == (Code.INVALID_REQUEST, "/currency")
    assert refused(till, currency="JPY") == (Code.INVALID_REQUEST, "/currency")
    assert refused(till, currency="EUR", amount_minor=501) == (
        Code.INVALID_REQUEST,
        "/amount_minor",
    )
    assert refused(till, obligations=(fine.id, new_id(START))) == (
        Code.INVALID_REQUEST,
        "/obligations",
    )


def test_without_permission_and_for_a_stranger_nobody_asks(till: Till) -> None:
    till.owe()
    with till.database.transaction() as session:
        elsewhere = make_office(session, START)
    bare = replace(till.office.actor, permissions=frozenset())
    codes = []
    for actor in (bare, elsewhere.actor):
        till.office = replace(till.office, actor=actor)
        codes.append(refused(till)[0])

    assert codes == [Code.FORBIDDEN, Code.NOT_FOUND]


def test_all_that_is_owed_is_asked_for_unless_somebody_says_otherwise(till: Till) -> None:
    first, second = till.owe(10_000), till.owe(2_500)

    assert till.ask().amount_minor == 12_500
    assert till.ask(obligations=(second.id,)).amount_minor == 2_500
    part = till.ask(obligations=(first.id,), amount_minor=4_000)
    assert (part.amount_minor, part.obligations) == (4_000, [first.id])


def test_the_same_wish_gets_the_same_page_while_it_is_open(till: Till) -> None:
    till.owe()
    first = till.ask()

    assert till.ask() == first
    assert till.ask(amount_minor=1_000).id != first.id
    till.clock.step(hours=23, minutes=51)
    assert till.ask().id != first.id


@pytest.mark.parametrize("outage", list(Outage))
def test_an_outage_leaves_a_wish_that_can_be_made_again(till: Till, outage: Outage) -> None:
    till.owe()
    till.fake.fail(outage)

    assert refused(till) == (Code.PAYMENT_PAGE_UNAVAILABLE, None)

    assert till.ask().state is HostedState.OPEN
    with till.database.snapshot() as session:
        page = service.hosted_payments(
            session, till.office.actor, till.office.person.id, cursor=Cursor()
        )
    assert len(page.items) == 1


# Settling


def test_a_payment_pays_what_is_owed_and_gives_a_receipt_in_words(till: Till) -> None:
    till.owe(10_000)
    payment = till.ask(amount_minor=4_000)

    till.fake.service.pay(till.page_of(payment))
    till.news()

    assert till.state(payment) is HostedState.PAID
    assert till.money() == {
        "outstanding": 6_000,
        "paid": 4_000,
        "credit": 0,
        "pending": 0,
        "suspense": [],
    }
    assert till.messages() == ["payment-receipt"]
    with till.database.snapshot() as session:
        [booked] = service.payments(
            session, till.office.actor, till.office.person.id, cursor=Cursor()
        ).items
    assert booked.method is Method.HOSTED_PAGE
    assert booked.receipt_number == till.read(payment).payment_reference


def test_a_page_that_nobody_paid_on_expires(till: Till) -> None:
    till.owe()
    payment = till.ask()

    till.clock.step(days=1, minutes=6)
    till.settling.look_after(till.clock.now())

    assert till.state(payment) is HostedState.EXPIRED
    assert till.read(payment).url is None
    assert till.money()["outstanding"] == 10_000
    assert till.messages() == []


def test_a_payment_of_which_no_notice_came_is_found_by_asking(till: Till) -> None:
    till.owe()
    payment = till.ask()
    till.fake.service.pay(till.page_of(payment))

    till.settling.look_after(till.clock.now())
    assert till.state(payment) is HostedState.OPEN
    till.clock.step(days=1, minutes=6)
    till.settling.look_after(till.clock.now())

    assert till.state(payment) is HostedState.PAID


def test_money_on_its_way_is_pending_and_pays_nothing_until_it_comes(till: Till) -> None:
    till.owe()
    payment = till.ask()
    reference = till.fake.service.pay(till.page_of(payment), slowly=True)
    assert reference is not None
    till.news()
    assert till.state(payment) is HostedState.PROCESSING
    assert till.money() | {"pending": 0} == till.money() | {"pending": 0, "outstanding": 10_000}
    assert till.money()["pending"] == 10_000

    till.fake.service.settle(reference, succeeds=True)
    till.news()

    assert till.money()["pending"] == 0
    assert till.money()["outstanding"] == 0
    assert till.messages() == ["payment-receipt"]


def test_money_that_does_not_come_is_information_and_nothing_more(till: Till) -> None:
    till.owe()
    payment = till.ask()
    reference = till.fake.service.pay(till.page_of(payment), slowly=True)
    assert reference is not None
    till.news()

    till.fake.service.settle(reference, succeeds=False)
    till.news()

    read = till.read(payment)
    assert (read.state, read.failure) == (
        HostedState.FAILED,
        "payment_intent_payment_attempt_failed",
    )
    assert till.money()["pending"] == 0
    assert till.money()["outstanding"] == 10_000
    assert till.messages() == ["payment-failure"]


def test_refund_and_chargeback_are_owed_again_and_a_won_dispute_is_paid_again(till: Till) -> None:
    till.owe()
    payment = till.ask()
    reference = till.fake.service.pay(till.page_of(payment))
    assert reference is not None
    till.news()

    till.provider.refund(reference, party().order_id, 1_000, "USD")
    dispute = till.fake.service.dispute(reference, 2_000)
    till.news()
    assert till.money()["outstanding"] == 3_000

    till.fake.service.decide(dispute, won=True)
    till.news()
    assert till.money()["outstanding"] == 1_000


def test_what_went_back_by_itself_names_who_says_so_and_under_what_number(till: Till) -> None:
    till.owe()
    reference = till.fake.service.pay(till.page_of(till.ask()))
    assert reference is not None

    refund = till.provider.refund(reference, party().order_id, 1_000, "USD")
    dispute = till.fake.service.dispute(reference, 2_000)
    till.news()

    with till.database.snapshot() as session:
        person = till.office.person.id
        lines = service.statement(session, till.office.actor, person, now=START).lines
    assert {(line.kind, line.authority, line.reference) for line in lines[-2:]} == {
        (TransactionKind.REFUND, Authority.PROVIDER, refund.reference),
        (TransactionKind.CHARGEBACK, Authority.BANK, dispute),
    }


@pytest.mark.parametrize(
    "mistake", [{"amount": 9_999}, {"currency": "eur"}, {"amount": 1, "currency": "jpy"}]
)
def test_another_amount_or_currency_than_was_asked_for_waits_in_suspense(
    till: Till, mistake: dict[str, Any]
) -> None:
    till.owe()
    payment = till.ask()

    till.fake.service.pay(till.page_of(payment), **mistake)
    till.news()
    till.news()

    assert till.state(payment) is HostedState.MISMATCHED
    money = till.money()
    assert (money["outstanding"], money["paid"]) == (10_000, 0)
    assert len(money["suspense"]) == 1
    assert till.messages() == []
    with till.database.snapshot() as session:
        [found] = service.differences(
            session, till.office.actor, open_only=True, cursor=Cursor()
        ).items
    assert (found.kind, found.hosted_payment_id) == (DifferenceKind.OTHER_AMOUNT, payment.id)


def test_a_payment_that_nobody_asked_for_waits_in_suspense_of_the_only_agency(till: Till) -> None:
    till.fake.service.stray_payment(700, "usd")

    till.news()

    assert till.money()["suspense"] == [(700, "USD")]
    assert set(till.outcomes()) == {NoticeOutcome.STRAY}


def test_with_two_agencies_a_payment_of_nobody_is_kept_and_shown_to_neither(till: Till) -> None:
    with till.database.transaction() as session:
        make_office(session, START)
    till.fake.service.stray_payment(700, "usd")

    till.news()

    assert till.money()["suspense"] == []
    assert set(till.outcomes()) == {NoticeOutcome.STRAY}
    with till.database.snapshot() as session:
        page = service.differences(session, till.office.actor, open_only=True, cursor=Cursor())
    assert page.items == []


def test_a_notice_about_what_the_provider_does_not_have_changes_nothing(till: Till) -> None:
    for kind, thing in (("payment_intent", "pi_no"), ("checkout.session", "cs_no"), ("x", "x_1")):
        about = {"object": kind, "id": thing}
        till.hear({"id": thing, "type": kind, "created": 1, "data": {"object": about}})

    till.settle()

    assert set(till.outcomes()) == {NoticeOutcome.IRRELEVANT}


def test_a_notice_survives_an_outage_and_is_worked_off_later(till: Till) -> None:
    till.owe()
    payment = till.ask()
    till.fake.service.pay(till.page_of(payment))
    till.tell()
    till.fake.fail(*[Outage.BROKEN] * len(till.fake.service.events))

    till.settle()
    assert till.state(payment) is HostedState.OPEN
    assert set(till.outcomes()) == {None}
    till.clock.step(minutes=2)
    till.settle()

    assert till.state(payment) is HostedState.PAID
    assert set(till.outcomes()) == {NoticeOutcome.SETTLED}


def test_what_the_ledger_refuses_is_shown_to_an_officer_who_explains_it(till: Till) -> None:
    till.owe()
    payment = till.ask()
    reference = till.fake.service.pay(till.page_of(payment))
    assert reference is not None
    till.news()
    actor, now = till.office.actor, till.clock.now()
    with till.database.transaction() as session:
        [booked] = service.payments(session, actor, till.office.person.id, cursor=Cursor()).items
        service.reverse_payment(session, actor, booked.id, reason="By mistake.", now=now)
    till.provider.refund(reference, party().order_id, 1_000, "USD")

    till.news()

    assert NoticeOutcome.CONTRADICTED in till.outcomes()
    with till.database.transaction() as session:
        [found] = service.differences(session, actor, open_only=True, cursor=Cursor()).items
        explained = service.explain_difference(
            session, actor, found.id, explanation="Reversed by mistake.", now=now
        )
        with pytest.raises(Problem) as again:
            service.explain_difference(session, actor, found.id, explanation="Again.", now=now)
    assert found.kind is DifferenceKind.CONTRADICTED
    assert explained.explained_by == actor.id
    assert again.value.code is Code.ILLEGAL_TRANSITION


# Storms


def storm(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every notice three times, in no order."""
    return sorted(events * 3, key=lambda event: sha256(str(event["id"]).encode()).digest())


def test_a_storm_of_notices_late_by_days_is_booked_once(till: Till) -> None:
    till.owe()
    payment = till.ask()
    reference = till.fake.service.pay(till.page_of(payment), slowly=True)
    assert reference is not None
    till.fake.service.settle(reference, succeeds=True)
    till.provider.refund(reference, party().order_id, 1_500, "USD")
    till.fake.service.stray_payment(300, "usd")
    till.clock.step(days=6)

    till.tell(order=storm)
    till.settle()
    for event in storm(till.fake.service.events):
        till.hear(event)
    till.settle()

    assert till.money() == {
        "outstanding": 1_500,
        "paid": 8_500,
        "credit": 0,
        "pending": 0,
        "suspense": [(300, "USD")],
    }
    assert till.messages() == ["payment-receipt"]
    assert len(till.outcomes()) == len(till.fake.service.events)


def history_of(till: Till, acts: list[str]) -> tuple[HostedPayment, list[Facts]]:
    """What the provider said after each of the acts: its whole life, as seen from outside."""
    till.owe()
    payment = till.ask()
    page_id = till.page_of(payment)
    reference: str | None = None
    dispute: str | None = None
    facts: list[Facts] = []
    for act in acts:
        match act:
            case "pay slowly":
                reference = till.fake.service.pay(page_id, slowly=True)
            case "pay":
                reference = till.fake.service.pay(page_id)
            case "pay wrongly":
                reference = till.fake.service.pay(page_id, amount=77)
            case "succeed" | "fail" if reference:
                till.fake.service.settle(reference, succeeds=act == "succeed")
            case "refund" if reference:
                till.provider.refund(reference, party().order_id, 1_000, "USD")
            case "dispute" if reference:
                dispute = till.fake.service.dispute(reference, 2_000)
            case "win" | "lose" if dispute:
                till.fake.service.decide(dispute, won=act == "win")
            case "expire":
                till.fake.service.expire(page_id)
        page = till.provider.fetch_page(page_id)
        assert page is not None
        known = till.provider.fetch_payment(page.payment) if page.payment else None
        facts.append(Facts(page=page, payment=known))
    return payment, facts


LIVES = [
    ["look", "pay", "refund", "dispute", "win", "refund"],
    ["look", "pay slowly", "succeed", "refund", "dispute", "lose"],
    ["look", "pay slowly", "fail"],
    ["look", "expire"],
    ["look", "pay wrongly"],
]


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_news_old_or_new_in_any_order_and_number_end_the_same(till: Till, data: Any) -> None:
    acts = data.draw(st.sampled_from(LIVES))
    with till.database.transaction() as session:
        offices = [make_office(session, START) for _ in range(2)]
    ends = []
    for office, is_straight in zip(offices, (True, False), strict=True):
        till.office = office
        payment, facts = history_of(till, acts)
        numbers = list(range(len(facts)))
        extra = data.draw(st.lists(st.sampled_from(numbers), max_size=6))
        order = numbers if is_straight else data.draw(st.permutations(numbers + extra))
        for number in order:
            with till.database.transaction() as session:
                service.settle(session, payment.id, facts[number], now=START)
        ends.append((till.state(payment), till.money()))

    assert ends[0] == ends[1]


# Words


def test_a_receipt_names_amount_and_number_and_is_said_only_while_it_is_true(till: Till) -> None:
    till.owe(4_000)
    payment = till.ask()
    till.fake.service.pay(till.page_of(payment))
    till.news()

    with till.database.snapshot() as session:
        messages = [message_of(row) for row in session.scalars(select(OutboxMessage))]
        said = texts(session, messages, START)
        other = replace(messages[0], source=Source(kind="payment-failure", id=payment.id))
        unsaid = texts(session, [other], START)

    [text] = said.values()
    assert "$40.00" in text.body
    assert str(payment.id) in text.body
    assert text.lock_screen_title == "You have a message"
    assert unsaid == {}
