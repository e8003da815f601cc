"""Reminders for officers, and the inbox of a supervised person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.core.http import Audience, Blueprint, actor, now, platform, snapshot, transaction
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema
from backend.outbox.messages import InboxItem
from backend.payments.provider import Desk
from backend.reminders import choices, preview, service
from backend.reminders import figures as figuring
from backend.reminders.choices import Choices
from backend.reminders.figures import Figures
from backend.reminders.preview import Example, Preview
from backend.reminders.reach import Reach, reach_of
from backend.reminders.schemas import (
    ChoicesSchema,
    ComingSchema,
    ExampleSchema,
    InboxPageSchema,
    MessageExamplesSchema,
    NewChoicesSchema,
    PeriodSchema,
    PreviewSchema,
    PreviewsSchema,
    ReachesSchema,
    ReminderFiguresSchema,
    ReminderPageSchema,
)
from backend.reminders.service import ReminderView
from backend.reminders.wording import MessageExample, message_examples
from notifications.kind import MessageKind

officer = Blueprint(
    "reminders",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="What people are reminded of",
)
examples = Blueprint(
    "reminder-examples",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="What reminders would say",
    keeps_answers=False,
)
supervisee = Blueprint(
    "inbox",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE,
    description="Messages to the supervised person",
)


@officer.route("/supervisees/<uuid:supervisee_id>/reminders")
@officer.arguments(CursorSchema, location="query")
@officer.response(200, ReminderPageSchema)
def reminders(cursor: Cursor, supervisee_id: UUID) -> Page[ReminderView]:
    """List a person's reminders, planned and sent, newest first."""
    with snapshot() as session:
        return service.reminders_of(
            session, actor(), supervisee_id, cursor, pays_in_app=_pays_in_app()
        )


@officer.route("/supervisees/<uuid:supervisee_id>/reminders/coming")
@officer.arguments(ComingSchema, location="query")
@officer.response(200, PreviewsSchema)
def coming_reminders(query: dict[str, int], supervisee_id: UUID) -> dict[str, list[Preview]]:
    """Preview what a person will be told in the next days, as things stand now."""
    with snapshot() as session:
        found = preview.coming_reminders(
            session, actor(), supervisee_id, **query, pays_in_app=_pays_in_app(), now=now()
        )
        return {"items": found}


@officer.route("/supervisees/<uuid:supervisee_id>/reminder-choices")
@officer.response(200, ChoicesSchema)
def choices_of(supervisee_id: UUID) -> Choices:
    """Give the kinds of reminder that a person has turned off."""
    with snapshot() as session:
        return choices.choices_of(session, actor(), supervisee_id)


@officer.route("/supervisees/<uuid:supervisee_id>/addresses")
@officer.response(200, ReachesSchema)
def reaches(supervisee_id: UUID) -> dict[str, list[Reach]]:
    """List a person's phones and mailboxes: which refuses, and since when."""
    with snapshot() as session:
        return {"items": reach_of(session, actor(), supervisee_id, now=now())}


@officer.route("/reminders/figures")
@officer.arguments(PeriodSchema, location="query")
@officer.response(200, ReminderFiguresSchema)
def figures(period: dict[str, Any]) -> Figures:
    """Give what became of the agency's reminders: delivered, opened, followed by money."""
    with snapshot() as session:
        return figuring.figures(session, actor(), **period)


@examples.route("/reminders/examples", methods=["POST"])
@examples.arguments(ExampleSchema)
@examples.response(200, PreviewSchema)
def example_reminder(example: Example) -> Preview:
    """Preview what the agency's reminder of something would say; nothing is stored."""
    with snapshot() as session:
        return preview.example_reminder(
            session, actor(), example, pays_in_app=_pays_in_app(), now=now()
        )


@examples.route("/message-examples")
@examples.response(200, MessageExamplesSchema)
def every_message() -> dict[str, list[MessageExample]]:
    """Preview every message that the agency's people can get, with invented particulars."""
    with snapshot() as session:
        found = message_examples(session, actor(), pays_in_app=_pays_in_app(), now=now())
        return {"items": found}


@supervisee.route("/reminder-choices")
@supervisee.response(200, ChoicesSchema)
def my_choices() -> Choices:
    """Give the kinds of reminder that one has turned off, and those that come all the same."""
    with snapshot() as session:
        return choices.my_choices(session, actor())


@supervisee.route("/reminder-choices", methods=["PUT"])
@supervisee.arguments(NewChoicesSchema)
@supervisee.response(200, ChoicesSchema)
def choose(data: dict[str, list[MessageKind]]) -> Choices:
    """Turn kinds of reminder off, and all others on; what waits is taken back."""
    with transaction() as session:
        return choices.choose(session, actor(), frozenset(data["turned_off"]), now=now())


@supervisee.route("/inbox")
@supervisee.arguments(CursorSchema, location="query")
@supervisee.response(200, InboxPageSchema)
def inbox(cursor: Cursor) -> Page[InboxItem]:
    """List one's messages, newest first."""
    with snapshot() as session:
        return service.inbox(session, actor(), cursor)


def _pays_in_app() -> bool:
    return platform().part(Desk).is_attended


BLUEPRINTS = (officer, examples, supervisee)
