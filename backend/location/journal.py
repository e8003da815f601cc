"""The journal: buffered fixes taken in, under one signature each; their chain kept and asked for.

`take_in`, for tokens that wait together, in one transaction (`journal_intake`):
  1  the request's proof holds, by an enrolled key that is not suspended
  2  the token holds, by the same key
  3  it follows what is here (`chain`): the same again gets the same receipt, a fork is kept as
     evidence and told to the officer
  4  of its fixes those taken under an order are kept: one that came live is the same fix; another
     under its number is a fork (`journal_fixes`)
  5  they are judged by when they were taken, in one go
  6  what is missing now is told (`journal_progress`)
Nothing here lets anybody in: a late fix is history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter

from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.devices.authentication import Authentication, count_refused
from backend.location.journal_intake import Arrival, JournalIntake
from backend.location.journal_outcome import Forked, Outcome, Taken
from backend.location.journal_refused import TAKEN
from backend.location.rulebook import RuleBook
from backend.location.turns import Turns

MAX_TOGETHER: Final = 32

FIXES: Final = Counter("connectrex_journal_fixes", "Buffered fixes by what became of them", ["as"])


class Journal:
    """Takes journal tokens in; one for all threads of a process."""

    def __init__(self, database: Database, authentication: Authentication, book: RuleBook) -> None:
        self._database = database
        self._authentication = authentication
        self._book = book
        self._turns = Turns[Arrival, Outcome](self._serve, together=MAX_TOGETHER)

    def take_in(self, arrival: Arrival) -> Outcome:
        """Return what became of a token, when it is durable.

        Raises Problem for a proof (401) or a token (422) that does not hold.
        """
        return self._turns.take(arrival)

    def _serve(self, arrivals: Sequence[Arrival]) -> list[Outcome | Problem]:
        with self._database.transaction() as session:
            intake = JournalIntake(session, self._book, self._authentication)
            outcomes = intake.decide(arrivals)
        for outcome in outcomes:
            _count(outcome)
        return outcomes


def _count(outcome: Outcome | Problem) -> None:
    """Count what became of a token once it is committed, since before it may be tried anew."""
    if isinstance(outcome, Taken):
        TAKEN.labels("repeated" if outcome.repeated else "taken").inc()
        if not outcome.repeated:
            FIXES.labels("accepted").inc(outcome.accepted)
            FIXES.labels("refused").inc(len(outcome.refusals))
    elif isinstance(outcome, Problem):
        if outcome.code is not Code.JOURNAL_REFUSED:
            count_refused(outcome)
    else:
        TAKEN.labels("forked" if isinstance(outcome, Forked) else "suspended").inc()
