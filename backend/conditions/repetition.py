"""The days that a rule of repetition names (RFC 5545, 3.3.10), looked at one by one.

The work is bounded by the number of days between start and end, whatever the rule says: a rule
that never comes true (30 February) costs no more than any other.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from itertools import groupby
from typing import Final

_DAY: Final = timedelta(days=1)


class Frequency(Enum):
    """How long the period is that repeats."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekday:
    """A weekday, Monday 0; `ordinal` n: the nth of its month or year, negative from the end."""

    day: int
    ordinal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Which days of every `interval`-th period count; an empty part restricts nothing."""

    frequency: Frequency
    interval: int = 1
    week_start: int = 0
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    weekdays: tuple[Weekday, ...] = ()
    positions: frozenset[int] = frozenset()

    def days(self, start: date, end: date) -> Iterator[date]:
        """Yield the days of `start <= day <= end`, in order; periods are counted from `start`."""
        first = self._period(start)
        for period, group in groupby(self._candidates(start, end), key=self._period):
            if (period - first) % self.interval == 0:
                yield from (day for day in self._chosen(list(group)) if start <= day <= end)

    def _candidates(self, start: date, end: date) -> Iterator[date]:
        day, last = start, end
        if self.positions:  # positions are counted in whole periods
            day, last = date(start.year, 1, 1), date(end.year, 12, 31)
        while day <= last:
            if self._matches(day, start):
                yield day
            day += _DAY

    def _chosen(self, days: Sequence[date]) -> list[date]:
        if not self.positions:
            return list(days)
        number = len(days)
        return [
            day
            for index, day in enumerate(days)
            if index + 1 in self.positions or index - number in self.positions
        ]

    def _period(self, day: date) -> int:
        match self.frequency:
            case Frequency.DAILY:
                return day.toordinal()
            case Frequency.WEEKLY:
                return (day.toordinal() - 1 - self.week_start) // 7
            case Frequency.MONTHLY:
                return day.year * 12 + day.month
            case Frequency.YEARLY:
                return day.year

    def _matches(self, day: date, start: date) -> bool:
        if self.months and day.month not in self.months:
            return False
        if self.month_days and not _counted(day.day, _month_length(day), self.month_days):
            return False
        if self.year_days and not _counted(_year_day(day), _year_length(day), self.year_days):
            return False
        if self.weekdays:
            return any(self._is_weekday(day, weekday) for weekday in self.weekdays)
        return bool(self.month_days or self.year_days) or self._is_like(day, start)

    def _is_like(self, day: date, start: date) -> bool:
        """Whether a day is where the start is in its period: what a rule means that says no day."""
        match self.frequency:
            case Frequency.DAILY:
                return True
            case Frequency.WEEKLY:
                return day.weekday() == start.weekday()
            case Frequency.MONTHLY:
                return day.day == start.day
            case Frequency.YEARLY:
                return day.day == start.day and (bool(self.months) or day.month == start.month)

    def _is_weekday(self, day: date, weekday: Weekday) -> bool:
        if day.weekday() != weekday.day:
            return False
        if weekday.ordinal is None:
            return True
        in_month = self.frequency is Frequency.MONTHLY or bool(self.months)
        number = day.day if in_month else _year_day(day)
        length = _month_length(day) if in_month else _year_length(day)
        return weekday.ordinal in {(number - 1) // 7 + 1, -((length - number) // 7 + 1)}


def _counted(number: int, length: int, wanted: frozenset[int]) -> bool:
    """Whether a day is wanted by its number from the beginning, or from the end."""
    return number in wanted or number - length - 1 in wanted


def _month_length(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _year_day(day: date) -> int:
    return day.timetuple().tm_yday


def _year_length(day: date) -> int:
    return 366 if isleap(day.year) else 365
