"""Presence keys and passkeys enrolled: what is shown must hold, and one takes another's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.alerts.kinds import AlertKind
from backend.alerts.models import AlertRow
from backend.attestation.web.refusal import WebRefusal
from backend.audit.acts import Act
from backend.audit.models import AuditEvent
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.core.settings import Settings
from backend.devices import service as devices
from backend.devices.codes import OPEN_CHALLENGES
from backend.devices.key_state import KeyReason
from backend.devices.models import PresenceChallenge, PresenceKey
from backend.devices.presence_fault import PresenceFault
from backend.devices.presence_level import Presence, PresenceEnd, PresenceMeans
from backend.simulator.phone import (
    EvidenceMaker,
    Phone,
    PhoneRefusedError,
    PresenceMaker,
    no_evidence,
    nothing_shown,
)
from backend.simulator.proof import ProofKey
from backend.simulator.wire import HttpAnswer
from tests.support.attestation.android_ca import BATCH
from tests.support.attestation.authenticator import PRESENT, Authenticator, as_sent
from tests.support.attestation.der_writer import integer
from tests.support.attestation.phones import (
    ABOVE_FACTORY_KEY,
    ABOVE_REMOTE_KEY,
    VERIFYING,
    IPhone,
    android,
    android_presence,
    attesting,
    give_status_list,
    iphone_presence,
    remote,
    strongbox,
)
from tests.support.attestation.x509_writer import Link, new_key
from tests.support.audit import acts_kept
from tests.support.clocks import START, FrozenClock
from tests.support.devices import Person, enrolled_phone, supervised_person
from tests.support.identity import bearer_of
from tests.support.phones import phone_of

IPHONE = IPhone()


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return attesting(settings, tmp_path)


@pytest.fixture
def person(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def phone(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    give_status_list(database)
    return enrolled_phone(database, client, clock, person, evidence=android())


@pytest.fixture
def iphone(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    return enrolled_phone(database, client, clock, person, platform="ios", evidence=IPHONE)


@pytest.fixture
def browser(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    return enrolled_phone(database, client, clock, person, platform="web")


def challenge_of(phone: Phone) -> str:
    challenge: str = phone.send("POST", "/v1/device/presence-challenge", {}).json()["challenge"]
    return challenge


def offered(phone: Phone, **changes: Any) -> HttpAnswer:
    """Offer a presence key of which nothing is shown, right in everything but `changes`."""
    key, challenge = changes.pop("signer", ProofKey()), changes.pop("challenge", None)
    challenge = challenge or challenge_of(phone)
    members = {"challenge": challenge, "key": key.offer_presence(challenge, phone.jkt), **changes}
    return phone.send("POST", "/v1/device/presence-key", members)


def passkey(phone: Phone, made: Authenticator, **changes: Any) -> HttpAnswer:
    challenge = challenge_of(phone)
    members = {"challenge": challenge, **as_sent(made.registration(challenge)), **changes}
    return phone.send("POST", "/v1/device/passkey", members)


def refused(answer: HttpAnswer) -> tuple[int, str, str]:
    said = answer.json()
    assert said["what_to_do"]
    return answer.status, said["reason"], said["errors"][0]["pointer"]


def kept(database: Database) -> list[PresenceKey]:
    with database.snapshot() as session:
        rows = session.scalars(select(PresenceKey)).all()
    return sorted(rows, key=lambda row: (row.ended_at is None, row.enrolled_at))


def refusal_of(phone: Phone, shown: PresenceMaker) -> tuple[int, str, str]:
    with pytest.raises(PhoneRefusedError) as found:
        phone.enrol_presence(shown)
    return refused(found.value.answer)


@pytest.mark.parametrize(
    ("enforced", "reason"),
    [
        ({}, "USER_AUTH_NOT_REQUIRED"),
        ({**VERIFYING, 505: integer(3600)}, "AUTH_TIMEOUT_TOO_LONG"),
        ({**VERIFYING, 702: integer(2)}, "NOT_GENERATED_IN_HARDWARE"),
    ],
)
def test_an_android_key_that_needs_no_verified_user_is_refused_by_name(
    database: Database, phone: Phone, enforced: dict[int, bytes | None], reason: str
) -> None:
    shown = android_presence(enforced=enforced)

    assert refusal_of(phone, shown) == (422, reason, "/x5c")
    assert kept(database) == []
    with database.snapshot() as session:
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.act == "presence-key.refused")
        ).one()
    assert reason in str(event.details)


def test_an_android_chain_is_for_this_challenge_and_this_key(phone: Phone) -> None:
    def another_key(challenge: str, key: ProofKey, _presence: ProofKey) -> Any:
        return android_presence()(challenge, key, ProofKey())

    def another_challenge(_challenge: str, key: ProofKey, presence: ProofKey) -> Any:
        return android_presence()("A" * 43, key, presence)

    assert refusal_of(phone, another_key) == (422, "WRONG_KEY", "/x5c")
    assert refusal_of(phone, another_challenge) == (422, "WRONG_CHALLENGE", "/x5c")


def test_without_a_fresh_list_an_android_key_cannot_be_checked(
    phone: Phone, clock: FrozenClock
) -> None:
    clock.step(hours=49)

    assert refusal_of(phone, android_presence()) == (503, "STATUS_LIST_STALE", "/x5c")


def test_an_android_key_that_its_user_opens_shows_a_verified_person(
    client: FlaskClient, database: Database, person: Person, phone: Phone
) -> None:
    answer = phone.enrol_presence(android_presence())

    said = answer.json()
    assert (said["means"], said["level"]) == ("android-key", "verified")
    assert said["verdict"]["user_auth_type"] == 3
    with database.transaction() as session:
        bearer = bearer_of(session, person.account, START)
    shown = client.get(f"/v1/supervisees/{person.supervisee_id}/presence-keys", headers=bearer)
    assert shown.json == {"items": [said], "next": None}
    (row,) = kept(database)
    assert row.serials
    assert row.status_list_version
    assert row.roots_version


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"access_control": "none"}, "USER_VERIFICATION_NOT_REQUIRED"),
        ({"presence_jkt": "A" * 43}, "WRONG_PRESENCE_KEY"),
        ({"challenge": "A" * 43}, "WRONG_CHALLENGE"),
    ],
)
def test_what_the_genuine_app_does_not_vouch_for_is_refused(
    iphone: Phone, changes: dict[str, str], reason: str
) -> None:
    shown = iphone_presence(IPHONE, counter=1, **changes)

    with pytest.raises(PhoneRefusedError) as found:
        iphone.enrol_presence(shown)

    assert refused(found.value.answer) == (422, reason, "/app_assertion")
    assert found.value.answer.json()["evidence"] == "apple-appattest"


def test_the_app_key_that_vouches_is_the_enrolled_one_and_counts(iphone: Phone) -> None:
    another = IPhone(key=new_key())
    assert refusal_of(iphone, iphone_presence(another, counter=1))[1] == "WRONG_SIGNATURE"

    answer = iphone.enrol_presence(iphone_presence(IPHONE, counter=1))

    said = answer.json()
    assert (said["means"], said["level"]) == ("apple-assertion", "verified")
    assert said["verdict"] == {"access_control": "biometryCurrentSet", "counter": 1}
    assert refusal_of(iphone, iphone_presence(IPHONE, counter=1))[1] == "COUNTER_NOT_RISING"


def test_an_iphone_that_no_app_vouches_for_cannot_vouch(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    bare = enrolled_phone(database, client, clock, person, platform="ios")

    assert refusal_of(bare, iphone_presence(IPHONE, counter=1))[1] == "NO_APP_KEY"


def test_an_android_phone_has_no_app_assertions(phone: Phone) -> None:
    shown = iphone_presence(IPHONE, counter=1)

    assert refusal_of(phone, shown) == (422, "NOT_ON_THIS_PLATFORM", "/app_assertion")


def test_two_witnesses_for_one_key_are_refused(phone: Phone) -> None:
    said = {"assertion": "", "client_data": ""}

    answer = offered(phone, x5c=[], app_assertion=said)

    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "/app_assertion")


def test_a_key_of_which_nothing_is_shown_shows_less(phone: Phone) -> None:
    said = phone.enrol_presence(nothing_shown).json()

    assert (said["means"], said["level"], said["verdict"]) == ("unattested", "device", {})


def test_a_key_says_itself_whose_it_is(phone: Phone) -> None:
    challenge = challenge_of(phone)
    for word in ("", "a.b.c", ProofKey().offer_presence(challenge, "A" * 43)):
        answer = offered(phone, key=word)
        assert refused(answer) == (422, "NOT_A_PRESENCE_KEY", "/key")
    tampered = ProofKey().offer_presence(challenge, phone.jkt)[:-4] + "AAAA"

    assert refused(offered(phone, challenge=challenge, key=tampered))[1] == "NOT_A_PRESENCE_KEY"


def test_a_key_that_is_no_point_of_the_curve_is_refused(phone: Phone) -> None:
    challenge, key = challenge_of(phone), ProofKey()
    key.jwk = {**key.jwk, "y": key.jwk["x"]}
    off_the_curve = key.offer_presence(challenge, phone.jkt)
    key.jwk = {"kty": "EC"}
    no_key = key.offer_presence(challenge, phone.jkt)

    assert refused(offered(phone, key=no_key))[1] == "NOT_A_PRESENCE_KEY"
    answer = offered(phone, challenge=challenge, key=off_the_curve)
    assert refused(answer)[1] == "NOT_A_PRESENCE_KEY"


def test_a_challenge_is_ones_own_and_new_and_used_once(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        other = supervised_person(session, now=START, agency=person.agency)
    theirs = enrolled_phone(database, client, clock, other)
    wrong = (422, "CHALLENGE_NOT_OPEN", "/challenge")

    assert refused(offered(phone, challenge="A" * 43)) == wrong
    assert refused(offered(phone, challenge=challenge_of(theirs))) == wrong
    challenge = challenge_of(phone)
    assert offered(phone, challenge=challenge).status == 201
    assert refused(offered(phone, challenge=challenge)) == wrong
    late = challenge_of(phone)
    clock.step(seconds=300)
    assert refused(offered(phone, challenge=late)) == wrong


def test_few_challenges_are_open_at_a_time(database: Database, phone: Phone) -> None:
    for _ in range(OPEN_CHALLENGES + 2):
        challenge_of(phone)

    with database.snapshot() as session:
        assert len(session.scalars(select(PresenceChallenge)).all()) == OPEN_CHALLENGES


def test_the_next_key_takes_the_place_of_the_one_before_by_its_word(
    database: Database, phone: Phone
) -> None:
    phone.enrol_presence()
    phone.enrol_presence(android_presence())

    first, second = kept(database)

    assert (first.end, second.end) == (PresenceEnd.ROTATED, None)
    with database.snapshot() as session:
        assert session.scalars(select(AlertRow)).all() == []


def test_a_key_in_anothers_place_without_its_word_is_told_to_the_officer(
    database: Database, phone: Phone
) -> None:
    phone.enrol_presence(android_presence())
    phone.presence = None
    phone.enrol_presence(android_presence())

    first, second = kept(database)

    assert (first.end, second.end) == (PresenceEnd.REPLACED, None)
    with database.snapshot() as session:
        alert = session.scalars(select(AlertRow)).one()
    assert (alert.kind, alert.source_id) == (AlertKind.DEVICE_DOUBTFUL, second.id)


def test_a_key_that_shows_less_is_told_to_the_officer_in_spite_of_its_word(
    database: Database, phone: Phone
) -> None:
    phone.enrol_presence(android_presence())
    phone.enrol_presence(nothing_shown)

    first, _ = kept(database)

    assert first.end is PresenceEnd.ROTATED
    with database.snapshot() as session:
        alert = session.scalars(select(AlertRow)).one()
    assert alert.kind is AlertKind.DEVICE_DOUBTFUL


def test_a_phone_that_nobody_enrolled_gets_no_challenge(
    client: FlaskClient, clock: FrozenClock
) -> None:
    stranger = phone_of(client, clock)
    with pytest.raises(PhoneRefusedError):
        stranger.enrol_presence()


def test_a_presence_key_in_another_phone_is_told_to_the_officer(
    database: Database, phone: Phone
) -> None:
    elsewhere = (replace(BATCH, key=new_key()), *ABOVE_FACTORY_KEY[1:])

    phone.enrol_presence(android_presence(above=elsewhere))

    (row,) = kept(database)
    with database.snapshot() as session:
        alert = session.scalars(select(AlertRow)).one()
    assert (alert.kind, alert.source_id) == (AlertKind.DEVICE_DOUBTFUL, row.id)
    assert alert.source == "presence-key-elsewhere"
    assert Act.PRESENCE_KEY_ENROLLED in acts_kept(database)


@pytest.mark.parametrize(
    ("own", "above"),
    [
        (strongbox(), (replace(BATCH, key=new_key()), *ABOVE_FACTORY_KEY[1:])),
        (android(), ABOVE_REMOTE_KEY),
        (remote(), ABOVE_FACTORY_KEY),
        (no_evidence, ABOVE_FACTORY_KEY),
    ],
)
def test_of_other_hardware_and_of_keys_provisioned_later_nothing_follows(
    client: FlaskClient,
    database: Database,
    clock: FrozenClock,
    person: Person,
    own: EvidenceMaker,
    above: Sequence[Link],
) -> None:
    give_status_list(database)
    phone = enrolled_phone(database, client, clock, person, evidence=own)

    phone.enrol_presence(android_presence(above=above))

    with database.snapshot() as session:
        assert session.scalars(select(AlertRow)).all() == []


def test_a_word_that_is_not_the_key_befores_is_refused(phone: Phone) -> None:
    stranger = ProofKey()
    wrong = (422, "WRONG_KEY_CHANGE", "/key_change")
    phone.presence = stranger
    assert refusal_of(phone, nothing_shown) == wrong
    phone.presence = None
    phone.enrol_presence()

    phone.presence = stranger

    assert refusal_of(phone, nothing_shown) == wrong


def test_a_key_is_enrolled_once_and_offered_again_it_is_as_it_was(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person, phone: Phone
) -> None:
    key = ProofKey()
    first = offered(phone, signer=key)
    again = offered(phone, signer=key)
    assert (again.status, again.json()) == (201, first.json())
    offered(phone)
    with database.transaction() as session:
        other = supervised_person(session, now=START, agency=person.agency)
    theirs = enrolled_phone(database, client, clock, other)

    for each in (phone, theirs):
        assert refused(offered(each, signer=key))[:2] == (422, "KEY_ENROLLED_BEFORE")


def test_a_browser_registers_a_passkey_with_the_options_that_it_got(browser: Phone) -> None:
    asked = browser.send("POST", "/v1/device/presence-challenge", {}).json()

    answer = passkey(browser, Authenticator())

    assert asked["public_key"]["rp"]["id"] == "connectrex.test"
    assert asked["means"] is None
    said = answer.json()
    assert (answer.status, said["means"], said["level"]) == (201, "passkey", "verified")
    assert said["verdict"] == {"backup_eligible": False}
    asked = browser.send("POST", "/v1/device/presence-challenge", {}).json()
    assert (asked["means"], len(asked["public_key"]["excludeCredentials"])) == ("passkey", 1)


@pytest.mark.parametrize(
    ("made", "changes", "expected"),
    [
        (Authenticator(flags=PRESENT), {}, (422, "USER_NOT_VERIFIED", "/")),
        (Authenticator(said={"origin": "https://evil.test"}), {}, (422, "WRONG_ORIGIN", "/")),
        (Authenticator(), {"id": "===="}, (422, "NOT_BASE64URL", "/id")),
        (Authenticator(), {"attestation_object": ""}, (422, "NOT_CBOR", "/")),
    ],
)
def test_a_passkey_that_is_not_of_a_verified_user_here_is_refused(
    browser: Phone, made: Authenticator, changes: dict[str, str], expected: tuple[int, str, str]
) -> None:
    answer = passkey(browser, made, **changes)

    assert refused(answer) == expected
    assert answer.json()["evidence"] == "webauthn"


def test_a_browser_has_no_presence_keys(browser: Phone) -> None:
    assert refused(offered(browser))[:2] == (422, "NOT_ON_THIS_PLATFORM")


def test_a_phone_has_no_passkeys(phone: Phone) -> None:
    asked = phone.send("POST", "/v1/device/presence-challenge", {}).json()

    assert asked["public_key"] is None
    assert refused(passkey(phone, Authenticator()))[:2] == (422, "NOT_ON_THIS_PLATFORM")


def test_what_shows_presence_ends_with_the_activation(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person, phone: Phone
) -> None:
    phone.enrol_presence()
    later = clock.step(hours=1)
    successor = enrolled_phone(database, client, clock, person)
    successor.enrol_presence()
    with database.transaction() as session:
        devices.revoke(
            session, person.officer, successor.jkt, reason=KeyReason.LOST, now=clock.now()
        )

    ends = [(row.end, row.ended_at) for row in kept(database)]

    assert ends == [(PresenceEnd.ACTIVATION_ENDED, later)] * 2


def test_an_activation_that_has_just_ended_takes_nothing(
    database: Database, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        key = devices.key_context(session, phone.jkt)
        assert key is not None
        devices.revoke(session, person.officer, phone.jkt, reason=KeyReason.LOST, now=START)
    offer = devices.OfferedKey(challenge="", key="", x5c=None, app_assertion=None, key_change=None)

    for ended in (key, replace(key, jkt="A" * 43)):
        with pytest.raises(Problem) as refusal, database.transaction() as session:
            devices.set_presence(session, person.officer, ended, offer, _bench())
        assert refusal.value.code is Code.NOT_FOUND


def _bench() -> devices.Bench:
    from unittest.mock import sentinel  # noqa: PLC0415 - nothing of it is looked at

    return devices.Bench(evidence_policy=sentinel.policy, party=sentinel.party, now=START)


def test_a_changed_phone_key_keeps_what_shows_presence(phone: Phone, database: Database) -> None:
    phone.enrol_presence()

    phone.rotate()

    assert [row.end for row in kept(database)] == [None]


def test_officers_of_others_see_nothing_of_it(
    database: Database, person: Person, phone: Phone
) -> None:
    phone.enrol_presence()
    with database.transaction() as session:
        stranger = supervised_person(session, now=START).officer
    blind = replace(person.officer, permissions=frozenset())

    for actor, code in ((stranger, Code.NOT_FOUND), (blind, Code.FORBIDDEN)):
        with pytest.raises(Problem) as refusal, database.snapshot() as session:
            devices.presence_keys_of(session, actor, person.supervisee_id, Cursor())
        assert refusal.value.code is code


def test_a_reason_names_the_list_in_which_it_stands(phone: Phone, clock: FrozenClock) -> None:
    clock.step(hours=49)
    for shown, listed in (
        (android_presence(), "android-key"),
        (iphone_presence(IPHONE, counter=1), "presence"),
    ):
        with pytest.raises(PhoneRefusedError) as found:
            phone.enrol_presence(shown)
        assert found.value.answer.json()["evidence"] == listed


def test_a_refused_check_in_names_one_reason_alone() -> None:
    assert set(PresenceFault.__members__).isdisjoint(WebRefusal.__members__)


def test_levels_are_ordered() -> None:
    assert Presence.VERIFIED.meets(Presence.DEVICE)
    assert Presence.NONE.meets(Presence.NONE)
    assert not Presence.DEVICE.meets(Presence.VERIFIED)
    assert {means.level for means in PresenceMeans} == {Presence.DEVICE, Presence.VERIFIED}


def test_what_is_kept_says_when(database: Database, clock: FrozenClock, phone: Phone) -> None:
    clock.step(hours=1)
    phone.enrol_presence()

    assert kept(database)[0].enrolled_at == START + timedelta(hours=1)
