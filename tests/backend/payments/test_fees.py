from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from backend.core.actor import Actor
from backend.core.db import Database, Session
from backend.core.errors import Code, Problem
from backend.core.paging import Cursor
from backend.identity.service import AgencyPolicy
from backend.payments import service
from backend.payments.kinds import Cadence, ObligationStatus
from backend.payments.service import Obligation, Recurrence
from tests.support.clocks import START
from tests.support.identity import make_actor, make_agency, make_supervisee
from tests.support.offices import Office, make_office
from tests.support.payments import monthly_fee, paid, terms

TODAY = date(2026, 3, 2)


def _raised(session: Session, actor: Actor, person: UUID, now: datetime) -> list[Obligation]:
    page = service.obligations(session, actor, person, cursor=Cursor(), now=now)
    return sorted(page.items, key=lambda obligation: obligation.due_on)


def test_a_fee_far_in_the_future_is_raised_later(database: Database, office: Office) -> None:
    with database.transaction() as session:
        fee = monthly_fee(
            session,
            office.actor,
            office.person.id,
            START,
            starts_on=date(2026, 5, 1),
            day_of_month=15,
        )

        assert fee.next_due_on == date(2026, 5, 15)
        assert _raised(session, office.actor, office.person.id, START) == []
        assert service.raise_recurring(session, START) == 0


def test_a_fee_cannot_start_in_the_past(database: Database, office: Office) -> None:
    yesterday = TODAY - timedelta(days=1)

    with database.transaction() as session, pytest.raises(Problem) as refused:
        monthly_fee(
            session, office.actor, office.person.id, START, starts_on=yesterday, day_of_month=1
        )

    assert refused.value.pointer == "/starts_on"


def test_what_is_due_soon_is_raised_when_the_fee_is_set(database: Database, office: Office) -> None:
    with database.transaction() as session:
        fee = monthly_fee(
            session, office.actor, office.person.id, START, starts_on=TODAY, day_of_month=5
        )

        (obligation,) = _raised(session, office.actor, office.person.id, START)
        assert obligation.due_on == date(2026, 3, 5)
        assert obligation.recurring_fee_id == fee.id
        assert obligation.outstanding_minor == 4_500
        assert fee.next_due_on == date(2026, 4, 5)


