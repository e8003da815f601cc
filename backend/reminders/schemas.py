"""Reminders, previews, choices and inbox at the edge."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import marshmallow as ma

from backend.core.schemas import FreeText, Instant, Schema, page_of
from backend.identity.policy import REMINDED
from backend.outbox.schemas import TextsSchema
from backend.reminders.preview import Example
from backend.reminders.reach import ReachKind
from notifications.channels.base import AddressKind
from notifications.delivery import MessageState
from notifications.formats import Language
from notifications.kind import MessageKind
from notifications.messages import Template
from notifications.planning import Subject

MAX_DAYS: Final = 90
MAX_PATIENCE_DAYS: Final = 60
MAX_AMOUNT_MINOR: Final = 10**15
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2199, 12, 31, tzinfo=UTC)


def _refuse_others(kinds: list[MessageKind]) -> None:
    if not REMINDED.issuperset(kinds):
        raise ma.ValidationError(["Nobody is reminded of alerts, decisions and requests."])


def _kinds(description: str, **options: Any) -> ma.fields.Field[Any]:
    return ma.fields.List(
        ma.fields.Enum(MessageKind, by_value=True),
        required=True,
        metadata={"description": description},
        **options,
    )


class ReminderSchema(Schema):
    """A reminder, with the words that the person was or would be given."""

    id = ma.fields.UUID(attribute="message.id", required=True)
    kind = ma.fields.Enum(MessageKind, by_value=True, attribute="message.kind", required=True)
    state = ma.fields.Enum(MessageState, by_value=True, attribute="message.state", required=True)
    language = ma.fields.Enum(Language, by_value=True, attribute="message.language", required=True)
    due_at = Instant(
        attribute="message.due_at",
        required=True,
        metadata={"description": "When it is sent"},
    )
    expires_at = Instant(
        attribute="message.expires_at",
        required=True,
        metadata={"description": "From when on it is of no use and not sent"},
    )
    attempts = ma.fields.Integer(attribute="message.attempts", required=True)
    sent_at = Instant(
        attribute="message.sent_at",
        required=True,
        allow_none=True,
        metadata={"description": "When a provider took it, which is not yet delivery"},
    )
    via = ma.fields.Enum(
        AddressKind, by_value=True, attribute="message.via", required=True, allow_none=True
    )
    delivered_at = Instant(
        attribute="message.delivered_at",
        required=True,
        allow_none=True,
        metadata={"description": "When the phone said that it arrived"},
    )
    opened_at = Instant(
        attribute="message.opened_at",
        required=True,
        allow_none=True,
        metadata={"description": "When the person opened it, by the phone's word"},
    )
    text = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "As given, or while unsent as it would be given now"},
    )


class PreviewSchema(Schema):
    """A message as it would be sent, in every language."""

    kind = ma.fields.Enum(MessageKind, by_value=True, required=True)
    language = ma.fields.Enum(
        Language, by_value=True, required=True, metadata={"description": "The one that is sent"}
    )
    send_at = Instant(required=True, allow_none=True)
    expires_at = Instant(required=True, allow_none=True)
    texts = ma.fields.Nested(TextsSchema, required=True)


class PreviewsSchema(Schema):
    """What a person will be told, soonest first."""

    items = ma.fields.List(ma.fields.Nested(PreviewSchema), required=True)


class MessageExampleSchema(Schema):
    """What a message says to somebody, with invented particulars."""

    template = ma.fields.Enum(Template, by_value=True, required=True)
    kind = ma.fields.Enum(
        MessageKind,
        by_value=True,
        required=True,
        allow_none=True,
        metadata={"description": "Null for the alarm that a job of the server stopped"},
    )
    texts = ma.fields.Nested(TextsSchema, required=True)


class MessageExamplesSchema(Schema):
    """Every message that can be sent."""

    items = ma.fields.List(ma.fields.Nested(MessageExampleSchema), required=True)


class ComingSchema(Schema):
    """How far to look ahead."""

    days = ma.fields.Integer(load_default=30, validate=ma.validate.Range(min=1, max=MAX_DAYS))


class ExampleSchema(Schema):
    """Something that might fall due, of nobody in particular."""

    subject = ma.fields.Enum(Subject, by_value=True, required=True)
    due_at = Instant(
        required=True,
        validate=ma.validate.Range(min=_FIRST, max=_LAST),
        metadata={"description": "Of a payment only its day in the agency's zone is told"},
    )
    amount_minor = ma.fields.Integer(
        load_default=None,
        allow_none=True,
        strict=True,
        validate=ma.validate.Range(min=1, max=MAX_AMOUNT_MINOR),
        metadata={"description": "In minor units of the currency (cents); of a payment alone"},
    )
    currency = ma.fields.String(
        load_default=None,
        allow_none=True,
        validate=ma.validate.Regexp(r"^[A-Z]{3}(?!\n)$", error="Give an ISO 4217 code."),
    )
    place = FreeText(max_length=200, load_default=None, allow_none=True)
    contact_name = FreeText(max_length=100, load_default=None, allow_none=True)
    contact_phone = ma.fields.String(
        load_default=None,
        allow_none=True,
        validate=ma.validate.Regexp(r"^\+[1-9][0-9]{6,14}(?!\n)$", error="Give E.164."),
    )
    overdue = ma.fields.Boolean(load_default=False)

    @ma.post_load
    def make_example(self, data: dict[str, Any], **_: Any) -> Example:
        """Return the example as one value."""
        return Example(**data)


class NewChoicesSchema(Schema):
    """The kinds of reminder that the person does not want."""

    turned_off = _kinds(
        "All others are turned on",
        validate=[_refuse_others, ma.validate.Length(max=len(MessageKind) - 2)],
    )


class ChoicesSchema(Schema):
    """What is turned off, and what comes all the same."""

    turned_off = _kinds("What the person does not want")
    mandatory = _kinds("What the agency sends all the same")


class InboxItemSchema(Schema):
    """A message in the person's app."""

    id = ma.fields.UUID(required=True, metadata={"description": "The same as in the push"})
    subject = ma.fields.String(required=True)
    body = ma.fields.String(required=True)
    posted_at = Instant(required=True)


