"""A late fact costs what it changes, and what it changes is what judging all again would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import geofence
from backend.alerts.lifecycle import AlertState
from backend.core.db import Database
from backend.location import judging, person
from backend.location.models import Checkpoint, PersonState
from backend.simulator.position import Position
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import let_rest
from tests.support.location import HOME, MARKET, Watched, approach, at, watched_person

_AT_HOME = [at(HOME, east_m=step % 7, north_m=step % 5) for step in range(25)]
_TO_MARKET = approach(MARKET, 1500.0, 10)
_DAY = [*_AT_HOME, *_TO_MARKET, *_TO_MARKET[::-1], *_AT_HOME, *_TO_MARKET, *_AT_HOME]


def _walk_but(one: Watched, late: int, positions: list[Position], *, edited: bool = False) -> int:
    """Take a fix a minute, deliver all but one, and that one at last; return how many were folded."""
    held = None
    for step, position in enumerate(positions):
        one.phone.take_fix(position)
        if step == late:
            held = one.phone._fix
        else:
            one.phone.deliver_fix()
        one.clock.step(seconds=60)
    if edited:
        with one.database.transaction() as session:
            let_rest(session, one.case, now=one.clock.now(), starts_at=START, hours=0.01)
    one.phone._fix = held
    return _folded(one.phone.deliver_fix)


def _folded(act: Callable[[], object]) -> int:
    """Return how many fixes were folded while something was done."""
    folded = 0
    fold = geofence.judge

    def counting(
        state: geofence.State, fixes: list[geofence.Fix], *rest: Any, **named: Any
    ) -> geofence.Judgement:
        nonlocal folded
        folded += len(fixes)
        return fold(state, fixes, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geofence, "judge", counting)
        act()
    return folded


def _kept(one: Watched) -> dict[str, Any]:
    """Everything that judging keeps of the person."""
    with one.database.snapshot() as session:
        rows = session.execute(
            select(Checkpoint.until_s, Checkpoint.state).order_by(Checkpoint.until_s)
        )
        checkpoints = {row.until_s: row.state for row in rows}
    episodes = [
        (row.id, row.ordinal, row.verdict, row.withdrawn, row.alert_id) for row in one.episodes()
    ]
    alerts = [(row.id, row.state, row.cleared_at) for row in one.alerts()]
    return {"checkpoints": checkpoints, "episodes": episodes, "alerts": alerts}


def _judge_all_again(one: Watched, since_s: int) -> bytes | None:
    now = one.clock.now()
    with one.database.transaction() as session:
        found = person.find(session, one.case.supervisee_id)
        assert found is not None
        rules = one.book.of(session, one.case.supervisee_id, found.rules_epoch, now)
        again = judging.rejudge(session, found, rules, since_s=since_s, now=now)
    return again.judgement


@pytest.mark.parametrize("late", [3, 20, 31, 34, 44, 60, 80])
def test_a_late_fix_is_judged_until_nothing_differs_any_more(
    app: Flask, database: Database, clock: FrozenClock, late: int
) -> None:
    one = watched_person(app, database, clock)

    folded = _walk_but(one, late, _DAY)

    kept = _kept(one)
    with database.snapshot() as session:
        stored = session.scalars(select(PersonState.judgement)).one()
    assert folded <= 50
    fix = next(fix for fix in one.fixes() if fix.seq == late + 1)
    assert _judge_all_again(one, fix.taken_s) == stored
    assert _kept(one) == kept
    assert len([row for row in one.episodes() if not row.withdrawn]) >= 2


def test_a_late_fix_that_changes_what_follows_is_judged_to_the_end(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    """The fix that opened the first episode comes last: every episode after it is renumbered."""
    one = watched_person(app, database, clock)
    brief = [*_AT_HOME, at(MARKET), *_AT_HOME, *_TO_MARKET, *_AT_HOME]

    folded = _walk_but(one, 25, brief)

    kept = _kept(one)
    assert folded >= len(brief) - 30
    _judge_all_again(one, one.fixes()[25].taken_s)
    assert _kept(one) == kept


@pytest.mark.parametrize("first", [3, 12, 60])
def test_a_late_batch_is_judged_until_nothing_differs_any_more(
    app: Flask, database: Database, clock: FrozenClock, first: int
) -> None:
    one = watched_person(app, database, clock)
    for step, position in enumerate(_DAY):
        if first <= step < first + 10:
            one.phone.buffer_fix(position)
        else:
            one.phone.take_fix(position)
            one.phone.deliver_fix()
        clock.step(seconds=60)

    folded = _folded(one.phone.send_journal)

    kept = _kept(one)
    with database.snapshot() as session:
        stored = session.scalars(select(PersonState.judgement)).one()
    assert folded <= 50
    assert len(one.fixes()) == len(_DAY)
    late = next(fix for fix in one.fixes() if fix.journal_n is not None)
    assert _judge_all_again(one, late.taken_s) == stored
    assert _kept(one) == kept


def test_after_an_edit_of_the_past_nothing_since_is_taken_as_judged(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    one = watched_person(app, database, clock)

    folded = _walk_but(one, 3, _DAY[:60], edited=True)

    assert folded >= 56


def test_what_later_fixes_took_back_stays_taken_back_when_all_is_judged_again(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    """Reported in one quarter of an hour, taken back in the next."""
    monday = {"weekday": "monday", "start": "00:00", "end": "23:00"}
    schedule = {"timezone": "UTC", "weekly": [monday], "added": [], "removed": []}
    one = watched_person(app, database, clock, exclusion=False, schedule=schedule)
    in_doubt = [at(HOME, east_m=152.0, north_m=float(step)) for step in range(12)]
    one.walk([*_AT_HOME[:5], at(HOME, east_m=190.0), *in_doubt, *_AT_HOME[:5]])
    kept = _kept(one)

    _judge_all_again(one, one.fixes()[0].taken_s)

    assert [alert.state for alert in one.alerts()] == [AlertState.WITHDRAWN]
    assert _kept(one)["alerts"] == kept["alerts"]
    assert [row for row in one.episodes() if not row.withdrawn] == []


def test_an_end_before_the_state_to_begin_from_is_no_second_episode(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    """The first fix outside is the last of its quarter of an hour; the next one proves the end."""
    one = watched_person(app, database, clock, curfew=False)
    inside = [at(MARKET, east_m=5.0 * step, north_m=20.0) for step in range(3)]
    one.walk([*_TO_MARKET[3:], *inside, *_TO_MARKET[::-1]])
    kept = _kept(one)
    (episode,) = one.episodes()
    assert episode.ended_s is not None
    assert episode.ended_s in kept["checkpoints"]

    _judge_all_again(one, episode.ended_s + 60)

    assert _kept(one) == kept
    assert len(one.alerts()) == 1


def test_what_ended_before_judging_begins_anew_keeps_its_name(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    watched = watched_person(app, database, clock, curfew=False)
    breach = [at(MARKET, north_m=20.0 * n) for n in range(4)]
    watched.walk([at(HOME), *breach, *_AT_HOME[:5]])
    before = {row.id: row.verdict for row in watched.episodes()}
    watched.clock.step(seconds=judging.HISTORY_S + 86_400)
    watched.phone.buffer_fix(_AT_HOME[3])
    watched.clock.step(seconds=60)
    watched.walk(_AT_HOME[4:6])
    watched.phone.send_journal()

    watched.walk([*breach, *_AT_HOME[:5]])

    after = {row.id: row.verdict for row in watched.episodes()}
    assert before.items() <= after.items()
    assert (len(before), len(after)) == (1, 2)
