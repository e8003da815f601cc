"""What a file in iCalendar form (RFC 5545) says, event by event, or why it cannot be held exactly.

Nothing is guessed: what is ambiguous, unknown or endless in a way that no schedule can hold is
refused with a reason and a place. Wall times are those of the zone that `TZID` names in the tz
database (a `VTIMEZONE` in the file is not read); the end of a repeated event is the wall time at
which its first one ends, as calendars show it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from icalendar import Calendar

from backend.conditions.repetition import Frequency, Pattern, Weekday
from backend.core.errors import Code, Problem
from geofence.schedule import zone_of

Component: TypeAlias = Any
"""Of icalendar; the type of its properties is a union of thirty."""

MAX_CHARS: Final = 200_000
MAX_EVENTS: Final = 50
EARLIEST_YEAR: Final = 2000
MAX_COUNT: Final = 10_000
LONGEST: Final = timedelta(days=366)
LONGEST_REPEATED: Final = timedelta(days=7)

_ONE_DAY: Final = timedelta(days=1)
_IGNORED_COMPONENTS: Final = frozenset({"VTIMEZONE", "VALARM"})
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
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
_ONCE: Final = ("DTSTART", "DTEND", "DURATION", "RRULE", "RECURRENCE-ID", "UID")
_REPEATING: Final = ("RRULE", "RDATE", "EXDATE")


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


def read_events(text: str) -> list[Event]:
    """Return the events of a file; raises Problem SCHEDULE_REFUSED.

    Alarms and descriptions are left out: they say nothing of when.
    """
    if len(text) > MAX_CHARS:
        detail = f"A calendar has at most {MAX_CHARS} characters."
        raise refused(CalendarFault.TOO_LARGE, detail)
    components = [
        (Place(component=index), component)
        for index, component in enumerate(_calendar(text).subcomponents)
        if component.name not in _IGNORED_COMPONENTS
    ]
    if not components:
        raise refused(CalendarFault.NO_EVENT, "This calendar has no event.")
    if len(components) > MAX_EVENTS:
        raise refused(CalendarFault.TOO_MANY, f"A calendar has at most {MAX_EVENTS} events.")
    return [_event(component, place) for place, component in components]


def _calendar(text: str) -> Component:
    try:
        calendars = Calendar.from_ical(text, multiple=True)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError, OverflowError):
        raise refused(CalendarFault.UNREADABLE, "This is no iCalendar file (RFC 5545).") from None
    if len(calendars) != 1 or calendars[0].name != "VCALENDAR":
        raise refused(CalendarFault.UNREADABLE, "One file holds one VCALENDAR.")
    calendar = calendars[0]
    if str(calendar.get("METHOD", "PUBLISH")).upper() != "PUBLISH":
        detail = "This is an invitation or its answer, not a calendar."
        raise refused(CalendarFault.UNSUPPORTED, detail, Place(property="METHOD"))
    if str(calendar.get("CALSCALE", "GREGORIAN")).upper() != "GREGORIAN":
        detail = "Only the Gregorian calendar is read."
        raise refused(CalendarFault.UNSUPPORTED, detail, Place(property="CALSCALE"))
    return calendar


def _event(component: Component, place: Place) -> Event:
    _check_form(component, place)
    start = _moment(component["DTSTART"], place.at("DTSTART"))
    length, exact = _length(component, start, place)
    replaces = component.get("RECURRENCE-ID")
    event = Event(
        place=place,
        uid=None if "UID" not in component else str(component["UID"]),
        start=start,
        length=length,
        exact=exact,
        recurrence=_recurrence(component, start, place.at("RRULE")),
        excluded=tuple(_excluded(component, start, place.at("EXDATE"))),
        extra=tuple(_extra(component, start, place.at("RDATE"))),
        replaces=None if replaces is None else _moment(replaces, place.at("RECURRENCE-ID")),
    )
    _check_replacement(component, event)
    if exact and (event.recurrence or event.extra):
        detail = "Say DTEND: hours that repeat end at another wall time when the clocks change."
        raise refused(CalendarFault.AMBIGUOUS_TIME, detail, place.at("DURATION"))
    if event.recurrence and length > LONGEST_REPEATED:
        detail = f"What repeats lasts at most {LONGEST_REPEATED.days} days."
        raise refused(CalendarFault.UNSUPPORTED, detail, place.at("DTEND"))
    return event


def _check_form(component: Component, place: Place) -> None:
    if component.name != "VEVENT":
        raise refused(CalendarFault.UNSUPPORTED, "Only events (VEVENT) are windows.", place)
    for name, _ in component.errors:
        detail = "The value of this property cannot be read."
        raise refused(CalendarFault.UNREADABLE, detail, place.at(str(name)[:60]))
    for name in _ONCE:
        if isinstance(component.get(name), list):
            detail = "An event has this property once."
            raise refused(CalendarFault.CONTRADICTORY, detail, place.at(name))
    if "EXRULE" in component:
        detail = "Excluding by a rule is obsolete: use EXDATE."
        raise refused(CalendarFault.UNSUPPORTED, detail, place.at("EXRULE"))
    if str(component.get("STATUS", "")).upper() == "CANCELLED":
        detail = "A cancelled event is no window: leave it out, or exclude it by EXDATE."
        raise refused(CalendarFault.UNSUPPORTED, detail, place.at("STATUS"))
    if "DTSTART" not in component:
        raise refused(CalendarFault.MISSING, "An event has a start.", place.at("DTSTART"))


def _check_replacement(component: Component, event: Event) -> None:
    if event.replaces is None:
        return
    if "RANGE" in component["RECURRENCE-ID"].params:
        detail = "An event replaces one occurrence, not all that follow."
        raise refused(CalendarFault.UNSUPPORTED, detail, event.place.at("RECURRENCE-ID"))
    for name in _REPEATING:
        if name in component:
            detail = "What replaces one occurrence does not repeat."
            raise refused(CalendarFault.CONTRADICTORY, detail, event.place.at(name))


def _moment(value: Any, place: Place) -> Moment:
    """Return the wall time of a property or of one of its values."""
    found = value.dt
    if isinstance(found, datetime):
        zone = value.params.get("TZID")
        if found.tzinfo is not None and zone is None:
            zone = "UTC"
        return _checked(found.replace(tzinfo=None), zone, place)
    if isinstance(found, date):
        _check_year(found, place)
        return Moment(wall=datetime.combine(found, time()), zone=None, whole_day=True)
    raise refused(CalendarFault.UNREADABLE, "This is neither a date nor a date and time.", place)


def _checked(wall: datetime, zone: str | None, place: Place) -> Moment:
    _check_year(wall, place)
    if zone is not None:
        try:
            zone_of(zone)
        except ValueError:
            detail = "TZID names a zone of the tz database, such as America/Chicago."
            raise refused(CalendarFault.UNKNOWN_ZONE, detail, place) from None
    return Moment(wall=wall, zone=zone)


def _check_year(day: date, place: Place) -> None:
    if not EARLIEST_YEAR <= day.year < EARLIEST_YEAR + 200:
        detail = f"Dates lie in the years {EARLIEST_YEAR} to {EARLIEST_YEAR + 199}."
        raise refused(CalendarFault.OUT_OF_RANGE, detail, place)


def _length(component: Component, start: Moment, place: Place) -> tuple[timedelta, bool]:
    """Return how long the event lasts, and whether that is elapsed time and not wall time."""
    exact = False
    if "DTEND" in component and "DURATION" in component:
        detail = "An event has an end or a duration, not both."
        raise refused(CalendarFault.CONTRADICTORY, detail, place.at("DURATION"))
    if "DTEND" in component:
        place = place.at("DTEND")
        length = _until(start, _moment(component["DTEND"], place), place)
    elif "DURATION" in component:
        place = place.at("DURATION")
        length = component["DURATION"].dt
        if not isinstance(length, timedelta):
            raise refused(CalendarFault.UNREADABLE, "This is no duration.", place)
        exact = bool(length.seconds)
        if start.whole_day and exact:
            detail = "An event of whole days lasts whole days."
            raise refused(CalendarFault.CONTRADICTORY, detail, place)
    elif start.whole_day:
        length = _ONE_DAY
    else:
        detail = "An event without an end lasts no time at all."
        raise refused(CalendarFault.MISSING, detail, place.at("DTEND"))
    return _checked_length(length, place), exact


def _until(start: Moment, end: Moment, place: Place) -> timedelta:
    if not start.alike(end):
        detail = "Start and end are told in the same zone and form."
        raise refused(CalendarFault.CONTRADICTORY, detail, place)
    return end.wall - start.wall


def _checked_length(length: timedelta, place: Place) -> timedelta:
    if not timedelta() < length <= LONGEST:
        detail = f"A window ends after it starts, within {LONGEST.days} days."
        raise refused(CalendarFault.OUT_OF_RANGE, detail, place)
    return length


def _recurrence(component: Component, start: Moment, place: Place) -> Recurrence | None:
    rule = component.get("RRULE")
    if rule is None:
        return None
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
    if name not in _WEEKDAYS:
        raise refused(CalendarFault.UNREADABLE, "This is no weekday.", place)
    return _WEEKDAYS.index(name)


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
    _check_year(value, place)
    if whole_day:
        return Moment(wall=datetime.combine(value, time()), zone=None, whole_day=True)
    return Moment(wall=value.replace(tzinfo=None), zone="UTC" if in_utc else None)


def _excluded(component: Component, start: Moment, place: Place) -> Iterable[Moment]:
    for value in _values(component, "EXDATE"):
        moment = _moment(value, place)
        if moment.whole_day != start.whole_day:
            detail = "What is excluded has the form of DTSTART."
            raise refused(CalendarFault.CONTRADICTORY, detail, place)
        yield moment


def _extra(
    component: Component, start: Moment, place: Place
) -> Iterable[tuple[Moment, timedelta | None]]:
    for value in _values(component, "RDATE"):
        if isinstance(value.dt, tuple):
            yield _period(value, place)
            continue
        moment = _moment(value, place)
        if moment.whole_day != start.whole_day:
            detail = "What is added has the form of DTSTART, or is a period."
            raise refused(CalendarFault.CONTRADICTORY, detail, place)
        yield moment, None


def _period(value: Any, place: Place) -> tuple[Moment, timedelta]:
    """Return a period's start and its elapsed time."""
    start, end = value.dt
    if not isinstance(start, datetime):
        raise refused(CalendarFault.UNREADABLE, "A period has times.", place)
    zone = value.params.get("TZID") or ("UTC" if start.tzinfo is not None else None)
    moment = _checked(start.replace(tzinfo=None), zone, place)
    if isinstance(end, timedelta):
        return moment, _checked_length(end, place)
    # Python subtracts times of one zone by their wall times; a period's ends are instants.
    if (start.tzinfo is None) != (end.tzinfo is None):
        raise refused(CalendarFault.CONTRADICTORY, "A period is told in one form.", place)
    if start.tzinfo is None:
        detail = "A floating period has no certain length: give it in UTC or with TZID."
        raise refused(CalendarFault.AMBIGUOUS_TIME, detail, place)
    elapsed = end.astimezone(UTC) - start.astimezone(UTC)
    return moment, _checked_length(elapsed, place)


def _values(component: Component, name: str) -> Iterable[Any]:
    found = component.get(name, [])
    for each in found if isinstance(found, list) else [found]:
        for value in each.dts:
            value.params.setdefault("TZID", each.params.get("TZID"))
            yield value
