"""In whatever order fixes arrive, live, late or in a journal, what is judged of them is the same."""

from __future__ import annotations

from random import Random
from typing import Any, Final
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.core.db import Database
from backend.simulator.position import Position
from tests.support.clocks import FrozenClock
from tests.support.location import (
    HOME,
    MARKET,
    Watched,
    approach,
    at,
    judged_from_nothing,
    judged_now,
    watched_person,
)

_EVERY_S: Final = 45
"""A fix that waits for the next one is still fresh enough for the gate."""
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WINDOWS: Final[dict[str, Any]] = {
    "timezone": "UTC",
    "weekly": [
        {"weekday": day, "start": f"{hour:02}:{start:02}", "end": f"{hour:02}:{end:02}"}
        for day in _DAYS
        for hour in range(24)
        for start, end in ((5, 20), (20, 29), (40, 57))
    ],
    "added": [],
    "removed": [],
}
_IN: Final = approach(MARKET, 1500.0, 8)


def _at_home(fixes: int) -> list[Position]:
    return [at(HOME, east_m=step % 7, north_m=step % 5) for step in range(fixes)]


def _in_market(fixes: int) -> list[Position]:
    return [at(MARKET, east_m=5.0 * (step % 9), north_m=7.0 * (step % 8)) for step in range(fixes)]


_HOURS: Final = st.lists(st.integers(1, 9), min_size=3, max_size=3).map(
    lambda stays: [
        *_at_home(stays[0]),
        *_IN,
        *_in_market(stays[1]),
        *_IN[::-1],
        *_at_home(2 * stays[2]),
    ]
)


class _Deliveries:
    """What a phone has taken and not delivered yet, and by chance when it does."""

    def __init__(self, one: Watched, chance: Random) -> None:
        self._one, self._chance = one, chance
        self._waiting: list[Any] = []
        self._tokens: list[str] = []

    def take(self, position: Position) -> None:
        """Take a fix that is sent at once, after the next one, or in a journal."""
        phone = self._one.phone
        phone.take_fix(position)
        how = self._chance.choice(("live", "live", "late", "journal"))
        if how == "journal":
            phone.keep_fix()
            late, self._waiting = self._waiting, []
        elif how == "late":
            late, self._waiting = self._waiting, [phone._fix]
        else:
            late, self._waiting = [phone._fix, *self._waiting], []
        for taken in late:
            phone._fix = taken
            assert phone.deliver_fix().status == 200

    def happen(self) -> None:
        """Let a journal be signed, one of those signed arrive, or the clock judge: or nothing."""
        what = self._chance.randrange(12)
        if what < 2:
            self._sign()
        elif what == 2 and self._tokens:
            self._send(self._chance.randrange(len(self._tokens)))
        elif what == 3:
            self._one.sweep()

    def finish(self) -> None:
        """Deliver all that is left, the journals in any order."""
        for taken in self._waiting:
            self._one.phone._fix = taken
            assert self._one.phone.deliver_fix().status == 200
        self._sign()
        self._chance.shuffle(self._tokens)
        while self._tokens:
            self._send(0)

    def _sign(self) -> None:
        journal = self._one.phone.journal
        if journal is not None and journal.fixes:
            self._tokens.append(self._one.phone.write_journal())

    def _send(self, index: int) -> None:
        assert self._one.phone.send_token(self._tokens.pop(index)).status == 200


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(route=_HOURS, chance=st.randoms(use_true_random=False))
def test_whatever_arrives_when_all_is_judged_as_in_one_go(
    app: Flask,
    database: Database,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    route: list[Position],
    chance: Random,
) -> None:
    monkeypatch.setattr("backend.location.judging.CHECKPOINT_EVERY_S", 120)
    one = watched_person(app, database, clock, schedule=_WINDOWS, name=f"p{uuid4().hex[:8]}")
    deliveries = _Deliveries(one, chance)
    for position in route:
        deliveries.take(position)
        clock.step(seconds=_EVERY_S)
        deliveries.happen()
    deliveries.finish()

    one.sweep()

    mine = one.case.supervisee_id
    assert len([fix for fix in one.fixes() if fix.supervisee_id == mine]) == len(route)
    assert judged_now(one) == judged_from_nothing(one)
    assert any(row.ended_s for row in one.episodes() if row.supervisee_id == mine)
