from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.conditions.validity import Span, order_span, second_from, spans, starts_s

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BEGIN_S = int(BEGIN.timestamp())
ENDLESS = Span(from_s=BEGIN_S, until_s=None)


@dataclass(frozen=True)
class Decided:
    """A version as far as its time goes."""

    effective_from: datetime
    needs_approval: bool = False
    approved_at: datetime | None = None


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def span(from_s: int, until_s: int | None) -> Span:
    return Span(from_s=BEGIN_S + from_s, until_s=None if until_s is None else BEGIN_S + until_s)


def test_no_versions_nothing_is_in_force() -> None:
    assert spans(ENDLESS, []) == []


def test_what_awaits_approval_is_never_in_force_and_ends_nothing() -> None:
    found = spans(ENDLESS, [Decided(at(0)), Decided(at(50), needs_approval=True)])

    assert found == [span(0, None), None]


def test_approval_does_not_reach_into_the_past() -> None:
    late = Decided(at(10), needs_approval=True, approved_at=at(100))

    assert spans(ENDLESS, [Decided(at(0)), late]) == [span(0, 100), span(100, None)]


def test_approval_in_advance_waits_for_the_beginning() -> None:
    early = Decided(at(100), needs_approval=True, approved_at=at(10))

    assert spans(ENDLESS, [early]) == [span(100, None)]


def test_a_newer_version_that_begins_first_replaces_one_planned_for_later() -> None:
    found = spans(ENDLESS, [Decided(at(0)), Decided(at(200)), Decided(at(100))])

    assert found == [span(0, 100), None, span(100, None)]


def test_two_versions_of_one_instant_leave_the_newer() -> None:
    assert spans(ENDLESS, [Decided(at(5)), Decided(at(5))]) == [None, span(5, None)]


def test_nothing_is_in_force_before_the_order_begins() -> None:
    order = order_span(at(60), None)

    assert spans(order, [Decided(at(0)), Decided(at(30))]) == [None, span(60, None)]


def test_nothing_is_in_force_after_the_order_ends() -> None:
    order = order_span(at(0), at(100))

    assert spans(order, [Decided(at(0)), Decided(at(100))]) == [span(0, 100), None]


def test_a_start_within_a_second_counts_from_the_next() -> None:
    assert second_from(at(0)) == BEGIN_S
    assert second_from(at(0.001)) == BEGIN_S + 1
    assert second_from(at(0.999)) == BEGIN_S + 1


@pytest.mark.parametrize(
    ("from_s", "until_s", "overlaps"),
    [(0, 10, False), (0, 11, True), (20, None, False), (19, None, True), (19, 20, True)],
)
def test_spans_are_half_open(from_s: int, until_s: int, overlaps: bool) -> None:
    assert Span(from_s=10, until_s=20).overlaps(from_s, until_s) is overlaps


seconds = st.integers(0, 30)
decided = st.builds(
    lambda start, needs, approved: Decided(
        at(start), needs_approval=needs, approved_at=None if approved is None else at(approved)
    ),
    seconds,
    st.booleans(),
    st.none() | seconds,
)
orders = st.tuples(seconds, st.none() | st.integers(1, 30)).map(
    lambda times: order_span(at(times[0]), None if times[1] is None else at(times[0] + times[1]))
)


@given(orders, st.lists(decided, max_size=8))
def test_at_every_second_the_newest_version_that_has_begun_is_in_force(
    order: Span, versions: list[Decided]
) -> None:
    found = spans(order, versions)

    for second in range(BEGIN_S, BEGIN_S + 70):
        begun = [
            index
            for index, version in enumerate(versions)
            if (start := starts_s(version)) is not None and start <= second
        ]
        expected = begun[-1:] if order.overlaps(second, second + 1) else []
        in_force = [
            index
            for index, held in enumerate(found)
            if held is not None and held.overlaps(second, second + 1)
        ]
        assert in_force == expected


@given(orders, st.lists(decided, max_size=8), decided)
def test_a_new_version_changes_nothing_before_its_beginning(
    order: Span, versions: list[Decided], newer: Decided
) -> None:
    start = starts_s(newer)
    before = BEGIN_S + 70 if start is None else start

    old, new = spans(order, versions), spans(order, [*versions, newer])

    for was, now in zip(old, new, strict=False):
        for second in range(BEGIN_S, before):
            held = was is not None and was.overlaps(second, second + 1)
            assert held is (now is not None and now.overlaps(second, second + 1))
