from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.payments.kinds import Cadence
from backend.payments.recurrence import Recurrence, today_in

DAYS = st.dates(date(2000, 1, 1), date(2199, 1, 1))


def _monthly(day: int, starts_on: date, last_due_on: date | None = None) -> Recurrence:
    return Recurrence(
        cadence=Cadence.MONTHLY, starts_on=starts_on, day_of_month=day, last_due_on=last_due_on
    )


def _first(recurrence: Recurrence, count: int) -> list[date]:
    days: list[date] = []
    due = recurrence.first_due()
    while due is not None and len(days) < count:
        days.append(due)
        due = recurrence.next_due(due)
    return days


def test_a_fee_that_ends_before_it_starts_never_falls_due() -> None:
    fee = _monthly(31, date(2026, 1, 1), last_due_on=date(2026, 1, 30))

    assert fee.first_due() is None


@pytest.mark.parametrize(
    ("cadence", "day_of_month"), [(Cadence.MONTHLY, None), (Cadence.WEEKLY, 15)]
)
def test_exactly_a_monthly_fee_has_a_day_of_the_month(
    cadence: Cadence, day_of_month: int | None
) -> None:
    with pytest.raises(ValueError, match="day of the month"):
        Recurrence(cadence=cadence, starts_on=date(2026, 1, 1), day_of_month=day_of_month)


def test_the_31st_is_the_last_day_of_a_shorter_month() -> None:
    assert _first(_monthly(31, date(2026, 1, 5)), 5) == [
        date(2026, 1, 31),
        date(2026, 2, 28),
        date(2026, 3, 31),
        date(2026, 4, 30),
        date(2026, 5, 31),
    ]
    assert _monthly(30, date(2028, 2, 1)).first_due() == date(2028, 2, 29)


def test_a_fee_that_starts_after_its_day_falls_due_next_month() -> None:
    assert _first(_monthly(1, date(2026, 12, 2)), 2) == [date(2027, 1, 1), date(2027, 2, 1)]
    assert _first(_monthly(1, date(2026, 12, 1)), 1) == [date(2026, 12, 1)]


def test_the_last_due_day_is_still_due() -> None:
    fee = _monthly(10, date(2026, 1, 1), last_due_on=date(2026, 3, 10))

    assert _first(fee, 9) == [date(2026, 1, 10), date(2026, 2, 10), date(2026, 3, 10)]


def test_a_weekly_fee_keeps_its_weekday() -> None:
    fee = Recurrence(cadence=Cadence.WEEKLY, starts_on=date(2026, 3, 6))

    assert _first(fee, 3) == [date(2026, 3, 6), date(2026, 3, 13), date(2026, 3, 20)]
    assert fee.next_due(date(2026, 3, 14)) == date(2026, 3, 20)


@given(DAYS, st.integers(1, 31))
def test_a_monthly_fee_falls_due_once_in_every_month(starts_on: date, day: int) -> None:
    days = _first(_monthly(day, starts_on), 30)

    assert days[0] >= starts_on
    assert (days[0] - starts_on).days <= 31
    for due in days:
        assert due.day == min(day, calendar.monthrange(due.year, due.month)[1])
    for before, after in pairwise(days):
        assert (after.year * 12 + after.month) - (before.year * 12 + before.month) == 1


@given(DAYS, st.integers(0, 400))
def test_a_weekly_fee_falls_due_every_seven_days(starts_on: date, later_days: int) -> None:
    fee = Recurrence(cadence=Cadence.WEEKLY, starts_on=starts_on)
    asked = starts_on + timedelta(days=later_days)

    due = fee.next_due(asked)

    assert due is not None
    assert 1 <= (due - asked).days <= 7
    assert (due - starts_on).days % 7 == 0


@pytest.mark.parametrize(
    ("now", "zone", "today"),
    [
        (datetime(2026, 3, 1, 5, 59, tzinfo=UTC), "America/Chicago", date(2026, 2, 28)),
        (datetime(2026, 3, 1, 6, 0, tzinfo=UTC), "America/Chicago", date(2026, 3, 1)),
        # Clocks go forward on 8 March 2026: the day before ends at 06:00 UTC, that day at 05:00.
        (datetime(2026, 3, 8, 5, 59, tzinfo=UTC), "America/Chicago", date(2026, 3, 7)),
        (datetime(2026, 3, 9, 4, 59, tzinfo=UTC), "America/Chicago", date(2026, 3, 8)),
        (datetime(2026, 3, 9, 5, 0, tzinfo=UTC), "America/Chicago", date(2026, 3, 9)),
        # Clocks go back on 1 November 2026: the day has 25 hours.
        (datetime(2026, 11, 2, 5, 59, tzinfo=UTC), "America/Chicago", date(2026, 11, 1)),
        (datetime(2026, 11, 2, 6, 0, tzinfo=UTC), "America/Chicago", date(2026, 11, 2)),
        (datetime(2026, 3, 1, 10, 0, tzinfo=UTC), "Pacific/Kiritimati", date(2026, 3, 2)),
    ],
)
def test_today_is_the_agencys_day(now: datetime, zone: str, today: date) -> None:
    assert today_in(zone, now) == today
