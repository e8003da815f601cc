from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from uuid import UUID

import pytest
import trustme

from notifications.channels.base import Address, AddressKind, Dead, Delivered, Retry
from notifications.channels.email import EmailChannel, SmtpRelay, SmtpSecurity
from tests.support.notifications import NOON, outbound, rendered
from tests.support.smtp import PASSWORD, USERNAME, LocalSmtp, local_smtp

SENDER = "Example Agency <no-reply@agency.example>"
TESTA = Address(kind=AddressKind.EMAIL, value="testa@example.com")
OTTO = Address(kind=AddressKind.EMAIL, value="otto@example.com")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def smtp() -> Iterator[LocalSmtp]:
    with local_smtp() as relay:
        yield relay


def relay_at(port: int, security: SmtpSecurity = SmtpSecurity.NONE) -> SmtpRelay:
    return SmtpRelay(
        host="127.0.0.1",
        port=port,
        security=security,
        username=None,
        password=None,
        ca_bundle=None,
        timeout_s=2,
    )


def channel_to(relay: SmtpRelay) -> EmailChannel:
    return EmailChannel(relay, sender=SENDER)


def later(reason: str) -> Retry:
    return Retry(after_s=None, reason=reason)


def test_a_sender_that_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="sender"):
        EmailChannel(relay_at(25), sender="nobody")


def test_a_user_without_a_password_is_refused() -> None:
    with pytest.raises(ValueError, match="password"):
        replace(relay_at(25), username="someone")


@pytest.mark.parametrize("url", ["", "http://relay", "smtp://", "relay:25", "smtp://:25"])
def test_a_url_of_no_relay_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a relay is"):
        SmtpRelay.from_url(url, ca_bundle=None, timeout_s=2)


@pytest.mark.parametrize(
    ("url", "security", "port", "password"),
    [
        ("smtp://me:p%40ss@relay.example", SmtpSecurity.STARTTLS, 587, "p@ss"),
        ("smtps://relay.example", SmtpSecurity.IMPLICIT_TLS, 465, None),
        ("smtp+plain://relay.example:2525", SmtpSecurity.NONE, 2525, None),
    ],
)
def test_a_relay_is_read_from_its_url(
    url: str, security: SmtpSecurity, port: int, password: str | None
) -> None:
    relay = SmtpRelay.from_url(url, ca_bundle=None, timeout_s=2)

    assert (relay.host, relay.security, relay.port) == ("relay.example", security, port)
    assert relay.password == password
    assert "p@ss" not in repr(relay)


def test_no_relay_at_all_means_later() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        results = channel_to(relay_at(unused.getsockname()[1])).send(
            [outbound(TESTA), outbound(OTTO)], now=NOON
        )

    assert results == [later("SMTP_CONNECTION")] * 2


def test_a_relay_that_never_answers_means_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        relay = replace(relay_at(silent.getsockname()[1]), timeout_s=0.2)

        results = channel_to(relay).send([outbound(TESTA)], now=NOON)

    assert results == [later("SMTP_CONNECTION")]


def test_a_mail_says_who_when_and_what_and_that_a_machine_wrote_it(smtp: LocalSmtp) -> None:
    message_id = UUID(int=7)

    results = channel_to(relay_at(smtp.port)).send(
        [outbound(TESTA, message_id=message_id, text=rendered("Ñandú-1"))], now=NOON
    )

    assert results == [Delivered(reference=f"<{message_id}@agency.example>")]
    [mail] = smtp.received
    assert mail["To"] == TESTA.value
    assert mail["From"] == SENDER
    assert mail["Message-ID"] == f"<{message_id}@agency.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(mail["Date"]) == NOON
    assert mail["Subject"] == rendered().subject
    assert "Ñandú-1" in mail.get_content()


def test_a_repeat_carries_the_same_message_id(smtp: LocalSmtp) -> None:
    channel, message = channel_to(relay_at(smtp.port)), outbound(TESTA)

    channel.send([message], now=NOON)
    channel.send([message], now=NOON + timedelta(hours=1))

    first, second = smtp.received
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        ("550 5.1.1 no such user", Dead(reason="SMTP_550")),
        ("550 no such user", Dead(reason="SMTP_550")),
        ("550 5.2.1 mailbox disabled", Dead(reason="SMTP_550")),
        ("552 5.2.2 mailbox full", later("SMTP_552")),
        ("554 5.7.1 relaying denied", later("SMTP_554")),
        ("450 4.2.0 greylisted", later("SMTP_450")),
        ("421 4.3.2 closing", later("SMTP_421")),
    ],
)
def test_only_a_refusal_that_blames_the_mailbox_kills_the_address(
    smtp: LocalSmtp, reply: str, result: Dead | Retry
) -> None:
    smtp.refuse(TESTA.value, reply)

    assert channel_to(relay_at(smtp.port)).send([outbound(TESTA)], now=NOON) == [result]


