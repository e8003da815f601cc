from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.conditions.timetable import WEEKDAYS, check_future, read_schedule, write_schedule
from backend.core.errors import Code, Problem
from geofence import LocalWindow, Schedule, WeeklyWindow

MARCH = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def document(**changes: Any) -> dict[str, Any]:
    nights = [{"weekday": "monday", "start": "21:00", "end": "06:00"}]
    return {"timezone": "America/Chicago", "weekly": nights, "added": [], "removed": []} | changes


def dated(start: str, end: str) -> list[dict[str, str]]:
    return [{"start": start, "end": end}]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"weekly": []}, "/schedule"),
        ({"weekly": [], "removed": dated("2026-04-01T10:00", "2026-04-01T11:00")}, "/schedule"),
        ({"timezone": "Mars/Olympus"}, "/schedule/timezone"),
        ({"timezone": "../../etc/passwd"}, "/schedule/timezone"),
        (
            {"weekly": [{"weekday": "moonday", "start": "21:00", "end": "06:00"}]},
            "/schedule/weekly/0/weekday",
        ),
        (
            {"weekly": [{"weekday": "monday", "start": "25:00", "end": "06:00"}]},
            "/schedule/weekly/0/start",
        ),
        (
            {"weekly": [{"weekday": "monday", "start": "21:00", "end": "24:00"}]},
            "/schedule/weekly/0/end",
        ),
        (
            {"weekly": [{"weekday": "monday", "start": "21:00+01:00", "end": "06:00"}]},
            "/schedule/weekly/0",
        ),
        ({"added": dated("2026-02-30T10:00", "2026-03-01T10:00")}, "/schedule/added/0/start"),
        ({"removed": dated("2026-03-01T10:00", "2026-03-01T10:00")}, "/schedule/removed/0/end"),
    ],
)
def test_what_is_no_schedule_is_refused_with_its_place(
    changes: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Problem) as refusal:
        read_schedule(document(**changes))

    assert refusal.value.code is Code.SCHEDULE_REFUSED
    assert refusal.value.pointer == pointer


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"weekly": [], "added": dated("2026-03-01T10:00", "2026-03-01T11:00")}, "/schedule"),
        ({"added": dated("1999-03-01T10:00", "1999-03-01T11:00")}, "/schedule/added/0"),
        ({"removed": dated("2026-03-01T10:00", "9999-03-01T11:00")}, "/schedule/removed/0"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(changes: dict[str, Any], pointer: str) -> None:
    schedule = read_schedule(document(**changes))

    with pytest.raises(Problem) as refusal:
        check_future(schedule, MARCH)

    assert refusal.value.pointer == pointer


def test_a_schedule_that_has_begun_or_lies_ahead_is_accepted() -> None:
    now_open = dated("2026-03-02T00:00", "2026-03-02T12:00")
    ahead = dated("2026-05-01T00:00", "2026-05-01T12:00")

    check_future(read_schedule(document(weekly=[], added=now_open)), MARCH)
    check_future(read_schedule(document(weekly=[], added=ahead)), MARCH)
    check_future(read_schedule(document()), MARCH)


def test_a_document_reads_as_what_it_says() -> None:
    removed = dated("2026-12-24T18:00", "2026-12-26T09:00:30")

    schedule = read_schedule(document(removed=removed))

    assert schedule == Schedule(
        timezone="America/Chicago",
        weekly=(WeeklyWindow(weekday=0, start=time(21), end=time(6)),),
        removed=(
            LocalWindow(
                start=datetime(2026, 12, 24, 18),  # noqa: DTZ001 - wall time
                end=datetime(2026, 12, 26, 9, 0, 30),  # noqa: DTZ001 - wall time
            ),
        ),
    )
    assert write_schedule(schedule) == document(removed=removed)


wall_times = st.times().map(lambda wall: wall.replace(microsecond=0))
weekly = st.builds(WeeklyWindow, weekday=st.integers(0, 6), start=wall_times, end=wall_times)
dates = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2045, 1, 1))  # noqa: DTZ001 - wall times
spans = st.tuples(dates, dates).map(
    lambda pair: tuple(sorted(wall.replace(microsecond=0) for wall in pair))
)
windows = spans.filter(lambda pair: pair[0] < pair[1]).map(
    lambda pair: LocalWindow(start=pair[0], end=pair[1])
)


@given(st.lists(weekly, min_size=1, max_size=5), st.lists(windows, max_size=3))
@settings(max_examples=50)
def test_every_schedule_survives_storage(
    weekly: list[WeeklyWindow], added: list[LocalWindow]
) -> None:
    schedule = Schedule(timezone="Europe/Dublin", weekly=tuple(weekly), added=tuple(added))

    assert read_schedule(write_schedule(schedule)) == schedule


def test_weekdays_begin_on_monday() -> None:
    assert WEEKDAYS[MARCH.weekday()] == "monday"
