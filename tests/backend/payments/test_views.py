from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.core.db import Database
from backend.identity.service import Role
from tests.support.clocks import START, FrozenClock
from tests.support.identity import bearer_of, make_officer
from tests.support.offices import Office, make_office

OBLIGATION: dict[str, Any] = {
    "kind": "fine",
    "amount_minor": 10_000,
    "currency": "USD",
    "basis": "order",
    "reference": "2026-CR-000411",
    "due_on": "2026-03-20",
}
FEE: dict[str, Any] = {
    "kind": "supervision_fee",
    "amount_minor": 4_500,
    "currency": "USD",
    "basis": "policy",
    "reference": "Fee schedule 2026",
    "cadence": "monthly",
    "starts_on": "2026-03-02",
    "day_of_month": 31,
}
PAYMENT: dict[str, Any] = {
    "receipt_number": "R-77",
    "amount_minor": 4_000,
    "currency": "USD",
    "received_on": "2026-03-01",
    "method": "cash",
}
READ = ("obligations", "recurring-fees", "payments", "balance", "statement")
WRITE: dict[str, dict[str, Any]] = {
    "obligations": OBLIGATION,
    "recurring-fees": FEE,
    "payments": PAYMENT,
}


class Counter:
    """An officer's way to one person's money, over HTTP."""

    def __init__(self, client: FlaskClient, office: Office) -> None:
        self._client = client
        self._office = office

    def get(self, path: str) -> TestResponse:
        return self._client.get(self._url(path), headers=self._office.bearer)

    def post(self, path: str, body: dict[str, Any], **headers: str) -> TestResponse:
        return self._client.post(self._url(path), json=body, headers=self._office.bearer | headers)

    def _url(self, path: str) -> str:
        return path if path.startswith("/") else f"/v1/supervisees/{self._office.person.id}/{path}"


@pytest.fixture
def counter(client: FlaskClient, office: Office) -> Counter:
    """The officer's way to the person's money."""
    return Counter(client, office)


def test_without_sign_in_nothing_is_shown_or_written(client: FlaskClient, office: Office) -> None:
    person = f"/v1/supervisees/{office.person.id}"

    for path in READ:
        assert client.get(f"{person}/{path}").status_code == 401
    for path, body in WRITE.items():
        assert client.post(f"{person}/{path}", json=body).status_code == 401


def test_a_person_of_another_agency_is_not_there(database: Database, counter: Counter) -> None:
    with database.transaction() as session:
        elsewhere = make_office(session, START)

    for person in (elsewhere.person.id, uuid4()):
        for path in READ:
            assert counter.get(f"/v1/supervisees/{person}/{path}").status_code == 404
        for path, body in WRITE.items():
            assert counter.post(f"/v1/supervisees/{person}/{path}", body).status_code == 404


def test_what_makes_no_sense_is_refused_with_the_place(counter: Counter) -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("obligations", {"amount_minor": 0}, "/amount_minor"),
        ("recurring-fees", {"day_of_month": None}, "/day_of_month"),
        ("recurring-fees", {"starts_on": "2026-03-01"}, "/starts_on"),
        ("payments", {"received_on": "2026-03-03"}, "/received_on"),
        ("payments", {"method": "card"}, "/method"),
    ]

    for path, change, pointer in cases:
        answer = counter.post(path, WRITE[path] | change)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.get_json()["errors"]] == [pointer]


def test_a_card_number_is_refused_wherever_text_is_typed(counter: Counter) -> None:
    for path, name in [
        ("obligations", "reference"),
        ("recurring-fees", "reference"),
        ("payments", "note"),
        ("payments", "receipt_number"),
    ]:
        answer = counter.post(path, WRITE[path] | {name: "5555-5555-5555-4444"})
        assert answer.status_code == 422
        assert answer.get_json()["code"] == "card-number-refused"
        assert answer.get_json()["errors"][0]["pointer"] == f"/{name}"
        assert "5555" not in answer.get_data(as_text=True)


