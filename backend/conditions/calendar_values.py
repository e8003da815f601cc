"""What events in iCalendar form say, as values, and why a calendar is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from backend.conditions.repetition import Pattern
from backend.conditions.timetable import EARLIEST_YEAR
from backend.core.errors import Code, Problem

WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
"""As RFC 5545 names them, Monday first."""


class CalendarFault(Enum):
    """Why a calendar is refused: a stable word."""

    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    NO_EVENT = "no-event"
    UNSUPPORTED = "unsupported"
    MISSING = "missing"
    CONTRADICTORY = "contradictory"
    UNKNOWN_ZONE = "unknown-zone"
    AMBIGUOUS_TIME = "ambiguous-time"
    TOO_FREQUENT = "too-frequent"
    TOO_MANY = "too-many"
    OUT_OF_RANGE = "out-of-range"
    NOTHING_AHEAD = "nothing-ahead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in the file: the component's number, from 0, and the property."""

    component: int | None = None
    property: str | None = None

    def at(self, name: str) -> Place:
        """Return the place of a property of this component."""
        return Place(component=self.component, property=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A wall time, and the zone that it is told in; None: floating. `whole_day`: a date alone."""

    wall: datetime
    zone: str | None
    whole_day: bool = False

    def instant(self, floating: str) -> datetime:
        """Return it in UTC; floating times take the zone `floating`."""
        zone = ZoneInfo(self.zone or floating)
        return self.wall.replace(tzinfo=zone).astimezone(UTC)

    def alike(self, other: Moment) -> bool:
        """Whether both are told in the same way."""
        return (self.zone, self.whole_day) == (other.zone, other.whole_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A rule of repetition; `until` and `count` None: without end."""

    pattern: Pattern
    count: int | None
    until: Moment | None

    @property
    def endless(self) -> bool:
        """Whether it has no last occurrence."""
        return self.count is None and self.until is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: it lasts for `length` of wall time, or, `exact`, of elapsed time.

    `extra` are further occurrences with a length of their own, None for the event's.
    """

    place: Place
    uid: str | None
    start: Moment
    length: timedelta
    exact: bool
    recurrence: Recurrence | None
    excluded: tuple[Moment, ...]
    extra: tuple[tuple[Moment, timedelta | None], ...]
    replaces: Moment | None


def refused(fault: CalendarFault, detail: str, place: Place | None = None) -> Problem:
    """Return the refusal of a calendar, with its reason and place as members."""
    place = place or Place()
    members: dict[str, object] = {
        "reason": fault.value,
        "component": place.component,
        "property": place.property,
    }
    return Problem(Code.SCHEDULE_REFUSED, detail, pointer="/calendar", members=members)


def check_year(day: date, place: Place) -> None:
    """Refuse a day that no schedule can mean."""
    if not EARLIEST_YEAR <= day.year < EARLIEST_YEAR + 200:
        detail = f"Dates lie in the years {EARLIEST_YEAR} to {EARLIEST_YEAR + 199}."
        raise refused(CalendarFault.OUT_OF_RANGE, detail, place)
