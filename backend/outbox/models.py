"""Tables of the outbox: messages, the history of their states, and what lies in inboxes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.classification import CONTACT, DEMOGRAPHIC, MESSAGE, OPERATIONAL
from backend.core.db import Base, stored_enum
from backend.outbox.messages import RecipientKind
from notifications.channels.base import AddressKind
from notifications.delivery import MessageState
from notifications.formats import Language
from notifications.kind import MessageKind
from notifications.messages import Template

UNSENT: Final = text("state IN ('pending', 'claimed')")
"""Said the same way in the index and in the queries that live by it: the planner compares words."""
NOT_WITHDRAWN: Final = text("withdrawn_at IS NULL")

MAX_KEY_CHARACTERS: Final = 200
MAX_REASON_CHARACTERS: Final = 100
MAX_REFERENCE_CHARACTERS: Final = 400

_WHERE_IT_STANDS: Final = (
    "due_at",
    "expires_at",
    "state",
    "attempts",
    "changes",
    "next_at",
    "withdrawn_at",
    "sent_at",
    "via",
    "delivered_at",
    "opened_at",
)
"""All that may change of a message: neither what it is about nor whom it goes to. None is deleted."""


class OutboxMessage(Base):
    """A message and where it stands.

    `next_at` is when somebody must look at it: its instant or next attempt while PENDING, the end
    of the lease while CLAIMED. A withdrawn message keeps `withdrawn_at` for good, so that its key
    is free again: what is owed once more is reminded of once more. `changes` counts its events.
    """

    __tablename__ = "outbox_messages"
    __table_args__ = (
        Index(
            "uq_outbox_messages_key",
            "key",
            unique=True,
            sqlite_where=NOT_WITHDRAWN,
            postgresql_where=NOT_WITHDRAWN,
        ),
        Index(
            "ix_outbox_messages_next_at",
            "next_at",
            "id",
            sqlite_where=UNSENT,
            postgresql_where=UNSENT,
        ),
        Index("ix_outbox_messages_recipient", "recipient_id", "id"),
        Index("ix_outbox_messages_source", "source_id", "source_kind"),
        {"info": {"immutable": _WHERE_IT_STANDS}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(MAX_KEY_CHARACTERS), info=OPERATIONAL)
    kind: Mapped[MessageKind] = mapped_column(stored_enum(MessageKind), info=MESSAGE)
    recipient_kind: Mapped[RecipientKind] = mapped_column(
        stored_enum(RecipientKind), info=OPERATIONAL
    )
    recipient_id: Mapped[UUID] = mapped_column(info=OPERATIONAL)
    source_kind: Mapped[str] = mapped_column(String(40), info=OPERATIONAL)
    source_id: Mapped[UUID] = mapped_column(info=OPERATIONAL)
    language: Mapped[Language] = mapped_column(stored_enum(Language), info=DEMOGRAPHIC)
    waking_hours: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True), info=DEMOGRAPHIC
    )
    due_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    enqueued_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    state: Mapped[MessageState] = mapped_column(stored_enum(MessageState), info=OPERATIONAL)
    attempts: Mapped[int] = mapped_column(info=OPERATIONAL)
    changes: Mapped[int] = mapped_column(info=OPERATIONAL)
    next_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    withdrawn_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    sent_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    via: Mapped[AddressKind | None] = mapped_column(stored_enum(AddressKind), info=OPERATIONAL)
    delivered_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    opened_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)


class OutboxEvent(Base):
    """The state that a message came into by its change `number`, counted from 1."""

    __tablename__ = "outbox_events"
    __table_args__ = ({"info": {"immutable": True}},)

    message_id: Mapped[UUID] = mapped_column(
        ForeignKey("outbox_messages.id"), primary_key=True, info=OPERATIONAL
    )
    number: Mapped[int] = mapped_column(primary_key=True, info=OPERATIONAL)
    at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    state: Mapped[MessageState] = mapped_column(stored_enum(MessageState), info=OPERATIONAL)
    attempt: Mapped[int] = mapped_column(info=OPERATIONAL)
    reason: Mapped[str] = mapped_column(String(MAX_REASON_CHARACTERS), info=OPERATIONAL)
    via: Mapped[AddressKind | None] = mapped_column(stored_enum(AddressKind), info=OPERATIONAL)
    reference: Mapped[str] = mapped_column(String(MAX_REFERENCE_CHARACTERS), info=OPERATIONAL)


class InboxEntry(Base):
    """A text as a person was given it."""

    __tablename__ = "inbox_entries"
    __table_args__ = (
        Index("ix_inbox_entries_supervisee_id", "supervisee_id", "id"),
        {"info": {"immutable": True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(unique=True, info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(info=OPERATIONAL)
    template: Mapped[Template | None] = mapped_column(stored_enum(Template), info=OPERATIONAL)
    """None in entries of before it was kept."""
    subject: Mapped[str] = mapped_column(Text, info=MESSAGE)
    body: Mapped[str] = mapped_column(Text, info=MESSAGE)
    posted_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)


class RefusedMailbox(Base):
    """A mailbox of which a relay said for good that it is not there; by a hash of its address."""

    __tablename__ = "refused_mailboxes"

    address_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True, info=CONTACT)
    reason: Mapped[str] = mapped_column(String(MAX_REASON_CHARACTERS), info=OPERATIONAL)
    refused_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
