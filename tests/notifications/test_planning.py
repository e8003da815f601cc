from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications.formats import Language
from notifications.kind import MessageKind
from notifications.planning import (
    DEFAULT_POLICY,
    DueItem,
    PlannedMessage,
    Preferences,
    ReminderPolicy,
    Subject,
    plan,
)
from tests.notifications.strategies import ZONES, days_of_change, zones_and_days

TESTA, OTTO = UUID(int=1), UUID(int=2)
CHICAGO = ZoneInfo("America/Chicago")
LONG_AGO = datetime(1960, 1, 1, tzinfo=UTC)


def preferences(
    zone: ZoneInfo = CHICAGO, opted_out: frozenset[MessageKind] = frozenset()
) -> Preferences:
    return Preferences(zone=zone, language=Language.SPANISH, opted_out=opted_out)


def payment(due_on: date, *, source: int = 10, person: UUID = TESTA) -> DueItem:
    return DueItem(
        person=person,
        kind=MessageKind.PAYMENT,
        source_id=UUID(int=source),
        subject=Subject.SUPERVISION_FEE,
        due_on=due_on,
        amount_minor=4000,
        currency="USD",
    )


def hearing(due_at: datetime, *, source: int = 20) -> DueItem:
    return DueItem(
        person=TESTA,
        kind=MessageKind.HEARING,
        source_id=UUID(int=source),
        subject=Subject.COURT_HEARING,
        due_at=due_at,
    )


def planned(
    *items: DueItem,
    now: datetime = LONG_AGO,
    theirs: Preferences | None = None,
    policy: ReminderPolicy = DEFAULT_POLICY,
) -> list[PlannedMessage]:
    known = dict.fromkeys((TESTA, OTTO), theirs or preferences())
    return plan(items, known, now=now, policy=policy)


@pytest.mark.parametrize(
    ("apart", "days"),
    [
        (timedelta(), [13, 17]),
        (timedelta(minutes=59), [13, 17]),
        (timedelta(minutes=-59), [13, 17]),
        (timedelta(hours=1), [13, 17, 19]),
        (timedelta(hours=-1), [13, 17, 19]),
    ],
)
def test_what_a_person_is_told_within_the_hour_is_not_reminded_of(
    apart: timedelta, days: list[int]
) -> None:
    item = hearing(datetime(2026, 3, 20, 15, tzinfo=UTC))
    last = planned(item)[-1].send_at

    messages = planned(replace(item, told_at=last + apart))

    assert [message.key.on.day for message in messages] == days


def test_nothing_due_plans_nothing() -> None:
    assert planned() == []


