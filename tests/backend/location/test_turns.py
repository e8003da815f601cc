"""Acts done together: one commit for those that wait, each with its own answer or fault."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from backend.core.errors import Code, Problem
from backend.location.turns import Turns
from tests.support.races import at_once

PATIENCE_S = 10.0


def wait_until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


class Ledger:
    """Doubles numbers; refuses zero, and fails for a batch that holds a seven."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()

    def serve(self, items: Sequence[int]) -> list[int | Problem]:
        self.gate.wait(5)
        if 7 in items:
            raise ValueError(str(list(items)))
        self.batches.append(list(items))
        return [Problem(Code.NOT_FOUND) if item == 0 else 2 * item for item in items]


def test_a_lone_act_waits_for_nobody() -> None:
    ledger = Ledger()
    ledger.gate.set()

    assert Turns[int, int](ledger.serve, together=4).take(3) == 6


def test_acts_that_wait_share_a_turn_and_no_more_than_allowed() -> None:
    ledger = Ledger()
    turns = Turns[int, int](ledger.serve, together=4)
    threading.Timer(0.2, ledger.gate.set).start()

    answers = at_once([partial(turns.take, item) for item in range(10, 19)])

    assert answers == [2 * item for item in range(10, 19)]
    assert len(ledger.batches) < 9
    assert max(map(len, ledger.batches)) <= 4


def test_nobody_whose_act_is_done_waits_for_the_next_turn() -> None:
    turn, began = threading.Semaphore(0), threading.Semaphore(0)
    batches: list[list[int]] = []

    def serve(items: Sequence[int]) -> list[int | Problem]:
        batches.append(list(items))
        began.release()
        assert turn.acquire(timeout=PATIENCE_S)
        return [2 * item for item in items]

    turns = Turns[int, int](serve, together=2)

    def waits(count: int) -> bool:
        return len(turns._waiting) == count

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(turns.take, 0)]
        assert began.acquire(timeout=PATIENCE_S)
        for item in (1, 2, 3):
            answers.append(pool.submit(turns.take, item))
            wait_until(partial(waits, item))
        turn.release(2)
        assert [answer.result(PATIENCE_S) for answer in answers[:3]] == [0, 2, 4]
        assert began.acquire(timeout=PATIENCE_S)
        assert began.acquire(timeout=PATIENCE_S)
        assert not answers[3].done()
        turn.release()
        assert answers[3].result(PATIENCE_S) == 6

    assert batches == [[0], [1, 2], [3]]


def test_a_refusal_is_raised_for_its_own_act_only() -> None:
    ledger = Ledger()
    ledger.gate.set()
    turns = Turns[int, int](ledger.serve, together=4)

    with pytest.raises(Problem):
        turns.take(0)
    assert turns.take(1) == 2


def test_a_fault_stays_its_own() -> None:
    ledger = Ledger()
    turns = Turns[int, int](ledger.serve, together=16)
    threading.Timer(0.2, ledger.gate.set).start()

    def act(item: int) -> str:
        try:
            return str(turns.take(item))
        except ValueError as fault:
            return f"failed {fault}"

    answers = at_once([partial(act, item) for item in (5, 6, 7, 8)])

    assert answers == ["10", "12", "failed [7]", "16"]


def test_nobody_is_left_waiting_when_the_one_who_serves_is_stopped() -> None:
    def stop(_: Sequence[int]) -> list[int | Problem]:
        raise KeyboardInterrupt

    turns = Turns[int, int](stop, together=4)
    with pytest.raises(KeyboardInterrupt):
        turns.take(1)
