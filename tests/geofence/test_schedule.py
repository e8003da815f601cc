"""Windows in local wall time: across midnight, over both changes of the clocks, with exceptions."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geofence import LocalWindow, Schedule, WeeklyWindow
from geofence.schedule import merged, within, without

ZAGREB = ZoneInfo("Europe/Zagreb")


def _at(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp())  # type: ignore[misc, arg-type]  # year, month, …


def _daily(start: time, end: time, **exceptions: tuple[LocalWindow, ...]) -> Schedule:
    return Schedule(
        timezone="Europe/Zagreb",
        weekly=tuple(WeeklyWindow(weekday=day, start=start, end=end) for day in range(7)),
        **exceptions,
    )


class TestRefusals:
    @pytest.mark.parametrize(
        "name", ["", "Mars/Olympus", "../etc/passwd", "Europe", "x" * 300, "a\0b"]
    )
    def test_an_unknown_zone_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="IANA"):
            Schedule(timezone=name, weekly=(WeeklyWindow(weekday=0, start=time(1), end=time(2)),))

    def test_a_schedule_that_never_holds_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            Schedule(timezone="UTC")

    @pytest.mark.parametrize(
        ("weekday", "start", "end"),
        [
            (7, time(1), time(2)),
            (-1, time(1), time(2)),
            (0, time(1, tzinfo=UTC), time(2)),
            (0, time(1), time(2, tzinfo=UTC)),
            (0, time(1, microsecond=1), time(2)),
            (0, time(1), time(2, microsecond=1)),
        ],
    )
    def test_a_bad_weekly_window_is_refused(self, weekday: int, start: time, end: time) -> None:
        with pytest.raises(ValueError, match="week"):
            WeeklyWindow(weekday=weekday, start=start, end=end)

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2)),  # noqa: DTZ001 - wall time
            (datetime(2026, 5, 1), datetime(2026, 5, 2, tzinfo=UTC)),  # noqa: DTZ001 - wall time
            (datetime(2026, 5, 2), datetime(2026, 5, 2)),  # noqa: DTZ001 - wall time
            (datetime(2026, 5, 1, microsecond=5), datetime(2026, 5, 2)),  # noqa: DTZ001 - wall time
            (datetime(2026, 5, 1), datetime(2026, 5, 2, microsecond=5)),  # noqa: DTZ001 - wall time
        ],
    )
    def test_a_bad_local_window_is_refused(self, start: datetime, end: datetime) -> None:
        with pytest.raises(ValueError, match="local window"):
            LocalWindow(start=start, end=end)


class TestWindows:
    def test_a_window_crosses_midnight(self) -> None:
        nights = _daily(time(20), time(6))

        windows = nights.windows(_at(2026, 5, 28), _at(2026, 5, 29))

        assert windows == [
            (_at(2026, 5, 28), _at(2026, 5, 28, 4)),
            (_at(2026, 5, 28, 18), _at(2026, 5, 29)),
        ]

    def test_it_is_half_open(self) -> None:
        nights = _daily(time(20), time(6))

        assert nights.is_open(_at(2026, 5, 28, 18))
        assert not nights.is_open(_at(2026, 5, 28, 18) - 1)
        assert nights.is_open(_at(2026, 5, 29, 4) - 1)
        assert not nights.is_open(_at(2026, 5, 29, 4))

    def test_equal_start_and_end_are_a_whole_day_and_days_touch(self) -> None:
        always = _daily(time(7), time(7))

        assert always.windows(_at(2026, 1, 1), _at(2027, 1, 1)) == [
            (_at(2026, 1, 1), _at(2027, 1, 1))
        ]
        assert always.next_change(_at(2026, 1, 1)) is None

    def test_a_removal_takes_a_part_out_and_an_addition_wins(self) -> None:
        free_evening = LocalWindow(start=datetime(2026, 5, 28, 12), end=datetime(2026, 5, 28, 23))  # noqa: DTZ001 - wall time
        instead = LocalWindow(start=datetime(2026, 5, 28, 22), end=datetime(2026, 5, 28, 23))  # noqa: DTZ001 - wall time
        nights = _daily(time(20), time(6), removed=(free_evening,), added=(instead,))

        windows = nights.windows(_at(2026, 5, 28, 6), _at(2026, 5, 29, 6))

        assert windows == [(_at(2026, 5, 28, 20), _at(2026, 5, 29, 4))]

    def test_additions_alone_are_a_schedule(self) -> None:
        hearing = LocalWindow(start=datetime(2026, 6, 3, 9), end=datetime(2026, 6, 3, 12))  # noqa: DTZ001 - wall time
        schedule = Schedule(timezone="Europe/Zagreb", added=(hearing,))

        assert schedule.next_change(_at(2026, 1, 1)) == _at(2026, 6, 3, 7)
        assert schedule.next_change(_at(2026, 6, 3, 7)) == _at(2026, 6, 3, 10)
        assert schedule.next_change(_at(2026, 6, 3, 10)) is None


class TestClockChanges:
    def test_the_spring_night_is_an_hour_shorter(self) -> None:
        nights = _daily(time(20), time(6))

        (window,) = nights.windows(_at(2026, 3, 28, 12), _at(2026, 3, 29, 12))

        assert window == (_at(2026, 3, 28, 19), _at(2026, 3, 29, 4))

    def test_the_autumn_night_is_an_hour_longer(self) -> None:
        nights = _daily(time(20), time(6))

        (window,) = nights.windows(_at(2026, 10, 24, 12), _at(2026, 10, 25, 12))

        assert window == (_at(2026, 10, 24, 18), _at(2026, 10, 25, 5))

    def test_a_start_in_the_missing_hour_moves_to_its_end(self) -> None:
        early = _daily(time(2, 30), time(5))

        (window,) = early.windows(_at(2026, 3, 29), _at(2026, 3, 30))

        assert window == (_at(2026, 3, 29, 1), _at(2026, 3, 29, 3))

    def test_a_window_inside_the_missing_hour_vanishes(self) -> None:
        early = _daily(time(2, 15), time(2, 45))

        assert early.windows(_at(2026, 3, 29), _at(2026, 3, 30)) == []

    def test_of_two_equal_wall_times_the_first_counts(self) -> None:
        early = _daily(time(2, 15), time(2, 45))

        (window,) = early.windows(_at(2026, 10, 25), _at(2026, 10, 26))

        assert window == (_at(2026, 10, 25, 0, 15), _at(2026, 10, 25, 0, 45))

    def test_a_change_by_half_an_hour(self) -> None:
        schedule = Schedule(
            timezone="Australia/Lord_Howe",
            weekly=(WeeklyWindow(weekday=6, start=time(2, 10), end=time(4)),),
        )

        (window,) = schedule.windows(_at(2026, 10, 3, 0), _at(2026, 10, 5, 0))

        # At 02:00 the clock jumps to 02:30, which is +11:00.
        assert window == (_at(2026, 10, 3, 15, 30), _at(2026, 10, 3, 17))


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(sorted(available_timezones())),
    year=st.integers(2020, 2030),
    start=st.times(),
    end=st.times(),
)
def test_the_windows_of_a_year_add_up(zone: str, year: int, start: time, end: time) -> None:
    start, end = start.replace(microsecond=0), end.replace(microsecond=0)
    inside = Schedule(
        timezone=zone,
        weekly=tuple(WeeklyWindow(weekday=day, start=start, end=end) for day in range(7)),
    )
    outside = Schedule(
        timezone=zone,
        weekly=tuple(WeeklyWindow(weekday=day, start=end, end=start) for day in range(7)),
    )
    from_s, until_s = _at(year, 1, 1), _at(year + 1, 1, 1)

    open_s = sum(b - a for a, b in inside.windows(from_s, until_s))
    shut_s = sum(b - a for a, b in outside.windows(from_s, until_s))

    if start == end:
        assert open_s == shut_s == until_s - from_s
    else:
        assert open_s + shut_s == until_s - from_s


@settings(max_examples=30, deadline=None)
@given(
    day=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    seconds=st.integers(0, 86_399),
    start_h=st.integers(3, 23),
    end_h=st.integers(3, 23),
)
def test_a_window_holds_exactly_while_the_wall_clock_says_so(
    day: date, seconds: int, start_h: int, end_h: int
) -> None:
    schedule = _daily(time(start_h), time(end_h))
    at = datetime.combine(day, time(), tzinfo=UTC) + timedelta(seconds=seconds)
    hour = at.astimezone(ZAGREB).hour

    expected = start_h <= hour < end_h if start_h < end_h else hour >= start_h or hour < end_h

    assert schedule.is_open(int(at.timestamp())) == expected


@settings(max_examples=30, deadline=None)
@given(from_s=st.integers(_at(2026, 3, 20), _at(2026, 4, 5)))
def test_the_next_change_is_the_next_edge(from_s: int) -> None:
    nights = _daily(time(20), time(6))

    next_s = nights.next_change(from_s)

    assert next_s is not None
    assert next_s > from_s
    assert nights.is_open(next_s) != nights.is_open(next_s - 1)
    assert len(nights.windows(from_s, next_s)) <= 1
    assert nights.is_open(next_s - 1) == nights.is_open(from_s)


def test_sums_of_windows() -> None:
    assert merged([(5, 9), (1, 3), (3, 4), (7, 8), (6, 6)]) == [(1, 4), (5, 9)]
    assert without([(1, 10)], [(0, 2), (4, 6), (9, 12)]) == [(2, 4), (6, 9)]
    assert within([(1, 4), (5, 9)], 3, 5) == [(3, 4)]
