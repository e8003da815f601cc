from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from backend.core.actor import Actor, ActorKind
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.core.idempotency import KEEP, Answer, IdempotencyKey, Repetition
from backend.core.ids import new_id

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECRET = bytes(range(32))
OFFICER = Actor(kind=ActorKind.OFFICER, id=new_id(NOON), agency_id=new_id(NOON))
OTHER = Actor(kind=ActorKind.OFFICER, id=new_id(NOON), agency_id=OFFICER.agency_id)
ANSWER = Answer(
    status=201,
    content_type="application/json",
    headers={"ETag": '"1"', "Cache-Control": "no-store"},
    body=b'{"code":"ABCD-INVENTED"}',
)


def _repetition(key: str = "a-key", body: bytes = b"{}") -> Repetition:
    return Repetition(SECRET, key, "POST", "/v1/things", body)


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(Problem) as refused:
        _repetition(key)

    assert refused.value.code is Code.INVALID_REQUEST


def test_the_same_key_with_another_request_is_refused(database: Database) -> None:
    with database.transaction() as session:
        _repetition().keep(session, OFFICER, ANSWER, NOON)

    with pytest.raises(Problem) as refused, database.transaction() as session:
        _repetition(body=b'{"other":1}').recall(session, OFFICER, NOON)

    assert refused.value.code is Code.IDEMPOTENCY_MISMATCH


def test_the_same_request_gets_the_same_answer(database: Database) -> None:
    with database.transaction() as session:
        assert _repetition().recall(session, OFFICER, NOON) is None
        _repetition().keep(session, OFFICER, ANSWER, NOON)

    with database.transaction() as session:
        assert _repetition().recall(session, OFFICER, NOON) == ANSWER


def test_one_officers_key_is_not_anothers(database: Database) -> None:
    with database.transaction() as session:
        _repetition().keep(session, OFFICER, ANSWER, NOON)

        assert _repetition().recall(session, OTHER, NOON) is None


def test_the_database_alone_gives_no_answer_away(database: Database) -> None:
    with database.transaction() as session:
        _repetition().keep(session, OFFICER, ANSWER, NOON)

    with database.snapshot() as session:
        row = session.scalars(select(IdempotencyKey)).one()
    kept = row.sealed + row.key_hash + row.fingerprint
    assert b"INVENTED" not in kept
    assert b"a-key" not in kept


def test_an_answer_is_recalled_for_a_day_and_no_longer(database: Database) -> None:
    with database.transaction() as session:
        _repetition().keep(session, OFFICER, ANSWER, NOON)

    with database.transaction() as session:
        last = NOON + KEEP - timedelta(microseconds=1)
        assert _repetition().recall(session, OFFICER, last) == ANSWER
        assert _repetition().recall(session, OFFICER, NOON + KEEP) is None
        assert _repetition(body=b'{"other":1}').recall(session, OFFICER, NOON + KEEP) is None


def test_a_key_of_the_day_before_is_a_new_one(database: Database) -> None:
    with database.transaction() as session:
        _repetition().keep(session, OFFICER, ANSWER, NOON)
    another = replace(ANSWER, body=b"{}")

    with database.transaction() as session:
        assert _repetition().recall(session, OFFICER, NOON + KEEP) is None
        _repetition().keep(session, OFFICER, another, NOON + KEEP)

    with database.transaction() as session:
        assert _repetition().recall(session, OFFICER, NOON + KEEP) == another


def test_answers_are_forgotten_after_a_day(database: Database) -> None:
    with database.transaction() as session:
        _repetition().keep(session, OFFICER, ANSWER, NOON)
        _repetition("another").keep(session, OFFICER, ANSWER, NOON + KEEP)

    with database.snapshot() as session:
        assert len(session.scalars(select(IdempotencyKey)).all()) == 1
