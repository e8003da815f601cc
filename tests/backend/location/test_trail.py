"""No trail is kept: what shows an episode is shown and stays, all else is judged and then erased."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import timedelta
from random import Random
from typing import Any, Final
from uuid import UUID, uuid4

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

import geofence
from backend.alerts.kinds import AlertKind
from backend.alerts.lifecycle import AlertState
from backend.audit.acts import Act
from backend.audit.models import AuditEvent
from backend.conditions.kinds import ConditionKind
from backend.conditions.service import Draft
from backend.core.clock import unix_s
from backend.core.db import Database
from backend.core.errors import Code
from backend.core.ids import new_id
from backend.identity import service as identity
from backend.identity.roles import Role
from backend.identity.service import Trail
from backend.identity.tokens import open_session
from backend.location import dry_run, evidence, judging, trail
from backend.location.episodes import load
from backend.location.models import (
    PURGED_S,
    Fix,
    JournalEntry,
    MissingFixes,
    Oddity,
    PersonState,
    Refusal,
    TrailPurge,
)
from backend.migrations import downgrade, upgrade
from backend.simulator.position import Position
from backend.worker.jobs import account, purge_trails
from tests.support.clocks import FrozenClock
from tests.support.conditions import circle, employ, refused
from tests.support.location import HOME, MARKET, Watched, approach, at, watched_person

LONG: Final = timedelta(seconds=trail.KEPT_S + 3600)
INTO_MARKET: Final = [
    *approach(MARKET, 2000.0, 8),
    *(at(MARKET, north_m=20.0 * n) for n in (1, 2, 3)),
]
AWAY: Final = [at(HOME, north_m=15.0 * n) for n in range(6)]


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    """A person with MARKET forbidden, whose trail is kept."""
    return watched_person(app, database, clock, curfew=False)


def set_trail(watched: Watched, mode: Trail) -> None:
    with watched.database.transaction() as session:
        identity.set_trail(
            session,
            watched.case.officer,
            watched.case.supervisee_id,
            mode,
            now=watched.clock.now(),
        )


def keep_no_trail(watched: Watched) -> None:
    set_trail(watched, Trail.ZONE_EVENTS_ONLY)


def purge(watched: Watched) -> None:
    """Do what the worker does once a day."""
    purge_trails(watched.database, watched.clock.now())


def unerased(watched: Watched) -> list[Fix]:
    return [fix for fix in watched.fixes() if fix.taken_s != PURGED_S]


def named(watched: Watched) -> set[bytes]:
    return {each.digest for row in watched.episodes() for each in load(row.verdict).evidence}


def entries(watched: Watched) -> list[JournalEntry]:
    with watched.database.snapshot() as session:
        return list(session.scalars(select(JournalEntry).order_by(JournalEntry.id)))


def acts(watched: Watched, act: Act) -> list[dict[str, Any]]:
    with watched.database.snapshot() as session:
        mine = select(AuditEvent.details).where(AuditEvent.act == act.value)
        return [json.loads(each) for each in session.scalars(mine.order_by(AuditEvent.id))]


def bearer(watched: Watched, role: Role | None = None) -> dict[str, str]:
    """Return the header of the person's officer, or of another one of their agency."""
    now, case = watched.clock.now(), watched.case
    with watched.database.transaction() as session:
        actor = case.officer
        if role is not None:
            actor = employ(session, case.agency_id, role, "other", now=now)
        assert actor.id is not None
        return {"Authorization": f"Bearer {open_session(session, actor.id, now=now).secret}"}


def read(watched: Watched, client: FlaskClient, what: str, **query: Any) -> Any:
    answer = client.get(
        f"/v1/supervisees/{watched.case.supervisee_id}/{what}",
        headers=bearer(watched),
        query_string=query,
    )
    return answer.get_json()


# The mode -----------------------------------------------------------------------------------


