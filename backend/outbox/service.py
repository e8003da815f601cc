"""Put messages into the outbox, take back what is unsent, and read what became of them.

Nothing here commits: a message is stored by the act that causes it, or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, bindparam, func, select, text

from backend.core.db import Session, table_of
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.core.rows import KEYS, RowReader, RowWriter
from backend.outbox.mailboxes import Refusal, refuse_mailbox, refused_mailboxes, rests
from backend.outbox.messages import (
    Given,
    InboxItem,
    Message,
    NewMessage,
    Recipient,
    Source,
    Waiting,
)
from backend.outbox.models import NOT_WITHDRAWN, UNSENT, InboxEntry, OutboxMessage
from backend.outbox.rows import change, message_of, waking_hours_column, waking_hours_of
from notifications.channels.base import AddressKind
from notifications.delivery import MessageState, may_become

__all__ = [
    "Given",
    "Refusal",
    "confirm_delivery",
    "confirm_opening",
    "enqueue",
    "enqueue_all",
    "first_sent_at",
    "given",
    "inbox",
    "messages_to",
    "refuse_mailbox",
    "refused_mailboxes",
    "reschedule",
    "rests",
    "texts_given",
    "told_at",
    "untried_after",
    "withdraw",
    "withdraw_untried",
]

_MESSAGES: Final = table_of(OutboxMessage)
_KEEP: Final = RowWriter(_MESSAGES, unless=f"(key) WHERE {NOT_WITHDRAWN}")
_FIND_UNTRIED: Final = RowReader(
    select(_MESSAGES.c.id, _MESSAGES.c.key, _MESSAGES.c.due_at, _MESSAGES.c.expires_at).where(
        _MESSAGES.c.source_kind == bindparam("source_kind"),
        _MESSAGES.c.source_id == KEYS,
        UNSENT,
        _MESSAGES.c.attempts == 0,
        _MESSAGES.c.next_at > bindparam("after"),
    )
)

_FIND_TOLD: Final = RowReader(
    select(_MESSAGES.c.source_id, _MESSAGES.c.due_at, _MESSAGES.c.waking_hours)
    .where(
        _MESSAGES.c.source_kind == bindparam("source_kind"),
        _MESSAGES.c.source_id == KEYS,
        NOT_WITHDRAWN,
        text("state IN ('pending', 'claimed', 'sent', 'delivered')"),
    )
    .order_by(_MESSAGES.c.due_at)
)


def enqueue(session: Session, message: NewMessage, *, now: datetime) -> UUID | None:
    """Return the new message's id, None if one with the same key is there and not withdrawn."""
    row = _row(message, now)
    return row["id"] if _KEEP.write(session, [row]) else None


def enqueue_all(session: Session, messages: Sequence[NewMessage], *, now: datetime) -> int:
    """Put in many messages by a few statements; return how many were not there yet."""
    return _KEEP.write(session, [_row(message, now) for message in messages])


def _row(message: NewMessage, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(now),
        "key": message.key,
        "kind": message.kind,
        "recipient_kind": message.recipient.kind,
        "recipient_id": message.recipient.id,
        "source_kind": message.source.kind,
        "source_id": message.source.id,
        "language": message.language,
        "waking_hours": waking_hours_column(message.waking_hours),
        "due_at": message.due_at,
        "expires_at": message.expires_at,
        "enqueued_at": now,
        "state": MessageState.PENDING,
        "attempts": 0,
        "changes": 0,
        "next_at": message.due_at,
        "withdrawn_at": None,
        "sent_at": None,
        "via": None,
        "delivered_at": None,
        "opened_at": None,
    }


def reschedule(
    session: Session, message_id: UUID, *, due_at: datetime, expires_at: datetime
) -> None:
    """Give a message that nobody has tried to send another instant and end; others keep theirs."""
    for row in session.scalars(_locked(_untried([message_id]))):
        row.due_at = row.next_at = due_at
        row.expires_at = expires_at


def withdraw(session: Session, source: Source, *, now: datetime) -> int:
    """Take back every unsent message about `source`; return how many there were.

    One that a worker is sending at this moment may still arrive; it is not tried again.
    """
    about = select(OutboxMessage).where(
        OutboxMessage.source_kind == source.kind,
        OutboxMessage.source_id == source.id,
        UNSENT,
        NOT_WITHDRAWN,
    )
    return _withdraw(session, about, now)


def withdraw_untried(session: Session, ids: Collection[UUID], *, now: datetime) -> int:
    """Take back those of the messages `ids` that nobody has tried to send; return how many."""
    return _withdraw(session, _untried(ids), now)


def _untried(ids: Collection[UUID]) -> Select[OutboxMessage]:
    return select(OutboxMessage).where(
        OutboxMessage.id.in_(ids),
        OutboxMessage.state == MessageState.PENDING,
        OutboxMessage.attempts == 0,
    )


def _locked(which: Select[OutboxMessage]) -> Select[OutboxMessage]:
    """Return the query so that the rows stay as read, whatever the session knew of them before."""
    return (
        which.order_by(OutboxMessage.id).with_for_update().execution_options(populate_existing=True)
    )


def _withdraw(session: Session, which: Select[OutboxMessage], now: datetime) -> int:
    rows = session.scalars(_locked(which)).all()
    for row in rows:
        row.withdrawn_at = now
        if row.state is MessageState.PENDING:
            session.add(change(row, MessageState.WITHDRAWN, now, reason="SOURCE"))
    return len(rows)


