"""The push service is away for an hour: messages are late, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from backend.core.db import Database
from backend.core.settings import Settings
from backend.outbox.store import OutboxStore
from backend.simulator.fcm import LocalFcm
from backend.simulator.phone import PushAddress
from backend.worker.channels import open_channels
from backend.worker.jobs import READERS, send
from backend.worker.people import addresses, forget
from notifications.channels.base import Channel
from notifications.delivery import MessageState
from tests.support.cables import Cable
from tests.support.clocks import START, FrozenClock
from tests.support.devices import enrolled_phone, supervised_person
from tests.support.outbox import state_of
from tests.support.reminders import message_ids, owes, planned

DUE_ON = date(2026, 3, 7)
DUE_AT = datetime(2026, 3, 2, 19, tzinfo=UTC)


@pytest.fixture
def cable(fcm: LocalFcm) -> Iterator[Cable]:
    """The cable to the push service."""
    port = urlsplit(fcm.proxy_url).port
    assert port is not None
    with Cable(port) as cable:
        yield cable


@pytest.fixture
def channels(
    settings: Settings, database: Database, fcm: LocalFcm, cable: Cable, tmp_path: Path
) -> Iterator[list[Channel]]:
    """Inbox and push, the latter through the cable."""
    fcm.write_to(tmp_path)
    connected = replace(
        settings,
        fcm_credentials=tmp_path / "service-account.json",
        fcm_ca_bundle=tmp_path / "ca.pem",
        fcm_proxy=f"http://127.0.0.1:{cable.port}",
    )
    opened = open_channels(connected, database)
    yield opened
    for channel in opened:
        channel.close()


def test_an_hour_without_the_push_service_delays_a_reminder_and_does_not_lose_it(
    database: Database,
    client: FlaskClient,
    clock: FrozenClock,
    channels: list[Channel],
    fcm: LocalFcm,
    cable: Cable,
) -> None:
    token = fcm.new_phone()
    with database.transaction() as session:
        person = supervised_person(session, now=START)
        owes(session, person, DUE_ON, START)
    enrolled_phone(database, client, clock, person, push=PushAddress(kind="token", address=token))
    planned(database, START)
    store = OutboxStore(database, readers=READERS, address_book=addresses, forget=forget)
    message_id, *_ = message_ids(database)
    clock.set(DUE_AT)
    cable.cut()

    meanwhile = []
    for _ in range(12):
        send(store, channels, clock)
        meanwhile.append(state_of(database, message_id))
        clock.step(minutes=5)
    cable.mend()
    clock.step(hours=1)
    send(store, channels, clock)

    assert set(meanwhile) == {MessageState.PENDING}
    assert state_of(database, message_id) is MessageState.SENT
    assert [push["data"] for push in fcm.received(token)] == [{"id": str(message_id)}]
