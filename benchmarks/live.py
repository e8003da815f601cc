"""Live signed fixes per second over HTTP, durable: how many, how fast, at what cost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.core.db import Database
from backend.core.settings import Mode, Settings, kept_server_keys
from backend.migrations import upgrade
from benchmarks import load
from benchmarks.scene import Scene

SECRET: Final = bytes(range(32))
PEOPLE: Final = 300
EACH: Final = 6
WARM_UP_EACH: Final = 8
CONNECTIONS: Final = 32
THREADS: Final = 16
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run. CPU microseconds are per fix, of the server's processes."""

    name: str
    fixes: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float

    def row(self, unit_us: float) -> str:
        """Return the run as a line of the table."""
        return (
            f"{self.name:12} {self.fixes:7d} {self.per_second:9.0f}/s "
            f"{self.p50_ms:8.1f} {self.p99_ms:8.1f} {self.cpu_us:9.0f} "
            f"{self.cpu_us / unit_us:7.1f}"
        )


def measure(name: str, database_url: str, folder: Path, processes: int) -> Measured:
    """Return what a freshly started server made of EACH fixes of every person.

    Raises RuntimeError if any fix was not accepted: a fast refusal is no speed.
    """
    settings = settings_for(database_url, folder)
    database = Database(database_url)
    upgrade(database)
    database.close()
    scene = Scene(settings, PEOPLE)
    with server(settings, processes) as (pid, address):
        requests = list(scene.fixes(WARM_UP_EACH + EACH))
        warm = PEOPLE * WARM_UP_EACH
        load.send(requests[:warm], address, CONNECTIONS)
        cpu_before = cpu_seconds(pid)
        found = load.send(requests[warm:], address, CONNECTIONS)
        cpu_s = cpu_seconds(pid) - cpu_before
    if set(found.statuses) != {200}:
        raise RuntimeError(f"not every fix was accepted: {dict(found.statuses)}")
    count = len(found.latencies_s)
    return Measured(
        name=name,
        fixes=count,
        per_second=count / found.seconds,
        p50_ms=found.percentile_ms(50),
        p99_ms=found.percentile_ms(99),
        cpu_us=cpu_s / count * 1e6,
    )


def settings_for(database_url: str, folder: Path) -> Settings:
    """Return the settings of a measured server on a port of its own."""
    return Settings(
        mode=Mode.TEST,
        database_url=database_url,
        root_secret=SECRET,
        server_keys=kept_server_keys(folder / "server-keys.pem"),
        public_url=f"http://127.0.0.1:{_free_port()}",
    )


@contextmanager
def server(settings: Settings, processes: int) -> Iterator[tuple[int, tuple[str, int]]]:
    """Give the process and the address of a server that runs meanwhile."""
    port = int(settings.public_url.rsplit(":", 1)[1])
    command = [sys.executable, "-m", "backend.cli", "serve", "--port", str(port)]
    command += ["--processes", str(processes), "--threads", str(THREADS)]
    running = subprocess.Popen(command, env=_environment(settings))
    try:
        _wait_for(("127.0.0.1", port))
        yield running.pid, ("127.0.0.1", port)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()


def _environment(settings: Settings) -> Mapping[str, str]:
    return dict(os.environ) | {
        "CONNECTREX_MODE": settings.mode.value,
        "CONNECTREX_DATABASE_URL": settings.database_url,
        "CONNECTREX_ROOT_SECRET": settings.root_secret.hex(),
        "CONNECTREX_SERVER_KEYS": str(settings.server_keys),
        "CONNECTREX_PUBLIC_URL": settings.public_url,
    }


def _wait_for(address: tuple[str, int]) -> None:
    for _ in range(200):
        try:
            load.send(
                [b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"],
                address,
                1,
            )
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server did not start")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and its living children, threads and all."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    total = sum(cpu_seconds(int(child)) for child in children)
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return total + (int(fields[11]) + int(fields[12])) / _TICKS


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
