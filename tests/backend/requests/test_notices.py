"""Officers hear that somebody waits, the person that there is an answer; neither hears more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from backend.core.db import Database
from backend.outbox.messages import RecipientKind
from backend.outbox.models import OutboxMessage
from backend.outbox.rows import message_of
from backend.requests import notices, service
from backend.requests.service import Request, RequestState
from backend.worker.jobs import READERS
from notifications.formats import Language
from notifications.kind import CollapseKey, MessageKind
from notifications.messages import NEUTRAL, Rendered, Template
from tests.support.clocks import START
from tests.support.identity import make_supervisee
from tests.support.offices import Office, make_office
from tests.support.requests import asked

LATER = START + timedelta(hours=1)


@pytest.fixture
def office(database: Database) -> Office:
    with database.transaction() as session:
        return make_office(session, START)


@pytest.fixture
def waiting(database: Database, office: Office) -> Request:
    with database.transaction() as session:
        return asked(session, office.person, START, text="Secret words.")


def _answer(database: Database, office: Office, request: Request) -> None:
    with database.transaction() as session:
        service.answer_request(
            session,
            office.actor,
            request.id,
            outcome=RequestState.DECLINED,
            answer="Secret reply.",
            now=LATER,
        )


def _messages(database: Database, source: str) -> list[OutboxMessage]:
    with database.snapshot() as session:
        return list(
            session.scalars(select(OutboxMessage).where(OutboxMessage.source_kind == source))
        )


def _told(database: Database, source: str) -> list[Rendered]:
    messages = [message_of(row) for row in _messages(database, source)]
    with database.snapshot() as session:
        return list(READERS[source](session, messages, LATER).values())


def test_a_notice_takes_the_place_of_no_reminder() -> None:
    assert MessageKind.REQUEST.collapse_key is CollapseKey.NOTICE


def test_the_officer_in_charge_gets_a_mail_that_names_nobody(
    database: Database, office: Office, waiting: Request
) -> None:
    (row,) = _messages(database, notices.SOURCE)
    (mail,) = _told(database, notices.SOURCE)

    assert (row.recipient_kind, row.recipient_id) == (RecipientKind.OFFICER, office.officer.id)
    assert (row.kind, row.due_at, row.waking_hours) == (MessageKind.REQUEST, START, None)
    assert mail.template is Template.REQUEST_WAITING
    assert f"GET /v1/requests/{waiting.id}" in mail.body
    for secret in ("Secret", office.person.given_name, office.person.family_name, "trouble"):
        assert secret not in mail.body + mail.subject


def test_the_same_again_is_no_second_mail(
    database: Database, office: Office, waiting: Request
) -> None:
    with database.transaction() as session:
        asked(session, office.person, LATER, text=waiting.text)

    assert len(_messages(database, notices.SOURCE)) == 1


def test_an_answer_makes_an_unsent_mail_needless(
    database: Database, office: Office, waiting: Request
) -> None:
    _answer(database, office, waiting)

    assert _told(database, notices.SOURCE) == []


def test_the_person_hears_while_awake_that_there_is_an_answer_and_not_which(
    database: Database, office: Office, waiting: Request
) -> None:
    assert _messages(database, notices.ANSWER_SOURCE) == []

    _answer(database, office, waiting)

    (row,) = _messages(database, notices.ANSWER_SOURCE)
    (notice,) = _told(database, notices.ANSWER_SOURCE)
    assert (row.recipient_kind, row.recipient_id) == (
        RecipientKind.SUPERVISEE,
        office.person.id,
    )
    assert row.waking_hours is not None
    assert notice.template is Template.REQUEST_ANSWERED
    assert "on Monday, March 2, 2026" in notice.body
    assert office.agency.contact_phone in notice.body
    assert "Secret" not in notice.body
    assert notice.lock_screen_body == NEUTRAL[Language.ENGLISH].lock_screen_body


def test_who_speaks_spanish_hears_it_in_spanish(database: Database, office: Office) -> None:
    with database.transaction() as session:
        person = make_supervisee(session, office.agency, START, language=Language.SPANISH)
        request = asked(session, person, START)

    _answer(database, office, request)

    (notice,) = _told(database, notices.ANSWER_SOURCE)
    assert "Hola, Testa" in notice.body
    assert notice.subject == NEUTRAL[Language.SPANISH].subject
