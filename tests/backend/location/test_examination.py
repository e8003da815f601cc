"""Examination by the clock: signals beside fixes, one alert for a stretch, nobody refused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from flask import Flask
from sqlalchemy import func, insert, select, update

from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.alerts.lifecycle import AlertState
from backend.core.actor import Actor
from backend.core.clock import from_unix_s, unix_s
from backend.core.db import Database, Session
from backend.core.errors import Code
from backend.core.paging import Cursor
from backend.devices.models import ActivationRow
from backend.identity import service as identity
from backend.identity.tokens import open_session
from backend.location import examination, footprints, judging, person, service, suspicions
from backend.location.models import Examination, Fix, Footprint, Oddity, PersonState, Suspicion
from backend.worker.jobs import examine as job
from geofence import Course
from geofence import Fix as Fact
from geofence.plausibility import SignalKind
from tests.geofence.scenes import NOON_S, fix_at
from tests.geofence.tracks import WALK, moved, named, noisy, recorded
from tests.support.clocks import FrozenClock
from tests.support.conditions import order_for, refused
from tests.support.location import HOME, Watched, at, enrol, watched_person

DAY_S = 86_400
FROZEN = [fix_at(NOON_S + 300 * n, 3.0, north_m=4.0, seq=n) for n in range(60)]
"""Five hours at one place, digit for digit."""


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    clock.set(from_unix_s(NOON_S - 10 * DAY_S))
    return watched_person(app, database, clock, curfew=False)


def keep(watched: Watched, fixes: Sequence[Fact], *, first_seq: int = 1) -> None:
    """Store fixes as if they had come in; the clock goes to the last one, if it is not there yet."""
    watched.clock.set(max(watched.clock.now(), from_unix_s(fixes[-1].at_s + 1)))
    now = watched.clock.now()
    rows = [
        {
            "seq": first_seq + n,
            "supervisee_id": watched.case.supervisee_id,
            "digest": fix.digest,
            "taken_s": fix.at_s,
            "received_ms": 1000 * unix_s(now),
            "mono_ms": fix.mono_ms,
            "boot": fix.boot,
            "latitude": fix.latitude,
            "longitude": fix.longitude,
            "accuracy_m": fix.accuracy_m,
            "usable": fix.usable,
            "signals": "",
            "assurance": "software",
            "refused": None,
            "signed": "",
        }
        for n, fix in enumerate(fixes)
    ]
    with watched.database.transaction() as session:
        mine = ActivationRow.supervisee_id == watched.case.supervisee_id
        activation_id = session.scalars(select(ActivationRow.id).where(mine)).one()
        person.lock(session, watched.case.supervisee_id, watched.case.agency_id, now)
        session.execute(
            update(PersonState)
            .where(PersonState.supervisee_id == watched.case.supervisee_id)
            .values(received_ms=1000 * unix_s(now), until_s=max(fix.at_s for fix in fixes))
        )
        session.execute(insert(Fix), [row | {"activation_id": activation_id} for row in rows])


def run(watched: Watched) -> None:
    """Do what the worker does every minute."""
    while job(watched.database, watched.clock.now()):
        pass


def kinds(watched: Watched) -> set[str]:
    with watched.database.snapshot() as session:
        mine = Oddity.supervisee_id == watched.case.supervisee_id
        found = session.scalars(select(Oddity.signals).where(mine))
        return {signal[0] for signals in found for signal in signals}


def stretches(watched: Watched) -> list[Suspicion]:
    with watched.database.snapshot() as session:
        mine = Suspicion.supervisee_id == watched.case.supervisee_id
        return list(session.scalars(select(Suspicion).where(mine).order_by(Suspicion.from_s)))


def test_with_nobody_to_examine_there_is_nothing_to_do(
    database: Database, clock: FrozenClock
) -> None:
    assert job(database, clock.now()) is False
    with database.transaction() as session:
        examination.adopt(session, clock.now())
        assert session.scalars(select(Examination)).all() == []


def test_an_honest_day_has_no_signal_and_no_alert(watched: Watched) -> None:
    keep(watched, noisy([0.0] * 400 + [400.0 * n for n in range(60)], 5))

    run(watched)

    assert kinds(watched) == set()
    assert stretches(watched) == []
    assert watched.alerts() == []


def test_a_frozen_position_is_shown_and_below_the_score_raises_nothing(watched: Watched) -> None:
    keep(watched, FROZEN)

    run(watched)

    assert kinds(watched) == {"frozen"}
    assert watched.alerts() == []


def test_an_agency_may_want_to_be_told_of_it(watched: Watched) -> None:
    watched.set_policy(alert_score=0.4, frozen_after_s=7200)
    keep(watched, FROZEN)

    run(watched)

    (stretch,) = stretches(watched)
    (alert,) = watched.alerts()
    assert stretch.from_s == NOON_S + 7200
    assert stretch.until_s == FROZEN[-1].at_s
    assert (alert.id, alert.kind) == (stretch.alert_id, AlertKind.LOCATION_IMPLAUSIBLE)
    assert (alert.severity, alert.certainty) == (Severity.WARNING, Certainty.POSSIBLE)
    assert alert.occurred_at == from_unix_s(NOON_S + 7200)
    assert "to the last digit" in alert.sentence_en
    assert "not a violation" in alert.sentence_en
    assert "hasta la última cifra" in alert.sentence_es
    assert alert.explanation["signals"] == ["frozen"]


def test_one_stretch_is_one_alert_and_over_when_it_ends(watched: Watched) -> None:
    watched.set_policy(alert_score=0.4)
    longer = [fix_at(NOON_S + 300 * n, 3.0, north_m=4.0, seq=n) for n in range(120)]
    after = noisy([0.0] * 80, 3, start_s=longer[-1].at_s + 60)

    for first in range(0, 120, 20):
        keep(watched, longer[first : first + 20], first_seq=first + 1)
        run(watched)
    (alert,) = watched.alerts()
    assert alert.cleared_at is None
    events = alert.last_event
    keep(watched, after, first_seq=200)
    run(watched)

    (alert,) = watched.alerts()
    (stretch,) = stretches(watched)
    assert events == 1
    assert alert.cleared_at == from_unix_s(longer[-1].at_s) == from_unix_s(stretch.until_s)


def test_a_track_of_ones_own_past_is_caught(watched: Watched) -> None:
    walk = moved(recorded(WALK), NOON_S - 2 * DAY_S - recorded(WALK)[0].at_s)
    keep(watched, walk)
    run(watched)
    assert watched.alerts() == []
    keep(watched, moved(walk, DAY_S), first_seq=1000)

    run(watched)

    (stretch,) = stretches(watched)
    (alert,) = watched.alerts()
    assert kinds(watched) == {"replayed"}
    assert walk[0].at_s + DAY_S <= stretch.from_s < stretch.until_s <= walk[-1].at_s + DAY_S
    assert "digit for digit" in alert.sentence_en


def test_two_phones_of_one_agency_that_move_as_one_are_caught(
    watched: Watched, app: Flask, database: Database
) -> None:
    other = beside(watched, app, database)
    way = [400.0 * n for n in range(45)]
    keep(watched, noisy(way, 1))
    keep(other, noisy(way, 2))

    run(watched)
    watched.clock.step(seconds=1000)
    keep(watched, [fix_at(unix_s(watched.clock.now()), 18_000.0)], first_seq=1000)
    run(watched)

    (mine,) = stretches(watched)
    (theirs,) = stretches(other)
    assert (mine.companion_id, theirs.companion_id) == (
        other.case.supervisee_id,
        watched.case.supervisee_id,
    )
    (alert,) = watched.alerts()
    assert "another supervised person" in alert.sentence_en
    assert str(other.case.supervisee_id) not in str(alert.explanation)


def test_people_of_two_agencies_are_never_compared(
    watched: Watched, app: Flask, database: Database
) -> None:
    stranger = watched_person(app, database, watched.clock, curfew=False, name="stranger")
    way = [400.0 * n for n in range(45)]
    keep(watched, noisy(way, 1))
    keep(stranger, noisy(way, 2))

    for seq in (1000, 1001):
        run(watched)
        watched.clock.step(seconds=1000)
        keep(watched, [fix_at(unix_s(watched.clock.now()), 18_000.0)], first_seq=seq)

    assert kinds(watched) == kinds(stranger) == set()


def beside(watched: Watched, app: Flask, database: Database) -> Watched:
    """Another person of the same agency, with a phone."""
    now = watched.clock.now()
    with database.transaction() as session:
        made = identity.create_supervisee(
            session,
            watched.case.officer,
            identity.PersonalData(given_name="Testo", family_name="Example"),
            now=now,
        )
        case = replace(watched.case, supervisee_id=made.id)
        order = order_for(session, case, now=now)
    phone = enrol(app.test_client(), database, watched.clock, case)
    return replace(watched, case=case, order=order, phone=phone)


def test_a_late_fix_is_examined_in_its_own_time(watched: Watched) -> None:
    honest = noisy([0.0] * 200, 5)
    keep(watched, honest)
    run(watched)
    watched.clock.step(seconds=1000)
    spoof = named(fix_at(honest[20].at_s + 30, 90_000.0), boot=1)
    keep(watched, [spoof], first_seq=1000)
    with watched.database.transaction() as session:
        one = person.lock(
            session, watched.case.supervisee_id, watched.case.agency_id, watched.clock.now()
        )
        rules = watched.book.of(session, one.supervisee_id, one.rules_epoch, watched.clock.now())
        judging.rejudge(session, one, rules, since_s=spoof.at_s, now=watched.clock.now())

    run(watched)

    with watched.database.snapshot() as session:
        (odd,) = session.scalars(select(Oddity))
    (stretch,) = stretches(watched)
    assert (odd.taken_s, odd.score) == (spoof.at_s, 1.0)
    assert stretch.from_s == stretch.until_s == spoof.at_s


def test_later_fixes_may_explain_an_oddity(watched: Watched) -> None:
    """A gap looked like a leap; the fixes between arrive late, and the alert is withdrawn."""
    leap = [fix_at(NOON_S, 0.0, accuracy_m=5.0), fix_at(NOON_S + 60, 19_800.0)]
    landed = noisy([19_800.0] * 30, 7, start_s=NOON_S + 120)
    keep(watched, [*leap, *landed])
    run(watched)
    (alert,) = watched.alerts()
    watched.clock.step(seconds=1000)
    between = [fix_at(NOON_S + at_s, 330.0 * at_s, accuracy_m=90.0) for at_s in range(2, 60, 2)]
    between = [named(fix, accuracy_m=90.0) for fix in between]
    keep(watched, between, first_seq=1000)
    with watched.database.transaction() as session:
        session.execute(update(Examination).values(since_s=NOON_S - 1))

    run(watched)

    (alert,) = watched.alerts()
    (stretch,) = stretches(watched)
    assert stretch.withdrawn
    assert alert.state is AlertState.WITHDRAWN


def test_nobody_is_examined_twice_in_a_quarter_of_an_hour(watched: Watched) -> None:
    keep(watched, noisy([0.0] * 10, 5))
    run(watched)
    keep(watched, [fix_at(NOON_S + 700, 0.0)], first_seq=1000)

    with watched.database.snapshot() as session:
        assert examination.due(session, watched.clock.now()) == []
        later = watched.clock.now() + timedelta(seconds=900)
        assert examination.due(session, later) == [watched.case.supervisee_id]


def test_who_was_silent_since_is_not_examined_again(watched: Watched) -> None:
    keep(watched, noisy([0.0] * 10, 5))
    watched.clock.step(seconds=120)
    run(watched)

    with watched.database.snapshot() as session:
        later = watched.clock.now() + timedelta(days=1)
        assert examination.due(session, later) == []


def test_examining_again_changes_nothing(watched: Watched) -> None:
    watched.set_policy(alert_score=0.4)
    keep(watched, FROZEN)
    run(watched)
    before = [(odd.from_s, odd.until_s, odd.id) for odd in stretches(watched)]
    with watched.database.transaction() as session:
        session.execute(update(Examination).values(examined_ms=0, since_s=NOON_S - DAY_S))

    run(watched)

    (alert,) = watched.alerts()
    assert [(odd.from_s, odd.until_s, odd.id) for odd in stretches(watched)] == before
    assert alert.last_event == 1


@dataclass(frozen=True, kw_only=True)
class Day:
    """A person's day, and what it must have."""

    fixes: Sequence[Fact]
    kinds: Collection[str]


