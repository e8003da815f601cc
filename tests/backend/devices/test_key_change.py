"""A phone changes its key: the same person, the same activation, or nothing at all."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from werkzeug.test import TestResponse

from backend.alerts.kinds import AlertKind
from backend.alerts.models import AlertRow
from backend.app import create_app
from backend.audit.models import AuditEvent
from backend.core.actor import Permission
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.settings import Settings
from backend.devices import service as devices
from backend.devices.assurance import Assurance
from backend.devices.codes import OPEN_CHALLENGES
from backend.devices.key_state import KeyReason, KeyState
from backend.devices.models import DeviceEvidence, DeviceKey, KeyChallenge, KeyEvent
from backend.identity.service import AgencyPolicy
from backend.location.models import Fix
from backend.migrations import downgrade, upgrade
from backend.simulator.phone import Phone, PhoneRefusedError
from backend.simulator.proof import ProofKey
from backend.worker.jobs import recheck
from tests.support.attestation.phones import (
    ABOVE_FACTORY_KEY,
    android,
    attesting,
    changed,
    give_status_list,
)
from tests.support.clocks import START, FrozenClock
from tests.support.devices import (
    Person,
    code_for,
    enrolled_phone,
    fresh_nonce,
    send_signed,
    supervised_person,
)
from tests.support.identity import bearer_of
from tests.support.location import HOME, at, watched_person

HERE = at(HOME)


@pytest.fixture
def person(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def phone(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    return enrolled_phone(database, client, clock, person)


def challenge_of(client: FlaskClient, key: ProofKey) -> str:
    answer = send_signed(
        client, key, "POST", "/v1/device/key-challenge", nonce=fresh_nonce(client, key)
    )
    assert answer.json is not None
    challenge: str = answer.json["challenge"]
    return challenge


def change(
    client: FlaskClient, old: ProofKey, new: ProofKey, challenge: str, **changes: Any
) -> TestResponse:
    members = {"key_change": old.sign_over(challenge, new.jkt), "evidence": []} | changes
    return send_signed(client, new, "POST", "/v1/device/keys", members=members, nonce=challenge)


def reason_of(answer: TestResponse) -> str:
    assert answer.status_code == 401, answer.data
    assert answer.json is not None
    reason: str = answer.json["reason"]
    return reason


def keys_of(database: Database) -> dict[str, tuple[KeyState, KeyReason]]:
    with database.snapshot() as session:
        return {
            row.jkt: (row.state, row.state_reason) for row in session.scalars(select(DeviceKey))
        }


def test_the_next_key_stands_where_the_old_one_stood(
    database: Database, person: Person, phone: Phone
) -> None:
    old = phone.jkt
    with database.snapshot() as session:
        before = devices.activation_in_force(session, person.supervisee_id)

    answer = phone.rotate()

    with database.snapshot() as session:
        after = devices.activation_in_force(session, person.supervisee_id)
    assert before is not None
    assert after is not None
    assert (after.id, after.started_at) == (before.id, before.started_at)
    assert answer.json()["activation"] == str(before.id)
    assert answer.json()["device"] == phone.jkt != old
    assert keys_of(database) == {
        old: (KeyState.SUPERSEDED, KeyReason.KEY_CHANGED),
        phone.jkt: (KeyState.ACTIVE, KeyReason.ENROLLED),
    }
    assert phone.token()


MADE_ON = ("app_version", "os_version")


def made_on(client: FlaskClient, officer: dict[str, str], jkt: str) -> list[str | None]:
    """What an officer sees that a key was made on."""
    shown = client.get(f"/v1/devices/{jkt}", headers=officer)
    assert shown.json is not None
    return [shown.json[name] for name in MADE_ON]


@pytest.fixture
def officer(database: Database, person: Person) -> dict[str, str]:
    with database.transaction() as session:
        return bearer_of(session, person.account, START)


def test_each_key_shows_the_app_and_the_system_that_it_was_made_on(
    client: FlaskClient, person: Person, phone: Phone, officer: dict[str, str]
) -> None:
    first = phone.jkt
    phone.upgrade(app_version="2.1.0", os_version="17")

    phone.rotate()

    path = f"/v1/supervisees/{person.supervisee_id}/devices"
    listed = client.get(path, headers=officer).json
    assert listed is not None
    (activation,) = listed["items"]
    assert [activation[name] for name in MADE_ON] == ["1.0.0", "16"]  # as of its enrolment
    assert {key["jkt"]: [key[name] for name in MADE_ON] for key in activation["keys"]} == {
        first: ["1.0.0", "16"],
        phone.jkt: ["2.1.0", "17"],
    }
    assert made_on(client, officer, first) == ["1.0.0", "16"]
    assert made_on(client, officer, phone.jkt) == ["2.1.0", "17"]


def test_a_phone_that_does_not_say_on_what_it_made_its_key_changes_it_all_the_same(
    client: FlaskClient, phone: Phone, officer: dict[str, str]
) -> None:
    new = ProofKey()

    answer = change(client, phone.key, new, challenge_of(client, phone.key))

    assert answer.status_code == 201
    assert made_on(client, officer, new.jkt) == [None, None]


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"os_version": "x" * 41}, "/os_version"),
        ({"os_version": 17}, "/os_version"),
        ({"app_version": ""}, "/app_version"),
        ({"app_version": "4111 1111 1111 1111"}, "/app_version"),
        ({"version": "17"}, "/version"),
    ],
)
def test_versions_that_make_no_sense_change_nothing(
    client: FlaskClient, database: Database, phone: Phone, said: dict[str, object], pointer: str
) -> None:
    new, challenge = ProofKey(), challenge_of(client, phone.key)

    answer = change(client, phone.key, new, challenge, **said)

    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["pointer"] == pointer
    assert len(keys_of(database)) == 1
    assert change(client, phone.key, new, challenge).status_code == 201


@pytest.mark.usefixtures("phone")
def test_what_a_key_was_made_on_is_never_rewritten(database: Database) -> None:
    for name in MADE_ON:
        with (
            pytest.raises(DBAPIError, match="append-only"),
            database.transaction() as session,
        ):
            session.execute(update(DeviceKey).values({name: "elsewhere"}))
    assert len(keys_of(database)) == 1


def test_first_keys_of_before_are_shown_with_what_their_enrolment_said(
    client: FlaskClient,
    database: Database,
    clock: FrozenClock,
    phone: Phone,
    officer: dict[str, str],
) -> None:
    first = phone.jkt
    clock.step(minutes=20)
    phone.rotate()
    downgrade(database, "0023")

    upgrade(database)

    assert made_on(client, officer, first) == ["1.0.0", "16"]
    assert made_on(client, officer, phone.jkt) == [None, None]


def test_the_old_key_is_unknown_from_then_on(client: FlaskClient, phone: Phone) -> None:
    old = phone.key
    phone.rotate()

    nonce = fresh_nonce(client, old)

    assert reason_of(send_signed(client, old, "POST", "/v1/token", nonce=nonce)) == "UNKNOWN_KEY"


def test_fixes_count_on_across_a_key_change(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    phone = watched_person(app, database, clock).phone
    assert phone.send_fix(HERE).status == 200
    phone.take_fix(HERE)
    phone.rotate()
    delivered = phone.deliver_fix()
    clock.step(seconds=60)
    later = phone.send_fix(HERE)

    assert (delivered.json()["seq"], later.json()["seq"]) == (2, 3)
    with database.snapshot() as session:
        rows = session.execute(select(Fix.seq, Fix.activation_id)).all()
    assert sorted(row.seq for row in rows) == [1, 2, 3]
    assert len({row.activation_id for row in rows}) == 1


def test_a_number_of_before_the_change_still_forks_after_it(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    phone = watched_person(app, database, clock).phone
    phone.send_fix(HERE)
    phone.rotate()
    phone._seq = 0
    clock.step(seconds=60)

    assert phone.send_fix(HERE).status == 409


def test_the_same_answer_is_given_again_to_the_same_key(
    client: FlaskClient, database: Database, phone: Phone
) -> None:
    new, challenge = ProofKey(), challenge_of(client, phone.key)
    first = change(client, phone.key, new, challenge)
    again = change(client, phone.key, new, challenge)
    other = change(client, phone.key, ProofKey(), challenge)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert reason_of(other) == "WRONG_CHALLENGE"
    assert len(keys_of(database)) == 2


@pytest.mark.parametrize("nonce", ["A" * 43, "", "x"])
def test_what_is_no_challenge_changes_nothing(
    client: FlaskClient, database: Database, phone: Phone, nonce: str
) -> None:
    assert reason_of(change(client, phone.key, ProofKey(), nonce)) == "WRONG_CHALLENGE"
    assert len(keys_of(database)) == 1


def test_a_challenge_is_good_for_five_minutes(
    client: FlaskClient, clock: FrozenClock, phone: Phone
) -> None:
    challenge = challenge_of(client, phone.key)
    clock.step(seconds=300)

    assert reason_of(change(client, phone.key, ProofKey(), challenge)) == "WRONG_CHALLENGE"


def test_a_challenge_of_an_enrolment_changes_no_key(
    client: FlaskClient, database: Database, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        code = code_for(session, person, now=START)
    opened = client.post("/v1/enrolments/challenge", json={"code": code}).json
    assert opened is not None

    answer = change(client, phone.key, ProofKey(), opened["challenge"])

    assert reason_of(answer) == "WRONG_CHALLENGE"


def test_a_challenge_of_a_key_change_enrols_nobody(client: FlaskClient, phone: Phone) -> None:
    members = {"platform": "android", "evidence": [], "app_version": "1", "os_version": "16"}
    nonce = challenge_of(client, phone.key)

    answer = send_signed(client, ProofKey(), "POST", "/v1/devices", members=members, nonce=nonce)

    assert reason_of(answer) == "WRONG_CHALLENGE"


def test_without_the_old_keys_word_nothing_changes(
    client: FlaskClient, database: Database, phone: Phone
) -> None:
    new, challenge = ProofKey(), challenge_of(client, phone.key)
    words = [
        "nonsense",
        new.sign_over(challenge, new.jkt),
        phone.key.sign_over(challenge, phone.jkt),
        phone.key.sign_over("A" * 43, new.jkt),
    ]

    answers = [change(client, phone.key, new, challenge, key_change=word) for word in words]

    assert {reason_of(answer) for answer in answers} == {"WRONG_KEY_CHANGE"}
    assert len(keys_of(database)) == 1
    assert change(client, phone.key, new, challenge).status_code == 201


def test_the_new_key_must_sign_the_request_itself(client: FlaskClient, phone: Phone) -> None:
    new, challenge = ProofKey(), challenge_of(client, phone.key)
    members = {"key_change": phone.key.sign_over(challenge, new.jkt), "evidence": []}

    answer = send_signed(
        client,
        new,
        "POST",
        "/v1/device/keys",
        members=members,
        nonce=challenge,
        htu="https://elsewhere.example/v1/device/keys",
    )

    assert reason_of(answer) == "WRONG_URL"


def test_nobody_elses_key_gives_the_word(
    client: FlaskClient, database: Database, clock: FrozenClock, phone: Phone
) -> None:
    with database.transaction() as session:
        stranger = supervised_person(session, now=START)
    theirs = enrolled_phone(database, client, clock, stranger)

    answer = change(client, theirs.key, ProofKey(), challenge_of(client, phone.key))

    assert reason_of(answer) == "WRONG_KEY_CHANGE"


def test_a_key_that_was_enrolled_before_follows_none(
    client: FlaskClient, database: Database, clock: FrozenClock, phone: Phone
) -> None:
    with database.transaction() as session:
        stranger = supervised_person(session, now=START)
    theirs = enrolled_phone(database, client, clock, stranger)

    for taken in (theirs.key, phone.key):
        challenge = challenge_of(client, phone.key)
        answers = [change(client, phone.key, taken, challenge) for _ in range(2)]

        assert answers[0].status_code == 409
        assert reason_of(answers[1]) == "WRONG_CHALLENGE"
    assert {state for state, _ in keys_of(database).values()} == {KeyState.ACTIVE}


def test_after_revocation_no_key_follows(
    client: FlaskClient, database: Database, person: Person, phone: Phone
) -> None:
    challenge = challenge_of(client, phone.key)
    with database.transaction() as session:
        devices.revoke(session, person.officer, phone.jkt, reason=KeyReason.STOLEN, now=START)

    assert reason_of(change(client, phone.key, ProofKey(), challenge)) == "WRONG_KEY_CHANGE"


def test_a_suspension_goes_with_the_key(database: Database, person: Person, phone: Phone) -> None:
    with database.transaction() as session:
        devices.suspend(session, person.officer, phone.jkt, reason=KeyReason.LOST, now=START)

    phone.rotate()

    assert keys_of(database)[phone.jkt] == (KeyState.SUSPENDED, KeyReason.LOST)


def test_a_phone_has_few_open_challenges(
    client: FlaskClient, database: Database, clock: FrozenClock, phone: Phone
) -> None:
    first = challenge_of(client, phone.key)
    for _ in range(OPEN_CHALLENGES):
        clock.step(seconds=1)
        challenge_of(client, phone.key)

    with database.snapshot() as session:
        assert len(session.scalars(select(KeyChallenge.id)).all()) == OPEN_CHALLENGES
    assert reason_of(change(client, phone.key, ProofKey(), first)) == "WRONG_CHALLENGE"


def test_a_key_change_is_audited_and_its_history_shown(
    client: FlaskClient, database: Database, person: Person, phone: Phone
) -> None:
    old = phone.jkt
    phone.rotate()

    with database.transaction() as session:
        bearer = bearer_of(session, person.account, START)
    shown = client.get(f"/v1/devices/{old}/history", headers=bearer)
    with database.snapshot() as session:
        acts = session.scalars(select(AuditEvent.act)).all()
    assert shown.json is not None
    assert [(step["state"], step["reason"]) for step in shown.json["items"]] == [
        ("active", "enrolled"),
        ("superseded", "key-changed"),
    ]
    assert set(acts) >= {"device.key-changed", "device.superseded"}


def test_history_needs_its_permission_and_a_visible_key(
    database: Database, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        stranger = supervised_person(session, now=START)
        with pytest.raises(Problem) as hidden:
            devices.life_of(session, stranger.officer, phone.jkt)
    blind = person.officer.__class__(
        kind=person.officer.kind,
        id=person.officer.id,
        agency_id=person.officer.agency_id,
        permissions=frozenset(Permission) - {Permission.DEVICE_READ},
    )
    with database.snapshot() as session, pytest.raises(Problem) as forbidden:
        devices.life_of(session, blind, phone.jkt)

    assert hidden.value.code is Code.NOT_FOUND
    assert forbidden.value.code is Code.FORBIDDEN


def test_the_token_says_when_to_rotate(
    client: FlaskClient, clock: FrozenClock, phone: Phone
) -> None:
    def rotate_at() -> str:
        nonce = fresh_nonce(client, phone.key)
        answer = send_signed(client, phone.key, "POST", "/v1/token", nonce=nonce).json
        assert answer is not None
        return str(answer["rotate_at"])

    before = rotate_at()
    clock.step(seconds=3600)
    phone.rotate()

    assert before == "2026-05-31T09:00:00Z"
    assert rotate_at() == "2026-05-31T10:00:00Z"


def test_a_key_may_change_before_it_is_due_as_after_an_update_of_the_system(
    client: FlaskClient, database: Database, clock: FrozenClock, phone: Phone
) -> None:
    first = phone.jkt
    nonce = fresh_nonce(client, phone.key)
    issued = send_signed(client, phone.key, "POST", "/v1/token", nonce=nonce).json
    clock.step(days=1)

    changed_once = phone.rotate()
    second = phone.jkt
    clock.step(minutes=1)
    changed_twice = phone.rotate()

    assert issued is not None
    assert datetime.fromisoformat(issued["rotate_at"]) > clock.now()
    assert [changed_once.status, changed_twice.status] == [201, 201]
    assert keys_of(database) == {
        first: (KeyState.SUPERSEDED, KeyReason.KEY_CHANGED),
        second: (KeyState.SUPERSEDED, KeyReason.KEY_CHANGED),
        phone.jkt: (KeyState.ACTIVE, KeyReason.ENROLLED),
    }


def test_an_officer_is_told_once_of_a_key_that_is_long_overdue(
    database: Database, clock: FrozenClock, phone: Phone
) -> None:
    def told() -> int:
        recheck(database, clock.now())
        with database.snapshot() as session:
            overdue = AlertRow.kind == AlertKind.ROTATION_OVERDUE
            return len(session.scalars(select(AlertRow.id).where(overdue)).all())

    clock.step(days=119, hours=23)
    before = told()
    clock.step(hours=1)

    assert (before, told(), told()) == (0, 1, 1)
    with database.snapshot() as session:
        reasons = session.scalars(select(KeyEvent.reason)).all()
    assert reasons.count(KeyReason.ROTATION_OVERDUE) == 1
    assert keys_of(database)[phone.jkt] == (KeyState.ACTIVE, KeyReason.ENROLLED)


class TestWithEvidence:
    """On a server that verifies the evidence of phones."""

    @pytest.fixture
    def app(
        self, settings: Settings, database: Database, clock: FrozenClock, tmp_path: Path
    ) -> Flask:
        give_status_list(database)
        return create_app(attesting(settings, tmp_path), database, clock)

    @pytest.fixture
    def client(self, app: Flask) -> FlaskClient:
        return app.test_client()

    @pytest.fixture
    def attested(self, client: FlaskClient, database: Database, clock: FrozenClock) -> Phone:
        policy = AgencyPolicy(least_assurance="hardware_factory")
        with database.transaction() as session:
            person = supervised_person(session, now=START, policy=policy)
        return enrolled_phone(database, client, clock, person, evidence=android())

    def test_the_next_key_is_attested_anew(self, database: Database, attested: Phone) -> None:
        answer = attested.rotate()

        assert answer.json()["assurance"] == "hardware_factory"
        with database.snapshot() as session:
            shown = session.scalars(select(DeviceEvidence.jkt)).all()
        assert len(set(shown)) == 2
        assert attested.jkt in shown

    @pytest.mark.parametrize(
        ("shown", "code"),
        [
            ([], "assurance-too-low"),
            ([{"type": "seance"}], "evidence-refused"),
            ([{"type": "android-key", "x5c": []}], "evidence-refused"),
        ],
    )
    def test_what_falls_below_the_policy_is_refused_and_the_old_key_stays(
        self,
        client: FlaskClient,
        database: Database,
        attested: Phone,
        shown: list[Any],
        code: str,
    ) -> None:
        challenge = challenge_of(client, attested.key)
        answer = change(client, attested.key, ProofKey(), challenge, evidence=shown)

        assert answer.json is not None
        assert answer.json["code"] == code
        assert keys_of(database) == {attested.jkt: (KeyState.ACTIVE, KeyReason.ENROLLED)}
        with database.snapshot() as session:
            acts = session.scalars(select(AuditEvent.act)).all()
        assert "device.key-change-refused" in acts

    def test_a_refused_phone_keeps_its_key_and_goes_on(self, attested: Phone) -> None:
        attested._evidence = changed(android(), lambda members: members["x5c"].clear())
        before = attested.jkt

        with pytest.raises(PhoneRefusedError):
            attested.rotate()

        assert attested.jkt == before
        assert attested.token()

    def test_an_officer_is_told_of_a_weaker_key(
        self, client: FlaskClient, database: Database, clock: FrozenClock
    ) -> None:
        with database.transaction() as session:
            person = supervised_person(session, now=START)
        phone = enrolled_phone(
            database, client, clock, person, evidence=android(above=ABOVE_FACTORY_KEY)
        )
        phone._evidence = lambda _challenge, _key: ()

        assert phone.rotate().json()["assurance"] == Assurance.SOFTWARE.value
        with database.snapshot() as session:
            kinds = session.scalars(select(AlertRow.kind)).all()
        assert kinds == [AlertKind.DEVICE_DOUBTFUL]
