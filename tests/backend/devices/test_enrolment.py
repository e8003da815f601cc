"""A phone becomes a person's, or it does not and says why."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError
from werkzeug.test import TestResponse

from backend.alerts.models import AlertRow
from backend.audit.models import AuditEvent
from backend.core.db import Database
from backend.devices import service as devices
from backend.devices.assurance import Assurance
from backend.devices.enrolment_code import CodeEnd
from backend.devices.key_state import ActivationEnd, KeyReason, KeyState
from backend.devices.models import ActivationRow, DeviceKey, EnrolmentCode, KeyEvent
from backend.identity.service import AgencyPolicy
from backend.simulator.phone import PhoneRefusedError, PushAddress
from backend.simulator.proof import ProofKey
from tests.support.clocks import START, FrozenClock
from tests.support.devices import (
    Person,
    code_for,
    enrolled_phone,
    fresh_nonce,
    send_signed,
    supervised_person,
)
from tests.support.phones import phone_of

PHONE: dict[str, Any] = {
    "platform": "android",
    "evidence": [],
    "app_version": "1.0.0",
    "os_version": "16",
}


@pytest.fixture
def person(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def code(database: Database, person: Person) -> str:
    with database.transaction() as session:
        return code_for(session, person, now=START)


@pytest.fixture
def challenge(client: FlaskClient, code: str) -> str:
    return challenge_for(client, code)


@pytest.fixture
def key() -> ProofKey:
    return ProofKey()


def challenge_for(client: FlaskClient, code: str) -> str:
    answer = client.post("/v1/enrolments/challenge", json={"code": code})
    assert answer.json is not None
    challenge: str = answer.json["challenge"]
    return challenge


def enrol(
    client: FlaskClient, key: ProofKey, challenge: str | None, **changes: Any
) -> TestResponse:
    members = {name: value for name, value in (PHONE | changes).items() if value is not None}
    return send_signed(client, key, "POST", "/v1/devices", members=members, nonce=challenge)


def code_of(answer: TestResponse) -> str:
    assert answer.json is not None
    code: str = answer.json["code"]
    return code


def reason_of(answer: TestResponse) -> str:
    assert answer.status_code == 401
    assert answer.json is not None
    reason: str = answer.json["reason"]
    return reason


def count_activations(database: Database) -> int:
    with database.snapshot() as session:
        return session.scalar(select(func.count()).select_from(ActivationRow)) or 0


def test_without_a_proof_nothing_is_enrolled(client: FlaskClient, database: Database) -> None:
    answer = client.post("/v1/devices", json=PHONE)

    assert reason_of(answer) == "MISSING"
    assert answer.headers["WWW-Authenticate"] == ('DPoP error="invalid_dpop_proof", algs="ES256"')
    assert count_activations(database) == 0


@pytest.mark.parametrize("nonce", [None, "", "A" * 42, "A" * 43])
def test_what_is_no_challenge_of_ours_is_refused(
    client: FlaskClient, key: ProofKey, nonce: str | None
) -> None:
    assert reason_of(enrol(client, key, nonce)) == "WRONG_CHALLENGE"


def test_a_usual_nonce_enrols_nobody(client: FlaskClient, key: ProofKey) -> None:
    assert reason_of(enrol(client, key, fresh_nonce(client, key))) == "WRONG_CHALLENGE"


def test_a_challenge_is_over_after_five_minutes(
    client: FlaskClient, clock: FrozenClock, challenge: str, key: ProofKey
) -> None:
    clock.step(seconds=300)

    assert reason_of(enrol(client, key, challenge)) == "WRONG_CHALLENGE"


def test_a_challenge_is_good_to_its_last_second(
    client: FlaskClient, clock: FrozenClock, challenge: str, key: ProofKey
) -> None:
    clock.step(seconds=299)

    assert enrol(client, key, challenge).status_code == 201


def test_a_challenge_enrols_one_key(
    client: FlaskClient, database: Database, challenge: str, key: ProofKey
) -> None:
    first = enrol(client, key, challenge)
    second = enrol(client, ProofKey(), challenge)

    assert first.status_code == 201
    assert reason_of(second) == "WRONG_CHALLENGE"
    assert count_activations(database) == 1


def test_the_same_key_asking_again_gets_the_same_answer(
    client: FlaskClient, clock: FrozenClock, database: Database, challenge: str, key: ProofKey
) -> None:
    first = enrol(client, key, challenge)
    clock.step(seconds=100)
    second = enrol(client, key, challenge)
    clock.step(seconds=200)
    third = enrol(client, key, challenge)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json
    assert reason_of(third) == "WRONG_CHALLENGE"
    assert count_activations(database) == 1


def test_a_code_enrols_one_phone(
    client: FlaskClient, database: Database, code: str, key: ProofKey
) -> None:
    one, other = challenge_for(client, code), challenge_for(client, code)
    first = enrol(client, key, one)
    second = enrol(client, ProofKey(), other)

    assert first.status_code == 201
    assert (second.status_code, code_of(second)) == (403, "enrolment-refused")
    assert client.post("/v1/enrolments/challenge", json={"code": code}).status_code == 403
    assert count_activations(database) == 1


def test_a_code_that_was_replaced_meanwhile_enrols_nobody(
    client: FlaskClient, database: Database, person: Person, challenge: str, key: ProofKey
) -> None:
    with database.transaction() as session:
        code_for(session, person, now=START)

    assert code_of(enrol(client, key, challenge)) == "enrolment-refused"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"htm": "PUT"}, "WRONG_METHOD"),
        ({"htu": "https://elsewhere.test/v1/devices"}, "WRONG_URL"),
        ({"htu": "https://connectrex.test/v1/devices/"}, "WRONG_URL"),
        ({"cd": None}, "DIGEST_MISSING"),
        ({"cd": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"}, "WRONG_DIGEST"),
        ({"jti": ""}, "BAD_JTI"),
        ({"iat": True}, "BAD_IAT"),
    ],
)
def test_a_proof_for_another_request_enrols_nobody_and_spends_nothing(
    client: FlaskClient, challenge: str, key: ProofKey, claims: dict[str, Any], reason: str
) -> None:
    refused = send_signed(
        client, key, "POST", "/v1/devices", members=PHONE, nonce=challenge, **claims
    )

    assert reason_of(refused) == reason
    assert enrol(client, key, challenge).status_code == 201


def test_a_proof_whose_signature_is_another_keys_is_refused(
    client: FlaskClient, challenge: str, key: ProofKey
) -> None:
    thief = ProofKey()
    thief.jwk = key.jwk

    assert reason_of(enrol(client, thief, challenge)) == "WRONG_SIGNATURE"


ANDROID_KEY = {"type": "android-key", "x5c": ["AAAA"]}


@pytest.mark.parametrize(
    ("platform", "shown", "reason"),
    [
        ("android", ANDROID_KEY, "NOT_CONFIGURED"),
        (
            "ios",
            {"type": "apple-appattest", "key_id": "AA==", "object": "AA==", "client_data": "{}"},
            "NOT_CONFIGURED",
        ),
        ("android", {"type": "play-integrity", "token": "a.b.c.d.e"}, "NOT_CONFIGURED"),
        ("android", {"type": "my-own-invention", "x5c": ["AAAA"]}, "UNKNOWN_TYPE"),
        ("web", {"type": "webauthn", "anything": {"at": "all"}}, "UNKNOWN_TYPE"),
    ],
)
def test_evidence_that_this_server_cannot_verify_is_refused_by_name(
    client: FlaskClient,
    database: Database,
    challenge: str,
    key: ProofKey,
    platform: str,
    shown: dict[str, Any],
    reason: str,
) -> None:
    answer = enrol(client, key, challenge, platform=platform, evidence=[shown])

    assert (answer.status_code, code_of(answer)) == (422, "evidence-refused")
    assert answer.json is not None
    assert answer.json["errors"][0]["pointer"] == "/evidence/0/type"
    assert (answer.json["evidence"], answer.json["reason"]) == (shown["type"], reason)
    assert shown["type"] in answer.json["detail"]
    assert answer.json["what_to_do"]
    assert count_activations(database) == 0


def test_a_refused_enrolment_spends_the_challenge_and_not_the_code(
    client: FlaskClient, code: str, key: ProofKey
) -> None:
    challenge = challenge_for(client, code)
    enrol(client, key, challenge, evidence=[ANDROID_KEY])

    again = enrol(client, key, challenge)
    anew = enrol(client, key, challenge_for(client, code))

    assert reason_of(again) == "WRONG_CHALLENGE"
    assert anew.status_code == 201


def test_a_refused_enrolment_is_audited(
    client: FlaskClient, database: Database, person: Person, challenge: str, key: ProofKey
) -> None:
    enrol(client, key, challenge, evidence=[ANDROID_KEY])

    with database.snapshot() as session:
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.act == "enrolment.refused")
        ).one()
    assert (event.outcome, event.supervisee_id) == ("failed", person.supervisee_id)


@pytest.mark.parametrize(
    ("platform", "least", "status"),
    [
        ("android", "software", 201),
        ("ios", "software", 201),
        ("web", "software", 201),
        ("web", "web", 201),
        ("android", "web", 403),
        ("ios", "app_attested", 403),
        ("web", "strongbox", 403),
    ],
)
def test_the_agency_names_the_least_level_that_it_admits(
    client: FlaskClient, database: Database, key: ProofKey, platform: str, least: str, status: int
) -> None:
    with database.transaction() as session:
        person = supervised_person(session, now=START, policy=AgencyPolicy(least_assurance=least))
        code = code_for(session, person, now=START)

    answer = enrol(client, key, challenge_for(client, code), platform=platform)

    assert answer.status_code == status
    assert status == 201 or code_of(answer) == "assurance-too-low"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"platform": "symbian"}, "/platform"),
        ({"platform": None}, "/platform"),
        ({"evidence": None}, "/evidence"),
        ({"evidence": [{}]}, "/evidence/0/type"),
        ({"evidence": [{"type": "android-key"}]}, "/evidence/0/x5c"),
        ({"evidence": [{"type": "android-key", "x5c": [1]}]}, "/evidence/0/x5c/0"),
        ({"evidence": [{"type": "android-key", "x5c": ["AA=="] * 65}]}, "/evidence/0/x5c"),
        ({"evidence": [{"type": "play-integrity", "token": "a", "x": 1}]}, "/evidence/0/x"),
        ({"evidence": [{"type": "x"}] * 4}, "/evidence"),
        ({"app_version": "x" * 41}, "/app_version"),
        ({"os_version": ""}, "/os_version"),
        ({"push": {"kind": "smoke", "address": "x"}}, "/push/kind"),
        ({"push": {"kind": "fid", "address": ""}}, "/push/address"),
        ({"push": {"kind": "fid", "address": "x" * 513}}, "/push/address"),
        ({"more": 1}, "/more"),
    ],
)
def test_a_malformed_device_is_refused_at_its_place(
    client: FlaskClient, challenge: str, key: ProofKey, changes: dict[str, Any], pointer: str
) -> None:
    answer = enrol(client, key, challenge, **changes)

    assert answer.status_code == 422
    assert answer.json is not None
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_a_key_of_another_person_is_refused_and_stays_theirs(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    theirs = enrolled_phone(database, client, clock, person)
    with database.transaction() as session:
        other = supervised_person(session, now=START)
        code = code_for(session, other, now=START)

    answer = enrol(client, theirs.key, challenge_for(client, code))

    assert (answer.status_code, code_of(answer)) == (409, "already-exists")
    with database.snapshot() as session:
        context = devices.key_context(session, theirs.jkt)
        assert devices.activation_in_force(session, other.supervisee_id) is None
    assert context is not None
    assert context.supervisee_id == person.supervisee_id


def test_a_key_is_enrolled_once_even_for_its_own_person(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    phone = enrolled_phone(database, client, clock, person)
    with database.transaction() as session:
        code = code_for(session, person, now=START)

    answer = enrol(client, phone.key, challenge_for(client, code))

    assert code_of(answer) == "already-exists"
    assert phone.token()


def test_an_enrolled_phone_knows_itself_and_the_policy(
    client: FlaskClient, challenge: str, key: ProofKey
) -> None:
    answer = enrol(client, key, challenge, platform="web")

    assert answer.status_code == 201
    assert answer.json is not None
    assert answer.json["device"] == key.jkt
    assert answer.json["assurance"] == "web"
    assert answer.json["policy"] == {"max_accuracy_m": 100, "silence_after_s": 900}
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_nonce_of_the_enrolment_is_good_for_the_first_token(
    client: FlaskClient, challenge: str, key: ProofKey
) -> None:
    nonce = enrol(client, key, challenge).headers["DPoP-Nonce"]

    assert send_signed(client, key, "POST", "/v1/token", nonce=nonce).status_code == 200


def test_an_enrolment_is_recorded(
    client: FlaskClient, database: Database, person: Person, challenge: str, key: ProofKey
) -> None:
    enrol(client, key, challenge)

    with database.snapshot() as session:
        activation = devices.activation_in_force(session, person.supervisee_id)
        events = session.scalars(select(KeyEvent)).all()
        audited = session.scalars(
            select(AuditEvent).where(AuditEvent.act == "device.enrolled")
        ).one()
        code = session.scalars(select(EnrolmentCode)).one()
        alerts = session.scalars(select(AlertRow)).all()
    assert activation is not None
    assert [(item.jkt, item.state, item.assurance) for item in activation.keys] == [
        (key.jkt, KeyState.ACTIVE, Assurance.SOFTWARE)
    ]
    assert [(event.state, event.reason) for event in events] == [
        (KeyState.ACTIVE, KeyReason.ENROLLED)
    ]
    assert (audited.supervisee_id, audited.subject_id) == (person.supervisee_id, activation.id)
    assert code.end is CodeEnd.REDEEMED
    assert alerts == []


def test_another_device_ends_the_one_before_and_the_officer_is_told(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    push = PushAddress(kind="fid", address="first-phone")
    first = enrolled_phone(database, client, clock, person, push=push)
    clock.step(days=1)
    second = enrolled_phone(database, client, clock, person)

    with pytest.raises(PhoneRefusedError) as caught:
        first.token()
    assert caught.value.answer.json()["reason"] == "UNKNOWN_KEY"
    assert second.token()
    with database.snapshot() as session:
        ended, in_force = session.scalars(select(ActivationRow).order_by(ActivationRow.id)).all()
        state = session.scalar(select(DeviceKey.state).where(DeviceKey.jkt == first.jkt))
        alert = session.scalars(select(AlertRow)).one()
        pushed_to = devices.push_addresses_of(session, [person.supervisee_id])
    assert (ended.end, ended.ended_at) == (ActivationEnd.SUPERSEDED, in_force.started_at)
    assert in_force.ended_at is None
    assert state is KeyState.SUPERSEDED
    assert (alert.kind.value, alert.source_id) == ("device-re-enrolled", in_force.id)
    assert pushed_to == {}


def test_another_persons_device_is_not_touched(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    with database.transaction() as session:
        other = supervised_person(session, now=START, agency=person.agency)
    theirs = enrolled_phone(database, client, clock, other)
    enrolled_phone(database, client, clock, person)

    assert theirs.token()


def test_a_suspended_phone_is_superseded_too(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    first = enrolled_phone(database, client, clock, person)
    with database.transaction() as session:
        devices.suspend(session, person.officer, first.jkt, reason=KeyReason.LOST, now=START)
    enrolled_phone(database, client, clock, person)

    with database.snapshot() as session:
        state = session.scalar(select(DeviceKey.state).where(DeviceKey.jkt == first.jkt))
    assert state is KeyState.SUPERSEDED


@pytest.mark.parametrize("table", [ActivationRow, DeviceKey])
def test_history_never_moves_from_one_person_to_another(
    client: FlaskClient,
    database: Database,
    clock: FrozenClock,
    person: Person,
    table: type[ActivationRow | DeviceKey],
) -> None:
    enrolled_phone(database, client, clock, person)
    with database.transaction() as session:
        other = supervised_person(session, now=START)

    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.execute(update(table).values(supervisee_id=other.supervisee_id))
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.execute(delete(table))


def test_a_simulated_phone_needs_an_open_code(client: FlaskClient, clock: FrozenClock) -> None:
    phone = phone_of(client, clock)

    with pytest.raises(PhoneRefusedError) as caught:
        phone.enrol("ZZZZZ-ZZZZZ")
    assert caught.value.answer.status == 403
