"""Real processes, which take cores as those of a server do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from backend.core import cores

TAKING = """
import os, signal, threading
from backend.core import cores
cores.take()
kept = []
thread = threading.Thread(target=lambda: kept.append(os.sched_getaffinity(0)))
thread.start(); thread.join()
print(*sorted(os.sched_getaffinity(0)), "|", *sorted(kept[0]), flush=True)
signal.pause()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to cores")


@pytest.fixture
def started() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack) -> tuple[subprocess.Popen[str], set[int]]:
    process = stack.enter_context(
        subprocess.Popen([sys.executable, "-c", TAKING], stdout=subprocess.PIPE, text=True)
    )
    stack.callback(process.kill)
    assert process.stdout is not None
    own, its_threads = process.stdout.readline().split("|")
    assert own.split() == its_threads.split()
    return process, {int(core) for core in own.split()}


def test_as_many_processes_as_cores_have_one_each(started: ExitStack) -> None:
    everywhere = os.sched_getaffinity(0)
    started.enter_context(cores.offered(cores.count()))

    taken = [start(started)[1] for _ in range(cores.count())]

    assert all(len(one) == 1 for one in taken)
    assert set.union(*taken) == everywhere
    assert os.sched_getaffinity(0) == everywhere


def test_whoever_comes_after_one_that_was_killed_takes_its_core(started: ExitStack) -> None:
    started.enter_context(cores.offered(cores.count()))
    processes = [start(started) for _ in range(cores.count())]
    killed, core = processes[0]

    killed.send_signal(signal.SIGKILL)
    killed.wait()

    assert start(started)[1] == core


def test_one_more_than_there_are_cores_is_free(started: ExitStack) -> None:
    started.enter_context(cores.offered(cores.count()))
    for _ in range(cores.count()):
        start(started)

    assert start(started)[1] == os.sched_getaffinity(0)


@pytest.mark.parametrize("more", [-1, 1])
def test_fewer_or_more_processes_than_cores_are_free(started: ExitStack, more: int) -> None:
    started.enter_context(cores.offered(cores.count() + more))

    assert start(started)[1] == os.sched_getaffinity(0)


def test_nothing_is_offered_any_more_afterwards(started: ExitStack) -> None:
    with cores.offered(cores.count()):
        pass

    assert start(started)[1] == os.sched_getaffinity(0)
