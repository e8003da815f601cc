"""Requests that wait together: each gets its own answer, whatever happens to the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from flask import Flask
from prometheus_client import REGISTRY

from backend.core.db import Database
from backend.core.http import Audience
from backend.identity import service as identity
from backend.identity.service import PersonalData
from backend.location import admission
from backend.location.admission import Admission, Request, Turned
from backend.location.batch import Batch
from backend.location.guard import GateGuard
from backend.location.intake import Intake
from backend.simulator.phone import Phone
from tests.support.clocks import FrozenClock
from tests.support.conditions import order_for
from tests.support.location import HOME, Watched, at, enrol, watched_person

PATIENCE_S = 10.0


class ToldToStop(BaseException):
    """What SystemExit looks like to a request that serves others too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """People under supervision, each with a phone, and the intake that all of them go through."""

    watched: Watched
    people: list[UUID]
    phones: list[Phone]
    intake: Intake

    def send_together(self) -> list[int | BaseException]:
        """Let every phone send a fix while the intake is busy; return what came of each."""
        turns = self.intake._turns
        turns._led = True
        requests = [_Sending(phone) for phone in self.phones]
        _wait_until(lambda: len(turns._waiting) == len(self.phones))
        turns._pass_on()
        return [request.outcome() for request in requests]


class _Sending(threading.Thread):
    """One phone that sends a fix and waits for its answer."""

    def __init__(self, phone: Phone, times: int = 1) -> None:
        super().__init__(daemon=True)
        self._phone = phone
        self._times = times
        self._outcome: int | BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            statuses = {self._phone.send_fix(at(HOME)).status for _ in range(self._times)}
            (self._outcome,) = statuses
        except BaseException as error:  # noqa: BLE001 - the case under test
            self._outcome = error

    def outcome(self) -> int | BaseException:
        self.join(PATIENCE_S)
        assert self._outcome is not None, "the request waits for ever"
        return self._outcome


def _wait_until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


@pytest.fixture
def crowd(app: Flask, database: Database, clock: FrozenClock) -> Crowd:
    watched = watched_person(app, database, clock, curfew=False, exclusion=False)
    cases = [watched.case]
    for number in range(3):
        data = PersonalData(given_name="Testa", family_name=f"Example{number}")
        with database.transaction() as session:
            person = identity.create_supervisee(
                session, watched.case.officer, data, now=clock.now()
            )
            cases.append(replace(watched.case, supervisee_id=person.id))
            order_for(session, cases[-1], now=clock.now())
    phones = [watched.phone]
    phones += [enrol(app.test_client(), database, clock, case) for case in cases[1:]]
    for phone in phones:
        assert phone.send_fix(at(HOME)).status == 200
    api = app.extensions["flask-smorest"]["blp_name_to_api"]["fixes"]
    guard: GateGuard = api.guards[Audience.SUPERVISEE]
    people = [case.supervisee_id for case in cases]
    return Crowd(watched=watched, people=people, phones=phones, intake=guard._intake)


def failing_for(
    monkeypatch: pytest.MonkeyPatch, person: UUID, error: type[BaseException]
) -> list[UUID]:
    """Let admission fail for one person; return who was admitted, as it goes on."""
    admitted: list[UUID] = []
    admit = admission.admit

    def admit_or_fail(batch: Batch, request: Request) -> Admission | Turned:
        if request.key.supervisee_id == person:
            raise error
        admitted.append(request.key.supervisee_id)
        return admit(batch, request)

    monkeypatch.setattr(admission, "admit", admit_or_fail)
    return admitted


def located() -> float:
    return REGISTRY.get_sample_value("connectrex_admitted_total", {"basis": "located"}) or 0.0


def numbers(outcomes: Sequence[int | BaseException]) -> list[int]:
    return sorted(one for one in outcomes if isinstance(one, int))


def test_a_fault_stays_with_the_request_that_it_belongs_to(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted = failing_for(monkeypatch, crowd.people[2], RuntimeError)
    counted = located()

    outcomes = crowd.send_together()

    assert outcomes[2] == 500
    assert numbers(outcomes) == [200, 200, 200, 500]
    assert len(crowd.watched.fixes()) == 4 + 3
    assert set(admitted) == {crowd.people[0], crowd.people[1], crowd.people[3]}
    assert located() - counted == 3


def test_whoever_serves_others_and_is_told_to_stop_leaves_nobody_waiting(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_for(monkeypatch, crowd.people[2], ToldToStop)

    outcomes = crowd.send_together()

    assert numbers(outcomes) == [503, 503, 503]
    assert [type(one) for one in outcomes if not isinstance(one, int)] == [ToldToStop]
    assert len(crowd.watched.fixes()) == 4
    monkeypatch.undo()
    assert [phone.deliver_fix().status for phone in crowd.phones] == [200] * 4


def test_many_at_once_are_each_taken_in_once(crowd: Crowd) -> None:
    counted = located()

    requests = [_Sending(phone, times=5) for phone in crowd.phones]

    assert [request.outcome() for request in requests] == [200] * 4
    assert [fix.seq for fix in sorted(crowd.watched.fixes(), key=lambda fix: fix.seq)] == [
        seq for seq in range(1, 7) for _ in range(4)
    ]
    assert located() - counted == 20
