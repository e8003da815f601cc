"""Wall time in a person's zone, exact in the nights when clocks change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=4096)
def local_instant(on: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a wall time.

    A wall time that occurs twice means its first occurrence; one that clocks jump over means
    the instant of the jump, the first that exists after it.
    """
    wall = datetime.combine(on, at).replace(fold=0)
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if _wall(instant, zone) == wall:
        return instant
    return _end_of_gap(wall, zone)


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of the jump over `wall`, found by bisection to the second.

    In a gap `fold=0` reads the wall with the offset before the jump and `fold=1` with the one
    after it (PEP 495), so the jump lies between the two readings.
    """
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _wall(middle, zone) < wall:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WakingHours:
    """The part of the day, `[opens, closes)` in local wall time, in which a person may be
    disturbed.

    Raises ValueError if the hours are empty or cross midnight.
    """

    zone: ZoneInfo
    opens: time
    closes: time

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise ValueError("waking hours must open before they close")

    def contains(self, at: datetime) -> bool:
        """Whether the aware instant `at` lies inside the hours."""
        return self.opens <= at.astimezone(self.zone).time() < self.closes

    def next_open(self, at: datetime) -> datetime:
        """`at` itself if it lies inside the hours, else the next UTC instant that does.

        A day whose hours all fall into a jump of the clocks has none, so the search goes on.
        """
        opening, day = at, at.astimezone(self.zone).date()
        while opening < at or not self.contains(opening):
            opening = local_instant(day, self.opens, self.zone)
            day += timedelta(days=1)
        return opening
