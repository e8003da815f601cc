"""Check-ins: behind the gate, by the person, at the time; every attempt kept with its level."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.appointments import service
from backend.appointments.check_in_rules import WHAT_TO_DO, CheckInRefusal
from backend.appointments.models import CheckInRow
from backend.appointments.service import Appointment, AppointmentKind, AppointmentTerms
from backend.attestation.web.passkey import RelyingParty
from backend.audit.acts import Act
from backend.core.actor import Actor, ActorKind
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.core.settings import Settings
from backend.devices.authentication import Authentication
from backend.identity.service import AgencyPolicy
from backend.proof.receipt import CheckInReceipt, read_check_in_receipt
from backend.simulator.phone import Phone
from backend.simulator.proof import ProofKey
from backend.simulator.wire import HttpAnswer
from notifications.formats import Language
from tests.support.attestation.authenticator import (
    PARTY,
    PRESENT,
    VERIFIED,
    Authenticator,
    as_sent,
)
from tests.support.attestation.phones import (
    android,
    android_presence,
    attesting,
    give_status_list,
    revoking,
)
from tests.support.audit import acts_kept
from tests.support.clocks import START, FrozenClock
from tests.support.devices import Person, enrolled_phone, supervised_person
from tests.support.identity import bearer_of
from tests.support.location import HOME, at, watched_person
from tests.support.reminders import expects

DUE: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""Three hours after the clock's start: within the four hours in which a check-in is open."""
PASSKEY: Final = Authenticator(counter=1)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return attesting(settings, tmp_path)


@pytest.fixture
def least() -> str:
    """What the agency asks for."""
    return "verified"


@pytest.fixture
def person(database: Database, least: str) -> Person:
    give_status_list(database)
    with database.transaction() as session:
        return supervised_person(session, now=START, policy=AgencyPolicy(least_presence=least))


@pytest.fixture
def expected(database: Database, person: Person) -> Appointment:
    with database.transaction() as session:
        return expects(session, person, DUE, START, kind=AppointmentKind.CHECK_IN)


