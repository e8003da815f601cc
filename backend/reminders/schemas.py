"""Reminders and inbox at the edge: answers only."""

from __future__ import annotations

import marshmallow as ma

from backend.core.schemas import Instant, Schema, page_of
from notifications.channels.base import AddressKind
from notifications.delivery import MessageState
from notifications.formats import Language
from notifications.kind import MessageKind


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
    text = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "As given, or while unsent as it would be given now"},
    )


class InboxItemSchema(Schema):
    """A message in the person's app."""

    id = ma.fields.UUID(required=True, metadata={"description": "The same as in the push"})
    subject = ma.fields.String(required=True)
    body = ma.fields.String(required=True)
    posted_at = Instant(required=True)


ReminderPageSchema = page_of(ReminderSchema)
InboxPageSchema = page_of(InboxItemSchema)