def test_a_fee_on_the_31st_is_raised_on_the_last_day_of_every_month_and_once(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        monthly_fee(
            session, office.actor, office.person.id, START, starts_on=TODAY, day_of_month=31
        )
    for day in range(125):
        with database.transaction() as session:
            service.raise_recurring(session, START + timedelta(days=day))

    with database.transaction() as session:
        raised = _raised(session, office.actor, office.person.id, START)
    assert [obligation.due_on for obligation in raised] == [
        date(2026, 3, 31),
        date(2026, 4, 30),
        date(2026, 5, 31),
        date(2026, 6, 30),
    ]


def test_a_worker_that_was_away_catches_up(database: Database, office: Office) -> None:
    with database.transaction() as session:
        monthly_fee(session, office.actor, office.person.id, START, starts_on=TODAY, day_of_month=9)
        back = START + timedelta(days=70)

        service.raise_recurring(session, back)

        raised = _raised(session, office.actor, office.person.id, back)
    assert [o.due_on for o in raised] == [date(2026, 3, 9), date(2026, 4, 9), date(2026, 5, 9)]
    assert [o.status for o in raised] == [ObligationStatus.OVERDUE] * 3


@pytest.mark.parametrize(
    ("zone", "raised_at"),
    [
        # The first reminder of 20 March is sent on the 15th: midnight of the 14th, summer time.
        ("America/Chicago", datetime(2026, 3, 14, 5, 0, tzinfo=UTC)),
        ("Europe/Madrid", datetime(2026, 3, 13, 23, 0, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2026, 3, 13, 10, 0, tzinfo=UTC)),
    ],
)
def test_a_fee_is_raised_at_midnight_of_the_agency(
    database: Database, zone: str, raised_at: datetime
) -> None:
    with database.transaction() as session:
        agency = make_agency(session, START, zone=zone)
        actor = make_actor(session, agency, START)
        person = make_supervisee(session, agency, START)
        monthly_fee(session, actor, person.id, START, starts_on=date(2026, 3, 20), day_of_month=20)

        before = service.raise_recurring(session, raised_at - timedelta(seconds=1))
        after = service.raise_recurring(session, raised_at)

    assert (before, after) == (0, 1)


def test_an_agency_that_reminds_early_raises_early(database: Database) -> None:
    with database.transaction() as session:
        policy = AgencyPolicy(payment_reminder_days=(-30, 1))
        agency = make_agency(session, START, policy=policy)
        actor = make_actor(session, agency, START)
        person = make_supervisee(session, agency, START)
        fee = monthly_fee(session, actor, person.id, START, starts_on=TODAY, day_of_month=2)

    assert fee.next_due_on == date(2026, 5, 2)


def test_many_fees_are_raised_in_batches_until_none_is_left(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        people = [make_supervisee(session, office.agency, START) for _ in range(3)]
        for person in people:
            monthly_fee(session, office.actor, person.id, START, starts_on=TODAY, day_of_month=20)
        later = START + timedelta(days=15)

        counts = [service.raise_recurring(session, later, limit=2) for _ in range(3)]

        raised = [_raised(session, office.actor, person.id, later) for person in people]
    assert counts == [2, 1, 0]
    assert [len(each) for each in raised] == [1, 1, 1]


def test_a_fee_that_ends_cancels_what_was_raised_for_later(
    database: Database, office: Office
) -> None:
    with database.transaction() as session:
        fee = service.set_recurring_fee(
            session,
            office.actor,
            office.person.id,
            terms(amount_minor=1_000),
            Recurrence(cadence=Cadence.WEEKLY, starts_on=TODAY),
            now=START,
        )
        later = START + timedelta(days=7)
        service.raise_recurring(session, later)
        paid(session, office.actor, office.person.id, later, amount_minor=3_000)

        ended = service.end_recurring_fee(
            session, office.actor, fee.id, last_due_on=date(2026, 3, 9), now=later
        )

        raised = _raised(session, office.actor, office.person.id, later)
        balance = service.balance(session, office.actor, office.person.id, now=later)
        assert service.raise_recurring(session, later + timedelta(days=60)) == 0
    assert [(o.due_on, o.status) for o in raised] == [
        (date(2026, 3, 2), ObligationStatus.PAID),
        (date(2026, 3, 9), ObligationStatus.PAID),
    ] + [(o.due_on, ObligationStatus.CANCELLED) for o in raised[2:]]
    assert len(raised) > 1
    assert (ended.last_due_on, ended.next_due_on) == (date(2026, 3, 9), None)
    assert balance.currencies[0].credit_minor == 1_000


def test_a_fee_that_ended_does_not_end_later(database: Database, office: Office) -> None:
    with database.transaction() as session:
        fee = monthly_fee(
            session,
            office.actor,
            office.person.id,
            START,
            starts_on=TODAY,
            day_of_month=9,
            last_due_on=date(2026, 6, 9),
        )
        sooner = service.end_recurring_fee(
            session, office.actor, fee.id, last_due_on=date(2026, 5, 9), now=START
        )
        assert sooner.next_due_on == date(2026, 3, 9)

        with pytest.raises(Problem) as refused:
            service.end_recurring_fee(
                session, office.actor, fee.id, last_due_on=date(2026, 5, 9), now=START
            )

    assert refused.value.code is Code.ILLEGAL_TRANSITION


def test_the_fee_of_another_agency_is_not_there(database: Database, office: Office) -> None:
    with database.transaction() as session:
        elsewhere = make_office(session, START)
        fee = monthly_fee(
            session, office.actor, office.person.id, START, starts_on=TODAY, day_of_month=9
        )

        for fee_id in (fee.id, uuid4()):
            with pytest.raises(Problem) as refused:
                service.end_recurring_fee(
                    session, elsewhere.actor, fee_id, last_due_on=TODAY, now=START
                )
            assert refused.value.code is Code.NOT_FOUND
