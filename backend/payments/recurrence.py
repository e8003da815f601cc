"""On which days a recurring fee falls due. Pure calendar: days have no hours, so no DST.

Which day it is *now* is a question of the agency's zone, and is answered by `today_in`.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from backend.payments.kinds import Cadence

_WEEK_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """Every week on the weekday of `starts_on`, or every month on `day_of_month` (1 to 31).

    A month that is too short has its due day on its last. Nothing falls due before `starts_on`,
    or after `last_due_on` if there is one. Raises ValueError unless exactly the monthly ones have
    a `day_of_month`.
    """

    cadence: Cadence
    starts_on: date
    day_of_month: int | None = None
    last_due_on: date | None = None

    def __post_init__(self) -> None:
        if (self.cadence is Cadence.MONTHLY) is (self.day_of_month is None):
            raise ValueError("a monthly fee, and no other, has a day of the month")

    def next_due(self, after: date) -> date | None:
        """Return the first due day later than `after`; None if there is none any more."""
        earliest = max(self.starts_on, after + timedelta(days=1))
        if self.day_of_month is None:
            due = self._weekly(earliest)
        else:
            due = _monthly(earliest, self.day_of_month)
        return due if self.last_due_on is None or due <= self.last_due_on else None

    def first_due(self) -> date | None:
        """Return the first due day of all; None if the fee ends before it."""
        return self.next_due(self.starts_on - timedelta(days=1))

    def _weekly(self, earliest: date) -> date:
        return earliest + timedelta(days=(self.starts_on - earliest).days % _WEEK_DAYS)


def _monthly(earliest: date, day_of_month: int) -> date:
    due = _day_in_month(earliest, day_of_month)
    if due >= earliest:
        return due
    next_month = earliest.replace(day=1) + timedelta(days=31)
    return _day_in_month(next_month, day_of_month)


def _day_in_month(month: date, day_of_month: int) -> date:
    last = calendar.monthrange(month.year, month.month)[1]
    return month.replace(day=min(day_of_month, last))


def today_in(zone: str, now: datetime) -> date:
    """Return the local day of the instant `now` in the IANA zone `zone`."""
    return now.astimezone(ZoneInfo(zone)).date()
