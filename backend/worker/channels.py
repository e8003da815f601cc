"""The channels that the settings ask for: without a setting, no channel."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import unquote, urlsplit

from backend.core.db import Database
from backend.core.settings import PREFIX, Settings, SettingsError
from backend.outbox.inbox import StoredInbox
from notifications.channels.base import Channel
from notifications.channels.email import EmailChannel, SmtpRelay, SmtpSecurity
from notifications.channels.fcm import FcmChannel
from notifications.channels.inbox import InboxChannel

TIMEOUT_S: Final = 10.0

_SCHEMES: Final = {
    "smtp": (SmtpSecurity.STARTTLS, 587),
    "smtps": (SmtpSecurity.IMPLICIT_TLS, 465),
    "smtp+plain": (SmtpSecurity.NONE, 25),
}


def open_channels(settings: Settings, database: Database) -> list[Channel]:
    """Return the channels to send by: always the inbox, push and e-mail where they are set up.

    Raises SettingsError if a setting cannot be used; the text repeats no secret.
    """
    channels: list[Channel] = [InboxChannel(StoredInbox(database))]
    mail = open_mail(settings)
    if mail is not None:
        channels.append(mail)
    if settings.fcm_credentials is not None:
        channels.append(_fcm(settings, settings.fcm_credentials.read_text(encoding="utf-8")))
    return channels


def open_mail(settings: Settings) -> EmailChannel | None:
    """Return the channel of e-mail, None where none is set up. Raises SettingsError."""
    if settings.smtp_url is None:
        return None
    return EmailChannel(relay(settings.smtp_url), sender=settings.mail_from)


def _fcm(settings: Settings, credentials: str) -> FcmChannel:
    try:
        return FcmChannel(
            json.loads(credentials),
            proxy_url=settings.fcm_proxy,
            ca_bundle=settings.fcm_ca_bundle,
            timeout_s=TIMEOUT_S,
        )
    except ValueError:
        raise SettingsError(f"{PREFIX}FCM_CREDENTIALS is no service account file") from None


def relay(url: str) -> SmtpRelay:
    """Return the mail relay that `url` names. Raises SettingsError."""
    try:
        found = _relay(url)
    except ValueError:
        found = None
    if found is None:
        raise SettingsError(f"{PREFIX}SMTP_URL is no address of a mail relay")
    return found


def _relay(url: str) -> SmtpRelay | None:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.path.strip("/") or parts.query:
        return None
    security, port = _SCHEMES[parts.scheme]
    return SmtpRelay(
        host=parts.hostname,
        port=parts.port or port,
        security=security,
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        ca_bundle=None,
        timeout_s=TIMEOUT_S,
    )