def days() -> dict[str, Day]:
    honest = noisy([0.0] * 300 + [400.0 * n for n in range(60)] + [24_000.0] * 60, 5)
    still = [named(fix, latitude=1.0, longitude=1.0) for fix in honest]
    constant = [named(fix, accuracy_m=5.0) for fix in noisy([400.0 * n for n in range(120)], 6)]
    ruled = [named(fix_at(NOON_S + 60 * n, 180.0 * n, seq=n), boot=1) for n in range(90)]
    leaps = [*honest[:200], named(fix_at(honest[199].at_s + 20, 90_000.0), boot=1), *honest[200:]]
    return {
        "honest": Day(fixes=honest, kinds=set()),
        "frozen": Day(fixes=still, kinds={"frozen"}),
        "constant": Day(fixes=constant, kinds={"constant_accuracy"}),
        "ruled": Day(fixes=ruled, kinds={"too_perfect", "constant_accuracy"}),
        "leaps": Day(fixes=leaps, kinds={"impossible_speed"}),
        "again": Day(
            fixes=[*honest[300:360], *moved(honest[300:360], 7200)],
            kinds={"replayed", "impossible_speed", "constant_accuracy"},
        ),
    }


def oddities(watched: Watched) -> list[tuple[int, float, set[str]]]:
    with watched.database.snapshot() as session:
        rows = session.scalars(select(Oddity).order_by(Oddity.taken_s)).all()
        return [(row.taken_s, row.score, {signal[0] for signal in row.signals}) for row in rows]


