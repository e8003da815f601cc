"""Workers killed while they plan and send: every reminder arrives, a repeat as the same message."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import select

from backend.app import create_app
from backend.core.db import Database
from backend.outbox.models import InboxEntry, OutboxMessage
from backend.outbox.store import OutboxStore
from backend.simulator.fcm import Answer, LocalFcm, Scripted
from backend.simulator.phone import Phone, PushAddress
from backend.simulator.position import PhoneClock
from backend.simulator.proof import compact_json
from backend.simulator.wire import HttpRequest
from backend.worker.channels import open_channels
from backend.worker.jobs import READERS, send
from backend.worker.people import addresses, forget
from notifications.delivery import DEFAULT_RETRY, MessageState
from tests.faults.dying import Step
from tests.support.clocks import START
from tests.support.devices import Person, code_for, supervised_person
from tests.support.identity import PASSWORD
from tests.support.phones import over_client
from tests.support.reminders import owes, planned
from tests.support.sites import Site, carry

PEOPLE: Final = 6
DUE: Final = date(2026, 3, 7)
DUE_AT: Final = datetime(2026, 3, 2, 19, tzinfo=UTC)
LEASE: Final = timedelta(seconds=DEFAULT_RETRY.lease_s + 1)
STUCK: Final = Scripted(answer=Answer.SLOW, after_s=3.0)
"""The push is on the phone, and the worker waits for the answer: it cannot have recorded it."""
_PATIENCE_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Debtor:
    """A person who owes something, and the push address of their phone."""

    person: Person
    token: str


def debtors_on(site: Site, fcm: LocalFcm) -> list[Debtor]:
    """Open cases of people who owe, whose phones are enrolled for push."""
    site.clock.step_to(START)
    with site.opened() as database:
        app = create_app(site.settings, database, site.clock)
        found = []
        for _ in range(PEOPLE):
            token = fcm.new_phone()
            with database.transaction() as session:
                person = supervised_person(session, now=START)
                owes(session, person, DUE, START)
                code = code_for(session, person, now=START)
            phone = Phone(
                server_url=site.settings.public_url,
                transport=over_client(app.test_client()),
                clock=PhoneClock(site.clock.now),
                push=PushAddress(kind="token", address=token),
            )
            phone.enrol(code)
            found.append(Debtor(person=person, token=token))
    return found


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that others bring about."""
    give_up_at = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.01)


