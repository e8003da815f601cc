"""What the outbox holds, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID

from notifications.channels.base import AddressKind
from notifications.delivery import MessageState
from notifications.formats import Language
from notifications.kind import MessageKind
from notifications.messages import Template
from notifications.waking_hours import WakingHours


class RecipientKind(Enum):
    """Whom a message goes to. The outbox lies below identity and knows people by kind and id."""

    OFFICER = "officer"
    SUPERVISEE = "supervisee"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One person."""

    kind: RecipientKind
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a message is about: the kind names who can tell whether it is still due."""

    kind: str
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to be sent at `due_at` and of no use from `expires_at` on (aware UTC).

    Of all messages with the same `key` (at most 200 characters) that were not withdrawn, only the
    first is kept: that is how planning twice sends once. Addresses are resolved when it is sent.
    So is the text, by the reader of the source's kind: nothing personal lies in the outbox.
    `waking_hours` None: at any hour.
    """

    kind: MessageKind
    recipient: Recipient
    key: str
    source: Source
    language: Language
    due_at: datetime
    expires_at: datetime
    waking_hours: WakingHours | None = None

    def __post_init__(self) -> None:
        if self.due_at >= self.expires_at:
            raise ValueError("a message must be due before it is of no use")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it stands. `sent_at` and `via` are set once a provider took it, `withdrawn_at`
    once nobody wants it sent any more.
    """

    id: UUID
    kind: MessageKind
    recipient: Recipient
    key: str
    source: Source
    language: Language
    due_at: datetime
    expires_at: datetime
    waking_hours: WakingHours | None
    state: MessageState
    attempts: int
    enqueued_at: datetime
    withdrawn_at: datetime | None
    sent_at: datetime | None
    via: AddressKind | None
    delivered_at: datetime | None
    opened_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that nobody has tried to send."""

    id: UUID
    key: str
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A message that lies in an inbox, and how far it came beyond."""

    supervisee_id: UUID
    template: Template
    given_at: datetime
    is_sent: bool
    is_delivered: bool
    is_opened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """A message as the person finds it in the app; a push carries the same `id` and no more."""

    id: UUID
    subject: str
    body: str = field(repr=False)
    posted_at: datetime
