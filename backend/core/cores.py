"""One core for each server process.

The threads of one process take turns at the interpreter's lock. Spread over cores, each turn wakes
another core, and what the last one had at hand must follow.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_NAME: Final = "\0connectrex-core-{}"
"""An address without a file, of which the kernel gives each to one process, until that ends."""
_PROCESSOR: Final = 36
"""Where Linux tells, among what follows a process's name, the core that it ran on last."""
_claims: list[socket.socket] = []


def count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def take() -> None:
    """Keep this thread, and those that it starts, to a core that no other server process took.

    Preferably where it runs already: there Linux found room. The core is free again when the process
    ends, however it ends. Where none is left, where a sandbox forbids it, and on other systems than
    Linux, nothing happens: to serve is possible on any.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError):
        here = _here()
        for core in sorted(os.sched_getaffinity(0), key=lambda one: (one != here, one)):
            if _claim(core):
                os.sched_setaffinity(0, {core})
                return


def _here() -> int:
    after_name = Path("/proc/thread-self/stat").read_text(encoding="utf-8").rpartition(")")[2]
    return int(after_name.split()[_PROCESSOR])


def _claim(core: int) -> bool:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(_NAME.format(core))
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True