class PeriodSchema(Schema):
    """A half-open period of at most 92 days, and how soon money is to have followed."""

    since = Instant(required=True, validate=ma.validate.Range(min=_FIRST, max=_LAST))
    until = Instant(required=True, validate=ma.validate.Range(min=_FIRST, max=_LAST))
    paid_within_days = ma.fields.Integer(
        load_default=7, validate=ma.validate.Range(min=1, max=MAX_PATIENCE_DAYS)
    )


class TemplateFiguresSchema(Schema):
    """What became of the reminders of one template."""

    template = ma.fields.Enum(Template, by_value=True, required=True)
    given = ma.fields.Integer(required=True, metadata={"description": "Into people's inboxes"})
    sent = ma.fields.Integer(
        required=True, metadata={"description": "Taken by a provider of push or e-mail"}
    )
    delivered = ma.fields.Integer(required=True, metadata={"description": "By the phone's word"})
    opened = ma.fields.Integer(required=True, metadata={"description": "By the phone's word"})
    paid_after = ma.fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Followed by money in time; null of what is not about money"},
    )


class ReminderFiguresSchema(Schema):
    """What became of the reminders that were given in a period, by template."""

    since = Instant(required=True)
    until = Instant(required=True)
    paid_within_days = ma.fields.Integer(required=True)
    items = ma.fields.List(ma.fields.Nested(TemplateFiguresSchema), required=True)


class ReachSchema(Schema):
    """A phone or a mailbox of a person, and whether it refuses."""

    kind = ma.fields.Enum(ReachKind, by_value=True, required=True)
    address = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "Of a mailbox"}
    )
    activation_id = ma.fields.UUID(
        required=True, allow_none=True, metadata={"description": "Of a phone"}
    )
    is_used = ma.fields.Boolean(
        required=True, metadata={"description": "Whether messages go there now"}
    )
    refused_at = Instant(
        required=True, allow_none=True, metadata={"description": "When it was last refused"}
    )
    refusal = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "The provider's code"}
    )


class ReachesSchema(Schema):
    """Where a person can be reached, in the order in which it is tried."""

    items = ma.fields.List(ma.fields.Nested(ReachSchema), required=True)


ReminderPageSchema = page_of(ReminderSchema)
InboxPageSchema = page_of(InboxItemSchema)
