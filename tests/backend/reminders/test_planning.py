from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from backend.core.actor import Permission
from backend.core.db import Database
from backend.identity import service as identity
from backend.identity.service import AgencyPolicy, PersonalData, Role
from backend.outbox.models import OutboxMessage
from backend.payments import service as payments
from backend.payments.kinds import ObligationKind
from backend.payments.ledger import RELIEVES, TransactionKind
from backend.reminders.service import PlanReport
from notifications.delivery import MessageState
from notifications.formats import Language
from tests.support.clocks import START
from tests.support.devices import Person, supervised_person
from tests.support.identity import actor_of, make_officer
from tests.support.ledger import relief_terms
from tests.support.reminders import bodies_now, owes, pays, planned, waiting

DUE: date = date(2026, 3, 7)
"""Five days after the tests begin."""
FIVE_BEFORE = ("2026-03-02", datetime(2026, 3, 2, 19, tzinfo=UTC))
ONE_BEFORE = ("2026-03-06", datetime(2026, 3, 6, 19, tzinfo=UTC))
ONE_AFTER = ("2026-03-08", datetime(2026, 3, 8, 18, tzinfo=UTC))
"""The clocks went forward in the night before."""

NOTHING = PlanReport(added=0, moved=0, withdrawn=0)


def change_person(database: Database, person: Person, zone: str, language: Language) -> None:
    with database.transaction() as session:
        officer = person.officer
        now = identity.get_supervisee(session, officer, person.supervisee_id)
        data = PersonalData(
            given_name=now.given_name,
            family_name=now.family_name,
            emails=now.emails,
            zone=zone,
            language=language,
        )
        identity.change_supervisee(session, officer, person.supervisee_id, data, now=START)


def change_policy(database: Database, person: Person, policy: AgencyPolicy) -> None:
    agency = person.agency
    with database.transaction() as session:
        identity.change_agency(
            session,
            replace(person.officer, permissions=frozenset(Permission)),
            name=agency.name,
            zone=agency.zone,
            contact_phone=agency.contact_phone,
            contact_email=agency.contact_email,
            policy=policy,
            now=START,
        )


def states(database: Database) -> list[MessageState]:
    with database.snapshot() as session:
        return list(
            session.scalars(select(OutboxMessage.state).order_by(OutboxMessage.enqueued_at))
        )


@pytest.mark.usefixtures("testa")
def test_where_nobody_owes_nothing_is_planned(database: Database) -> None:
    assert planned(database, START) == NOTHING


def test_a_payment_is_reminded_of_five_days_and_one_before_and_once_after(
    database: Database, testa: Person
) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)

    report = planned(database, START)

    assert report == PlanReport(added=3, moved=0, withdrawn=0)
    assert waiting(database) == [FIVE_BEFORE, ONE_BEFORE, ONE_AFTER]


def test_planning_again_changes_nothing(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)

    again = [planned(database, START + timedelta(minutes=minutes)) for minutes in (0, 1, 30)]

    assert again == [NOTHING] * 3


def test_what_should_have_been_sent_already_is_skipped(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)

    planned(database, FIVE_BEFORE[1] + timedelta(seconds=1))

    assert waiting(database) == [ONE_BEFORE, ONE_AFTER]


def test_what_falls_due_far_ahead_is_left_for_later(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        owes(session, testa, date(2026, 4, 30), START)

    assert planned(database, START) == NOTHING


def test_paying_takes_back_what_is_unsent(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)
    with database.transaction() as session:
        pays(session, testa, 5_000, START)

    report = planned(database, START + timedelta(minutes=1))

    assert report == PlanReport(added=0, moved=0, withdrawn=3)
    assert waiting(database) == []
    assert bodies_now(database) == []


@pytest.mark.parametrize("kind", RELIEVES)
def test_relief_takes_back_what_is_unsent(
    database: Database, testa: Person, kind: TransactionKind
) -> None:
    with database.transaction() as session:
        debt = owes(session, testa, DUE, START)
        chief = actor_of(make_officer(session, testa.agency, START, role=Role.SUPERVISOR))
        whole = relief_terms(kind, 5_000)
        relief = payments.propose_relief(session, testa.officer, debt.id, whole, now=START)
    planned(database, START)
    proposed = waiting(database)

    with database.transaction() as session:
        payments.approve_relief(session, chief, relief.id, now=START)
    said = bodies_now(database)
    report = planned(database, START)

    assert proposed == [FIVE_BEFORE, ONE_BEFORE, ONE_AFTER]
    assert said == []
    assert report == PlanReport(added=0, moved=0, withdrawn=3)
    assert waiting(database) == []


def test_what_relief_leaves_is_what_the_reminder_says(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        debt = owes(session, testa, DUE, START)
        chief = actor_of(make_officer(session, testa.agency, START, role=Role.SUPERVISOR))
    planned(database, START)
    with database.transaction() as session:
        part = relief_terms(TransactionKind.WAIVER, 1_250)
        relief = payments.propose_relief(session, testa.officer, debt.id, part, now=START)
        payments.approve_relief(session, chief, relief.id, now=START)

    report = planned(database, START)

    assert report == NOTHING
    assert all("$37.50" in body for body in bodies_now(database))


def test_a_payment_that_bounces_is_reminded_of_again(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)
    with database.transaction() as session:
        payment = pays(session, testa, 5_000, START)
    planned(database, START)
    with database.transaction() as session:
        payments.reverse_payment(session, testa.officer, payment.id, reason="returned", now=START)

    report = planned(database, START)

    assert report == PlanReport(added=3, moved=0, withdrawn=0)
    assert states(database).count(MessageState.WITHDRAWN) == 3


def test_a_part_payment_leaves_the_reminder_with_the_rest(
    database: Database, testa: Person
) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)
    with database.transaction() as session:
        pays(session, testa, 1_250, START)

    report = planned(database, START)

    assert report == NOTHING
    assert all("$37.50" in body for body in bodies_now(database))


def test_what_falls_due_on_one_day_is_one_message(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START, amount_minor=1_000)
        owes(session, testa, DUE, START, amount_minor=2_000, kind=ObligationKind.FINE)

    planned(database, START)

    first, *_ = bodies_now(database)
    assert len(waiting(database)) == 3
    assert "Supervision fee: $10.00" in first
    assert "Fine: $20.00" in first


def test_what_comes_due_later_on_the_same_day_joins_the_message_that_waits(
    database: Database, testa: Person
) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)
    with database.transaction() as session:
        owes(session, testa, DUE, START, kind=ObligationKind.FINE)

    report = planned(database, START)

    assert report == NOTHING
    assert all("Fine" in body for body in bodies_now(database))