def confirm_delivery(
    session: Session, recipient: Recipient, message_id: UUID, *, now: datetime
) -> bool:
    """Record the phone's receipt, once; return whether `recipient` has such a message.

    A receipt is a fact, whatever we believed of the message before.
    """
    return _confirm(session, recipient, message_id, now) is not None


def confirm_opening(
    session: Session, recipient: Recipient, message_id: UUID, *, now: datetime
) -> bool:
    """Record that the person opened the message, once; return whether there is such a message.

    What was opened has arrived.
    """
    row = _confirm(session, recipient, message_id, now)
    if row is None:
        return False
    row.opened_at = row.opened_at or now
    return True


def _confirm(
    session: Session, recipient: Recipient, message_id: UUID, now: datetime
) -> OutboxMessage | None:
    theirs = select(OutboxMessage).where(
        OutboxMessage.id == message_id,
        OutboxMessage.recipient_kind == recipient.kind,
        OutboxMessage.recipient_id == recipient.id,
    )
    row = session.scalar(_locked(theirs))
    if row is not None and may_become(row.state, MessageState.DELIVERED):
        row.delivered_at = now
        session.add(change(row, MessageState.DELIVERED, now, reason="RECEIPT"))
    return row


def inbox(session: Session, supervisee_id: UUID, cursor: Cursor) -> Page[InboxItem]:
    """Return what a person was sent, newest first."""
    mine = select(InboxEntry).where(InboxEntry.supervisee_id == supervisee_id)
    page: Page[InboxEntry] = fetch_page(session, mine, InboxEntry.id, cursor)
    items = [
        InboxItem(
            id=entry.message_id,
            subject=entry.subject,
            body=entry.body,
            posted_at=entry.posted_at,
        )
        for entry in page.items
    ]
    return Page(items=items, next=page.next)


def messages_to(
    session: Session, recipient: Recipient, source_kind: str, cursor: Cursor
) -> Page[Message]:
    """Return the messages to `recipient` from sources of one kind, newest first."""
    theirs = select(OutboxMessage).where(
        OutboxMessage.recipient_kind == recipient.kind,
        OutboxMessage.recipient_id == recipient.id,
        OutboxMessage.source_kind == source_kind,
    )
    page: Page[OutboxMessage] = fetch_page(session, theirs, OutboxMessage.id, cursor)
    return Page(items=[message_of(row) for row in page.items], next=page.next)


def untried_after(
    session: Session, source_kind: str, source_ids: Collection[UUID], *, after: datetime
) -> Sequence[Waiting]:
    """Return the messages about some sources that are due after an instant, all untried."""
    rows = _FIND_UNTRIED.read(session, source_ids, source_kind=source_kind, after=after)
    return [
        Waiting(id=id_, key=key, due_at=due_at, expires_at=expires_at)
        for id_, key, due_at, expires_at in rows
    ]


def told_at(
    session: Session, source_kind: str, source_ids: Collection[UUID]
) -> Mapping[UUID, datetime]:
    """Return when the latest message about each of some sources is told, or was.

    From its instant on in waking hours, however often it had to be tried. What was taken back or
    given up is left out.
    """
    told: dict[UUID, datetime] = {}
    for source_id, due_at, stored in _FIND_TOLD.read(session, source_ids, source_kind=source_kind):
        hours = waking_hours_of(stored)
        told[source_id] = due_at if hours is None else hours.next_open(due_at)
    return told


def texts_given(session: Session, ids: Collection[UUID]) -> Mapping[UUID, str]:
    """Return the text of each of the messages `ids` that lies in an inbox, as it was given."""
    rows = session.execute(
        select(InboxEntry.message_id, InboxEntry.body).where(InboxEntry.message_id.in_(ids))
    )
    return {row.message_id: row.body for row in rows}


def given(
    session: Session,
    people: Select[UUID],
    source_kind: str,
    *,
    since: datetime,
    until: datetime,
) -> Iterator[Given]:
    """Give the messages from sources of one kind that came into people's inboxes in a period.

    Those of before templates were kept are left out.
    """
    message = OutboxMessage
    by_provider = message.via.is_not(None) & (message.via != AddressKind.INBOX)
    rows = session.execute(
        select(
            InboxEntry.supervisee_id,
            InboxEntry.template,
            InboxEntry.posted_at,
            by_provider,
            message.delivered_at.is_not(None),
            message.opened_at.is_not(None),
        )
        .join(message, message.id == InboxEntry.message_id)
        .where(
            InboxEntry.supervisee_id.in_(people),
            InboxEntry.posted_at >= since,
            InboxEntry.posted_at < until,
            message.source_kind == source_kind,
        )
    )
    for person, template, at, is_sent, is_delivered, is_opened in rows:
        if template is not None:
            yield Given(
                supervisee_id=person,
                template=template,
                given_at=at,
                is_sent=is_sent,
                is_delivered=is_delivered,
                is_opened=is_opened,
            )


def first_sent_at(session: Session, source: Source) -> datetime | None:
    """Return when a provider first took a message about `source`, None if none did yet."""
    return session.scalar(
        select(func.min(OutboxMessage.sent_at)).where(
            OutboxMessage.source_kind == source.kind, OutboxMessage.source_id == source.id
        )
    )
