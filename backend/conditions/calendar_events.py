"""What a file in iCalendar form (RFC 5545) says, event by event, or why it cannot be held exactly.

Nothing is guessed: what is ambiguous, unknown or endless in a way that no schedule can hold is
refused with a reason and a place. Wall times are those of the zone that `TZID` names in the tz
database (a `VTIMEZONE` in the file is not read); the end of a repeated event is the wall time at
which its first one ends, as calendars show it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeAlias

from icalendar import Calendar

from backend.conditions.calendar_rules import read_rule
from backend.conditions.calendar_values import (
    CalendarFault,
    Event,
    Moment,
    Place,
    check_year,
    refused,
)
from geofence.schedule import zone_of

__all__ = ["LONGEST_REPEATED", "MAX_CHARS", "CalendarFault", "read_events"]

Component: TypeAlias = Any
"""Of icalendar; the type of its properties is a union of thirty."""

MAX_CHARS: Final = 200_000
MAX_EVENTS: Final = 50
LONGEST: Final = timedelta(days=366)
LONGEST_REPEATED: Final = timedelta(days=7)

_ONE_DAY: Final = timedelta(days=1)
_IGNORED_COMPONENTS: Final = frozenset({"VTIMEZONE", "VALARM"})
_ONCE: Final = ("DTSTART", "DTEND", "DURATION", "RRULE", "RECURRENCE-ID", "UID")
_REPEATING: Final = ("RRULE", "RDATE", "EXDATE")


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
    rule, replaces = component.get("RRULE"), component.get("RECURRENCE-ID")
    event = Event(
        place=place,
        uid=None if "UID" not in component else str(component["UID"]),
        start=start,
        length=length,
        exact=exact,
        recurrence=None if rule is None else read_rule(rule, start, place.at("RRULE")),
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
        check_year(found, place)
        return Moment(wall=datetime.combine(found, time()), zone=None, whole_day=True)
    raise refused(CalendarFault.UNREADABLE, "This is neither a date nor a date and time.", place)


def _checked(wall: datetime, zone: str | None, place: Place) -> Moment:
    check_year(wall, place)
    if zone is not None:
        try:
            zone_of(zone)
        except ValueError:
            detail = "TZID names a zone of the tz database, such as America/Chicago."
            raise refused(CalendarFault.UNKNOWN_ZONE, detail, place) from None
    return Moment(wall=wall, zone=zone)


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
