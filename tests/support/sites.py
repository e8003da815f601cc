"""An installation as operators run it, whose processes may die at any moment."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from click.testing import CliRunner, Result

from backend.cli import main
from backend.core.clock import SteppedClock
from backend.core.db import Database
from backend.core.settings import Mode, Settings
from backend.simulator.fcm import LocalFcm
from backend.simulator.wire import HttpAnswer, HttpRequest
from tests.support.processes import Life, Zygote, environment_of

_PATIENCE_S: Final = 20.0
_ASK_S: Final = 10.0


class Site:
    """`connectrex serve` with the worker inside on SQLite, with `connectrex worker` beside it on
    PostgreSQL; on a stepped clock, with a local FCM.

    Whoever asks something of it calls `start` first, as a service manager restarts what died.
    """

    def __init__(
        self, database_url: str, folder: Path, server_keys: Path, fcm: LocalFcm, zygote: Zygote
    ) -> None:
        fcm.write_to(folder)
        port = _free_port()
        self.clock = SteppedClock(folder / "clock")
        self.settings = Settings(
            mode=Mode.TEST,
            database_url=database_url,
            root_secret=bytes(range(32)),
            server_keys=server_keys,
            public_url=f"http://127.0.0.1:{port}",
            fcm_credentials=folder / "service-account.json",
            fcm_ca_bundle=folder / "ca.pem",
            fcm_proxy=fcm.proxy_url,
            stepped_clock=folder / "clock",
        )
        self.kills = 0
        self._serve = ("serve", "--port", str(port), "--threads", "2", "--processes", "1")
        self._zygote = zygote
        self._log = folder / "log"
        self._lives: list[Life] = []
        self._changing = threading.RLock()

    @property
    def environment(self) -> Mapping[str, str]:
        """What its processes read their settings from."""
        return environment_of(self.settings)

    def start(self) -> None:
        """Start whatever does not run and return when requests are answered."""
        give_up_at = time.monotonic() + _PATIENCE_S
        while not (self.is_up() and self._answers()):
            if time.monotonic() > give_up_at:
                raise TimeoutError(self._log.read_text(encoding="utf-8")[-2000:])
            with self._changing:
                if not self.is_up():
                    self._begin()
            time.sleep(0.01)

    def is_up(self) -> bool:
        """Whether all its processes run."""
        with self._changing:
            return bool(self._lives) and all(life.is_alive() for life in self._lives)

    def kill(self) -> bool:
        """Kill every process at once, wherever it is; return whether there was one to kill."""
        with self._changing:
            were_up = any(life.is_alive() for life in self._lives)
            for life in self._lives:
                life.kill()
            self.kills += were_up
            return were_up

    def stop(self) -> None:
        """End every process as an operator does."""
        with self._changing:
            for life in self._lives:
                life.stop()

    def limit_files(self, most_bytes: int | None) -> None:
        """Let no file grow beyond so many bytes, or to any size again, while it runs."""
        for life in self._lives:
            life.limit_files(most_bytes)

    def command(self, *words: str) -> Result:
        """Run `connectrex …` to its end, on the same settings."""
        return CliRunner().invoke(main, words, env=dict(self.environment))

    @contextmanager
    def opened(self, database_url: str | None = None) -> Iterator[Database]:
        """Give the database, or another, to this process while those of the site do not run."""
        database = Database(database_url or self.settings.database_url, pool_size=4)
        try:
            yield database
        finally:
            database.close()

    def _begin(self) -> None:
        """Start all anew; what was left of the last life ends with it."""
        for life in self._lives:
            life.kill()
        commands = [self._serve] if self.settings.embedded else [self._serve, ("worker",)]
        self._lives = [
            self._zygote.start(*words, environment=self.environment, log=self._log)
            for words in commands
        ]

    def _answers(self) -> bool:
        request = HttpRequest(
            method="GET", url=f"{self.settings.public_url}/healthz", headers={}, body=b""
        )
        try:
            return carry(request).status == 200
        except OSError:
            return False


class Line:
    """A phone's line to a site. It may kill what it reaches, at a moment that is chosen.

    `moments` say for which fixes, counted from 1 as they are first sent: so many seconds after
    the request was sent, whether or not an answer has come; or None, once the answer was read.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self.moments: Mapping[int, float | None] = {}
        self.fixes: list[tuple[datetime, HttpRequest]] = []

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        """Bring the answer; OSError if none came."""
        self._site.start()
        if not self._is_new_fix(request):
            return carry(request)
        self.fixes.append((self._site.clock.now(), request))
        if len(self.fixes) not in self.moments:
            return carry(request)
        after_s = self.moments[len(self.fixes)]
        if after_s is None:
            answer = carry(request)
            self._site.kill()
            return answer
        return carry(request, meanwhile=lambda: self._kill_after(after_s))

    def _is_new_fix(self, request: HttpRequest) -> bool:
        known = {sent.headers["DPoP"] for _, sent in self.fixes}
        return request.url.endswith("/v1/fixes") and request.headers["DPoP"] not in known

    def _kill_after(self, seconds: float) -> None:
        time.sleep(seconds)
        self._site.kill()


def carry(request: HttpRequest, *, meanwhile: Callable[[], object] | None = None) -> HttpAnswer:
    """Send over a new connection, do something, then read the answer; OSError if none came."""
    target = urlsplit(request.url)
    connection = HTTPConnection(target.netloc, timeout=_ASK_S)
    path = f"{target.path}?{target.query}" if target.query else target.path
    try:
        connection.request(request.method, path, request.body, dict(request.headers))
        if meanwhile is not None:
            meanwhile()
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return HttpAnswer(status=response.status, headers=headers, body=response.read())
    except HTTPException as error:
        raise ConnectionError(type(error).__name__) from error
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