def test_an_officer_turns_the_trail_off_and_on_again(watched: Watched, client: FlaskClient) -> None:
    path = f"/v1/supervisees/{watched.case.supervisee_id}/trail"
    headers = bearer(watched)
    shown = client.get(path, headers=headers)

    off = client.put(
        path,
        json={"trail": "zone-events-only"},
        headers={**headers, "If-Match": shown.headers["ETag"]},
    )
    stale = client.put(
        path, json={"trail": "kept"}, headers={**headers, "If-Match": shown.headers["ETag"]}
    )
    watched.clock.step(seconds=1)
    on = client.put(
        path, json={"trail": "kept"}, headers={**headers, "If-Match": off.headers["ETag"]}
    )

    assert shown.get_json() == {"trail": "kept", "trail_from": None}
    assert (off.status_code, off.get_json()["trail"]) == (200, "zone-events-only")
    assert stale.status_code == 412
    assert on.get_json() == {"trail": "kept", "trail_from": "2026-03-02T09:00:01Z"}
    assert acts(watched, Act.TRAIL_SET) == [{"trail": "zone-events-only"}, {"trail": "kept"}]


def test_saying_the_same_again_changes_nothing(watched: Watched) -> None:
    set_trail(watched, Trail.KEPT)

    with watched.database.snapshot() as session:
        person = identity.get_supervisee(session, watched.case.officer, watched.case.supervisee_id)
    assert (person.trail_from, acts(watched, Act.TRAIL_SET)) == (None, [])


@pytest.mark.parametrize("role", [Role.AGENCY_ADMIN, Role.AUDITOR, Role.VICTIM_LIAISON])
def test_who_may_not_both_read_and_change_does_not_decide(
    watched: Watched, client: FlaskClient, role: Role
) -> None:
    answer = client.put(
        f"/v1/supervisees/{watched.case.supervisee_id}/trail",
        json={"trail": "zone-events-only"},
        headers={**bearer(watched, role), "If-Match": '"any"'},
    )

    assert answer.status_code == 403
    assert acts(watched, Act.TRAIL_SET) == []


def test_a_person_is_told_whether_their_trail_is_kept(watched: Watched) -> None:
    before = watched.phone.get("/v1/me", at(HOME)).json()
    keep_no_trail(watched)

    after = watched.phone.get("/v1/me", at(HOME, east_m=1)).json()

    assert (before["trail"], after["trail"]) == ("kept", "zone-events-only")


# What is shown ------------------------------------------------------------------------------


def test_from_that_moment_only_what_shows_an_episode_is_shown(
    watched: Watched, client: FlaskClient
) -> None:
    watched.walk([at(HOME), *INTO_MARKET, at(HOME)])
    everything = read(watched, client, "fixes")["items"]

    keep_no_trail(watched)

    shown = read(watched, client, "fixes")["items"]
    assert len(everything) == len(INTO_MARKET) + 2
    assert {bytes.fromhex(fix["digest"]) for fix in shown} == named(watched) != set()
    assert shown == [fix for fix in everything if bytes.fromhex(fix["digest"]) in named(watched)]
    assert read(watched, client, "status")["last_fix"] == shown[0]


def test_what_is_shown_comes_in_pages_and_between_times(
    watched: Watched, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "_TIMES_PER_STATEMENT", 2)
    watched.walk([at(HOME), *INTO_MARKET, *INTO_MARKET[-3:]])
    keep_no_trail(watched)
    whole = read(watched, client, "fixes")["items"]

    pages, cursor = [], None
    while page := read(watched, client, "fixes", limit=1, **({"after": cursor} if cursor else {})):
        pages += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    between = read(
        watched, client, "fixes", since=whole[1]["taken_at"], until=whole[0]["taken_at"]
    )["items"]

    assert len(whole) >= 2
    assert pages == whole
    assert between == [whole[1]]


def test_without_an_episode_nothing_is_shown(watched: Watched, client: FlaskClient) -> None:
    watched.walk([at(HOME)] * 3)
    keep_no_trail(watched)

    assert read(watched, client, "fixes") == {"items": [], "next": None}
    assert read(watched, client, "status")["last_fix"] is None


def test_a_trail_that_is_kept_again_is_kept_from_then_on(
    watched: Watched, client: FlaskClient
) -> None:
    watched.walk([at(HOME)] * 3)
    keep_no_trail(watched)
    watched.walk([at(HOME, east_m=1)] * 3)
    set_trail(watched, Trail.KEPT)
    watched.walk([at(HOME, east_m=2)] * 2)

    shown = read(watched, client, "fixes")["items"]
    watched.clock.step(seconds=LONG.total_seconds())
    purge(watched)

    assert [fix["seq"] for fix in shown] == [8, 7]
    assert [fix.seq for fix in unerased(watched)] == [7, 8]
    assert read(watched, client, "status")["last_fix"] == shown[0]


