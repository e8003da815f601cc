"""The server as anybody starts it: `connectrex serve` in a process of its own, and commands."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import requests

from backend.demo.waiting import StoryError, wait_for

USUAL_PORT: Final = 8000
_HOST: Final = "127.0.0.1"
_COMMAND: Final = (sys.executable, "-m", "backend.cli")
_COMMAND_S: Final = 60
_STOP_S: Final = 15
_ASK_S: Final = 5


def run_command(environment: Mapping[str, str], *words: str) -> str:
    """Run `connectrex …` to its end and return what it printed. Raises StoryError if it fails."""
    done = subprocess.run(  # noqa: S603 - this program itself, with invented words
        [*_COMMAND, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_COMMAND_S,
        check=False,
    )
    if done.returncode != 0:
        raise StoryError(f"connectrex {' '.join(words[:2])} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def free_port(preferred: int = USUAL_PORT) -> int:
    """Return `preferred` if nobody listens there, else a port that is free now."""
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            # As servers do: a connection that has just ended does not make a port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((_HOST, port))
            return int(probe.getsockname()[1])
    raise StoryError(f"There is no free port on {_HOST}.")


@contextmanager
def _interrupted_afterwards() -> Iterator[None]:
    """Let an interruption wait until the block is done: in it, a process would be lost sight of."""
    came: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for interruption in came:
        signal.raise_signal(interruption)


class Server:
    """Serves while the `with` block lasts, which may be entered again; says everything to `log`.

    It has a session of its own, so that Ctrl-C reaches the demo alone, which then stops it.
    """

    def __init__(self, *, port: int, environment: Mapping[str, str], log: Path) -> None:
        self.url = f"http://{_HOST}:{port}"
        self._words = ("serve", "--host", _HOST, "--port", str(port))
        self._environment = environment
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            with self.log.open("ab") as log, _interrupted_afterwards():
                self._process = subprocess.Popen(  # noqa: S603 - this program itself
                    [*_COMMAND, *self._words],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            wait_for("the server to answer", self._answers)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask the server to end, and end what is left of it after a while; nothing if it is off."""
        if self._process is None:
            return
        try:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def wait_for_end(self) -> None:
        """Return when the server ends by itself, which it should not."""
        while self._process is not None and self._process.poll() is None:
            time.sleep(1)

    def log_tail(self, lines: int = 15) -> list[str]:
        """Return the last lines that the server logged."""
        if not self.log.exists():
            return []
        with self.log.open(encoding="utf-8", errors="replace") as log:
            return [line.rstrip("\n") for line in deque(log, maxlen=lines)]

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise StoryError("The server ended as soon as it was started.")
        with requests.Session() as session, suppress(requests.RequestException):
            session.trust_env = False
            return session.get(f"{self.url}/healthz", timeout=_ASK_S).ok
        return False
