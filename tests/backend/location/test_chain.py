"""The chain, piece by piece: neighbours, spans, and what is left of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.location.chain import MAX_SPANS, Known, Link, Span, gaps_between, link_of, without

START, A, B, C = b"start", b"a", b"b", b"c"


@pytest.mark.parametrize(
    ("n", "token", "here", "link"),
    [
        (1, Known(digest=A, prev=START), {}, Link.NEW),
        (1, Known(digest=A, prev=B), {}, Link.WRONG_START),
        (1, Known(digest=A, prev=START), {1: Known(digest=A, prev=START)}, Link.REPEAT),
        (1, Known(digest=A, prev=START), {1: Known(digest=B, prev=START)}, Link.FORK),
        (2, Known(digest=B, prev=A), {1: Known(digest=A, prev=None)}, Link.NEW),
        (2, Known(digest=B, prev=C), {1: Known(digest=A, prev=None)}, Link.FORK),
        (2, Known(digest=B, prev=A), {3: Known(digest=C, prev=B)}, Link.NEW),
        (2, Known(digest=B, prev=A), {3: Known(digest=C, prev=A)}, Link.FORK),
        (9, Known(digest=B, prev=A), {}, Link.NEW),
    ],
)
def test_a_token_stands_to_its_neighbours(
    n: int, token: Known, here: dict[int, Known], link: Link
) -> None:
    assert link_of(n, token=token, start=START, here=here) is link


numbers = st.sets(st.integers(1, 60)).map(sorted)


@given(here=numbers, taken=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=6))
def test_spans_are_just_the_numbers_that_nothing_accounts_for(
    here: list[int], taken: list[tuple[int, int]]
) -> None:
    gaps = [Span(first, first + more) for first, more in taken]

    left = without(gaps_between([*here, 61], 0), gaps)

    declared = {number for gap in gaps for number in range(gap.first, gap.last + 1)}
    expected = set(range(1, 61)) - set(here) - declared
    found = [number for span in left for number in range(span.first, span.last + 1)]
    assert found == sorted(expected)


def test_a_huge_jump_costs_nothing_and_many_holes_are_cut() -> None:
    assert gaps_between([2**53], 0) == [Span(1, 2**53 - 1)]
    assert len(gaps_between(range(2, 1000, 2), 0)) == MAX_SPANS
