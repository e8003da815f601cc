from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from backend.app import create_app
from backend.audit.acts import Act
from backend.core.db import Database
from backend.core.settings import Settings
from backend.simulator.position import Position
from backend.simulator.provider import SECRET_KEY, WEBHOOK_SECRET, LocalProvider
from backend.simulator.provider_notices import signed
from tests.support.audit import acts_kept
from tests.support.clocks import START, FrozenClock
from tests.support.hosted import Till
from tests.support.location import HOME, Watched, at, watched_person
from tests.support.offices import Office
from tests.support.payments import owed

NOTICES = "/v1/provider/notices"
REFUND: dict[str, Any] = {
    "amount_minor": 1_000,
    "authority": "policy",
    "document": "Refund rule 3",
    "reason": "Paid too much.",
}


@pytest.fixture
def fake(clock: FrozenClock) -> Iterator[LocalProvider]:
    with LocalProvider(now=clock.now) as provider:
        yield provider


@pytest.fixture
def settings(settings: Settings, fake: LocalProvider) -> Settings:
    """Settings with a provider."""
    return replace(
        settings,
        stripe_key=SECRET_KEY,
        stripe_webhook_secrets=WEBHOOK_SECRET,
        stripe_api=fake.url,
    )


@pytest.fixture
def till(database: Database, clock: FrozenClock, fake: LocalProvider, office: Office) -> Till:
    return Till(database, clock, fake, office)


def post_notice(client: FlaskClient, body: bytes, headers: dict[str, str]) -> int:
    return client.post(NOTICES, data=body, headers=headers).status_code


def test_a_notice_that_nobody_signed_is_refused_and_not_kept(
    client: FlaskClient, till: Till, clock: FrozenClock
) -> None:
    till.owe()
    till.fake.service.stray_payment(700, "usd")
    [event, *_] = till.fake.service.events
    body, headers = signed(event, WEBHOOK_SECRET, clock.now())
    other = signed(event, "whsec_other", clock.now())
    old = signed(event, WEBHOOK_SECRET, clock.now() - timedelta(minutes=6))

    refused = [
        post_notice(client, body, {}),
        post_notice(client, body.replace(b"700", b"701"), headers),
        post_notice(client, *other),
        post_notice(client, *old),
    ]

    assert refused == [401] * 4
    answer = client.post(NOTICES, data=body)
    assert answer.json is not None
    assert answer.json["code"] == "signature-refused"
    assert till.outcomes() == []


def test_a_signed_notice_is_kept_once_and_answered_each_time(
    client: FlaskClient, till: Till, clock: FrozenClock
) -> None:
    till.fake.service.stray_payment(700, "usd")
    event = till.fake.service.events[-1]

    answers = [post_notice(client, *signed(event, WEBHOOK_SECRET, clock.now())) for _ in range(3)]

    assert answers == [204] * 3
    assert till.outcomes() == [None]


def test_a_signed_notice_that_cannot_be_read_is_answered_and_not_kept(
    client: FlaskClient, till: Till, clock: FrozenClock
) -> None:
    assert post_notice(client, *signed({}, WEBHOOK_SECRET, clock.now())) == 204
    assert till.outcomes() == []


def test_a_notice_says_nothing_that_is_believed(
    client: FlaskClient, till: Till, clock: FrozenClock
) -> None:
    till.owe()
    payment = till.ask()
    lie = {"object": "checkout.session", "id": till.page_of(payment), "payment_status": "paid"}
    event = {
        "id": "evt_lie",
        "type": "checkout.session.completed",
        "created": int(clock.now().timestamp()),
        "data": {"object": lie},
    }

    assert post_notice(client, *signed(event, WEBHOOK_SECRET, clock.now())) == 204
    till.settle()

    assert till.money()["paid"] == 0


def test_an_officer_gives_a_person_a_page_to_pay_on(client: FlaskClient, till: Till) -> None:
    fine = till.owe()
    path = f"/v1/supervisees/{till.office.person.id}"

    first = client.post(
        f"{path}/payment-links",
        json={"obligations": [str(fine.id)], "amount_minor": 4_000},
        headers=till.office.bearer,
    )
    again = client.post(
        f"{path}/payment-links",
        json={"obligations": [str(fine.id)], "amount_minor": 4_000},
        headers=till.office.bearer,
    )
    listed = client.get(f"{path}/hosted-payments", headers=till.office.bearer)

    assert (first.status_code, again.json) == (201, first.json)
    assert first.json is not None
    assert first.json["url"].startswith(till.fake.url)
    assert listed.json is not None
    assert listed.json["items"] == [first.json]


@pytest.mark.parametrize(
    "body",
    [
        {"amount_minor": 0},
        {"amount_minor": 10_001},
        {"currency": "usd"},
        {"card_number": "4242424242424242"},
        {"obligations": ["4242424242424242"]},
    ],
)
def test_what_cannot_be_paid_is_refused(
    client: FlaskClient, till: Till, body: dict[str, object]
) -> None:
    till.owe()
    path = f"/v1/supervisees/{till.office.person.id}/payment-links"

    assert client.post(path, json=body, headers=till.office.bearer).status_code == 422


def test_differences_are_listed_and_explained(client: FlaskClient, till: Till) -> None:
    till.fake.service.stray_payment(700, "usd")
    till.news()

    listed = client.get("/v1/payment-differences", headers=till.office.bearer)
    assert listed.json is not None
    [found] = listed.json["items"]
    explained = client.post(
        f"/v1/payment-differences/{found['id']}/explanation",
        json={"explanation": "Paid in the dashboard."},
        headers=till.office.bearer,
    )
    left = client.get("/v1/payment-differences", headers=till.office.bearer)

    assert found["kind"] == "unknown-here"
    assert explained.json is not None
    assert explained.json["explanation"] == "Paid in the dashboard."
    assert left.json is not None
    assert left.json["items"] == []
    assert acts_kept(till.database) >= {
        Act.PAYMENT_DIFFERENCE_FOUND,
        Act.PAYMENT_DIFFERENCE_EXPLAINED,
    }


