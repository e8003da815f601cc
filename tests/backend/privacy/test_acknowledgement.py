"""That somebody has read the notice is kept once a version, and nothing hangs on it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.audit.acts import Act
from backend.core.actor import SYSTEM
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.privacy import service
from backend.privacy.notice import VERSION
from tests.support.audit import recorded_acts
from tests.support.clocks import START, FrozenClock
from tests.support.identity import bearer_of, make_agency, make_officer, make_supervisee
from tests.support.location import watched_person
from tests.support.offices import Office, make_office
from tests.support.requests import self_of

LATER = START + timedelta(days=1)


@pytest.fixture
def office(database: Database) -> Office:
    with database.transaction() as session:
        return make_office(session, START)


def test_who_said_nothing_has_acknowledged_nothing(database: Database, office: Office) -> None:
    with database.snapshot() as session:
        assert service.my_acknowledgement(session, self_of(office.person)).acknowledged_at is None


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_another_version_than_the_one_in_force_is_not_taken(
    database: Database, office: Office, version: int
) -> None:
    with pytest.raises(Problem) as raised, database.transaction() as session:
        service.acknowledge(session, self_of(office.person), version=version, now=START)

    assert (raised.value.code, raised.value.members) == (Code.CONFLICT, {"version": VERSION})


def test_only_the_person_says_it(database: Database, office: Office) -> None:
    for actor in (office.actor, SYSTEM):
        with pytest.raises(Problem) as raised, database.transaction() as session:
            service.acknowledge(session, actor, version=VERSION, now=START)
        assert raised.value.code is Code.FORBIDDEN


def test_the_first_time_counts_and_is_on_record_once(database: Database, office: Office) -> None:
    person = self_of(office.person)
    for now in (START, LATER):
        with database.transaction() as session:
            said = service.acknowledge(session, person, version=VERSION, now=now)

    assert said.acknowledged_at == START
    with database.snapshot() as session:
        assert recorded_acts(session).count(Act.NOTICE_ACKNOWLEDGED.value) == 1
        neighbour = service.acknowledgement(session, office.actor, office.person.id)
    assert neighbour == said


def test_one_persons_word_is_not_anothers(database: Database, office: Office) -> None:
    with database.transaction() as session:
        neighbour = make_supervisee(session, office.agency, START)
        service.acknowledge(session, self_of(office.person), version=VERSION, now=START)

        found = service.acknowledgement(session, office.actor, neighbour.id)

    assert found.acknowledged_at is None


def test_an_officer_sees_it_of_their_own_agencys_people_alone(
    client: FlaskClient, database: Database, office: Office
) -> None:
    with database.transaction() as session:
        stranger = make_officer(session, make_agency(session, START), START)
        theirs = bearer_of(session, stranger, START)
    path = f"/v1/supervisees/{office.person.id}/privacy-notice"

    assert client.get(path, headers=theirs).status_code == 404
    shown = client.get(path, headers=office.bearer)
    assert shown.status_code == 200
    assert shown.json is not None
    assert (shown.json["version"], shown.json["acknowledged_at"]) == (VERSION, None)


def test_a_phone_says_it_without_location_while_the_gate_refuses(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    phone = watched_person(app, database, clock).phone
    path = "/v1/me/privacy-notice"

    before = phone.request_without_location("SERVICES_OFF", path).json()
    said = phone.send("POST", f"{path}/acknowledgement", {"version": before["version"]})
    after = phone.request_without_location("SERVICES_OFF", path)
    gated = phone.request_without_location("SERVICES_OFF")

    assert before["acknowledged_at"] is None
    assert said.json() == after.json() == before | {"acknowledged_at": "2026-03-02T09:00:00Z"}
    assert gated.status == 403


@pytest.mark.parametrize("wrong", [{}, {"version": "1"}, {"version": 0}, {"version": 1.5}])
def test_what_is_no_version_is_refused(
    app: Flask, database: Database, clock: FrozenClock, wrong: dict[str, Any]
) -> None:
    phone = watched_person(app, database, clock).phone

    answer = phone.send("POST", "/v1/me/privacy-notice/acknowledgement", wrong)

    assert answer.status == 422
    assert answer.json()["errors"][0]["pointer"] == "/version"
