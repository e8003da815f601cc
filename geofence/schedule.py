"""When a rule holds: weekly windows in local wall time, with dated exceptions.

A wall time stands for the first instant at which the local clock shows it or a later one. So
in the spring night a start inside the missing hour moves to its end, in the autumn night the
first of two equal times counts, and the order of wall times is never reversed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Window: TypeAlias = tuple[int, int]
"""Half-open, in Unix seconds."""

_T = TypeVar("_T", int, datetime)
"""What spans are told in: they are put together and taken apart alike in seconds and wall time."""

_DAY: Final = timedelta(days=1)
_DAY_S: Final = 86_400
_WEEK_S: Final = 7 * _DAY_S
_DAYS_A_WEEK: Final = 7
# A wall clock is at most a day from UTC, and a weekly window lasts at most a day.
_REACH_S: Final = 2 * _DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyWindow:
    """From `start` on a weekday (Monday is 0) to `end`, on the next day if not after `start`."""

    weekday: int
    start: time
    end: time

    def __post_init__(self) -> None:
        if self.weekday not in range(_DAYS_A_WEEK):
            raise ValueError("weekday runs from 0, Monday, to 6, Sunday")
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("a weekly window is told in wall time, without an offset")
        if self.start.microsecond or self.end.microsecond:
            raise ValueError("a weekly window is told in whole seconds")

    def on(self, day: date) -> LocalWindow:
        """The window that begins on this day."""
        ends_on = day if self.end > self.start else day + _DAY
        return LocalWindow(
            start=datetime.combine(day, self.start), end=datetime.combine(ends_on, self.end)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalWindow:
    """Half-open span of wall time: a dated addition or removal."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("a local window is told in wall time, without an offset")
        if self.start.microsecond or self.end.microsecond:
            raise ValueError("a local window is told in whole seconds")
        if self.end <= self.start:
            raise ValueError("a local window ends after it starts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The weekly windows without what is `removed`, and what is `added`, in an IANA zone.

    Windows that touch or overlap are one. Raises ValueError for an unknown zone and for a
    schedule that never holds at all.
    """

    timezone: str
    weekly: tuple[WeeklyWindow, ...] = ()
    added: tuple[LocalWindow, ...] = ()
    removed: tuple[LocalWindow, ...] = ()

    def __post_init__(self) -> None:
        zone_of(self.timezone)
        if not self.weekly and not self.added:
            raise ValueError("a schedule has at least one window")

    def windows(self, from_s: int, until_s: int) -> list[Window]:
        """The windows between two instants, in order, cut to them."""
        removed = merged(self._dated(self.removed))
        held = without(merged(self._weekly(from_s, until_s)), removed)
        if self.added:
            held = merged([*held, *self._dated(self.added)])
        return within(held, from_s, until_s)

    def is_open(self, at_s: int) -> bool:
        """Whether a window holds at this second."""
        return bool(self.windows(at_s, at_s + 1))

    def next_change(self, after_s: int) -> int | None:
        """The first instant after this one at which a window starts or ends, or None."""
        horizon_s = max((end for _, end in self._dated(self.added + self.removed)), default=0)
        # Beyond every dated exception and a change of the clocks, two weeks repeat for ever.
        last_s = max(horizon_s, after_s) + _WEEK_S
        from_s = after_s
        while from_s <= last_s:
            until_s = from_s + 2 * _WEEK_S
            for edge_s in sorted(
                edge for window in self.windows(from_s, until_s) for edge in window
            ):
                if after_s < edge_s < until_s and self.is_open(edge_s - 1) != self.is_open(edge_s):
                    return edge_s
            from_s = until_s
        return None

    def _weekly(self, from_s: int, until_s: int) -> Iterator[Window]:
        first, last = _utc_date(from_s - _REACH_S), _utc_date(until_s + _REACH_S)
        for window in self.weekly:
            yield from _each_week(window, first, last, self.timezone)

    def _dated(self, windows: tuple[LocalWindow, ...]) -> list[Window]:
        zone = zone_of(self.timezone)
        return [_instants(window, zone) for window in windows]


@cache  # bounded by the number of zones in the tz database
def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of this name; ValueError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as fault:
        raise ValueError(f"{name!r} is no IANA time zone") from fault


def merged(spans: Iterable[tuple[_T, _T]]) -> list[tuple[_T, _T]]:
    """The same time in order, as few spans as possible; empty ones vanish."""
    result: list[tuple[_T, _T]] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def without(
    spans: Sequence[tuple[_T, _T]], removed: Sequence[tuple[_T, _T]]
) -> list[tuple[_T, _T]]:
    """The time in `spans` and not in `removed`; both merged."""
    if not removed:
        return list(spans)
    result: list[tuple[_T, _T]] = []
    cut = 0
    for begin, end in spans:
        start = begin
        while cut < len(removed) and removed[cut][0] < end:
            cut_start, cut_end = removed[cut]
            if start < cut_start:
                result.append((start, cut_start))
            start = max(start, cut_end)
            if cut_end > end:
                break  # it may reach into the next span
            cut += 1
        if start < end:
            result.append((start, end))
    return result


def within(spans: Iterable[tuple[_T, _T]], begin: _T, end: _T) -> list[tuple[_T, _T]]:
    """The part of merged spans that lies between two instants."""
    cut = ((max(a, begin), min(b, end)) for a, b in spans)
    return [(a, b) for a, b in cut if a < b]


@lru_cache(maxsize=4096)
def _each_week(window: WeeklyWindow, first: date, last: date, timezone: str) -> tuple[Window, ...]:
    """The weekly windows that begin from one day to another: many people's nights are the same."""
    days_ahead = (window.weekday - first.weekday()) % _DAYS_A_WEEK
    days = range(first.toordinal() + days_ahead, last.toordinal() + 1, _DAYS_A_WEEK)
    return tuple([_on(window, day, timezone) for day in days])


@lru_cache(maxsize=4096)
def _on(window: WeeklyWindow, day: int, timezone: str) -> Window:
    """The weekly window that begins on a day, an ordinal: weeks are asked of again and again."""
    return _instants(window.on(date.fromordinal(day)), zone_of(timezone))


def _instants(window: LocalWindow, zone: ZoneInfo) -> Window:
    return _instant(window.start, zone), _instant(window.end, zone)


def _instant(wall: datetime, zone: ZoneInfo) -> int:
    """The first second at which the local clock shows this wall time or a later one."""
    first = int(wall.replace(tzinfo=zone, fold=0).timestamp())
    second = int(wall.replace(tzinfo=zone, fold=1).timestamp())
    if second >= first:
        return first  # the usual case, and the first of two equal wall times
    return _gap_end(second, first, wall, zone)


def _gap_end(before_s: int, after_s: int, wall: datetime, zone: ZoneInfo) -> int:
    """Where the clock jumps over a wall time: the first second after the jump, by bisection."""
    while after_s - before_s > 1:
        middle_s = (before_s + after_s) // 2
        shown = datetime.fromtimestamp(middle_s, tz=zone).replace(tzinfo=None)
        if shown >= wall:
            after_s = middle_s
        else:
            before_s = middle_s
    return after_s


def _utc_date(at_s: int) -> date:
    return datetime.fromtimestamp(at_s, tz=UTC).date()