def test_a_draft_is_not_tried_on_a_time_without_a_trail(watched: Watched) -> None:
    began = watched.clock.now()
    watched.walk([at(HOME)] * 3)
    keep_no_trail(watched)
    watched.walk([at(HOME)] * 3)

    def trial(since: Any) -> dry_run.Trial:
        with watched.database.snapshot() as session:
            return dry_run.gather(
                session,
                watched.case.officer,
                supervisee_id=watched.case.supervisee_id,
                kind=ConditionKind.EXCLUSION_ZONE,
                draft=Draft(title="draft", zone=circle(*HOME, 150.0)),
                since=since,
                until=None,
                now=watched.clock.now(),
            )

    with refused(Code.TRAIL_NOT_KEPT):
        trial(began)
    again = watched.clock.now()
    set_trail(watched, Trail.KEPT)
    watched.walk([at(HOME)] * 2)
    with refused(Code.TRAIL_NOT_KEPT):
        trial(again - timedelta(seconds=1))
    assert trial(again).fixes


def test_of_signed_journals_only_those_with_evidence_are_read(
    watched: Watched, client: FlaskClient
) -> None:
    for positions in ([at(HOME)], [*INTO_MARKET, *AWAY], [at(HOME, east_m=9)]):
        for position in positions:
            watched.phone.buffer_fix(position)
            watched.clock.step(seconds=60)
        watched.phone.send_journal()
    people = f"/v1/supervisees/{watched.case.supervisee_id}/journal"

    def readable() -> list[int]:
        return [
            entry.n
            for entry in entries(watched)
            if client.get(f"{people}/{entry.id}", headers=bearer(watched)).status_code == 200
        ]

    before = readable()
    keep_no_trail(watched)
    without = readable()
    set_trail(watched, Trail.KEPT)
    watched.phone.buffer_fix(at(HOME))
    watched.phone.send_journal()

    assert (before, without) == ([1, 2, 3], [2])
    assert readable() == [2, 4]


# What is erased -----------------------------------------------------------------------------


def test_in_the_end_only_what_shows_an_episode_is_kept(watched: Watched) -> None:
    keep_no_trail(watched)
    watched.walk([at(HOME), *INTO_MARKET, *AWAY])
    watched.clock.step(seconds=trail.KEPT_S - 3600)
    purge(watched)
    untouched = len(unerased(watched)) == len(watched.fixes())
    watched.clock.step(seconds=7200)

    purge(watched)

    assert untouched
    assert {fix.digest for fix in unerased(watched)} == named(watched) != set()
    erased = [fix for fix in watched.fixes() if fix.taken_s == PURGED_S]
    assert len(erased) == 1 + len(INTO_MARKET) + len(AWAY) - len(named(watched))
    for fix in erased:
        assert (fix.latitude, fix.longitude, fix.accuracy_m, fix.mono_ms) == (0, 0, 0, 0)
        assert (fix.boot, fix.usable, fix.signals, fix.signed) == (None, False, "", "")
    (details,) = acts(watched, Act.TRAIL_PURGED)
    assert (details["fixes"], details["journal_tokens"], details["refusals"]) == (len(erased), 0, 0)
    assert any(one.kind is AlertKind.EXCLUSION_ENTERED for one in watched.alerts())


def test_where_the_trail_is_kept_nothing_is_erased(watched: Watched) -> None:
    watched.walk([at(HOME)] * 3)
    watched.clock.step(seconds=LONG.total_seconds())

    purge(watched)

    assert len(unerased(watched)) == 3
    assert acts(watched, Act.TRAIL_PURGED) == []


def test_who_was_never_heard_of_has_nothing_to_erase(watched: Watched) -> None:
    keep_no_trail(watched)

    purge(watched)

    assert acts(watched, Act.TRAIL_PURGED) == []


