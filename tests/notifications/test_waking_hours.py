from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications.waking_hours import WakingHours, local_instant
from tests.notifications.strategies import zones_and_days

SECOND = timedelta(seconds=1)
whole_seconds = st.times().map(lambda at: at.replace(microsecond=0))


def wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def test_hours_that_cross_midnight_or_are_empty_are_refused() -> None:
    zone = ZoneInfo("UTC")

    for opens, closes in [(time(21), time(8)), (time(8), time(8))]:
        with pytest.raises(ValueError, match="open before"):
            WakingHours(zone=zone, opens=opens, closes=closes)


def test_a_wall_time_that_clocks_jump_over_means_the_jump() -> None:
    zone = ZoneInfo("America/New_York")

    skipped = local_instant(date(2026, 3, 8), time(2, 30), zone)

    assert skipped == datetime(2026, 3, 8, 7, tzinfo=UTC)


def test_a_wall_time_that_occurs_twice_means_the_first() -> None:
    zone = ZoneInfo("America/New_York")

    repeated = [local_instant(date(2026, 11, 1), time(1, 30, fold=fold), zone) for fold in (0, 1)]

    assert repeated == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC)] * 2


def test_a_jump_of_half_an_hour_is_met_exactly() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")

    skipped = local_instant(date(2026, 10, 4), time(2, 10), zone)

    assert skipped == datetime(2026, 10, 3, 15, 30, tzinfo=UTC)


def test_a_day_that_a_zone_skipped_means_the_midnight_after_it() -> None:
    zone = ZoneInfo("Pacific/Apia")

    skipped = local_instant(date(2011, 12, 30), time(13), zone)

    assert skipped.astimezone(zone).replace(tzinfo=None) == datetime(2011, 12, 31)  # noqa: DTZ001  a wall time


@settings(max_examples=300, deadline=None)
@given(zones_and_days(), whole_seconds)
def test_the_instant_is_the_first_whose_wall_time_is_not_before_the_one_asked(
    zone_and_day: tuple[ZoneInfo, date], at: time
) -> None:
    zone, day = zone_and_day
    asked = datetime.combine(day, at)

    instant = local_instant(day, at, zone)

    assert instant.utcoffset() == timedelta()
    assert wall(instant, zone) >= asked
    assert wall(instant - SECOND, zone) < asked
    readings = [asked.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    existing = [reading for reading in readings if wall(reading, zone) == asked]
    assert instant == min(existing, default=instant)


@settings(max_examples=300, deadline=None)
@given(zones_and_days(), whole_seconds, st.sampled_from([time(0), time(2, 30), time(8)]))
def test_the_next_open_instant_is_open_and_nothing_before_it_is(
    zone_and_day: tuple[ZoneInfo, date], at: time, opens: time
) -> None:
    zone, day = zone_and_day
    hours = WakingHours(zone=zone, opens=opens, closes=time(21))
    asked = local_instant(day, at, zone)

    opening = hours.next_open(asked)

    assert opening >= asked
    assert hours.contains(opening)
    waiting = opening - asked
    assert not any(hours.contains(asked + waiting * share / 20) for share in range(20) if waiting)


def test_a_day_whose_hours_all_fall_into_a_jump_has_none() -> None:
    zone = ZoneInfo("America/New_York")
    hours = WakingHours(zone=zone, opens=time(2), closes=time(2, 30))

    opening = hours.next_open(datetime(2026, 3, 8, 5, tzinfo=UTC))

    assert opening == local_instant(date(2026, 3, 9), time(2), zone)


def test_the_hours_are_half_open() -> None:
    hours = WakingHours(zone=ZoneInfo("America/Chicago"), opens=time(8), closes=time(21))
    opening = datetime(2026, 3, 2, 14, tzinfo=UTC)
    closing = datetime(2026, 3, 3, 3, tzinfo=UTC)

    assert [hours.contains(opening - SECOND), hours.contains(opening)] == [False, True]
    assert [hours.contains(closing - SECOND), hours.contains(closing)] == [True, False]
    assert hours.next_open(closing) == opening + timedelta(days=1)
