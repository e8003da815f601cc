"""What the clock alone changes, for many people at once: never more often than it must look."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy import select, update

import geofence
from backend.alerts.models import AlertRow
from backend.conditions.service import rules_for, suspensions_for
from backend.core.clock import from_unix_s, unix_s
from backend.core.db import Database, Session
from backend.identity import service as identity
from backend.identity.service import PersonalData
from backend.location import person, sweeps
from backend.location.models import Checkpoint, Episode, PersonState
from backend.location.rulebook import BEHIND_S, RuleBook
from backend.worker import jobs
from tests.support.clocks import START
from tests.support.conditions import (
    Case,
    circle,
    exempt,
    impose_curfew,
    impose_exclusion,
    let_rest,
    open_case,
    order_for,
    propose_exemption,
)
from tests.support.location import HOME, MARKET

_PEOPLE: Final = 12
_LOOKS: Final = 40
_TESTA: Final = PersonalData(given_name="Testa", family_name="Example")
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whoever_was_swept_is_not_due_again_at_the_same_moment(
    database: Database, seed: int
) -> None:
    """From one moment at which somebody is due to the next, to the very second."""
    chance, book, told = Random(seed), RuleBook(), 0  # noqa: S311 - a test's choice
    with database.transaction() as session:
        case = open_case(session, now=START)
        people = [_invent(session, case, chance) for _ in range(_PEOPLE)]
    now = START

    for _ in range(_LOOKS):
        _hear_of_some(database, people, chance, now)
        due = _due(database, now)
        _sweep(database, book, due, now)

        assert _due(database, now) == {}
        told += len(due)
        now = _next_moment(database, now, chance)
    assert told > _LOOKS // 2


@pytest.mark.parametrize("seed", [4, 5])
def test_people_swept_together_end_as_if_each_had_been_swept_alone(
    database: Database, seed: int
) -> None:
    """Half of the people are the others' doubles; one half is swept together, one alone."""
    book = RuleBook()
    with database.transaction() as session:
        case = open_case(session, now=START)
        together = _invent_all(session, case, Random(seed))  # noqa: S311 - a test's choice
        alone = _invent_all(session, case, Random(seed))  # noqa: S311 - a test's choice

    for hours in (0, 9, 10, 24, 33):
        now = START + timedelta(hours=hours, seconds=hours)
        _hear_of_some(database, together, Random(hours), now)  # noqa: S311 - a test's choice
        _hear_of_some(database, alone, Random(hours), now)  # noqa: S311 - a test's choice
        _sweep(database, book, together, now)
        for one in alone:
            _sweep(database, book, [one], now)

    kept = [_kept(database, one) for one in together]
    assert kept == [_kept(database, one) for one in alone]
    assert any(one["alerts"] for one in kept)
    assert any(one["episodes"] for one in kept)
    assert all(one["checkpoints"] for one in kept)


def test_rules_read_for_many_are_those_read_for_one(database: Database) -> None:
    with database.transaction() as session:
        case = open_case(session, now=START)
        people = _invent_all(session, case, Random(6))  # noqa: S311 - a test's choice
    with database.snapshot() as session:
        epochs = {one: identity.rules_epoch(session, one) for one in people}

        many = RuleBook().of_all(session, epochs, START)

        for one, epoch in epochs.items():
            alone = RuleBook().of(session, one, epoch, START)
            since_s = unix_s(START) - BEHIND_S
            rules = geofence.PreparedRules(
                rules_for(session, one, since_s), suspensions_for(session, one, since_s)
            )
            assert many[one].labels == alone.labels
            assert (many[one].orders, many[one].exemptions) == (alone.orders, alone.exemptions)
            assert _turns(many[one].prepared) == _turns(alone.prepared) == _turns(rules)
    assert any(many[one].exemptions for one in people)


def test_one_persons_fault_leaves_the_others_swept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        case = open_case(session, now=START)
        people = _invent_all(session, case, Random(7))  # noqa: S311 - a test's choice
    swept = sweeps._swept

    def fails_for_one(session: Session, one: person.Person, *rest: Any) -> person.Change:
        if one.supervisee_id == people[3]:
            raise RuntimeError
        return swept(session, one, *rest)

    monkeypatch.setattr(sweeps, "_swept", fails_for_one)
    jobs.sweep(database, RuleBook(), START)

    assert list(_due(database, START)) == [people[3]]


