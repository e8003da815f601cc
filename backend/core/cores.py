"""One core for each server process.

The threads of one process take turns at the interpreter's lock. Spread over cores, each turn wakes
another core, and what the last one had at hand must follow: with two processes on two cores a fix
took a fifth more time.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

_FOLDER: Final = "CONNECTREX_CORES"
"""Where a process finds the cores that are offered: in its environment, until it looks."""


def count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@contextmanager
def offered(processes: int) -> Iterator[None]:
    """Let processes that are started meanwhile `take` a core each, if there are just as many."""
    if processes != count():
        yield
        return
    with TemporaryDirectory(prefix="connectrex-cores-") as folder:
        os.environ[_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[_FOLDER]


def take() -> None:
    """Keep this thread, and those that it starts, to a core that no other process took.

    The core is free again when the process ends, however it ends. Nothing happens where none is
    offered or left.
    """
    folder = os.environ.pop(_FOLDER, None)
    if folder is None or sys.platform != "linux":
        return
    for core in sorted(os.sched_getaffinity(0)):
        if _locks(Path(folder, str(core))):
            os.sched_setaffinity(0, {core})
            return


def _locks(path: Path) -> bool:
    """Return whether this process holds the file from now on, until it ends."""
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    return True
