"""From a debt to a phone: planning, the real outbox, firebase-admin over TLS to a local FCM, SMTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from backend.alerts.kinds import Severity
from backend.core.db import Database
from backend.core.paging import Cursor
from backend.core.settings import Settings
from backend.identity import service as identity
from backend.outbox import service as outbox
from backend.outbox.messages import Recipient, RecipientKind
from backend.outbox.store import OutboxStore
from backend.requests.service import RequestState, answer_request
from backend.simulator.fcm import Answer, LocalFcm
from backend.simulator.phone import PushAddress
from backend.worker import Worker, build
from backend.worker.channels import open_channels
from backend.worker.jobs import READERS, send
from backend.worker.people import addresses, forget
from notifications.channels.base import Channel
from notifications.delivery import DEFAULT_RETRY, MessageState, Outcome
from tests.support.alerts import raised_alert
from tests.support.clocks import START, FrozenClock
from tests.support.devices import Person, enrolled_phone
from tests.support.outbox import history_of, state_of
from tests.support.reminders import message_ids, owes, pays, planned
from tests.support.requests import asked
from tests.support.smtp import LocalSmtp, local_smtp

DUE = date(2026, 3, 7)
DUE_AT = datetime(2026, 3, 2, 19, tzinfo=UTC)


@pytest.fixture(scope="module")
def fcm() -> Iterator[LocalFcm]:
    with LocalFcm() as running:
        yield running


@pytest.fixture
def smtp() -> Iterator[LocalSmtp]:
    with local_smtp() as relay:
        yield relay


@pytest.fixture
def connected(settings: Settings, fcm: LocalFcm, smtp: LocalSmtp, tmp_path: Path) -> Settings:
    """Settings with a Firebase that answers and a relay that takes mail."""
    fcm.write_to(tmp_path)
    return replace(
        settings,
        fcm_credentials=tmp_path / "service-account.json",
        fcm_proxy=fcm.proxy_url,
        fcm_ca_bundle=tmp_path / "ca.pem",
        smtp_url=f"smtp+plain://127.0.0.1:{smtp.port}",
        mail_from="reminders@connectrex.test",
    )


@pytest.fixture
def channels(connected: Settings, database: Database) -> Iterator[list[Channel]]:
    opened = open_channels(connected, database)
    yield opened
    for channel in opened:
        channel.close()


@pytest.fixture
def token(
    database: Database, client: FlaskClient, clock: FrozenClock, testa: Person, fcm: LocalFcm
) -> str:
    """The push address of the phone that Testa enrolled."""
    address = fcm.new_phone()
    enrolled_phone(database, client, clock, testa, push=PushAddress(kind="token", address=address))
    return address


@pytest.fixture
def owing(database: Database, testa: Person, clock: FrozenClock) -> Person:
    """Testa, with a reminder that is due now and two that follow."""
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)
    clock.set(DUE_AT)
    return testa


class Killed(BaseException):
    """What `kill -9` looks like from inside: nobody catches it."""


class DyingStore(OutboxStore):
    """The outbox of a worker that dies after sending, before it can record."""

    def record(self, outcomes: Sequence[Outcome], *, now: datetime) -> None:
        del outcomes, now
        raise Killed


def a_store(database: Database, kind: type[OutboxStore] = OutboxStore) -> OutboxStore:
    return kind(database, readers=READERS, address_book=addresses, forget=forget)


def inbox_of(database: Database, person: Person) -> list[str]:
    with database.snapshot() as session:
        page = outbox.inbox(session, person.supervisee_id, Cursor())
        return [item.body for item in page.items]


def test_a_reminder_reaches_the_phone_and_the_inbox_and_is_recorded(
    database: Database,
    channels: list[Channel],
    clock: FrozenClock,
    token: str,
    owing: Person,
    fcm: LocalFcm,
    smtp: LocalSmtp,
) -> None:
    send(a_store(database), channels, clock)

    first, *_ = message_ids(database)
    [push] = fcm.received(token)
    assert push["data"] == {"id": str(first)}
    assert push["android"]["collapse_key"] == "payment"
    assert "Testa" not in str(push)
    assert "50" not in push["notification"]["body"]
    assert state_of(database, first) is MessageState.SENT
    assert [state for state, *_ in history_of(database, first)] == [
        MessageState.CLAIMED,
        MessageState.SENT,
    ]
    [given] = inbox_of(database, owing)
    assert "Supervision fee: $50.00, due Saturday, March 7, 2026" in given
    assert smtp.received == []


def test_a_reminder_is_not_sent_before_its_hour_nor_twice(
    database: Database,
    channels: list[Channel],
    clock: FrozenClock,
    token: str,
    owing: Person,
    fcm: LocalFcm,
) -> None:
    store = a_store(database)
    clock.set(DUE_AT - timedelta(seconds=1))
    send(store, channels, clock)
    early = list(fcm.received(token))

    for _ in range(3):
        clock.step(minutes=10)
        send(store, channels, clock)

    assert early == []
    assert len(fcm.received(token)) == 1
    assert len(inbox_of(database, owing)) == 1


def test_what_is_paid_between_planning_and_sending_is_not_reminded_of(
    database: Database,
    channels: list[Channel],
    clock: FrozenClock,
    token: str,
    owing: Person,
    fcm: LocalFcm,
) -> None:
    with database.transaction() as session:
        pays(session, owing, 5_000, clock.now())

    send(a_store(database), channels, clock)

    first, *_ = message_ids(database)
    assert fcm.received(token) == []
    assert inbox_of(database, owing) == []
    assert state_of(database, first) is MessageState.WITHDRAWN
    assert history_of(database, first)[-1] == (MessageState.WITHDRAWN, 1, "NOT_DUE")


def test_a_worker_killed_between_sending_and_recording_repeats_the_same_message(
    database: Database,
    channels: list[Channel],
    clock: FrozenClock,
    token: str,
    owing: Person,
    fcm: LocalFcm,
) -> None:
    with pytest.raises(Killed):
        send(a_store(database, DyingStore), channels, clock)
    first, *_ = message_ids(database)
    after_the_kill = state_of(database, first)
    healthy = a_store(database)

    clock.step(seconds=DEFAULT_RETRY.lease_s - 1)
    send(healthy, channels, clock)
    while_leased = len(fcm.received(token))
    clock.step(seconds=1)
    send(healthy, channels, clock)

    one, two = fcm.received(token)
    assert after_the_kill is MessageState.CLAIMED
    assert while_leased == 1
    assert one["data"] == two["data"] == {"id": str(first)}
    assert one["android"]["collapse_key"] == two["android"]["collapse_key"]
    assert one["android"]["notification"]["tag"] == two["android"]["notification"]["tag"]
    assert history_of(database, first)[-1] == (MessageState.SENT, 2, "")
    assert len(inbox_of(database, owing)) == 1


def test_a_phone_that_is_gone_is_forgotten_and_the_message_goes_by_mail(
    database: Database,
    channels: list[Channel],
    clock: FrozenClock,
    token: str,
    owing: Person,
    fcm: LocalFcm,
    smtp: LocalSmtp,
) -> None:
    fcm.uninstall(token)

    send(a_store(database), channels, clock)

    first, *_ = message_ids(database)
    [mail] = smtp.received
    person = Recipient(kind=RecipientKind.SUPERVISEE, id=owing.supervisee_id)
    with database.snapshot() as session:
        left = addresses(session, {person}, DUE_AT)[person]
    assert state_of(database, first) is MessageState.SENT
    assert [address.kind.value for address in left] == ["email", "inbox"]
    assert mail["Subject"] == "You have a message"
    assert "Supervision fee: $50.00" in mail.get_content()


def test_an_outage_delays_and_does_not_lose(
    database: Database,
    channels: list[Channel],
    clock: FrozenClock,
    token: str,
    owing: Person,
    fcm: LocalFcm,
) -> None:
    store = a_store(database)
    fcm.script(token, Answer.UNAVAILABLE)
    send(store, channels, clock)
    first, *_ = message_ids(database)
    during = state_of(database, first)

    clock.step(minutes=1)
    send(store, channels, clock)

    assert during is MessageState.PENDING
    assert state_of(database, first) is MessageState.SENT
    assert len(fcm.received(token)) == 1
    assert len(inbox_of(database, owing)) == 1


def test_the_worker_does_it_all_by_itself(
    database: Database,
    connected: Settings,
    clock: FrozenClock,
    token: str,
    testa: Person,
    fcm: LocalFcm,
) -> None:
    with database.transaction() as session:
        owes(session, testa, DUE, START)

    with build(connected, database, clock) as worker:
        assert isinstance(worker, Worker)
        _until(lambda: bool(message_ids(database)))
        clock.set(DUE_AT)
        _until(lambda: bool(fcm.received(token)))

    first, *_ = message_ids(database)
    assert state_of(database, first) is MessageState.SENT


def _until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, for ten seconds at the most."""
    patience = threading.Event()
    for _ in range(200):
        if holds():
            return
        patience.wait(0.05)
    raise AssertionError("it did not happen")


