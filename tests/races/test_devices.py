"""What happens when two do it at once: real connections, real commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import TypeVar
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select

from backend.alerts.kinds import AlertKind
from backend.alerts.models import AlertRow
from backend.app import create_app
from backend.core.db import Database
from backend.core.errors import Problem
from backend.core.settings import Mode, Settings
from backend.devices import service as devices
from backend.devices.key_state import ENROLLED_STATES, KeyReason
from backend.devices.models import (
    ActivationRow,
    AppAttestKey,
    DeviceKey,
    EnrolmentCode,
    KeyEvent,
    ReEnrolmentRow,
)
from backend.simulator.phone import Phone
from backend.simulator.proof import ProofKey
from backend.worker.jobs import recheck
from tests.support.attestation.phones import (
    IPhone,
    android,
    attesting,
    client_data_of,
    give_status_list,
    revoking,
)
from tests.support.clocks import START, FrozenClock
from tests.support.devices import (
    CODE_KEY,
    ROOT_SECRET,
    SERVER_URL,
    Person,
    code_for,
    enrolled_phone,
    fresh_nonce,
    send_signed,
    signed_headers,
    supervised_person,
)

Answer = TypeVar("Answer")
ROUNDS = 5
PHONE = {"platform": "android", "evidence": [], "app_version": "1", "os_version": "16"}


def settings_of(database: Database, server_keys: Path) -> Settings:
    return Settings(
        mode=Mode.TEST,
        database_url=database.url.render_as_string(hide_password=False),
        root_secret=ROOT_SECRET,
        server_keys=server_keys,
        public_url=SERVER_URL,
    )


@pytest.fixture
def app(postgresql_database: Database, server_keys: Path) -> Flask:
    settings = settings_of(postgresql_database, server_keys)
    return create_app(settings, postgresql_database, FrozenClock())


@pytest.fixture
def person(postgresql_database: Database) -> Person:
    with postgresql_database.transaction() as session:
        return supervised_person(session, now=START)


def at_once(acts: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Return what each of `acts` returned, all begun in the same moment."""
    together = Barrier(len(acts))

    def begin(act: Callable[[], Answer]) -> Answer:
        together.wait(timeout=10)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(begin, acts))


def challenges(app: Flask, database: Database, person: Person, count: int) -> list[str]:
    """Return challenges of one fresh code of `person`."""
    with database.transaction() as session:
        code = code_for(session, person, now=START)
    client = app.test_client()
    answers = [client.post("/v1/enrolments/challenge", json={"code": code}) for _ in range(count)]
    return [answer.json["challenge"] for answer in answers if answer.json is not None]


def enrolment(app: Flask, key: ProofKey, challenge: str) -> Callable[[], int]:
    def act() -> int:
        answer = send_signed(
            app.test_client(), key, "POST", "/v1/devices", members=PHONE, nonce=challenge
        )
        return answer.status_code

    return act


