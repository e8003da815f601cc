"""Numbers that a phone went past: the officer is told when they never come, and not before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from backend.alerts import service as alerts
from backend.alerts.kinds import AlertKind, Severity
from backend.alerts.lifecycle import AlertState, Disposition, Step
from backend.alerts.models import AlertEventRow, AlertRow
from backend.alerts.values import EventKind
from backend.core.db import Database
from backend.devices import service as devices
from backend.devices.key_state import KeyReason
from backend.location import missing
from backend.location.models import Episode, MissingFixes
from backend.location.rulebook import RuleBook
from backend.worker import jobs
from tests.support.clocks import FrozenClock
from tests.support.conditions import exempt, order_for
from tests.support.location import HOME, Watched, at, enrol, watched_person

STATED = timedelta(hours=6)


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    """A person at home with a phone that has not sent anything."""
    return watched_person(app, database, clock)


def skip(watched: Watched, count: int = 1) -> None:
    """Use up numbers of which nothing is ever heard."""
    watched.phone._seq += count


def buffer(watched: Watched, count: int = 1) -> str:
    """Take fixes without a connection and sign them; returns the token, which is not sent."""
    for number in range(count):
        watched.phone.buffer_fix(at(HOME, east_m=number))
        watched.clock.step(seconds=60)
    return watched.phone.write_journal()


def send(watched: Watched, text: str) -> None:
    assert watched.phone.send_token(text).status == 200


def look(watched: Watched, after: timedelta = STATED) -> None:
    """Let time pass, and the worker look once."""
    watched.clock.step(seconds=after.total_seconds())
    jobs.account(watched.database, RuleBook(), watched.clock.now())


def told(watched: Watched) -> list[AlertRow]:
    return [one for one in watched.alerts() if one.kind is AlertKind.FIXES_MISSING]


def numbers(watched: Watched) -> list[Any]:
    """What the one alert says is missing."""
    (alert,) = told(watched)
    return list(alert.explanation["numbers"])


def waiting(watched: Watched) -> list[MissingFixes]:
    with watched.database.snapshot() as session:
        return list(session.scalars(select(MissingFixes).order_by(MissingFixes.id)))


def events(watched: Watched) -> list[EventKind]:
    with watched.database.snapshot() as session:
        rows = session.scalars(select(AlertEventRow).order_by(AlertEventRow.number))
        return [row.kind for row in rows]


def live(watched: Watched) -> None:
    """Send a fix that is accepted."""
    assert watched.walk([at(HOME)]) == [200]


def test_numbers_that_a_live_fix_goes_past_are_told_after_the_stated_time(watched: Watched) -> None:
    live(watched)
    skip(watched, 3)
    live(watched)

    look(watched, STATED - timedelta(minutes=2))
    early = told(watched)
    look(watched, timedelta(minutes=2))

    assert early == []
    (alert,) = told(watched)
    assert alert.severity is Severity.WARNING
    assert alert.state is AlertState.OPEN
    assert alert.explanation == {
        "activation_id": str(watched.fixes()[0].activation_id),
        "numbers": [[2, 4]],
        "count": 3,
        "noted_at": "2026-03-02T09:01:00Z",
    }
    assert alert.sentence_en == (
        "Positions that the phone numbered, and neither delivered nor declared lost: 3. Later ones "
        "are here since 2026-03-02 03:01. A missing position is not a violation."
    )
    assert alert.sentence_es == (
        "Posiciones que el teléfono numeró y que ni entregó ni declaró perdidas: 3. Hay posteriores "
        "desde 2026-03-02 03:01. Una posición que falta no es un incumplimiento."
    )


def test_it_is_no_violation(watched: Watched) -> None:
    live(watched)
    skip(watched)
    live(watched)

    look(watched)

    with watched.database.snapshot() as session:
        assert session.scalars(select(Episode)).all() == []


def test_an_agency_may_state_another_time(watched: Watched) -> None:
    watched.set_policy(missing_after_s=900)
    live(watched)
    skip(watched)
    live(watched)

    look(watched, timedelta(minutes=14))

    assert len(told(watched)) == 1


def test_numbers_that_a_journal_leaves_out_are_told(watched: Watched) -> None:
    skip(watched, 2)
    buffered = buffer(watched, 2)
    skip(watched)
    send(watched, buffered)
    send(watched, buffer(watched))

    look(watched)

    assert numbers(watched) == [[1, 2], [5, 5]]


def test_a_hole_within_a_token_is_told(watched: Watched) -> None:
    watched.phone.buffer_fix(at(HOME))
    skip(watched)
    watched.phone.buffer_fix(at(HOME))
    watched.phone.lose_fix("TIMEOUT")
    skip(watched, 2)
    watched.phone.lose_fix("TIMEOUT")
    send(watched, watched.phone.write_journal())

    look(watched)

    assert numbers(watched) == [[2, 2], [5, 6]]


def test_what_a_journal_delivers_in_time_is_never_told(watched: Watched) -> None:
    live(watched)
    text = buffer(watched, 3)
    live(watched)
    noted = waiting(watched)
    send(watched, text)

    look(watched)

    assert [row.numbers for row in noted] == [[[2, 4]]]
    assert (told(watched), waiting(watched)) == ([], [])


def test_what_is_declared_lost_in_time_is_never_told(watched: Watched) -> None:
    live(watched)
    watched.phone.lose_fix("storage")
    watched.phone.lose_fix("storage")
    live(watched)
    send(watched, watched.phone.write_journal())

    look(watched)

    assert (told(watched), waiting(watched)) == ([], [])


def test_what_is_declared_lost_at_once_is_not_even_noted(watched: Watched) -> None:
    watched.phone.lose_fix("storage")
    send(watched, watched.phone.write_journal())
    live(watched)

    assert waiting(watched) == []


def test_tokens_out_of_order_leave_nothing_missing(watched: Watched) -> None:
    texts = [buffer(watched, 2) for _ in range(3)]
    for number in (2, 0, 1):
        send(watched, texts[number])

    look(watched)

    assert told(watched) == []


def test_live_fixes_out_of_order_leave_nothing_missing(watched: Watched) -> None:
    watched.phone.take_fix(at(HOME))
    first = watched.phone._fix
    watched.clock.step(seconds=1)
    live(watched)
    watched.clock.step(seconds=-20)
    watched.phone._fix = first
    assert watched.phone.deliver_fix().status == 200

    look(watched)

    assert (told(watched), waiting(watched)) == ([], [])


def test_when_they_come_after_all_the_alert_is_withdrawn(watched: Watched) -> None:
    live(watched)
    text = buffer(watched, 3)
    live(watched)
    look(watched)
    assert numbers(watched) == [[2, 4]]
    send(watched, text)

    look(watched, timedelta(hours=1))

    (alert,) = told(watched)
    assert alert.state is AlertState.WITHDRAWN
    assert [row.look_at_ms for row in waiting(watched)] == [None]


def test_when_they_are_declared_lost_after_all_the_alert_is_withdrawn(watched: Watched) -> None:
    live(watched)
    watched.phone.lose_fix("storage")
    text = watched.phone.write_journal()
    live(watched)
    look(watched)
    send(watched, text)

    look(watched, timedelta(hours=1))

    assert [one.state for one in told(watched)] == [AlertState.WITHDRAWN]


def test_of_what_comes_in_part_the_rest_is_told(watched: Watched) -> None:
    live(watched)
    skip(watched)
    text = buffer(watched, 3)
    live(watched)
    look(watched)
    assert numbers(watched) == [[2, 5]]
    send(watched, text)

    look(watched, timedelta(hours=1))

    assert numbers(watched) == [[2, 2]]
    assert [one.state for one in told(watched)] == [AlertState.OPEN]


def test_more_of_the_same_is_one_alert_until_it_is_decided(watched: Watched) -> None:
    for _ in range(2):
        live(watched)
        skip(watched)
    live(watched)
    look(watched)
    both, first_events = numbers(watched), events(watched)
    skip(watched)
    live(watched)
    look(watched)
    (alert,) = told(watched)
    assert both == [[2, 2], [4, 4]]
    assert first_events.count(EventKind.EXTENDED) == 0
    assert numbers(watched) == [[2, 2], [4, 4], [6, 6]]
    decide(watched, alert)

    skip(watched)
    live(watched)
    look(watched)

    assert [one.explanation["numbers"] for one in told(watched)] == [
        [[2, 2], [4, 4], [6, 6]],
        [[8, 8]],
    ]


def decide(watched: Watched, alert: AlertRow) -> None:
    with watched.database.transaction() as session:
        for step, disposition in (
            (Step.ACKNOWLEDGE, None),
            (Step.INVESTIGATE, None),
            (Step.RESOLVE, Disposition.TECHNICAL),
        ):
            alerts.take_step(
                session,
                watched.case.officer,
                alert.id,
                step,
                note="The phone was repaired.",
                disposition=disposition,
                now=watched.clock.now(),
            )


def test_what_an_officer_decided_stands_and_its_history_goes_on(watched: Watched) -> None:
    live(watched)
    text = buffer(watched)
    live(watched)
    look(watched)
    decide(watched, told(watched)[0])
    send(watched, text)

    look(watched, timedelta(hours=1))

    (alert,) = told(watched)
    assert alert.state is AlertState.RESOLVED
    assert EventKind.CONTRADICTED in events(watched)


def test_after_thirty_days_nobody_looks_any_more(watched: Watched) -> None:
    live(watched)
    skip(watched)
    live(watched)
    look(watched)

    look(watched, timedelta(days=30))

    assert [row.look_at_ms for row in waiting(watched)] == [None]
    assert [one.state for one in told(watched)] == [AlertState.OPEN]


# What is not missing ------------------------------------------------------------------------


def test_numbers_used_under_no_order_are_not_missing(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    watched = watched_person(app, database, clock, ordered=False)
    live(watched)
    text = buffer(watched, 2)
    skip(watched)
    live(watched)
    assert watched.fixes() == []
    with database.transaction() as session:
        order_for(session, watched.case, now=clock.now())
    clock.step(seconds=60)
    live(watched)
    send(watched, text)
    live(watched)

    look(watched)

    assert (told(watched), waiting(watched)) == ([], [])


def test_what_a_token_holds_of_the_time_before_an_order_is_not_missing(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    watched = watched_person(app, database, clock, ordered=False)
    text = buffer(watched, 2)
    with database.transaction() as session:
        order_for(session, watched.case, now=clock.now())
    clock.step(seconds=60)
    live(watched)
    assert [row.numbers for row in waiting(watched)] == [[[1, 2]]]
    send(watched, text)

    look(watched)

    assert (told(watched), waiting(watched)) == ([], [])


def test_numbers_used_with_an_exemption_are_not_missing(watched: Watched) -> None:
    live(watched)
    with watched.database.transaction() as session:
        exempt(session, watched.case, now=watched.clock.now(), days=0.01)
    assert watched.walk([at(HOME, accuracy_m=4000)]) == [200]
    watched.clock.step(hours=1)
    live(watched)

    look(watched)

    assert [fix.seq for fix in watched.fixes()] == [1, 3]
    assert (told(watched), waiting(watched)) == ([], [])


def suspend(watched: Watched) -> None:
    with watched.database.transaction() as session:
        devices.suspend(
            session,
            watched.case.officer,
            watched.phone.jkt,
            reason=KeyReason.TAMPERING_SUSPECTED,
            now=watched.clock.now(),
        )


def reinstate(watched: Watched) -> None:
    with watched.database.transaction() as session:
        devices.reinstate(session, watched.case.officer, watched.phone.jkt, now=watched.clock.now())


def test_numbers_that_a_suspended_phone_used_are_not_missing(watched: Watched) -> None:
    live(watched)
    suspend(watched)
    assert watched.walk([at(HOME), at(HOME)]) == [403, 403]
    reinstate(watched)
    live(watched)

    look(watched)

    assert [fix.seq for fix in watched.fixes()] == [1, 4]
    assert (told(watched), waiting(watched)) == ([], [])


def test_a_suspended_phone_has_time_until_it_may_deliver(watched: Watched) -> None:
    live(watched)
    skip(watched)
    live(watched)
    suspend(watched)
    look(watched)
    meanwhile = told(watched)
    reinstate(watched)

    look(watched, timedelta(hours=1))

    assert meanwhile == []
    assert numbers(watched) == [[2, 2]]


def test_another_phone_counts_for_itself(watched: Watched, app: Flask) -> None:
    live(watched)
    live(watched)
    watched.phone = enrol(app.test_client(), watched.database, watched.clock, watched.case)
    live(watched)

    look(watched)

    assert (told(watched), waiting(watched)) == ([], [])


# The worker ---------------------------------------------------------------------------------


def test_of_a_phone_about_which_nothing_is_noted_there_is_nothing_to_do(watched: Watched) -> None:
    live(watched)
    activation_id = watched.fixes()[0].activation_id

    with watched.database.transaction() as session:
        missing.account(session, RuleBook(), activation_id, watched.clock.now())

    assert watched.alerts() == []


def test_the_worker_goes_on_while_batches_are_full(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "BATCH", 1)
    live(watched)
    skip(watched)
    live(watched)
    watched.clock.step(hours=6)
    now = watched.clock.now()

    assert [jobs.account(watched.database, RuleBook(), now) for _ in range(2)] == [True, False]