def test_much_is_erased_in_batches_each_on_record(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "MOST", 2)
    monkeypatch.setattr(trail, "PEOPLE", 1)
    keep_no_trail(watched)
    watched.walk([at(HOME)] * 5)
    for _ in range(5):
        watched.phone.buffer_fix(at(HOME))
        watched.phone.send_journal()
        watched.phone.request_without_location("TIMEOUT")
    watched.clock.step(seconds=LONG.total_seconds())

    purge(watched)
    purge(watched)

    done = acts(watched, Act.TRAIL_PURGED)
    assert all(count <= 2 for each in done for key, count in each.items() if key != "before")
    assert [sum(each[key] for each in done) for key in ("fixes", "journal_tokens", "refusals")] == [
        10,
        5,
        5,
    ]
    with watched.database.snapshot() as session:
        assert len(list(session.scalars(select(TrailPurge.id)))) == len(done)


def test_a_fix_that_came_lately_stays_however_old_it_is(watched: Watched) -> None:
    keep_no_trail(watched)
    watched.walk([at(HOME)])
    watched.phone.buffer_fix(at(HOME, east_m=3))
    watched.clock.step(seconds=LONG.total_seconds())
    watched.phone.send_journal()

    purge(watched)

    assert [fix.seq for fix in unerased(watched)] == [2]
    watched.clock.step(seconds=LONG.total_seconds())
    purge(watched)
    assert unerased(watched) == []


def test_what_is_odd_about_an_erased_fix_goes_with_it(watched: Watched) -> None:
    keep_no_trail(watched)
    watched.walk([at(HOME), at(HOME, east_m=1)])
    (first, _) = watched.fixes()
    with watched.database.transaction() as session:
        session.add(
            Oddity(
                activation_id=first.activation_id,
                seq=first.seq,
                supervisee_id=first.supervisee_id,
                taken_s=first.taken_s,
                signals=[],
                score=0.5,
            )
        )
    watched.clock.step(seconds=LONG.total_seconds())

    purge(watched)

    with watched.database.snapshot() as session:
        assert list(session.scalars(select(Oddity))) == []


def test_a_refusal_loses_its_proof_unless_an_alert_was_raised_for_it(watched: Watched) -> None:
    keep_no_trail(watched)
    watched.walk([at(HOME, accuracy_m=500.0), at(HOME, mock=True), at(HOME, mock=True)])
    watched.clock.step(seconds=LONG.total_seconds())

    purge(watched)

    assert [(row.reason.value, row.signed != "") for row in watched.refusals()] == [
        ("LOW_ACCURACY", False),
        ("MOCK", True),
        ("MOCK", False),
    ]
    assert all(fix.taken_s == PURGED_S for fix in watched.fixes())


def test_a_token_goes_with_the_last_of_its_fixes(watched: Watched) -> None:
    keep_no_trail(watched)
    for positions in ([at(HOME)], [*INTO_MARKET, *AWAY], [at(HOME, east_m=9)]):
        for position in positions:
            watched.phone.buffer_fix(position)
            watched.clock.step(seconds=60)
        watched.phone.send_journal()
    watched.clock.step(seconds=LONG.total_seconds())

    purge(watched)

    assert [(entry.n, entry.signed != "") for entry in entries(watched)] == [
        (1, False),
        (2, True),
        (3, False),
    ]


def test_both_histories_of_a_fork_stay(watched: Watched, client: FlaskClient) -> None:
    keep_no_trail(watched)
    watched.phone.buffer_fix(at(HOME))
    watched.phone.write_journal()
    watched.phone.send_journal()
    start = deepcopy(watched.phone.journal)
    for east_m in (1, 900):
        watched.phone.journal = deepcopy(start)
        watched.phone._seq = 1
        watched.phone.buffer_fix(at(HOME, east_m=east_m))
        watched.phone.send_journal()
    watched.clock.step(seconds=LONG.total_seconds())

    purge(watched)

    assert all(entry.signed for entry in entries(watched))
    people = f"/v1/supervisees/{watched.case.supervisee_id}/journal"
    for entry in entries(watched):
        assert client.get(f"{people}/{entry.id}", headers=bearer(watched)).status_code == 200


def test_a_fix_that_a_token_contradicts_stays(watched: Watched) -> None:
    keep_no_trail(watched)
    watched.walk([at(HOME)])
    watched.phone._seq = 0
    for east_m in (50, 51):
        watched.phone.buffer_fix(at(HOME, east_m=east_m))
    watched.phone.send_journal()
    watched.clock.step(seconds=LONG.total_seconds())

    purge(watched)

    assert [fix.seq for fix in unerased(watched)] == [1]
    (token,) = entries(watched)
    assert token.signed


