"""A bad line: what it does not carry, what it loses, and how it is timed."""

from __future__ import annotations

from random import Random

import pytest

from backend.simulator.line import Line
from backend.simulator.wire import HttpAnswer, HttpRequest

REQUEST = HttpRequest(method="POST", url="https://x.test/v1/fixes?a=b", headers={}, body=b"")


class Server:
    def __init__(self) -> None:
        self.came = 0

    def __call__(self, _request: HttpRequest) -> HttpAnswer:
        self.came += 1
        return HttpAnswer(status=204, headers={}, body=b"")


def test_a_line_that_is_down_carries_nothing_and_counts_nothing() -> None:
    server = Server()
    line = Line(server)
    line.is_up = False

    with pytest.raises(ConnectionError):
        line(REQUEST)

    assert (server.came, line.sent, line.unanswered) == (0, 0, 0)


def test_an_answer_is_timed_by_its_path() -> None:
    ticks = iter([10.0, 10.25])
    line = Line(Server(), stopwatch=lambda: next(ticks))

    assert line(REQUEST).status == 204

    assert line.seconds == {"/v1/fixes": [0.25]}


def test_half_of_what_is_lost_had_arrived() -> None:
    server = Server()
    line = Line(server, loses=0.4, chance=Random(1))  # noqa: S311 - what a test loses
    answered = 0

    for _ in range(1000):
        try:
            line(REQUEST)
        except ConnectionError:
            continue
        answered += 1

    assert line.sent == 1000
    assert line.unanswered == 1000 - answered
    assert answered == pytest.approx(600, abs=50)
    assert server.came == pytest.approx(800, abs=50)
