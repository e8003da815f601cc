"""A simulated phone's line to the server: it may be down, lose what it carries, and is timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from urllib.parse import urlsplit

from backend.simulator.wire import HttpAnswer, HttpRequest, Transport


class Line:
    """Carries by `transport` while `is_up`, and then loses the share `loses` of what it carries.

    Half of what is lost never arrives; of the other half only the answer is lost. Counts requests
    `sent`, those that came to no answer as `unanswered`, and keeps how long answers took:
    `seconds` by path. OSError when no answer comes.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        loses: float = 0.0,
        chance: Random | None = None,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._transport = transport
        self._loses = loses
        self._chance = chance or Random()  # noqa: S311 - chooses what a simulation loses
        self._stopwatch = stopwatch
        self.is_up = True
        self.sent = 0
        self.unanswered = 0
        self.seconds: dict[str, list[float]] = {}

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        """Bring the answer; OSError if none came."""
        if not self.is_up:
            raise ConnectionError("the phone is offline")
        self.sent += 1
        try:
            return self._carry(request)
        except OSError:
            self.unanswered += 1
            raise

    def _carry(self, request: HttpRequest) -> HttpAnswer:
        luck = self._chance.random() if self._loses else 1.0
        if luck < self._loses / 2:
            raise ConnectionError("the request was lost")
        began = self._stopwatch()
        answer = self._transport(request)
        took = self._stopwatch() - began
        self.seconds.setdefault(urlsplit(request.url).path, []).append(took)
        if luck < self._loses:
            raise ConnectionError("the answer was lost")
        return answer