class Desk:
    """The officers of these people, who have just signed in."""

    def __init__(self, site: Site, debtors: list[Debtor]) -> None:
        self._site = site
        self._bearers = {debtor.token: self._sign_in(debtor) for debtor in debtors}

    def reminders(self, debtor: Debtor) -> list[dict[str, Any]]:
        """Return a person's reminders as their officer reads them."""
        path = f"/v1/supervisees/{debtor.person.supervisee_id}/reminders"
        items: list[dict[str, Any]] = self._ask("GET", path, self._bearers[debtor.token])["items"]
        return items

    def _sign_in(self, debtor: Debtor) -> str:
        credentials = {"email": debtor.person.account.email, "password": PASSWORD}
        token: str = self._ask("POST", "/v1/officer/session", None, credentials)["token"]
        return token

    def _ask(
        self, method: str, path: str, bearer: str | None, members: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        url = self._site.settings.public_url + path
        body = b"" if members is None else compact_json(members)
        answer = carry(HttpRequest(method=method, url=url, headers=headers, body=body))
        assert answer.status in {200, 201}, answer.body
        found: dict[str, Any] = answer.json()
        return found


def first_reminders(database: Database) -> dict[str, OutboxMessage]:
    """Return the reminder that is due first of each person, by the person's identifier."""
    with database.snapshot() as session:
        rows = session.scalars(select(OutboxMessage).order_by(OutboxMessage.due_at.desc()))
        return {str(row.recipient_id): row for row in rows}


def plan_under_fire(site: Site, debtors: list[Debtor], random_: random.Random) -> None:
    """Kill the site some times as it begins to plan, then let it plan in peace.

    A minute passes each time: planning that was cut off is done again in the next slot of time.
    """
    for _ in range(3):
        site.start()
        time.sleep(random_.uniform(0.0, 0.15))
        site.kill()
        site.clock.step(timedelta(minutes=1))
    site.start()
    desk = Desk(site, debtors)
    until(lambda: all(len(desk.reminders(debtor)) == 3 for debtor in debtors))
    site.stop()


def received(fcm: LocalFcm, debtors: list[Debtor]) -> list[list[dict[str, Any]]]:
    """Return what each phone got."""
    return [fcm.received(debtor.token) for debtor in debtors]


def test_killed_while_planning_and_sending_the_worker_loses_no_reminder(
    site: Site, fcm: LocalFcm
) -> None:
    random_ = random.Random(20260302)  # noqa: S311 - moments, not secrets
    debtors = debtors_on(site, fcm)
    site.kills = 0
    plan_under_fire(site, debtors, random_)
    site.clock.step_to(DUE_AT)

    # Sent, the first or all of them, and never recorded.
    for enough in (1, PEOPLE):
        for debtor in debtors:
            fcm.script(debtor.token, STUCK, forever=True)
        already = sum(map(len, received(fcm, debtors)))
        site.start()
        until(lambda: sum(map(len, received(fcm, debtors))) >= already + enough)  # noqa: B023
        site.kill()
        site.clock.step(LEASE)
    # Wherever it is by then: claiming, reading again, sending, recording.
    for debtor in debtors:
        fcm.script(debtor.token, Answer.ACCEPTED, forever=True)
    for _ in range(3):
        site.start()
        time.sleep(random_.uniform(0.0, 0.25))
        site.kill()
        site.clock.step(LEASE)
    site.start()
    desk = Desk(site, debtors)
    until(lambda: all(is_sent(desk.reminders(debtor)) for debtor in debtors))
    site.stop()

    assert site.kills == 8
    with site.opened() as database:
        first = first_reminders(database)
        with database.snapshot() as session:
            inboxes = session.scalars(select(InboxEntry)).all()
            planned = session.scalars(select(OutboxMessage.key)).all()
    assert len(planned) == len(set(planned)) == 3 * PEOPLE
    assert sorted(entry.message_id for entry in inboxes) == sorted(row.id for row in first.values())
    for debtor in debtors:
        message = first[str(debtor.person.supervisee_id)]
        pushes = fcm.received(debtor.token)
        assert message.state is MessageState.SENT
        assert len(pushes) >= 2
        assert {push["data"]["id"] for push in pushes} == {str(message.id)}
        assert {push["android"]["collapse_key"] for push in pushes} == {"payment"}
        assert {push["android"]["notification"]["tag"] for push in pushes} == {str(message.id)}
        assert {push["apns"]["headers"]["apns-collapse-id"] for push in pushes} == {"payment"}
    assert site.command("audit", "verify").exit_code == 0


@pytest.mark.parametrize("step", Step)
def test_killed_at_each_step_of_sending_the_reminder_is_recorded_once(
    site: Site, fcm: LocalFcm, step: Step
) -> None:
    debtors = debtors_on(site, fcm)
    with site.opened() as database:
        planned(database, START)
    site.clock.step_to(DUE_AT)

    dying = [sys.executable, "-m", "tests.faults.dying", step.value]
    died = subprocess.run(dying, env={**os.environ, **site.environment}, check=False)
    site.clock.step(LEASE)
    with site.opened() as database:
        store = OutboxStore(database, readers=READERS, address_book=addresses, forget=forget)
        channels = open_channels(site.settings, database)
        send(store, channels, site.clock)
        for channel in channels:
            channel.close()
        first = first_reminders(database)
        with database.snapshot() as session:
            inboxes = [one.message_id for one in session.scalars(select(InboxEntry))]

    assert died.returncode == -signal.SIGKILL
    assert sorted(inboxes) == sorted(row.id for row in first.values())
    for debtor in debtors:
        message = first[str(debtor.person.supervisee_id)]
        pushes = fcm.received(debtor.token)
        assert message.state is MessageState.SENT
        assert len(pushes) == (2 if step in {Step.SENT, Step.UNRECORDED} else 1)
        assert {push["data"]["id"] for push in pushes} == {str(message.id)}
        assert {push["android"]["collapse_key"] for push in pushes} == {"payment"}


def is_sent(reminders: list[dict[str, Any]]) -> bool:
    """Whether one of a person's reminders was sent."""
    return any(one["state"] == "sent" for one in reminders)
