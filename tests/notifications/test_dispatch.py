from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

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
from notifications.channels.inbox import InboxChannel
from notifications.delivery import (
    DEFAULT_RETRY,
    Claim,
    Content,
    MessageState,
    Outcome,
    RetryPolicy,
)
from notifications.dispatch import DispatchReport, dispatch
from notifications.waking_hours import WakingHours
from tests.support.notifications import NOON, FakeChannel, FakeInbox, MemoryStore, outbound

PHONE = Address(kind=AddressKind.FCM_TOKEN, value="token-of-testa")
OTHER_PHONE = Address(kind=AddressKind.FCM_FID, value="fid-of-testa")
MAIL = Address(kind=AddressKind.EMAIL, value="testa@example.com")
INBOX = Address(kind=AddressKind.INBOX, value="person-1")
LATER = Retry(after_s=None, reason="UNAVAILABLE")
GONE = Dead(reason="UNREGISTERED")
EXPIRY = NOON + timedelta(days=2)
CHICAGO = WakingHours(zone=ZoneInfo("America/Chicago"), opens=time(8), closes=time(21))


@dataclass(slots=True, kw_only=True)
class Outbox:
    """A store, its channels and a clock that stands still."""

    store: MemoryStore = field(default_factory=MemoryStore)
    push: FakeChannel = field(
        default_factory=lambda: FakeChannel(AddressKind.FCM_TOKEN, AddressKind.FCM_FID)
    )
    mail: FakeChannel = field(default_factory=lambda: FakeChannel(AddressKind.EMAIL))
    inbox: FakeInbox = field(default_factory=FakeInbox)
    now: datetime = NOON

    def enqueue(
        self,
        *addresses: Address,
        expires_at: datetime = EXPIRY,
        waking_hours: WakingHours | None = None,
    ) -> UUID:
        return self.store.enqueue(
            send_at=NOON, expires_at=expires_at, addresses=addresses, waking_hours=waking_hours
        )

    def dispatch(self, policy: RetryPolicy = DEFAULT_RETRY, limit: int = 100) -> DispatchReport:
        channels: list[Channel] = [self.push, self.mail, InboxChannel(self.inbox)]
        return dispatch(self.store, channels, lambda: self.now, limit=limit, policy=policy)

    def outcome(self, message_id: UUID) -> Outcome:
        return self.store.outcomes(message_id)[-1]


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


def answering(result: SendResult, *kinds: AddressKind) -> FakeChannel:
    return FakeChannel(*kinds, answer=lambda _: result)


def test_an_empty_pass_sends_nothing_and_is_noted(outbox: Outbox) -> None:
    report = outbox.dispatch()

    assert report == DispatchReport(claimed=0, states={})
    assert outbox.store.last_heartbeat() == NOON


def test_a_message_of_which_nothing_is_due_any_more_is_withdrawn_unsent(outbox: Outbox) -> None:
    message_id = outbox.enqueue(PHONE, INBOX)
    outbox.store.settle(message_id)

    report = outbox.dispatch()

    assert report.states == {MessageState.WITHDRAWN: 1}
    assert not outbox.push.sent
    assert not outbox.inbox.entries


def test_a_message_about_something_that_is_over_expires_unsent(outbox: Outbox) -> None:
    message_id = outbox.enqueue(PHONE, INBOX, expires_at=NOON)

    outbox.dispatch()

    assert outbox.store.state(message_id) is MessageState.EXPIRED
    assert not outbox.push.sent


def test_a_message_whose_workers_all_died_ends_as_exhausted(outbox: Outbox) -> None:
    message_id = outbox.enqueue(PHONE)
    policy = RetryPolicy(max_attempts=2, lease_s=1)
    for second in range(2):
        now = NOON + timedelta(seconds=second)
        outbox.store.claim(now=now, lease_s=policy.lease_s, limit=1)
    outbox.now = NOON + timedelta(seconds=2)

    outbox.dispatch(policy)

    assert outbox.store.state(message_id) is MessageState.EXHAUSTED
    assert not outbox.push.sent


def test_a_message_without_any_address_is_undeliverable(outbox: Outbox) -> None:
    message_id = outbox.enqueue()

    outbox.dispatch()

    assert outbox.store.state(message_id) is MessageState.UNDELIVERABLE
    assert outbox.outcome(message_id).reason == "NO_ADDRESS"


def test_an_address_that_no_channel_serves_is_passed_over(outbox: Outbox) -> None:
    message_id = outbox.enqueue(PHONE, MAIL)

    dispatch(outbox.store, [outbox.mail], lambda: NOON)

    assert outbox.outcome(message_id).via is AddressKind.EMAIL


