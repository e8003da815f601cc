"""Days on which clocks change, all over the world."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as st

ZONES = sorted(name for name in available_timezones() if name not in {"Factory", "localtime"})


@cache
def days_of_change(name: str, year: int) -> list[date]:
    """The days of `year` on which the zone's offset changed."""
    zone = ZoneInfo(name)
    noons = [datetime(year, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(366)]
    offsets = [noon.astimezone(zone).utcoffset() for noon in noons]
    return [noons[n].date() for n in range(1, 366) if offsets[n] != offsets[n - 1]]


@st.composite
def zones_and_days(draw: st.DrawFn) -> tuple[ZoneInfo, date]:
    """A zone and a day in it, mostly near a change of the clocks."""
    name = draw(st.sampled_from(ZONES))
    year = draw(st.integers(1970, 2037))
    day = st.dates(date(year, 1, 1), date(year, 12, 31))
    if changes := days_of_change(name, year):
        near = st.builds(
            lambda change, days: change + timedelta(days=days),
            st.sampled_from(changes),
            st.integers(-2, 2),
        )
        day = near | near | day
    return ZoneInfo(name), draw(day)