@pytest.mark.parametrize("name", days())
def test_a_day_examined_bit_by_bit_has_what_it_has_at_once(watched: Watched, name: str) -> None:
    day = days()[name]
    for first in range(0, len(day.fixes), 17):
        keep(watched, day.fixes[first : first + 17], first_seq=1 + first)
        run(watched)
    watched.clock.step(seconds=1000)
    run(watched)
    bit_by_bit, told = oddities(watched), [(row.from_s, row.until_s) for row in stretches(watched)]
    with watched.database.transaction() as session:
        session.execute(update(Examination).values(examined_ms=0, since_s=NOON_S - DAY_S))

    run(watched)

    assert kinds(watched) <= set(day.kinds)
    assert bool(day.kinds) == bool(bit_by_bit)
    assert oddities(watched) == bit_by_bit
    assert [(row.from_s, row.until_s) for row in stretches(watched)] == told


def test_whoever_is_heard_of_while_looked_at_waits_for_the_next_time(watched: Watched) -> None:
    keep(watched, FROZEN)
    now, one = watched.clock.now(), watched.case.supervisee_id
    with watched.database.transaction() as session:
        examination.adopt(session, now)
    with watched.database.snapshot() as session:
        findings = examination.look(session, [one], now)
    keep(watched, [fix_at(FROZEN[-1].at_s + 1, 3.0)], first_seq=1000)
    with watched.database.transaction() as session:
        session.execute(update(PersonState).values(received_ms=PersonState.received_ms + 1))

    with watched.database.transaction() as session:
        kept = examination.keep(session, findings, now)

    assert kept == 0
    assert kinds(watched) == set()
    with watched.database.snapshot() as session:
        assert examination.due(session, now) == [one]


