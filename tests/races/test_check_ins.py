"""Two at once, about one person's presence: a challenge counts once, and one alert tells of absence."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from backend.alerts.models import AlertEventRow, AlertRow
from backend.alerts.values import EventKind
from backend.app import create_app
from backend.appointments import service
from backend.appointments.models import CheckInRow
from backend.appointments.service import (
    Appointment,
    AppointmentKind,
    AppointmentTerms,
    CheckIn,
    Shown,
)
from backend.attestation.web.passkey import RelyingParty
from backend.core.actor import Actor, ActorKind
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.settings import Mode, Settings
from backend.devices import service as devices
from backend.devices.evidence_policy import EvidencePolicy
from backend.devices.key_state import KeyReason
from backend.devices.models import PresenceKey
from backend.devices.service import KeyContext, OfferedKey, ShownSignature
from backend.simulator.phone import Phone
from backend.simulator.proof import ProofKey
from backend.worker import jobs
from tests.support.attestation.authenticator import PARTY
from tests.support.clocks import START, FrozenClock
from tests.support.devices import (
    ROOT_SECRET,
    SERVER_URL,
    Person,
    enrolled_phone,
    supervised_person,
)
from tests.support.location import Watched, watched_person
from tests.support.races import at_once
from tests.support.reminders import expects

ROUNDS = 5


@pytest.fixture
def app(postgresql_database: Database, server_keys: Path) -> Flask:
    settings = Settings(
        mode=Mode.TEST,
        database_url=postgresql_database.url.render_as_string(hide_password=False),
        root_secret=ROOT_SECRET,
        server_keys=server_keys,
        public_url=SERVER_URL,
    )
    return create_app(settings, postgresql_database, FrozenClock())


@pytest.fixture
def person(postgresql_database: Database) -> Person:
    with postgresql_database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def phone(app: Flask, postgresql_database: Database, person: Person) -> Phone:
    return enrolled_phone(postgresql_database, app.test_client(), FrozenClock(), person)


def actor_of(person: Person) -> Actor:
    return Actor(kind=ActorKind.SUPERVISEE, id=person.supervisee_id, agency_id=person.agency.id)


def key_of(database: Database, phone: Phone) -> KeyContext:
    with database.snapshot() as session:
        key = devices.key_context(session, phone.jkt)
    assert key is not None
    return key


def test_of_two_requests_with_one_signature_one_is_the_check_in(
    postgresql_database: Database, person: Person, phone: Phone
) -> None:
    database = postgresql_database
    phone.enrol_presence()
    assert phone.presence is not None
    key, actor = key_of(database, phone), actor_of(person)
    for _ in range(ROUNDS):
        with database.transaction() as session:
            at = START + timedelta(hours=1)
            expected = expects(session, person, at, START, kind=AppointmentKind.CHECK_IN)
        challenge = _challenge(database, key, expected)
        signature = phone.presence.sign_presence(challenge, str(expected.id), phone.jkt)
        shown = Shown(challenge=challenge, presence=ShownSignature(signature=signature))

        def check_in(expected: Appointment = expected, shown: Shown = shown) -> object:
            with database.transaction() as session:
                return service.check_in(
                    session, actor, key, expected.id, shown, party=PARTY, now=START
                )

        first, second = at_once([check_in, check_in])

        assert isinstance(first, CheckIn)
        assert first == second
        with database.snapshot() as session:
            of_this = CheckInRow.appointment_id == expected.id
            assert len(session.scalars(select(CheckInRow).where(of_this)).all()) == 1


def test_of_two_keys_for_one_challenge_one_is_enrolled(
    postgresql_database: Database, app: Flask, person: Person, phone: Phone
) -> None:
    database, key, actor = postgresql_database, key_of(postgresql_database, phone), actor_of(person)
    bench = _bench(app)
    for _ in range(ROUNDS):
        with database.transaction() as session:
            opened = devices.open_enrolment_of_presence(session, key, PARTY, START)
        offers = [_offer(opened.challenge, phone) for _ in range(2)]

        def enrol(offer: OfferedKey) -> bool:
            with database.transaction() as session:
                found = devices.set_presence(session, actor, key, offer, bench)
            return not isinstance(found, devices.PresenceRefused)

        taken = at_once([partial(enrol, offer) for offer in offers])

        assert sorted(taken) == [False, True]
        assert len(_in_force(database)) == 1


def test_a_phone_that_is_revoked_meanwhile_keeps_nothing_that_shows_presence(
    postgresql_database: Database, app: Flask
) -> None:
    database, bench = postgresql_database, _bench(app)
    for _ in range(ROUNDS):
        with database.transaction() as session:
            person = supervised_person(session, now=START)
        phone = enrolled_phone(database, app.test_client(), FrozenClock(), person)
        key, actor = key_of(database, phone), actor_of(person)
        with database.transaction() as session:
            opened = devices.open_enrolment_of_presence(session, key, PARTY, START)
        offer = _offer(opened.challenge, phone)

        enrolled, _ = at_once(
            [
                partial(_enrol, database, actor, key, offer, bench),
                partial(_revoke, database, person, phone),
            ]
        )

        assert enrolled in {None, Code.NOT_FOUND}
        assert _in_force(database) == []


def test_of_two_workers_that_look_at_once_one_tells(
    postgresql_database: Database, app: Flask
) -> None:
    watched = watched_person(app, postgresql_database, FrozenClock(), curfew=False)
    for number in range(ROUNDS):
        over_at = START + timedelta(days=number, hours=2)
        made = _expected(watched, over_at - timedelta(hours=1))
        look = partial(jobs.look_for_check_ins, postgresql_database, over_at)

        at_once([look, look])

        alert = _alert_about(postgresql_database, made)
        assert alert is not None
        assert _events(postgresql_database, alert) == [EventKind.RAISED]


def test_a_late_check_in_is_with_the_alert_whoever_is_first(
    postgresql_database: Database, app: Flask
) -> None:
    database = postgresql_database
    watched = watched_person(app, database, FrozenClock(), curfew=False)
    key = key_of(database, watched.phone)
    actor = Actor(
        kind=ActorKind.SUPERVISEE, id=watched.case.supervisee_id, agency_id=watched.case.agency_id
    )
    for number in range(ROUNDS):
        over_at = START + timedelta(days=number, hours=2)
        made = _expected(watched, over_at - timedelta(hours=1))

        at_once(
            [
                partial(_check_in, database, actor, key, made, over_at),
                partial(jobs.look_for_check_ins, database, over_at),
            ]
        )

        alert = _alert_about(database, made)
        assert alert is not None
        assert alert.cleared_at == over_at
        assert _events(database, alert).count(EventKind.RAISED) == 1


def _check_in(
    database: Database, actor: Actor, key: KeyContext, made: Appointment, now: datetime
) -> bool:
    with database.transaction() as session:
        done = service.check_in(session, actor, key, made.id, Shown(), party=PARTY, now=now)
    return isinstance(done, CheckIn)


def _expected(watched: Watched, due_at: datetime) -> Appointment:
    with watched.database.transaction() as session:
        return service.make_appointment(
            session,
            watched.case.officer,
            watched.case.supervisee_id,
            AppointmentKind.CHECK_IN,
            AppointmentTerms(starts_at=due_at),
            now=START,
        )


def _alert_about(database: Database, made: Appointment) -> AlertRow | None:
    with database.snapshot() as session:
        return session.scalar(select(AlertRow).where(AlertRow.source_id == made.id))


def _events(database: Database, alert: AlertRow) -> list[EventKind]:
    with database.snapshot() as session:
        mine = select(AlertEventRow).where(AlertEventRow.alert_id == alert.id)
        return [row.kind for row in session.scalars(mine.order_by(AlertEventRow.number))]


def _enrol(
    database: Database, actor: Actor, key: KeyContext, offer: OfferedKey, bench: devices.Bench
) -> Code | None:
    try:
        with database.transaction() as session:
            devices.set_presence(session, actor, key, offer, bench)
    except Problem as problem:
        return problem.code
    return None


def _revoke(database: Database, person: Person, phone: Phone) -> Code | None:
    with database.transaction() as session:
        devices.revoke(session, person.officer, phone.jkt, reason=KeyReason.LOST, now=START)
    return None


def _challenge(database: Database, key: KeyContext, expected: Appointment) -> str:
    with database.transaction() as session:
        return devices.open_check_in(session, key, expected.id, PARTY, START).challenge


def _offer(challenge: str, phone: Phone) -> OfferedKey:
    return OfferedKey(
        challenge=challenge,
        key=ProofKey().offer_presence(challenge, phone.jkt),
        x5c=None,
        app_assertion=None,
        key_change=None,
    )


def _bench(app: Flask) -> devices.Bench:
    platform = app.extensions["connectrex"]
    return devices.Bench(
        evidence_policy=platform.part(EvidencePolicy),
        party=platform.part(RelyingParty),
        now=START,
    )


def _in_force(database: Database) -> list[PresenceKey]:
    with database.snapshot() as session:
        return list(
            session.scalars(select(PresenceKey).where(PresenceKey.ended_at.is_(None))).all()
        )
