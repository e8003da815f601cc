"""Many simulated phones at once, against a server that runs somewhere. A fake fleet, by the wire alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import groupby
from random import Random
from typing import Final

import requests

from backend.simulator.line import Line
from backend.simulator.phone import Phone, PhoneRefusedError
from backend.simulator.plan import Event, Plan
from backend.simulator.position import PhoneClock
from backend.simulator.receipt import ReceiptKeys
from backend.simulator.tally import Tally, total
from backend.simulator.walker import Walker
from backend.simulator.wire import HttpRequest, Transport, over_http

BANNER: Final = (
    "SIMULATED PHONES: A FAKE. Nobody carries them, and their keys are in no hardware. "
    "Never enrol them for a real person."
)
_PAUSES_S: Final = (0.05, 0.5, 1.0, 3.0)


class FleetError(Exception):
    """The fleet cannot begin: no server answers, or it refused to enrol a phone."""


def _real_now() -> datetime:
    return datetime.now(UTC)


def _real_wait(until: datetime) -> None:
    time.sleep(max(0.0, (until - _real_now()).total_seconds()))


def _over_a_connection() -> Transport:
    session = requests.Session()
    session.trust_env = False  # no proxy of the environment: the server is the one that is named
    return over_http(session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """The time that server and phones have in common; `wait` returns when an instant has come.

    `pause` is what a phone does between two tries, for so many seconds.
    """

    now: Callable[[], datetime] = _real_now
    wait: Callable[[datetime], None] = _real_wait
    pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardship:
    """What is wrong with phones: each clock runs up to `drift_ppm` fast or slow and shows up to
    `clock_off_s` too much or too little; `loses` is the share of requests or answers lost.
    """

    drift_ppm: float = 0.0
    clock_off_s: float = 0.0
    loses: float = 0.0


@dataclass(slots=True)
class Fleet:
    """Phones that are enrolled. `threads` of them speak at the same time."""

    server_url: str
    plan: Plan
    hardship: Hardship = field(default_factory=Hardship)
    time: Time = field(default_factory=Time)
    threads: int = 8
    connect: Callable[[], Transport] = field(default=_over_a_connection)
    walkers: list[Walker] = field(default_factory=list)

    def enrol(self, codes: Sequence[str]) -> None:
        """Enrol a phone for each code; FleetError names the first that was refused."""
        keys = self._receipt_keys()
        with ThreadPoolExecutor(self.threads) as pool:
            numbers = range(len(codes))
            self.walkers = list(pool.map(lambda n: self._walker(n, codes[n], keys), numbers))

    def run(self, progress: Callable[[int, int], None] = lambda _done, _of: None) -> Tally:
        """Let the phones go their way, and return what came of it.

        `progress` hears how many seconds of how many are over. KeyboardInterrupt cuts the way
        short: what was buffered by then is still sent and checked.
        """
        begins_at = self.time.now()
        due = self._events()
        lasts_s = due[-1][0] if due else 0
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                for at_s, deeds in groupby(due, key=lambda each: each[0]):
                    self.time.wait(begins_at + timedelta(seconds=at_s))
                    self._act(pool, [(number, event) for _, number, event in deeds])
                    progress(at_s, lasts_s)
            except KeyboardInterrupt:
                pass
            list(pool.map(Walker.finish, self.walkers))
        return self.tally()

    def tally(self) -> Tally:
        """Return what came of it so far."""
        return total(walker.tally for walker in self.walkers)

    def _events(self) -> list[tuple[int, int, Event]]:
        """Return second, phone and event of all, in order."""
        events = (
            (event.at_s, number, event)
            for number in range(len(self.walkers))
            for event in self.plan.events_of(number)
        )
        return sorted(events, key=lambda each: each[:2])

    def _act(self, pool: ThreadPoolExecutor, deeds: Sequence[tuple[int, Event]]) -> None:
        """Do what is due in one second: phones beside each other, a phone's deeds in their order."""
        by_phone = [
            (self.walkers[number], [event for _, event in mine])
            for number, mine in groupby(deeds, key=lambda deed: deed[0])
        ]
        list(pool.map(_act_all, by_phone))

    def _walker(self, number: int, code: str, keys: ReceiptKeys) -> Walker:
        chance = Random(f"{self.plan.seed}/hardship/{number}")  # noqa: S311 - a simulation
        drift = chance.uniform(-self.hardship.drift_ppm, self.hardship.drift_ppm)
        ahead_s = chance.uniform(-self.hardship.clock_off_s, self.hardship.clock_off_s)
        line = Line(self.connect(), loses=self.hardship.loses, chance=chance)
        phone = Phone(
            server_url=self.server_url,
            transport=line,
            clock=PhoneClock(self.time.now, wall_ahead=timedelta(seconds=ahead_s), drift_ppm=drift),
            pauses_s=_PAUSES_S,
            pause=self.time.pause,
        )
        try:
            phone.enrol(code)
        except PhoneRefusedError as refused:
            raise FleetError(f"code {number + 1} was refused: {refused}") from None
        except OSError as fault:
            raise FleetError(f"code {number + 1}: {type(fault).__name__}, no answer") from fault
        return Walker(phone, line, keys)

    def _receipt_keys(self) -> ReceiptKeys:
        request = HttpRequest(
            method="GET", url=f"{self.server_url}/.well-known/jwks.json", headers={}, body=b""
        )
        try:
            answer = self.connect()(request)
        except OSError as fault:
            raise FleetError(f"no server answers at {self.server_url}") from fault
        if answer.status != HTTPStatus.OK:
            raise FleetError(f"what answers at {self.server_url} is no connectrex server")
        return ReceiptKeys(answer.json())


def _act_all(deeds: tuple[Walker, Sequence[Event]]) -> None:
    walker, events = deeds
    for event in events:
        walker.act(event)