def test_whose_fix_is_just_coming_in_is_not_waited_for(watched: Watched) -> None:
    if watched.database.embedded:
        pytest.skip("SQLite has one writer: nobody can be in the middle of a fix")
    keep(watched, FROZEN)
    now, one = watched.clock.now(), watched.case.supervisee_id
    with watched.database.transaction() as session:
        examination.adopt(session, now)

    with watched.database.transaction() as busy, watched.database.transaction() as session:
        person.lock(busy, one, watched.case.agency_id, now)
        findings = examination.look(session, [one], now)
        kept = examination.keep(session, findings, now)

    assert kept == 0


def test_examining_goes_on_from_what_is_judged(watched: Watched) -> None:
    """What a journal brings of the time after that is not late, and must be met."""
    keep(watched, noisy([0.0] * 100, 5))
    judged_s = unix_s(watched.clock.now()) - 3000
    with watched.database.transaction() as session:
        session.execute(update(PersonState).values(until_s=judged_s))

    run(watched)

    with watched.database.snapshot() as session:
        assert session.scalar(select(Examination.since_s)) == judged_s


def test_a_course_of_more_than_a_day_begins_anew(watched: Watched) -> None:
    keep(watched, noisy([0.0] * 30, 5))
    run(watched)
    with watched.database.transaction() as session:
        until_s = session.scalars(select(Examination.since_s)).one()
        old = msgspec.msgpack.encode(Course(since_s=until_s - DAY_S - 1, until_s=until_s))
        session.execute(update(Examination).values(course=old, examined_ms=0))

    run(watched)

    with watched.database.snapshot() as session:
        course = msgspec.msgpack.decode(
            session.scalars(select(Examination.course)).one() or b"", type=Course
        )
    assert course.since_s > until_s - DAY_S
    assert course.last is not None


