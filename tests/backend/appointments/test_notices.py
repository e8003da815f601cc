"""Who is expected elsewhere, or no more, hears of it: once, and never of what is past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from backend.appointments import notices, service
from backend.appointments.service import Appointment, AppointmentTerms
from backend.core.db import Database
from backend.outbox.models import NOT_WITHDRAWN, OutboxMessage
from backend.outbox.rows import message_of
from backend.worker.jobs import READERS
from notifications.delivery import MessageState
from notifications.formats import Language
from notifications.messages import NEUTRAL, Rendered, Template
from tests.support.clocks import START
from tests.support.devices import Person, supervised_person
from tests.support.reminders import expects

AT = datetime(2026, 3, 10, 15, tzinfo=UTC)
LATER = datetime(2026, 3, 12, 16, 30, tzinfo=UTC)


class Diary:
    """A person's appointment, and what they are told of it."""

    def __init__(self, database: Database, person: Person, at: datetime = AT) -> None:
        self.database, self.person = database, person
        with database.transaction() as session:
            self.made: Appointment = expects(session, person, at, START)

    def move(self, to: datetime, now: datetime = START, **terms: Any) -> None:
        changed = AppointmentTerms(starts_at=to, **terms)
        with self.database.transaction() as session:
            service.change_appointment(session, self.person.officer, self.made.id, changed, now=now)

    def cancel(self, now: datetime = START) -> None:
        with self.database.transaction() as session:
            service.cancel_appointment(
                session, self.person.officer, self.made.id, reason="Judge is ill.", now=now
            )

    def waiting(self) -> list[OutboxMessage]:
        mine = select(OutboxMessage).where(
            OutboxMessage.source_kind == notices.SOURCE,
            OutboxMessage.state == MessageState.PENDING,
            NOT_WITHDRAWN,
        )
        with self.database.snapshot() as session:
            return list(session.scalars(mine))

    def told(self, now: datetime = START) -> list[Rendered]:
        messages = [message_of(row) for row in self.waiting()]
        with self.database.snapshot() as session:
            return list(READERS[notices.SOURCE](session, messages, now).values())


@pytest.fixture
def person(database: Database) -> Person:
    with database.transaction() as session:
        return supervised_person(session, now=START)


@pytest.fixture
def diary(database: Database, person: Person) -> Diary:
    return Diary(database, person)


def test_a_move_is_told_with_the_new_time_and_place(diary: Diary) -> None:
    diary.move(LATER, place="Room 4")

    (notice,) = diary.told()
    assert notice.template is Template.APPOINTMENT_MOVED
    assert notice.lock_screen_body == NEUTRAL[Language.ENGLISH].lock_screen_body
    assert "Court hearing (Room 4): Thursday, March 12, 2026, 11:30" in notice.body


def test_moves_that_follow_each_other_are_one_notice_of_where_things_stand(diary: Diary) -> None:
    diary.move(LATER)
    diary.move(LATER + timedelta(days=1), START + timedelta(minutes=1))
    diary.cancel(START + timedelta(minutes=2))

    (notice,) = diary.told()
    assert notice.template is Template.APPOINTMENT_CANCELLED
    assert "March 13" in notice.body
    assert "Judge" not in notice.body


def test_what_concerns_the_office_alone_is_not_told(diary: Diary) -> None:
    diary.move(AT, note="Bring the file.")

    assert diary.waiting() == []


def test_nothing_is_said_of_what_is_past(diary: Diary) -> None:
    diary.move(LATER)
    (waiting,) = diary.waiting()

    assert waiting.expires_at == LATER
    assert diary.told(LATER) == []


@pytest.mark.parametrize(("ahead", "at_any_hour"), [(23, True), (25, False)])
def test_who_must_be_somewhere_soon_is_told_at_any_hour(
    database: Database, person: Person, ahead: int, at_any_hour: bool
) -> None:
    diary = Diary(database, person, START + timedelta(hours=ahead))

    diary.move(LATER)

    (waiting,) = diary.waiting()
    assert (waiting.waking_hours is None) is at_any_hour


def test_a_time_elsewhere_says_in_which_zone(database: Database, person: Person) -> None:
    diary = Diary(database, person)

    diary.move(LATER, zone="America/New_York")

    (notice,) = diary.told()
    assert "EDT" in notice.body
