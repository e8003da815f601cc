"""A schedule as an iCalendar file (RFC 5545) that other calendars show and `calendar_in` reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from backend.conditions.calendar_values import WEEKDAYS
from geofence.schedule import LocalWindow, Schedule, WeeklyWindow, merged, without

PRODID: Final = "-//connectrex//schedules//EN"
_DAY: Final = timedelta(days=1)

Times: TypeAlias = tuple[time, time]
Span: TypeAlias = tuple[datetime, datetime]


def write_calendar(
    schedule: Schedule, *, name: str, uid: str, since: datetime, now: datetime
) -> str:
    """Return the file: what the schedule holds from `since` on, told in its own zone; pure.

    Windows of the same times are one event that repeats weekly. A removal excludes every
    occurrence that it touches (EXDATE); what it leaves of them, and every addition, is an event of
    its own, which more calendars understand than a period among RDATE.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    begin = since.astimezone(ZoneInfo(schedule.timezone)).date() - 7 * _DAY
    for index, event in enumerate(_events(schedule, begin)):
        event.add("uid", f"{uid}-{index}")
        event.add("dtstamp", now.astimezone(UTC))
        event.add("summary", name)
        calendar.add_component(event)
    calendar.add_missing_timezones()
    text: str = calendar.to_ical().decode()
    return text


def _events(schedule: Schedule, begin: date) -> Iterator[Event]:
    zone = ZoneInfo(schedule.timezone)
    left: list[Span] = [(window.start, window.end) for window in schedule.added]
    removed = merged((window.start, window.end) for window in schedule.removed)
    for times, weekdays in _alike(schedule.weekly).items():
        event, pieces = _weekly(times, weekdays, removed, begin, zone)
        left += pieces
        yield event
    for start, end in sorted(set(left)):
        yield _event(start, end, zone)


def _alike(weekly: Iterable[WeeklyWindow]) -> dict[Times, set[int]]:
    found: defaultdict[Times, set[int]] = defaultdict(set)
    for window in weekly:
        found[window.start, window.end].add(window.weekday)
    return found


def _weekly(
    times: Times,
    weekdays: set[int],
    removed: Sequence[Span],
    begin: date,
    zone: ZoneInfo,
) -> tuple[Event, list[Span]]:
    """Return the event, and the parts of its excluded occurrences that no removal covers."""
    first = next(day for day in _days(begin, 7) if day.weekday() in weekdays)
    window = _window(times, first)
    event = _event(window.start, window.end, zone)
    days = [WEEKDAYS[day] for day in sorted(weekdays)]
    event.add("rrule", {"freq": "weekly", "byday": days})
    excluded: list[datetime] = []
    pieces: list[Span] = []
    for day in sorted(_touched(removed, first)):
        if day.weekday() not in weekdays:
            continue
        window = _window(times, day)
        whole = [(window.start, window.end)]
        rest = without(whole, removed)
        if rest != whole:
            excluded.append(window.start.replace(tzinfo=zone))
            pieces += rest
    if excluded:
        event.add("exdate", excluded)
    return event, pieces


def _window(times: Times, day: date) -> LocalWindow:
    return WeeklyWindow(weekday=day.weekday(), start=times[0], end=times[1]).on(day)


def _touched(removed: Iterable[Span], first: date) -> set[date]:
    """Return the days from `first` on whose windows a removal may touch."""
    days: set[date] = set()
    for start, end in removed:
        begin = max(first, start.date() - _DAY)
        days.update(_days(begin, (end.date() - begin).days + 1))
    return days


def _days(begin: date, number: int) -> Iterator[date]:
    return (begin + index * _DAY for index in range(number))


def _event(start: datetime, end: datetime, zone: ZoneInfo) -> Event:
    event = Event()
    event.add("dtstart", start.replace(tzinfo=zone))
    event.add("dtend", end.replace(tzinfo=zone))
    return event