def test_a_person_is_charged_pays_and_sees_the_balance_fall(counter: Counter) -> None:
    obligation = counter.post("obligations", OBLIGATION)
    payment = counter.post("payments", PAYMENT)

    assert obligation.status_code == payment.status_code == 201
    assert payment.get_json()["allocated"] == [
        {"obligation_id": obligation.get_json()["id"], "amount_minor": 4_000}
    ]
    balance = counter.get("balance").get_json()
    assert balance["as_of"] == "2026-03-02"
    assert balance["currencies"] == [
        {
            "currency": "USD",
            "charged_minor": 10_000,
            "paid_minor": 4_000,
            "outstanding_minor": 6_000,
            "overdue_minor": 0,
            "credit_minor": 0,
            "balance_minor": 6_000,
            "pending_minor": 0,
        }
    ]
    assert [item["outstanding_minor"] for item in balance["unpaid"]] == [6_000]
    statement = counter.get("statement").get_json()
    assert [line["balance_minor"] for line in statement["lines"]] == [10_000, 6_000]


def test_the_same_receipt_told_twice_is_one_payment(counter: Counter, clock: FrozenClock) -> None:
    first = counter.post("payments", PAYMENT)
    clock.step(minutes=10)
    again = counter.post("payments", PAYMENT)
    other = counter.post("payments", PAYMENT | {"amount_minor": 5_000})

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert again.get_json() == first.get_json()
    assert other.get_json()["code"] == "already-exists"
    assert [item["id"] for item in counter.get("payments").get_json()["items"]] == [
        first.get_json()["id"]
    ]


def test_a_payment_is_reversed_once_and_says_why(counter: Counter) -> None:
    payment = counter.post("payments", PAYMENT).get_json()
    url = f"/v1/payments/{payment['id']}"

    unexplained = counter.post(f"{url}/reversal", {})
    reversal = counter.post(f"{url}/reversal", {"reason": "Counted wrong."})
    again = counter.post(f"{url}/reversal", {"reason": "Counted wrong."})

    assert (unexplained.status_code, reversal.status_code, again.status_code) == (422, 200, 409)
    assert reversal.get_json()["reversed_id"] == payment["id"]
    assert counter.get(url).get_json()["reversed_by"] == reversal.get_json()["id"]


def test_an_obligation_is_cancelled_and_owed_no_more(counter: Counter) -> None:
    obligation = counter.post("obligations", OBLIGATION).get_json()

    answer = counter.post(
        f"/v1/obligations/{obligation['id']}/cancellation", {"reason": "Raised twice."}
    )

    assert answer.status_code == 200
    (item,) = counter.get("obligations").get_json()["items"]
    assert (item["status"], item["outstanding_minor"]) == ("cancelled", 0)
    assert counter.get("obligations?unpaid=true").get_json()["items"] == []


def test_a_fee_is_set_listed_and_ended(counter: Counter) -> None:
    fee = counter.post("recurring-fees", FEE)
    ended = counter.post(
        f"/v1/recurring-fees/{fee.get_json()['id']}/end", {"last_due_on": "2026-04-30"}
    )

    assert fee.status_code == 201
    assert fee.get_json()["next_due_on"] == "2026-03-31"
    assert ended.get_json()["last_due_on"] == "2026-04-30"
    assert counter.get("recurring-fees").get_json()["items"] == [ended.get_json()]


def test_obligations_are_paged_newest_first(counter: Counter, clock: FrozenClock) -> None:
    ids = []
    for _ in range(3):
        clock.step(minutes=1)
        ids.append(counter.post("obligations", OBLIGATION).get_json()["id"])

    first = counter.get("obligations?limit=2").get_json()
    rest = counter.get(f"obligations?limit=2&after={first['next']}").get_json()

    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next"] is None


def test_the_order_of_allocation_is_changed_by_who_runs_the_agency(
    client: FlaskClient, database: Database, office: Office
) -> None:
    with database.transaction() as session:
        officer = make_officer(session, office.agency, START, role=Role.AGENCY_ADMIN)
        admin = bearer_of(session, officer, START)
    url = "/v1/allocation-order"
    present = client.get(url, headers=office.bearer)
    wanted = {"kinds": present.get_json()["kinds"][::-1]}
    etag = {"If-Match": present.headers["ETag"]}

    answers = [
        client.put(url, json=wanted, headers=office.bearer | etag),
        client.put(url, json=wanted, headers=admin),
        client.put(url, json={"kinds": ["fine"] * 6}, headers=admin | etag),
        client.put(url, json=wanted, headers=admin | etag),
        client.put(url, json=wanted, headers=admin | etag),
    ]

    assert [answer.status_code for answer in answers] == [403, 428, 422, 200, 412]
    assert client.get(url, headers=office.bearer).get_json() == wanted
