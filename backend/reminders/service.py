"""Reminders of what is owed and expected: planned, taken back when there is nothing to remind of.

The outbox is the record: what it holds is not planned twice, and its history tells what was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
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
    Waiting,
)
from backend.reminders.due import Reminder, reminders_from
from backend.reminders.text import SAME_DAY, texts_now
from notifications.delivery import MessageState
from notifications.planning import PlannedMessage

SOURCE: Final = "reminder"
"""The kind of source under which the outbox knows reminders; its id is the person's."""

AHEAD: Final = timedelta(days=7)
"""How far ahead reminders are put into the outbox, where officers can see them coming."""

PEOPLE: Final = 2_000
"""How many people are planned for at once: what planning holds in memory, and how long it locks."""

_UNSENT: Final = {MessageState.PENDING, MessageState.CLAIMED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to change in the outbox so that it says what falls due by now."""

    new: Sequence[NewMessage]
    moved: Sequence[Waiting]
    gone: Sequence[UUID]

    def __bool__(self) -> bool:
        return bool(self.new or self.moved or self.gone)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What planning changed in the outbox."""

    added: int = 0
    moved: int = 0
    withdrawn: int = 0

    def __add__(self, other: PlanReport) -> PlanReport:
        return PlanReport(
            added=self.added + other.added,
            moved=self.moved + other.moved,
            withdrawn=self.withdrawn + other.withdrawn,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderView:
    """A reminder as an officer sees it.

    `text` is what the person was given, or, while it is unsent, what they would be given now;
    None when nothing was given or nothing would be.
    """

    message: Message
    text: str | None


def people_after(session: Session, after: UUID | None) -> Sequence[UUID]:
    """Return the next people to plan for, in order of their ids; nobody at the end."""
    return identity.supervisee_ids_after(session, after, limit=PEOPLE)


def changes_due(session: Session, supervisee_ids: Collection[UUID], now: datetime) -> Changes:
    """Return what must change in the outbox for some people. Only reads, however long it takes.

    A reminder of which nothing is owed any more, or that belongs to another day by now, goes,
    unless somebody has begun to send it; sending asks again.
    """
    until = now + AHEAD
    planned = {
        str(reminder.message.key): reminder
        for reminder in reminders_from(
            session, now - SAME_DAY, until=until, supervisee_ids=supervisee_ids
        )
    }
    waiting = {
        message.key: message
        for message in outbox.untried_after(session, SOURCE, supervisee_ids, after=now)
    }
    # What should have been sent before now was, or nobody owed it then.
    new = [
        _message(one)
        for key, one in planned.items()
        if key not in waiting and now <= one.message.send_at < until
    ]
    moved = [
        replace(message, due_at=instant.send_at, expires_at=instant.expires_at)
        for key, message in waiting.items()
        if key in planned and _is_elsewhere(message, instant := planned[key].message)
    ]
    return Changes(
        new=new,
        moved=moved,
        gone=[message.id for key, message in waiting.items() if key not in planned],
    )


def make(session: Session, changes: Changes, now: datetime) -> PlanReport:
    """Bring the outbox in line; return what that changed. Doing it again changes nothing."""
    for one in changes.moved:
        outbox.reschedule(session, one.id, due_at=one.due_at, expires_at=one.expires_at)
    return PlanReport(
        added=outbox.enqueue_all(session, changes.new, now=now),
        moved=len(changes.moved),
        withdrawn=outbox.withdraw_untried(session, changes.gone, now=now),
    )


def _message(reminder: Reminder) -> NewMessage:
    planned = reminder.message
    return NewMessage(
        kind=planned.key.kind,
        recipient=Recipient(kind=RecipientKind.SUPERVISEE, id=planned.key.person),
        key=str(planned.key),
        source=Source(kind=SOURCE, id=planned.key.person),
        language=planned.language,
        due_at=planned.send_at,
        expires_at=planned.expires_at,
        waking_hours=planned.waking_hours,
    )


def _is_elsewhere(message: Waiting, planned: PlannedMessage) -> bool:
    """Whether a waiting reminder has another instant or end than it should have by now."""
    return message.due_at != planned.send_at or message.expires_at != planned.expires_at


def reminders_of(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor, *, pays_in_app: bool
) -> Page[ReminderView]:
    """Return a person's reminders with their words, newest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.REMINDER_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    recipient = Recipient(kind=RecipientKind.SUPERVISEE, id=person.id)
    page = outbox.messages_to(session, recipient, SOURCE, cursor)
    texts = _texts(session, page, pays_in_app=pays_in_app)
    items = [ReminderView(message=one, text=texts.get(one.id)) for one in page.items]
    return Page(items=items, next=page.next)


def _texts(session: Session, page: Page[Message], *, pays_in_app: bool) -> Mapping[UUID, str]:
    given = outbox.texts_given(session, [message.id for message in page.items])
    unsent = [
        message for message in page.items if message.id not in given and message.state in _UNSENT
    ]
    now = texts_now(session, unsent, pays_in_app=pays_in_app)
    return {key: text.body for key, text in now.items()} | dict(given)


def inbox(session: Session, actor: Actor, cursor: Cursor) -> Page[InboxItem]:
    """Return the messages that the supervised person `actor` was given, newest first."""
    if actor.kind is not ActorKind.SUPERVISEE or actor.id is None:
        raise LookupError("only a supervised person has an inbox")
    return outbox.inbox(session, actor.id, cursor)
