from __future__ import annotations

from functools import reduce
from itertools import permutations

import pytest

from backend.payments.hosted_state import UNSETTLED, HostedState, later, seen
from backend.payments.provider import PageStatus, PaymentStatus

S = HostedState


@pytest.mark.parametrize("news", list(permutations([S.OPEN, S.PROCESSING, S.FAILED, S.PAID], 4)))
def test_news_in_any_order_end_the_same(news: tuple[S, ...]) -> None:
    assert reduce(later, news, S.ASKED) is S.PAID


def test_nothing_follows_upon_money_that_came() -> None:
    assert {later(S.PAID, state) for state in S} == {S.PAID}
    assert S.PAID not in UNSETTLED


@pytest.mark.parametrize(
    ("page", "payment", "state"),
    [
        (None, None, S.OPEN),
        (PageStatus.OPEN, None, S.OPEN),
        (PageStatus.COMPLETE, None, S.OPEN),
        (PageStatus.EXPIRED, None, S.EXPIRED),
        (PageStatus.OPEN, PaymentStatus.OPEN, S.OPEN),
        (None, PaymentStatus.OPEN, S.OPEN),
        (PageStatus.COMPLETE, PaymentStatus.OPEN, S.FAILED),
        (PageStatus.EXPIRED, PaymentStatus.OPEN, S.EXPIRED),
        (None, PaymentStatus.FAILED, S.FAILED),
        (PageStatus.EXPIRED, PaymentStatus.FAILED, S.EXPIRED),
        (PageStatus.COMPLETE, PaymentStatus.PROCESSING, S.PROCESSING),
        (PageStatus.EXPIRED, PaymentStatus.PAID, S.PAID),
    ],
)
def test_page_and_payment_together_show_how_far_it_has_come(
    page: PageStatus | None, payment: PaymentStatus | None, state: S
) -> None:
    assert seen(page, payment) is state
