"""Reminders of what is owed: planned, taken back when there is nothing to remind of, shown.

The outbox is the record: what it holds is not planned twice, and its history tells what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from backend.core.actor import Actor, ActorKind, Permission
from backend.core.db import Session
from backend.core.paging import Cursor, Page
from backend.identity import service as identity
from backend.outbox import service as outbox
from backend.outbox.messages import (
    InboxItem,
    Message,
    NewMessage,
    Recipient,
    RecipientKind,
    Source,
)
from backend.reminders.due import Reminder, reminders_from
from backend.reminders.text import SAME_DAY, texts_now
from notifications.delivery import MessageState

SOURCE: Final = "reminder"
"""The kind of source under which the outbox knows reminders; its id is the person's."""

AHEAD: Final = timedelta(days=7)
"""How far ahead reminders are put into the outbox, where officers can see them coming."""

_UNSENT: Final = {MessageState.PENDING, MessageState.CLAIMED}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What planning changed in the outbox."""

    added: int
    moved: int
    withdrawn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderView:
    """A reminder as an officer sees it.

    `text` is what the person was given, or, while it is unsent, what they would be given now;
    None when nothing was given or nothing would be.
    """

    message: Message
    text: str | None


def plan_due(session: Session, now: datetime) -> PlanReport:
    """Bring the outbox in line with what falls due, and return what that changed.

    Doing it again changes nothing. A reminder of which nothing is owed any more, or that belongs
    to another day by now, is taken back unless somebody has begun to send it; sending asks again.
    """
    until = now + AHEAD
    planned = {
        str(reminder.message.key): reminder
        for reminder in reminders_from(session, now - SAME_DAY, until=until)
    }
    waiting = {message.key: message for message in outbox.untried_after(session, SOURCE, after=now)}
    gone = [message.id for key, message in waiting.items() if key not in planned]
    # What should have been sent before now was, or nobody owed it then.
    new = [
        one
        for key, one in planned.items()
        if key not in waiting and now <= one.message.send_at < until
    ]
    return PlanReport(
        added=sum(_enqueue(session, reminder, now) for reminder in new),
        moved=sum(
            _move(session, message, planned[key])
            for key, message in waiting.items()
            if key in planned
        ),
        withdrawn=outbox.withdraw_untried(session, gone, now=now),
    )


def _enqueue(session: Session, reminder: Reminder, now: datetime) -> bool:
    planned = reminder.message
    message = NewMessage(
        kind=planned.key.kind,
        recipient=Recipient(kind=RecipientKind.SUPERVISEE, id=planned.key.person),
        key=str(planned.key),
        source=Source(kind=SOURCE, id=planned.key.person),
        language=planned.language,
        due_at=planned.send_at,
        expires_at=planned.expires_at,
        waking_hours=planned.waking_hours,
    )
    return outbox.enqueue(session, message, now=now) is not None


def _move(session: Session, message: Message, reminder: Reminder) -> bool:
    """Give a waiting reminder the instant and end that it should have by now."""
    planned = reminder.message
    if (message.due_at, message.expires_at) == (planned.send_at, planned.expires_at):
        return False
    outbox.reschedule(session, message.id, due_at=planned.send_at, expires_at=planned.expires_at)
    return True


def reminders_of(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor
) -> Page[ReminderView]:
    """Return a person's reminders with their words, newest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.REMINDER_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    recipient = Recipient(kind=RecipientKind.SUPERVISEE, id=person.id)
    page = outbox.messages_to(session, recipient, SOURCE, cursor)
    texts = _texts(session, page)
    items = [ReminderView(message=one, text=texts.get(one.id)) for one in page.items]
    return Page(items=items, next=page.next)


def _texts(session: Session, page: Page[Message]) -> Mapping[UUID, str]:
    given = outbox.texts_given(session, [message.id for message in page.items])
    unsent = [
        message for message in page.items if message.id not in given and message.state in _UNSENT
    ]
    now = texts_now(session, unsent)
    return {key: text.body for key, text in now.items()} | dict(given)


def inbox(session: Session, actor: Actor, cursor: Cursor) -> Page[InboxItem]:
    """Return the messages that the supervised person `actor` was given, newest first."""
    if actor.kind is not ActorKind.SUPERVISEE or actor.id is None:
        raise LookupError("only a supervised person has an inbox")
    return outbox.inbox(session, actor.id, cursor)
