"""One writer for many requests: those that wait together (`turns`) are taken in by one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backend.core.db import Database
from backend.core.errors import Problem
from backend.devices.authentication import Authenticated, Authentication, count_refused
from backend.devices.service import KeyContext
from backend.location import admission
from backend.location.admission import Admission, Turned
from backend.location.batch import Batch
from backend.location.rulebook import RuleBook
from backend.location.turns import Turns
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


class Intake:
    """Takes requests in; one for all threads of a process."""

    def __init__(self, database: Database, authentication: Authentication, book: RuleBook) -> None:
        self._database = database
        self._authentication = authentication
        self._book = book
        self._turns = Turns[Arrival, Decided](self._serve, together=MAX_TOGETHER)

    def take_in(self, arrival: Arrival) -> Decided:
        """Return what became of a request, when it is durable.

        Raises Problem for a proof that does not hold (401) or was used before (409).
        """
        return self._turns.take(arrival)

    def _serve(self, arrivals: Sequence[Arrival]) -> list[Decided | Problem]:
        with self._database.transaction() as session:
            batch = Batch(session, self._book)
            outcomes = self._decide(batch, arrivals)
            batch.write()
        for outcome in outcomes:
            _count(outcome)
        return outcomes

    def _decide(self, batch: Batch, arrivals: Sequence[Arrival]) -> list[Decided | Problem]:
        """Lock the people concerned, verify every proof, then decide in order of arrival."""
        contexts = batch.find({one.opened.jkt for one in arrivals})
        held = [self._held(batch, one, contexts.get(one.opened.jkt)) for one in arrivals]
        keys = [who.key for who in held if isinstance(who, Authenticated)]
        if keys:
            batch.gather(keys, arrivals[0].now)
        return [
            who if isinstance(who, Problem) else _decided(batch, who, arrival)
            for who, arrival in zip(held, arrivals, strict=True)
        ]

    def _held(
        self, batch: Batch, arrival: Arrival, key: KeyContext | None
    ) -> Authenticated | Problem:
        try:
            return self._authentication.hold(
                batch.session,
                arrival.opened,
                key,
                arrival.signed,
                access_token=True,
                once=arrival.once,
                now=arrival.now,
            )
        except Problem as problem:
            return problem


def _decided(batch: Batch, who: Authenticated, arrival: Arrival) -> Decided:
    request = admission.Request(
        proof=who.proof,
        key=who.key,
        route=arrival.route,
        only_fix=arrival.only_fix,
        now=arrival.now,
    )
    return Decided(who=who, outcome=admission.admit(batch, request))


def _count(outcome: Decided | Problem) -> None:
    """Count what became of a request once it is committed, since before it may be tried anew."""
    if isinstance(outcome, Problem):
        count_refused(outcome)
    else:
        admission.count(outcome.outcome)
