"""Reminders for officers, and the inbox of a supervised person."""

from __future__ import annotations

from uuid import UUID

from backend.core.http import Audience, Blueprint, actor, snapshot
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema
from backend.outbox.messages import InboxItem
from backend.reminders import service
from backend.reminders.schemas import InboxPageSchema, ReminderPageSchema
from backend.reminders.service import ReminderView

officer = Blueprint(
    "reminders",
    __name__,
    url_prefix="/v1/supervisees",
    audience=Audience.OFFICER,
    description="What people are reminded of",
)
supervisee = Blueprint(
    "inbox",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE,
    description="Messages to the supervised person",
)


@officer.route("/<uuid:supervisee_id>/reminders")
@officer.arguments(CursorSchema, location="query")
@officer.response(200, ReminderPageSchema)
def reminders(cursor: Cursor, supervisee_id: UUID) -> Page[ReminderView]:
    """List a person's reminders, planned and sent, newest first."""
    with snapshot() as session:
        return service.reminders_of(session, actor(), supervisee_id, cursor)


@supervisee.route("/inbox")
@supervisee.arguments(CursorSchema, location="query")
@supervisee.response(200, InboxPageSchema)
def inbox(cursor: Cursor) -> Page[InboxItem]:
    """List one's messages, newest first."""
    with snapshot() as session:
        return service.inbox(session, actor(), cursor)


BLUEPRINTS = (officer, supervisee)
