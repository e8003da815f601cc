"""What every `Store` must do. A store's tests subclass `StoreContract` and give it a harness."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from notifications.channels.base import Address, AddressKind
from notifications.delivery import Claim, MessageState, Outcome, Store
from notifications.waking_hours import WakingHours

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=300)
PHONE = Address(kind=AddressKind.FCM_TOKEN, value="token-of-testa")
MAIL = Address(kind=AddressKind.EMAIL, value="testa@example.com")
FINAL = [
    MessageState.SENT,
    MessageState.WITHDRAWN,
    MessageState.EXPIRED,
    MessageState.EXHAUSTED,
    MessageState.UNDELIVERABLE,
]


class StoreHarness(Protocol):
    """A store, and the doors that its tests need besides."""

    @property
    def store(self) -> Store:
        """The store under test. Safe to use from several threads."""
        ...

    def enqueue(
        self,
        *,
        send_at: datetime,
        expires_at: datetime,
        addresses: tuple[Address, ...],
        waking_hours: WakingHours | None = None,
    ) -> UUID:
        """The id of a message that waits for `send_at`, to a person with these addresses."""
        ...

    def settle(self, message_id: UUID) -> None:
        """From now on nothing in the message is due any more."""
        ...

    def receipt(self, message_id: UUID, *, at: datetime) -> None:
        """The phone says that the message arrived."""
        ...

    def state(self, message_id: UUID) -> MessageState:
        """Where the message stands."""
        ...

    def forgotten(self) -> set[Address]:
        """The addresses that the store was told to forget."""
        ...

    def last_heartbeat(self) -> datetime | None:
        """When the last pass ended."""
        ...


def _outcome(claim: Claim, state: MessageState, **more: object) -> Outcome:
    return Outcome(
        message_id=claim.message_id,
        attempt=claim.attempt,
        state=state,
        reason="TEST",
        **more,  # type: ignore[arg-type]  # each test names its own members
    )


def _claim(harness: StoreHarness, now: datetime, limit: int = 10) -> Sequence[Claim]:
    return harness.store.claim(now=now, lease_s=LEASE.total_seconds(), limit=limit)


def _waiting(harness: StoreHarness, send_at: datetime = NOON) -> UUID:
    return harness.enqueue(
        send_at=send_at, expires_at=NOON + timedelta(days=2), addresses=(PHONE, MAIL)
    )


class StoreContract:
    """The rules. Subclasses define the fixture `harness`, an empty one per test."""

    @pytest.fixture
    def harness(self) -> StoreHarness:
        raise NotImplementedError

    def test_an_empty_outbox_has_nothing_to_claim(self, harness: StoreHarness) -> None:
        assert list(_claim(harness, NOON)) == []
        assert dict(harness.store.read_due([], now=NOON)) == {}

    def test_a_message_is_not_claimed_before_its_instant(self, harness: StoreHarness) -> None:
        message_id = _waiting(harness)

        early = _claim(harness, NOON - SECOND)
        in_time = _claim(harness, NOON)

        assert list(early) == []
        assert [claim.message_id for claim in in_time] == [message_id]
        assert harness.state(message_id) is MessageState.CLAIMED

    def test_a_claim_tells_attempt_end_and_waking_hours(self, harness: StoreHarness) -> None:
        hours = WakingHours(zone=ZoneInfo("America/Chicago"), opens=time(8), closes=time(21))
        end = NOON + timedelta(hours=5)
        harness.enqueue(send_at=NOON, expires_at=end, addresses=(PHONE,), waking_hours=hours)

        [claim] = _claim(harness, NOON)

        assert (claim.attempt, claim.expires_at, claim.waking_hours) == (1, end, hours)

    def test_the_messages_due_longest_come_first_and_no_more_than_asked(
        self, harness: StoreHarness
    ) -> None:
        second = _waiting(harness, NOON - 2 * SECOND)
        third = _waiting(harness, NOON - SECOND)
        first = _waiting(harness, NOON - 3 * SECOND)

        claims = [_claim(harness, NOON, limit=2), _claim(harness, NOON, limit=2)]

        assert [[claim.message_id for claim in some] for some in claims] == [
            [first, second],
            [third],
        ]

    def test_a_claimed_message_is_nobody_elses_while_the_lease_holds(
        self, harness: StoreHarness
    ) -> None:
        _waiting(harness)
        _claim(harness, NOON)

        again = _claim(harness, NOON + LEASE - SECOND)

        assert list(again) == []

    def test_a_lapsed_claim_is_claimed_again_as_the_same_message(
        self, harness: StoreHarness
    ) -> None:
        _waiting(harness)
        [first] = _claim(harness, NOON)

        [second] = _claim(harness, NOON + LEASE)

        assert second.message_id == first.message_id
        assert second.collapse_key is first.collapse_key
        assert (first.attempt, second.attempt) == (1, 2)

    def test_a_message_that_is_over_is_claimed_so_that_it_can_be_closed(
        self, harness: StoreHarness
    ) -> None:
        message_id = harness.enqueue(send_at=NOON, expires_at=NOON + SECOND, addresses=(PHONE,))

        [claim] = _claim(harness, NOON + timedelta(days=1))
        harness.store.record([_outcome(claim, MessageState.EXPIRED)], now=NOON)

        assert harness.state(message_id) is MessageState.EXPIRED

    def test_a_message_of_which_nothing_is_due_has_no_content(self, harness: StoreHarness) -> None:
        settled, owed = _waiting(harness), _waiting(harness)
        claims = _claim(harness, NOON)
        harness.settle(settled)

        contents = harness.store.read_due(claims, now=NOON)

        assert list(contents) == [owed]
        assert contents[owed].addresses == (PHONE, MAIL)
        assert contents[owed].rendered.body

    @pytest.mark.parametrize("state", FINAL)
    def test_a_message_in_a_final_state_is_kept_and_never_claimed(
        self, harness: StoreHarness, state: MessageState
    ) -> None:
        message_id = _waiting(harness)
        [claim] = _claim(harness, NOON)

        harness.store.record([_outcome(claim, state)], now=NOON)

        assert list(_claim(harness, NOON + timedelta(days=30))) == []
        assert harness.state(message_id) is state

    def test_a_message_to_be_tried_again_waits_for_that_instant(
        self, harness: StoreHarness
    ) -> None:
        message_id = _waiting(harness)
        [claim] = _claim(harness, NOON)
        retry_at = NOON + timedelta(seconds=40)

        harness.store.record([_outcome(claim, MessageState.PENDING, retry_at=retry_at)], now=NOON)

        assert harness.state(message_id) is MessageState.PENDING
        assert list(_claim(harness, retry_at - SECOND)) == []
        assert [again.attempt for again in _claim(harness, retry_at)] == [2]

    def test_an_outcome_that_comes_after_the_lease_passed_on_is_ignored(
        self, harness: StoreHarness
    ) -> None:
        message_id = _waiting(harness)
        [slow] = _claim(harness, NOON)
        [quick] = _claim(harness, NOON + LEASE)

        harness.store.record([_outcome(slow, MessageState.EXHAUSTED)], now=NOON + LEASE)
        between = harness.state(message_id)
        harness.store.record([_outcome(quick, MessageState.SENT)], now=NOON + LEASE)

        assert between is MessageState.CLAIMED
        assert harness.state(message_id) is MessageState.SENT

    def test_an_outcome_after_the_phones_receipt_is_ignored(self, harness: StoreHarness) -> None:
        message_id = _waiting(harness)
        [claim] = _claim(harness, NOON)
        harness.receipt(message_id, at=NOON)

        harness.store.record([_outcome(claim, MessageState.SENT)], now=NOON)

        assert harness.state(message_id) is MessageState.DELIVERED

    def test_a_receipt_ends_the_attempts_of_a_message_that_seemed_to_fail(
        self, harness: StoreHarness
    ) -> None:
        message_id = _waiting(harness)
        [claim] = _claim(harness, NOON)
        harness.store.record(
            [_outcome(claim, MessageState.PENDING, retry_at=NOON + SECOND)], now=NOON
        )

        harness.receipt(message_id, at=NOON + SECOND)

        assert list(_claim(harness, NOON + timedelta(days=1))) == []

    def test_a_dead_address_is_forgotten_and_others_stay(self, harness: StoreHarness) -> None:
        _waiting(harness)
        [claim] = _claim(harness, NOON)

        harness.store.record(
            [_outcome(claim, MessageState.PENDING, retry_at=NOON, forget=(PHONE,))], now=NOON
        )

        [again] = _claim(harness, NOON)
        contents = harness.store.read_due([again], now=NOON)
        assert contents[again.message_id].addresses == (MAIL,)
        assert harness.forgotten() == {PHONE}

    def test_a_dead_address_is_forgotten_even_if_the_outcome_comes_too_late(
        self, harness: StoreHarness
    ) -> None:
        _waiting(harness)
        [slow] = _claim(harness, NOON)
        _claim(harness, NOON + LEASE)

        harness.store.record(
            [_outcome(slow, MessageState.UNDELIVERABLE, forget=(PHONE,))], now=NOON + LEASE
        )

        assert harness.forgotten() == {PHONE}

    def test_workers_at_once_share_the_queue_without_a_double(self, harness: StoreHarness) -> None:
        waiting = {_waiting(harness) for _ in range(40)}

        def work(_: int) -> list[UUID]:
            mine: list[UUID] = []
            while some := _claim(harness, NOON, limit=3):
                mine += [claim.message_id for claim in some]
            return mine

        with ThreadPoolExecutor(4) as workers:
            claimed = [key for mine in workers.map(work, range(4)) for key in mine]

        assert len(claimed) == len(waiting)
        assert set(claimed) == waiting

    def test_the_last_pass_is_noted(self, harness: StoreHarness) -> None:
        before = harness.last_heartbeat()

        harness.store.heartbeat(now=NOON)
        harness.store.heartbeat(now=NOON + SECOND)

        assert before is None
        assert harness.last_heartbeat() == NOON + SECOND
