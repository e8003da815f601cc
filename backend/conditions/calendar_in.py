"""A schedule made of an iCalendar file: weekly windows where it repeats weekly, else dated ones.

Every event is laid out in wall time, and so is what the weekly windows alone would hold; where
the two differ, the schedule gets dated additions and removals. So the schedule holds exactly what
the calendar says, from now on and without end; but for endless rules that no week repeats, which
are laid out to a day that the answer names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from backend.conditions.calendar_events import LONGEST_REPEATED, read_events
from backend.conditions.calendar_values import (
    CalendarFault,
    Event,
    Moment,
    Place,
    Recurrence,
    refused,
)
from backend.conditions.repetition import Frequency, Pattern, Weekday
from backend.conditions.timetable import MAX_DATED, MAX_WEEKLY, YEARS_AHEAD
from geofence.schedule import LocalWindow, Schedule, WeeklyWindow, merged, within, without

LAID_OUT: Final = timedelta(days=366)
"""How far an endless rule is laid out that no week repeats."""
MAX_DAYS: Final = 150_000
"""Days looked at, for all rules together: a second of one core."""

_DAY: Final = timedelta(days=1)
_PLAIN: Final = frozenset({Pattern(frequency=Frequency.WEEKLY), Pattern(frequency=Frequency.DAILY)})
"""What, on whichever weekdays, the same week repeats for ever."""

Span: TypeAlias = tuple[datetime, datetime]
"""Half-open, in wall time of the schedule's zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A schedule, and the first day of which the calendar may say more; None: it is whole."""

    schedule: Schedule
    complete_until: date | None


def read_calendar(text: str, *, agency_zone: str, now: datetime) -> Imported:
    """Return the schedule of an iCalendar file from `now` on; pure.

    Floating times and whole days are the agency's. The schedule is in the one zone that all events
    name, else in the agency's. Raises Problem SCHEDULE_REFUSED with `reason`, `component` and
    `property`.
    """
    events = read_events(text)
    zone = _zone_of(events, agency_zone)
    layout = _Layout(events, zone, agency_zone, now)
    return layout.imported()


def _zone_of(events: Iterable[Event], agency_zone: str) -> str:
    zones = {event.start.zone or agency_zone for event in events}
    return zones.pop() if len(zones) == 1 else agency_zone


