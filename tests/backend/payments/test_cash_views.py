"""The counter's cash over HTTP: an officer counts, a supervisor counts again."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from backend.core.db import Database
from backend.identity.service import Role
from tests.support.clocks import START
from tests.support.identity import bearer_of, make_officer
from tests.support.offices import Office

PAYMENT = {
    "receipt_number": "R-77",
    "amount_minor": 4_000,
    "currency": "USD",
    "received_on": "2026-03-02",
    "method": "cash",
}


@pytest.fixture
def supervisor(database: Database, office: Office) -> dict[str, str]:
    """A second officer's way in."""
    with database.transaction() as session:
        officer = make_officer(session, office.agency, START, role=Role.SUPERVISOR)
        return bearer_of(session, officer, START)


def test_a_day_at_the_counter(
    client: FlaskClient, office: Office, supervisor: dict[str, str]
) -> None:
    payments = f"/v1/supervisees/{office.person.id}/payments"
    paid = client.post(payments, json=PAYMENT, headers=office.bearer)
    assert paid.json is not None
    assert (paid.status_code, paid.json["serial"]) == (201, 1)

    receipt = client.get(f"/v1/payments/{paid.json['id']}/receipt", headers=office.bearer)
    assert receipt.json is not None
    assert receipt.json["number"] == 1
    assert "$40.00" in receipt.json["texts"]["es"]

    waiting = client.get("/v1/cash-days?unconfirmed=true", headers=supervisor)
    assert waiting.json is not None
    (day,) = waiting.json["items"]
    assert (day["state"], day["expected_minor"]) == ("open", 4_000)
    url = f"/v1/cash-days/{day['id']}"
    counted = {"counted_minor": 3_900}
    assert client.post(f"{url}/closing", json=counted, headers=office.bearer).status_code == 200
    late = PAYMENT | {"receipt_number": "R-78"}
    refused = client.post(payments, json=late, headers=office.bearer)
    assert refused.json is not None
    assert (refused.status_code, refused.json["code"]) == (409, "cash-day-closed")

    other = client.post(f"{url}/confirmation", json={"counted_minor": 4_000}, headers=supervisor)
    assert other.json is not None
    assert (other.status_code, other.json["code"]) == (409, "count-differs")
    by = counted | {"authority": "policy", "document": "Cash rule 9"}
    done = client.post(f"{url}/confirmation", json=by, headers=supervisor)
    assert done.json is not None
    assert (done.status_code, done.json["difference_minor"]) == (200, -100)
    assert client.get(url, headers=office.bearer).json == done.json
    overdue = client.get("/v1/cash-days?overdue=true", headers=supervisor)
    assert overdue.json == {"items": [], "next": None}
