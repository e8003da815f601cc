"""The adapter to Stripe, over real HTTP to the local provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from backend.payments.provider import (
    ChargeOrder,
    Mandate,
    PageOrder,
    PageStatus,
    Party,
    PaymentStatus,
    ProviderPayment,
    ProviderRefusedError,
    ProviderUnavailableError,
    ReturnKind,
    SetupOrder,
    Subject,
)
from backend.payments.stripe_provider import StripeProvider
from backend.simulator.provider import LocalProvider, Outage
from backend.simulator.provider_notices import signed
from notifications.formats import Language
from tests.support.clocks import START, FrozenClock
from tests.support.hosted import URLS, adapter_to, party, provider_at_work

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

Work = tuple[LocalProvider, StripeProvider]


@pytest.fixture
def work(clock: FrozenClock) -> Iterator[Work]:
    with provider_at_work(clock) as both:
        yield both


def page_order(whose: Party | None = None, **change: Any) -> PageOrder:
    said: dict[str, Any] = {
        "party": whose or party(),
        "amount_minor": 4_000,
        "currency": "USD",
        "payee": "Test Agency",
        "language": Language.ENGLISH,
        "urls": URLS,
    }
    return PageOrder(**said | change)


def charge_order(mandate: Mandate, whose: Party | None = None) -> ChargeOrder:
    return ChargeOrder(
        party=whose or party(),
        amount_minor=4_000,
        currency="USD",
        payee="Test Agency",
        mandate=mandate,
    )


def paid_page(work: Work, **change: Any) -> ProviderPayment:
    fake, provider = work
    page = provider.open_page(page_order(**change))
    reference = fake.service.pay(page.reference)
    assert reference is not None
    payment = provider.fetch_payment(reference)
    assert payment is not None
    return payment


def mandate_given(work: Work) -> Mandate:
    fake, provider = work
    setup = SetupOrder(party=party(), currency="USD", language=Language.SPANISH, urls=URLS)
    page = provider.open_setup(setup)
    fake.service.pay(page.reference)
    found = provider.fetch_page(page.reference)
    assert found is not None
    assert found.mandate is not None
    return found.mandate


def test_what_the_provider_does_not_know_is_none(work: Work) -> None:
    assert work[1].fetch_page("cs_unknown") is None
    assert work[1].fetch_payment("pi_unknown") is None


@pytest.mark.parametrize("outage", list(Outage))
def test_an_outage_is_one_and_the_same_order_may_be_given_again(work: Work, outage: Outage) -> None:
    fake, provider = work
    order = page_order()

    fake.fail(outage)
    with pytest.raises(ProviderUnavailableError):
        provider.open_page(order)

    page = provider.open_page(order)
    assert provider.open_page(order) == page
    assert len(fake.headers_seen) == 3, "the library repeats nothing by itself"


def test_a_key_that_does_not_hold_is_the_operators_matter(work: Work) -> None:
    with pytest.raises(ProviderUnavailableError):
        adapter_to(work[0], key="sk_test_wrong").open_page(page_order())


def test_a_provider_that_is_not_there_is_unavailable() -> None:
    nowhere = StripeProvider("sk", [], api_base="http://127.0.0.1:9", timeout_s=1.0)

    with pytest.raises(ProviderUnavailableError) as refused:
        nowhere.fetch_payment("pi_1")

    assert str(refused.value) == "APIConnectionError"


def test_an_order_with_the_number_of_another_is_refused(work: Work) -> None:
    whose = party()
    work[1].open_page(page_order(whose))

    with pytest.raises(ProviderRefusedError):
        work[1].open_page(page_order(whose, amount_minor=1))
    with pytest.raises(ProviderRefusedError):
        work[1].refund("pi_unknown", party().order_id, 100, "USD")


def test_an_open_page_has_an_address_and_no_payment(work: Work) -> None:
    page = work[1].open_page(page_order())

    assert page.status is PageStatus.OPEN
    assert page.url == f"{work[0].url}/pay/{page.reference}"
    assert page.expires_at == START + timedelta(days=1)
    assert (page.payment, page.mandate) == (None, None)


def test_a_paid_page_leads_to_its_payment(work: Work) -> None:
    order = page_order()
    page = work[1].open_page(order)

    work[0].service.pay(page.reference)

    found = work[1].fetch_page(page.reference)
    assert found is not None
    assert found.status is PageStatus.COMPLETE
    assert found.payment is not None
    payment = work[1].fetch_payment(found.payment)
    assert payment == ProviderPayment(
        reference=found.payment,
        party=order.party,
        status=PaymentStatus.PAID,
        received_minor=4_000,
        currency="USD",
        created_at=START,
    )


def test_a_closed_page_is_expired_and_closing_it_again_changes_nothing(work: Work) -> None:
    page = work[1].open_page(page_order())

    work[1].close_page(page.reference)
    work[1].close_page(page.reference)

    found = work[1].fetch_page(page.reference)
    assert found is not None
    assert (found.status, found.url) == (PageStatus.EXPIRED, None)


def test_a_page_ends_by_itself(work: Work, clock: FrozenClock) -> None:
    page = work[1].open_page(page_order())

    clock.step(days=1)

    found = work[1].fetch_page(page.reference)
    assert found is not None
    assert found.status is PageStatus.EXPIRED


def test_a_slow_bank_is_told_from_a_quick_one(work: Work) -> None:
    fake, provider = work
    quick, slow = (provider.open_page(page_order()) for _ in range(2))

    assert fake.service.pay(quick.reference)
    waiting = fake.service.pay(slow.reference, slowly=True)
    assert waiting is not None
    before = provider.fetch_payment(waiting)
    fake.service.settle(waiting, succeeds=False)
    after = provider.fetch_payment(waiting)

    assert before is not None
    assert after is not None
    assert (before.status, before.received_minor) == (PaymentStatus.PROCESSING, 0)
    assert (after.status, after.received_minor) == (PaymentStatus.OPEN, 0)
    assert after.failure == "payment_intent_payment_attempt_failed"


def test_krona_without_minor_units_go_out_and_come_back_as_they_are(work: Work) -> None:
    payment = paid_page(work, currency="ISK", amount_minor=4_000)

    assert (payment.received_minor, payment.currency) == (4_000, "ISK")
    back = work[1].refund(payment.reference, party().order_id, 1_500, "ISK")
    again = work[1].fetch_payment(payment.reference)
    assert again is not None
    assert [one.amount_minor for one in again.returns] == [back.amount_minor] == [1_500]


def test_refunds_and_chargebacks_are_told_apart_and_a_won_dispute_is_undone(work: Work) -> None:
    fake, provider = work
    payment = paid_page(work)

    order_id = party().order_id
    refund = provider.refund(payment.reference, order_id, 1_000, "USD")
    assert provider.refund(payment.reference, order_id, 1_000, "USD") == refund
    dispute = fake.service.dispute(payment.reference, 500)

    found = provider.fetch_payment(payment.reference)
    assert found is not None
    assert [(one.reference, one.kind, one.amount_minor) for one in found.returns] == [
        (refund.reference, ReturnKind.REFUND, 1_000),
        (dispute, ReturnKind.CHARGEBACK, 500),
    ]
    fake.service.decide(dispute, won=True)
    after = provider.fetch_payment(payment.reference)
    assert after is not None
    assert [(one.kind, one.undone) for one in after.returns] == [
        (ReturnKind.REFUND, False),
        (ReturnKind.CHARGEBACK, True),
    ]


def test_a_mandate_takes_money_while_the_person_is_away_once(work: Work) -> None:
    order = charge_order(mandate_given(work))

    payment = work[1].charge(order)

    assert (payment.status, payment.received_minor) == (PaymentStatus.PAID, 4_000)
    assert payment.party == order.party
    assert work[1].charge(order) == payment


def test_a_charge_that_the_bank_declines_has_failed_for_good(work: Work) -> None:
    order = charge_order(mandate_given(work))
    work[0].service.let_methods_decline()

    first, again = work[1].charge(order), work[1].charge(order)

    assert first == again
    assert (first.status, first.failure) == (PaymentStatus.FAILED, "card_declined")
    assert first.received_minor == 0


def test_an_ended_mandate_takes_nothing_and_ends_once_more(work: Work) -> None:
    mandate = mandate_given(work)

    work[1].end_mandate(mandate)
    work[1].end_mandate(mandate)

    with pytest.raises(ProviderRefusedError):
        work[1].charge(charge_order(mandate))


def test_payments_of_a_time_come_page_by_page(work: Work, clock: FrozenClock) -> None:
    early = work[0].service.stray_payment(100, "usd")
    clock.step(hours=1)
    references = [work[0].service.stray_payment(100 + one, "eur") for one in range(103)]

    found = list(work[1].payments_between(clock.now(), clock.now() + timedelta(seconds=1)))

    assert [one.reference for one in found] == references[::-1]
    assert {one.party for one in found} == {None}
    assert early not in references
    assert not list(work[1].payments_between(START - timedelta(days=1), START))


def test_the_provider_is_told_nothing_of_the_person_and_nothing_of_the_machine(work: Work) -> None:
    paid_page(work)

    said = json.dumps(work[0].headers_seen)
    assert "Telemetry" not in said
    assert '\\"platform\\"' not in said


def test_a_person_sees_a_page_that_says_what_it_is(work: Work) -> None:
    english = work[1].open_page(page_order(payee="Test <Agency>"))
    spanish = work[1].open_page(page_order(language=Language.SPANISH))
    assert english.url is not None
    assert spanish.url is not None

    first = requests.get(english.url, timeout=5)
    second = requests.get(spanish.url, timeout=5)
    assert "DEMO - NO REAL MONEY" in first.text
    assert "40.00 USD" in first.text
    assert "Test &lt;Agency&gt;" in first.text
    assert "<input" not in first.text
    assert "SIN DINERO REAL" in second.text

    answer = requests.post(english.url, data={"outcome": "pay"}, timeout=5, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, URLS.done)
    assert "closed" in requests.get(english.url, timeout=5).text
    assert requests.get(f"{work[0].url}/pay/none", timeout=5).status_code == 404


def test_notices_are_read_by_what_they_are_about(work: Work) -> None:
    fake, provider = work
    payment = paid_page(work)
    provider.refund(payment.reference, party().order_id, 100, "USD")
    setup = SetupOrder(party=party(), currency="USD", language=Language.ENGLISH, urls=URLS)
    page = provider.open_setup(setup)
    fake.service.pay(page.reference)

    notices = [provider.read_notice(json.dumps(event).encode()) for event in fake.service.events]

    assert None not in notices
    found = {(one.kind, one.subject) for one in notices if one}
    assert found == {
        ("payment_intent.created", Subject.PAYMENT),
        ("charge.succeeded", Subject.PAYMENT),
        ("payment_intent.succeeded", Subject.PAYMENT),
        ("checkout.session.completed", Subject.PAGE),
        ("refund.created", Subject.PAYMENT),
        ("charge.refunded", Subject.PAYMENT),
        ("setup_intent.succeeded", Subject.OTHER),
    }
    about = {one.reference for one in notices if one and one.subject is Subject.PAYMENT}
    assert about == {payment.reference}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"id": 1, "type": "x", "created": 1, "data": {"object": {"object": "charge"}}}',
        b'{"id": "e", "type": "x", "created": "soon", "data": {"object": {"object": "x"}}}',
        b'{"id": "e", "type": "x", "created": 1, "data": {"object": "x"}}',
        b'{"id": "e", "type": "x", "created": 1e99, "data": {"object": {"object": "x"}}}',
    ],
)
def test_what_is_no_event_is_none(work: Work, body: bytes) -> None:
    assert work[1].read_notice(body) is None


def test_only_what_the_provider_signed_is_genuine(work: Work, clock: FrozenClock) -> None:
    body, headers = signed({"id": "evt_1"}, "whsec_connectrex_local_fake", clock.now())

    assert work[1].is_genuine(body, headers, clock.now())
    assert not work[1].is_genuine(body + b" ", headers, clock.now())
    assert not work[1].is_genuine(body, {}, clock.now())