def test_a_late_fix_moves_the_footprints_after_it(watched: Watched) -> None:
    way = [fix_at(NOON_S + 60 * n, 400.0 * n, seq=n) for n in range(20)]
    keep(watched, [*way[:10], *way[11:]])
    run(watched)
    watched.clock.step(seconds=1000)
    late = named(way[10], latitude=way[11].latitude, longitude=way[11].longitude)
    keep(watched, [late], first_seq=1000)
    with watched.database.transaction() as session:
        session.execute(update(Examination).values(since_s=late.at_s - 1, examined_ms=0))

    run(watched)

    with watched.database.snapshot() as session:
        times = set(session.scalars(select(Footprint.taken_s)))
    assert late.at_s in times
    assert way[11].at_s not in times


def test_old_footprints_are_forgotten(watched: Watched) -> None:
    keep(watched, recorded_now())
    run(watched)
    count = select(func.count()).select_from(Footprint)
    with watched.database.transaction() as session:
        assert session.scalar(count)
        footprints.forget_old(session, watched.clock.now() + timedelta(days=15))
        assert session.scalar(count) == 0


def recorded_now() -> list[Fact]:
    walk = recorded(WALK)
    return moved(walk, NOON_S - walk[0].at_s)


def test_officers_see_signals_beside_fixes_and_stretches(watched: Watched) -> None:
    watched.set_policy(alert_score=0.4)
    keep(watched, FROZEN)
    run(watched)
    one, now = watched.case.supervisee_id, watched.clock.now()

    with watched.database.transaction() as session:
        page = service.list_fixes(
            session,
            watched.case.officer,
            one,
            since=None,
            until=None,
            after=None,
            limit=60,
            now=now,
        )
        status = service.status(session, watched.case.officer, one, now)
        listed = service.list_suspicions(session, watched.case.officer, one, Cursor(), now)

    assert page.items[0].oddity is not None
    assert page.items[0].oddity.score == pytest.approx(0.4)
    assert [signal.kind for signal in page.items[0].oddity.signals] == [SignalKind.FROZEN]
    assert page.items[-1].oddity is None
    assert status.last_fix is not None
    assert status.last_fix.oddity == page.items[0].oddity
    (stretch,) = listed.items
    assert stretch.until == from_unix_s(FROZEN[-1].at_s)
    assert stretch.companion_id is None