def test_another_agencys_difference_is_not_there(client: FlaskClient, till: Till) -> None:
    answer = client.post(
        "/v1/payment-differences/019cadc6-9a80-7e77-939c-63ffb87b0764/explanation",
        json={"explanation": "Not mine."},
        headers=till.office.bearer,
    )

    assert answer.status_code == 404


def test_a_phone_with_a_location_opens_a_page_and_sees_how_far_it_has_come(
    settings: Settings, database: Database, clock: FrozenClock, fake: LocalProvider
) -> None:
    watched = person_with_a_phone(settings, database, clock)
    phone = watched.phone
    assert phone.request_without_location("PERMISSION_DENIED", "/v1/me/payments").status == 403

    phone.take_fix(home())
    opened = phone.send("POST", "/v1/me/payments", {})
    page = opened.json()
    listed = phone.get("/v1/me/payments", home()).json()

    assert opened.status == 201
    assert page["amount_minor"] == 10_000
    assert page["url"].startswith(fake.url)
    assert listed["items"] == [page]


def test_a_phone_switches_autopay_on_with_a_location_and_off_without(
    settings: Settings, database: Database, clock: FrozenClock, fake: LocalProvider
) -> None:
    phone = person_with_a_phone(settings, database, clock).phone
    phone.take_fix(home())

    opened = phone.send("POST", "/v1/me/autopay", {"currency": "USD"})
    shown = phone.get("/v1/me/autopay", home())
    clock.step(minutes=5)
    begun_without = phone.send("POST", "/v1/me/autopay", {})
    ended = phone.send("DELETE", "/v1/me/autopay", {})
    gone = phone.get("/v1/me/autopay", home())

    assert (opened.status, opened.json()["state"]) == (201, "open")
    assert opened.json()["url"].startswith(fake.url)
    assert shown.json() == opened.json()
    assert begun_without.status == 403
    assert (ended.status, gone.status) == (204, 404)
    assert acts_kept(database) >= {Act.AUTOPAY_ASKED, Act.AUTOPAY_ENDED}


def test_an_officer_refunds_and_ends_autopay(client: FlaskClient, till: Till) -> None:
    till.owe()
    payment = till.ask()
    till.fake.service.pay(till.page_of(payment))
    till.news()
    person = f"/v1/supervisees/{till.office.person.id}"
    listed = client.get(f"{person}/payments", headers=till.office.bearer).json or {}
    [booked] = listed["items"]

    refunded = client.post(
        f"/v1/payments/{booked['id']}/refund", json=REFUND, headers=till.office.bearer
    )
    ended = client.delete(f"{person}/autopay", headers=till.office.bearer)

    assert refunded.json is not None
    assert (refunded.status_code, refunded.json["returned_minor"]) == (200, 1_000)
    assert till.money()["outstanding"] == 1_000
    assert ended.status_code == 204
    assert acts_kept(till.database) >= {
        Act.PAYMENT_PAGE_ASKED,
        Act.PAYMENT_RECORDED,
        Act.PAYMENT_REFUNDED,
    }
    statement = client.get(f"{person}/statement", headers=till.office.bearer).json or {}
    line = statement["lines"][-1]
    assert (line["kind"], line["authority"]) == ("refund", REFUND["authority"])
    assert (line["reference"], line["note"]) == (REFUND["document"], REFUND["reason"])


@pytest.mark.parametrize("missing", ["authority", "document", "reason"])
def test_money_is_given_back_by_an_authority_a_document_and_for_a_reason(
    client: FlaskClient, till: Till, missing: str
) -> None:
    body = {name: value for name, value in REFUND.items() if name != missing}

    refused = client.post(f"/v1/payments/{uuid4()}/refund", json=body, headers=till.office.bearer)

    assert refused.status_code == 422
    assert refused.json is not None
    assert [one["pointer"] for one in refused.json["errors"]] == [f"/{missing}"]


def person_with_a_phone(settings: Settings, database: Database, clock: FrozenClock) -> Watched:
    app = create_app(settings, database, clock)
    watched = watched_person(app, database, clock)
    case = watched.case
    with database.transaction() as session:
        owed(session, case.officer, case.supervisee_id, date(2026, 4, 1), START)
    return watched


def home() -> Position:
    return at(HOME)


@pytest.mark.parametrize(("path", "words"), [("done", "receipt"), ("left", "Nothing was paid")])
def test_the_pages_to_come_back_to_load_nothing_and_say_nothing_of_anybody(
    client: FlaskClient, path: str, words: str
) -> None:
    answer = client.get(f"/payment/{path}")

    assert answer.content_type == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert words in answer.text
    assert 'lang="es"' in answer.text
    assert "http" not in answer.text


def test_without_a_provider_nobody_pays_online_and_nobody_may_tell_of_it(
    settings: Settings, database: Database, clock: FrozenClock, office: Office
) -> None:
    poor = replace(settings, stripe_key=None, stripe_webhook_secrets=None, stripe_api=None)
    client = create_app(poor, database, clock).test_client()

    asked = client.post(
        f"/v1/supervisees/{office.person.id}/payment-links", json={}, headers=office.bearer
    )

    assert asked.status_code == 409
    assert asked.json is not None
    assert asked.json["code"] == "no-online-payment"
    assert client.post(NOTICES, data=b"{}").status_code == 404
