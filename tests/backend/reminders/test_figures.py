"""What became of reminders, by template."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.core.actor import Permission
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.outbox import service as outbox
from backend.outbox.inbox import StoredInbox
from backend.outbox.messages import Recipient, RecipientKind
from backend.outbox.store import OutboxStore
from backend.payments import service as payments
from backend.reminders.figures import Figures, TemplateFigures, figures
from backend.worker.jobs import READERS
from backend.worker.people import forget
from notifications.channels.base import Address, AddressKind, Channel
from notifications.channels.inbox import InboxChannel
from notifications.dispatch import dispatch
from notifications.messages import Template
from tests.support.clocks import START
from tests.support.devices import Person, supervised_person
from tests.support.identity import bearer_of
from tests.support.notifications import FakeChannel
from tests.support.reminders import expects, message_ids, owes, pays, planned

DUE = date(2026, 3, 7)
DUE_AT = datetime(2026, 3, 2, 19, tzinfo=UTC)
DAY = timedelta(days=1)


def send_all(database: Database, at: datetime, *people: Person) -> None:
    """Push what is due to the phones of `people`, and put everybody's into the inbox."""
    phones = {one.supervisee_id for one in people}

    def book(_session: Any, recipients: Any, _now: datetime) -> dict[Recipient, Any]:
        return {
            one: (
                *(
                    (Address(kind=AddressKind.FCM_TOKEN, value="token"),)
                    if one.id in phones
                    else ()
                ),
                Address(kind=AddressKind.INBOX, value=str(one.id)),
            )
            for one in recipients
        }

    store = OutboxStore(database, readers=READERS, address_book=book, forget=forget)
    channels: list[Channel] = [
        InboxChannel(StoredInbox(database)),
        FakeChannel(AddressKind.FCM_TOKEN),
    ]
    dispatch(store, channels, lambda: at)


def figured(database: Database, person: Person, days: int = 7) -> Figures:
    with database.snapshot() as session:
        return figures(
            session,
            person.officer,
            since=START,
            until=START + 30 * DAY,
            paid_within_days=days,
        )


def paid_after(database: Database, person: Person, days: int = 7) -> list[int | None]:
    return [one.paid_after for one in figured(database, person, days).items]


@pytest.fixture
def reminded(database: Database, testa: Person) -> Person:
    """A person who was reminded by push of what they owe."""
    with database.transaction() as session:
        owes(session, testa, DUE, START)
    planned(database, START)
    send_all(database, DUE_AT, testa)
    return testa


@pytest.mark.parametrize("missing", [Permission.REMINDER_READ, Permission.PAYMENT_READ])
def test_who_may_not_read_reminders_or_payments_is_refused(
    database: Database, reminded: Person, missing: Permission
) -> None:
    held = reminded.officer.permissions - {missing}
    officer = replace(reminded, officer=replace(reminded.officer, permissions=held))

    with pytest.raises(Problem) as refusal:
        figured(database, officer)

    assert refusal.value.code is Code.FORBIDDEN


def test_nothing_that_was_sent_gives_no_figures(database: Database, testa: Person) -> None:
    assert figured(database, testa).items == []


def test_people_of_others_count_for_nothing(database: Database, reminded: Person) -> None:
    with database.transaction() as session:
        stranger = supervised_person(session, now=START)
        mate = supervised_person(session, now=START, agency=reminded.agency)
    own_only = replace(mate, officer=replace(mate.officer, own_only=True))

    assert figured(database, stranger).items == []
    assert figured(database, own_only).items == []
    assert len(figured(database, mate).items) == 1


def test_what_arrived_and_was_opened_is_counted_by_template(
    database: Database, reminded: Person
) -> None:
    with database.transaction() as session:
        only_inbox = supervised_person(session, now=START, agency=reminded.agency)
        owes(session, only_inbox, DUE, START)
        expects(session, only_inbox, DUE_AT + 3 * DAY, START)
    planned(database, START)
    send_all(database, DUE_AT + timedelta(hours=1), reminded)
    to = Recipient(kind=RecipientKind.SUPERVISEE, id=reminded.supervisee_id)
    with database.transaction() as session:
        for message_id in message_ids(database):
            outbox.confirm_opening(session, to, message_id, now=DUE_AT + DAY)

    found = {one.template: one for one in figured(database, reminded).items}

    assert found[Template.PAYMENT_DUE] == TemplateFigures(
        template=Template.PAYMENT_DUE, given=2, sent=1, delivered=1, opened=1, paid_after=0
    )
    hearing = found[Template.HEARING]
    assert (hearing.given, hearing.sent, hearing.opened, hearing.paid_after) == (1, 0, 0, None)


def test_money_that_follows_in_time_is_counted(database: Database, reminded: Person) -> None:
    with database.transaction() as session:
        pays(session, reminded, 1_000, DUE_AT + 3 * DAY)

    assert paid_after(database, reminded, days=3) == [0]
    assert paid_after(database, reminded, days=4) == [1]


def test_money_of_before_and_money_that_was_none_do_not_count(
    database: Database, reminded: Person
) -> None:
    with database.transaction() as session:
        pays(session, reminded, 1_000, DUE_AT)
        wrong = pays(session, reminded, 2_000, DUE_AT + DAY)
        payments.reverse_payment(
            session, reminded.officer, wrong.id, reason="typing", now=DUE_AT + DAY
        )

    assert paid_after(database, reminded) == [0]


def test_figures_are_given_over_http(
    database: Database, client: FlaskClient, reminded: Person
) -> None:
    with database.transaction() as session:
        bearer = bearer_of(session, reminded.account, START)
    path = "/v1/reminders/figures?since=2026-03-01T00:00:00Z&until="

    answer = client.get(path + "2026-04-01T00:00:00Z", headers=bearer)

    assert answer.json == {
        "since": "2026-03-01T00:00:00Z",
        "until": "2026-04-01T00:00:00Z",
        "paid_within_days": 7,
        "items": [
            {
                "template": "payment_due",
                "given": 1,
                "sent": 1,
                "delivered": 0,
                "opened": 0,
                "paid_after": 0,
            }
        ],
    }
    for until in (
        "2026-03-01T00:00:00Z",
        "2026-07-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2026-03-20T00:00:00Z&paid_within_days=61",
    ):
        assert client.get(path + until, headers=bearer).status_code == 422
