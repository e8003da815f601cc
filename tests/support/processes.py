"""`connectrex …` in processes of their own, to be killed and started again, many times.

Imports take longer than a whole life in these tests. So one process imports everything and waits;
each life is a fork of it that goes on to run the command as anybody would start it.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from backend.cli import main
from backend.core.settings import PREFIX, Settings

_MOST_BYTES: Final = 1 << 16
_PATIENCE_S: Final = 20.0


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the variables from which a process reads exactly these settings."""
    return {
        PREFIX + item.name.upper(): _text(value)
        for item in fields(settings)
        if (value := getattr(settings, item.name)) is not None
    }


def _text(value: object) -> str:
    match value:
        case Enum():
            return str(value.value)
        case bytes():
            return value.hex()
        case _:
            return str(value)


class Life:
    """A command that runs, with every process that it started."""

    def __init__(self, pid: int, alive: int) -> None:
        """`alive` reads the end of a pipe once nobody of these processes is left."""
        self.pid = pid
        self._alive: int | None = alive

    def is_alive(self) -> bool:
        """Whether any of its processes is left."""
        if self._alive is None:
            return False
        readable, _, _ = select.select([self._alive], [], [], 0)
        return not readable

    def limit_files(self, most_bytes: int | None) -> None:
        """Let no file that it writes grow beyond so many bytes (None: any size), like a full disk."""
        limit = resource.RLIM_INFINITY if most_bytes is None else most_bytes
        for pid in (self.pid, *_children(self.pid)):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def kill(self) -> None:
        """End all of it at once, as `kill -9` or the kernel does; return when it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, as a service manager does; return when it is gone."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._alive is None:
            return
        if self.is_alive():
            with suppress(ProcessLookupError):  # it ended by itself since we looked
                os.killpg(self.pid, how)
        gone, _, _ = select.select([self._alive], [], [], _PATIENCE_S)
        if not gone:
            raise TimeoutError(f"process group {self.pid} outlived {how.name}")
        os.close(self._alive)
        self._alive = None


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Zygote:
    """Gives lives while the `with` block lasts."""

    def __enter__(self) -> Self:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(_PATIENCE_S)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.processes", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._line.close()
        self._process.wait(_PATIENCE_S)

    def start(self, *words: str, environment: Mapping[str, str], log: Path) -> Life:
        """Begin `connectrex` with these words; what it prints is added to `log`."""
        alive, held = os.pipe()
        order = json.dumps({"words": words, "environment": environment}).encode()
        with log.open("ab") as printed:
            socket.send_fds(self._line, [order], [held, printed.fileno()])
        os.close(held)
        return Life(int(self._line.recv(_MOST_BYTES)), alive)


def _give_lives(line: socket.socket) -> None:
    """Fork once for each order that comes, until the line is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The dead are buried by the kernel.
    while True:
        order, handles, _, _ = socket.recv_fds(line, _MOST_BYTES, 2)
        if not order:
            return
        pid = os.fork()
        if pid == 0:
            line.close()
            _live(json.loads(order), printed=handles[1])
        os.setpgid(pid, pid)
        for handle in handles:
            os.close(handle)
        line.send(str(pid).encode())


def _live(order: Mapping[str, Any], *, printed: int) -> NoReturn:
    """Become the command that was ordered, in a process group of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    os.dup2(printed, sys.stdout.fileno())
    os.dup2(printed, sys.stderr.fileno())
    os.close(printed)
    os.environ.update(order["environment"])
    sys.exit(main(order["words"]))


if __name__ == "__main__":
    _give_lives(socket.socket(fileno=int(sys.argv[1])))
