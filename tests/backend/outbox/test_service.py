from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from backend.core.db import Database
from backend.core.paging import Cursor
from backend.outbox import service
from backend.outbox.inbox import StoredInbox
from backend.outbox.messages import Recipient, RecipientKind, Source
from backend.outbox.models import OutboxMessage
from notifications.delivery import MessageState
from tests.support.clocks import START
from tests.support.outbox import (
    SOURCE_KIND,
    a_message,
    a_person,
    enqueued,
    history_of,
    state_of,
    to_inbox,
)

DAY = timedelta(days=1)


def count(database: Database) -> int:
    with database.snapshot() as session:
        return session.scalars(select(func.count()).select_from(OutboxMessage)).one()


def test_a_message_that_ends_before_it_is_due_is_refused() -> None:
    with pytest.raises(ValueError, match="due"):
        a_message(due_at=START, expires_at=START)


def test_an_act_that_fails_leaves_no_message(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        service.enqueue(session, a_message(), now=START)
        raise ZeroDivisionError

    assert count(database) == 0


def test_the_same_key_is_kept_once(database: Database) -> None:
    enqueued(database, a_message(key="person:payment:2026-03-02"))

    with database.transaction() as session:
        second = service.enqueue(session, a_message(key="person:payment:2026-03-02"), now=START)

    assert second is None
    assert count(database) == 1


def test_a_withdrawn_message_frees_its_key(database: Database) -> None:
    message = a_message()
    first = enqueued(database, message)
    with database.transaction() as session:
        service.withdraw(session, message.source, now=START)

    second = enqueued(database, message)

    assert state_of(database, first) is MessageState.WITHDRAWN
    assert state_of(database, second) is MessageState.PENDING


def test_a_receipt_for_a_withdrawn_message_does_not_clash_with_its_successor(
    database: Database,
) -> None:
    message = a_message()
    first = enqueued(database, message)
    with database.transaction() as session:
        service.withdraw(session, message.source, now=START)
    enqueued(database, message)

    with database.transaction() as session:
        known = service.confirm_delivery(session, message.recipient, first, now=START)

    assert known
    assert state_of(database, first) is MessageState.DELIVERED


def test_withdrawing_takes_back_what_is_about_the_source_and_nothing_else(
    database: Database,
) -> None:
    message = a_message()
    mine = enqueued(database, message)
    other = enqueued(database, a_message())
    namesake = enqueued(database, a_message(source=Source(kind="other", id=message.source.id)))

    with database.transaction() as session:
        taken_back = service.withdraw(session, message.source, now=START)
        again = service.withdraw(session, message.source, now=START)

    assert (taken_back, again) == (1, 0)
    assert state_of(database, mine) is MessageState.WITHDRAWN
    assert state_of(database, other) is MessageState.PENDING
    assert state_of(database, namesake) is MessageState.PENDING
    assert history_of(database, mine) == [(MessageState.WITHDRAWN, 0, "SOURCE")]


def test_a_receipt_by_somebody_else_is_not_believed(database: Database) -> None:
    message = a_message()
    message_id = enqueued(database, message)
    officer = Recipient(kind=RecipientKind.OFFICER, id=message.recipient.id)

    with database.transaction() as session:
        stranger = service.confirm_delivery(session, a_person(), message_id, now=START)
        namesake = service.confirm_delivery(session, officer, message_id, now=START)
        nothing = service.confirm_delivery(session, message.recipient, uuid4(), now=START)

    assert (stranger, namesake, nothing) == (False, False, False)
    assert state_of(database, message_id) is MessageState.PENDING


def test_a_receipt_counts_once(database: Database) -> None:
    message = a_message()
    message_id = enqueued(database, message)

    with database.transaction() as session:
        first = service.confirm_delivery(session, message.recipient, message_id, now=START)
        second = service.confirm_delivery(session, message.recipient, message_id, now=START + DAY)

    assert (first, second) == (True, True)
    assert history_of(database, message_id) == [(MessageState.DELIVERED, 0, "RECEIPT")]


def test_what_was_opened_has_arrived_and_the_first_time_counts(database: Database) -> None:
    message = a_message()
    message_id = enqueued(database, message)

    with database.transaction() as session:
        stranger = service.confirm_opening(session, a_person(), message_id, now=START)
        first = service.confirm_opening(session, message.recipient, message_id, now=START)
        again = service.confirm_opening(session, message.recipient, message_id, now=START + DAY)

    assert (stranger, first, again) == (False, True, True)
    assert history_of(database, message_id) == [(MessageState.DELIVERED, 0, "RECEIPT")]
    with database.snapshot() as session:
        [shown] = service.messages_to(session, message.recipient, SOURCE_KIND, Cursor()).items
    assert (shown.delivered_at, shown.opened_at) == (START, START)


def test_a_mailbox_that_was_refused_is_known_whatever_its_spelling(database: Database) -> None:
    with database.transaction() as session:
        service.refuse_mailbox(session, "Gone@person.example", reason="SMTP_550", now=START)
        service.refuse_mailbox(session, "gone@person.example", reason="SMTP_551", now=START + DAY)
        found = service.refused_mailboxes(session, ["gone@person.example", "there@person.example"])

    assert found == {
        "gone@person.example": service.Refusal(reason="SMTP_551", refused_at=START + DAY)
    }
    assert service.rests(found["gone@person.example"], START + 30 * DAY)
    assert not service.rests(found["gone@person.example"], START + 31 * DAY)


def test_a_message_that_waits_can_be_moved(database: Database) -> None:
    message = a_message()
    message_id = enqueued(database, message)
    about = [message.source.id]

    with database.transaction() as session:
        service.reschedule(session, message_id, due_at=START + DAY, expires_at=START + 2 * DAY)

    with database.snapshot() as session:
        [later] = service.untried_after(session, SOURCE_KIND, about, after=START)
        assert (later.due_at, later.expires_at) == (START + DAY, START + 2 * DAY)
        assert service.untried_after(session, SOURCE_KIND, about, after=START + DAY) == []


def test_many_messages_are_put_in_at_once_and_each_key_is_kept_once(database: Database) -> None:
    there = a_message()
    enqueued(database, there)
    new = [a_message() for _ in range(3)]

    with database.transaction() as session:
        none = service.enqueue_all(session, [], now=START)
        some = service.enqueue_all(session, [there, *new, new[0]], now=START)

    assert (none, some) == (0, 3)


def test_an_empty_inbox_is_an_empty_page(database: Database) -> None:
    with database.snapshot() as session:
        page = service.inbox(session, uuid4(), Cursor())

    assert (list(page.items), page.next) == ([], None)


def test_an_inbox_holds_what_was_said_first_and_only_to_its_owner(database: Database) -> None:
    inbox, testa, message_id = StoredInbox(database), uuid4(), uuid4()
    inbox.keep([to_inbox(testa, "first", message_id=message_id)], at=START)
    inbox.keep([to_inbox(testa, "second", message_id=message_id)], at=START + DAY)

    with database.snapshot() as session:
        mine = service.inbox(session, testa, Cursor())
        other = service.inbox(session, uuid4(), Cursor())

    assert [(item.id, item.body, item.posted_at) for item in mine.items] == [
        (message_id, "first", START)
    ]
    assert list(other.items) == []


def test_an_inbox_is_read_newest_first_page_by_page(database: Database) -> None:
    inbox, testa = StoredInbox(database), uuid4()
    for day in range(3):
        inbox.keep([to_inbox(testa, f"day {day}")], at=START + day * DAY)

    with database.snapshot() as session:
        first = service.inbox(session, testa, Cursor(limit=2))
        second = service.inbox(session, testa, Cursor(after=first.next, limit=2))

    assert [item.body for item in first.items] == ["day 2", "day 1"]
    assert [item.body for item in second.items] == ["day 0"]
    assert second.next is None