def test_a_push_that_is_taken_needs_no_e_mail_and_is_in_the_inbox(outbox: Outbox) -> None:
    message_id = outbox.enqueue(PHONE, MAIL, INBOX)

    outbox.dispatch()

    outcome = outbox.outcome(message_id)
    assert outcome.state is MessageState.SENT
    assert outcome.via is AddressKind.FCM_TOKEN
    assert outcome.reference == f"ref-{message_id}"
    assert not outbox.mail.sent
    assert outbox.inbox.entries[message_id][0] == INBOX.value


def test_the_inbox_holds_the_message_before_the_push_that_leads_to_it(outbox: Outbox) -> None:
    message_id = outbox.enqueue(PHONE, INBOX)
    held: list[bool] = []

    def look(message: OutboundMessage) -> SendResult:
        held.append(message.id in outbox.inbox.entries)
        return Delivered(reference="")

    outbox.push.answer = look
    outbox.dispatch()

    assert held == [True]
    assert outbox.store.state(message_id) is MessageState.SENT


def test_a_dead_address_is_forgotten_and_the_next_one_takes_the_message(outbox: Outbox) -> None:
    outbox.push = answering(GONE, AddressKind.FCM_TOKEN, AddressKind.FCM_FID)
    message_id = outbox.enqueue(PHONE, OTHER_PHONE, MAIL, INBOX)

    outbox.dispatch()

    outcome = outbox.outcome(message_id)
    assert (outcome.state, outcome.via) == (MessageState.SENT, AddressKind.EMAIL)
    assert [message.id for message in outbox.mail.sent] == [message_id]
    assert outbox.store.forgotten() == {PHONE, OTHER_PHONE}


def test_with_every_address_dead_the_message_waits_in_the_inbox(outbox: Outbox) -> None:
    outbox.push = answering(GONE, AddressKind.FCM_TOKEN)
    message_id = outbox.enqueue(PHONE, INBOX)

    outbox.dispatch()

    outcome = outbox.outcome(message_id)
    assert (outcome.state, outcome.via) == (MessageState.SENT, AddressKind.INBOX)
    assert outcome.reason == "UNREGISTERED"


def test_with_every_address_dead_and_no_inbox_it_is_undeliverable(outbox: Outbox) -> None:
    outbox.push = answering(GONE, AddressKind.FCM_TOKEN)
    message_id = outbox.enqueue(PHONE)

    outbox.dispatch()

    assert outbox.store.state(message_id) is MessageState.UNDELIVERABLE
    assert outbox.store.forgotten() == {PHONE}


def test_a_failure_for_now_is_tried_again_as_the_same_message(outbox: Outbox) -> None:
    outbox.push.answer = lambda _: LATER
    message_id = outbox.enqueue(PHONE, MAIL)

    outbox.dispatch()
    retry_at = outbox.outcome(message_id).retry_at
    assert retry_at is not None
    outbox.now = retry_at
    outbox.push.answer = lambda _: Delivered(reference="second")
    outbox.dispatch()

    assert outbox.outcome(message_id).state is MessageState.SENT
    first, second = outbox.push.sent
    assert first == second
    assert not outbox.mail.sent
    assert NOON + timedelta(seconds=30) <= retry_at <= NOON + timedelta(seconds=37.5)


def test_a_provider_that_asks_for_more_time_gets_it(outbox: Outbox) -> None:
    outbox.push.answer = lambda _: Retry(after_s=600, reason="RESOURCE_EXHAUSTED")
    message_id = outbox.enqueue(PHONE)

    outbox.dispatch()

    assert outbox.outcome(message_id).retry_at == NOON + timedelta(seconds=600)


def test_an_outage_of_an_hour_delays_and_does_not_lose(outbox: Outbox) -> None:
    outbox.push.answer = lambda _: LATER
    ids = [outbox.enqueue(PHONE) for _ in range(5)]

    for minute in range(180):
        outbox.now = NOON + timedelta(minutes=minute)
        if minute == 60:
            outbox.push.answer = lambda _: Delivered(reference="back")
        outbox.dispatch()

    assert {outbox.store.state(message_id) for message_id in ids} == {MessageState.SENT}


