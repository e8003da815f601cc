"""Codes in the database: one at a time, five tries, a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from backend.audit.models import AuditEvent
from backend.core.actor import Permission
from backend.core.db import Database, Session
from backend.core.errors import Code, Problem
from backend.devices import codes
from backend.devices import service as devices
from backend.devices.enrolment_code import CodeEnd, read_code
from backend.devices.models import EnrolmentChallenge, EnrolmentCode
from tests.support.clocks import START, FrozenClock
from tests.support.devices import CODE_KEY, Person, code_for, supervised_person


@pytest.fixture
def person(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def code(database: Database, person: Person) -> str:
    with database.transaction() as session:
        return code_for(session, person, now=START)


def attempt(client: FlaskClient, text: str) -> int:
    return client.post("/v1/enrolments/challenge", json={"code": text}).status_code


def wrong(code: str) -> str:
    """Return a code with the right selector and another secret."""
    return code[:-1] + ("0" if code[-1] != "0" else "1")


def ends(database: Database) -> list[CodeEnd | None]:
    with database.snapshot() as session:
        return list(session.scalars(select(EnrolmentCode.end).order_by(EnrolmentCode.id)))


def count_acts(session: Session, act: str) -> int:
    return session.scalar(select(func.count()).where(AuditEvent.act == act)) or 0


@pytest.mark.parametrize("text", ["", "x" * 41, 7, None, ["AAAAABBBBB"], "AAAAA\x00BBBB"])
def test_what_cannot_be_a_code_is_invalid(client: FlaskClient, text: object) -> None:
    answer = client.post("/v1/enrolments/challenge", json={"code": text})

    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["pointer"] == "/code"


def test_a_code_that_never_was_is_refused_and_leaves_no_trace(
    client: FlaskClient, database: Database
) -> None:
    answer = client.post("/v1/enrolments/challenge", json={"code": "ZZZZZ-ZZZZZ"})

    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["code"] == "enrolment-refused"
    with database.snapshot() as session:
        assert count_acts(session, "enrolment-code.refused") == 0


def test_every_code_that_does_not_hold_gets_the_same_answer(
    client: FlaskClient, clock: FrozenClock, code: str
) -> None:
    bodies = [client.post("/v1/enrolments/challenge", json={"code": wrong(code)}).json]
    bodies.append(client.post("/v1/enrolments/challenge", json={"code": "ZZZZZ-ZZZZZ"}).json)
    bodies.append(client.post("/v1/enrolments/challenge", json={"code": "not a code"}).json)
    clock.step(hours=24)
    bodies.append(client.post("/v1/enrolments/challenge", json={"code": code}).json)

    assert all(body == bodies[0] for body in bodies)


def test_the_fifth_wrong_try_ends_a_code(
    client: FlaskClient, database: Database, code: str
) -> None:
    tries = [attempt(client, wrong(code)) for _ in range(5)]

    assert tries == [403] * 5
    assert attempt(client, code) == 403
    assert ends(database) == [CodeEnd.TRIES_EXHAUSTED]
    with database.snapshot() as session:
        assert count_acts(session, "enrolment-code.refused") == 5


def test_four_wrong_tries_leave_a_code_good(client: FlaskClient, code: str) -> None:
    for _ in range(4):
        attempt(client, wrong(code))

    assert attempt(client, code) == 200


def test_a_right_try_does_not_forget_the_wrong_ones(client: FlaskClient, code: str) -> None:
    for _ in range(4):
        attempt(client, wrong(code))
    attempt(client, code)
    attempt(client, wrong(code))

    assert attempt(client, code) == 403


def test_a_code_is_good_for_a_day_and_not_longer(
    client: FlaskClient, clock: FrozenClock, code: str
) -> None:
    clock.step(hours=23, minutes=59, seconds=59)
    last = attempt(client, code)
    clock.step(seconds=1)

    assert last == 200
    assert attempt(client, code) == 403


def test_a_new_code_replaces_the_one_before(
    client: FlaskClient, database: Database, person: Person, code: str
) -> None:
    with database.transaction() as session:
        second = code_for(session, person, now=START + timedelta(minutes=1))

    assert attempt(client, code) == 403
    assert attempt(client, second) == 200
    assert ends(database) == [CodeEnd.REPLACED, None]


def test_a_challenge_is_fresh_each_time_and_not_to_be_kept_by_caches(
    client: FlaskClient, code: str
) -> None:
    first = client.post("/v1/enrolments/challenge", json={"code": code})
    second = client.post("/v1/enrolments/challenge", json={"code": code.lower()})

    assert first.json is not None
    assert second.json is not None
    assert first.json["expires_in"] == 300
    assert len(first.json["challenge"]) == 43
    assert first.json["challenge"] != second.json["challenge"]
    assert first.headers["Cache-Control"] == "no-store"


def test_a_code_never_has_more_than_five_open_challenges(
    client: FlaskClient, clock: FrozenClock, database: Database, code: str
) -> None:
    challenges = []
    for _ in range(8):
        answer = client.post("/v1/enrolments/challenge", json={"code": code})
        assert answer.json is not None
        challenges.append(answer.json["challenge"])
        clock.step(seconds=1)

    with database.snapshot() as session:
        kept = set(session.scalars(select(EnrolmentChallenge.challenge)))
    assert kept == set(challenges[-5:])


def test_two_open_codes_never_share_a_selector(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([read_code(text) for text in ("AAAA000000", "AAAA111111", "BBBB111111")])
    monkeypatch.setattr(codes, "new_code", lambda: next(drawn))

    with database.transaction() as session:
        one, other = (supervised_person(session, now=START) for _ in range(2))
        shown = [code_for(session, person, now=START) for person in (one, other)]

    assert shown == ["AAAA0-00000", "BBBB1-11111"]


def test_the_selector_of_an_expired_code_is_free_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([read_code(text) for text in ("AAAA000000", "AAAA111111")])
    monkeypatch.setattr(codes, "new_code", lambda: next(drawn))

    with database.transaction() as session:
        one, other = (supervised_person(session, now=START) for _ in range(2))
        code_for(session, one, now=START)
        second = code_for(session, other, now=START + timedelta(hours=24))

    assert second == "AAAA1-11111"
    assert ends(database) == [CodeEnd.EXPIRED, None]


def test_a_stored_code_cannot_be_read_back(database: Database, code: str) -> None:
    digits = code.replace("-", "")

    with database.snapshot() as session:
        row = session.scalars(select(EnrolmentCode)).one()

    assert row.selector == digits[:4]
    assert digits[4:].encode() not in row.secret_hash
    assert len(row.secret_hash) == 32


def test_issuing_needs_the_permission(database: Database, person: Person) -> None:
    allowed = frozenset(Permission) - {Permission.DEVICE_ENROL}
    with database.transaction() as session, pytest.raises(Problem) as caught:
        issue(session, person, permissions=allowed)

    assert caught.value.code is Code.FORBIDDEN


def test_another_agencys_person_is_not_there(database: Database, person: Person) -> None:
    with database.transaction() as session:
        stranger = supervised_person(session, now=START)
    with database.transaction() as session, pytest.raises(Problem) as caught:
        issue(session, person, agency_id=stranger.agency.id)

    assert caught.value.code is Code.NOT_FOUND


def test_an_unassigned_person_is_not_there_for_who_sees_only_their_own(
    database: Database, person: Person
) -> None:
    with database.transaction() as session, pytest.raises(Problem) as caught:
        issue(session, person, own_only=True)

    assert caught.value.code is Code.NOT_FOUND


def test_issuing_is_audited_without_the_code(database: Database, person: Person, code: str) -> None:
    with database.snapshot() as session:
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.act == "enrolment-code.issued")
        ).one()

    assert (event.actor_id, event.supervisee_id) == (person.officer.id, person.supervisee_id)
    assert code.replace("-", "")[4:] not in event.details


def issue(session: Session, person: Person, **changes: object) -> devices.IssuedCode:
    officer = replace(person.officer, **changes)  # type: ignore[arg-type]  # a test names what it changes
    return devices.issue_code(session, officer, person.supervisee_id, code_key=CODE_KEY, now=START)
