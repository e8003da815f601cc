"""A local mail relay for the demo: takes every e-mail, delivers none, keeps all. A fake.

Each message is kept as a file, in the order of arrival, to be opened with any mail program.
"""

from __future__ import annotations

import asyncio
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

BANNER = "LOCAL MAILBOX: A FAKE. What is sent here reaches nobody. Never for production."


class Mailbox:
    """Listens on 127.0.0.1 while the `with` block lasts and keeps mail in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = count(1)
        self._controller = _Controller(self, hostname="127.0.0.1", port=0)

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._controller.start()
        sys.stderr.write(f"{BANNER} Listening on {self.url}\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._controller.stop()

    @property
    def url(self) -> str:
        """The relay's address: plain SMTP, no password."""
        return f"smtp+plain://127.0.0.1:{self._controller.port}"

    def received(self, address: str) -> list[EmailMessage]:
        """What came for one e-mail address, oldest first."""
        messages = [
            message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in sorted(self._directory.glob("*.eml"))
        ]
        return [message for message in messages if address in message.get_all("X-RcptTo", [])]

    async def handle_DATA(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a message; its receivers stand in front of it, as the envelope names them."""
        del server, session
        receivers = "".join(f"X-RcptTo: {address}\r\n" for address in envelope.rcpt_tos)
        kept = receivers.encode() + (envelope.original_content or b"")
        path = self._directory / f"{next(self._numbers):04}.part"
        path.write_bytes(kept)
        path.replace(path.with_suffix(".eml"))
        return "250 Kept"


class _Controller(Controller):
    """Takes the port that the system gives it."""

    def _trigger_server(self) -> None:
        if isinstance(self.server, asyncio.base_events.Server):
            self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd's gap