def test_what_an_episode_may_yet_name_stays(watched: Watched) -> None:
    keep_no_trail(watched)
    watched.walk([at(HOME), at(MARKET)], every_s=3600)
    (_, suspicious) = watched.fixes()
    watched.clock.step(seconds=LONG.total_seconds())

    purge(watched)

    assert suspicious.digest in {fix.digest for fix in unerased(watched)}
    watched.walk([at(MARKET, north_m=30.0 * n) for n in range(4)])
    assert named(watched) <= {fix.digest for fix in unerased(watched)}


def test_states_of_another_engine_name_nothing(watched: Watched) -> None:
    keep_no_trail(watched)
    watched.walk([at(HOME)] * 2)
    with watched.database.transaction() as session:
        session.execute(update(PersonState).values(judgement=b"[0]"))
    watched.clock.step(seconds=LONG.total_seconds())

    purge(watched)

    assert unerased(watched) == []


# What goes on afterwards --------------------------------------------------------------------


@pytest.fixture
def purged(watched: Watched) -> Watched:
    """A person whose live and buffered fixes were erased."""
    keep_no_trail(watched)
    watched.walk([at(HOME, east_m=n) for n in range(3)])
    watched.phone.buffer_fix(at(HOME, east_m=4))
    watched.phone.send_journal()
    watched.clock.step(seconds=LONG.total_seconds())
    purge(watched)
    assert unerased(watched) == []
    return watched


def test_the_same_fix_again_gets_the_same_receipt_and_is_no_new_one(
    watched: Watched, app: Flask
) -> None:
    keep_no_trail(watched)
    first = watched.phone.send_fix(at(HOME)).json()
    watched.clock.step(seconds=LONG.total_seconds())
    purge(watched)

    again = watched.phone.deliver_fix()

    published = app.test_client().get("/.well-known/jwks.json").get_json()["keys"][0]
    receipt = jwt.decode(first["receipt"], jwt.PyJWK(published), algorithms=["ES256"])
    assert (again.status, again.json()["receipt"]) == (200, first["receipt"])
    (fix,) = watched.fixes()
    assert (fix.taken_s, receipt["seq"]) == (PURGED_S, 1)


def test_another_fix_under_an_erased_ones_number_is_a_fork(purged: Watched) -> None:
    purged.phone._seq = 0

    answer = purged.phone.send_fix(at(HOME, east_m=70))

    assert (answer.status, answer.json()["code"]) == (409, "fix-fork")
    assert [fix.taken_s for fix in purged.fixes()] == [PURGED_S] * 4


def test_the_same_token_again_gets_the_same_receipt(watched: Watched) -> None:
    keep_no_trail(watched)
    watched.phone.buffer_fix(at(HOME))
    written = watched.phone.write_journal()
    first = watched.phone.send_token(written).json()
    watched.clock.step(seconds=LONG.total_seconds())
    purge(watched)

    again = watched.phone.send_token(written)

    assert (again.status, again.json()) == (200, first)
    assert (len(entries(watched)), len(watched.fixes())) == (1, 1)


def test_a_journal_goes_on_and_accounts_for_all_numbers(purged: Watched) -> None:
    purged.phone.buffer_fix(at(HOME))
    said = purged.phone.send_journal().json()

    assert (said["n"], said["accepted"], said["unaccounted"], said["missing"]) == (2, 1, [], [])


def test_another_token_under_an_erased_ones_number_is_a_fork(watched: Watched) -> None:
    keep_no_trail(watched)
    start = deepcopy(watched.phone.journal)
    watched.phone.buffer_fix(at(HOME))
    watched.phone.send_journal()
    watched.clock.step(seconds=LONG.total_seconds())
    purge(watched)
    watched.phone.journal, watched.phone._seq = start, 0
    watched.phone.buffer_fix(at(HOME, east_m=800))

    answer = watched.phone.send_journal()

    assert (answer.status, answer.json()["code"]) == (409, "journal-fork")


