from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.core.db import Database
from backend.identity.service import Agency, Role
from tests.support.clocks import START, FrozenClock
from tests.support.identity import bearer_of, make_agency, make_officer, make_supervisee

PERSON: Mapping[str, Any] = {
    "given_name": "Testa",
    "family_name": "Example",
    "job_title": "Baker",
    "postal_address": "1 Nowhere Street",
    "postal_code": "60601",
    "emails": ["testa@person.example"],
    "phones": ["+15555550123"],
    "language": "es",
    "zone": "America/Denver",
}
OFFICER: Mapping[str, Any] = {
    "email": "nova@agency.example",
    "given_name": "Nova",
    "family_name": "Example",
    "role": "officer",
    "language": "en",
    "job_title": "Probation officer",
}


@pytest.fixture
def agency(database: Database) -> Agency:
    with database.transaction() as session:
        return make_agency(session, START)


def bearer_for(database: Database, agency: Agency, role: Role) -> dict[str, str]:
    with database.transaction() as session:
        return bearer_of(session, make_officer(session, agency, START, role=role), START)


@pytest.fixture
def officer(database: Database, agency: Agency) -> dict[str, str]:
    return bearer_for(database, agency, Role.OFFICER)


@pytest.fixture
def admin(database: Database, agency: Agency) -> dict[str, str]:
    return bearer_for(database, agency, Role.AGENCY_ADMIN)


@pytest.fixture
def foreign_admin(database: Database) -> dict[str, str]:
    """An administrator of another agency."""
    with database.transaction() as session:
        other = make_agency(session, START)
    return bearer_for(database, other, Role.AGENCY_ADMIN)


NOT_KEPT: Sequence[dict[str, Any]] = [
    {"given_name": ""},
    {"given_name": "x" * 101},
    {"given_name": None},
    {"family_name": "nul\x00"},
    {"postal_address": "x" * 501},
    {"emails": ["nobody"]},
    {"emails": ["testa@person.example"] * 11},
    {"phones": ["555-0123"]},
    {"phones": ["+15555550123\n"]},
    {"language": "tlh"},
    {"zone": "Mars/Olympus"},
    {"date_of_birth": "1990-01-01"},
    {"ssn": "000-00-0000"},
    {"rules_epoch": 7},
    {"trail": "zone-events-only"},
    {"id": "00000000-0000-0000-0000-000000000000"},
    {"agency_id": "00000000-0000-0000-0000-000000000000"},
]


def test_what_may_not_be_kept_of_a_person_is_refused_with_its_place(
    client: FlaskClient, officer: dict[str, str]
) -> None:
    for wrong in NOT_KEPT:
        answer = client.post("/v1/supervisees", json={**PERSON, **wrong}, headers=officer)

        assert answer.status_code == 422, wrong
        assert answer.json is not None
        assert answer.json["errors"][0]["pointer"].startswith("/" + next(iter(wrong)))


def test_a_person_is_taken_in_shown_and_listed(
    client: FlaskClient, officer: dict[str, str]
) -> None:
    made = client.post("/v1/supervisees", json=PERSON, headers=officer)
    assert made.status_code == 201
    assert made.json is not None
    ours = {name: made.json[name] for name in ("id", "created_at")} | {"trail": "kept"}
    assert made.json == {**PERSON, **ours}

    path = f"/v1/supervisees/{made.json['id']}"
    shown = client.get(path, headers=officer)
    listed = client.get("/v1/supervisees", headers=officer)

    assert shown.json == made.json
    assert shown.headers["ETag"] == made.headers["ETag"]
    assert listed.json == {"items": [made.json], "next": None}
    unchanged = client.get(path, headers=officer | {"If-None-Match": shown.headers["ETag"]})
    assert unchanged.status_code == 304


def test_a_repeated_post_with_the_same_key_takes_in_one_person(
    client: FlaskClient, officer: dict[str, str]
) -> None:
    headers = officer | {"Idempotency-Key": "intake-1"}

    first, second = (client.post("/v1/supervisees", json=PERSON, headers=headers) for _ in range(2))

    assert first.json == second.json
    assert first.headers["ETag"] == second.headers["ETag"]
    listed = client.get("/v1/supervisees", headers=officer).json
    assert listed is not None
    assert len(listed["items"]) == 1


