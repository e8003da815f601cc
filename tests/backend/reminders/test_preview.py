from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.app import create_app
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.settings import Settings
from backend.reminders.wording import message_examples
from backend.simulator.provider import SECRET_KEY, WEBHOOK_SECRET
from tests.support.clocks import START, FrozenClock
from tests.support.devices import Person, enrolled_phone
from tests.support.identity import bearer_of
from tests.support.reminders import expects, message_ids, owes, planned

EXAMPLES = "/v1/reminders/examples"
FINE = {
    "subject": "fine",
    "due_at": "2026-03-10T15:00:00Z",
    "amount_minor": 5_000,
    "currency": "USD",
}


@pytest.fixture
def bearer(database: Database, testa: Person) -> dict[str, str]:
    with database.transaction() as session:
        return bearer_of(session, testa.account, START)


def test_what_is_coming_is_shown_in_both_languages_before_it_is_planned(
    database: Database, client: FlaskClient, testa: Person, bearer: dict[str, str]
) -> None:
    with database.transaction() as session:
        owes(session, testa, date(2026, 3, 20), START)
        expects(session, testa, datetime(2026, 3, 25, 15, tzinfo=UTC), START, place="Room 4")
    path = f"/v1/supervisees/{testa.supervisee_id}/reminders/coming"

    month = client.get(path, headers=bearer)
    soon = client.get(f"{path}?days=14", headers=bearer)

    assert month.json is not None
    assert [(one["kind"], one["send_at"][:10]) for one in month.json["items"]] == [
        ("payment", "2026-03-15"),
        ("hearing", "2026-03-18"),
        ("payment", "2026-03-19"),
        ("payment", "2026-03-21"),
        ("hearing", "2026-03-22"),
        ("hearing", "2026-03-24"),
    ]
    first, second, *_ = month.json["items"]
    assert first["language"] == "en"
    assert "Supervision fee: $50.00" in first["texts"]["en"]["body"]
    assert "Cuota de supervisión: $50.00" in first["texts"]["es"]["body"]
    assert "Audiencia judicial (Room 4)" in second["texts"]["es"]["body"]
    assert "Room 4" not in second["texts"]["es"]["lock_screen_body"]
    assert soon.json is not None
    assert len(soon.json["items"]) == 1
    assert message_ids(database) == []


@pytest.mark.parametrize(
    ("example", "kind", "words"),
    [
        (FINE, "payment", "Fine: $50.00, due Tuesday, March 10, 2026"),
        (FINE | {"overdue": True}, "payment", "was due Tuesday, March 10, 2026"),
        (
            {
                "subject": "check_in",
                "due_at": "2026-03-10T15:00:00Z",
                "contact_phone": "+15555550177",
            },
            "check_in",
            "+15555550177",
        ),
        (
            {"subject": "appointment", "due_at": "2026-03-10T15:00:00Z", "place": "Room 4"},
            "appointment",
            "Appointment (Room 4): Tuesday, March 10, 2026, 10:00",
        ),
    ],
)
def test_an_example_says_what_the_agency_would_say(
    client: FlaskClient, bearer: dict[str, str], example: dict[str, Any], kind: str, words: str
) -> None:
    answer = client.post(EXAMPLES, json=example, headers=bearer)

    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["kind"] == kind
    assert words in answer.json["texts"]["en"]["body"]
    assert answer.json["texts"]["en"]["body"].startswith("Hello Testa,")
    assert answer.json["texts"]["es"]["body"].startswith("Hola, Testa:")


