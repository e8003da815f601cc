"""The in-app inbox: a message that is there when the person opens the app."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from notifications.channels.base import AddressKind, Delivered, OutboundMessage, SendResult


class Inbox(Protocol):
    """Where the application keeps people's messages."""

    def post(
        self, *, recipient: str, message_id: UUID, subject: str, body: str, at: datetime
    ) -> None:
        """Keeps the message for `recipient`, once per `message_id` however often it is called."""
        ...


class InboxChannel:
    """Delivers to an `Inbox`. The address is the recipient's identifier."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    @property
    def kinds(self) -> frozenset[AddressKind]:
        return frozenset({AddressKind.INBOX})

    def send(self, batch: Sequence[OutboundMessage], *, now: datetime) -> list[SendResult]:
        return [self._post(message, now) for message in batch]

    def _post(self, message: OutboundMessage, now: datetime) -> SendResult:
        self._inbox.post(
            recipient=message.address.value,
            message_id=message.id,
            subject=message.rendered.subject,
            body=message.rendered.body,
            at=now,
        )
        return Delivered(reference=str(message.id))

    def close(self) -> None:
        """There is no connection to give back."""
