"""Who is expected elsewhere, or no more, hears of it: once, and never of what is past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.appointments import notices, service
from backend.appointments.service import Appointment, AppointmentTerms
from backend.core.actor import Actor, Permission
from backend.core.db import Database, Session
from backend.core.errors import Code, Problem
from backend.identity import service as identity
from backend.outbox.models import NOT_WITHDRAWN, OutboxMessage
from backend.outbox.rows import message_of
from backend.worker.jobs import READERS
from notifications.delivery import MessageState
from notifications.formats import Language
from notifications.messages import NEUTRAL, Rendered, Template
from tests.support.clocks import START
from tests.support.devices import Person, supervised_person
from tests.support.identity import bearer_of
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


MOVED = {"starts_at": "2026-03-12T16:30:00Z", "place": "Room 4"}


@pytest.fixture
def bearer(database: Database, person: Person) -> dict[str, str]:
    with database.transaction() as session:
        return bearer_of(session, person.account, START)


def test_an_officer_reads_what_a_move_would_say_and_it_is_what_is_told(
    client: FlaskClient, diary: Diary, bearer: dict[str, str]
) -> None:
    path = f"/v1/appointments/{diary.made.id}/change-preview"

    answer = client.post(path, json=MOVED, headers=bearer)

    assert answer.json is not None
    assert (answer.json["kind"], answer.json["language"]) == ("hearing", "en")
    texts = answer.json["texts"]
    assert "(Room 4): jueves 12 de marzo de 2026, 11:30" in texts["es"]["body"]
    assert texts["es"]["lock_screen_body"] == NEUTRAL[Language.SPANISH].lock_screen_body
    assert texts["es"]["lock_screen_title"] == NEUTRAL[Language.SPANISH].lock_screen_title
    assert texts["es"]["subject"] == NEUTRAL[Language.SPANISH].subject
    assert diary.waiting() == []
    diary.move(LATER, place="Room 4")
    assert texts["en"] == as_shown(diary.told())


def test_an_officer_reads_what_a_cancellation_would_say_and_it_is_what_is_told(
    client: FlaskClient, diary: Diary, bearer: dict[str, str]
) -> None:
    path = f"/v1/appointments/{diary.made.id}/cancellation-preview"

    answer = client.get(path, headers=bearer)

    assert answer.json is not None
    texts = answer.json["texts"]
    assert "canceló esto. No tiene que venir:" in texts["es"]["body"]
    assert diary.waiting() == []
    diary.cancel()
    assert texts["en"] == as_shown(diary.told())


def test_a_preview_says_so_when_the_person_is_told_nothing(
    client: FlaskClient, diary: Diary, bearer: dict[str, str]
) -> None:
    path = f"/v1/appointments/{diary.made.id}/change-preview"
    kept = {"starts_at": AT.isoformat(), "place": diary.made.place, "note": "Bring the file."}

    answer = client.post(path, json=kept, headers=bearer)

    assert answer.json == {"kind": "hearing", "language": "en", "texts": None}


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"starts_at": "2026-03-01T09:00:00Z"}, "/starts_at"),
        ({"starts_at": None}, "/starts_at"),
        ({"zone": "Mars/Olympus"}, "/zone"),
        ({"place": ""}, "/place"),
    ],
)
def test_a_preview_of_what_cannot_be_is_refused_with_its_place(
    client: FlaskClient, diary: Diary, bearer: dict[str, str], wrong: dict[str, Any], pointer: str
) -> None:
    path = f"/v1/appointments/{diary.made.id}/change-preview"

    answer = client.post(path, json=MOVED | wrong, headers=bearer)

    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_nothing_is_previewed_of_what_can_change_no_more(diary: Diary, is_cancelled: bool) -> None:
    if is_cancelled:
        diary.cancel()
    now = START if is_cancelled else AT

    assert refusals(diary, diary.person.officer, now) == {Code.ILLEGAL_TRANSITION}


def test_who_may_read_appointments_of_the_person_may_preview_and_nobody_else(
    database: Database, diary: Diary
) -> None:
    officer = diary.person.officer
    theirs_alone = replace(officer, own_only=True)
    reader = replace(officer, permissions=frozenset({Permission.APPOINTMENT_READ}))
    with database.transaction() as session:
        stranger = supervised_person(session, now=START).officer

    assert refusals(diary, replace(officer, permissions=frozenset())) == {Code.FORBIDDEN}
    assert refusals(diary, stranger) == {Code.NOT_FOUND}
    assert refusals(diary, theirs_alone) == {Code.NOT_FOUND}
    assert refusals(diary, reader) == set()
    with database.transaction() as session:
        identity.assign(
            session, officer, diary.person.supervisee_id, diary.person.account.id, now=START
        )
    assert refusals(diary, theirs_alone) == set()


def refusals(diary: Diary, actor: Actor, now: datetime = START) -> set[Code]:
    """By what codes either preview is refused to `actor`."""
    terms = AppointmentTerms(starts_at=LATER)
    found: set[Code] = set()
    previews: tuple[Callable[[Session], object], ...] = (
        lambda s: service.preview_change(s, actor, diary.made.id, terms, now=now),
        lambda s: service.preview_cancellation(s, actor, diary.made.id, now=now),
    )
    for preview in previews:
        try:
            with diary.database.snapshot() as session:
                preview(session)
        except Problem as refusal:
            found.add(refusal.code)
    return found


def as_shown(told: list[Rendered]) -> dict[str, str]:
    """The one message that waits, as the API shows it."""
    (one,) = told
    names = ("subject", "body", "lock_screen_title", "lock_screen_body")
    return {name: getattr(one, name) for name in names}
