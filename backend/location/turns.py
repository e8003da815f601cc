"""Acts that wait at the same moment are done together, in one transaction.

Whoever comes first leads: it serves itself and everybody who waits by then, tells them, and then
whoever waits longest leads. Nobody whose act is done waits for the next turn. Under load a commit is
shared, and a leader waits a moment for those who are on their way; a lone act waits for nobody.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, TypeVar

from backend.core.errors import Code, Problem

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

GATHER_S: Final = 0.001
"""How long a turn waits for company where the turn before had some."""


@dataclass(slots=True)
class _Ticket(Generic[Item, Outcome]):
    """An act that waits until its thread is called: to go, with an outcome or a fault, or to lead."""

    item: Item
    outcome: Outcome | None = None
    fault: Exception | None = None
    _call: threading.Semaphore = field(default_factory=partial(threading.Semaphore, 0))

    @property
    def is_served(self) -> bool:
        return self.outcome is not None or self.fault is not None

    def wait(self) -> None:
        self._call.acquire()

    def call(self) -> None:
        self._call.release()


class Turns(Generic[Item, Outcome]):
    """Does acts by `serve`, which gives each item an outcome, or a Problem to be raised for it.

    `serve` commits. If it raises, each item is served alone, so that a fault stays one's own.
    """

    def __init__(
        self, serve: Callable[[Sequence[Item]], Sequence[Outcome | Problem]], *, together: int
    ) -> None:
        self._serve = serve
        self._together = together
        self._list = threading.Lock()
        self._led = False
        self._crowded = False
        self._waiting: deque[_Ticket[Item, Outcome]] = deque()

    def take(self, item: Item) -> Outcome:
        """Return what became of the item, once it is durable; raise what stood against it."""
        ticket = _Ticket[Item, Outcome](item)
        if not self._leads(ticket):
            ticket.wait()
        if not ticket.is_served:
            self._lead(ticket)
        if ticket.fault is not None:
            raise ticket.fault
        if ticket.outcome is None:
            raise LookupError("the act was not done")
        return ticket.outcome

    def _leads(self, ticket: _Ticket[Item, Outcome]) -> bool:
        """Return whether the ticket leads, since nobody else does; otherwise it waits."""
        with self._list:
            if self._led:
                self._waiting.append(ticket)
                return False
            self._led = True
            return True

    def _lead(self, mine: _Ticket[Item, Outcome]) -> None:
        """Serve `mine` and those that wait. Whatever happens, nobody taken is left waiting."""
        tickets = [mine]
        try:
            if self._crowded:
                time.sleep(GATHER_S)
            tickets += self._company()
            self._crowded = len(tickets) > 1
            self._serve_all(tickets)
        finally:
            for ticket in tickets[1:]:
                if not ticket.is_served:  # whoever served was told to stop
                    ticket.fault = Problem(Code.UNAVAILABLE, headers={"Retry-After": "1"})
                ticket.call()
            self._pass_on()

    def _company(self) -> list[_Ticket[Item, Outcome]]:
        with self._list:
            count = min(self._together - 1, len(self._waiting))
            return [self._waiting.popleft() for _ in range(count)]

    def _pass_on(self) -> None:
        """Call whoever waits longest to lead; if nobody waits, whoever comes next leads."""
        with self._list:
            following = self._waiting.popleft() if self._waiting else None
            self._led = following is not None
        if following is not None:
            following.call()

    def _serve_all(self, tickets: list[_Ticket[Item, Outcome]]) -> None:
        try:
            outcomes = self._serve([ticket.item for ticket in tickets])
        except Exception as fault:  # noqa: BLE001 - raised again in the thread that it belongs to
            if len(tickets) == 1:
                tickets[0].fault = fault
                return
            for ticket in tickets:
                self._serve_all([ticket])
            return
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            if isinstance(outcome, Problem):
                ticket.fault = outcome
            else:
                ticket.outcome = outcome
