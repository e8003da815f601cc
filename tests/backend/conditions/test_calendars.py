"""iCalendar in and out: held exactly or refused, and the same again after a round trip."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from time import process_time
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.conditions.calendar_events import MAX_CHARS, CalendarFault
from backend.conditions.calendar_in import Imported, read_calendar
from backend.conditions.calendar_out import write_calendar
from backend.core.db import Database
from backend.core.errors import Code, Problem
from geofence import LocalWindow, Schedule, WeeklyWindow
from tests.backend.conditions.conftest import ChosenActor
from tests.support.clocks import START
from tests.support.conditions import (
    NIGHTS,
    Case,
    impose_confidential,
    impose_curfew,
    impose_exclusion,
    order_for,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NIGHT = "DTSTART:20260302T210000\nDTEND:20260303T060000"
AT_NOON = "DTSTART:20260309T120000\nDTEND:20260309T130000"


def calendar(*events: str, head: str = "") -> str:
    parts = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{head}{parts}END:VCALENDAR\n"
    return text.replace("\n", "\r\n")


def imported(*events: str, now: datetime = NOW) -> Imported:
    return read_calendar(calendar(*events), agency_zone="America/Chicago", now=now)


def written(schedule: Schedule, now: datetime = NOW) -> str:
    return write_calendar(schedule, name="Home", uid="u", since=now, now=now)


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def year_of(schedule: Schedule, now: datetime = NOW) -> list[tuple[int, int]]:
    return schedule.windows(seconds(now), seconds(now + timedelta(days=366)))


def local(*when: int) -> datetime:
    return datetime(*when)  # type: ignore[arg-type]  # noqa: DTZ001 - year, month …


F = CalendarFault


@pytest.mark.parametrize(
    ("event", "fault", "prop"),
    [
        ("SUMMARY:no start", F.MISSING, "DTSTART"),
        ("DTSTART:20260309T120000", F.MISSING, "DTEND"),
        ("DTSTART:nonsense", F.UNREADABLE, "DTSTART"),
        ("DTSTART;VALUE=TIME:120000\nDTEND:20260309T130000", F.UNREADABLE, "DTSTART"),
        ("DTSTART:19990309T120000\nDTEND:19990309T130000", F.OUT_OF_RANGE, "DTSTART"),
        ("DTSTART:20600309T120000\nDTEND:20600309T130000", F.OUT_OF_RANGE, None),
        ("DTSTART:20260309T120000\nDTEND:20260309T120000", F.OUT_OF_RANGE, "DTEND"),
        ("DTSTART:20260309T120000\nDTEND:20280309T120000", F.OUT_OF_RANGE, "DTEND"),
        ("DTSTART:20260309T120000\nDTEND:20260309T130000Z", F.CONTRADICTORY, "DTEND"),
        (f"{AT_NOON}\nDURATION:PT1H", F.CONTRADICTORY, "DURATION"),
        (f"{AT_NOON}\nDTSTART:20260309T130000", F.CONTRADICTORY, "DTSTART"),
        ("DTSTART:20260309T120000\nDURATION:20260309", F.UNREADABLE, "DURATION"),
        ("DTSTART;VALUE=DATE:20260309\nDURATION:PT1H", F.CONTRADICTORY, "DURATION"),
        (
            "DTSTART:20260309T120000\nDURATION:PT1H\nRRULE:FREQ=DAILY",
            F.AMBIGUOUS_TIME,
            "DURATION",
        ),
        (
            "DTSTART;TZID=Eastern Standard Time:20260309T120000\nDURATION:PT1H",
            F.UNKNOWN_ZONE,
            "DTSTART",
        ),
        ("DTSTART;TZID=../etc:20260309T120000\nDURATION:PT1H", F.UNKNOWN_ZONE, "DTSTART"),
        (f"{AT_NOON}\nRDATE;VALUE=PERIOD:20261101T073000Z/PT1H", F.AMBIGUOUS_TIME, None),
        (f"{AT_NOON}\nSTATUS:CANCELLED", F.UNSUPPORTED, "STATUS"),
        (f"{AT_NOON}\nRRULE:FREQ=WEEKLY;BYDAY=XX", F.UNREADABLE, "RRULE"),
        (
            f"{AT_NOON}\nRDATE;VALUE=PERIOD:20260310T120000Z/20260310T130000",
            F.CONTRADICTORY,
            "RDATE",
        ),
        (f"{AT_NOON}\nEXRULE:FREQ=DAILY", F.UNSUPPORTED, "EXRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=SECONDLY", F.TOO_FREQUENT, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=HOURLY", F.TOO_FREQUENT, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=NEVER", F.UNREADABLE, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=DAILY;BYHOUR=1,2,3", F.TOO_FREQUENT, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=YEARLY;BYWEEKNO=3", F.UNSUPPORTED, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=WEEKLY;BYMONTHDAY=3", F.UNSUPPORTED, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=WEEKLY;BYDAY=2MO", F.CONTRADICTORY, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=WEEKLY;BYDAY=TU", F.CONTRADICTORY, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=DAILY;INTERVAL=0", F.OUT_OF_RANGE, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=DAILY;INTERVAL=1,2", F.CONTRADICTORY, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=DAILY;COUNT=99999", F.OUT_OF_RANGE, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=MONTHLY;BYMONTHDAY=32", F.OUT_OF_RANGE, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=MONTHLY;BYDAY=99MO", F.OUT_OF_RANGE, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=YEARLY;BYMONTH=13", F.OUT_OF_RANGE, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=YEARLY;BYMONTH=3L", F.UNSUPPORTED, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=YEARLY;COUNT=30", F.OUT_OF_RANGE, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=DAILY;COUNT=3;UNTIL=20260401T000000", F.CONTRADICTORY, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=DAILY;UNTIL=20260401T000000Z", F.CONTRADICTORY, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=DAILY;UNTIL=20260401", F.CONTRADICTORY, "RRULE"),
        (f"{AT_NOON}\nRRULE:FREQ=DAILY\nRRULE:FREQ=DAILY", F.CONTRADICTORY, "RRULE"),
        (
            "DTSTART:20260309T120000\nDTEND:20260319T120000\nRRULE:FREQ=MONTHLY",
            F.UNSUPPORTED,
            "DTEND",
        ),
        (f"{AT_NOON}\nRRULE:FREQ=DAILY\nEXDATE;VALUE=DATE:20260310", F.CONTRADICTORY, "EXDATE"),
        (f"{AT_NOON}\nRRULE:FREQ=DAILY\nEXDATE:1", F.UNREADABLE, "EXDATE"),
        (f"{AT_NOON}\nRDATE;VALUE=DATE:20260310", F.CONTRADICTORY, "RDATE"),
        (
            f"{AT_NOON}\nRDATE;VALUE=PERIOD:20260310T120000/20260310T130000",
            F.AMBIGUOUS_TIME,
            "RDATE",
        ),
        (f"{AT_NOON}\nUID:a\nRECURRENCE-ID:20260310T120000", F.CONTRADICTORY, "RECURRENCE-ID"),
        (
            f"{AT_NOON}\nUID:a\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260310T120000",
            F.UNSUPPORTED,
            "RECURRENCE-ID",
        ),
        (
            f"{AT_NOON}\nUID:a\nRECURRENCE-ID:20260310T120000\nRRULE:FREQ=DAILY",
            F.CONTRADICTORY,
            "RRULE",
        ),
        ("DTSTART:20250309T120000\nDTEND:20250309T130000", F.NOTHING_AHEAD, None),
        (
            f"{AT_NOON}\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO\n"
            "RDATE:" + ",".join(f"{2026 + i // 300}{i % 300 // 25 + 1:02}{i % 25 + 1:02}T010000"
                                for i in range(75, 600)),
            F.TOO_MANY,
            None,
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_held_exactly_is_refused_with_reason_and_place(
    event: str, fault: CalendarFault, prop: str | None
) -> None:
    with pytest.raises(Problem) as refusal:
        imported(event)

    assert refusal.value.code is Code.SCHEDULE_REFUSED
    assert refusal.value.pointer == "/calendar"
    assert (refusal.value.members["reason"], refusal.value.members["property"]) == (
        fault.value,
        prop,
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", F.UNREADABLE),
        ("hello", F.UNREADABLE),
        ("BEGIN:VEVENT\r\nEND:VEVENT\r\n", F.UNREADABLE),
        (calendar() * 2, F.UNREADABLE),
        (calendar(), F.NO_EVENT),
        (calendar(AT_NOON, head="METHOD:CANCEL\n"), F.UNSUPPORTED),
        (calendar(AT_NOON, head="CALSCALE:CHINESE\n"), F.UNSUPPORTED),
        (calendar(AT_NOON).replace("VEVENT", "VTODO"), F.UNSUPPORTED),
        (calendar(*[AT_NOON] * 51), F.TOO_MANY),
        ("x" * (MAX_CHARS + 1), F.TOO_LARGE),
        ("BEGIN:VEVENT\r\n" * 10_000, F.UNREADABLE),
        (calendar(f"{AT_NOON}\nUID:a", f"{AT_NOON}\nUID:a"), F.CONTRADICTORY),
        (
            calendar(
                f"{AT_NOON}\nUID:a\nRRULE:FREQ=DAILY",
                f"{AT_NOON}\nUID:a\nRECURRENCE-ID;VALUE=DATE:20260310",
            ),
            F.CONTRADICTORY,
        ),
        (
            calendar(
                f"{AT_NOON}\nUID:a\nRRULE:FREQ=DAILY",
                *[f"{AT_NOON}\nUID:a\nRECURRENCE-ID:20260310T120000"] * 2,
            ),
            F.CONTRADICTORY,
        ),
        (
            calendar(
                *["DTSTART:20000101T120000\nDTEND:20000101T130000\nRRULE:FREQ=DAILY;COUNT=9999"]
                * 50
            ),
            F.TOO_MANY,
        ),
    ],
)
def test_what_is_no_calendar_or_a_bomb_is_refused_fast(text: str, fault: CalendarFault) -> None:
    began = process_time()

    with pytest.raises(Problem) as refusal:
        read_calendar(text, agency_zone="America/Chicago", now=NOW)

    assert refusal.value.members["reason"] == fault.value
    assert process_time() - began < 3


LINES = [
    *("BEGIN:VEVENT", "END:VEVENT", "BEGIN:VALARM", "END:VALARM", "UID:a", "RECURRENCE-ID:x"),
    *("DTSTART:20260309T120000", "DTSTART;VALUE=DATE:20260309", "DTSTART;TZID=:1"),
    *("DTEND:20260309T130000", "DURATION:P1D", "EXDATE:", "RDATE;VALUE=PERIOD:/"),
    *("RRULE:FREQ=DAILY", "RRULE:FREQ=;", "RRULE:FREQ=MONTHLY;BYDAY=5MO;BYSETPOS=-1"),
]


@settings(max_examples=25, deadline=None)
@given(
    text=st.text(max_size=200)
    | st.lists(
        st.sampled_from(LINES),
        max_size=12,
    ).map(lambda lines: calendar("\n".join(lines)))
)
def test_no_text_breaks_the_reader(text: str) -> None:
    with suppress(Problem):
        found = read_calendar(text, agency_zone="America/Chicago", now=NOW)
        assert found.schedule.next_change(seconds(NOW)) is not None


class TestImport:
    def test_a_weekly_rule_without_end_is_weekly(self) -> None:
        found = imported(f"{NIGHT}\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR")

        assert found.complete_until is None
        assert [window.weekday for window in found.schedule.weekly] == [0, 1, 2, 3, 4]
        assert (found.schedule.added, found.schedule.removed) == ((), ())

    def test_excluded_and_added_dates_are_removals_and_additions(self) -> None:
        found = imported(
            f"{NIGHT}\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU\nEXDATE:20260309T210000\nRDATE:20260314T210000"
        )

        out = LocalWindow(start=local(2026, 3, 9, 21), end=local(2026, 3, 10, 6))
        more = LocalWindow(start=local(2026, 3, 14, 21), end=local(2026, 3, 15, 6))
        assert (found.schedule.removed, found.schedule.added) == ((out,), (more,))

    def test_an_exclusion_leaves_what_another_event_holds(self) -> None:
        found = imported(
            "DTSTART:20260302T120000\nDTEND:20260302T140000\nRRULE:FREQ=WEEKLY\n"
            "EXDATE:20260309T120000",
            "DTSTART:20260302T130000\nDTEND:20260302T150000\nRRULE:FREQ=WEEKLY",
        )

        monday = datetime(2026, 3, 9, tzinfo=ZoneInfo("America/Chicago"))
        held = found.schedule.windows(seconds(monday), seconds(monday + timedelta(days=1)))
        assert held == [
            (seconds(monday + timedelta(hours=13)), seconds(monday + timedelta(hours=15)))
        ]

    def test_an_occurrence_may_be_replaced(self) -> None:
        found = imported(
            f"UID:a\n{NIGHT}\nRRULE:FREQ=WEEKLY",
            "UID:a\nRECURRENCE-ID:20260309T210000\nDTSTART:20260310T210000\nDTEND:20260311T060000",
        )

        assert found.schedule.removed[0].start == local(2026, 3, 9, 21)
        assert found.schedule.added[0].start == local(2026, 3, 10, 21)

    def test_before_its_start_a_weekly_rule_holds_nothing(self) -> None:
        found = imported("DTSTART;VALUE=DATE:20260401\nRRULE:FREQ=WEEKLY")

        first = datetime(2026, 4, 1, tzinfo=ZoneInfo("America/Chicago"))
        assert len(found.schedule.removed) == 1
        assert year_of(found.schedule)[0] == (
            seconds(first),
            seconds(first + timedelta(days=1)),
        )

    def test_an_endless_rule_that_no_week_repeats_says_how_far_it_was_laid_out(self) -> None:
        found = imported(f"{AT_NOON}\nRRULE:FREQ=MONTHLY;BYDAY=2MO")

        assert found.complete_until == date(2027, 3, 2)
        assert found.schedule.weekly == ()
        assert len(found.schedule.added) == 12

    def test_a_rule_that_ends_is_held_to_its_end(self) -> None:
        found = imported(
            "DTSTART;TZID=America/Chicago:20260309T120000\n"
            "DTEND;TZID=America/Chicago:20260309T130000\n"
            "RRULE:FREQ=DAILY;UNTIL=20260311T170000Z"
        )

        assert found.complete_until is None
        assert [window.start.day for window in found.schedule.added] == [9, 10, 11]

    def test_one_zone_of_all_events_is_the_schedule_s(self) -> None:
        found = imported(
            "DTSTART;TZID=America/New_York:20260302T210000\n"
            "DTEND;TZID=America/New_York:20260303T060000\nRRULE:FREQ=DAILY"
        )

        assert found.schedule.timezone == "America/New_York"
        assert len(found.schedule.weekly) == 7

    def test_another_zone_s_times_are_told_in_the_agency_s(self) -> None:
        found = imported(
            AT_NOON,
            "DTSTART:20260309T200000Z\nDURATION:PT90M",
            f"{AT_NOON}\nRDATE;VALUE=PERIOD:20260310T200000Z/PT1H,"
            "20260311T200000Z/20260311T210000Z",
            "DTSTART;TZID=America/New_York:20260312T120000\n"
            "DTEND;TZID=America/New_York:20260312T130000",
        )

        assert [(window.start, window.end) for window in found.schedule.added] == [
            (local(2026, 3, 9, 12), local(2026, 3, 9, 13)),
            (local(2026, 3, 9, 15), local(2026, 3, 9, 16, 30)),
            (local(2026, 3, 10, 15), local(2026, 3, 10, 16)),
            (local(2026, 3, 11, 15), local(2026, 3, 11, 16)),
            (local(2026, 3, 12, 11), local(2026, 3, 12, 12)),
        ]

    def test_days_are_from_local_midnight_to_midnight(self) -> None:
        found = imported("DTSTART;VALUE=DATE:20260308", "DTSTART;VALUE=DATE:20261031\nDURATION:P2D")

        lengths = [end - start for start, end in year_of(found.schedule)]
        assert lengths == [23 * 3600, 49 * 3600]

    def test_more_than_a_day_a_week_is_told_in_days(self) -> None:
        found = imported("DTSTART:20260306T180000\nDTEND:20260308T210000\nRRULE:FREQ=WEEKLY")

        assert len(found.schedule.weekly) == 3
        assert year_of(found.schedule)[1][1] - year_of(found.schedule)[1][0] == 51 * 3600


RULES = [
    *("FREQ=DAILY", "FREQ=WEEKLY"),
    *("FREQ=MONTHLY", "FREQ=YEARLY"),
    *("FREQ=DAILY;BYMONTH=4", "FREQ=DAILY;BYDAY=SA,SU"),
    *("FREQ=WEEKLY;BYDAY=MO,WE", "FREQ=WEEKLY;WKST=SU;BYDAY=SU,MO,SA"),
    *("FREQ=MONTHLY;BYDAY=TH", "FREQ=MONTHLY;BYDAY=2MO,-1FR"),
    *("FREQ=MONTHLY;BYMONTHDAY=-1,13", "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR"),
    *("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1,1", "FREQ=YEARLY;BYMONTH=3,10"),
    *("FREQ=YEARLY;BYDAY=20MO,-3TU", "FREQ=YEARLY;BYYEARDAY=100,-1"),
    *("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",),
]


@settings(max_examples=25, deadline=None)
@given(
    rule=st.sampled_from(RULES),
    interval=st.integers(1, 4),
    end=st.sampled_from(["", ";COUNT=3", ";COUNT=20", ";UNTIL=20260915T170000Z"]),
    day=st.dates(date(2026, 2, 1), date(2026, 6, 1)),
    excluded=st.sets(st.integers(0, 5), max_size=3),
)
def test_random_rules_hold_what_another_library_lays_out(
    rule: str, interval: int, end: str, day: date, excluded: set[int]
) -> None:
    zone = "America/Chicago"
    event = f"UID:a\nDTSTAMP:20260101T000000Z\n%s\nRRULE:{rule};INTERVAL={interval}{end}"

    def times(first: date) -> str:
        return event % (
            f"DTSTART;TZID={zone}:{first:%Y%m%d}T120000\nDTEND;TZID={zone}:{first:%Y%m%d}T210000"
        )

    def laid_out(text: str) -> list[datetime]:
        query = recurring_ical_events.of(icalendar.Calendar.from_ical(calendar(text)))
        found = query.between(NOW, NOW + timedelta(days=365))
        return sorted(each["DTSTART"].dt.replace(tzinfo=None) for each in found)

    try:
        starts = laid_out(times(day))
        imported(times(day))
    except Problem:
        return  # the start is no occurrence of its own rule, or nothing lies ahead
    out = [starts[index] for index in excluded if index < len(starts)]
    text = times(day) + "".join(f"\nEXDATE;TZID={zone}:{wall:%Y%m%dT%H%M%S}" for wall in out)
    starts = [wall for wall in starts if wall not in out]
    if not starts:
        return

    found = imported(text).schedule

    nine_hours = timedelta(hours=9)
    expected = Schedule(
        timezone=zone,
        added=tuple(LocalWindow(start=wall, end=wall + nine_hours) for wall in starts),
    )
    span = (seconds(NOW), seconds(NOW + timedelta(days=365)))
    assert found.windows(*span) == expected.windows(*span)


WALLS = st.datetimes(local(2026, 3, 2), local(2027, 2, 1)).map(
    lambda wall: wall.replace(second=0, microsecond=0)
)
DATED = st.builds(
    lambda start, minutes: LocalWindow(start=start, end=start + timedelta(minutes=minutes)),
    WALLS,
    st.integers(1, 5_000),
)
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30]))
WEEKLY = st.builds(WeeklyWindow, weekday=st.integers(0, 6), start=TIMES, end=TIMES)


@settings(max_examples=25, deadline=None)
@given(
    zone=st.sampled_from(["America/Chicago", "Europe/Zagreb", "Australia/Lord_Howe", "UTC"]),
    weekly=st.lists(WEEKLY, min_size=1, max_size=8),
    added=st.lists(DATED, max_size=4),
    removed=st.lists(DATED, max_size=4),
)
def test_out_and_in_again_is_the_same_schedule(
    zone: str,
    weekly: list[WeeklyWindow],
    added: list[LocalWindow],
    removed: list[LocalWindow],
) -> None:
    schedule = Schedule(
        timezone=zone, weekly=tuple(weekly), added=tuple(added), removed=tuple(removed)
    )

    again = read_calendar(written(schedule), agency_zone="Asia/Tokyo", now=NOW)
    twice = read_calendar(written(again.schedule), agency_zone="Asia/Tokyo", now=NOW)

    assert again.complete_until is None
    assert again.schedule.timezone == zone
    assert year_of(again.schedule) == year_of(schedule)
    assert year_of(again.schedule, NOW + timedelta(days=3_000)) == year_of(
        schedule, NOW + timedelta(days=3_000)
    )
    assert twice == again


def test_another_program_reads_what_is_written() -> None:
    schedule = imported(f"{NIGHT}\nRRULE:FREQ=WEEKLY;BYDAY=MO\nEXDATE:20260309T210000").schedule

    text = written(schedule)

    assert "BEGIN:VTIMEZONE" in text
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(
        NOW, NOW + timedelta(days=21)
    )
    assert [each["DTSTART"].dt.day for each in found] == [2, 16]


class TestOverHttp:
    def test_a_calendar_becomes_a_draft_that_can_be_imposed(
        self, http: FlaskClient, case: Case, database: Database
    ) -> None:
        with database.transaction() as session:
            order = order_for(session, case, now=START)
        text = calendar(f"{NIGHT}\nRRULE:FREQ=DAILY")

        answer = http.post("/v1/schedules/from-calendar", json={"calendar": text})

        assert answer.status_code == 200
        draft = answer.json or {}
        assert draft["complete_until"] is None
        assert draft["schedule"]["timezone"] == "America/Chicago"
        body = {
            "kind": "inclusion-zone",
            "title": "Home",
            "zone": {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]},
                     "properties": {"radius_m": 100}},
            "schedule": draft["schedule"],
            "reason": "As ordered.",
        }  # fmt: skip
        assert http.post(f"/v1/orders/{order.id}/conditions", json=body).status_code == 201

    def test_what_is_refused_says_why_and_where(self, http: FlaskClient) -> None:
        text = calendar(f"{AT_NOON}\nRRULE:FREQ=MINUTELY")

        answer = http.post("/v1/schedules/from-calendar", json={"calendar": text})

        assert answer.status_code == 422
        body = answer.json or {}
        assert (body["code"], body["reason"]) == ("schedule-refused", "too-frequent")
        assert (body["component"], body["property"]) == (0, "RRULE")

    def test_who_may_not_write_conditions_drafts_none(
        self, http: FlaskClient, case: Case, caller: ChosenActor
    ) -> None:
        caller.actor = case.auditor

        answer = http.post("/v1/schedules/from-calendar", json={"calendar": calendar(AT_NOON)})

        assert answer.status_code == 403

    def test_a_curfew_is_given_as_a_calendar(
        self, http: FlaskClient, case: Case, database: Database
    ) -> None:
        with database.transaction() as session:
            condition = impose_curfew(session, case, order_for(session, case, now=START), now=START)

        answer = http.get(f"/v1/conditions/{condition.id}/calendar")

        assert answer.status_code == 200
        assert answer.content_type == "text/calendar; charset=utf-8"
        back = http.post("/v1/schedules/from-calendar", json={"calendar": answer.text})
        assert (back.json or {})["schedule"] == NIGHTS

    def test_without_a_schedule_there_is_no_calendar(
        self, http: FlaskClient, case: Case, other_case: Case, database: Database
    ) -> None:
        with database.transaction() as session:
            order = order_for(session, case, now=START)
            always = impose_exclusion(session, case, order, now=START)
            others = impose_curfew(
                session, other_case, order_for(session, other_case, now=START), now=START
            )

        answers = [http.get(f"/v1/conditions/{each.id}/calendar") for each in (always, others)]

        assert [answer.status_code for answer in answers] == [404, 404]

    def test_a_victim_s_zone_gives_its_calendar_to_nobody_else(
        self, http: FlaskClient, case: Case, database: Database
    ) -> None:
        with database.transaction() as session:
            hidden = impose_confidential(
                session, case, order_for(session, case, now=START), now=START
            )

        assert http.get(f"/v1/conditions/{hidden.id}/calendar").status_code == 403