def test_whose_rules_were_edited_comes_after_those_who_are_late(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        case = open_case(session, now=START)
        people = _invent_all(session, case, Random(9))  # noqa: S311 - a test's choice
    _sweep(database, RuleBook(), people, START)
    late, resting, edited = people[:3], people[3:], people[2:5]
    with database.transaction() as session:
        _look_again_at(session, resting, None)
        for waited_s, one in enumerate(reversed(late)):
            _look_again_at(session, [one], unix_s(START) - waited_s)
        epochs = {one: identity.bump_rules_epoch(session, one) for one in edited}

    everyone = _due(database, START)
    monkeypatch.setattr(sweeps, "BATCH", 4)
    batch = _due(database, START)
    monkeypatch.setattr(sweeps, "BATCH", 2)
    full = _due(database, START)

    assert list(everyone)[:3] == late
    assert set(everyone) == {*late, *edited}
    assert everyone | epochs == everyone
    assert list(batch)[:3] == late
    assert len(batch) == 4
    assert list(full) == late[:2]


def test_whom_somebody_else_holds_waits_for_the_next_sweep(
    postgresql_database: Database,
) -> None:
    database, book = postgresql_database, RuleBook()
    with database.transaction() as session:
        case = open_case(session, now=START)
        people = _invent_all(session, case, Random(8))  # noqa: S311 - a test's choice

    with database.transaction() as other:
        person.find(other, people[0])
        with database.transaction() as session:
            swept = sweeps.sweep(session, book, people, START)
        left = _due(database, START)

    assert swept == len(people) - 1
    assert list(left) == [people[0]]


def test_an_exemption_that_ends_within_a_second_is_followed_by_silence(
    database: Database,
) -> None:
    ends_at = START + timedelta(hours=1, milliseconds=500)
    book = RuleBook()
    with database.transaction() as session:
        case = open_case(session, now=START)
        order_for(session, case, now=START)
        exempt(session, case, now=START, days=(ends_at - START) / timedelta(days=1))
        person.lock(session, case.supervisee_id, case.agency_id, START)
    ends_s = unix_s(ends_at)

    for at_s in (ends_s, ends_s + 900, ends_s + 901):
        _sweep(database, book, [case.supervisee_id], from_unix_s(at_s))
        with database.snapshot() as session:
            next_due_s = session.scalar(select(PersonState.next_due_s))

        if at_s == ends_s + 901:
            assert next_due_s is None
        else:
            assert next_due_s == ends_s + 901
    assert len(_kept(database, case.supervisee_id)["alerts"]) == 1


def _invent_all(session: Session, case: Case, chance: Random) -> list[UUID]:
    return [_invent(session, case, chance) for _ in range(_PEOPLE)]


def _invent(session: Session, case: Case, chance: Random) -> UUID:
    """Make a person of the case's agency under some conditions, heard of a while ago."""
    made = identity.create_supervisee(session, case.officer, _TESTA, now=START)
    theirs = replace(case, supervisee_id=made.id)
    person.lock(session, made.id, case.agency_id, START - timedelta(minutes=chance.randrange(20)))
    if chance.random() < 0.9:
        _order(session, theirs, chance)
    return made.id


def _order(session: Session, case: Case, chance: Random) -> None:
    days = timedelta(days=chance.choice([2, 3, 30]))
    starts_at = START + timedelta(seconds=chance.choice([-86_400, -1, 0, 1, 3_600]))
    order = order_for(session, case, now=START, starts_at=starts_at, ends_at=starts_at + days)
    at_home = chance.random() < 0.8
    if at_home:
        zone = circle(*HOME, 150.0)
        impose_curfew(session, case, order, now=START, zone=zone, schedule=_schedule(chance))
    if not at_home or chance.random() < 0.5:
        buffer_m = chance.choice([None, 200.0])
        zone = circle(*MARKET, 300.0)
        impose_exclusion(session, case, order, now=START, zone=zone, buffer_m=buffer_m)
    if chance.random() < 0.3:
        exempt(session, case, now=START, days=chance.choice([0.01, 0.5, 1]))
    if chance.random() < 0.3:
        propose_exemption(session, case, now=START)
    if chance.random() < 0.4:
        let_rest(session, case, now=START, hours=chance.choice([0.5, 3.0, 12.0]))


def _schedule(chance: Random) -> dict[str, Any]:
    """Return windows that begin and end at hours of START's own, and others beside them."""
    hours = [f"{hour:02}:00" for hour in chance.sample(range(24), 2)]
    return {
        "timezone": chance.choice(["America/Chicago", "UTC"]),
        "weekly": [
            {"weekday": day, "start": hours[0], "end": hours[1]}
            for day in _WEEKDAYS
            if chance.random() < 0.8 or day == "monday"
        ],
        "added": [],
        "removed": [],
    }


def _hear_of_some(
    database: Database, people: Collection[UUID], chance: Random, now: datetime
) -> None:
    """Let some people be judged by a fix, as their phones would have it."""
    book = RuleBook()
    with database.transaction() as session:
        for number, one in enumerate(people):
            if chance.random() < 0.7:
                continue
            found = person.find(session, one)
            assert found is not None
            rules = book.of(session, one, found.rules_epoch, now)
            fix = _fix(chance, unix_s(now) - chance.randrange(12), number)
            state = geofence.State.begin(at_s=fix.at_s - 1, parameters=rules.parameters)
            if found.judgement is not None:
                state = geofence.State.loads(found.judgement)
            until_s = max(fix.at_s, state.until_s)
            judged = geofence.judge(
                state, [fix], rules.prepared, until_s=until_s, parameters=rules.parameters
            )
            changed = found.received(now).with_judgement(judged.state, rules)
            person.save(session, changed, rules, now)


def _fix(chance: Random, at_s: int, number: int) -> geofence.Fix:
    latitude, longitude = chance.choice([HOME, MARKET, (41.5, -87.5)])
    return geofence.Fix(
        digest=chance.randbytes(32),
        activation=str(number),
        seq=at_s,
        at_s=at_s,
        mono_ms=at_s * 1000,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=10.0,
    )


def _look_again_at(session: Session, people: Collection[UUID], at_s: int | None) -> None:
    among = PersonState.supervisee_id.in_(people)
    session.execute(update(PersonState).where(among).values(next_due_s=at_s))


def _due(database: Database, now: datetime) -> dict[UUID, int]:
    with database.snapshot() as session:
        return sweeps.due(session, now)


def _sweep(database: Database, book: RuleBook, people: Collection[UUID], now: datetime) -> None:
    with database.transaction() as session:
        sweeps.sweep(session, book, people, now)


def _next_moment(database: Database, now: datetime, chance: Random) -> datetime:
    """Return the next moment at which somebody is due, or one a few seconds about it."""
    with database.snapshot() as session:
        due = session.scalars(select(PersonState.next_due_s)).all()
    next_s = min(at_s for at_s in due if at_s is not None)
    assert next_s > unix_s(now)
    return from_unix_s(next_s + chance.choice([0, 0, 0, 1, 5, 9, 0.5]))


def _kept(database: Database, one: UUID) -> dict[str, Any]:
    """Everything that a sweep writes of a person, but for the names it gives."""
    with database.snapshot() as session:
        state = session.scalars(select(PersonState).where(PersonState.supervisee_id == one)).one()
        checkpoints = session.scalars(
            select(Checkpoint.until_s)
            .where(Checkpoint.supervisee_id == one)
            .order_by(Checkpoint.until_s)
        )
        episodes = session.scalars(select(Episode).where(Episode.supervisee_id == one))
        alerts = session.scalars(
            select(AlertRow)
            .where(AlertRow.supervisee_id == one)
            .order_by(AlertRow.occurred_at, AlertRow.kind)
        )
        return {
            "due": (state.engine_due_s, state.next_due_s, state.until_s, state.judged_epoch),
            "silent": state.silence_alert_id is None,
            "checkpoints": list(checkpoints),
            "episodes": sorted((row.onset_s, row.ended_s or 0, row.perimeter) for row in episodes),
            "alerts": [(row.kind, row.severity, row.occurred_at) for row in alerts],
        }


def _turns(rules: geofence.PreparedRules) -> list[tuple[int, int, str]]:
    since_s = unix_s(START) - 86_400
    turns = rules.boundaries(since_s, since_s + 14 * 86_400)
    return [(turn.at_s, turn.turn, rules.watches[turn.watch].rule_id) for turn in turns]