def test_a_message_about_two_payments_ends_with_the_first_of_them(
    database: Database, testa: Person
) -> None:
    with database.transaction() as session:
        owes(session, testa, date(2026, 3, 9), START)
    planned(database, START)
    with database.transaction() as session:
        owes(session, testa, date(2026, 3, 5), START, kind=ObligationKind.FINE)

    report = planned(database, START)

    assert report.moved == 1
    with database.snapshot() as session:
        ends = session.scalars(
            select(OutboxMessage.expires_at).where(OutboxMessage.key.endswith(":2026-03-04"))
        ).all()
    assert ends == [datetime(2026, 3, 6, 6, tzinfo=UTC)]


def test_a_person_who_moves_is_reminded_by_the_clock_of_the_new_place(
    database: Database, testa: Person
) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)
    change_person(database, testa, "America/Los_Angeles", Language.SPANISH)

    report = planned(database, START)

    assert report == PlanReport(added=0, moved=3, withdrawn=0)
    assert waiting(database)[0] == ("2026-03-02", datetime(2026, 3, 2, 21, tzinfo=UTC))
    assert all(body.startswith("Hola, Testa") for body in bodies_now(database))


def test_an_agency_that_moves_its_hour_into_the_past_does_not_lose_the_day(
    database: Database, testa: Person
) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)
    change_policy(database, testa, AgencyPolicy(reminder_at=time(9)))
    now = datetime(2026, 3, 2, 18, tzinfo=UTC)

    planned(database, now)

    assert waiting(database)[0] == ("2026-03-02", datetime(2026, 3, 2, 15, tzinfo=UTC))
    assert len(bodies_now(database)) == 3


def test_an_agency_that_reminds_less_takes_the_rest_back(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)
    change_policy(database, testa, AgencyPolicy(payment_reminder_days=(-1,)))

    report = planned(database, START)

    assert report == PlanReport(added=0, moved=0, withdrawn=2)
    assert waiting(database) == [ONE_BEFORE]


def test_each_agency_reminds_by_its_own_rules(database: Database, testa: Person) -> None:
    late = AgencyPolicy(payment_reminder_days=(-30,), reminder_at=time(18))
    with database.transaction() as session:
        other = supervised_person(session, now=START, policy=late)
        owes(session, testa, DUE, START)
        owes(session, other, date(2026, 4, 1), START)

    planned(database, START)

    assert waiting(database) == [
        FIVE_BEFORE,
        ("2026-03-02", datetime(2026, 3, 3, tzinfo=UTC)),
        ONE_BEFORE,
        ONE_AFTER,
    ]


def test_an_agency_that_reminds_of_nothing_does_not(database: Database) -> None:
    with database.transaction() as session:
        person = supervised_person(
            session, now=START, policy=AgencyPolicy(payment_reminder_days=())
        )
        owes(session, person, DUE, START)

    assert planned(database, START) == NOTHING


def test_a_reminder_says_what_is_true_when_it_is_read(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)

    before, _, after = bodies_now(database)

    assert before.startswith("Hello Testa,")
    assert "Testa County Supervision" in before
    assert "+15555550100" in before
    assert "Supervision fee: $50.00, due Saturday, March 7, 2026" in before
    assert "was due Saturday, March 7, 2026" in after


def test_reminders_of_weeks_apart_can_be_read_together(database: Database, testa: Person) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)
        owes(session, testa, date(2026, 4, 7), START)
    planned(database, START)
    planned(database, datetime(2026, 4, 2, tzinfo=UTC))

    bodies = bodies_now(database)

    assert len(bodies) == 6
    assert "April 7, 2026" in bodies[-1]
