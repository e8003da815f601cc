"""Acts that wait at the same moment are done together, in one transaction.

Whoever gets the turn serves everybody who waits by then; the others find their answer ready when
their turn comes. Under load a commit is shared, and a turn waits a moment for those who are on their
way; a lone act waits for nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from backend.core.errors import Code, Problem

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

GATHER_S: Final = 0.001
"""How long a turn waits for company where the turn before had some."""


@dataclass(slots=True)
class _Ticket(Generic[Item, Outcome]):
    """An act that waits; in the end it has an outcome or a fault."""

    item: Item
    outcome: Outcome | None = None
    fault: Exception | None = None

    @property
    def is_served(self) -> bool:
        return self.outcome is not None or self.fault is not None


class Turns(Generic[Item, Outcome]):
    """Does acts by `serve`, which gives each item an outcome, or a Problem to be raised for it.

    `serve` commits. If it raises, each item is served alone, so that a fault stays one's own.
    """

    def __init__(
        self, serve: Callable[[Sequence[Item]], Sequence[Outcome | Problem]], *, together: int
    ) -> None:
        self._serve = serve
        self._together = together
        self._turn = threading.Lock()
        self._list = threading.Lock()
        self._crowded = False
        self._waiting: list[_Ticket[Item, Outcome]] = []

    def take(self, item: Item) -> Outcome:
        """Return what became of the item, once it is durable; raise what stood against it."""
        ticket = _Ticket[Item, Outcome](item)
        with self._list:
            self._waiting.append(ticket)
        with self._turn:
            while not ticket.is_served:
                self._serve_next(ticket)
        if ticket.fault is not None:
            raise ticket.fault
        if ticket.outcome is None:
            raise LookupError("the act was not done")
        return ticket.outcome

    def _serve_next(self, mine: _Ticket[Item, Outcome]) -> None:
        """Serve those that wait, or else `mine`. Whatever happens, nobody taken is left waiting."""
        if self._crowded:
            time.sleep(GATHER_S)
        tickets = self._next() or [mine]
        self._crowded = len(tickets) > 1
        try:
            self._serve_all(tickets)
        finally:
            for ticket in tickets:
                if not ticket.is_served:  # whoever served was told to stop
                    ticket.fault = Problem(Code.UNAVAILABLE, headers={"Retry-After": "1"})

    def _next(self) -> list[_Ticket[Item, Outcome]]:
        with self._list:
            tickets = self._waiting[: self._together]
            del self._waiting[: self._together]
            return tickets

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