@pytest.fixture
def phone(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    return enrolled_phone(database, client, clock, person, evidence=android())


@pytest.fixture
def browser(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    browser = enrolled_phone(database, client, clock, person, platform="web")
    register(browser, PASSKEY)
    return browser


@pytest.fixture
def bearer(database: Database, person: Person) -> dict[str, str]:
    with database.transaction() as session:
        return bearer_of(session, person.account, START)


def register(browser: Phone, made: Authenticator) -> None:
    challenge = browser.send("POST", "/v1/device/presence-challenge", {}).json()["challenge"]
    members = {"challenge": challenge, **as_sent(made.registration(challenge))}
    assert browser.send("POST", "/v1/device/passkey", members).status == 201


def opening(phone: Phone, expected: Appointment) -> dict[str, Any]:
    answer = phone.send("POST", f"/v1/me/appointments/{expected.id}/check-in-challenge", {})
    assert answer.status == 200
    said: dict[str, Any] = answer.json()
    return said


def challenge_of(phone: Phone, expected: Appointment) -> str:
    challenge: str = opening(phone, expected)["opening"]["challenge"]
    return challenge


def check_in(phone: Phone, expected: Appointment, **members: Any) -> HttpAnswer:
    return phone.send("POST", f"/v1/me/appointments/{expected.id}/check-in", members)


def by_passkey(
    browser: Phone, expected: Appointment, used: Authenticator, **changes: bytes
) -> HttpAnswer:
    challenge = challenge_of(browser, expected)
    assertion = as_sent(used.assertion(challenge, **changes))
    return check_in(browser, expected, challenge=challenge, assertion=assertion)


def refused(answer: HttpAnswer) -> tuple[str, str | None]:
    said = answer.json()
    assert (answer.status, said["code"]) == (403, "check-in-refused")
    assert said["what_to_do"]
    assert said["contact"]
    return said["refusal"], said.get("reason")


def attempts(database: Database) -> list[CheckInRow]:
    with database.snapshot() as session:
        return list(session.scalars(select(CheckInRow).order_by(CheckInRow.id)))


class TestWhatTheAgencyAsksFor:
    def test_without_presence_it_is_refused_with_what_to_do(
        self, database: Database, phone: Phone, expected: Appointment
    ) -> None:
        answer = phone.check_in(str(expected.id))

        assert refused(answer) == ("presence-missing", None)
        assert answer.json()["least"] == "verified"
        assert Act.CHECK_IN_REFUSED in acts_kept(database)
        assert answer.json()["what_to_do"].startswith("Confirm with your finger")
        [row] = attempts(database)
        assert (str(row.id), row.refusal) == (
            answer.json()["check_in"],
            CheckInRefusal.PRESENCE_MISSING,
        )

    def test_a_key_of_which_nothing_is_shown_is_too_weak(
        self, phone: Phone, expected: Appointment
    ) -> None:
        phone.enrol_presence()

        assert refused(phone.check_in(str(expected.id))) == ("presence-too-weak", None)

    @pytest.mark.parametrize("least", ["device"])
    def test_for_less_it_is_enough(self, phone: Phone, expected: Appointment) -> None:
        assert refused(phone.check_in(str(expected.id))) == ("presence-missing", None)
        phone.enrol_presence()

        answer = phone.check_in(str(expected.id)).json()

        assert (answer["level"], answer["means"]) == ("device", "unattested")

    @pytest.mark.parametrize("least", ["none"])
    def test_an_agency_may_ask_for_nothing_and_what_is_shown_must_hold_all_the_same(
        self, phone: Phone, expected: Appointment
    ) -> None:
        phone.presence = ProofKey()
        assert refused(phone.check_in(str(expected.id))) == ("presence-refused", "NO_PRESENCE_KEY")
        phone.presence = None

        answer = phone.check_in(str(expected.id)).json()

        assert (answer["level"], answer["means"], answer["refusal"]) == ("none", None, None)


class TestByThePresenceKey:
    def test_a_verified_person_checks_in_and_has_a_receipt(
        self, app: Flask, database: Database, phone: Phone, expected: Appointment
    ) -> None:
        phone.enrol_presence(android_presence())

        answer = phone.check_in(str(expected.id))

        said = answer.json()
        assert answer.status == 200
        assert (said["level"], said["means"], said["punctuality"]) == (
            "verified",
            "android-key",
            "on-time",
        )
        keys = app.extensions["connectrex"].part(Authentication).server_keys
        assert read_check_in_receipt(said["receipt"], keys) == CheckInReceipt(
            issuer="https://connectrex.test",
            jkt=phone.jkt,
            check_in=said["id"],
            appointment=str(expected.id),
            received_at=START,
            punctuality="on-time",
            presence="verified",
        )
        assert Act.CHECK_IN_ACCEPTED in acts_kept(database)

    def test_again_it_is_the_same_check_in(
        self, database: Database, phone: Phone, expected: Appointment
    ) -> None:
        phone.enrol_presence(android_presence())
        first = phone.check_in(str(expected.id)).json()

        again = check_in(phone, expected).json()

        assert again == first
        assert len(attempts(database)) == 1

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ({"check_in": "another"}, "NOT_A_SIGNATURE"),
            ({"jkt": "A" * 43}, "NOT_A_SIGNATURE"),
            ({"challenge": "A" * 43}, "NOT_A_SIGNATURE"),
        ],
    )
    def test_a_signature_is_for_this_challenge_this_check_in_and_this_phone(
        self, phone: Phone, expected: Appointment, said: dict[str, str], reason: str
    ) -> None:
        phone.enrol_presence(android_presence())
        assert phone.presence is not None
        challenge = challenge_of(phone, expected)
        good = {"challenge": challenge, "check_in": str(expected.id), "jkt": phone.jkt}

        signature = phone.presence.sign_presence(**(good | said))

        answer = check_in(phone, expected, challenge=challenge, signature=signature)
        assert refused(answer) == ("presence-refused", reason)

    def test_only_the_enrolled_key_signs(self, phone: Phone, expected: Appointment) -> None:
        phone.enrol_presence(android_presence())
        own, stranger = phone.presence, ProofKey()
        assert own is not None
        phone.presence = stranger
        assert refused(phone.check_in(str(expected.id))) == ("presence-refused", "NOT_A_SIGNATURE")
        stranger.jkt = own.jkt

        answer = phone.check_in(str(expected.id))

        assert refused(answer) == ("presence-refused", "SIGNED_BY_ANOTHER_KEY")
        assert "Set up in the app" in answer.json()["what_to_do"]

    @pytest.mark.parametrize("signature", ["", "a.b.c", "x" * 1024])
    def test_what_is_no_signature_is_refused(
        self, phone: Phone, expected: Appointment, signature: str
    ) -> None:
        phone.enrol_presence(android_presence())
        challenge = challenge_of(phone, expected)

        answer = check_in(phone, expected, challenge=challenge, signature=signature)

        assert refused(answer) == ("presence-refused", "NOT_A_SIGNATURE")

    def test_a_key_whose_maker_took_it_back_shows_nothing(
        self, database: Database, clock: FrozenClock, phone: Phone, expected: Appointment
    ) -> None:
        phone.enrol_presence(android_presence())
        now = clock.step(hours=1)
        give_status_list(database, data=revoking("ba7c4"), fetched_at=now)

        answer = phone.check_in(str(expected.id))

        assert refused(answer) == ("presence-refused", "ATTESTATION_REVOKED")

    def test_a_replaced_key_signs_no_more(self, phone: Phone, expected: Appointment) -> None:
        phone.enrol_presence(android_presence())
        old = phone.presence
        phone.enrol_presence(android_presence())
        phone.presence = old

        assert refused(phone.check_in(str(expected.id))) == ("presence-refused", "NOT_A_SIGNATURE")


