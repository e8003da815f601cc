"""The whole way from the outbox to phone, mailbox and inbox, over real connections."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backend.simulator.fcm import Answer, LocalFcm
from notifications.channels.base import Address, AddressKind, Channel
from notifications.channels.email import EmailChannel, SmtpRelay
from notifications.channels.fcm import FcmChannel
from notifications.channels.inbox import InboxChannel
from notifications.delivery import MessageState
from notifications.dispatch import dispatch
from tests.support.notifications import NOON, FakeInbox, MemoryStore
from tests.support.smtp import LocalSmtp, local_smtp

MAIL = Address(kind=AddressKind.EMAIL, value="testa@example.com")
INBOX = Address(kind=AddressKind.INBOX, value="person-1")


@pytest.fixture
def fcm() -> Iterator[LocalFcm]:
    with LocalFcm() as running:
        yield running


@pytest.fixture
def smtp() -> Iterator[LocalSmtp]:
    with local_smtp() as relay:
        yield relay


@pytest.fixture
def inbox() -> FakeInbox:
    return FakeInbox()


@pytest.fixture
def channels(
    fcm: LocalFcm, smtp: LocalSmtp, inbox: FakeInbox, tmp_path: Path
) -> Iterator[list[Channel]]:
    fcm.write_to(tmp_path)
    push = FcmChannel(
        fcm.service_account_info,
        proxy_url=fcm.proxy_url,
        ca_bundle=tmp_path / "ca.pem",
        timeout_s=2,
    )
    relay = SmtpRelay.from_url(f"smtp+plain://127.0.0.1:{smtp.port}", ca_bundle=None, timeout_s=2)
    opened: list[Channel] = [
        push,
        EmailChannel(relay, sender="no-reply@agency.example"),
        InboxChannel(inbox),
    ]
    yield opened
    for channel in opened:
        channel.close()


def phone(token: str) -> Address:
    return Address(kind=AddressKind.FCM_TOKEN, value=token)


def test_a_reminder_reaches_the_phone_and_the_inbox(
    fcm: LocalFcm, smtp: LocalSmtp, inbox: FakeInbox, channels: list[Channel]
) -> None:
    store, token = MemoryStore(), fcm.new_phone()
    message_id = store.enqueue(
        send_at=NOON,
        expires_at=NOON + timedelta(days=1),
        addresses=(phone(token), MAIL, INBOX),
    )

    dispatch(store, channels, lambda: NOON)

    assert store.state(message_id) is MessageState.SENT
    assert [one["data"] for one in fcm.received(token)] == [{"id": str(message_id)}]
    assert list(inbox.entries) == [message_id]
    assert not smtp.received


def test_a_phone_without_the_app_gets_a_mail_and_its_address_is_forgotten(
    fcm: LocalFcm, smtp: LocalSmtp, inbox: FakeInbox, channels: list[Channel]
) -> None:
    store, token = MemoryStore(), fcm.new_phone()
    fcm.uninstall(token)
    message_id = store.enqueue(
        send_at=NOON,
        expires_at=NOON + timedelta(days=1),
        addresses=(phone(token), MAIL, INBOX),
    )

    dispatch(store, channels, lambda: NOON)

    assert store.state(message_id) is MessageState.SENT
    assert store.forgotten() == {phone(token)}
    [mail] = smtp.received
    assert str(message_id) in mail["Message-ID"]
    assert list(inbox.entries) == [message_id]


def test_an_outage_delays_and_does_not_lose(fcm: LocalFcm, channels: list[Channel]) -> None:
    store, token = MemoryStore(), fcm.new_phone()
    fcm.script(token, Answer.UNAVAILABLE, Answer.DROPPED)
    message_id = store.enqueue(
        send_at=NOON, expires_at=NOON + timedelta(days=1), addresses=(phone(token),)
    )
    states: list[MessageState] = []

    now: datetime = NOON
    for _ in range(3):
        dispatch(store, channels, lambda at=now: at)  # type: ignore[misc]  # mypy cannot infer the default's lambda
        states.append(store.state(message_id))
        now = store.outcomes(message_id)[-1].retry_at or now

    assert states == [MessageState.PENDING, MessageState.PENDING, MessageState.SENT]
    assert {one["data"]["id"] for one in fcm.received(token)} == {str(message_id)}
    assert len(fcm.received(token)) == 2
