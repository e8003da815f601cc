"""The dead-man alarm: who is told when reminders stop, how often, and when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.core.clock import Clock
from backend.core.db import Database
from backend.core.jobs import beat, claim_slot, finish_slot
from backend.core.outages import OutageRow
from backend.core.settings import Settings
from backend.identity.service import Role
from backend.outbox.store import HEARTBEAT_JOB
from backend.worker.watch import PATIENCE, Watch, build_watch
from notifications.channels.base import AddressKind, OutboundMessage, Retry, SendResult
from tests.support.clocks import START, FrozenClock
from tests.support.identity import make_agency, make_officer
from tests.support.notifications import FakeChannel
from tests.support.smtp import LocalSmtp, local_smtp

MINUTE = timedelta(minutes=1)


def runs(database: Database, at: datetime, *, plans: bool = True, sends: bool = True) -> None:
    """Let jobs finish a run."""
    with database.transaction() as session:
        if sends:
            beat(session, HEARTBEAT_JOB, at)
        if plans:
            slot = claim_slot(session, "plan-reminders", 60, at)
            assert slot is not None
            finish_slot(session, "plan-reminders", slot, at)


def looked(watch: Watch, since: datetime, minutes: int) -> datetime:
    """Look each minute from `since` on; return when the last look was."""
    for number in range(minutes):
        watch.look(since + number * MINUTE)
    return since + (minutes - 1) * MINUTE


def outages(database: Database) -> list[OutageRow]:
    with database.snapshot() as session:
        rows = list(session.scalars(select(OutageRow).order_by(OutageRow.id)))
        session.expunge_all()
        return rows


@pytest.fixture
def administrators(database: Database) -> list[str]:
    """The e-mail addresses of those who run two agencies, one of whom reads Spanish."""
    with database.transaction() as session:
        found = []
        for number in range(2):
            agency = make_agency(session, START, name=f"Testa County {number}")
            make_officer(session, agency, START)
            found.append(make_officer(session, agency, START, role=Role.AGENCY_ADMIN).email)
    return sorted(found)


@pytest.fixture
def mail() -> FakeChannel:
    return FakeChannel(AddressKind.EMAIL)


@pytest.fixture
def watch(database: Database, mail: FakeChannel) -> Watch:
    return Watch(database=database, mail=mail)


def test_while_jobs_run_nobody_is_told(
    database: Database, watch: Watch, mail: FakeChannel, administrators: list[str]
) -> None:
    assert administrators
    for number in range(30):
        runs(database, START + number * MINUTE)
        watch.look(START + number * MINUTE + timedelta(seconds=30))

    assert mail.sent == []
    assert outages(database) == []


def test_a_start_and_a_clock_that_leaps_are_no_outage(
    database: Database, watch: Watch, mail: FakeChannel
) -> None:
    last = looked(watch, START, 4)
    runs(database, last + MINUTE)
    for day in range(1, 5):
        watch.look(START + timedelta(days=day))
        runs(database, START + timedelta(days=day, seconds=1))

    assert mail.sent == []
    assert outages(database) == []


@pytest.mark.parametrize(("stopped", "other"), [("dispatch", "plans"), ("plan-reminders", "sends")])
def test_one_job_that_stops_is_told_to_every_administrator_once(
    database: Database,
    watch: Watch,
    mail: FakeChannel,
    administrators: list[str],
    stopped: str,
    other: str,
) -> None:
    runs(database, START)
    for number in range(1, 60):
        runs(database, START + number * MINUTE, **{"plans": False, "sends": False, other: True})
        watch.look(START + number * MINUTE + timedelta(seconds=1))

    assert sorted(message.address.value for message in mail.sent) == administrators
    assert all(stopped in message.rendered.body for message in mail.sent)
    [outage] = outages(database)
    assert (outage.job, outage.ended_at) == (stopped, None)
    assert outage.noticed_at - START <= PATIENCE + 7 * MINUTE


def test_it_is_over_when_the_job_runs_again_and_the_next_outage_is_told_anew(
    database: Database, watch: Watch, mail: FakeChannel, administrators: list[str]
) -> None:
    last = looked(watch, START, 10)
    runs(database, last + MINUTE)
    watch.look(last + MINUTE)

    assert [outage.ended_at for outage in outages(database)] == [last + MINUTE] * 2

    looked(watch, last + 2 * MINUTE, 20)

    assert len(outages(database)) == 4
    assert len(mail.sent) == 4 * len(administrators)
    assert len({message.id for message in mail.sent}) == len(mail.sent)


def test_of_many_processes_that_watch_one_tells(
    database: Database, watch: Watch, mail: FakeChannel, administrators: list[str]
) -> None:
    others = [Watch(database=database, mail=mail) for _ in range(3)]
    for number in range(20):
        for one in (watch, *others):
            one.look(START + number * MINUTE)

    assert len(mail.sent) == 2 * len(administrators)


def test_a_relay_that_takes_nothing_is_tried_again_with_the_same_message(
    database: Database, watch: Watch, mail: FakeChannel, administrators: list[str]
) -> None:
    def busy(_message: OutboundMessage) -> SendResult:
        return Retry(after_s=None, reason="BUSY")

    taken, mail.answer = mail.answer, busy
    last = looked(watch, START, 7)
    refused = {message.id for message in mail.sent}
    mail.answer = taken
    looked(watch, last + MINUTE, 20)

    assert len(refused) == 2 * len(administrators)
    assert len(mail.sent) == 2 * len(refused)
    assert {message.id for message in mail.sent} == refused
    assert all(outage.told_at is not None for outage in outages(database))


def test_without_mail_or_administrators_the_outage_is_noted_all_the_same(
    database: Database, watch: Watch, mail: FakeChannel
) -> None:
    looked(watch, START, 7)
    mute = Watch(database=database, mail=None)
    looked(mute, START, 7)

    assert mail.sent == []
    assert len(outages(database)) == 2


@pytest.fixture
def smtp() -> Iterator[LocalSmtp]:
    with local_smtp() as relay:
        yield relay


class Hours(Clock):
    """A clock on which a quarter of an hour passes between any two glances."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> datetime:
        self._now += timedelta(minutes=15)
        return self._now


def test_it_goes_out_by_the_relay_itself(
    database: Database, settings: Settings, smtp: LocalSmtp, administrators: list[str]
) -> None:
    connected = replace(settings, smtp_url=f"smtp+plain://127.0.0.1:{smtp.port}")
    watcher = build_watch(connected, database, Hours())
    with watcher:
        while len(outages(database)) < 2 or not all(one.told_at for one in outages(database)):
            pass

    assert sorted({str(mail["To"]) for mail in smtp.received}) == administrators
    assert {mail["Subject"] for mail in smtp.received} == {"connectrex: reminders have stopped"}


def test_the_age_of_heartbeats_is_a_metric(
    database: Database, client: FlaskClient, clock: FrozenClock
) -> None:
    runs(database, START, plans=False)
    clock.step(seconds=90)

    text = client.get("/metrics").text

    assert 'connectrex_heartbeat_age_seconds{job="dispatch"} 90.0' in text
    assert 'connectrex_heartbeat_age_seconds{job="plan-reminders"} +Inf' in text