class TestByPasskey:
    def test_a_verified_user_raises_a_web_check_in(
        self, browser: Phone, expected: Appointment
    ) -> None:
        said = opening(browser, expected)
        options = said["opening"]["public_key"]

        answer = by_passkey(browser, expected, replace(PASSKEY, counter=2))

        assert options["rpId"] == "connectrex.test"
        assert options["userVerification"] == "required"
        assert len(options["allowCredentials"]) == 1
        assert answer.status == 200
        assert (answer.json()["level"], answer.json()["means"]) == ("verified", "passkey")

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"flags": PRESENT}, "USER_NOT_VERIFIED"),
            ({"flags": VERIFIED}, "USER_NOT_PRESENT"),
            ({"said": {"origin": "https://evil.test"}}, "WRONG_ORIGIN"),
            ({"party": RelyingParty(id="evil.test", origin=PARTY.origin)}, "WRONG_RP_ID"),
            ({"said": {"type": "webauthn.create"}}, "WRONG_TYPE"),
            ({"said": {"challenge": "A" * 43}}, "WRONG_CHALLENGE"),
            ({"credential_id": b"somebody else's"}, "WRONG_CREDENTIAL"),
            ({"counter": 1}, "COUNTER_NOT_RISING"),
            ({"counter": 0}, "COUNTER_NOT_RISING"),
            ({"trailing": b"\x01"}, "AUTHENTICATOR_DATA_MALFORMED"),
        ],
    )
    def test_each_defect_is_refused_by_its_name_and_kept(
        self,
        database: Database,
        browser: Phone,
        expected: Appointment,
        changes: dict[str, Any],
        reason: str,
    ) -> None:
        wrong = replace(PASSKEY, **{"counter": 2, **changes})

        answer = by_passkey(browser, expected, wrong)

        assert refused(answer) == ("presence-refused", reason)
        [row] = attempts(database)
        assert (row.reason, row.level.value) == (reason, "none")
        assert row.received

    def test_another_signature_is_refused(self, browser: Phone, expected: Appointment) -> None:
        used = replace(PASSKEY, counter=2)

        answer = by_passkey(browser, expected, used, signature=b"no signature")

        assert refused(answer) == ("presence-refused", "WRONG_SIGNATURE")

    def test_what_is_no_base64url_is_refused(self, browser: Phone, expected: Appointment) -> None:
        challenge = challenge_of(browser, expected)
        assertion = as_sent(PASSKEY.assertion(challenge)) | {"client_data": "===="}

        answer = check_in(browser, expected, challenge=challenge, assertion=assertion)

        assert refused(answer) == ("presence-refused", "NOT_BASE64URL")

    def test_the_counter_goes_on_from_check_in_to_check_in(
        self, database: Database, person: Person, browser: Phone, expected: Appointment
    ) -> None:
        with database.transaction() as session:
            second = expects(session, person, DUE, START, kind=AppointmentKind.CHECK_IN)
        used = replace(PASSKEY, counter=2)
        assert by_passkey(browser, expected, used).status == 200

        answer = by_passkey(browser, second, used)

        assert refused(answer) == ("presence-refused", "COUNTER_NOT_RISING")

    def test_a_phones_signature_does_not_do_for_a_browser(
        self, browser: Phone, expected: Appointment
    ) -> None:
        browser.presence = ProofKey()

        answer = browser.check_in(str(expected.id))

        assert refused(answer) == ("presence-refused", "NO_PRESENCE_KEY")


