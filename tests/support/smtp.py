"""A local SMTP relay that keeps what it is given, and refuses whom it is told to refuse."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USERNAME, PASSWORD = "relay-user", "relay-password"


class LocalSmtp:
    """The relay's memory and its instructions."""

    def __init__(self) -> None:
        self.port = 0
        self.received: list[EmailMessage] = []
        self.secured: list[bool] = []
        self.logins: list[str] = []
        self.data_reply = "250 OK"
        self._refusals: dict[str, str] = {}

    def refuse(self, address: str, reply: str) -> None:
        """From now on RCPT TO this address is answered with `reply`."""
        self._refusals[address] = reply

    # Names that aiosmtpd calls.

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if (reply := self._refusals.get(address)) is not None:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        del server
        if not self.data_reply.startswith("250"):
            return self.data_reply
        content = envelope.original_content
        assert content is not None
        self.received.append(message_from_bytes(content, policy=policy.default))
        self.secured.append(session.ssl is not None)
        return self.data_reply

    def authenticate(self, server: SMTP, session: Session, *rest: Any) -> AuthResult:
        del server, session
        _, _, given = rest
        self.logins.append(given.login.decode())
        right = (given.login, given.password) == _CREDENTIALS
        return AuthResult(success=right, handled=False)


_CREDENTIALS = (USERNAME.encode(), PASSWORD.encode())


class _Controller(Controller):
    """Takes the port that the system gives it."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.base_events.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd's gap


@contextmanager
def local_smtp(
    *,
    starttls: ssl.SSLContext | None = None,
    implicit_tls: ssl.SSLContext | None = None,
    authenticated: bool = False,
    utf8_addresses: bool = True,
) -> Iterator[LocalSmtp]:
    """A relay on 127.0.0.1 while the block lasts."""
    relay = LocalSmtp()
    options: dict[str, Any] = {"enable_SMTPUTF8": utf8_addresses}
    if starttls is not None:
        options |= {"tls_context": starttls, "require_starttls": True}
    if authenticated:
        options |= {"authenticator": relay.authenticate, "auth_required": True}
    controller = _Controller(
        relay, hostname="127.0.0.1", port=0, ssl_context=implicit_tls, **options
    )
    controller.start()
    relay.port = controller.port
    try:
        yield relay
    finally:
        controller.stop()