def test_a_push_that_keeps_failing_falls_back_to_e_mail(outbox: Outbox) -> None:
    outbox.push.answer = lambda _: LATER
    message_id = outbox.enqueue(PHONE, MAIL, INBOX)

    for _ in range(DEFAULT_RETRY.fall_back_from_attempt):
        outbox.dispatch()
        outbox.now = outbox.outcome(message_id).retry_at or outbox.now

    assert outbox.outcome(message_id).attempt == DEFAULT_RETRY.fall_back_from_attempt
    assert outbox.outcome(message_id).via is AddressKind.EMAIL
    assert len(outbox.inbox.entries) == 1


def test_a_push_that_fails_shortly_before_the_event_falls_back_at_once(outbox: Outbox) -> None:
    outbox.push.answer = lambda _: LATER
    message_id = outbox.enqueue(PHONE, MAIL, expires_at=NOON + timedelta(seconds=20))

    outbox.dispatch()

    assert outbox.outcome(message_id).via is AddressKind.EMAIL


def test_a_failure_that_cannot_be_repeated_before_the_event_expires(outbox: Outbox) -> None:
    outbox.push.answer = lambda _: LATER
    message_id = outbox.enqueue(PHONE, expires_at=NOON + timedelta(seconds=20))

    outbox.dispatch()

    assert outbox.outcome(message_id).state is MessageState.EXPIRED
    assert outbox.outcome(message_id).reason == "UNAVAILABLE"


def test_an_attempt_at_the_end_of_the_event_is_one_too_late(outbox: Outbox) -> None:
    outbox.push.answer = lambda _: Retry(after_s=600, reason="RESOURCE_EXHAUSTED")
    message_id = outbox.enqueue(PHONE, expires_at=NOON + timedelta(seconds=600))

    outbox.dispatch()

    assert outbox.store.state(message_id) is MessageState.EXPIRED


def test_after_the_last_attempt_the_message_is_exhausted_and_kept(outbox: Outbox) -> None:
    outbox.push.answer = lambda _: LATER
    message_id = outbox.enqueue(PHONE)
    policy = RetryPolicy(max_attempts=3)

    for _ in range(3):
        outbox.dispatch(policy)
        outbox.now += timedelta(hours=1)

    assert outbox.store.state(message_id) is MessageState.EXHAUSTED
    assert len(outbox.push.sent) == 3


def test_a_failure_in_the_evening_waits_for_the_morning(outbox: Outbox) -> None:
    outbox.now = datetime(2026, 3, 3, 2, 59, 50, tzinfo=UTC)  # 20:59:50 in Chicago
    outbox.push.answer = lambda _: LATER
    message_id = outbox.enqueue(PHONE, waking_hours=CHICAGO)

    outbox.dispatch()

    assert outbox.outcome(message_id).retry_at == datetime(2026, 3, 3, 14, tzinfo=UTC)


def test_a_message_that_a_worker_finds_at_night_waits_for_the_morning(outbox: Outbox) -> None:
    outbox.now = datetime(2026, 3, 3, 9, tzinfo=UTC)  # 03:00 in Chicago
    message_id = outbox.enqueue(PHONE, INBOX, waking_hours=CHICAGO)

    outbox.dispatch()

    assert outbox.outcome(message_id).retry_at == datetime(2026, 3, 3, 14, tzinfo=UTC)
    assert not outbox.push.sent
    assert not outbox.inbox.entries


def test_better_woken_than_absent_from_court(outbox: Outbox) -> None:
    outbox.now = datetime(2026, 3, 3, 9, tzinfo=UTC)  # 03:00 in Chicago
    seven_in_the_morning = datetime(2026, 3, 3, 13, tzinfo=UTC)
    message_id = outbox.enqueue(PHONE, expires_at=seven_in_the_morning, waking_hours=CHICAGO)

    outbox.dispatch()

    assert outbox.store.state(message_id) is MessageState.SENT


def test_one_pass_sends_one_batch_per_channel_and_no_more_than_the_limit(outbox: Outbox) -> None:
    for _ in range(7):
        outbox.enqueue(PHONE, INBOX)

    reports = [outbox.dispatch(limit=5), outbox.dispatch(limit=5)]

    assert [report.claimed for report in reports] == [5, 2]
    assert [len(batch) for batch in outbox.push.batches] == [5, 2]
    assert [report.states for report in reports] == [
        {MessageState.SENT: 5},
        {MessageState.SENT: 2},
    ]


class BrokenInbox(FakeInbox):
    """An inbox that fails, with something personal in the error."""

    def keep(self, messages: Sequence[OutboundMessage], *, at: datetime) -> None:
        raise RuntimeError(f"disk full while writing to {messages[0].address.value} at {at}")