def test_one_refused_recipient_does_not_hold_up_the_next(smtp: LocalSmtp) -> None:
    smtp.refuse(TESTA.value, "550 5.1.1 no such user")

    results = channel_to(relay_at(smtp.port)).send([outbound(TESTA), outbound(OTTO)], now=NOON)

    assert isinstance(results[0], Dead)
    assert isinstance(results[1], Delivered)
    assert [mail["To"] for mail in smtp.received] == [OTTO.value]


@pytest.mark.parametrize("reply", ["554 5.6.0 content refused", "451 4.3.0 try later"])
def test_a_refused_content_does_not_kill_the_address(smtp: LocalSmtp, reply: str) -> None:
    smtp.data_reply = reply

    results = channel_to(relay_at(smtp.port)).send([outbound(TESTA)], now=NOON)

    assert results == [later(f"SMTP_{reply[:3]}")]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "testa",
        "@example.com",
        "testa@",
        "testa@example.com\r\nBcc: otto@example.com",
        "testa@example.com, otto@example.com",
        "Testa <testa@example.com>",
        "testa@example.com>",
        "\x00@example.com",
        "[",
    ],
)
def test_what_is_no_address_is_dead_and_reaches_nobody(smtp: LocalSmtp, value: str) -> None:
    address = Address(kind=AddressKind.EMAIL, value=value)

    results = channel_to(relay_at(smtp.port)).send([outbound(address)], now=NOON)

    assert results == [Dead(reason="ADDRESS_MALFORMED")]
    assert not smtp.received


@pytest.mark.parametrize(("utf8_addresses", "taken"), [(True, 1), (False, 0)])
def test_an_address_beyond_ascii_waits_for_a_relay_that_takes_it(
    utf8_addresses: bool, taken: int
) -> None:
    address = Address(kind=AddressKind.EMAIL, value="testá@example.com")

    with local_smtp(utf8_addresses=utf8_addresses) as smtp:
        [result] = channel_to(relay_at(smtp.port)).send([outbound(address)], now=NOON)

    assert len(smtp.received) == taken
    assert isinstance(result, Delivered if taken else Retry)


def test_starttls_and_sign_in_protect_the_way(server_tls: ssl.SSLContext, ca_bundle: Path) -> None:
    with local_smtp(starttls=server_tls, authenticated=True) as smtp:
        relay = replace(
            relay_at(smtp.port, SmtpSecurity.STARTTLS),
            username=USERNAME,
            password=PASSWORD,
            ca_bundle=ca_bundle,
        )
        results = channel_to(relay).send([outbound(TESTA)], now=NOON)

    assert isinstance(results[0], Delivered)
    assert smtp.secured == [True]
    assert smtp.logins == [USERNAME]


def test_a_wrong_password_means_later_and_sends_nothing(
    server_tls: ssl.SSLContext, ca_bundle: Path
) -> None:
    with local_smtp(starttls=server_tls, authenticated=True) as smtp:
        relay = replace(
            relay_at(smtp.port, SmtpSecurity.STARTTLS),
            username=USERNAME,
            password="wrong",
            ca_bundle=ca_bundle,
        )
        results = channel_to(relay).send([outbound(TESTA)], now=NOON)

    assert results == [later("SMTP_AUTHENTICATION")]
    assert not smtp.received


def test_implicit_tls_works(server_tls: ssl.SSLContext, ca_bundle: Path) -> None:
    with local_smtp(implicit_tls=server_tls) as smtp:
        relay = replace(relay_at(smtp.port, SmtpSecurity.IMPLICIT_TLS), ca_bundle=ca_bundle)
        results = channel_to(relay).send([outbound(TESTA)], now=NOON)

    assert isinstance(results[0], Delivered)


@pytest.mark.parametrize("security", [SmtpSecurity.STARTTLS, SmtpSecurity.IMPLICIT_TLS])
def test_protection_is_never_given_up(smtp: LocalSmtp, security: SmtpSecurity) -> None:
    """The relay offers none, as one would whose offer somebody on the way has struck out."""
    results = channel_to(relay_at(smtp.port, security)).send([outbound(TESTA)], now=NOON)

    assert isinstance(results[0], Retry)
    assert not smtp.received


def test_a_relay_with_a_certificate_of_strangers_gets_nothing(
    server_tls: ssl.SSLContext,
) -> None:
    with local_smtp(starttls=server_tls) as smtp:
        relay = relay_at(smtp.port, SmtpSecurity.STARTTLS)
        results = channel_to(relay).send([outbound(TESTA)], now=NOON)

    assert results == [later("SMTP_CONNECTION")]
    assert not smtp.received