def test_of_phones_that_redeem_one_code_at_once_one_is_enrolled(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    for _ in range(ROUNDS):
        opened = challenges(app, postgresql_database, person, 4)
        statuses = at_once([enrolment(app, ProofKey(), challenge) for challenge in opened])

        assert sorted(statuses) == [201, 403, 403, 403]
    with postgresql_database.snapshot() as session:
        in_force = session.scalars(
            select(ActivationRow).where(ActivationRow.ended_at.is_(None))
        ).all()
        enrolled = session.scalar(select(func.count()).select_from(DeviceKey))
    assert len(in_force) == 1
    assert enrolled == ROUNDS


def test_of_phones_that_answer_one_challenge_at_once_one_is_enrolled(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    for _ in range(ROUNDS):
        (challenge,) = challenges(app, postgresql_database, person, 1)
        statuses = at_once([enrolment(app, ProofKey(), challenge) for _ in range(4)])

        assert sorted(statuses) == [201, 401, 401, 401]


def test_one_phone_that_asks_twice_at_once_is_enrolled_once(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    (challenge,) = challenges(app, postgresql_database, person, 1)
    key = ProofKey()

    statuses = at_once([enrolment(app, key, challenge) for _ in range(3)])

    assert statuses == [201, 201, 201]
    with postgresql_database.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(ActivationRow)) == 1


def test_one_key_is_not_enrolled_for_two_people_at_once(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    with postgresql_database.transaction() as session:
        other = supervised_person(session, now=START)
    key = ProofKey()
    acts = [
        enrolment(app, key, challenges(app, postgresql_database, each, 1)[0])
        for each in (person, other)
    ]

    assert sorted(at_once(acts)) == [201, 409]


def test_wrong_tries_at_once_are_all_counted(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    with postgresql_database.transaction() as session:
        code = code_for(session, person, now=START)
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")

    def attempt(text: str) -> int:
        return app.test_client().post("/v1/enrolments/challenge", json={"code": text}).status_code

    at_once([lambda: attempt(wrong)] * 8)

    assert attempt(code) == 403
    with postgresql_database.snapshot() as session:
        assert session.scalars(select(EnrolmentCode.failed_tries)).one() == 5


def test_asking_for_challenges_while_enrolling_never_deadlocks(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    for _ in range(ROUNDS):
        with postgresql_database.transaction() as session:
            code = code_for(session, person, now=START)
        client = app.test_client()
        first = client.post("/v1/enrolments/challenge", json={"code": code}).json
        assert first is not None

        def ask(code: str = code) -> int:
            answer = app.test_client().post("/v1/enrolments/challenge", json={"code": code})
            return answer.status_code

        enrol = enrolment(app, ProofKey(), first["challenge"])
        statuses = at_once([ask, ask, ask, ask, ask, enrol])

        assert set(statuses[:5]) <= {200, 403}
        assert statuses[5] in {201, 401}


def test_of_the_same_proof_sent_at_once_one_is_taken(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    phone = enrolled_phone(postgresql_database, app.test_client(), FrozenClock(), person)
    for _ in range(ROUNDS):
        nonce = fresh_nonce(app.test_client(), phone.key)
        headers = signed_headers(phone.key, "POST", "/v1/token", nonce=nonce)

        def send(headers: dict[str, str] = headers) -> int:
            return app.test_client().post("/v1/token", headers=headers).status_code

        assert sorted(at_once([send] * 4)) == [200, 409, 409, 409]


def test_what_one_process_revokes_no_other_takes(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    elsewhere = Database(postgresql_database.url.render_as_string(hide_password=False))
    another = create_app(app.extensions["connectrex"].settings, elsewhere, FrozenClock())
    phone = enrolled_phone(postgresql_database, app.test_client(), FrozenClock(), person)

    def ask() -> int:
        client = another.test_client()
        nonce = fresh_nonce(client, phone.key)
        return send_signed(client, phone.key, "POST", "/v1/token", nonce=nonce).status_code

    before = ask()
    with postgresql_database.transaction() as session:
        devices.revoke(session, person.officer, phone.jkt, reason=KeyReason.STOLEN, now=START)
    after = ask()
    elsewhere.close()

    assert (before, after) == (200, 401)


def test_of_assertions_with_one_counter_at_once_one_counts(
    postgresql_database: Database, server_keys: Path, tmp_path: Path, person: Person
) -> None:
    app = create_app(
        attesting(settings_of(postgresql_database, server_keys), tmp_path),
        postgresql_database,
        FrozenClock(),
    )
    iphone = IPhone()
    phone = enrolled_phone(
        postgresql_database,
        app.test_client(),
        FrozenClock(),
        person,
        platform="ios",
        evidence=iphone,
    )

    def assertion(counter: int) -> Callable[[], str]:
        nonce = fresh_nonce(app.test_client(), phone.key)
        said = client_data_of(nonce, phone.jkt)
        members = {"assertion": iphone.assertion(said, counter=counter), "client_data": said}

        def act() -> str:
            answer = send_signed(
                app.test_client(),
                phone.key,
                "POST",
                "/v1/device/assertions",
                members=members,
                nonce=nonce,
            )
            assert answer.json is not None
            return str(answer.json.get("reason", answer.status_code))

        return act

    for counter in range(1, ROUNDS + 1):
        assert sorted(at_once([assertion(counter) for _ in range(2)])) == [
            "200",
            "COUNTER_NOT_RISING",
        ]
    with postgresql_database.snapshot() as session:
        assert session.scalars(select(AppAttestKey.counter)).one() == ROUNDS


def test_a_revoked_phone_is_suspended_and_told_of_once_by_workers_at_once(
    postgresql_database: Database, server_keys: Path, tmp_path: Path, person: Person
) -> None:
    app = create_app(
        attesting(settings_of(postgresql_database, server_keys), tmp_path),
        postgresql_database,
        FrozenClock(),
    )
    give_status_list(postgresql_database)
    with postgresql_database.transaction() as session:
        people = [
            supervised_person(session, now=START, agency=person.agency) for _ in range(ROUNDS)
        ]
    phones = [
        enrolled_phone(
            postgresql_database, app.test_client(), FrozenClock(), each, evidence=android()
        )
        for each in people
    ]
    give_status_list(postgresql_database, data=revoking("ba7c4"), fetched_at=START)

    at_once([lambda: recheck(postgresql_database, START)] * 4)

    with postgresql_database.snapshot() as session:
        revoked = session.scalars(
            select(KeyEvent.jkt).where(KeyEvent.reason == KeyReason.ATTESTATION_REVOKED)
        ).all()
        told = session.scalars(
            select(AlertRow.supervisee_id).where(AlertRow.kind == AlertKind.DEVICE_REVOKED)
        ).all()
    assert sorted(revoked) == sorted(phone.jkt for phone in phones)
    assert sorted(told) == sorted(each.supervisee_id for each in people)


def key_changes(app: Flask, phone: Phone, count: int) -> list[Callable[[], int]]:
    """Acts that each let another key follow the phone's own, all allowed when begun."""

    def prepared() -> Callable[[], int]:
        client, new = app.test_client(), ProofKey()
        nonce = fresh_nonce(client, phone.key)
        given = send_signed(client, phone.key, "POST", "/v1/device/key-challenge", nonce=nonce)
        assert given.json is not None
        challenge = given.json["challenge"]
        members = {"key_change": phone.key.sign_over(challenge, new.jkt), "evidence": []}

        def act() -> int:
            answer = send_signed(
                app.test_client(),
                new,
                "POST",
                "/v1/device/keys",
                members=members,
                nonce=challenge,
            )
            return answer.status_code

        return act

    return [prepared() for _ in range(count)]


def standing(database: Database) -> tuple[int, int]:
    """How many keys still count, and how many activations are in force."""
    with database.snapshot() as session:
        keys = session.scalars(
            select(DeviceKey.jkt).where(DeviceKey.state.in_(ENROLLED_STATES))
        ).all()
        in_force = session.scalars(
            select(ActivationRow.id).where(ActivationRow.ended_at.is_(None))
        ).all()
    return len(keys), len(in_force)


def test_of_keys_that_follow_one_at_once_one_does(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    for _ in range(ROUNDS):
        phone = enrolled_phone(postgresql_database, app.test_client(), FrozenClock(), person)

        statuses = at_once(key_changes(app, phone, 3))

        assert sorted(statuses) == [201, 401, 401]
        assert standing(postgresql_database) == (1, 1)


def test_a_phone_revoked_while_its_key_changes_is_revoked_or_told_so(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    for _ in range(ROUNDS):
        phone = enrolled_phone(postgresql_database, app.test_client(), FrozenClock(), person)
        (change,) = key_changes(app, phone, 1)

        def revoke(jkt: str = phone.jkt) -> int:
            try:
                with postgresql_database.transaction() as session:
                    devices.revoke(session, person.officer, jkt, reason=KeyReason.STOLEN, now=START)
            except Problem as problem:
                return problem.code.status
            return 200

        changed, revoked = at_once([change, revoke])

        # Either no key followed, or the officer learns that another one stands there now.
        assert (changed, revoked) in {(401, 200), (201, 409)}
        assert standing(postgresql_database) == ((0, 0) if revoked == 200 else (1, 1))


def test_a_phone_enrolled_while_the_earlier_ones_key_changes_is_the_only_one(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    for _ in range(ROUNDS):
        phone = enrolled_phone(postgresql_database, app.test_client(), FrozenClock(), person)
        (challenge,) = challenges(app, postgresql_database, person, 1)
        (change,) = key_changes(app, phone, 1)

        changed, enrolled = at_once([change, enrolment(app, ProofKey(), challenge)])

        assert enrolled == 201
        assert changed in {201, 401}
        assert standing(postgresql_database) == (1, 1)


def test_a_question_that_officers_decide_at_once_is_decided_once(
    app: Flask, postgresql_database: Database, person: Person
) -> None:
    for _ in range(ROUNDS):
        client = app.test_client()
        phone = enrolled_phone(postgresql_database, client, FrozenClock(), person)
        asking = ProofKey()
        send_signed(
            client,
            asking,
            "POST",
            "/v1/re-enrolments",
            members={"device": phone.jkt},
            nonce=fresh_nonce(client, asking),
        )
        with postgresql_database.snapshot() as session:
            asked_id = session.scalars(
                select(ReEnrolmentRow.id).where(ReEnrolmentRow.asking_jkt == asking.jkt)
            ).one()

        def approve(asked_id: UUID = asked_id) -> str:
            with postgresql_database.transaction() as session:
                devices.approve(session, person.officer, asked_id, code_key=CODE_KEY, now=START)
            return "approved"

        def decline(asked_id: UUID = asked_id) -> str:
            with postgresql_database.transaction() as session:
                devices.decline(session, person.officer, asked_id, now=START)
            return "declined"

        def attempt(act: Callable[[], str]) -> str:
            try:
                return act()
            except Problem as problem:
                return problem.code.slug

        answers = at_once([partial(attempt, act) for act in (approve, decline, approve)])

        assert sorted(answers)[1:] == ["illegal-transition"] * 2
