"""Schedules as the API takes and keeps them, and as the engine reads them.

A document is `{"timezone", "weekly": [{"weekday", "start", "end"}], "added": [{"start", "end"}],
"removed": […]}`: weekdays by English name, times as wall time `HH:MM`, dated windows as local
`YYYY-MM-DDTHH:MM`, all in the IANA zone `timezone`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, time
from typing import Any, Final, TypeVar

from backend.core.clock import unix_s
from backend.core.errors import Code, Problem
from geofence import LocalWindow, Schedule, WeeklyWindow

WEEKDAYS: Final = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
MAX_WEEKLY: Final = 50
MAX_DATED: Final = 400
"""So many windows of a kind has a schedule at the most."""
EARLIEST_YEAR: Final = 2000
YEARS_AHEAD: Final = 20
"""Dated windows further ahead are a slip of the pen; the search for changes stays short."""

_Window = TypeVar("_Window")


def read_schedule(document: Mapping[str, Any]) -> Schedule:
    """Return the engine's schedule; raises Problem SCHEDULE_REFUSED with a pointer into the body."""
    weekly = _windows(document, "weekly", _weekly)
    added = _windows(document, "added", _dated)
    removed = _windows(document, "removed", _dated)
    if not weekly and not added:
        raise refused("", "A schedule has at least one weekly or added window.")
    with _at("/timezone", "This is no IANA time zone, such as America/Chicago."):
        return Schedule(timezone=document["timezone"], weekly=weekly, added=added, removed=removed)


def check_future(schedule: Schedule, from_at: datetime) -> None:
    """Refuse a schedule that asks for nothing from `from_at` on, or dates that cannot be meant."""
    for name, windows in (("added", schedule.added), ("removed", schedule.removed)):
        for index, window in enumerate(windows):
            last_year = from_at.year + YEARS_AHEAD
            if window.start.year < EARLIEST_YEAR or window.end.year > last_year:
                detail = f"Dates lie in the years {EARLIEST_YEAR} to {last_year}."
                raise refused(f"/{name}/{index}", detail)
    from_s = unix_s(from_at)
    if not schedule.is_open(from_s) and schedule.next_change(from_s) is None:
        raise refused("", "This schedule has no window left from then on.")


def write_schedule(schedule: Schedule) -> dict[str, Any]:
    """Return the document of which `read_schedule` makes an equal schedule."""
    return {
        "timezone": schedule.timezone,
        "weekly": [
            {
                "weekday": WEEKDAYS[window.weekday],
                "start": _wall_time(window.start),
                "end": _wall_time(window.end),
            }
            for window in schedule.weekly
        ],
        "added": [_dated_document(window) for window in schedule.added],
        "removed": [_dated_document(window) for window in schedule.removed],
    }


def refused(pointer: str, detail: str) -> Problem:
    """Return the refusal of a schedule at `pointer` within it."""
    return Problem(Code.SCHEDULE_REFUSED, detail, pointer=f"/schedule{pointer}")


def _windows(
    document: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any], str], _Window]
) -> tuple[_Window, ...]:
    return tuple(
        read(window, f"/{name}/{index}") for index, window in enumerate(document.get(name, ()))
    )


def _weekly(window: Mapping[str, Any], place: str) -> WeeklyWindow:
    if window["weekday"] not in WEEKDAYS:
        raise refused(f"{place}/weekday", f"A weekday is one of {', '.join(WEEKDAYS)}.")
    weekday = WEEKDAYS.index(window["weekday"])
    start = _time_of(window["start"], f"{place}/start")
    end = _time_of(window["end"], f"{place}/end")
    with _at(place, "Times are wall time in whole seconds, without offset."):
        return WeeklyWindow(weekday=weekday, start=start, end=end)


def _dated(window: Mapping[str, Any], place: str) -> LocalWindow:
    start = _datetime_of(window["start"], f"{place}/start")
    end = _datetime_of(window["end"], f"{place}/end")
    with _at(f"{place}/end", "A window ends after it starts."):
        return LocalWindow(start=start, end=end)


def _time_of(text: str, place: str) -> time:
    with _at(place, "A time is HH:MM, from 00:00 to 23:59."):
        return time.fromisoformat(text)


def _datetime_of(text: str, place: str) -> datetime:
    with _at(place, "A local time is YYYY-MM-DDTHH:MM."):
        return datetime.fromisoformat(text)


@contextmanager
def _at(place: str, detail: str) -> Iterator[None]:
    """Name the place of what the engine refuses in here."""
    try:
        yield
    except ValueError:
        raise refused(place, detail) from None


def _dated_document(window: LocalWindow) -> dict[str, str]:
    return {"start": _wall_datetime(window.start), "end": _wall_datetime(window.end)}


def _wall_time(wall: time) -> str:
    return wall.isoformat(timespec="seconds" if wall.second else "minutes")


def _wall_datetime(wall: datetime) -> str:
    return wall.isoformat(timespec="seconds" if wall.second else "minutes")