class _Layout:
    """The events of a calendar, side by side in the wall time of one zone."""

    def __init__(self, events: Sequence[Event], zone: str, agency_zone: str, now: datetime) -> None:
        self._zone = zone
        self._agency_zone = agency_zone
        self._from = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0)
        self._begin = datetime.combine(self._from.date() - _DAY, time())
        self._left = MAX_DAYS
        self._events = _with_replacements(events, agency_zone)
        self._last = self._last_date()
        self._horizon = self._begin + LAID_OUT

    def imported(self) -> Imported:
        """Return the schedule; every occurrence is laid out once."""
        weekly = [window for event in self._events for window in self._weekly_of(event)]
        is_whole = self._is_whole()
        end = self._last if is_whole else max(self._last, self._horizon)
        wanted = within(merged(self._spans()), self._begin, end)
        usual = within(merged(_every_week(weekly, self._begin, end)), self._begin, end)
        surplus = without(usual, wanted)
        schedule = self._schedule(
            sorted(set(weekly), key=lambda window: (window.weekday, window.start, window.end)),
            self._ahead(without(wanted, usual)),
            _joined(self._ahead(surplus), without(usual, surplus)),
        )
        return Imported(
            schedule=schedule, complete_until=None if is_whole else self._horizon.date()
        )

    def _schedule(
        self, weekly: Sequence[WeeklyWindow], added: Sequence[Span], removed: Sequence[Span]
    ) -> Schedule:
        if not weekly and not added:
            detail = "No event of this calendar lies ahead."
            raise refused(CalendarFault.NOTHING_AHEAD, detail)
        for found, most in ((weekly, MAX_WEEKLY), (added, MAX_DATED), (removed, MAX_DATED)):
            if len(found) > most:
                detail = (
                    f"This takes {len(found)} windows of a kind; a schedule has at most {most}. "
                    "Shorten the calendar, or let it repeat weekly."
                )
                raise refused(CalendarFault.TOO_MANY, detail)
        return Schedule(
            timezone=self._zone,
            weekly=tuple(weekly),
            added=tuple(LocalWindow(start=start, end=end) for start, end in added),
            removed=tuple(LocalWindow(start=start, end=end) for start, end in removed),
        )

    def _ahead(self, spans: Iterable[Span]) -> list[Span]:
        return [span for span in spans if span[1] > self._from]

    def _is_whole(self) -> bool:
        """Whether no event goes on for ever but those that the same week repeats."""
        return all(
            self._is_weekly(event)
            for event in self._events
            if event.recurrence and event.recurrence.endless
        )

    def _is_weekly(self, event: Event) -> bool:
        """Whether the same windows of this schedule's week hold an event for ever."""
        rule = event.recurrence
        if rule is None or not rule.endless or not self._is_here(event.start):
            return False
        pattern = replace(rule.pattern, weekdays=(), week_start=0)
        return pattern in _PLAIN

    def _is_here(self, moment: Moment) -> bool:
        return (moment.zone or self._agency_zone) == self._zone

    def _weekly_of(self, event: Event) -> Iterator[WeeklyWindow]:
        if not self._is_weekly(event) or event.recurrence is None:
            return
        pattern, start = event.recurrence.pattern, event.start.wall
        for day in range(7):
            if not pattern.weekdays:
                named = pattern.frequency is Frequency.DAILY or day == start.weekday()
            else:
                named = Weekday(day=day) in pattern.weekdays
            if named:
                yield from _pieces(day, start, event.length)

    def _last_date(self) -> datetime:
        """Return when only weekly windows are left, as far as the calendar tells dates."""
        last = self._begin + timedelta(days=8)
        for event in self._events:
            told = [event.start, *event.excluded, *(moment for moment, _ in event.extra)]
            if event.recurrence and event.recurrence.until:
                told.append(event.recurrence.until)
            longest = max([event.length, *(length for _, length in event.extra if length)])
            last = max(last, max(moment.wall for moment in told) + longest + 3 * _DAY)
        if last.year > self._from.year + YEARS_AHEAD:
            detail = f"Dates lie at most {YEARS_AHEAD} years ahead."
            raise refused(CalendarFault.OUT_OF_RANGE, detail)
        return max(last, self._last_counted(last))

    def _last_counted(self, last: datetime) -> datetime:
        """Return the end of what is repeated a number of times, if that is later."""
        for event in self._events:
            if event.recurrence and event.recurrence.count:
                for wall in self._walls(event, event.recurrence, self._limit()):
                    last = max(last, wall + event.length + 3 * _DAY)
        return last

    def _limit(self) -> datetime:
        return datetime(self._from.year + YEARS_AHEAD, 12, 31)  # noqa: DTZ001 - wall time

    def _spans(self) -> Iterator[Span]:
        """Yield every occurrence that reaches into the time laid out."""
        for event in self._events:
            excluded = {moment.instant(self._agency_zone) for moment in event.excluded}
            for start, length in self._occurrences(event):
                if start.instant(self._agency_zone) not in excluded:
                    yield self._span(event, start, length)

    def _occurrences(self, event: Event) -> Iterator[tuple[Moment, timedelta | None]]:
        if event.recurrence is None:
            yield event.start, None
        else:
            end = self._horizon
            if event.recurrence.count is not None:
                end = self._limit()
            elif event.recurrence.until is not None or self._is_weekly(event):
                end = max(self._last, self._horizon)
            for wall in self._walls(event, event.recurrence, end):
                if wall + event.length + LONGEST_REPEATED >= self._begin:
                    yield replace(event.start, wall=wall), None
        yield from event.extra

    def _walls(self, event: Event, rule: Recurrence, end: datetime) -> Iterator[datetime]:
        """Yield the wall times, in the event's own zone, at which a rule repeats it."""
        place, start = event.place.at("RRULE"), event.start.wall
        if rule.until is not None:
            end = min(end, rule.until.wall + 2 * _DAY)
        last = start.date()
        days = rule.pattern.days(start.date(), end.date())
        index = -1
        for index, day in enumerate(islice(days, rule.count)):
            self._spend((day - last).days + 1, place)
            last, wall = day, datetime.combine(day, start.time())
            if index == 0 and wall != start:
                detail = "DTSTART is the first occurrence of its own rule."
                raise refused(CalendarFault.CONTRADICTORY, detail, place)
            if rule.until is None or self._is_by(replace(event.start, wall=wall), rule.until):
                yield wall
        self._spend(max((end.date() - last).days, 0) if rule.count is None else 0, place)
        if rule.count is not None and index + 1 < rule.count:
            detail = f"The last of these occurrences is more than {YEARS_AHEAD} years ahead."
            raise refused(CalendarFault.OUT_OF_RANGE, detail, place)

    def _spend(self, days: int, place: Place) -> None:
        """Refuse work that a few honest events never are."""
        self._left -= days
        if self._left < 0:
            detail = f"The rules of a calendar span at most {MAX_DAYS} days together."
            raise refused(CalendarFault.TOO_MANY, detail, place)

    def _is_by(self, moment: Moment, until: Moment) -> bool:
        return moment.instant(self._agency_zone) <= until.instant(self._agency_zone)

    def _span(self, event: Event, start: Moment, own_length: timedelta | None) -> Span:
        """Return an occurrence in this schedule's wall time."""
        length = event.length if own_length is None else own_length
        if own_length is not None or event.exact:
            begin = start.instant(self._agency_zone)
            return self._here(begin, event.place), self._here(begin + length, event.place)
        if self._is_here(start):
            return start.wall, start.wall + length
        end = replace(start, wall=start.wall + length)
        return (
            self._here(start.instant(self._agency_zone), event.place),
            self._here(end.instant(self._agency_zone), event.place),
        )

    def _here(self, instant: datetime, place: Place) -> datetime:
        """Return an instant as wall time; one that wall time cannot tell is refused."""
        zone = ZoneInfo(self._zone)
        wall = instant.astimezone(zone).replace(tzinfo=None, fold=0)
        if wall.replace(tzinfo=zone).astimezone(UTC) != instant:
            detail = f"In {self._zone} this falls into an hour that comes twice when clocks change."
            raise refused(CalendarFault.AMBIGUOUS_TIME, detail, place)
        return wall