def test_a_critical_alert_reaches_the_officer_by_mail_and_names_nobody(
    database: Database,
    channels: list[Channel],
    clock: FrozenClock,
    testa: Person,
    smtp: LocalSmtp,
) -> None:
    with database.transaction() as session:
        person = identity.get_supervisee(session, testa.officer, testa.supervisee_id)
        alert_id = raised_alert(session, person, START, severity=Severity.CRITICAL)

    send(a_store(database), channels, clock)

    [mail] = smtp.received
    assert mail["To"] == testa.account.email
    assert str(alert_id) in mail.get_content()
    assert "Testa" not in mail.as_string()


def test_a_request_reaches_the_officer_by_mail_and_its_answer_the_phone(
    database: Database,
    channels: list[Channel],
    clock: FrozenClock,
    token: str,
    testa: Person,
    fcm: LocalFcm,
    smtp: LocalSmtp,
) -> None:
    with database.transaction() as session:
        person = identity.get_supervisee(session, testa.officer, testa.supervisee_id)
        request = asked(session, person, START, text="The screen stays black.")
    send(a_store(database), channels, clock)
    clock.set(DUE_AT)
    with database.transaction() as session:
        answer_request(
            session,
            testa.officer,
            request.id,
            outcome=RequestState.ANSWERED,
            answer="Restart it.",
            now=DUE_AT,
        )

    send(a_store(database), channels, clock)

    [mail] = smtp.received
    assert mail["To"] == testa.account.email
    assert str(request.id) in mail.get_content()
    assert "Testa" not in mail.as_string()
    assert "black" not in mail.as_string()
    [push] = fcm.received(token)
    assert push["android"]["collapse_key"] == "notice"
    assert "answer" not in str(push["notification"])
    [given] = inbox_of(database, testa)
    assert "you wrote to Testa County Supervision on Monday, March 2, 2026" in given
    assert "Restart" not in given


def test_without_settings_there_is_the_inbox_and_nothing_else(
    database: Database, settings: Settings, clock: FrozenClock, owing: Person
) -> None:
    channels = open_channels(settings, database)

    send(a_store(database), channels, clock)

    first, *_ = message_ids(database)
    assert len(channels) == 1
    assert len(inbox_of(database, owing)) == 1
    assert state_of(database, first) is MessageState.SENT