def test_an_erased_number_does_not_count_as_missing(watched: Watched) -> None:
    keep_no_trail(watched)
    watched.walk([at(HOME)])
    watched.phone.buffer_fix(at(HOME))
    watched.walk([at(HOME)])
    watched.phone.send_journal()
    watched.clock.step(seconds=LONG.total_seconds())
    purge(watched)

    account(watched.database, watched.book, watched.clock.now())

    with watched.database.snapshot() as session:
        assert list(session.scalars(select(MissingFixes))) == []
    assert not any(one.kind is AlertKind.FIXES_MISSING for one in watched.alerts())


_STAYS: Final = st.lists(
    st.tuples(
        st.sampled_from(["home", "market", "near"]),
        st.integers(1, 6),
        st.sampled_from([0, 1, 2, 13, 14, 15, 16, 30]),
        st.booleans(),
    ),
    min_size=3,
    max_size=6,
)
_PLACES: Final = {"home": at(HOME), "market": at(MARKET), "near": at(MARKET, east_m=330.0)}


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stays=_STAYS, chance=st.randoms(use_true_random=False))
def test_judging_goes_on_as_if_nothing_had_been_erased(
    app: Flask,
    database: Database,
    clock: FrozenClock,
    stays: list[tuple[str, int, int, bool]],
    chance: Random,
) -> None:
    people = [watched_person(app, database, clock, name=uuid4().hex) for _ in range(2)]
    keep_no_trail(people[0])

    for place, fixes, days, late in stays:
        for position in _steps(place, fixes):
            buffered = chance.random() < 0.4
            for one in people:
                if buffered:
                    one.phone.buffer_fix(position)
                else:
                    one.phone.send_fix(position)
            clock.step(seconds=45)
        if not (late and days <= 2):
            _deliver(people)
        clock.step(days=days)
        purge(people[0])
        people[0].sweep()
    _deliver(people)
    clock.step(days=1)
    purge(people[0])

    without, with_it = (_judged(one) for one in people)
    assert without == with_it
    kept = {fix.digest for fix in unerased(people[0])}
    assert {
        each.digest for row in _episodes(people[0]) for each in load(row.verdict).evidence
    } <= kept


def _steps(place: str, fixes: int) -> list[Position]:
    around = _PLACES[place]
    return [
        at((around.latitude, around.longitude), east_m=3.0 * n, north_m=2.0 * n)
        for n in range(fixes)
    ]


def _deliver(people: list[Watched]) -> None:
    for one in people:
        if one.phone.journal is not None and one.phone.journal.fixes:
            assert one.phone.send_journal().status == 200


def _episodes(one: Watched) -> list[Any]:
    return [row for row in one.episodes() if row.supervisee_id == one.case.supervisee_id]


def _judged(one: Watched) -> tuple[list[Any], int]:
    """Return what is judged of a person as it stands, and by what evidence."""
    verdicts = [load(row.verdict) for row in _episodes(one) if not row.withdrawn]
    found = [
        (geofence.substance(each), [(one.at_s, one.distance_m, one.role) for one in each.evidence])
        for each in verdicts
    ]
    with one.database.snapshot() as session:
        until_s = session.get_one(PersonState, one.case.supervisee_id).until_s
    return sorted(found, key=repr), until_s


# The one sanctioned way ---------------------------------------------------------------------


ERASED: Final = {
    "taken_s": PURGED_S,
    "mono_ms": 0,
    "boot": None,
    "latitude": 0.0,
    "longitude": 0.0,
    "accuracy_m": 0.0,
    "usable": False,
    "signals": "",
    "signed": "",
}


def permit(watched: Watched, before_s: int, person: UUID | None = None) -> None:
    now = watched.clock.now()
    with watched.database.transaction() as session:
        values = {
            "id": new_id(now),
            "supervisee_id": person or watched.case.supervisee_id,
            "before_s": before_s,
            "at": now,
        }
        session.execute(insert(TrailPurge).values(values))


@pytest.fixture
def old(watched: Watched) -> Watched:
    """A person with a fix, a token and a refusal of which nothing can have anything judged again."""
    keep_no_trail(watched)
    watched.walk([at(HOME)])
    watched.phone.buffer_fix(at(HOME))
    watched.phone.send_journal()
    watched.phone.send_fix(at(HOME, accuracy_m=500.0))
    watched.clock.step(seconds=LONG.total_seconds())
    return watched


CHANGES: Final = [
    update(Fix).values(ERASED),
    update(JournalEntry).values(signed=""),
    update(Refusal).values(signed=""),
]


