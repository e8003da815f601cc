"""Everything that the story plays on: a fresh folder, the clock, the fakes, the server."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backend.core.clock import SteppedClock
from backend.core.settings import PREFIX, kept_server_keys
from backend.demo.cast import SET_UP_AT
from backend.demo.server import Server, free_port, run_command
from backend.simulator.fcm import LocalFcm
from backend.simulator.mailbox import Mailbox
from backend.simulator.provider import SECRET_KEY, WEBHOOK_SECRET, LocalProvider

FOLDER = Path("var/demo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What is set up; the server is not started yet."""

    folder: Path
    clock: SteppedClock
    fcm: LocalFcm
    mailbox: Mailbox
    provider: LocalProvider
    server: Server
    environment: Mapping[str, str]

    def command(self, *words: str) -> str:
        """Run `connectrex …` with the settings of this stage and return what it printed."""
        return run_command(self.environment, *words)

    def advance_to(self, instant: datetime) -> None:
        """Make `instant` the present of everybody in the story, unless it has passed already."""
        if self.clock.now() < instant:
            self.clock.step_to(instant)


@contextmanager
def open_stage(folder: Path) -> Iterator[Stage]:
    """Yield a stage in `folder`, emptied; when it is closed neither server nor fakes are left."""
    folder = folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    clock = SteppedClock(folder / "clock")
    clock.step_to(SET_UP_AT)
    with (
        LocalFcm() as fcm,
        Mailbox(folder / "mail") as mailbox,
        LocalProvider(now=clock.now) as provider,
    ):
        fcm.write_to(folder / "fcm")
        port = free_port()
        environment = _inherited() | {
            PREFIX + name: value
            for name, value in _settings(folder, port, fcm, mailbox, provider).items()
        }
        provider.notices.url = f"http://127.0.0.1:{port}/v1/provider/notices"
        server = Server(port=port, environment=environment, log=folder / "server.log")
        try:
            yield Stage(
                folder=folder,
                clock=clock,
                fcm=fcm,
                mailbox=mailbox,
                provider=provider,
                server=server,
                environment=environment,
            )
        finally:
            server.stop()


def _settings(
    folder: Path, port: int, fcm: LocalFcm, mailbox: Mailbox, provider: LocalProvider
) -> dict[str, str]:
    return {
        "MODE": "demo",
        "DATABASE_URL": f"sqlite:///{folder / 'connectrex.sqlite3'}",
        "ROOT_SECRET": secrets.token_hex(32),
        "SERVER_KEYS": str(kept_server_keys(folder / "server-keys.pem")),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "FCM_CREDENTIALS": str(folder / "fcm" / "service-account.json"),
        "FCM_PROXY": fcm.proxy_url,
        "FCM_CA_BUNDLE": str(folder / "fcm" / "ca.pem"),
        "SMTP_URL": mailbox.url,
        "MAIL_FROM": "connectrex@invented.example",
        "STRIPE_KEY": SECRET_KEY,
        "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "STRIPE_API": provider.url,
        "STEPPED_CLOCK": str(folder / "clock"),
    }


def _inherited() -> dict[str, str]:
    """Return this process's environment without settings that were meant for another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
