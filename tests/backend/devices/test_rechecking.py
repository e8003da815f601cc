"""Devices whose ground gave way are suspended, and officers are told; their word stands."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.alerts.models import AlertRow
from backend.attestation.android.status_list import MAX_AGE
from backend.audit.models import AuditEvent
from backend.core.db import Database
from backend.core.settings import Settings
from backend.devices import keys, rechecking
from backend.devices import service as devices
from backend.devices.key_state import KeyReason, KeyState
from backend.devices.models import DeviceKey, StatusListRow
from backend.devices.status_lists import (
    StatusListFaultError,
    current_status_list,
    keep_status_list,
)
from backend.identity import service as identity
from backend.identity.service import AgencyPolicy
from backend.outbox.models import OutboxMessage
from backend.simulator.phone import Phone
from backend.worker.jobs import recheck
from tests.support.attestation.phones import (
    EMPTY_LIST,
    android,
    attesting,
    give_status_list,
    remote,
    revoking,
)
from tests.support.clocks import START, FrozenClock
from tests.support.devices import Person, enrolled_phone, supervised_person

LATER = START + timedelta(hours=1)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return attesting(settings, tmp_path)


@pytest.fixture
def person(database: Database) -> Person:
    give_status_list(database)
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def phone(client: FlaskClient, database: Database, clock: FrozenClock, person: Person) -> Phone:
    return enrolled_phone(database, client, clock, person, evidence=android())


def state(database: Database, phone: Phone) -> tuple[KeyState, KeyReason]:
    with database.snapshot() as session:
        key = session.get_one(DeviceKey, phone.jkt)
        return key.state, key.state_reason


def alerts(database: Database) -> list[AlertRow]:
    with database.snapshot() as session:
        return list(session.scalars(select(AlertRow).order_by(AlertRow.id)))


def demand(database: Database, person: Person, least: str) -> None:
    """Let the agency ask for another level."""
    with database.transaction() as session:
        agency = identity.get_agency(session, person.agency.id)
        identity.change_agency(
            session,
            person.officer,
            name=agency.name,
            zone=agency.zone,
            contact_phone=agency.contact_phone,
            contact_email=agency.contact_email,
            policy=AgencyPolicy(least_assurance=least),
            now=LATER,
        )


def test_without_a_list_nothing_is_revoked(database: Database) -> None:
    assert recheck(database, START) is False


def test_what_no_list_names_stays(database: Database, phone: Phone) -> None:
    give_status_list(database, data=revoking("1234"), fetched_at=LATER)

    recheck(database, LATER)

    assert state(database, phone) == (KeyState.ACTIVE, KeyReason.ENROLLED)
    assert alerts(database) == []


@pytest.mark.parametrize("serial", ["ba7c4", str(0xBA7C4), "fac7"])
def test_a_revoked_chain_suspends_the_phone_and_the_officer_is_told(
    database: Database, person: Person, phone: Phone, serial: str
) -> None:
    give_status_list(database, data=revoking(serial), fetched_at=LATER)

    recheck(database, LATER)

    assert state(database, phone) == (KeyState.SUSPENDED, KeyReason.ATTESTATION_REVOKED)
    (alert,) = alerts(database)
    assert (alert.kind.value, alert.severity.value) == ("device-revoked", "critical")
    assert alert.supervisee_id == person.supervisee_id
    assert alert.explanation["status"] == "revoked"
    assert alert.sentence_en != alert.sentence_es
    with database.snapshot() as session:
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.act == "device.suspended")
        ).one()
        assert session.scalars(select(OutboxMessage)).all()
    assert (event.actor_kind, event.agency_id) == ("system", person.agency.id)
    assert json.loads(event.details)["reason"] == "attestation-revoked"


def test_a_list_that_grew_old_revokes_still(database: Database, phone: Phone) -> None:
    give_status_list(database, data=revoking("ba7c4"), fetched_at=LATER)

    recheck(database, LATER + 10 * MAX_AGE)

    assert state(database, phone)[0] is KeyState.SUSPENDED


def test_a_remote_chain_is_looked_up_too(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    phone = enrolled_phone(database, client, clock, person, evidence=remote())
    give_status_list(database, data=revoking("9b5e"), fetched_at=LATER)

    recheck(database, LATER)

    assert state(database, phone)[0] is KeyState.SUSPENDED


def test_a_phone_that_showed_no_chain_is_not_looked_up(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person
) -> None:
    phone = enrolled_phone(database, client, clock, person)
    give_status_list(database, data=revoking("1"), fetched_at=LATER)

    recheck(database, LATER)

    assert state(database, phone)[0] is KeyState.ACTIVE


def test_an_officer_who_reinstates_has_decided(
    database: Database, person: Person, phone: Phone
) -> None:
    give_status_list(database, data=revoking("ba7c4"), fetched_at=LATER)
    recheck(database, LATER)
    with database.transaction() as session:
        devices.reinstate(session, person.officer, phone.jkt, now=LATER)

    recheck(database, LATER + timedelta(days=1))

    assert state(database, phone) == (KeyState.ACTIVE, KeyReason.CLEARED)
    assert len(alerts(database)) == 1


def test_a_phone_that_an_officer_suspended_is_looked_up_once_it_is_back(
    database: Database, person: Person, phone: Phone
) -> None:
    give_status_list(database, data=revoking("ba7c4"), fetched_at=LATER)
    with database.transaction() as session:
        devices.suspend(session, person.officer, phone.jkt, reason=KeyReason.LOST, now=LATER)
    recheck(database, LATER)
    lost = state(database, phone)
    with database.transaction() as session:
        devices.reinstate(session, person.officer, phone.jkt, now=LATER)

    recheck(database, LATER)

    assert lost == (KeyState.SUSPENDED, KeyReason.LOST)
    assert state(database, phone) == (KeyState.SUSPENDED, KeyReason.ATTESTATION_REVOKED)


def test_a_raised_policy_suspends_who_is_below_and_nobody_else(
    client: FlaskClient, database: Database, clock: FrozenClock, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        colleague = supervised_person(session, now=START, agency=person.agency)
        stranger = supervised_person(session, now=START)
    stronger = enrolled_phone(database, client, clock, colleague, evidence=remote())
    elsewhere = enrolled_phone(database, client, clock, stranger, evidence=android())
    demand(database, person, "hardware_rkp")

    recheck(database, LATER)

    assert state(database, phone) == (KeyState.SUSPENDED, KeyReason.BELOW_POLICY)
    assert state(database, stronger)[0] is KeyState.ACTIVE
    assert state(database, elsewhere)[0] is KeyState.ACTIVE
    (alert,) = alerts(database)
    assert (alert.kind.value, alert.severity.value) == ("device-revoked", "warning")
    assert alert.explanation["assurance"] == "hardware_factory"
    assert alert.explanation["least"] == "hardware_rkp"


def test_a_phone_below_policy_that_was_reinstated_stays(
    database: Database, person: Person, phone: Phone
) -> None:
    demand(database, person, "strongbox")
    recheck(database, LATER)
    with database.transaction() as session:
        devices.reinstate(session, person.officer, phone.jkt, now=LATER)

    recheck(database, LATER)

    assert state(database, phone) == (KeyState.ACTIVE, KeyReason.CLEARED)


def test_batches_leave_nobody_out(
    client: FlaskClient,
    database: Database,
    clock: FrozenClock,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rechecking, "RECHECK_BATCH", 2)
    monkeypatch.setattr(devices, "RECHECK_BATCH", 2)
    phones = []
    with database.transaction() as session:
        people = [supervised_person(session, now=START, agency=person.agency) for _ in range(5)]
    for index, each in enumerate(people):
        clock.step(seconds=1)
        maker = android() if index < 3 else remote()
        phones.append(enrolled_phone(database, client, clock, each, evidence=maker))
    give_status_list(database, data=revoking("ba7c4"), fetched_at=LATER)
    demand(database, person, "strongbox")

    runs = [recheck(database, LATER) for _ in range(2)]

    assert runs == [True, False]
    assert [state(database, phone)[1] for phone in phones] == [
        KeyReason.ATTESTATION_REVOKED,
        KeyReason.ATTESTATION_REVOKED,
        KeyReason.ATTESTATION_REVOKED,
        KeyReason.BELOW_POLICY,
        KeyReason.BELOW_POLICY,
    ]


def test_a_key_that_is_not_active_any_more_is_left_alone(
    database: Database, person: Person, phone: Phone
) -> None:
    with database.transaction() as session:
        devices.revoke(session, person.officer, phone.jkt, reason=KeyReason.STOLEN, now=LATER)
        found = keys.suspend_for_system(
            session, phone.jkt, reason=KeyReason.BELOW_POLICY, now=LATER
        )

    assert found is None
    assert state(database, phone)[0] is KeyState.REVOKED


# The list


def test_what_is_no_list_leaves_the_one_before(database: Database) -> None:
    give_status_list(database)

    with pytest.raises(StatusListFaultError, match="NOT_JSON"), database.transaction() as session:
        keep_status_list(session, b"<html>", fetched_at=LATER)
    with database.snapshot() as session:
        kept = current_status_list(session)
    assert kept is not None
    assert kept.fetched_at == START


def test_a_kept_list_that_cannot_be_read_any_more_is_no_clearance(database: Database) -> None:
    with database.transaction() as session:
        session.add(StatusListRow(version="0" * 64, body=b"<html>", fetched_at=START))

    with pytest.raises(StatusListFaultError), database.snapshot() as session:
        current_status_list(session)


def test_the_list_that_was_fetched_last_counts_and_never_grows_younger_by_an_older_one(
    database: Database,
) -> None:
    give_status_list(database, data=revoking("a"), fetched_at=START)
    give_status_list(database, data=EMPTY_LIST, fetched_at=LATER)
    give_status_list(database, data=EMPTY_LIST, fetched_at=START)
    with database.snapshot() as session:
        empty = current_status_list(session)
    give_status_list(database, data=revoking("a"), fetched_at=LATER + timedelta(hours=1))
    with database.snapshot() as session:
        again = current_status_list(session)

    assert empty is not None
    assert again is not None
    assert (empty.fetched_at, empty.listed([0xA])) == (LATER, None)
    assert again.listed([0xA]) is not None
    assert again.fetched_at == LATER + timedelta(hours=1)
