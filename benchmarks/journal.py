"""Buffered fixes per second over HTTP, in journal tokens, durable: how many, at what cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from backend.app import create_app
from backend.core.clock import SystemClock
from backend.core.db import Database
from backend.core.settings import Settings
from backend.migrations import upgrade
from backend.simulator.phone import Phone
from backend.simulator.position import Position
from benchmarks import live, load
from benchmarks.scene import HOME, Enrolled, LateClock, enrol

CONNECTIONS: Final = 32
EVERY_S: Final = 10
"""How far apart a person's fixes are: with 500 to a token a minute apart they would fill days."""
WARM_UP_TOKENS: Final = 5
"""Before measuring: each process must have met each person, whose rules it then has at hand."""
TOKENS: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run. CPU microseconds are per fix, of the server's processes."""

    name: str
    each: int
    fixes: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float

    def row(self, unit_us: float) -> str:
        """Return the run as a line of the table."""
        return (
            f"{self.name:12} {self.each:5d} {self.fixes:8d} {self.per_second:9.0f}/s "
            f"{self.p50_ms:8.1f} {self.p99_ms:8.1f} {self.cpu_us:9.1f} "
            f"{self.cpu_us / unit_us:7.2f}"
        )


def measure(
    name: str, database_url: str, folder: Path, processes: int, *, each: int, people: int
) -> Measured:
    """Return what a server made of TOKENS tokens of `each` fixes of every person.

    Each person's first tokens only warm up: they begin their judgement, and prepare their rules.
    RuntimeError if a token was not taken: a fast refusal is no speed.
    """
    settings = live.settings_for(database_url, folder)
    database = Database(database_url)
    upgrade(database)
    requests = _requests(settings, database, each, people)
    database.close()
    with live.server(settings, processes) as (pid, address):
        warm = load.send(requests[: people * WARM_UP_TOKENS], address, CONNECTIONS)
        cpu_before = live.cpu_seconds(pid)
        found = load.send(requests[people * WARM_UP_TOKENS :], address, CONNECTIONS)
        cpu_s = live.cpu_seconds(pid) - cpu_before
    if set(found.statuses) | set(warm.statuses) != {200}:
        raise RuntimeError(f"not every token was taken: {dict(warm.statuses | found.statuses)}")
    count = people * TOKENS * each
    return Measured(
        name=name,
        each=each,
        fixes=count,
        per_second=count / found.seconds,
        p50_ms=found.percentile_ms(50),
        p99_ms=found.percentile_ms(99),
        cpu_us=cpu_s / count * 1e6,
    )


def _requests(settings: Settings, database: Database, each: int, people: int) -> list[bytes]:
    """Return every person's tokens as HTTP requests: first all first ones, then all second."""
    turns = WARM_UP_TOKENS + TOKENS
    clock = LateClock(SystemClock(), timedelta(seconds=(turns * each + 60) * EVERY_S))
    client, start = create_app(settings, database, clock).test_client(), clock.behind
    people_here = [enrol(client, database, settings, clock, number) for number in range(people)]
    texts = []
    for turn in range(turns):
        for one in people_here:
            clock.behind = start - timedelta(seconds=(turn * each + 1) * EVERY_S)
            texts.append(_token(one.phone, clock, each))
    clock.behind = timedelta()
    for one in people_here:
        one.phone.token()  # a fresh nonce
    return [_request(people_here[number % people], text) for number, text in enumerate(texts)]


def _request(one: Enrolled, text: str) -> bytes:
    return one.line.written(lambda: one.phone.send_token(text))


def _token(phone: Phone, clock: LateClock, each: int) -> str:
    for step in range(each):
        phone.buffer_fix(
            Position(
                latitude=HOME[0] + step * 1e-6,
                longitude=HOME[1] + step * 1e-6,
                accuracy_m=8.0,
                speed_mps=0.4,
            )
        )
        clock.behind -= timedelta(seconds=EVERY_S)
    return phone.write_journal()
