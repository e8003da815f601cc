"""A phone that has lost its key comes back with an officer's consent, and brings nothing along."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from werkzeug.test import TestResponse

from backend.alerts.kinds import AlertKind
from backend.alerts.models import AlertRow
from backend.audit.acts import Act
from backend.audit.models import AuditEvent
from backend.core.db import Database
from backend.core.paging import Cursor
from backend.devices import service as devices
from backend.devices.key_state import KeyReason, KeyState
from backend.devices.models import ActivationRow, DeviceKey
from backend.location.models import Fix
from backend.simulator.phone import Phone
from backend.simulator.proof import ProofKey
from tests.support.audit import acts_kept
from tests.support.clocks import START, FrozenClock
from tests.support.devices import (
    CODE_KEY,
    Person,
    enrolled_phone,
    fresh_nonce,
    send_signed,
    supervised_person,
)
from tests.support.identity import bearer_of
from tests.support.location import HOME, Watched, at, watched_person

PHONE = {"platform": "android", "evidence": [], "app_version": "1", "os_version": "16"}


@pytest.fixture
def person(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def phone(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    return enrolled_phone(database, client, clock, person)


@pytest.fixture
def bearer(database: Database, person: Person) -> dict[str, str]:
    with database.transaction() as session:
        return bearer_of(session, person.account, START)


def ask(client: FlaskClient, key: ProofKey, device: str, **claims: Any) -> TestResponse:
    claims = {"nonce": fresh_nonce(client, key)} | claims
    members = {"device": device}
    return send_signed(client, key, "POST", "/v1/re-enrolments", members=members, **claims)


def asked(client: FlaskClient, key: ProofKey, device: str) -> dict[str, Any]:
    answer = ask(client, key, device)
    assert answer.status_code == 200, answer.data
    members: dict[str, Any] = answer.json or {}
    return members


def listed(client: FlaskClient, person: Person, bearer: dict[str, str]) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/supervisees/{person.supervisee_id}/re-enrolments", headers=bearer)
    assert answer.json is not None
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def decide(
    client: FlaskClient, bearer: dict[str, str], question: dict[str, Any], how: str
) -> TestResponse:
    path = f"/v1/re-enrolments/{question['id']}"
    etag = client.get(path, headers=bearer).headers["ETag"]
    return client.post(f"{path}/{how}", headers=bearer | {"If-Match": etag})


def test_an_approved_phone_enrols_and_the_earlier_activation_ends(
    client: FlaskClient, database: Database, person: Person, phone: Phone, bearer: dict[str, str]
) -> None:
    asking = ProofKey()
    waiting = asked(client, asking, phone.jkt)
    (question,) = listed(client, person, bearer)
    approved = decide(client, bearer, question, "approval")
    told = asked(client, asking, phone.jkt)
    answer = send_signed(
        client,
        new := ProofKey(),
        "POST",
        "/v1/devices",
        members=PHONE,
        nonce=told["challenge"]["challenge"],
    )

    assert (waiting["state"], waiting["challenge"]) == ("open", None)
    assert waiting["reference"] == question["reference"] == told["reference"]
    assert approved.status_code == 200
    assert told["state"] == "approved"
    assert answer.status_code == 201
    with database.snapshot() as session:
        rows = session.scalars(select(ActivationRow).order_by(ActivationRow.id)).all()
        states = {row.jkt: row.state for row in session.scalars(select(DeviceKey))}
    assert {row.supervisee_id for row in rows} == {person.supervisee_id}
    assert [row.ended_at is None for row in rows].count(True) == 1
    assert states == {phone.jkt: KeyState.SUPERSEDED, new.jkt: KeyState.ACTIVE}
    assert Act.RE_ENROLMENT_APPROVED in acts_kept(database)


def test_the_officer_is_told_and_everything_is_audited(
    client: FlaskClient, database: Database, person: Person, phone: Phone, bearer: dict[str, str]
) -> None:
    asked(client, ProofKey(), phone.jkt)
    (question,) = listed(client, person, bearer)
    decide(client, bearer, question, "decline")

    with database.snapshot() as session:
        kinds = session.scalars(select(AlertRow.kind)).all()
        acts = session.scalars(select(AuditEvent.act)).all()
    assert kinds == [AlertKind.RE_ENROLMENT_ASKED]
    assert {"re-enrolment.asked", "re-enrolment.declined"} <= set(acts)


def test_what_was_declined_stays_so(
    client: FlaskClient, person: Person, phone: Phone, bearer: dict[str, str]
) -> None:
    asking = ProofKey()
    asked(client, asking, phone.jkt)
    (question,) = listed(client, person, bearer)
    decide(client, bearer, question, "decline")

    assert decide(client, bearer, question, "approval").status_code == 409
    assert asked(client, asking, phone.jkt)["state"] == "declined"
    assert asked(client, asking, phone.jkt)["challenge"] is None


def test_a_question_is_over_after_a_week(
    client: FlaskClient,
    database: Database,
    clock: FrozenClock,
    person: Person,
    phone: Phone,
) -> None:
    asking = ProofKey()
    asked(client, asking, phone.jkt)
    clock.step(days=7)
    with database.transaction() as session:
        bearer = bearer_of(session, person.account, clock.now())
    (question,) = listed(client, person, bearer)

    assert question["state"] == "expired"
    assert decide(client, bearer, question, "approval").status_code == 409


def test_a_newer_question_takes_the_place_of_the_earlier_one(
    client: FlaskClient, person: Person, phone: Phone, bearer: dict[str, str]
) -> None:
    first, second = ProofKey(), ProofKey()
    asked(client, first, phone.jkt)
    asked(client, second, phone.jkt)

    assert asked(client, first, phone.jkt)["state"] == "replaced"
    assert asked(client, second, phone.jkt)["state"] == "open"
    assert len(listed(client, person, bearer)) == 2


def test_an_approval_is_over_after_a_day(
    client: FlaskClient, clock: FrozenClock, person: Person, phone: Phone, bearer: dict[str, str]
) -> None:
    asking = ProofKey()
    asked(client, asking, phone.jkt)
    (question,) = listed(client, person, bearer)
    decide(client, bearer, question, "approval")
    clock.step(days=1)

    told = asked(client, asking, phone.jkt)

    assert (told["state"], told["challenge"]) == ("approved", None)


@pytest.mark.parametrize("device", ["A" * 43, "é" * 43, "", "\x00" * 43])
def test_for_a_device_that_is_not_enrolled_nothing_is_asked(
    client: FlaskClient, person: Person, bearer: dict[str, str], device: str
) -> None:
    assert ask(client, ProofKey(), device).status_code in {403, 422}
    assert listed(client, person, bearer) == []


def test_for_a_revoked_device_nothing_is_asked_or_approved(
    client: FlaskClient, database: Database, person: Person, phone: Phone, bearer: dict[str, str]
) -> None:
    asking = ProofKey()
    asked(client, asking, phone.jkt)
    (question,) = listed(client, person, bearer)
    with database.transaction() as session:
        devices.revoke(session, person.officer, phone.jkt, reason=KeyReason.STOLEN, now=START)

    assert decide(client, bearer, question, "approval").status_code == 409
    assert ask(client, asking, phone.jkt).status_code == 403


def test_who_asks_must_hold_the_key_that_asks(client: FlaskClient, phone: Phone) -> None:
    wrong = ask(client, ProofKey(), phone.jkt, htu="https://elsewhere.example/v1/re-enrolments")
    stale = ask(client, ProofKey(), phone.jkt, nonce=None)

    assert (wrong.status_code, stale.status_code) == (401, 401)


def test_an_officer_of_another_agency_sees_and_decides_nothing(
    client: FlaskClient, database: Database, person: Person, phone: Phone, bearer: dict[str, str]
) -> None:
    asked(client, ProofKey(), phone.jkt)
    (question,) = listed(client, person, bearer)
    with database.transaction() as session:
        stranger = supervised_person(session, now=START)
        theirs = bearer_of(session, stranger.account, START)
    path = f"/v1/re-enrolments/{question['id']}"

    assert client.get(path, headers=theirs).status_code == 404
    answer = client.post(f"{path}/approval", headers=theirs | {"If-Match": '"x"'})
    assert answer.status_code == 404


class TestHistoryStaysWithThePerson:
    """Each way in which a phone or a key could change hands, tried with one that has history."""

    @pytest.fixture
    def mine(self, app: Flask, database: Database, clock: FrozenClock) -> Watched:
        watched = watched_person(app, database, clock)
        assert watched.phone.send_fix(at(HOME)).status == 200
        return watched

    @pytest.fixture
    def theirs(self, app: Flask, database: Database, clock: FrozenClock, mine: Watched) -> Watched:
        del mine  # is there first
        return watched_person(app, database, clock, name="another")

    def owners(self, database: Database) -> set[tuple[Any, ...]]:
        with database.snapshot() as session:
            fixes = session.execute(
                select(Fix.seq, Fix.supervisee_id, ActivationRow.supervisee_id).join(
                    ActivationRow, ActivationRow.id == Fix.activation_id
                )
            )
            return {tuple(row) for row in fixes}

    def owner_of(self, database: Database, jkt: str) -> Any:
        with database.snapshot() as session:
            return session.scalar(select(DeviceKey.supervisee_id).where(DeviceKey.jkt == jkt))

    def code(self, database: Database, watched: Watched) -> str:
        with database.transaction() as session:
            return devices.issue_code(
                session,
                watched.case.officer,
                watched.case.supervisee_id,
                code_key=CODE_KEY,
                now=watched.clock.now(),
            ).code

    def test_a_key_of_one_is_never_enrolled_for_another(
        self, client: FlaskClient, database: Database, mine: Watched, theirs: Watched
    ) -> None:
        given = client.post(
            "/v1/enrolments/challenge", json={"code": self.code(database, theirs)}
        ).json
        assert given is not None

        answer = send_signed(
            client,
            mine.phone.key,
            "POST",
            "/v1/devices",
            members=PHONE,
            nonce=given["challenge"],
        )

        assert answer.status_code == 409
        assert self.owner_of(database, mine.phone.jkt) == mine.case.supervisee_id

    def test_a_key_change_stays_with_its_person(
        self, client: FlaskClient, database: Database, mine: Watched, theirs: Watched
    ) -> None:
        def challenge(phone: Phone) -> str:
            nonce = fresh_nonce(client, phone.key)
            path = "/v1/device/key-challenge"
            answer = send_signed(client, phone.key, "POST", path, nonce=nonce).json
            assert answer is not None
            return str(answer["challenge"])

        def change(by: ProofKey, new: ProofKey, nonce: str) -> int:
            members = {"key_change": by.sign_over(nonce, new.jkt), "evidence": []}
            path = "/v1/device/keys"
            answer = send_signed(client, new, "POST", path, members=members, nonce=nonce)
            return answer.status_code

        mine_key, their_key = mine.phone.key, theirs.phone.key

        # Signed over by the other, with either's challenge; and over to the other's key.
        assert change(mine_key, ProofKey(), challenge(theirs.phone)) == 401
        assert change(their_key, ProofKey(), challenge(mine.phone)) == 401
        assert change(mine_key, their_key, challenge(mine.phone)) == 409
        assert self.owner_of(database, mine.phone.jkt) == mine.case.supervisee_id
        assert self.owner_of(database, theirs.phone.jkt) == theirs.case.supervisee_id

    def test_a_phone_that_is_handed_on_begins_anew(
        self, client: FlaskClient, database: Database, mine: Watched, theirs: Watched
    ) -> None:
        before = self.owners(database)
        phone = mine.phone
        old = phone.key
        with database.transaction() as session:
            devices.revoke(
                session,
                mine.case.officer,
                old.jkt,
                reason=KeyReason.HANDED_BACK,
                now=mine.clock.now(),
            )
        phone.key, phone._token, phone._seq = ProofKey(), None, 0
        phone.enrol(self.code(database, theirs))
        sent = phone.send_fix(at(HOME))

        assert sent.status == 200
        assert before < self.owners(database)
        assert all(fix == activation for _, fix, activation in self.owners(database))
        assert self.owner_of(database, old.jkt) == mine.case.supervisee_id
        assert self.owner_of(database, phone.jkt) == theirs.case.supervisee_id
        nonce = fresh_nonce(client, old)
        assert send_signed(client, old, "POST", "/v1/token", nonce=nonce).status_code == 401

    def test_a_question_for_one_enrols_for_no_other(
        self, client: FlaskClient, database: Database, mine: Watched, theirs: Watched
    ) -> None:
        asking, now = ProofKey(), mine.clock.now()
        asked(client, asking, mine.phone.jkt)
        asked(client, asking, theirs.phone.jkt)
        with database.transaction() as session:
            for watched in (mine, theirs):
                (question,) = devices.re_enrolments_of(
                    session, watched.case.officer, watched.case.supervisee_id, Cursor(limit=9), now
                ).items
                assert question.supervisee_id == watched.case.supervisee_id
                if watched is mine:
                    mine_question = question.id
            devices.approve(session, mine.case.officer, mine_question, code_key=CODE_KEY, now=now)

        assert asked(client, asking, theirs.phone.jkt)["challenge"] is None
        given = asked(client, asking, mine.phone.jkt)["challenge"]["challenge"]
        new = ProofKey()
        assert (
            send_signed(client, new, "POST", "/v1/devices", members=PHONE, nonce=given).status_code
            == 201
        )
        assert self.owner_of(database, new.jkt) == mine.case.supervisee_id

    @pytest.mark.parametrize("column", ["supervisee_id", "activation_id", "jkt"])
    def test_the_tables_themselves_refuse_to_move_a_key(
        self, database: Database, mine: Watched, theirs: Watched, column: str
    ) -> None:
        with database.snapshot() as session:
            other = session.scalars(
                select(DeviceKey).where(DeviceKey.jkt == theirs.phone.jkt)
            ).one()
        values = {column: "A" * 43 if column == "jkt" else getattr(other, column)}
        with pytest.raises(DBAPIError), database.transaction() as session:
            session.execute(
                update(DeviceKey).where(DeviceKey.jkt == mine.phone.jkt).values(**values)
            )
