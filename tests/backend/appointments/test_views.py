from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from backend.core.db import Database
from tests.support.clocks import START, FrozenClock
from tests.support.devices import Person, enrolled_phone, supervised_person
from tests.support.identity import bearer_of

HEARING = {
    "kind": "hearing",
    "starts_at": "2026-03-10T15:00:00Z",
    "place": "Room 4",
    "contact_name": "The clerk",
    "contact_phone": "+15555550177",
}


@pytest.fixture
def testa(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def bearer(database: Database, testa: Person) -> dict[str, str]:
    with database.transaction() as session:
        return bearer_of(session, testa.account, START)


def test_an_appointment_is_made_moved_and_cancelled(
    client: FlaskClient, testa: Person, bearer: dict[str, str]
) -> None:
    path = f"/v1/supervisees/{testa.supervisee_id}/appointments"

    made = client.post(path, json=HEARING, headers=bearer)
    assert (made.status_code, made.json and made.json["zone"]) == (201, "America/Chicago")
    assert made.json is not None
    one = f"/v1/appointments/{made.json['id']}"
    shown = client.get(one, headers=bearer)
    terms = {
        name: shown.json[name]  # type: ignore[index]  # it is there
        for name in ("zone", "place", "note", "contact_name", "contact_phone")
    } | {"starts_at": "2026-03-11T15:00:00Z"}
    seen = bearer | {"If-Match": shown.headers["ETag"]}

    assert client.put(one, json=terms, headers=bearer).status_code == 428
    moved = client.put(one, json=terms, headers=seen)
    assert moved.json == made.json | {"starts_at": "2026-03-11T15:00:00Z"}
    assert client.put(one, json=terms, headers=seen).status_code == 412
    cancelled = client.post(f"{one}/cancellation", json={"reason": "Settled."}, headers=bearer)
    assert cancelled.json is not None
    assert cancelled.json["cancelled_at"] == "2026-03-02T09:00:00Z"
    listed = client.get(path, headers=bearer)
    assert listed.json == {"items": [cancelled.json], "next": None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "party"},
        {"starts_at": "2026-03-10T15:00:00"},
        {"place": ""},
        {"place": "pay 4111 1111 1111 1111"},
        {"contact_phone": "555"},
        {"surprise": 1},
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(
    client: FlaskClient, testa: Person, bearer: dict[str, str], wrong: dict[str, object]
) -> None:
    path = f"/v1/supervisees/{testa.supervisee_id}/appointments"

    answer = client.post(path, json=HEARING | wrong, headers=bearer)

    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["pointer"] == "/" + next(iter(wrong))


def test_a_person_reads_by_phone_where_they_are_expected(
    database: Database,
    client: FlaskClient,
    clock: FrozenClock,
    testa: Person,
    bearer: dict[str, str],
) -> None:
    path = f"/v1/supervisees/{testa.supervisee_id}/appointments"
    made = client.post(path, json=HEARING, headers=bearer)
    phone = enrolled_phone(database, client, clock, testa)

    answer = phone.get("/v1/me/appointments")

    assert answer.status == 200
    assert answer.json() == {"items": [made.json], "next": None}