def test_without_its_inbox_entry_nothing_is_pushed(outbox: Outbox) -> None:
    message_id = outbox.enqueue(PHONE, INBOX)

    dispatch(outbox.store, [outbox.push, InboxChannel(BrokenInbox())], lambda: NOON)

    assert outbox.outcome(message_id).state is MessageState.PENDING
    assert not outbox.push.sent


def test_a_fault_in_one_channel_holds_up_no_other_and_names_nobody(
    outbox: Outbox,
) -> None:
    faulty, fine = outbox.enqueue(INBOX), outbox.enqueue(MAIL)

    with structlog.testing.capture_logs() as logged:
        dispatch(outbox.store, [outbox.mail, InboxChannel(BrokenInbox())], lambda: NOON)

    assert outbox.store.state(fine) is MessageState.SENT
    assert outbox.outcome(faulty).reason == "FAULT_RuntimeError"
    assert logged == [
        {
            "event": "channel.failed",
            "log_level": "error",
            "channel": "InboxChannel",
            "reason": "FAULT_RuntimeError",
        }
    ]


class DyingStore(MemoryStore):
    """A worker that dies after sending and before recording."""

    dying = True

    def record(self, outcomes: Sequence[Outcome], *, now: datetime) -> None:
        if self.dying:
            raise KeyboardInterrupt
        super().record(outcomes, now=now)


def test_a_worker_that_dies_before_recording_leads_to_the_same_message_again(
    outbox: Outbox,
) -> None:
    outbox.store = store = DyingStore()
    message_id = outbox.enqueue(PHONE, INBOX)

    with pytest.raises(KeyboardInterrupt):
        outbox.dispatch()
    died = store.last_heartbeat()
    store.dying = False
    outbox.now += timedelta(seconds=DEFAULT_RETRY.lease_s)
    outbox.dispatch()

    first, second = outbox.push.sent
    assert (first.id, first.collapse_key) == (second.id, second.collapse_key)
    assert store.state(message_id) is MessageState.SENT
    assert len(outbox.inbox.entries) == 1
    assert died is None


class WatchedStore(MemoryStore):
    """Knows whether one of its transactions is open."""

    open = False

    def claim(self, *, now: datetime, lease_s: float, limit: int) -> Sequence[Claim]:
        self.open = True
        claims = super().claim(now=now, lease_s=lease_s, limit=limit)
        self.open = False
        return claims

    def read_due(self, claims: Sequence[Claim], *, now: datetime) -> Mapping[UUID, Content]:
        self.open = True
        contents = super().read_due(claims, now=now)
        self.open = False
        return contents


def test_no_transaction_is_open_while_a_channel_sends(outbox: Outbox) -> None:
    outbox.store = store = WatchedStore()
    message_id = outbox.enqueue(PHONE)
    seen: list[tuple[bool, MessageState]] = []

    def look(message: OutboundMessage) -> SendResult:
        seen.append((store.open, store.state(message.id)))
        return Delivered(reference="")

    outbox.push.answer = look
    outbox.dispatch()

    assert seen == [(False, MessageState.CLAIMED)]
    assert store.state(message_id) is MessageState.SENT


def test_an_address_and_a_text_stay_out_of_what_is_logged() -> None:
    shown = repr(outbound(PHONE))

    assert PHONE.value not in shown
    assert "TEST-1" not in shown


RESULTS = st.sampled_from([Delivered(reference="r"), LATER, GONE, Retry(after_s=90, reason="Q")])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(RESULTS, max_size=40),
    st.lists(st.sampled_from([PHONE, OTHER_PHONE, MAIL, INBOX]), unique=True),
)
def test_whatever_providers_answer_every_message_ends_in_a_named_state(
    answers: list[SendResult], addresses: list[Address]
) -> None:
    outbox = Outbox()
    script = iter(answers)

    def answer(_: OutboundMessage) -> SendResult:
        return next(script, LATER)

    outbox.push.answer = outbox.mail.answer = answer
    message_id = outbox.enqueue(*addresses)

    for hour in range(60):
        outbox.now = NOON + timedelta(hours=hour)
        outbox.dispatch()

    state = outbox.store.state(message_id)
    assert state not in {MessageState.PENDING, MessageState.CLAIMED}
    sent = outbox.push.sent + outbox.mail.sent
    assert {message.id for message in sent} <= {message_id}
    assert len(outbox.store.outcomes(message_id)) <= DEFAULT_RETRY.max_attempts
    assert (message_id in outbox.inbox.entries) == (INBOX in addresses)
