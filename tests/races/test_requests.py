"""Requests made and answered at once, on PostgreSQL, each transaction with its own connection."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import func, select

from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.outbox.models import OutboxMessage
from backend.requests import notices, service
from backend.requests.models import RequestRow
from backend.requests.service import MAX_OPEN_OF_A_KIND, RequestState
from tests.support.clocks import START
from tests.support.offices import Office, make_office
from tests.support.races import at_once
from tests.support.requests import asked

AT_ONCE = 6


@pytest.fixture
def office(postgresql_database: Database) -> Office:
    with postgresql_database.transaction() as session:
        return make_office(session, START)


def _ask(database: Database, office: Office, text: str) -> Code | None:
    try:
        with database.transaction() as session:
            asked(session, office.person, START, text=text)
    except Problem as problem:
        return problem.code
    return None


def _kept(database: Database) -> int:
    with database.snapshot() as session:
        return session.scalar(select(func.count()).select_from(RequestRow)) or 0


def test_the_same_sent_at_once_is_one_request(
    postgresql_database: Database, office: Office
) -> None:
    answers = at_once([partial(_ask, postgresql_database, office, "It stops.")] * AT_ONCE)

    assert answers == [None] * AT_ONCE
    assert _kept(postgresql_database) == 1


def test_a_flood_at_once_is_held_as_well_as_one_by_one(
    postgresql_database: Database, office: Office
) -> None:
    texts = [f"It stops {number}." for number in range(AT_ONCE)]

    answers = at_once([partial(_ask, postgresql_database, office, text) for text in texts])

    assert answers.count(None) == MAX_OPEN_OF_A_KIND
    assert answers.count(Code.TOO_MANY_OPEN) == AT_ONCE - MAX_OPEN_OF_A_KIND
    assert _kept(postgresql_database) == MAX_OPEN_OF_A_KIND


def test_of_officers_who_answer_at_once_one_does_and_the_person_hears_once(
    postgresql_database: Database, office: Office
) -> None:
    database = postgresql_database
    with database.transaction() as session:
        request = asked(session, office.person, START)

    def answer() -> Code | None:
        try:
            with database.transaction() as session:
                service.answer_request(
                    session,
                    office.actor,
                    request.id,
                    outcome=RequestState.ANSWERED,
                    answer="Mended.",
                    now=START,
                )
        except Problem as problem:
            return problem.code
        return None

    answers = at_once([answer] * AT_ONCE)

    assert answers.count(None) == 1
    assert answers.count(Code.ILLEGAL_TRANSITION) == AT_ONCE - 1
    told = select(func.count()).select_from(OutboxMessage)
    with database.snapshot() as session:
        assert session.scalar(told.where(OutboxMessage.source_kind == notices.ANSWER_SOURCE)) == 1