def test_a_person_without_preferences_is_a_fault() -> None:
    with pytest.raises(KeyError):
        plan([payment(date(2026, 3, 20))], {}, now=LONG_AGO, policy=DEFAULT_POLICY)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda good: replace(good, due_on=None), id="no due time"),
        pytest.param(lambda good: replace(good, due_at=LONG_AGO), id="two due times"),
        pytest.param(lambda good: replace(good, amount_minor=None), id="no amount"),
        pytest.param(lambda good: replace(good, amount_minor=0), id="nothing owed"),
        pytest.param(lambda good: replace(good, currency=None), id="no currency"),
        pytest.param(lambda good: replace(good, kind=MessageKind.CHECK_IN), id="fee to check in"),
        pytest.param(lambda good: replace(good, kind=MessageKind.ALERT), id="an alert"),
        pytest.param(lambda good: replace(good, due_on=date.max), id="end of the calendar"),
        pytest.param(lambda good: replace(good, due_on=date.min), id="start of the calendar"),
        pytest.param(
            lambda good: replace(good, due_on=None, due_at=datetime(2026, 3, 1)),  # noqa: DTZ001  the naive time is refused
            id="naive time",
        ),
    ],
)
def test_an_impossible_item_is_refused(wrong: Callable[[DueItem], DueItem]) -> None:
    with pytest.raises(ValueError, match=r"due|payment|alert"):
        wrong(payment(date(2026, 3, 20)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"send_at": time(7, 59)},
        {"send_at": time(21)},
        {"overdue_lifetime_days": 0},
        {"offsets_days": {MessageKind.HEARING: (1,)}},
    ],
)
def test_an_impossible_policy_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="remind"):
        ReminderPolicy(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_a_payment_is_reminded_of_five_days_and_one_day_before_and_once_after() -> None:
    due = payment(date(2026, 3, 20))

    messages = planned(due)

    # Chicago is on daylight saving time from 8 March: 13:00 is 18:00 UTC.
    assert [message.send_at for message in messages] == [
        datetime(2026, 3, 15, 18, tzinfo=UTC),
        datetime(2026, 3, 19, 18, tzinfo=UTC),
        datetime(2026, 3, 21, 18, tzinfo=UTC),
    ]
    assert [bool(message.overdue) for message in messages] == [False, False, True]
    assert {message.items for message in messages} == {(due,)}
    assert {message.language for message in messages} == {Language.SPANISH}


def test_a_hearing_is_reminded_of_seven_three_and_one_day_before() -> None:
    messages = planned(hearing(datetime(2026, 3, 9, 14, tzinfo=UTC)))

    # The clocks change on 8 March, between the second and the third.
    assert [message.send_at for message in messages] == [
        datetime(2026, 3, 2, 19, tzinfo=UTC),
        datetime(2026, 3, 6, 19, tzinfo=UTC),
        datetime(2026, 3, 8, 18, tzinfo=UTC),
    ]


def test_an_instant_falls_due_on_the_day_of_the_persons_zone() -> None:
    late_evening = datetime(2026, 3, 3, 4, tzinfo=UTC)  # 2 March, 22:00 in Chicago

    [message] = planned(
        hearing(late_evening), policy=ReminderPolicy(offsets_days={MessageKind.HEARING: (-1,)})
    )

    assert message.key.on == date(2026, 3, 1)


def test_a_message_ends_with_the_event() -> None:
    at = datetime(2026, 3, 9, 14, tzinfo=UTC)

    messages = planned(hearing(at), payment(date(2026, 3, 20)))

    ends = {(message.key.kind, bool(message.overdue)): message.expires_at for message in messages}
    assert ends == {
        (MessageKind.HEARING, False): at,
        (MessageKind.PAYMENT, False): datetime(2026, 3, 21, 5, tzinfo=UTC),
        (MessageKind.PAYMENT, True): datetime(2026, 3, 28, 5, tzinfo=UTC),
    }


def test_what_is_already_past_is_skipped() -> None:
    due = payment(date(2026, 3, 20))
    instant = datetime(2026, 3, 15, 18, tzinfo=UTC)

    at_the_instant = planned(due, now=instant)
    after_it = planned(due, now=instant + timedelta(microseconds=1))
    after_all = planned(due, now=datetime(2026, 4, 1, tzinfo=UTC))

    assert [len(some) for some in (at_the_instant, after_it, after_all)] == [3, 2, 0]


def test_a_reminder_on_the_day_is_skipped_if_the_event_is_before_it() -> None:
    same_day = ReminderPolicy(offsets_days={MessageKind.HEARING: (0,)})
    morning = hearing(datetime(2026, 3, 2, 15, tzinfo=UTC))
    evening = hearing(datetime(2026, 3, 2, 23, tzinfo=UTC))

    assert planned(morning, policy=same_day) == []
    assert len(planned(evening, policy=same_day)) == 1


def test_items_of_one_kind_and_day_share_a_message_that_ends_with_the_first() -> None:
    tomorrow, later = payment(date(2026, 3, 20), source=1), payment(date(2026, 3, 24), source=2)

    messages = planned(later, tomorrow)

    [merged] = [message for message in messages if len(message.items) > 1]
    assert merged.key.on == date(2026, 3, 19)
    assert merged.items == (tomorrow, later)
    assert merged.expires_at == datetime(2026, 3, 21, 5, tzinfo=UTC)


def test_an_overdue_payment_and_one_to_come_share_a_message() -> None:
    overdue, to_come = payment(date(2026, 3, 18), source=1), payment(date(2026, 3, 20), source=2)

    messages = planned(overdue, to_come)

    [merged] = [message for message in messages if len(message.items) > 1]
    assert merged.items == (overdue, to_come)
    assert merged.overdue == {overdue.source_id}


def test_people_and_kinds_do_not_share_a_message() -> None:
    day = date(2026, 3, 20)
    one_day_before = ReminderPolicy(
        offsets_days={MessageKind.PAYMENT: (-1,), MessageKind.HEARING: (-1,)}
    )

    messages = planned(
        payment(day),
        payment(day, person=OTTO),
        hearing(datetime(2026, 3, 20, 15, tzinfo=UTC)),
        policy=one_day_before,
    )

    assert len({message.key for message in messages}) == len(messages) == 3
    assert {message.key.on for message in messages} == {date(2026, 3, 19)}


def test_an_opt_out_is_heeded_except_for_what_is_mandatory() -> None:
    silent = preferences(opted_out=frozenset({MessageKind.PAYMENT, MessageKind.HEARING}))
    hearings_always = ReminderPolicy(mandatory=frozenset({MessageKind.HEARING}))
    items = [payment(date(2026, 3, 20)), hearing(datetime(2026, 3, 9, 14, tzinfo=UTC))]

    assert planned(*items, theirs=silent) == []
    messages = planned(*items, theirs=silent, policy=hearings_always)
    assert {message.key.kind for message in messages} == {MessageKind.HEARING}


def test_a_kind_without_offsets_is_not_reminded_of() -> None:
    assert planned(payment(date(2026, 3, 20)), policy=ReminderPolicy(offsets_days={})) == []


def test_a_moved_item_names_other_messages() -> None:
    before = {str(message.key) for message in planned(payment(date(2026, 3, 20)))}
    after = {str(message.key) for message in planned(payment(date(2026, 4, 20)))}

    assert f"{TESTA}:payment:2026-03-15" in before
    assert not before & after


def test_a_reminder_on_a_day_that_a_zone_skipped_moves_to_the_next() -> None:
    samoa = preferences(ZoneInfo("Pacific/Apia"))
    on_the_skipped_day = payment(date(2011, 12, 31), source=1)
    on_the_day_after = payment(date(2012, 1, 1), source=2)
    day_before = ReminderPolicy(offsets_days={MessageKind.PAYMENT: (-1,)})

    [message] = planned(on_the_skipped_day, on_the_day_after, theirs=samoa, policy=day_before)

    assert message.key.on == date(2011, 12, 31)
    assert message.send_at == datetime(2011, 12, 30, 23, tzinfo=UTC)  # 13:00 there
    assert message.items == (on_the_skipped_day, on_the_day_after)


EVENTS = [MessageKind.CHECK_IN, MessageKind.HEARING, MessageKind.APPOINTMENT]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[DueItem], dict[UUID, Preferences], datetime]:
    """Some items of two people around a day on which clocks change, and a now among them."""
    zone, day = draw(zones_and_days())
    zones = [zone, ZoneInfo(draw(st.sampled_from(ZONES)))]
    people = [TESTA, OTTO]
    items = []
    for source in range(draw(st.integers(0, 8))):
        base = payment(
            day + timedelta(days=draw(st.integers(-6, 8))),
            source=100 + source,
            person=draw(st.sampled_from(people)),
        )
        if draw(st.booleans()):
            instant = datetime.combine(day, draw(st.times()), UTC)
            base = replace(
                base,
                kind=draw(st.sampled_from(EVENTS)),
                due_on=None,
                due_at=instant + timedelta(days=draw(st.integers(-2, 8))),
                amount_minor=None,
                currency=None,
            )
        items.append(base)
    now = datetime.combine(day, draw(st.times()), UTC)
    now += timedelta(days=draw(st.integers(-10, 5)))
    known = {person: preferences(zone) for person, zone in zip(people, zones, strict=True)}
    return items, known, now