def test_a_change_must_say_which_version_it_changes(
    client: FlaskClient, officer: dict[str, str]
) -> None:
    made = client.post("/v1/supervisees", json=PERSON, headers=officer)
    assert made.json is not None
    path, new = f"/v1/supervisees/{made.json['id']}", {**PERSON, "family_name": "Sample"}
    seen = officer | {"If-Match": made.headers["ETag"]}

    assert client.put(path, json=new, headers=officer).status_code == 428
    changed = client.put(path, json=new, headers=seen)
    assert changed.status_code == 200
    assert changed.json == {**made.json, "family_name": "Sample"}
    stale = client.put(path, json=PERSON, headers=seen)
    assert stale.status_code == 412
    again = officer | {"If-Match": changed.headers["ETag"]}
    assert client.put(path, json=PERSON, headers=again).status_code == 200


def test_an_agency_and_its_policy_are_shown_and_changed(
    client: FlaskClient, officer: dict[str, str], admin: dict[str, str]
) -> None:
    shown = client.get("/v1/agency", headers=officer)
    assert shown.json is not None
    new = {name: shown.json[name] for name in shown.json if name not in {"id", "created_at"}}
    assert new["policy"]["payment_url"] is None
    new["policy"] |= {
        "max_accuracy_m": 50,
        "payment_reminder_days": [-3],
        "hearing_reminder_days": [-14, 0],
        "mandatory_reminders": ["hearing", "check_in"],
        "payment_url": "https://pay.agency.example/fees",
    }
    seen = {"If-Match": shown.headers["ETag"]}

    assert client.put("/v1/agency", json=new, headers=admin).status_code == 428
    assert client.put("/v1/agency", json=new, headers=officer | seen).status_code == 403
    changed = client.put("/v1/agency", json=new, headers=admin | seen)
    assert changed.status_code == 200
    assert changed.json == {**shown.json, "policy": new["policy"]}
    assert client.put("/v1/agency", json=new, headers=admin | seen).status_code == 412


SENSELESS: Sequence[dict[str, Any]] = [
    {"max_accuracy_m": 0},
    {"max_accuracy_m": True},
    {"max_accuracy_m": 99.5},
    {"silence_after_s": 10**30},
    {"batch_key_people": 1},
    {"plan_share_percent": 0},
    {"plan_least_minor": -1},
    {"alert_score": 0},
    {"alert_score": "NaN"},
    {"frozen_after_s": 10**30},
    {"together_after_s": 1.5},
    {"jump_speed_mps": "NaN"},
    {"unproven_after_s": 299},
    {"impossible_speed_mps": 10**30},
    {"fast_speed_mps": 200.0, "impossible_speed_mps": 100.0},
    {"least_assurance": "none"},
    {"reminder_at": "25:00"},
    {"reminder_at": "06:00"},
    {"default_currency": "dollars"},
    {"payment_reminder_days": [1] * 11},
    {"hearing_reminder_days": [1]},
    {"mandatory_reminders": ["alert"]},
    {"payment_url": "http://pay.agency.example"},
    {"payment_url": "https://pay.agency.example/\n"},
    {"payment_url": "https://pay.agency.example/" + "a" * 300},
    {"surprise": 1},
]