def test_every_message_is_shown_with_the_agencys_name_and_invented_particulars(
    client: FlaskClient, bearer: dict[str, str], testa: Person
) -> None:
    answer = client.get("/v1/message-examples", headers=bearer)

    assert answer.json is not None
    shown = {one["template"]: one["texts"] for one in answer.json["items"]}
    assert "Hello Testa" in shown["payment_returned"]["en"]["body"]
    assert testa.agency.name in shown["payment_returned"]["es"]["body"]
    assert "$50.00" in shown["payment_receipt"]["es"]["body"]
    assert "Multa" in shown["relief_ended"]["es"]["body"]
    assert "Cita: lunes 9 de marzo de 2026" in shown["appointment_moved"]["es"]["body"]
    assert "was due Monday, February 23, 2026" in shown["payment_overdue"]["en"]["body"]
    assert "Hello" not in shown["alert"]["en"]["body"]


@pytest.mark.parametrize(
    ("key", "way"),
    [
        (None, ("To pay, come to", "Para pagar, venga a")),
        (SECRET_KEY, ("Pay in the app", "Pague en la aplicación")),
    ],
)
def test_every_preview_says_how_one_can_pay_here(
    settings: Settings,
    database: Database,
    clock: FrozenClock,
    testa: Person,
    bearer: dict[str, str],
    key: str | None,
    way: tuple[str, str],
) -> None:
    here = replace(settings, stripe_key=key, stripe_webhook_secrets=key and WEBHOOK_SECRET)
    client = create_app(here, database, clock).test_client()
    with database.transaction() as session:
        owes(session, testa, date(2026, 3, 20), START)
    planned(database, datetime(2026, 3, 14, tzinfo=UTC))
    person = f"/v1/supervisees/{testa.supervisee_id}/reminders"

    coming = client.get(f"{person}/coming", headers=bearer).json or {}
    listed = client.get(person, headers=bearer).json or {}
    example = client.post(EXAMPLES, json=FINE, headers=bearer).json or {}
    every = client.get("/v1/message-examples", headers=bearer).json or {}

    of_payments = [one for one in every["items"] if one["template"].startswith("payment_")]
    shown = [one["texts"] for one in (*coming["items"], example, *of_payments[:2])]
    assert len(shown) == 6
    for english, spanish in ((one["en"]["body"], one["es"]["body"]) for one in shown):
        assert (way[0] in english, way[1] in spanish) == (True, True)
    assert listed["items"]
    assert all(way[0] in one["text"] for one in listed["items"])


def test_without_the_permission_no_message_is_shown(database: Database, testa: Person) -> None:
    nobody = replace(testa.officer, permissions=frozenset())

    with pytest.raises(Problem) as refusal, database.snapshot() as session:
        message_examples(session, nobody, pays_in_app=False, now=START)

    assert refusal.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"amount_minor": None}, "/amount_minor"),
        ({"subject": "court_hearing"}, "/amount_minor"),
        ({"subject": "court_hearing", "overdue": True}, "/overdue"),
        ({"due_at": "1066-10-14T09:00:00Z"}, "/due_at"),
        ({"subject": "nonsense"}, "/subject"),
    ],
)
def test_an_example_of_nothing_is_refused_with_its_place(
    client: FlaskClient, bearer: dict[str, str], wrong: dict[str, Any], pointer: str
) -> None:
    answer = client.post(EXAMPLES, json=FINE | wrong, headers=bearer)

    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["pointer"] == pointer


def test_a_person_turns_reminders_off_by_phone_and_the_officer_sees_it(
    database: Database,
    client: FlaskClient,
    clock: FrozenClock,
    testa: Person,
    bearer: dict[str, str],
) -> None:
    phone = enrolled_phone(database, client, clock, testa)
    before = phone.get("/v1/me/reminder-choices")

    changed = phone.send("PUT", "/v1/me/reminder-choices", {"turned_off": ["payment"]})
    refused = phone.send("PUT", "/v1/me/reminder-choices", {"turned_off": ["hearing"]})

    assert before.json() == {"turned_off": [], "mandatory": ["hearing"]}
    assert changed.json() == {"turned_off": ["payment"], "mandatory": ["hearing"]}
    assert refused.status == 422
    path = f"/v1/supervisees/{testa.supervisee_id}/reminder-choices"
    seen = client.get(path, headers=bearer)
    assert seen.json == changed.json()