def _with_replacements(events: Sequence[Event], agency_zone: str) -> list[Event]:
    """Return the events, each without the occurrences that other events of its UID replace."""
    masters: dict[str, Event] = {}
    for event in events:
        if event.replaces is None and event.uid is not None:
            if event.uid in masters:
                detail = "Two events of one UID: only one may be without RECURRENCE-ID."
                raise refused(CalendarFault.CONTRADICTORY, detail, event.place.at("UID"))
            masters[event.uid] = event
    replaced: dict[str, list[Moment]] = {}
    for event in events:
        if event.replaces is not None:
            _check_replaced(event, masters.get(event.uid or ""))
            replaced.setdefault(event.uid or "", []).append(event.replaces)
    for uid, moments in replaced.items():
        if len({moment.instant(agency_zone) for moment in moments}) < len(moments):
            detail = "One occurrence is replaced twice."
            raise refused(CalendarFault.CONTRADICTORY, detail, masters[uid].place)
    return [
        event
        if event.replaces is not None
        else replace(event, excluded=(*event.excluded, *replaced.get(event.uid or "", ())))
        for event in events
    ]


def _check_replaced(event: Event, master: Event | None) -> None:
    repeats = master is not None and (master.recurrence is not None or bool(master.extra))
    if not repeats or event.replaces is None or master is None:
        detail = "No event that repeats has this UID."
        raise refused(CalendarFault.CONTRADICTORY, detail, event.place.at("RECURRENCE-ID"))
    if event.replaces.whole_day != master.start.whole_day:
        detail = "RECURRENCE-ID has the form of the event's DTSTART."
        raise refused(CalendarFault.CONTRADICTORY, detail, event.place.at("RECURRENCE-ID"))


def _pieces(weekday: int, start: datetime, length: timedelta) -> Iterator[WeeklyWindow]:
    """Yield weekly windows, each of a day at most, that together last as long as an event."""
    while length > timedelta():
        end = start + min(length, _DAY)
        yield WeeklyWindow(weekday=weekday, start=start.time(), end=end.time())
        weekday, length = (weekday + 1) % 7, length - _DAY


def _every_week(weekly: Sequence[WeeklyWindow], begin: datetime, end: datetime) -> Iterator[Span]:
    day = begin.date() - 2 * _DAY
    while day <= end.date():
        for window in weekly:
            if window.weekday == day.weekday():
                dated = window.on(day)
                yield dated.start, dated.end
        day += _DAY


def _joined(removed: Sequence[Span], kept: Sequence[Span]) -> list[Span]:
    """Return as few removals as take the same from the weekly windows: over time that none holds."""
    result: list[Span] = []
    sweep = 0
    for start, end in removed:
        while sweep < len(kept) and result and kept[sweep][1] <= result[-1][1]:
            sweep += 1
        free = not (sweep < len(kept) and kept[sweep][0] < start)
        if result and free:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result