class TestTheChallenge:
    def test_it_is_used_once_even_when_what_it_brought_was_refused(
        self, phone: Phone, expected: Appointment
    ) -> None:
        phone.enrol_presence(android_presence())
        assert phone.presence is not None
        challenge = challenge_of(phone, expected)
        check_in(phone, expected, challenge=challenge, signature="nonsense")
        signature = phone.presence.sign_presence(challenge, str(expected.id), phone.jkt)

        answer = check_in(phone, expected, challenge=challenge, signature=signature)

        assert refused(answer) == ("presence-refused", "CHALLENGE_NOT_OPEN")

    def test_it_is_over_after_five_minutes(
        self, clock: FrozenClock, phone: Phone, expected: Appointment
    ) -> None:
        phone.enrol_presence(android_presence())
        assert phone.presence is not None
        challenge = challenge_of(phone, expected)
        signature = phone.presence.sign_presence(challenge, str(expected.id), phone.jkt)
        clock.step(seconds=300)

        answer = check_in(phone, expected, challenge=challenge, signature=signature)

        assert refused(answer) == ("presence-refused", "CHALLENGE_NOT_OPEN")

    def test_it_is_for_one_check_in_and_for_no_enrolment(
        self, database: Database, person: Person, phone: Phone, expected: Appointment
    ) -> None:
        phone.enrol_presence(android_presence())
        assert phone.presence is not None
        with database.transaction() as session:
            other = expects(session, person, DUE, START, kind=AppointmentKind.CHECK_IN)
        anothers = challenge_of(phone, other)
        enrolments = phone.send("POST", "/v1/device/presence-challenge", {}).json()["challenge"]

        for challenge in (anothers, enrolments, "A" * 43):
            signature = phone.presence.sign_presence(challenge, str(expected.id), phone.jkt)
            answer = check_in(phone, expected, challenge=challenge, signature=signature)
            assert refused(answer) == ("presence-refused", "CHALLENGE_NOT_OPEN")

    @pytest.mark.parametrize("members", [{"challenge": "x"}, {"signature": "x"}])
    def test_a_challenge_and_its_answer_come_together(
        self, phone: Phone, expected: Appointment, members: dict[str, str]
    ) -> None:
        answer = check_in(phone, expected, **members)

        assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "/challenge")

    def test_two_answers_are_one_too_many(self, phone: Phone, expected: Appointment) -> None:
        assertion = as_sent(PASSKEY.assertion("A" * 43))

        answer = check_in(phone, expected, challenge="x", signature="x", assertion=assertion)

        assert answer.status == 422


@pytest.mark.parametrize("least", ["none"])
class TestTheWindow:
    def test_too_early_is_refused_with_when_it_opens(
        self, database: Database, person: Person, phone: Phone
    ) -> None:
        with database.transaction() as session:
            later = expects(
                session,
                person,
                START + timedelta(hours=4, seconds=1),
                START,
                kind=AppointmentKind.CHECK_IN,
            )

        answer = phone.check_in(str(later.id))

        assert refused(answer) == ("too-early", None)
        assert answer.json()["opens_at"] == "2026-03-02T09:00:01Z"
        said = opening(phone, later)
        assert (said["opens_at"], said["late_from"]) == (
            "2026-03-02T09:00:01Z",
            "2026-03-02T14:00:01Z",
        )

    @pytest.mark.parametrize(
        ("after_s", "punctuality"), [(3599, "on-time"), (3600, "late"), (30 * 86_400, "late")]
    )
    def test_late_is_late_and_not_missed(
        self,
        clock: FrozenClock,
        phone: Phone,
        expected: Appointment,
        after_s: int,
        punctuality: str,
    ) -> None:
        clock.set(DUE + timedelta(seconds=after_s))

        said = phone.check_in(str(expected.id)).json()

        assert (said["punctuality"], said["due_at"]) == (punctuality, "2026-03-02T12:00:00Z")

    def test_what_is_cancelled_is_refused(
        self, database: Database, person: Person, phone: Phone, expected: Appointment
    ) -> None:
        with database.transaction() as session:
            service.cancel_appointment(
                session, person.officer, expected.id, reason="Ill.", now=START
            )

        assert refused(phone.check_in(str(expected.id))) == ("cancelled", None)


