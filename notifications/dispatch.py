"""One pass over the outbox: claim, see what is still due, send, record.

No transaction is open while a channel sends. A worker that dies after sending and before
recording leaves a claim whose lease lapses; the next one sends again, with the same message id
and collapse key, so that phones and mail programs show it once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from notifications.channels.base import (
    Address,
    AddressKind,
    Channel,
    Dead,
    Delivered,
    OutboundMessage,
    Retry,
    SendResult,
)
from notifications.delivery import (
    DEFAULT_RETRY,
    Claim,
    Content,
    MessageState,
    Outcome,
    RetryPolicy,
    Store,
)

_log = structlog.get_logger()

DEFAULT_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchReport:
    """What one pass did: messages claimed, and how many came to stand in which state."""

    claimed: int
    states: Mapping[MessageState, int]


def dispatch(
    store: Store,
    channels: Sequence[Channel],
    clock: Callable[[], datetime],
    *,
    limit: int = DEFAULT_BATCH,
    policy: RetryPolicy = DEFAULT_RETRY,
) -> DispatchReport:
    """Sends what is due, at most `limit` messages. There is more while `claimed == limit`.

    Writes through `store` only. An address whose kind no channel serves is passed over.
    """
    now = clock()
    claims = store.claim(now=now, lease_s=policy.lease_s, limit=limit)
    contents = store.read_due(claims, now=now) if claims else {}
    outcomes, journeys = _sort_out(claims, contents, now, policy)
    _travel(journeys, {kind: one for one in channels for kind in one.kinds}, now, policy)
    now = clock()
    outcomes += [journey.outcome(now, policy) for journey in journeys]
    if outcomes:
        store.record(outcomes, now=now)
    store.heartbeat(now=now)
    return DispatchReport(
        claimed=len(claims), states=Counter(outcome.state for outcome in outcomes)
    )


def _sort_out(
    claims: Sequence[Claim],
    contents: Mapping[UUID, Content],
    now: datetime,
    policy: RetryPolicy,
) -> tuple[list[Outcome], list[_Journey]]:
    """The outcomes of claims that must not be sent now, and the journeys of those that may."""
    outcomes, journeys = [], []
    for claim in claims:
        if (unsent := _unsent(claim, contents, now, policy)) is not None:
            outcomes.append(unsent)
        else:
            journeys.append(_Journey(claim=claim, content=contents[claim.message_id]))
    return outcomes, journeys


def _unsent(
    claim: Claim, contents: Mapping[UUID, Content], now: datetime, policy: RetryPolicy
) -> Outcome | None:
    """The outcome of a claim that must not be sent now; None if it may be."""
    if claim.message_id not in contents:
        return _outcome(claim, MessageState.WITHDRAWN, "NOT_DUE")
    if claim.expires_at <= now:
        return _outcome(claim, MessageState.EXPIRED, "OVER")
    if claim.attempt > policy.max_attempts:  # no worker lived to record the last one
        return _outcome(claim, MessageState.EXHAUSTED, "NO_OUTCOME")
    start = _undisturbed(claim, now)
    if start > now:
        return _outcome(claim, MessageState.PENDING, "QUIET_HOURS", retry_at=start)
    return None


def _outcome(
    claim: Claim, state: MessageState, reason: str, *, retry_at: datetime | None = None
) -> Outcome:
    return Outcome(
        message_id=claim.message_id,
        attempt=claim.attempt,
        state=state,
        reason=reason,
        retry_at=retry_at,
    )


def _undisturbed(claim: Claim, at: datetime) -> datetime:
    """`at`, or the next instant in the person's waking hours unless that is too late: better
    woken than absent from court.
    """
    if claim.waking_hours is None:
        return at
    opening = claim.waking_hours.next_open(at)
    return opening if opening < claim.expires_at else at


def _next_attempt(
    claim: Claim, asked_s: float | None, now: datetime, policy: RetryPolicy
) -> datetime | None:
    """When a failed claim is tried again; None if it is not."""
    if claim.attempt >= policy.max_attempts:
        return None
    wait_s = policy.delay_s(claim.message_id, claim.attempt, asked_s)
    at = _undisturbed(claim, now + timedelta(seconds=wait_s))
    return at if at < claim.expires_at else None


@dataclass(slots=True, kw_only=True)
class _Journey:
    """One claim on its way along its addresses, the inbox first: a push carries no more than
    the id of what the inbox holds.
    """

    claim: Claim
    content: Content
    ahead: list[Address] = field(init=False)
    dead: list[Address] = field(default_factory=list)
    reason: str = "NO_ADDRESS"
    retry: Retry | None = None
    taken: Delivered | None = None
    taken_by: AddressKind | None = None

    def __post_init__(self) -> None:
        self.ahead = sorted(
            self.content.addresses, key=lambda address: address.kind is not AddressKind.INBOX
        )

    def message(self) -> OutboundMessage:
        """The message to the next address."""
        return OutboundMessage(
            id=self.claim.message_id,
            address=self.ahead[0],
            rendered=self.content.rendered,
            collapse_key=self.claim.collapse_key,
            expires_at=self.claim.expires_at,
        )

    def arrive(self, result: SendResult, now: datetime, policy: RetryPolicy) -> None:
        """Notes the answer of the next address and drops those that need not be tried."""
        address = self.ahead.pop(0)
        if isinstance(result, Delivered):
            self.taken, self.taken_by = result, address.kind
            go_on = address.kind is AddressKind.INBOX
        elif isinstance(result, Dead):
            self.dead.append(address)
            self.reason = result.reason
            go_on = True
        else:
            self.retry = self.retry or result
            go_on = address.kind is not AddressKind.INBOX and self._falls_back(result, now, policy)
        if not go_on:
            self.ahead.clear()

    def _falls_back(self, result: Retry, now: datetime, policy: RetryPolicy) -> bool:
        late = self.claim.attempt >= policy.fall_back_from_attempt
        return late or _next_attempt(self.claim, result.after_s, now, policy) is None

    def outcome(self, now: datetime, policy: RetryPolicy) -> Outcome:
        """What became of the claim once no address is ahead."""
        reached = self.taken_by not in {None, AddressKind.INBOX}
        if self.retry is not None and not reached:
            return self._outcome_failed(self.retry, now, policy)
        return Outcome(
            message_id=self.claim.message_id,
            attempt=self.claim.attempt,
            state=MessageState.SENT if self.taken else MessageState.UNDELIVERABLE,
            reason="" if reached else self.reason,
            via=self.taken_by,
            reference=self.taken.reference if self.taken else "",
            forget=tuple(self.dead),
        )

    def _outcome_failed(self, retry: Retry, now: datetime, policy: RetryPolicy) -> Outcome:
        retry_at = _next_attempt(self.claim, retry.after_s, now, policy)
        if retry_at is not None:
            state = MessageState.PENDING
        elif self.claim.attempt >= policy.max_attempts:
            state = MessageState.EXHAUSTED
        else:
            state = MessageState.EXPIRED
        return Outcome(
            message_id=self.claim.message_id,
            attempt=self.claim.attempt,
            state=state,
            reason=retry.reason,
            retry_at=retry_at,
            forget=tuple(self.dead),
        )


def _travel(
    journeys: Sequence[_Journey],
    channels: Mapping[AddressKind, Channel],
    now: datetime,
    policy: RetryPolicy,
) -> None:
    """Takes every journey to its end, in rounds: each round sends one batch per channel."""
    for journey in journeys:
        journey.ahead = [address for address in journey.ahead if address.kind in channels]
    while travelling := [journey for journey in journeys if journey.ahead]:
        rounds: defaultdict[Channel, list[_Journey]] = defaultdict(list)
        for journey in travelling:
            rounds[channels[journey.ahead[0].kind]].append(journey)
        for channel, batch in rounds.items():
            results = _results(channel, [journey.message() for journey in batch], now)
            for journey, result in zip(batch, results, strict=True):
                journey.arrive(result, now, policy)


def _results(
    channel: Channel, batch: Sequence[OutboundMessage], now: datetime
) -> Sequence[SendResult]:
    try:
        return channel.send(batch, now=now)
    except Exception as fault:  # noqa: BLE001  a fault in one channel must not hold up the others
        # Its text may name a person: only its type is told.
        reason = f"FAULT_{type(fault).__name__}"
        _log.error("channel.failed", channel=type(channel).__name__, reason=reason)
        return [Retry(after_s=None, reason=reason)] * len(batch)
