"""The fake is tested because the demo believes it."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backend.simulator.mailbox import BANNER, Mailbox


def send(mailbox: Mailbox, subject: str, *receivers: str) -> None:
    message = EmailMessage()
    message["From"] = "connectrex@invented.example"
    message["To"] = "somebody@invented.example"
    message["Subject"] = subject
    message.set_content("Größe: ½")
    with smtplib.SMTP("127.0.0.1", urlsplit(mailbox.url).port or 0) as relay:
        relay.send_message(message, to_addrs=receivers)


def test_an_empty_mailbox_has_nothing_for_anybody(tmp_path: Path) -> None:
    with Mailbox(tmp_path / "mail") as mailbox:
        assert mailbox.received("officer@invented.example") == []


def test_mail_is_kept_in_order_for_those_on_the_envelope(tmp_path: Path) -> None:
    with Mailbox(tmp_path / "mail") as mailbox:
        send(mailbox, "One", "a@invented.example", "b@invented.example")
        send(mailbox, "Two", "a@invented.example")

        subjects = [mail["Subject"] for mail in mailbox.received("a@invented.example")]
        (shared,) = mailbox.received("b@invented.example")

    assert subjects == ["One", "Two"]
    assert shared.get_content().strip() == "Größe: ½"
    assert mailbox.received("somebody@invented.example") == []


def test_it_says_loudly_that_it_is_a_fake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Mailbox(tmp_path / "mail") as mailbox:
        said = capsys.readouterr().err

    assert BANNER in said
    assert mailbox.url in said


def test_nothing_listens_when_it_is_closed(tmp_path: Path) -> None:
    with Mailbox(tmp_path / "mail") as mailbox:
        pass

    with pytest.raises(OSError):  # noqa: PT011 - whatever the system calls it
        send(mailbox, "Late", "a@invented.example")
