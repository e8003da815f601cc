"""What simulated phones are to do: the track, its laps, outages, pages of the journal."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.simulator.plan import Deed, Event, Plan
from backend.simulator.position import Position
from backend.simulator.track import TimedPosition
from tests.support.clocks import START


def track(*seconds: float) -> list[TimedPosition]:
    """A way due north, a thousandth of a degree for each point."""
    return [
        TimedPosition(
            at=START + timedelta(seconds=at_s),
            position=Position(latitude=45 + number / 1000, longitude=14.0, accuracy_m=8.0),
        )
        for number, at_s in enumerate(seconds)
    ]


def times(events: list[Event], deed: Deed) -> list[int]:
    return [event.at_s for event in events if event.deed is deed]


def latitudes(events: list[Event]) -> list[float]:
    return [event.position.latitude for event in events if event.position is not None]


def test_a_track_without_points_gives_nothing_to_do() -> None:
    plan = Plan(track=[], offline=0.5)

    assert (plan.lasts_s, plan.events_of(0)) == (0, [])


def test_each_phone_begins_later_than_the_one_before() -> None:
    plan = Plan(track=track(0, 5, 9), apart_s=7)

    assert times(plan.events_of(0), Deed.TAKE) == [0, 5, 9]
    assert times(plan.events_of(2), Deed.TAKE) == [14, 19, 23]


def test_one_second_has_one_fix_at_most_and_every_says_how_seldom() -> None:
    assert times(Plan(track=track(0, 0.4, 1, 2, 3)).events_of(0), Deed.TAKE) == [0, 1, 2, 3]
    assert times(Plan(track=track(0, 1, 2, 3, 4), every_s=2).events_of(0), Deed.TAKE) == [0, 2, 4]


def test_odd_laps_go_the_same_way_back() -> None:
    events = Plan(track=track(0, 10, 30), laps=3).events_of(0)

    assert times(events, Deed.TAKE) == [0, 10, 30, 50, 60, 70, 90]
    assert latitudes(events) == [45.0, 45.001, 45.002, 45.001, 45.0, 45.001, 45.002]


def test_the_journal_is_written_by_the_clock_and_sent_late_as_far_as_is_allowed() -> None:
    plan = Plan(track=track(0, 3000), journal_every_s=900, late_s=600)

    events = plan.events_of(0)

    assert times(events, Deed.WRITE) == [900, 1800, 2700]
    written = {event.page: event.at_s for event in events if event.deed is Deed.WRITE}
    sent = {event.page: event.at_s for event in events if event.deed is Deed.SEND}
    assert sent.keys() == written.keys()
    assert all(0 <= sent[page] - at_s <= 600 for page, at_s in written.items())


@pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
def test_a_phone_is_offline_for_its_share_of_the_time(share: float) -> None:
    events = Plan(track=track(0, 3600), offline=share).events_of(4)

    out = sum(times(events, Deed.JOIN)) - sum(times(events, Deed.CUT))
    assert out == pytest.approx(3600 * share, abs=6)


def test_what_is_lost_and_when_it_reboots_comes_from_the_seed_alone() -> None:
    plan = Plan(track=track(*range(200)), lose=0.3, reboots=2, seed=7)

    events = plan.events_of(1)

    assert events == plan.events_of(1)
    assert events != Plan(track=track(*range(200)), lose=0.3, reboots=2, seed=8).events_of(1)
    assert 30 <= len(times(events, Deed.LOSE)) <= 90
    assert len(times(events, Deed.REBOOT)) == 2
    assert events == sorted(events, key=lambda event: (event.at_s, event.deed))


def test_keys_are_changed_by_the_phones_own_clock_and_only_where_it_is_said() -> None:
    way = track(0, 100)

    assert times(Plan(track=way).events_of(0), Deed.ROTATE) == []
    assert times(Plan(track=way, rotate_every_s=40).events_of(1), Deed.ROTATE) == [70, 110]


def test_a_phone_looks_for_check_ins_by_the_clock_or_never() -> None:
    way = track(0, 300)

    assert times(Plan(track=way).events_of(0), Deed.CHECK_IN) == []
    assert times(Plan(track=way, check_in_every_s=120).events_of(1), Deed.CHECK_IN) == [150, 270]
