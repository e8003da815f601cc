"""Where the CPU of one fix goes: proof, facts, judgement, store, and HTTP as the rest."""

from __future__ import annotations

import functools
import io
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from flask import Flask
from sqlalchemy.engine.default import DefaultDialect

from backend.app import create_app
from backend.core.clock import SystemClock
from backend.core.db import Database
from backend.devices.authentication import Authentication
from backend.location import gate, judging, views
from backend.location.batch import Batch
from backend.location.rulebook import RuleBook
from backend.migrations import upgrade
from benchmarks import live
from benchmarks.scene import Scene

PEOPLE: Final = 200
EACH: Final = 6
WARM_UP_EACH: Final = 8

STEPS: Final[Mapping[str, tuple[tuple[object, str], ...]]] = {
    "proof": (
        (Authentication, "open"),
        (Authentication, "_verified"),
        (views, "receipt_of"),
    ),
    "facts": ((Batch, "find"), (Batch, "gather"), (RuleBook, "of")),
    "judgement": ((gate, "admit"), (judging, "judge_fixes")),
    "store": ((Batch, "write"), (DefaultDialect, "do_commit")),
}
"""The functions of each step; time within one step's function is never another's."""
REST: Final = "HTTP, Flask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step's CPU microseconds per fix, without the server's socket handling."""

    name: str
    cpu_us: float

    def row(self, unit_us: float) -> str:
        """Return the step as a line of the table."""
        return f"{self.name:12} {self.cpu_us:9.0f} µs {self.cpu_us / unit_us:7.1f} units"


class _Accounts:
    """CPU seconds by step; what runs inside another step is taken off the outer one."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = defaultdict(float)
        self._open: list[str] = [REST]
        self._since_s = time.thread_time()

    @contextmanager
    def charge(self, name: str) -> Iterator[None]:
        self._book()
        self._open.append(name)
        try:
            yield
        finally:
            self._book()
            self._open.pop()

    def _book(self) -> None:
        now_s = time.thread_time()
        self.spent_s[self._open[-1]] += now_s - self._since_s
        self._since_s = now_s


def measure(database_url: str, folder: Path) -> list[Step]:
    """Return each step's CPU per fix, and their sum, in one process without sockets."""
    settings = live.settings_for(database_url, folder)
    database = Database(database_url)
    upgrade(database)
    scene = Scene(settings, PEOPLE)
    requests = [_environ(raw) for raw in scene.fixes(WARM_UP_EACH + EACH)]
    warm = PEOPLE * WARM_UP_EACH
    accounts = _Accounts()
    with ExitStack() as patches:
        for name, functions in STEPS.items():
            for owner, attribute in functions:
                timed = _timed(getattr(owner, attribute), name, accounts)
                patches.enter_context(patch.object(owner, attribute, timed))
        app = create_app(settings, database, SystemClock())
        _send(app, requests[:warm])
        accounts.spent_s.clear()
        with accounts.charge(REST):
            _send(app, requests[warm:])
    database.close()
    count = len(requests) - warm
    steps = [
        Step(name=name, cpu_us=spent_s / count * 1e6)
        for name, spent_s in sorted(accounts.spent_s.items(), key=lambda item: -item[1])
    ]
    return [*steps, Step(name="together", cpu_us=sum(step.cpu_us for step in steps))]


def _timed(function: Callable[..., Any], name: str, accounts: _Accounts) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with accounts.charge(name):
            return function(*args, **kwargs)

    return run


def _send(app: Flask, requests: list[dict[str, Any]]) -> None:
    for environ in requests:
        answered: list[str] = []
        body = app.wsgi_app(environ, lambda status, *_: answered.append(status))  # type: ignore[arg-type]  # noqa: B023 - called at once
        b"".join(body)
        if answered != ["200 OK"]:
            raise RuntimeError(f"a fix was not accepted: {answered}")


def _environ(raw: bytes) -> dict[str, Any]:
    first, *lines = raw.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines if line)
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": "0",
        "wsgi.input": io.BytesIO(b""),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    } | {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in headers.items()}
