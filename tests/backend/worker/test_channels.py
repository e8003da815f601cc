from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.core.db import Database
from backend.core.settings import Settings, SettingsError
from backend.worker.channels import open_channels, relay
from notifications.channels.base import AddressKind
from notifications.channels.email import SmtpSecurity


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example",
        "http://mail.example",
        "smtp://",
        "smtp://:password@",
        "smtp://mail.example:port",
        "smtp://mail.example:99999",
        "smtp://mail.example/path",
        "smtp://mail.example?verify=no",
        "smtp://user-only@mail.example",
    ],
)
def test_what_names_no_mail_relay_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        relay(url)

    assert str(refusal.value) == "CONNECTREX_SMTP_URL is no address of a mail relay"


@pytest.mark.parametrize(
    ("scheme", "security", "port"),
    [
        ("smtp", SmtpSecurity.STARTTLS, 587),
        ("smtps", SmtpSecurity.IMPLICIT_TLS, 465),
        ("smtp+plain", SmtpSecurity.NONE, 25),
    ],
)
def test_the_scheme_says_how_the_relay_is_protected(
    scheme: str, security: SmtpSecurity, port: int
) -> None:
    found = relay(f"{scheme}://mail.example")

    assert (found.host, found.security, found.port) == ("mail.example", security, port)
    assert (found.username, found.password) == (None, None)


def test_a_relay_may_ask_for_a_password_with_signs_in_it() -> None:
    found = relay("smtp://user%40example.com:p%2Fss@mail.example:2525")

    assert (found.port, found.username, found.password) == (2525, "user@example.com", "p/ss")


def test_a_service_account_file_that_is_none_is_refused(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    for content in ("not JSON", "{}", '{"type": "service_account", "private_key": "secret"}'):
        credentials = tmp_path / "service-account.json"
        credentials.write_text(content)

        with pytest.raises(SettingsError) as refusal:
            open_channels(replace(settings, fcm_credentials=credentials), database)

        assert "secret" not in str(refusal.value)


def test_the_inbox_is_always_there(settings: Settings, database: Database) -> None:
    kinds = [channel.kinds for channel in open_channels(settings, database)]

    assert kinds == [frozenset({AddressKind.INBOX})]
