"""Simulated phones of people who are to check in: when they do, and what is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.appointments import service
from backend.appointments.check_in_rules import CheckInRefusal, Punctuality
from backend.appointments.models import CheckInRow
from backend.appointments.service import Appointment, AppointmentKind, AppointmentTerms
from backend.core.actor import Permission
from backend.core.db import Database
from backend.devices import service as devices
from backend.devices.presence_level import Presence
from backend.identity import service as identity
from backend.simulator.fleet import Hardship
from backend.simulator.plan import Plan
from backend.simulator.tally import Tally, summary
from tests.backend.simulator.test_fleet import WAY, changed, dropped, failing, fleet_of
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import Case, open_case, order_for
from tests.support.devices import CODE_KEY

PLAN = Plan(track=WAY, check_in_every_s=60)
SOON = timedelta(minutes=5)


@pytest.fixture
def case(database: Database) -> Case:
    """A person under an order, of an agency that asks for nothing to be shown."""
    with database.transaction() as session:
        case = open_case(session, now=START)
        order_for(session, case, now=START)
    return case


def code_of(database: Database, case: Case, clock: FrozenClock) -> str:
    with database.transaction() as session:
        return devices.issue_code(
            session, case.officer, case.supervisee_id, code_key=CODE_KEY, now=clock.now()
        ).code


def expect(
    database: Database,
    case: Case,
    after: timedelta = SOON,
    kind: AppointmentKind = AppointmentKind.CHECK_IN,
) -> Appointment:
    with database.transaction() as session:
        terms = AppointmentTerms(starts_at=START + after)
        return service.make_appointment(
            session, case.officer, case.supervisee_id, kind, terms, now=START
        )


def ask_for(database: Database, case: Case, **changes: object) -> None:
    """Let the agency decide otherwise."""
    with database.transaction() as session:
        agency = identity.get_agency(session, case.agency_id)
        identity.change_agency(
            session,
            replace(case.supervisor, permissions=frozenset(Permission)),
            name=agency.name,
            zone=agency.zone,
            contact_phone=agency.contact_phone,
            contact_email=agency.contact_email,
            policy=replace(agency.policy, **changes),  # type: ignore[arg-type]  # keywords
            now=START,
        )


def attempts(database: Database) -> list[CheckInRow]:
    with database.snapshot() as session:
        return list(session.scalars(select(CheckInRow).order_by(CheckInRow.id)))


@pytest.mark.parametrize("least", ["none", "device"])
def test_a_phone_checks_in_by_its_presence_key_when_that_is_enough(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case, least: str
) -> None:
    ask_for(database, case, least_presence=least)
    both = {expect(database, case).id, expect(database, case, timedelta(minutes=6)).id}
    fleet = fleet_of(client, clock, PLAN)

    fleet.enrol([code_of(database, case, clock)])
    tally = fleet.run()

    rows = attempts(database)
    assert {row.appointment_id for row in rows} == both
    assert {(row.level, row.refusal) for row in rows} == {(Presence.DEVICE, None)}
    assert all(row.fix_seq for row in rows)
    assert (tally.presence_keys, tally.check_ins, tally.check_ins_late) == (1, 2, 0)
    assert tally.receipts == tally.live_accepted + tally.tokens + 2
    assert tally.is_whole
    assert "check-ins made                     2   0 late" in list(summary(tally))


def test_where_more_is_asked_for_it_is_refused_once_and_counted(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    ask_for(database, case, least_presence="verified")
    expect(database, case)
    fleet = fleet_of(client, clock, PLAN)

    fleet.enrol([code_of(database, case, clock)])
    tally = fleet.run()

    assert [row.refusal for row in attempts(database)] == [CheckInRefusal.PRESENCE_TOO_WEAK]
    assert (tally.check_ins, tally.check_ins_refused) == (0, {"presence-too-weak": 1})
    assert tally.is_whole


def test_it_waits_until_a_check_in_is_open(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    expect(database, case, timedelta(hours=4, minutes=5))
    expect(database, case, timedelta(hours=5))
    fleet = fleet_of(client, clock, PLAN)

    fleet.enrol([code_of(database, case, clock)])
    tally = fleet.run()

    [row] = attempts(database)
    assert START + timedelta(minutes=5) <= row.at <= START + timedelta(minutes=6)
    assert tally.check_ins == 1


def test_what_is_in_person_or_called_off_is_none_of_its_business(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    expect(database, case, kind=AppointmentKind.HEARING)
    cancelled = expect(database, case)
    with database.transaction() as session:
        service.cancel_appointment(session, case.officer, cancelled.id, reason="Ill.", now=START)
    fleet = fleet_of(client, clock, PLAN)

    fleet.enrol([code_of(database, case, clock)])
    tally = fleet.run()

    assert attempts(database) == []
    assert (tally.presence_keys, tally.check_ins) == (0, 0)


def test_nobody_looks_unless_the_plan_says_so(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    expect(database, case)
    fleet = fleet_of(client, clock, Plan(track=WAY))

    fleet.enrol([code_of(database, case, clock)])
    fleet.run()

    assert attempts(database) == []


def test_through_every_hardship_each_is_made_once(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    expected = {expect(database, case, timedelta(minutes=each)).id for each in range(1, 6)}
    plan = replace(PLAN, laps=2, offline=0.4, lose=0.1, reboots=2, rotate_every_s=200)
    hardship = Hardship(drift_ppm=50, clock_off_s=120, loses=0.15)
    fleet = fleet_of(client, clock, plan, hardship=hardship)

    fleet.enrol([code_of(database, case, clock)])
    tally = fleet.run()

    accepted = [row.appointment_id for row in attempts(database) if row.refusal is None]
    assert len(accepted) == len(set(accepted)) == tally.check_ins == 5
    assert set(accepted) == expected
    assert (tally.lost, tally.unasked, tally.wrong_receipts) == (0, 0, 0)
    assert tally.is_whole


def test_what_was_due_without_a_connection_is_made_late(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    ask_for(database, case, check_in_grace_s=0)
    expect(database, case, timedelta(seconds=1))
    fleet = fleet_of(client, clock, replace(PLAN, offline=0.99))

    fleet.enrol([code_of(database, case, clock)])
    tally = fleet.run()

    assert [row.punctuality for row in attempts(database)] == [Punctuality.LATE]
    assert (tally.check_ins, tally.check_ins_late) == (1, 1)


def test_what_another_phone_made_is_not_made_again(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    expect(database, case)
    tallies: list[Tally] = []
    for _ in range(2):
        fleet = fleet_of(client, clock, PLAN)
        fleet.enrol([code_of(database, case, clock)])
        tallies.append(fleet.run())

    assert [tally.check_ins for tally in tallies] == [1, 0]
    assert len(attempts(database)) == 1


def test_more_appointments_than_a_page_holds_are_all_seen(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    expect(database, case)
    for _ in range(100):
        expect(database, case, kind=AppointmentKind.HEARING)
    fleet = fleet_of(client, clock, PLAN)

    fleet.enrol([code_of(database, case, clock)])

    assert fleet.run().check_ins == 1


def test_an_accepted_check_in_that_the_server_later_knows_nothing_of_is_lost(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    expect(database, case)
    forgetful = changed("/v1/me/check-ins", items=[])
    fleet = fleet_of(client, clock, PLAN, between=forgetful)

    fleet.enrol([code_of(database, case, clock)])
    tally = fleet.run()

    assert (tally.check_ins, tally.lost) == (1, 1)
    assert list(summary(tally))[-1].startswith("LOST: 1 ")


def test_one_that_cannot_be_asked_for_again_is_not_checked(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    expect(database, case)
    fleet = fleet_of(client, clock, PLAN, between=dropped("/v1/me/check-ins", after=1))

    fleet.enrol([code_of(database, case, clock)])
    tally = fleet.run()

    assert (tally.check_ins, tally.unasked, tally.lost) == (1, 1, 0)
    assert list(summary(tally))[-1].startswith("INCOMPLETE")


def test_a_receipt_for_another_check_in_is_wrong(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    path = f"/v1/me/appointments/{expect(database, case).id}/check-in"
    fleet = fleet_of(client, clock, PLAN, between=changed(path, punctuality="late"))

    fleet.enrol([code_of(database, case, clock)])
    tally = fleet.run()

    assert tally.wrong_receipts == 1
    assert not tally.is_whole


def test_a_presence_key_that_is_refused_is_counted(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case
) -> None:
    expect(database, case)
    refuse = failing("/v1/device/presence-key", 422, "evidence-refused")
    fleet = fleet_of(client, clock, PLAN, between=refuse)

    fleet.enrol([code_of(database, case, clock)])
    tally = fleet.run()

    assert tally.check_ins == tally.presence_keys == 0
    assert tally.presence_refused["evidence-refused"] > 1
    assert tally.is_whole


@pytest.mark.parametrize("path", ["check-in-challenge", "check-in"])
def test_a_server_that_cannot_answer_now_is_asked_again(
    client: FlaskClient, database: Database, clock: FrozenClock, case: Case, path: str
) -> None:
    made = expect(database, case)
    busy = failing(f"/v1/me/appointments/{made.id}/{path}", 503, "unavailable")
    fleet = fleet_of(client, clock, PLAN, between=busy)

    fleet.enrol([code_of(database, case, clock)])
    tally = fleet.run()

    assert (tally.check_ins, tally.check_ins_refused.total()) == (0, 0)
    assert tally.is_whole
