"""A phone shows what its hardware says of its key, over HTTP, and gets the level that it proved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from backend.alerts.models import AlertRow
from backend.attestation.play_integrity.refusal import PlayIntegrityRefusal
from backend.attestation.trust import read_roots
from backend.audit.models import AuditEvent
from backend.core.db import Database, Session
from backend.core.settings import Settings
from backend.devices import service as devices
from backend.devices.assurance import Assurance
from backend.devices.enrolment_advice import WORDS, Remedy, remedy_for
from backend.devices.models import AppAttestKey, DeviceEvidence, DeviceKey
from backend.devices.verification import EvidenceFault
from backend.identity.service import AgencyPolicy
from backend.identity.tokens import open_session
from backend.location.models import Fix
from backend.simulator.phone import EvidenceMaker, Phone, PhoneRefusedError
from backend.simulator.proof import ProofKey
from notifications.formats import Language
from tests.support.attestation.android_ca import Statement, root_of_trust
from tests.support.attestation.apple_ca import APP_ID
from tests.support.attestation.der_writer import integer
from tests.support.attestation.phones import (
    IPhone,
    android,
    android_key,
    attesting,
    changed,
    decoded,
    give_status_list,
    remote,
    revoking,
    strongbox,
    with_play,
)
from tests.support.attestation.x509_writer import new_key
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import Case, circle, impose_curfew, open_case, order_for
from tests.support.devices import CODE_KEY, Person, enrolled_phone, supervised_person
from tests.support.identity import bearer_of
from tests.support.location import HOME, at
from tests.support.phones import phone_of


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return attesting(settings, tmp_path)


@pytest.fixture
def person(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def status_list(database: Database) -> None:
    give_status_list(database)


def refused(
    database: Database,
    client: FlaskClient,
    clock: FrozenClock,
    person: Person,
    maker: EvidenceMaker,
    *,
    platform: str = "android",
) -> tuple[int, Mapping[str, Any]]:
    """The answer to a phone that is not enrolled."""
    with pytest.raises(PhoneRefusedError) as caught:
        enrolled_phone(database, client, clock, person, platform=platform, evidence=maker)
    return caught.value.answer.status, caught.value.answer.json()


def rows(database: Database) -> list[DeviceEvidence]:
    with database.snapshot() as session:
        return list(session.scalars(select(DeviceEvidence).order_by(DeviceEvidence.id)))


def level(database: Database, phone: Phone) -> Assurance:
    with database.snapshot() as session:
        return session.scalars(select(DeviceKey.assurance).where(DeviceKey.jkt == phone.jkt)).one()


# What is refused


@pytest.mark.parametrize(
    ("maker", "reason", "remedy"),
    [
        (changed(android(), lambda it: it.update(x5c=[])), "TOO_FEW_CERTIFICATES", "UPDATE_APP"),
        (
            changed(android(), lambda it: it.update(x5c=it["x5c"][:1] * 6 + it["x5c"][1:])),
            "TOO_MANY_CERTIFICATES",
            "UPDATE_APP",
        ),
        (
            changed(android(), lambda it: it["x5c"].__setitem__(0, "A" * 700_000)),
            "CERTIFICATE_TOO_LARGE",
            "UPDATE_APP",
        ),
        (changed(android(), lambda it: it["x5c"].__setitem__(0, "?")), "NOT_BASE64", "UPDATE_APP"),
        (
            changed(android(), lambda it: it["x5c"].__setitem__(0, it["x5c"][0][:400])),
            "UNSUPPORTED_CERTIFICATE",
            "ANOTHER_PHONE",
        ),
        (changed(android(), lambda it: it["x5c"].pop()), "UNTRUSTED_ROOT", "ANOTHER_PHONE"),
        (
            lambda _challenge, key: [android_key(bytes(32), key._key)],
            "WRONG_CHALLENGE",
            "TRY_AGAIN",
        ),
        (
            lambda challenge, _key: [android_key(decoded(challenge), new_key())],
            "WRONG_KEY",
            "TRY_AGAIN",
        ),
        (android(statement=Statement(kept_by=0)), "KEY_IN_SOFTWARE", "ANOTHER_PHONE"),
        (
            android(statement=Statement().enforcing({702: integer(2)})),
            "NOT_GENERATED_IN_HARDWARE",
            "ANOTHER_PHONE",
        ),
        (
            android(statement=Statement().enforcing({704: root_of_trust(locked=False)})),
            "BOOTLOADER_UNLOCKED",
            "RESTORE_PHONE",
        ),
        (
            android(statement=Statement().saying({709: None})),
            "APPLICATION_MISSING",
            "GENUINE_APP",
        ),
    ],
)
@pytest.mark.usefixtures("status_list")
def test_a_chain_with_a_defect_is_refused_with_its_reason_and_what_to_do(
    client: FlaskClient,
    database: Database,
    clock: FrozenClock,
    person: Person,
    maker: EvidenceMaker,
    reason: str,
    remedy: str,
) -> None:
    status, problem = refused(database, client, clock, person, maker)

    assert (status, problem["code"]) == (422, "evidence-refused")
    assert (problem["evidence"], problem["reason"]) == ("android-key", reason)
    assert problem["errors"][0]["pointer"] == "/evidence/0/x5c"
    assert problem["what_to_do"] == WORDS[Language.ENGLISH][Remedy[remedy]]
    assert rows(database) == []


@pytest.mark.usefixtures("status_list")
def test_a_refusal_is_recorded_with_its_reason(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    refused(database, client, clock, person, android(statement=Statement(kept_by=0)))

    with database.snapshot() as session:
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.act == "enrolment.refused")
        ).one()
    assert json.loads(event.details) == {
        "code": "evidence-refused",
        "evidence": "android-key",
        "reason": "KEY_IN_SOFTWARE",
    }


@pytest.mark.usefixtures("status_list")
def test_a_person_reads_what_to_do_in_their_language(
    client: FlaskClient, database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        policy = AgencyPolicy(default_language=Language.SPANISH)
        person = supervised_person(session, now=START, policy=policy)

    _, problem = refused(database, client, clock, person, android(statement=Statement(kept_by=0)))

    assert problem["what_to_do"] == WORDS[Language.SPANISH][Remedy.ANOTHER_PHONE]


def test_without_a_list_of_revoked_keys_no_android_key_is_believed(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    status, problem = refused(database, client, clock, person, android())

    assert (status, problem["code"]) == (503, "evidence-uncheckable")
    assert problem["reason"] == "STATUS_LIST_MISSING"
    assert problem["what_to_do"] == WORDS[Language.ENGLISH][Remedy.TRY_LATER]


def test_a_list_older_than_48_hours_admits_nobody_and_ends_nobody(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    give_status_list(database)
    phone = enrolled_phone(database, client, clock, person, evidence=android())
    clock.step(hours=48)
    clock.step(seconds=1)
    with database.transaction() as session:
        newcomer = supervised_person(session, now=clock.now())

    status, problem = refused(database, client, clock, newcomer, android())

    assert (status, problem["reason"]) == (503, "STATUS_LIST_STALE")
    assert phone.token()
    give_status_list(database, fetched_at=clock.now())
    assert enrolled_phone(database, client, clock, newcomer, evidence=android())


@pytest.mark.parametrize("serial", ["ba7c4", str(0xBA7C4)])
def test_a_revoked_key_is_refused_in_hex_and_in_decimal(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person, serial: str
) -> None:
    give_status_list(database, data=revoking(serial))

    _, problem = refused(database, client, clock, person, android())

    assert problem["reason"] == "REVOKED"


@pytest.mark.usefixtures("status_list")
@pytest.mark.parametrize(
    ("maker", "platform", "pointer", "reason"),
    [
        (IPhone(), "android", "/evidence/0/type", "WRONG_PLATFORM"),
        (android(), "ios", "/evidence/0/type", "WRONG_PLATFORM"),
        (android(), "web", "/evidence/0/type", "WRONG_PLATFORM"),
        (
            lambda challenge, key: [*android()(challenge, key)] * 2,
            "android",
            "/evidence/1/type",
            "SHOWN_TWICE",
        ),
        (
            changed(IPhone(), lambda it: it.update(key_id="!")),
            "ios",
            "/evidence/0/key_id",
            "NOT_BASE64",
        ),
        (
            changed(IPhone(), lambda it: it.update(object="a=a")),
            "ios",
            "/evidence/0/object",
            "NOT_BASE64",
        ),
        (
            changed(IPhone(), lambda it: it.update(client_data='{"challenge":"","jkt":""}')),
            "ios",
            "/evidence/0/object",
            "WRONG_CHALLENGE",
        ),
        (
            IPhone(changes={"aaguid": b"appattestdevelop"}),
            "ios",
            "/evidence/0/object",
            "WRONG_ENVIRONMENT",
        ),
        (IPhone(changes={"counter": 1}), "ios", "/evidence/0/object", "COUNTER_NOT_ZERO"),
        (
            IPhone(receipt={"signed_by": new_key()}),
            "ios",
            "/evidence/0/object",
            "WRONG_RECEIPT_SIGNATURE",
        ),
        (
            with_play(android(), made_at=START - timedelta(hours=1)),
            "android",
            "/evidence/1/token",
            "TOO_OLD",
        ),
        (with_play(android(), nonce="another"), "android", "/evidence/1/token", "WRONG_NONCE"),
    ],
)
def test_evidence_is_refused_at_its_place(
    client: FlaskClient,
    database: Database,
    clock: FrozenClock,
    person: Person,
    maker: EvidenceMaker,
    platform: str,
    pointer: str,
    reason: str,
) -> None:
    status, problem = refused(database, client, clock, person, maker, platform=platform)

    assert status == 422
    assert (problem["reason"], problem["errors"][0]["pointer"]) == (reason, pointer)


def test_an_app_attest_key_vouches_for_one_phone_only(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    iphone = IPhone()
    enrolled_phone(database, client, clock, person, platform="ios", evidence=iphone)
    with database.transaction() as session:
        other = supervised_person(session, now=START)

    _, problem = refused(database, client, clock, other, iphone, platform="ios")

    assert problem["reason"] == EvidenceFault.APP_KEY_ENROLLED_BEFORE.name
    assert problem["errors"][0]["pointer"] == "/evidence/0/key_id"


# The level


@pytest.mark.usefixtures("status_list")
@pytest.mark.parametrize(
    ("maker", "platform", "expected"),
    [
        (android(), "android", Assurance.HARDWARE_FACTORY),
        (remote(), "android", Assurance.HARDWARE_RKP),
        (strongbox(), "android", Assurance.STRONGBOX),
        (IPhone(), "ios", Assurance.APP_ATTESTED),
        (lambda _challenge, _key: [], "android", Assurance.SOFTWARE),
        (
            with_play(lambda _challenge, _key: []),
            "android",
            Assurance.SOFTWARE,
        ),
        (with_play(android()), "android", Assurance.HARDWARE_FACTORY),
    ],
)
def test_a_phone_has_the_level_that_it_proved(
    client: FlaskClient,
    database: Database,
    clock: FrozenClock,
    person: Person,
    maker: EvidenceMaker,
    platform: str,
    expected: Assurance,
) -> None:
    phone = enrolled_phone(database, client, clock, person, platform=platform, evidence=maker)

    assert level(database, phone) is expected


@pytest.mark.usefixtures("status_list")
@pytest.mark.parametrize(
    ("maker", "least", "admitted"),
    [
        (android(), "hardware_factory", True),
        (android(), "hardware_rkp", False),
        (remote(), "hardware_rkp", True),
        (remote(), "strongbox", False),
        (strongbox(), "strongbox", True),
        (with_play(lambda _challenge, _key: []), "web", False),
    ],
)
def test_below_the_agencys_policy_a_phone_is_told_what_to_do(
    client: FlaskClient,
    database: Database,
    clock: FrozenClock,
    maker: EvidenceMaker,
    least: str,
    admitted: bool,
) -> None:
    with database.transaction() as session:
        person = supervised_person(session, now=START, policy=AgencyPolicy(least_assurance=least))

    if admitted:
        assert enrolled_phone(database, client, clock, person, evidence=maker)
        return
    status, problem = refused(database, client, clock, person, maker)

    assert (status, problem["code"]) == (403, "assurance-too-low")
    assert least in problem["detail"]
    assert problem["what_to_do"] == WORDS[Language.ENGLISH][Remedy.ANOTHER_PHONE]


@pytest.mark.usefixtures("status_list")
def test_every_fix_keeps_the_level_of_its_key_and_officers_see_it(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        case = open_case(session, now=START)
        order = order_for(session, case, now=START)
        impose_curfew(session, case, order, now=START, zone=circle(*HOME, 150.0))
        issued = devices.issue_code(
            session, case.officer, case.supervisee_id, code_key=CODE_KEY, now=START
        )
        headers = {"Authorization": f"Bearer {secret_of(session, case)}"}
    client = app.test_client()
    phone = phone_of(client, clock, evidence=strongbox())
    phone.enrol(issued.code)

    assert phone.send_fix(at(HOME)).status == 200
    with database.snapshot() as session:
        assert session.scalars(select(Fix.assurance)).all() == ["strongbox"]
    path = f"/v1/supervisees/{case.supervisee_id}"
    period = {"since": "2026-03-02T08:00:00Z", "until": "2026-03-02T10:00:00Z"}
    fixes = client.get(f"{path}/fixes", query_string=period, headers=headers).json
    found = client.get(f"{path}/devices", headers=headers).json
    assert fixes is not None
    assert [fix["assurance"] for fix in fixes["items"]] == ["strongbox"]
    assert found is not None
    assert found["items"][0]["keys"][0]["assurance"] == "strongbox"


def secret_of(session: Session, case: Case) -> str:
    """A fresh session of the supervisor."""
    assert case.supervisor.id is not None
    return open_session(session, case.supervisor.id, now=START).secret


# What is kept


@pytest.mark.usefixtures("status_list")
def test_evidence_verdict_and_versions_are_kept_and_shown_to_officers(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person, settings: Settings
) -> None:
    phone = enrolled_phone(database, client, clock, person, evidence=android())

    (row,) = rows(database)
    assert json.loads(row.received)["type"] == "android-key"
    assert len(json.loads(row.received)["x5c"]) == 4
    assert row.serials == ["1", "ba7c4", "fac7", "f00d"]
    assert settings.attestation_roots is not None
    assert row.roots_version == read_roots(settings.attestation_roots.read_bytes()).version
    with database.transaction() as session:
        headers = bearer_of(session, person.account, clock.now())
    answer = client.get(f"/v1/devices/{phone.jkt}/evidence", headers=headers)
    assert answer.status_code == 200
    assert answer.json is not None
    (shown,) = answer.json["items"]
    assert shown["type"] == "android-key"
    assert shown["status_list_version"] == row.status_list_version
    assert len(shown["status_list_version"]) == 64
    assert shown["verdict"] == {
        "security_level": "trusted_environment",
        "provisioning": "factory",
        "attestation_version": 400,
        "package": "test.connectrex.phone",
        "os_version": 160_000,
        "os_patch": 202_602,
        "vendor_patch": 20_260_205,
        "boot_patch": 20_260_205,
        "attestation_key": row.batch_key.hex() if row.batch_key else None,
    }


def test_an_iphones_receipt_is_read_and_its_counter_kept(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    iphone = IPhone(receipt={})
    phone = enrolled_phone(database, client, clock, person, platform="ios", evidence=iphone)

    (row,) = rows(database)
    assert row.verdict["app_id"] == APP_ID
    assert row.verdict["environment"] == "production"
    assert row.verdict["receipt"] == {
        "kind": "ATTEST",
        "created_at": "2026-03-02T08:59:56Z",
        "risk_metric": None,
        "not_before": None,
        "expires_at": "2026-05-31T08:59:56Z",
    }
    assert (row.serials, row.batch_key, row.status_list_version) == (None, None, None)
    with database.snapshot() as session:
        kept = session.get_one(AppAttestKey, phone.jkt)
        assert (kept.counter, kept.asserted_at) == (0, None)


@pytest.mark.usefixtures("status_list")
def test_evidence_never_changes(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    enrolled_phone(database, client, clock, person, evidence=android())

    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.execute(update(DeviceEvidence).values(received="{}"))


@pytest.mark.usefixtures("status_list")
def test_an_officer_of_another_agency_sees_no_evidence(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    phone = enrolled_phone(database, client, clock, person, evidence=android())
    with database.transaction() as session:
        stranger = supervised_person(session, now=START)
        headers = bearer_of(session, stranger.account, clock.now())

    for jkt in (phone.jkt, ProofKey().jkt, "." * 43):
        assert client.get(f"/v1/devices/{jkt}/evidence", headers=headers).status_code == 404


@pytest.mark.usefixtures("status_list")
def test_a_repeated_enrolment_keeps_its_evidence_once(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    phone = enrolled_phone(database, client, clock, person, evidence=android())

    assert phone.resend().status == 201
    assert len(rows(database)) == 1


# Signals


def alerts(database: Database) -> list[AlertRow]:
    with database.snapshot() as session:
        return list(session.scalars(select(AlertRow).order_by(AlertRow.id)))


@pytest.mark.usefixtures("status_list")
def test_many_people_under_one_factory_key_are_told_of_from_the_agencys_number_on(
    client: FlaskClient, database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        first = supervised_person(session, now=START, policy=AgencyPolicy(batch_key_people=2))
        second = supervised_person(session, now=START, agency=first.agency)
        elsewhere = supervised_person(session, now=START)
    enrolled_phone(database, client, clock, first, evidence=android())
    enrolled_phone(database, client, clock, elsewhere, evidence=android())
    before = alerts(database)
    enrolled_phone(database, client, clock, second, evidence=android())

    assert before == []
    (alert,) = alerts(database)
    assert (alert.kind.value, alert.severity.value) == ("device-doubtful", "warning")
    assert alert.supervisee_id == second.supervisee_id
    assert alert.explanation["people"] == 2
    assert "2 personas" in alert.sentence_es


@pytest.mark.usefixtures("status_list")
def test_the_same_person_again_and_remote_keys_are_no_crowd(
    client: FlaskClient, database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        first = supervised_person(session, now=START, policy=AgencyPolicy(batch_key_people=2))
        second = supervised_person(session, now=START, agency=first.agency)
    enrolled_phone(database, client, clock, first, evidence=android())
    enrolled_phone(database, client, clock, first, evidence=android())
    enrolled_phone(database, client, clock, second, evidence=remote())

    assert {alert.kind.value for alert in alerts(database)} == {"device-re-enrolled"}


@pytest.mark.usefixtures("status_list")
def test_what_google_play_does_not_confirm_is_a_signal_and_changes_no_level(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    unsure = {"deviceRecognitionVerdict": ["MEETS_BASIC_INTEGRITY"]}
    phone = enrolled_phone(
        database, client, clock, person, evidence=with_play(android(), device=unsure)
    )

    (alert,) = alerts(database)
    assert alert.kind.value == "device-doubtful"
    assert alert.explanation["contradictions"] == ["device-not-genuine"]
    assert level(database, phone) is Assurance.HARDWARE_FACTORY
    verdicts = {row.type.value: row.verdict for row in rows(database)}
    assert verdicts["play-integrity"]["contradictions"] == ["device-not-genuine"]
    assert verdicts["play-integrity"]["device"] == ["MEETS_BASIC_INTEGRITY"]


@pytest.mark.usefixtures("status_list")
def test_play_integrity_that_confirms_or_stands_alone_is_no_signal(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    unsure: dict[str, list[str]] = {"deviceRecognitionVerdict": []}
    enrolled_phone(database, client, clock, person, evidence=with_play(android()))
    alone = with_play(lambda _challenge, _key: [], device=unsure)
    enrolled_phone(database, client, clock, person, evidence=alone)

    assert {alert.kind.value for alert in alerts(database)} == {"device-re-enrolled"}


# Words


def test_every_remedy_is_said_in_every_language() -> None:
    for language in Language:
        assert set(WORDS[language]) == set(Remedy)
        assert len(set(WORDS[language].values())) == len(Remedy)


def test_what_nothing_else_explains_is_the_apps_fault() -> None:
    assert remedy_for(PlayIntegrityRefusal.WRONG_SHAPE) is Remedy.UPDATE_APP