def test_a_policy_that_makes_no_sense_is_refused_with_its_place(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    shown = client.get("/v1/agency", headers=admin)
    assert shown.json is not None
    for wrong in SENSELESS:
        new = {name: shown.json[name] for name in shown.json if name not in {"id", "created_at"}}
        new["policy"] = new["policy"] | wrong
        seen = admin | {"If-Match": shown.headers["ETag"]}

        answer = client.put("/v1/agency", json=new, headers=seen)

        assert answer.status_code == 422, wrong
        assert answer.json is not None
        assert answer.json["errors"][0]["pointer"].startswith("/policy/" + next(iter(wrong)))


def test_officers_are_made_shown_changed_and_listed(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    new = {**OFFICER, "password": "a password nobody really has"}
    made = client.post("/v1/officers", json=new, headers=admin)
    assert made.status_code == 201
    assert made.json is not None
    assert "password" not in made.text

    path = f"/v1/officers/{made.json['id']}"
    seen = admin | {"If-Match": made.headers["ETag"]}
    data = {**OFFICER, "role": "supervisor", "disabled": False}
    assert client.put(path, json=data, headers=admin).status_code == 428
    changed = client.put(path, json=data, headers=seen)
    assert changed.status_code == 200
    assert changed.json is not None
    assert changed.json["role"] == "supervisor"
    assert "condition:approve" in changed.json["permissions"]
    assert client.get(path, headers=admin).json == changed.json
    listed = client.get("/v1/officers", headers=admin).json
    assert listed is not None
    assert changed.json in listed["items"]

    assert client.post("/v1/officers", json=new, headers=admin).status_code == 409


NO_OFFICERS: Sequence[dict[str, Any]] = [
    {"password": "short"},
    {"password": "aaaaaaaaaaaaaaaaaaaaaaaa"},
    {"email": "nobody"},
    {"email": "nova@localhost"},
    {"role": "king"},
    {"permissions": ["agency:manage"]},
]


def test_an_officer_who_may_not_be_is_refused_with_the_place(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    for wrong in NO_OFFICERS:
        new = {**OFFICER, "password": "a password nobody really has", **wrong}

        answer = client.post("/v1/officers", json=new, headers=admin)

        assert answer.status_code == 422, wrong
        assert answer.json is not None
        assert answer.json["errors"][0]["pointer"].startswith("/" + next(iter(wrong)))


def test_an_officer_gets_and_loses_charge_of_a_person(
    client: FlaskClient, officer: dict[str, str]
) -> None:
    me = client.get("/v1/officer", headers=officer).json
    person = client.post("/v1/supervisees", json=PERSON, headers=officer).json
    assert me is not None
    assert person is not None
    path = f"/v1/supervisees/{person['id']}/assignments"

    given = client.post(path, json={"officer_id": me["id"]}, headers=officer)
    assert given.status_code == 201
    assert client.get(path, headers=officer).json == [given.json]
    mine = client.get(f"/v1/supervisees?assigned_to={me['id']}", headers=officer).json
    assert mine is not None
    assert [item["id"] for item in mine["items"]] == [person["id"]]
    assert client.delete(f"{path}/{me['id']}", headers=officer).status_code == 204
    assert client.delete(f"{path}/{me['id']}", headers=officer).status_code == 404
    assert client.get(path, headers=officer).json == []


def test_to_another_agency_everything_is_missing(
    client: FlaskClient,
    database: Database,
    agency: Agency,
    foreign_admin: dict[str, str],
) -> None:
    with database.transaction() as session:
        colleague = make_officer(session, agency, START)
        person = make_supervisee(session, agency, START)
    one, another = f"/v1/supervisees/{person.id}", f"/v1/officers/{colleague.id}"
    matched = foreign_admin | {"If-Match": '"any"'}
    officer = {**OFFICER, "disabled": True}

    answers = [
        client.get(one, headers=foreign_admin),
        client.put(one, json=PERSON, headers=matched),
        client.get(f"{one}/assignments", headers=foreign_admin),
        client.post(
            f"{one}/assignments", json={"officer_id": str(colleague.id)}, headers=foreign_admin
        ),
        client.delete(f"{one}/assignments/{colleague.id}", headers=foreign_admin),
        client.get(another, headers=foreign_admin),
        client.put(another, json=officer, headers=matched),
        client.put(
            f"{another}/password",
            json={"password": "another password nobody has"},
            headers=foreign_admin,
        ),
    ]

    assert [answer.status_code for answer in answers] == [404] * len(answers)
    missing = client.get(f"/v1/supervisees/{colleague.id}", headers=foreign_admin)
    assert {answer.text for answer in answers} == {missing.text}
    for path in ("/v1/supervisees", "/v1/officers", "/v1/audit"):
        listed = client.get(path, headers=foreign_admin)
        assert str(person.id) not in listed.text
        assert str(colleague.id) not in listed.text


def test_without_a_token_every_route_is_closed(client: FlaskClient, clock: FrozenClock) -> None:
    for method, path in (
        ("GET", "/v1/officer"),
        ("DELETE", "/v1/officer/session"),
        ("PUT", "/v1/officer/password"),
        ("GET", "/v1/tokens"),
        ("POST", "/v1/tokens"),
        ("GET", "/v1/agency"),
        ("PUT", "/v1/agency"),
        ("GET", "/v1/officers"),
        ("POST", "/v1/officers"),
        ("GET", "/v1/supervisees"),
        ("POST", "/v1/supervisees"),
        ("GET", f"/v1/supervisees/{clock.now():%Y}"),
    ):
        expected = 404 if path.endswith("2026") else 401
        assert client.open(path, method=method).status_code == expected
