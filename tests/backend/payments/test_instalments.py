"""What can be paid, how it is spread, what of it is due."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import repeat
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.payments.instalments import Instalment, due_days, propose, spread, unpaid
from backend.payments.kinds import Cadence
from backend.payments.recurrence import Recurrence

FIRST, SECOND = UUID(int=1), UUID(int=2)
DAY = date(2026, 1, 31)
MONTHLY = Recurrence(cadence=Cadence.MONTHLY, starts_on=DAY, day_of_month=31)


def _one(obligation_id: UUID, due_on: date, amount_minor: int) -> Instalment:
    return Instalment(obligation_id=obligation_id, due_on=due_on, amount_minor=amount_minor)


@pytest.mark.parametrize(
    ("owed", "income", "instalment", "count", "hardship"),
    [
        (0, 100_000, 0, 0, False),
        (100_000, 0, 2_500, 40, True),
        (100_000, 125_000, 2_500, 40, False),
        (100_000, 300_000, 6_000, 17, False),
        (1_000, 300_000, 1_000, 1, False),
        (150_000, 100_000, 2_500, 60, False),
        (150_001, 100_000, 2_500, 61, True),
    ],
)
def test_two_percent_or_twenty_five_is_presumed_to_be_within_ability(
    owed: int, income: int, instalment: int, count: int, hardship: bool
) -> None:
    proposal = propose(owed, "USD", income, share_percent=2, least_minor=2_500)

    assert (proposal.instalment_minor, proposal.instalments) == (instalment, count)
    assert proposal.claim_hardship is hardship


def test_an_agency_may_presume_less() -> None:
    proposal = propose(100_000, "USD", 300_000, share_percent=1, least_minor=1_000)

    assert (proposal.instalment_minor, proposal.instalments) == (3_000, 34)


def test_a_plan_made_on_the_last_of_a_month_stays_there() -> None:
    days = due_days(MONTHLY, date(2026, 2, 1))

    assert [next(days) for _ in range(3)] == [
        date(2026, 2, 28),
        date(2026, 3, 31),
        date(2026, 4, 30),
    ]


def test_days_end_with_the_recurrence() -> None:
    ended = Recurrence(cadence=Cadence.WEEKLY, starts_on=DAY, last_due_on=DAY + timedelta(days=7))

    assert list(due_days(ended, DAY)) == [DAY, DAY + timedelta(days=7)]


def test_instalments_pay_one_debt_after_the_other() -> None:
    days = due_days(MONTHLY, DAY)

    found = spread([(FIRST, 10_000), (SECOND, 5_000)], days, 6_000)

    assert found == [
        _one(FIRST, date(2026, 1, 31), 6_000),
        _one(FIRST, date(2026, 2, 28), 4_000),
        _one(SECOND, date(2026, 2, 28), 2_000),
        _one(SECOND, date(2026, 3, 31), 3_000),
    ]


def test_a_plan_without_end_is_refused() -> None:
    assert len(spread([(FIRST, 120)], repeat(DAY), 1)) == 120
    with pytest.raises(ValueError, match="120"):
        spread([(FIRST, 121)], repeat(DAY), 1)


def test_what_was_paid_counts_for_the_first_instalments() -> None:
    plan = [_one(FIRST, DAY + timedelta(days=30 * n), 1_000) for n in range(3)]

    assert unpaid(plan, 3_000) == plan
    assert unpaid(plan, 1_500) == [_one(FIRST, plan[1].due_on, 500), plan[2]]
    assert unpaid(plan, 0) == []
    assert unpaid([], 0) == []


def test_what_bounced_is_due_with_the_last() -> None:
    plan = [_one(FIRST, DAY, 1_000), _one(FIRST, DAY + timedelta(days=30), 1_000)]

    assert unpaid(plan, 2_500) == [plan[0], _one(FIRST, plan[1].due_on, 1_500)]


@given(
    st.lists(st.integers(1, 5_000), min_size=1, max_size=5),
    st.integers(250, 6_000),
    st.integers(0, 30_000),
)
def test_what_is_due_is_always_what_is_owed(
    debts: list[int], instalment: int, outstanding: int
) -> None:
    found = spread(
        [(UUID(int=n), owed) for n, owed in enumerate(debts)], due_days(MONTHLY, DAY), instalment
    )

    assert sum(one.amount_minor for one in found) == sum(debts)
    for number in range(len(debts)):
        theirs = [one for one in found if one.obligation_id == UUID(int=number)]
        left = unpaid(theirs, outstanding)
        assert sum(one.amount_minor for one in left) == outstanding
        assert all(one.amount_minor > 0 for one in left)
