"""Over HTTP: what a phone reaches that shows no location, and what officers do about it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.core.db import Database
from backend.devices import service as devices
from backend.devices.key_state import KeyReason
from backend.identity.tokens import open_session
from backend.simulator.wire import HttpAnswer
from tests.support.clocks import FrozenClock
from tests.support.devices import SERVER_URL, fresh_nonce, send_signed
from tests.support.identity import bearer_of, make_agency, make_officer
from tests.support.location import Watched, watched_person

EXEMPTION = {
    "kind": "exemption",
    "text": "I am in hospital, where phones are off.",
    "starts_at": "2026-03-03T08:00:00Z",
    "ends_at": "2026-03-06T18:00:00+01:00",
}
ANSWER = {"outcome": "declined", "answer": "Hospitals allow phones. Call me, we find a way."}


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    """A person under an order: the gate asks for a location."""
    return watched_person(app, database, clock)


@pytest.fixture
def bearer(database: Database, watched: Watched) -> dict[str, str]:
    officer_id = watched.case.officer.id
    assert officer_id is not None
    with database.transaction() as session:
        issued = open_session(session, officer_id, now=watched.clock.now())
    return {"Authorization": f"Bearer {issued.secret}"}


def ask(watched: Watched, members: dict[str, Any]) -> HttpAnswer:
    return watched.phone.send("POST", "/v1/me/requests", members)


def test_without_location_help_and_requests_are_there_while_the_gate_refuses(
    watched: Watched,
) -> None:
    phone = watched.phone
    refused = phone.request_without_location("PERMISSION_DENIED")

    found = phone.request_without_location("PERMISSION_DENIED", "/v1/me/help")
    made = ask(watched, EXEMPTION)
    listed = phone.request_without_location("PERMISSION_DENIED", "/v1/me/requests")

    assert (refused.status, refused.json()["code"]) == (403, "location-refused")
    assert found.status == 200
    assert found.json()["contact_phone"] == refused.json()["contact"]
    said = {each["reason"]: each for each in found.json()["refusals"]}[refused.json()["reason"]]
    assert (said["what"], said["what_to_do"]) == (
        refused.json()["detail"],
        refused.json()["what_to_do"],
    )
    assert (made.status, made.json()["state"]) == (201, "open")
    assert made.json()["ends_at"] == "2026-03-06T17:00:00Z"
    assert listed.json() == {"items": [made.json()], "next": None}


def test_it_takes_a_proof_and_no_token(client: FlaskClient, watched: Watched) -> None:
    key = watched.phone.key

    signed = send_signed(
        client, key, "POST", "/v1/me/requests", members=EXEMPTION, nonce=fresh_nonce(client, key)
    )
    unsigned = client.get("/v1/me/help", base_url=SERVER_URL)

    assert signed.status_code == 201
    assert unsigned.status_code == 401


def test_a_request_for_an_exemption_grants_none(watched: Watched) -> None:
    assert ask(watched, EXEMPTION | {"starts_at": None}).status == 201
    watched.clock.step(hours=30)

    assert watched.phone.request_without_location("SERVICES_OFF").status == 403


def test_a_suspended_phone_still_asks_for_help_and_a_revoked_one_does_not(
    database: Database, watched: Watched
) -> None:
    jkt, now = watched.phone.jkt, watched.clock.now()
    with database.transaction() as session:
        devices.suspend(session, watched.case.supervisor, jkt, reason=KeyReason.LOST, now=now)
    suspended = [
        watched.phone.request_without_location(path=path).status
        for path in ("/v1/me", "/v1/me/refusals", "/v1/me/help", "/v1/me/requests")
    ]
    made = ask(watched, EXEMPTION)
    with database.transaction() as session:
        devices.revoke(session, watched.case.supervisor, jkt, reason=KeyReason.STOLEN, now=now)

    assert suspended == [403, 200, 200, 200]
    assert made.status == 201
    assert ask(watched, EXEMPTION).status == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "party"},
        {"kind": None},
        {"text": " "},
        {"text": "x" * 2_001},
        {"text": "My card is 4111 1111 1111 1111."},
        {"starts_at": "2026-03-03T08:00:00"},
        {"ends_at": "2026-03-01T08:00:00Z"},
        {"surprise": 1},
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(
    watched: Watched, wrong: dict[str, Any]
) -> None:
    answer = ask(watched, EXEMPTION | wrong)

    assert answer.status == 422
    assert answer.json()["errors"][0]["pointer"] == "/" + next(iter(wrong))


def test_who_asks_too_much_is_told_so_by_a_stable_code(watched: Watched) -> None:
    answers = [ask(watched, EXEMPTION | {"text": f"Reason {number}."}) for number in range(4)]

    assert [answer.status for answer in answers] == [201, 201, 201, 409]
    assert (answers[-1].json()["code"], answers[-1].json()["limit"]) == ("too-many-open", 3)


def test_an_officer_answers_what_they_have_read_and_nobody_answers_twice(
    client: FlaskClient, watched: Watched, bearer: dict[str, str]
) -> None:
    made = ask(watched, EXEMPTION).json()
    one = f"/v1/requests/{made['id']}"

    listed = client.get("/v1/requests?state=open&kind=exemption", headers=bearer)
    shown = client.get(one, headers=bearer)
    seen = bearer | {"If-Match": shown.headers["ETag"]}
    blind = client.post(f"{one}/answer", json=ANSWER, headers=bearer)
    done = client.post(f"{one}/answer", json=ANSWER, headers=seen)
    again = client.post(f"{one}/answer", json=ANSWER | {"outcome": "answered"}, headers=seen)
    newest = bearer | {"If-Match": client.get(one, headers=bearer).headers["ETag"]}
    late = client.post(f"{one}/answer", json=ANSWER, headers=newest)

    assert listed.json == {"items": [made], "next": None}
    assert shown.json == made
    assert (blind.status_code, again.status_code) == (428, 412)
    assert (late.status_code, late.json and late.json["code"]) == (409, "illegal-transition")
    assert done.json is not None
    assert (done.json["state"], done.json["answer"]) == ("declined", ANSWER["answer"])
    read = watched.phone.request_without_location(path="/v1/me/requests").json()
    assert read["items"] == [done.json]


@pytest.mark.parametrize("wrong", [{"outcome": "open"}, {"answer": " "}, {"answer": None}])
def test_an_answer_has_words_and_an_outcome(
    client: FlaskClient, watched: Watched, bearer: dict[str, str], wrong: dict[str, Any]
) -> None:
    one = f"/v1/requests/{ask(watched, EXEMPTION).json()['id']}"
    seen = bearer | {"If-Match": client.get(one, headers=bearer).headers["ETag"]}

    answer = client.post(f"{one}/answer", json=ANSWER | wrong, headers=seen)

    assert answer.status_code == 422


def test_an_officer_of_another_agency_finds_nothing(
    client: FlaskClient, database: Database, watched: Watched
) -> None:
    made = ask(watched, EXEMPTION).json()
    with database.transaction() as session:
        now = watched.clock.now()
        stranger = bearer_of(session, make_officer(session, make_agency(session, now), now), now)
    one = f"/v1/requests/{made['id']}"

    answers = [
        client.get(one, headers=stranger),
        client.post(f"{one}/answer", json=ANSWER, headers=stranger | {"If-Match": '"any"'}),
    ]
    listed = client.get("/v1/requests", headers=stranger)

    assert [answer.status_code for answer in answers] == [404, 404]
    assert listed.json == {"items": [], "next": None}
