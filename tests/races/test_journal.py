"""Journal tokens that come at the same moment, over connections and processes of their own."""

from __future__ import annotations

from copy import deepcopy
from functools import partial

from flask import Flask
from sqlalchemy import select

from backend.alerts.kinds import AlertKind
from backend.location.models import JournalEntry
from backend.simulator.wire import HttpRequest
from tests.races.test_fixes import app, elsewhere, hold, send, watched
from tests.support.location import HOME, Watched, at
from tests.support.races import at_once

__all__ = ["app", "elsewhere", "watched"]


def request_for(watched: Watched, text: str) -> HttpRequest:
    """Sign the request for a token without sending it."""
    held: list[HttpRequest] = []
    watched.phone.token()
    reach, watched.phone._transport = watched.phone._transport, partial(hold, held)
    watched.phone.send_token(text)
    watched.phone._transport = reach
    return held[0]


def entries(watched: Watched) -> list[tuple[int, bool]]:
    with watched.database.snapshot() as session:
        rows = session.scalars(select(JournalEntry).order_by(JournalEntry.n, JournalEntry.forked))
        return [(row.n, row.forked) for row in rows]


def test_one_token_sent_many_times_at_once_is_kept_once(
    watched: Watched, app: Flask, elsewhere: Flask
) -> None:
    for number in range(1, 4):
        for step in range(3):
            watched.phone.buffer_fix(at(HOME, east_m=step))
            watched.clock.step(seconds=10)
        request = request_for(watched, watched.phone.write_journal())

        answers = at_once([partial(send, one, request) for one in (app, elsewhere) * 3])

        assert {answer.status for answer in answers} == {200}
        assert len({answer.json()["receipt"] for answer in answers}) == 1
        assert len(watched.fixes()) == 3 * number
    assert entries(watched) == [(1, False), (2, False), (3, False)]


def test_of_two_forked_tokens_at_once_one_is_taken_and_both_are_kept(
    watched: Watched, app: Flask, elsewhere: Flask
) -> None:
    before, texts = deepcopy(watched.phone.journal), []
    for east_m in (0, 500):
        watched.phone.journal, watched.phone._seq = deepcopy(before), 0
        watched.phone.buffer_fix(at(HOME, east_m=east_m))
        texts.append(watched.phone.write_journal())
    requests = [request_for(watched, text) for text in texts]

    answers = at_once(
        [
            partial(send, one, request)
            for one, request in zip((app, elsewhere), requests, strict=True)
        ]
    )

    assert sorted(answer.status for answer in answers) == [200, 409]
    assert entries(watched) == [(1, False), (1, True)]
    assert len(watched.fixes()) == 1
    assert [one.kind for one in watched.alerts()].count(AlertKind.JOURNAL_FORK) == 1


def test_tokens_of_a_chain_at_once_are_all_taken_in_whatever_order(
    watched: Watched, app: Flask, elsewhere: Flask
) -> None:
    requests = []
    for number in range(6):
        watched.phone.buffer_fix(at(HOME, east_m=number))
        watched.clock.step(seconds=10)
        requests.append(request_for(watched, watched.phone.write_journal()))

    answers = at_once(
        [partial(send, (app, elsewhere)[n % 2], request) for n, request in enumerate(requests)]
    )

    assert {answer.status for answer in answers} == {200}
    assert [fix.seq for fix in watched.fixes()] == [1, 2, 3, 4, 5, 6]
    assert entries(watched) == [(n, False) for n in range(1, 7)]
