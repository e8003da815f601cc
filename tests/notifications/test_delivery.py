from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.delivery import DEFAULT_RETRY, MessageState, RetryPolicy, may_become

S = MessageState
ENDS = [S.SENT, S.WITHDRAWN, S.EXPIRED, S.EXHAUSTED, S.UNDELIVERABLE]


@pytest.mark.parametrize("end", ENDS)
def test_after_an_end_only_a_receipt_may_follow(end: MessageState) -> None:
    assert [new for new in S if may_become(end, new)] == [S.DELIVERED]


def test_nothing_follows_a_receipt() -> None:
    assert not [new for new in S if may_become(S.DELIVERED, new)]


def test_a_waiting_message_is_not_sent_without_a_claim() -> None:
    assert not may_become(S.PENDING, S.SENT)
    assert not may_become(S.PENDING, S.PENDING)
    assert may_become(S.PENDING, S.CLAIMED)


@pytest.mark.parametrize("new", S)
def test_a_claim_may_end_in_every_way(new: MessageState) -> None:
    assert may_become(S.CLAIMED, new)


def test_the_wait_doubles_up_to_the_longest() -> None:
    policy = RetryPolicy(jitter=0.0)

    waits_s = [policy.delay_s(UUID(int=1), attempt, None) for attempt in range(1, 11)]

    assert waits_s == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_messages_that_failed_together_do_not_come_back_together() -> None:
    waits_s = {DEFAULT_RETRY.delay_s(UUID(int=n), 1, None) for n in range(100)}

    assert len(waits_s) == 100


@given(st.uuids(), st.integers(1, 10**6), st.none() | st.floats(0, 1e9))
def test_a_wait_is_the_same_each_time_bounded_and_no_shorter_than_asked(
    message_id: UUID, attempt: int, asked_s: float | None
) -> None:
    wait_s = DEFAULT_RETRY.delay_s(message_id, attempt, asked_s)

    assert wait_s == DEFAULT_RETRY.delay_s(message_id, attempt, asked_s)
    assert 30 <= wait_s <= max(3600 * 1.25, min(asked_s or 0, 86_400))
    assert wait_s >= min(asked_s or 0, 86_400)
