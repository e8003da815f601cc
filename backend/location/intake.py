"""One writer for many requests: those that wait together are taken in by one transaction.

Whoever gets the writer's turn serves everybody who waits by then; the others find their answer
ready when their turn comes. Under load a commit is shared by as many requests as wait; a lone one
waits for nobody.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.devices.authentication import Authenticated, Authentication, count_refused
from backend.devices.service import key_contexts
from backend.location import admission
from backend.location.admission import Admission, Turned
from backend.location.batch import Batch
from backend.location.rulebook import RuleBook
from backend.proof.dpop import OpenedProof, SignedRequest

MAX_TOGETHER: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request at the gate. `once`: its proof is good for one request only."""

    opened: OpenedProof
    signed: SignedRequest
    route: str
    only_fix: bool
    once: bool
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Whose request it was, and what became of it: committed."""

    who: Authenticated
    outcome: Admission | Turned


@dataclass(slots=True)
class _Ticket:
    """A request that waits; in the end it has one of the three."""

    arrival: Arrival
    decided: Decided | None = None
    problem: Problem | None = None
    fault: Exception | None = None

    @property
    def is_served(self) -> bool:
        return self.decided is not None or self.problem is not None or self.fault is not None

    def close(self) -> None:
        """Give a request that was not served its end: whoever served it was told to stop."""
        if not self.is_served:
            self.problem = Problem(Code.UNAVAILABLE, headers={"Retry-After": "1"})

    def answer(self) -> Decided:
        """Return what became of the request, or raise what stood against it."""
        if self.problem is not None:
            raise self.problem
        if self.fault is not None:
            raise self.fault
        if self.decided is None:
            raise LookupError("the request was not served")
        return self.decided


@dataclass(slots=True)
class _Served:
    """What a transaction made of its tickets, told to them only once it is committed."""

    decided: dict[int, Decided] = field(default_factory=dict)
    problems: dict[int, Problem] = field(default_factory=dict)


class Intake:
    """Takes requests in; one for all threads of a process."""

    def __init__(self, database: Database, authentication: Authentication, book: RuleBook) -> None:
        self._database = database
        self._authentication = authentication
        self._book = book
        self._turn = threading.Lock()
        self._list = threading.Lock()
        self._waiting: list[_Ticket] = []

    def take_in(self, arrival: Arrival) -> Decided:
        """Return what became of a request, when it is durable.

        Raises Problem for a proof that does not hold (401) or was used before (409).
        """
        ticket = _Ticket(arrival)
        with self._list:
            self._waiting.append(ticket)
        with self._turn:
            while not ticket.is_served:
                self._serve_next(ticket)
        return ticket.answer()

    def _serve_next(self, mine: _Ticket) -> None:
        """Serve those that wait, or else `mine`. Whatever happens, nobody taken is left waiting."""
        tickets = self._next() or [mine]
        try:
            self._serve(tickets)
        finally:
            for ticket in tickets:
                ticket.close()

    def _next(self) -> list[_Ticket]:
        with self._list:
            tickets = self._waiting[:MAX_TOGETHER]
            del self._waiting[:MAX_TOGETHER]
            return tickets

    def _serve(self, tickets: list[_Ticket]) -> None:
        """Serve all in one transaction; if that fails each alone, so that a fault stays one's own."""
        try:
            self._commit(tickets)
        except Exception as fault:  # noqa: BLE001 - raised again in the thread that it belongs to
            if len(tickets) == 1:
                tickets[0].fault = fault
                return
            for ticket in tickets:
                self._serve([ticket])

    def _commit(self, tickets: list[_Ticket]) -> None:
        with self._database.transaction() as session:
            batch = Batch(session, self._book)
            served = self._decide(batch, tickets)
            batch.write()
        for number, ticket in enumerate(tickets):
            ticket.decided = served.decided.get(number)
            ticket.problem = served.problems.get(number)
            if ticket.decided is not None:
                admission.count(ticket.decided.outcome)
            if ticket.problem is not None:
                count_refused(ticket.problem)

    def _decide(self, batch: Batch, tickets: list[_Ticket]) -> _Served:
        """Verify every proof, then lock the people concerned, then decide in order of arrival."""
        served = _Served()
        contexts = key_contexts(batch.session, {t.arrival.opened.jkt for t in tickets})
        proved: dict[int, Authenticated] = {}
        for number, ticket in enumerate(tickets):
            arrival = ticket.arrival
            try:
                proved[number] = self._authentication.hold(
                    batch.session,
                    arrival.opened,
                    contexts.get(arrival.opened.jkt),
                    arrival.signed,
                    access_token=True,
                    once=arrival.once,
                    now=arrival.now,
                )
            except Problem as problem:
                served.problems[number] = problem
        if not proved:
            return served
        batch.gather([who.key for who in proved.values()], tickets[0].arrival.now)
        for number, who in proved.items():
            arrival = tickets[number].arrival
            request = admission.Request(
                proof=who.proof,
                key=who.key,
                route=arrival.route,
                only_fix=arrival.only_fix,
                now=arrival.now,
            )
            outcome = admission.admit(batch, request)
            served.decided[number] = Decided(who=who, outcome=outcome)
        return served
