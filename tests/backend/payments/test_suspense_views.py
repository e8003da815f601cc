from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from backend.core.actor import SYSTEM
from backend.core.db import Database
from backend.payments import service
from backend.payments.bank_file import COLUMNS, read_file
from tests.support.clocks import START
from tests.support.offices import Office, make_office

FILE = ",".join(COLUMNS) + "\nB-1,2026-03-01,4000,USD,lockbox,,Case 411\n"


@pytest.fixture
def item(database: Database, office: Office, client: FlaskClient) -> str:
    with database.transaction() as session:
        service.import_payments(
            session, SYSTEM, office.agency.id, read_file(FILE.encode()), now=START
        )
    answer = client.get("/v1/suspense", headers=office.bearer)
    assert answer.json is not None
    [found] = answer.json["items"]
    assert (found["external_id"], found["note"]) == ("B-1", "Case 411")
    return str(found["id"])


def test_an_officer_gives_waiting_money_to_a_person_once(
    client: FlaskClient, office: Office, item: str
) -> None:
    url, body = f"/v1/suspense/{item}/assignment", {"supervisee_id": str(office.person.id)}

    given = client.post(url, json=body, headers=office.bearer)
    again = client.post(url, json=body, headers=office.bearer)
    left = client.get("/v1/suspense", headers=office.bearer)

    assert given.json is not None
    assert (given.status_code, given.json["amount_minor"]) == (201, 4_000)
    assert again.status_code == 409
    assert left.json is not None
    assert left.json["items"] == []


def test_money_that_was_sent_back_is_nobodys(
    client: FlaskClient, office: Office, item: str
) -> None:
    back = client.post(f"/v1/suspense/{item}/return", headers=office.bearer)

    assert back.json is not None
    assert (back.status_code, back.json["cleared_as"]) == (200, "return")
    all_of_it = client.get("/v1/suspense?waiting=false", headers=office.bearer)
    assert all_of_it.json is not None
    assert [one["id"] for one in all_of_it.json["items"]] == [item]


def test_another_agency_sees_none_of_it(client: FlaskClient, database: Database, item: str) -> None:
    with database.transaction() as session:
        other = make_office(session, START)

    seen = client.get("/v1/suspense", headers=other.bearer)
    given = client.post(
        f"/v1/suspense/{item}/assignment",
        json={"supervisee_id": str(other.person.id)},
        headers=other.bearer,
    )

    assert seen.json is not None
    assert seen.json["items"] == []
    assert given.status_code == 404
