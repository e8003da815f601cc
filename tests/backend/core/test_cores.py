"""Real processes, which take cores as those of a server do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from backend.core import cores

TAKING = """
import os, signal, sys, threading
from backend.core import cores
cores._NAME = "\\0" + sys.argv[1] + "-{}"  # other servers may run on this machine
os.sched_setaffinity(0, {int(core) for core in sys.argv[2:]})
cores.take()
kept = []
thread = threading.Thread(target=lambda: kept.append(os.sched_getaffinity(0)))
thread.start(); thread.join()
print(*sorted(os.sched_getaffinity(0)), "|", *sorted(kept[0]), flush=True)
signal.pause()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to cores")


class Machine:
    """Starts processes; each tells on which cores it and the threads that it starts may run."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._name = f"connectrex-test-{uuid4().hex}"
        self.cores = os.sched_getaffinity(0)

    def start(self, allowed: set[int] | None = None) -> tuple[subprocess.Popen[str], set[int]]:
        given = [str(core) for core in allowed or self.cores]
        process = self._stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", TAKING, self._name, *given],
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        self._stack.callback(process.kill)
        assert process.stdout is not None
        own, its_threads = process.stdout.readline().split("|")
        assert own.split() == its_threads.split()
        return process, {int(core) for core in own.split()}


@pytest.fixture
def machine() -> Iterator[Machine]:
    with ExitStack() as stack:
        yield Machine(stack)


def test_as_many_processes_as_cores_have_one_each(machine: Machine) -> None:
    taken = [machine.start()[1] for _ in machine.cores]

    assert all(len(one) == 1 for one in taken)
    assert set.union(*taken) == machine.cores


def test_one_more_than_there_are_cores_is_free(machine: Machine) -> None:
    for _ in machine.cores:
        machine.start()

    assert machine.start()[1] == machine.cores


def test_whoever_comes_after_one_that_was_killed_takes_its_core(machine: Machine) -> None:
    processes = [machine.start() for _ in machine.cores]
    killed, core = processes[0]

    killed.send_signal(signal.SIGKILL)
    killed.wait()

    assert machine.start()[1] == core


def test_only_cores_that_a_process_may_use_are_taken(machine: Machine) -> None:
    only = {max(machine.cores)}

    assert machine.start(only)[1] == only
    assert machine.start(only)[1] == only, "the one core that there is, shared"


def test_elsewhere_than_on_linux_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.sched_getaffinity(0)
    monkeypatch.setattr(sys, "platform", "darwin")

    cores.take()

    assert cores.count() == os.cpu_count()
    assert os.sched_getaffinity(0) == before
