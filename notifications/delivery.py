"""The life of a message in the outbox: its states, when it is tried again, and what delivery
asks of the store that keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from notifications.channels.base import Address, AddressKind
from notifications.kind import CollapseKey
from notifications.messages import Rendered
from notifications.waking_hours import WakingHours

# A power beyond this would overflow a float before `longest_delay_s` could bound it.
_MOST_STEPS = 100


class MessageState(Enum):
    """Where a message stands. Nothing is deleted to signal failure."""

    PENDING = "pending"  # waits for its instant, or for its next attempt
    CLAIMED = "claimed"  # a worker has it until its lease lapses
    SENT = "sent"  # a provider took it
    DELIVERED = "delivered"  # the phone said so
    WITHDRAWN = "withdrawn"  # nothing in it was due any more
    EXPIRED = "expired"  # what it was about is over
    EXHAUSTED = "exhausted"  # as many attempts as the policy allows
    UNDELIVERABLE = "undeliverable"  # no address is left


_S = MessageState
# A receipt is a fact: it may follow any state, even a time-out that was counted as a failure.
TRANSITIONS: Mapping[MessageState, frozenset[MessageState]] = {
    _S.PENDING: frozenset({_S.CLAIMED, _S.WITHDRAWN, _S.EXPIRED, _S.DELIVERED}),
    _S.CLAIMED: frozenset(_S),
    _S.SENT: frozenset({_S.DELIVERED}),
    _S.DELIVERED: frozenset(),
    _S.WITHDRAWN: frozenset({_S.DELIVERED}),
    _S.EXPIRED: frozenset({_S.DELIVERED}),
    _S.EXHAUSTED: frozenset({_S.DELIVERED}),
    _S.UNDELIVERABLE: frozenset({_S.DELIVERED}),
}


def may_become(old: MessageState, new: MessageState) -> bool:
    """Whether a message in state `old` may be put into state `new`."""
    return new in TRANSITIONS[old]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The whole policy of trying again.

    Attempt n is followed by a wait of `first_delay_s * factor ** (n - 1)`, at most
    `longest_delay_s`, plus a share of up to `jitter` that the message's id decides; a provider
    that asks for more gets it, up to `longest_asked_s`. From attempt `fall_back_from_attempt` on,
    an address that fails for now is followed at once by the next one. After `max_attempts` the
    message is EXHAUSTED. A claim is good for `lease_s`.
    """

    first_delay_s: float = 30.0
    factor: float = 2.0
    longest_delay_s: float = 3_600.0
    longest_asked_s: float = 86_400.0
    jitter: float = 0.25
    max_attempts: int = 16
    fall_back_from_attempt: int = 5
    lease_s: float = 300.0

    def delay_s(self, message_id: UUID, attempt: int, asked_s: float | None) -> float:
        """Seconds to wait after attempt number `attempt` (from 1): the same for the same call."""
        steps = min(attempt - 1, _MOST_STEPS)
        backoff_s = min(self.first_delay_s * self.factor**steps, self.longest_delay_s)
        digest = sha256(message_id.bytes + attempt.to_bytes(4)).digest()
        share = int.from_bytes(digest[:4]) / 2**32
        asked_s = min(asked_s or 0.0, self.longest_asked_s)
        return max(backoff_s * (1 + self.jitter * share), asked_s)


DEFAULT_RETRY = RetryPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A message that this worker alone may send until its lease lapses.

    `attempt` counts claims from 1. `waking_hours` None means at any hour.
    """

    message_id: UUID
    attempt: int
    collapse_key: CollapseKey
    expires_at: datetime
    waking_hours: WakingHours | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says and where it may go, as of now.

    `addresses` are tried in order until one takes the message; an address of kind INBOX is
    served first and always.
    """

    rendered: Rendered
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a claim. `reason` is a code; `retry_at` is given when PENDING; `via` and
    `reference` when SENT. `forget` are addresses that will never work again.
    """

    message_id: UUID
    attempt: int
    state: MessageState
    reason: str
    retry_at: datetime | None = None
    via: AddressKind | None = None
    reference: str = ""
    forget: tuple[Address, ...] = ()


class Store(Protocol):
    """The outbox as delivery needs it. Every method is one short transaction."""

    def claim(self, *, now: datetime, lease_s: float, limit: int) -> Sequence[Claim]:
        """At most `limit` messages that are due, those due longest first, now CLAIMED by the
        caller until `now + lease_s`, their attempt counted.

        Due are PENDING ones whose instant or next attempt has come, and CLAIMED ones whose lease
        has lapsed. Two callers never get the same message.
        """
        ...

    def read_due(self, claims: Sequence[Claim], *, now: datetime) -> Mapping[UUID, Content]:
        """What each message says, read again from its sources. One that is absent from the
        answer is about nothing that is still due.
        """
        ...

    def record(self, outcomes: Sequence[Outcome], *, now: datetime) -> None:
        """Puts each message into its new state, PENDING ones until `retry_at`, and forgets dead
        addresses.

        An outcome is ignored, except for the addresses to forget, if its message is not CLAIMED
        under the same attempt: another worker has it, or the phone's receipt was quicker.
        """
        ...

    def heartbeat(self, *, now: datetime) -> None:
        """Notes that a pass ended, for the alarm that tells when sending has stopped."""
        ...