def test_stretches_are_told_over_http(watched: Watched, app: Flask) -> None:
    watched.set_policy(alert_score=0.4)
    keep(watched, FROZEN)
    run(watched)
    with watched.database.transaction() as session:
        issued = open_session(session, officer_id(watched), now=watched.clock.now())
    bearer = {"Authorization": f"Bearer {issued.secret}"}
    path = f"/v1/supervisees/{watched.case.supervisee_id}"

    listed, status, fixes = (
        app.test_client().get(f"{path}/{name}", headers=bearer).json
        for name in ("suspicions", "status", "fixes")
    )

    assert listed is not None
    assert status is not None
    assert fixes is not None
    (stretch,) = listed["items"]
    assert stretch["signals"] == [{"kind": "frozen", "value": 17_700.0, "limit": 14_400.0}]
    assert status["last_suspicion"] == stretch
    assert fixes["items"][0]["oddity"]["score"] == pytest.approx(0.4)
    assert fixes["items"][-1]["oddity"] is None


def test_a_companion_is_named_only_to_who_may_see_both(
    watched: Watched, app: Flask, database: Database
) -> None:
    other = beside(watched, app, database)
    way = [400.0 * n for n in range(45)]
    keep(other, noisy(way, 2))
    run(watched)
    keep(watched, noisy(way, 1))
    run(watched)
    with database.transaction() as session:
        narrow = replace(watched.case.officer, own_only=True)
        identity.assign(
            session,
            watched.case.supervisor,
            watched.case.supervisee_id,
            officer_id(watched),
            now=watched.clock.now(),
        )

        def companion_for(actor: Actor) -> UUID | None:
            page = service.list_suspicions(
                session,
                actor,
                watched.case.supervisee_id,
                Cursor(),
                watched.clock.now(),
            )
            return page.items[0].companion_id

        assert companion_for(watched.case.officer) == other.case.supervisee_id
        assert companion_for(narrow) is None


def officer_id(watched: Watched) -> UUID:
    found = watched.case.officer.id
    assert found is not None
    return found


def test_strangers_see_no_stretches(watched: Watched, app: Flask, database: Database) -> None:
    stranger = watched_person(app, database, watched.clock, name="stranger")
    with database.transaction() as session, refused(Code.NOT_FOUND):
        service.list_suspicions(
            session,
            stranger.case.officer,
            watched.case.supervisee_id,
            Cursor(),
            watched.clock.now(),
        )


def test_every_kind_has_words_in_both_languages() -> None:
    assert set(suspicions.ENGLISH) == set(suspicions.SPANISH) == set(SignalKind)


def test_one_persons_fault_does_not_stop_the_others(
    watched: Watched, app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = beside(watched, app, database)
    keep(watched, FROZEN)
    keep(other, FROZEN)
    whole = footprints.write

    def fails_for_one(session: Session, changes: Collection[footprints.Change]) -> None:
        if any(one.supervisee_id == watched.case.supervisee_id for one in changes):
            raise RuntimeError("Testa Example")
        whole(session, changes)

    monkeypatch.setattr(footprints, "write", fails_for_one)

    run(watched)

    assert kinds(watched) == set()
    assert kinds(other) == {"frozen"}


def test_a_live_fix_is_examined_too(watched: Watched) -> None:
    watched.walk([at(HOME), at(HOME, east_m=16_000.0), at(HOME, north_m=3.0)])
    run(watched)

    assert [fix.refused for fix in watched.fixes()] == [None] * 3
    assert kinds(watched) == {"fast"}