@pytest.mark.parametrize("change", CHANGES, ids=["fix", "token", "refusal"])
def test_without_a_permit_nothing_is_erased(old: Watched, change: Any) -> None:
    with pytest.raises(DBAPIError, match="append-only"), old.database.transaction() as session:
        session.execute(change)

    permit(old, unix_s(old.clock.now()) - trail.KEPT_S)
    with old.database.transaction() as session:
        session.execute(change)


@pytest.mark.parametrize("change", CHANGES, ids=["fix", "token", "refusal"])
def test_a_permit_is_for_one_person_and_what_is_older(
    old: Watched, app: Flask, change: Any
) -> None:
    other = watched_person(app, old.database, old.clock, name="other")
    keep_no_trail(other)
    began_s = min(fix.taken_s for fix in old.fixes())
    permit(old, began_s)
    permit(other, unix_s(old.clock.now()) - trail.KEPT_S)

    with pytest.raises(DBAPIError, match="append-only"), old.database.transaction() as session:
        session.execute(change)


def test_a_fix_that_came_late_is_not_older_than_it_came(watched: Watched) -> None:
    keep_no_trail(watched)
    watched.phone.buffer_fix(at(HOME))
    watched.clock.step(seconds=LONG.total_seconds())
    watched.phone.send_journal()
    permit(watched, unix_s(watched.clock.now()) - trail.KEPT_S)

    with pytest.raises(DBAPIError, match="append-only"), watched.database.transaction() as session:
        session.execute(update(Fix).values(ERASED))


@pytest.mark.parametrize(
    "change",
    [
        *(update(Fix).values({**ERASED, name: value}) for name, value in {
            "latitude": 1.0,
            "taken_s": 1,
            "signed": "forged",
            "usable": True,
            "digest": b"\0" * 32,
            "received_ms": 1,
            "seq": 99,
            "refused": "MOCK",
        }.items()),
        update(Fix).values(latitude=0.0),
        update(JournalEntry).values(signed="forged"),
        update(JournalEntry).values(signed="", accepted=99),
        update(JournalEntry).values(digest=b"\0" * 32),
        update(Refusal).values(signed="forged"),
        update(Refusal).values(signed="", reference="forged"),
        update(TrailPurge).values(before_s=0),
        delete(Fix),
        delete(JournalEntry),
        delete(Refusal),
        delete(TrailPurge),
    ],
    ids=str,
)  # fmt: skip
def test_with_a_permit_nothing_else_is_changed_or_deleted(old: Watched, change: Any) -> None:
    permit(old, unix_s(old.clock.now()) - trail.KEPT_S)

    with pytest.raises(DBAPIError, match="append-only"), old.database.transaction() as session:
        session.execute(change)


def test_there_is_no_permit_where_the_trail_is_kept_or_may_be_judged_again(
    watched: Watched,
) -> None:
    now_s = unix_s(watched.clock.now())
    with pytest.raises(DBAPIError, match="no such cause"):
        permit(watched, now_s - trail.KEPT_S)
    keep_no_trail(watched)
    with pytest.raises(DBAPIError, match="no such cause"):
        permit(watched, now_s - judging.HISTORY_S + 1)

    permit(watched, now_s - judging.HISTORY_S)


def test_what_was_erased_outlives_migrations(watched: Watched) -> None:
    keep_no_trail(watched)
    watched.walk([at(HOME), *INTO_MARKET])
    watched.clock.step(seconds=LONG.total_seconds())
    purge(watched)
    before = {fix.digest for fix in unerased(watched)}

    downgrade(watched.database, "0026")
    with watched.database.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT taken_s, latitude, usable FROM fixes WHERE taken_s <= 0")
        ).all()
    with (
        pytest.raises(DBAPIError, match="append-only"),
        watched.database.engine.begin() as connection,
    ):
        connection.execute(text("UPDATE fixes SET signed = ''"))
    upgrade(watched.database)

    assert {tuple(row) for row in rows} == {(0, 0.0, False)}
    assert {fix.digest for fix in watched.fixes() if fix.taken_s} == before
    assert watched.phone.send_fix(at(HOME)).status == 200
    assert any(alert.state is not AlertState.WITHDRAWN for alert in watched.alerts())
