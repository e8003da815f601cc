"""The in-app inbox: a message that is there when the person opens the app."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from notifications.channels.base import AddressKind, Delivered, OutboundMessage, SendResult


class Inbox(Protocol):
    """Where the application keeps people's messages."""

    def keep(self, messages: Sequence[OutboundMessage], *, at: datetime) -> None:
        """Keeps each message for its address, once per message id however often it is called."""
        ...


class InboxChannel:
    """Delivers to an `Inbox`. The address is the recipient's identifier."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    @property
    def kinds(self) -> frozenset[AddressKind]:
        return frozenset({AddressKind.INBOX})

    def send(self, batch: Sequence[OutboundMessage], *, now: datetime) -> list[SendResult]:
        self._inbox.keep(batch, at=now)
        return [Delivered(reference=str(message.id)) for message in batch]

    def close(self) -> None:
        """There is no connection to give back."""