@pytest.mark.parametrize("least", ["none"])
class TestWhose:
    def test_a_hearing_is_in_person(self, database: Database, person: Person, phone: Phone) -> None:
        with database.transaction() as session:
            hearing = expects(session, person, DUE, START)

        answer = phone.check_in(str(hearing.id))

        assert (answer.status, answer.json()["code"]) == (409, "illegal-transition")

    def test_another_persons_and_what_is_missing_look_alike(
        self,
        client: FlaskClient,
        database: Database,
        clock: FrozenClock,
        person: Person,
        expected: Appointment,
    ) -> None:
        with database.transaction() as session:
            other = supervised_person(session, now=START, agency=person.agency)
        phone = enrolled_phone(database, client, clock, other)
        missing = replace(expected, id=person.supervisee_id)

        for each in (expected, missing):
            assert check_in(phone, each).status == 404
            path = f"/v1/me/appointments/{each.id}/check-in-challenge"
            assert phone.send("POST", path, {}).status == 404
        assert attempts(database) == []

    def test_officers_do_not_check_in(self, database: Database, person: Person) -> None:
        with pytest.raises(Problem) as refusal, database.snapshot() as session:
            service.my_check_ins(session, person.officer, Cursor())
        assert refusal.value.code is Code.FORBIDDEN

    def test_once_checked_in_the_appointment_stays_and_reminds_no_more(
        self, database: Database, person: Person, phone: Phone, expected: Appointment
    ) -> None:
        theirs, day = [person.supervisee_id], timedelta(days=1)
        with database.snapshot() as session:
            assert service.due_appointments(session, START, DUE + day, supervisee_ids=theirs)

        phone.check_in(str(expected.id))

        with database.snapshot() as session:
            due = service.due_appointments(session, START, DUE + day, supervisee_ids=theirs)
        assert due == []
        with pytest.raises(Problem) as refusal, database.transaction() as session:
            terms = AppointmentTerms(starts_at=DUE + day)
            service.change_appointment(session, person.officer, expected.id, terms, now=START)
        assert refusal.value.code is Code.ILLEGAL_TRANSITION


class TestTheLog:
    def test_person_and_officer_see_every_attempt_with_level_and_time(
        self,
        client: FlaskClient,
        clock: FrozenClock,
        person: Person,
        phone: Phone,
        expected: Appointment,
        bearer: dict[str, str],
    ) -> None:
        phone.check_in(str(expected.id))
        clock.step(minutes=1)
        phone.enrol_presence(android_presence())
        phone.check_in(str(expected.id))

        mine = phone.get("/v1/me/check-ins").json()
        theirs = client.get(f"/v1/supervisees/{person.supervisee_id}/check-ins", headers=bearer)

        assert theirs.json == mine
        seen = [(one["refusal"], one["level"], one["at"]) for one in mine["items"]]
        assert seen == [
            (None, "verified", "2026-03-02T09:01:00Z"),
            ("presence-missing", "none", "2026-03-02T09:00:00Z"),
        ]

    def test_without_the_permission_it_is_forbidden_and_of_others_not_found(
        self, database: Database, person: Person
    ) -> None:
        with database.transaction() as session:
            stranger = supervised_person(session, now=START).officer
        blind = replace(person.officer, permissions=frozenset())
        for actor, code in ((stranger, Code.NOT_FOUND), (blind, Code.FORBIDDEN)):
            with pytest.raises(Problem) as refusal, database.snapshot() as session:
                service.check_ins(session, actor, person.supervisee_id, Cursor())
            assert refusal.value.code is code

    def test_one_reads_ones_own_alone(
        self, database: Database, phone: Phone, person: Person
    ) -> None:
        with database.transaction() as session:
            other = supervised_person(session, now=START, agency=person.agency)
        me = Actor(kind=ActorKind.SUPERVISEE, id=other.supervisee_id, agency_id=person.agency.id)

        with database.snapshot() as session:
            assert service.my_check_ins(session, me, Cursor()).items == []
        assert phone.get("/v1/me/check-ins").json() == {"items": [], "next": None}


def test_the_gate_stands_before_a_check_in(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    watched = watched_person(app, database, clock)
    with database.transaction() as session:
        made = service.make_appointment(
            session,
            watched.case.officer,
            watched.case.supervisee_id,
            AppointmentKind.CHECK_IN,
            AppointmentTerms(starts_at=DUE),
            now=START,
        )

    watched.phone.presence = ProofKey()
    assert watched.phone.check_in(str(made.id)).json()["code"] == "location-refused"
    watched.phone.presence = None
    nowhere = watched.phone.check_in(str(made.id))
    watched.phone.take_fix(at(HOME))
    here = watched.phone.check_in(str(made.id))

    assert (nowhere.status, nowhere.json()["code"]) == (403, "location-refused")
    assert {refusal.route for refusal in watched.refusals()} == {
        "/v1/me/appointments/<uuid:appointment_id>/check-in",
        "/v1/me/appointments/<uuid:appointment_id>/check-in-challenge",
    }
    assert (here.status, here.json()["fix_seq"]) == (200, 1)
    assert len(attempts(database)) == 1


def test_every_refusal_is_explained_in_both_languages() -> None:
    for language in Language:
        elsewhere = {CheckInRefusal.PRESENCE_REFUSED}
        assert WHAT_TO_DO[language].keys() == set(CheckInRefusal) - elsewhere
