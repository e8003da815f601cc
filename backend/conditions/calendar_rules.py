"""What a rule of repetition (RRULE, RFC 5545, 3.3.10) says, or why it cannot be held exactly."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any, Final

from backend.conditions.calendar_values import (
    WEEKDAYS,
    CalendarFault,
    Moment,
    Place,
    Recurrence,
    check_year,
    refused,
)
from backend.conditions.repetition import Frequency, Pattern, Weekday

MAX_COUNT: Final = 10_000

_PARTS: Final = frozenset(
    {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
    | {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYMONTH", "BYSETPOS"}
)
_NOT_WITH: Final = {
    Frequency.DAILY: frozenset({"BYYEARDAY", "BYSETPOS"}),
    Frequency.WEEKLY: frozenset({"BYMONTHDAY", "BYYEARDAY", "BYSETPOS"}),
    Frequency.MONTHLY: frozenset({"BYYEARDAY"}),
    Frequency.YEARLY: frozenset(),
}
"""Parts that RFC 5545 forbids with a frequency, or that calendars read in different ways."""


def read_rule(rule: Any, start: Moment, place: Place) -> Recurrence:
    """Return what icalendar's `rule` says of an event from `start` on; raises SCHEDULE_REFUSED."""
    unknown = set(rule) - _PARTS
    if unknown & {"BYHOUR", "BYMINUTE", "BYSECOND"}:
        detail = "A window begins at the time of day of DTSTART."
        raise refused(CalendarFault.TOO_FREQUENT, detail, place)
    if unknown:
        detail = "This rule has a part that is not read."
        raise refused(CalendarFault.UNSUPPORTED, detail, place)
    return Recurrence(
        pattern=_pattern(rule, place), count=_count(rule, place), until=_last(rule, start, place)
    )


def _pattern(rule: Any, place: Place) -> Pattern:
    try:
        frequency = Frequency(str(_single(rule, "FREQ", place)))
    except ValueError:
        detail = "A window is repeated daily at the most often."
        raise refused(CalendarFault.TOO_FREQUENT, detail, place) from None
    if _NOT_WITH[frequency] & set(rule):
        detail = f"A part of this rule has no certain meaning with {frequency.value}."
        raise refused(CalendarFault.UNSUPPORTED, detail, place)
    return Pattern(
        frequency=frequency,
        interval=_number(_single(rule, "INTERVAL", place, 1), 1_000, place),
        week_start=_weekday(str(_single(rule, "WKST", place, "MO")), place),
        months=frozenset(_month(month, place) for month in rule.get("BYMONTH", ())),
        month_days=_numbers(rule, "BYMONTHDAY", 31, place),
        year_days=_numbers(rule, "BYYEARDAY", 366, place),
        weekdays=_weekdays(rule, frequency, place),
        positions=_numbers(rule, "BYSETPOS", 366, place),
    )


def _weekdays(rule: Any, frequency: Frequency, place: Place) -> tuple[Weekday, ...]:
    found = tuple(
        Weekday(day=_weekday(day.weekday, place), ordinal=_ordinal(day.relative, place))
        for day in dict.fromkeys(rule.get("BYDAY", ()))
    )
    in_large = frequency in {Frequency.MONTHLY, Frequency.YEARLY}
    if not in_large and any(day.ordinal is not None for day in found):
        detail = "The nth weekday is one of a month or a year."
        raise refused(CalendarFault.CONTRADICTORY, detail, place)
    return found


def _weekday(name: str, place: Place) -> int:
    if name not in WEEKDAYS:
        raise refused(CalendarFault.UNREADABLE, "This is no weekday.", place)
    return WEEKDAYS.index(name)


def _ordinal(relative: int | None, place: Place) -> int | None:
    return None if relative is None else _signed(relative, 53, place)


def _month(month: Any, place: Place) -> int:
    if getattr(month, "leap", False):
        raise refused(CalendarFault.UNSUPPORTED, "No month is a leap month.", place)
    return _number(int(month), 12, place)


def _numbers(rule: Any, name: str, most: int, place: Place) -> frozenset[int]:
    return frozenset(_signed(value, most, place) for value in rule.get(name, ()))


def _signed(value: int, most: int, place: Place) -> int:
    _number(abs(value), most, place)
    return value


def _single(rule: Any, name: str, place: Place, otherwise: Any = None) -> Any:
    values = rule.get(name, [otherwise])
    if len(values) != 1:
        raise refused(CalendarFault.CONTRADICTORY, f"A rule has one {name}.", place)
    return values[0]


def _number(value: int, most: int, place: Place) -> int:
    if not 1 <= value <= most:
        detail = f"A number in a rule lies between 1 and {most}."
        raise refused(CalendarFault.OUT_OF_RANGE, detail, place)
    return value


def _count(rule: Any, place: Place) -> int | None:
    if "COUNT" not in rule:
        return None
    if "UNTIL" in rule:
        detail = "A rule ends by UNTIL or by COUNT, not by both."
        raise refused(CalendarFault.CONTRADICTORY, detail, place)
    return _number(_single(rule, "COUNT", place), MAX_COUNT, place)


def _last(rule: Any, start: Moment, place: Place) -> Moment | None:
    """Return the last instant or day of a rule, in the form that RFC 5545 demands for its start."""
    if "UNTIL" not in rule:
        return None
    value = _single(rule, "UNTIL", place)
    whole_day = not isinstance(value, datetime)
    in_utc = not whole_day and value.tzinfo is not None
    if whole_day != start.whole_day or in_utc != (start.zone is not None):
        detail = "UNTIL is a date for whole days, in UTC with TZID, and floating for floating."
        raise refused(CalendarFault.CONTRADICTORY, detail, place)
    check_year(value, place)
    if whole_day:
        return Moment(wall=datetime.combine(value, time()), zone=None, whole_day=True)
    return Moment(wall=value.replace(tzinfo=None), zone="UTC" if in_utc else None)