@settings(max_examples=200, deadline=None)
@given(histories(), st.randoms(use_true_random=False), st.integers(0, 20 * 24 * 3600))
def test_planning_is_idempotent_and_stable_under_planning_again_later(
    history: tuple[list[DueItem], dict[UUID, Preferences], datetime],
    random: Random,
    later_s: int,
) -> None:
    items, known, now = history
    shuffled = items * 2
    random.shuffle(shuffled)
    later = now + timedelta(seconds=later_s)

    first = plan(items, known, now=now, policy=DEFAULT_POLICY)

    assert plan(shuffled, known, now=now, policy=DEFAULT_POLICY) == first
    still_ahead = [message for message in first if message.send_at >= later]
    assert plan(items, known, now=later, policy=DEFAULT_POLICY) == still_ahead


@settings(max_examples=200, deadline=None)
@given(histories())
def test_every_message_is_unique_ahead_alive_and_sent_in_waking_hours(
    history: tuple[list[DueItem], dict[UUID, Preferences], datetime],
) -> None:
    items, known, now = history

    messages = plan(items, known, now=now, policy=DEFAULT_POLICY)

    assert len({str(message.key) for message in messages}) == len(messages)
    for message in messages:
        local = message.send_at.astimezone(known[message.key.person].zone)
        assert local.time() == time(13)
        assert local.date() == message.key.on
        assert now <= message.send_at < message.expires_at
        assert message.waking_hours.contains(message.send_at)
        assert {item.person for item in message.items} == {message.key.person}
        assert {item.kind for item in message.items} == {message.key.kind}
        assert message.overdue <= {item.source_id for item in message.items}


def test_the_days_of_change_are_found() -> None:
    """The properties above are worth something only if they meet such days."""
    assert days_of_change("America/New_York", 2026) == [date(2026, 3, 8), date(2026, 11, 1)]
    assert days_of_change("Pacific/Apia", 2011)[-1] in {date(2011, 12, 30), date(2011, 12, 31)}
