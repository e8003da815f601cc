"""What a channel is: it takes a batch of messages and says of each what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol
from uuid import UUID

from notifications.kind import CollapseKey
from notifications.messages import Rendered


class AddressKind(Enum):
    """The kinds of address that a message can go to.

    FCM knows an app by its registration token (deprecated, and what most apps still report) or
    by its Firebase installation id.
    """

    FCM_TOKEN = "fcm_token"  # noqa: S105  the name of a kind, no secret
    FCM_FID = "fcm_fid"
    EMAIL = "email"
    INBOX = "inbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where one message goes. The value is personal and kept out of `repr`."""

    kind: AddressKind
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """A message on its way to one address.

    A repeat carries the same `id` and `collapse_key`, by which phones and mail programs know it.
    From `expires_at` (aware UTC) on it is of no use.
    """

    id: UUID
    address: Address
    rendered: Rendered
    collapse_key: CollapseKey
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The provider took the message, which does not mean that a person saw it."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Not now. `after_s` is what the provider asked for, if it did; `reason` is a code."""

    after_s: float | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """Nothing will ever arrive at this address. `reason` is a code."""

    reason: str


SendResult = Delivered | Retry | Dead


class Channel(Protocol):
    """One way to deliver. Never sleeps, never retries: the outbox does both."""

    @property
    def kinds(self) -> frozenset[AddressKind]:
        """The kinds of address that this channel serves."""
        ...

    def send(self, batch: Sequence[OutboundMessage], *, now: datetime) -> list[SendResult]:
        """One result per message, in the same order. Does not raise for a provider's failure."""
        ...

    def close(self) -> None:
        """Gives connections back."""
        ...
