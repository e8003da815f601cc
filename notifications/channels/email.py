"""E-mail through a configured SMTP relay."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import HeaderParseError, NonASCIILocalPartDefect
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from enum import Enum
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from notifications.channels.base import (
    AddressKind,
    Dead,
    Delivered,
    OutboundMessage,
    Retry,
    SendResult,
)

_FIRST_PERMANENT = 500
# Enhanced status codes (RFC 3463) that blame the mailbox: bad address, disabled mailbox. The
# other permanent ones (policy, size, full mailbox) say nothing about whether it exists.
_MAILBOX_GONE = ("5.1.", "5.2.1")


class SmtpSecurity(Enum):
    """How the connection to the relay is protected. Never downgraded."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT_TLS = "implicit_tls"


_SCHEMES = {
    "smtp": (SmtpSecurity.STARTTLS, 587),
    "smtps": (SmtpSecurity.IMPLICIT_TLS, 465),
    "smtp+plain": (SmtpSecurity.NONE, 25),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpRelay:
    """The relay that takes our mail. `username` and `password` are both given or both None;
    `ca_bundle` None trusts the system's authorities.
    """

    host: str
    port: int
    security: SmtpSecurity
    username: str | None
    password: str | None = field(repr=False)
    ca_bundle: Path | None
    timeout_s: float

    def __post_init__(self) -> None:
        if (self.username is None) != (self.password is None):
            raise ValueError("give both or neither of username and password")

    @classmethod
    def from_url(cls, url: str, *, ca_bundle: Path | None, timeout_s: float) -> Self:
        """The relay of `smtp://user:password@host:587` (STARTTLS), `smtps://…` (implicit TLS) or
        `smtp+plain://host:25` (none). User and password are percent-encoded, port and both may
        be left out. Raises ValueError, which does not repeat the URL, on anything else.
        """
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ValueError("a relay is smtp://…, smtps://… or smtp+plain://…")
        security, port = _SCHEMES[parts.scheme]
        return cls(
            host=parts.hostname,
            port=parts.port or port,
            security=security,
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            ca_bundle=ca_bundle,
            timeout_s=timeout_s,
        )


class EmailChannel:
    """Sends plain text from `sender`, one connection per batch.

    `Message-ID` is made of the message's id, so that a repeat is recognised as one.
    Raises ValueError if `sender` is no address.
    """

    def __init__(self, relay: SmtpRelay, *, sender: str) -> None:
        self._relay = relay
        self._sender = sender
        _, address = parseaddr(sender)
        _, at, self._domain = address.rpartition("@")
        if not at or not self._domain:
            raise ValueError("the sender must be an e-mail address")

    @property
    def kinds(self) -> frozenset[AddressKind]:
        return frozenset({AddressKind.EMAIL})

    def send(self, batch: Sequence[OutboundMessage], *, now: datetime) -> list[SendResult]:
        results: list[SendResult] = []
        try:
            with self._connect() as smtp:
                for message in batch:
                    results.append(self._send_one(smtp, message, now))  # noqa: PERF401  kept when the connection breaks
        except smtplib.SMTPAuthenticationError:
            reason = "SMTP_AUTHENTICATION"
        except smtplib.SMTPNotSupportedError:
            reason = "SMTP_NOT_SUPPORTED"
        except OSError:  # also every smtplib.SMTPException, ssl.SSLError and time-out
            reason = "SMTP_CONNECTION"
        else:
            return results
        unsent = len(batch) - len(results)
        return results + [Retry(after_s=None, reason=reason)] * unsent

    def close(self) -> None:
        """Connections live no longer than a batch."""

    def _connect(self) -> smtplib.SMTP:
        relay = self._relay
        context = ssl.create_default_context(cafile=relay.ca_bundle)
        if relay.security is SmtpSecurity.IMPLICIT_TLS:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                relay.host, relay.port, self._domain, timeout=relay.timeout_s, context=context
            )
        else:
            smtp = smtplib.SMTP(relay.host, relay.port, self._domain, timeout=relay.timeout_s)
        try:
            if relay.security is SmtpSecurity.STARTTLS:
                smtp.starttls(context=context)
            if relay.username is not None and relay.password is not None:
                smtp.login(relay.username, relay.password)
        except OSError:
            smtp.close()
            raise
        return smtp

    def _send_one(self, smtp: smtplib.SMTP, message: OutboundMessage, now: datetime) -> SendResult:
        mailbox = _mailbox(message.address.value)
        if mailbox is None:
            return Dead(reason="ADDRESS_MALFORMED")
        mail = self._mail(message, mailbox, now)
        try:
            smtp.send_message(mail)
        except smtplib.SMTPRecipientsRefused as refused:
            [(code, text)] = refused.recipients.values()
            return _refusal(code, text)
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as refused:
            return Retry(after_s=None, reason=f"SMTP_{refused.smtp_code}")
        except smtplib.SMTPNotSupportedError:  # an address that only an SMTPUTF8 relay takes
            return Retry(after_s=None, reason="SMTP_NOT_SUPPORTED")
        return Delivered(reference=mail["Message-ID"])

    def _mail(self, message: OutboundMessage, to: Mailbox, now: datetime) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = to
        mail["Subject"] = message.rendered.subject
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<{message.id}@{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: do not answer with an absence note
        mail.set_content(message.rendered.body)
        return mail


def _mailbox(value: str) -> Mailbox | None:
    """The address as it may stand in a header, None if it cannot."""
    try:
        mailbox = Mailbox(addr_spec=value)
    except NonASCIILocalPartDefect:  # in order for a relay that knows SMTPUTF8
        username, _, domain = value.rpartition("@")
        mailbox = Mailbox(username=username, domain=domain)
    except (ValueError, HeaderParseError, IndexError):  # IndexError: the parser, on some garbage
        return None
    return mailbox if mailbox.username and mailbox.domain else None


def _refusal(code: int, text: bytes) -> SendResult:
    reason = f"SMTP_{code}"
    first, _, _ = text.decode(errors="replace").partition(" ")
    enhanced = first if first[:2] in {"4.", "5."} else None
    gone = enhanced is None or enhanced.startswith(_MAILBOX_GONE)
    if code >= _FIRST_PERMANENT and gone:
        return Dead(reason=reason)
    return Retry(after_s=None, reason=reason)
