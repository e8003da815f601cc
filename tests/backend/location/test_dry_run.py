"""A draft tried on the past: judged as the rule itself would have been, and nothing kept."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

import geofence
from backend.audit.acts import Act
from backend.audit.models import AuditEvent
from backend.conditions.kinds import ConditionKind
from backend.conditions.service import Draft
from backend.core.actor import Permission
from backend.core.db import Base, Database
from backend.core.errors import Code
from backend.identity.tokens import open_session
from backend.location import dry_run
from backend.location.episodes import load
from tests.support.clocks import START, FrozenClock
from tests.support.conditions import NIGHTS, Case, circle, open_case, rectangle, refused
from tests.support.location import HOME, MARKET, Watched, approach, at, watched_person

ROUTE = "/v1/zones/dry-run"
SINCE = "2026-03-02T09:00:00Z"
MARKET_ZONE = circle(*MARKET, 300.0)
HOME_ZONE = circle(*HOME, 150.0)
INTO_MARKET = [*approach(MARKET, 2000.0, 8), *(at(MARKET, north_m=20.0 * n) for n in (1, 2))]
OUT_AGAIN = [at(MARKET, east_m=400.0 + 300 * step) for step in range(4)]
BOW_TIE = {
    "type": "Polygon",
    "coordinates": [[[-87.6, 41.9], [-87.5, 42.0], [-87.5, 41.9], [-87.6, 42.0], [-87.6, 41.9]]],
}
BESIDE = {"audit_events", "audit_unsealed", "officer_tokens"}
"""Where asking itself leaves a trace."""


def corridor(*places: tuple[float, float]) -> dict[str, Any]:
    """Return a zone along places, a hundred metres wide."""
    line = [[longitude, latitude] for latitude, longitude in places]
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": line},
        "properties": {"width_m": 100.0},
    }


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    """A person at home with MARKET forbidden."""
    return watched_person(app, database, clock, curfew=False)


@pytest.fixture
def free(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    """A person with an order and no condition, whose fixes are kept and never judged wrong."""
    return watched_person(app, database, clock, curfew=False, exclusion=False)


def bearer(watched: Watched, case: Case | None = None) -> dict[str, str]:
    """Return the header of a request by the officer of a case, by default the person's own."""
    officer_id = (case or watched.case).officer.id
    assert officer_id is not None
    with watched.database.transaction() as session:
        issued = open_session(session, officer_id, now=watched.clock.now())
    return {"Authorization": f"Bearer {issued.secret}"}


def draft_of(watched: Watched, **changes: Any) -> dict[str, Any]:
    """Return a request to try MARKET as an exclusion zone from the beginning until now."""
    body = {
        "supervisee_id": str(watched.case.supervisee_id),
        "kind": "exclusion-zone",
        "zone": MARKET_ZONE,
        "since": SINCE,
    }
    return body | changes


def ask(client: FlaskClient, watched: Watched, **changes: Any) -> TestResponse:
    return client.post(ROUTE, json=draft_of(watched, **changes), headers=bearer(watched))


def found_by(client: FlaskClient, watched: Watched, **changes: Any) -> dict[str, Any]:
    answer = ask(client, watched, **changes)
    assert answer.status_code == 200, answer.text
    body = answer.json
    assert isinstance(body, dict)
    return body


def problem_of(answer: TestResponse) -> tuple[int, str, list[str]]:
    """Return the status, the code and the pointers of a refusal."""
    body = answer.json
    assert answer.content_type == "application/problem+json"
    assert isinstance(body, dict)
    pointers = [error["pointer"] for error in body.get("errors", [])]
    return answer.status_code, body["code"], pointers


def stored(database: Database) -> dict[str, list[str]]:
    """Return all that is kept, by table."""
    with database.snapshot() as session:
        return {
            table.name: sorted(repr(tuple(row)) for row in session.execute(select(table)))
            for table in Base.metadata.sorted_tables
            if table.name not in BESIDE
        }


def readings(database: Database) -> list[AuditEvent]:
    with database.snapshot() as session:
        dry = select(AuditEvent).where(AuditEvent.act == Act.ZONE_DRY_RUN.value)
        return list(session.scalars(dry.order_by(AuditEvent.id)))


# Refused


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"zone": None}, "invalid-request", "/zone"),
        ({"kind": "other"}, "invalid-request", "/kind"),
        ({"kind": "curfew", "zone": HOME_ZONE}, "invalid-request", "/schedule"),
        ({"zone": BOW_TIE}, "geometry-refused", "/zone/coordinates"),
        ({"zone": circle(*MARKET, -1.0)}, "geometry-refused", "/zone/properties/radius_m"),
        ({"buffer_m": 0}, "invalid-request", "/buffer_m"),
        (
            {"schedule": NIGHTS | {"timezone": "Mars/Olympus"}},
            "schedule-refused",
            "/schedule/timezone",
        ),
        ({"schedule": {"timezone": "UTC"}}, "schedule-refused", "/schedule"),
        ({"schedule": {"weekly": []}}, "invalid-request", "/schedule/timezone"),
        ({"since": "2026-03-02T09:00:00"}, "invalid-request", "/since"),
        ({"title": "Market"}, "invalid-request", "/title"),
        ({"until": "2026-03-02T09:00:00Z"}, "invalid-request", "/until"),
        ({"until": "2026-03-01T09:00:00Z"}, "invalid-request", "/until"),
        ({"until": "2026-03-02T11:00:01Z"}, "invalid-request", "/until"),
        ({"since": "2026-01-30T10:59:59Z"}, "invalid-request", "/since"),
        (
            {"since": "0001-01-01T00:00:00Z", "until": "0001-01-05T00:00:00Z"},
            "invalid-request",
            "/since",
        ),
        ({"since": "9999-12-31T23:59:59-12:00"}, "invalid-request", "/since"),
    ],
    ids=str,
)
def test_a_draft_that_makes_no_sense_is_refused_where_it_does_not(
    free: Watched, client: FlaskClient, changes: dict[str, Any], code: str, pointer: str
) -> None:
    free.clock.step(hours=2)

    answer = ask(client, free, **changes)

    assert problem_of(answer) == (422, code, [pointer])
    assert readings(free.database) == []


def test_more_fixes_than_can_be_judged_in_seconds_are_refused(
    free: Watched, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "MOST_FIXES", 3)
    free.walk([at(HOME)] * 3)
    assert found_by(client, free)["fixes"] == 3

    free.walk([at(HOME)])

    assert problem_of(ask(client, free)) == (422, "invalid-request", ["/since"])


@pytest.mark.parametrize(
    ("zone", "positions"),
    [
        (MARKET_ZONE, 1),
        (corridor((41.9, -87.6), (41.9, -87.5), (42.0, -87.5)), 3),
        (rectangle(-87.6, 41.9, -87.5, 42.0), 5),
    ],
    ids=["circle", "corridor", "area"],
)
def test_the_finer_a_zone_is_drawn_the_fewer_fixes_are_judged(
    free: Watched,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    zone: dict[str, Any],
    positions: int,
) -> None:
    free.walk([at(HOME)] * 4)
    monkeypatch.setattr(dry_run, "MOST_DISTANCES", 4 * positions)
    assert found_by(client, free, zone=zone)["fixes"] == 4

    monkeypatch.setattr(dry_run, "MOST_DISTANCES", 4 * positions - 1)

    assert problem_of(ask(client, free, zone=zone)) == (422, "invalid-request", ["/since"])


def test_a_stranger_is_not_let_in(watched: Watched, client: FlaskClient) -> None:
    assert client.post(ROUTE, json=draft_of(watched)).status_code == 401


def test_a_person_of_another_agency_is_not_there(watched: Watched, client: FlaskClient) -> None:
    with watched.database.transaction() as session:
        other = open_case(session, now=START, name="other")

    answer = client.post(ROUTE, json=draft_of(watched), headers=bearer(watched, other))

    assert problem_of(answer) == (404, "not-found", [])


def test_a_person_of_somebody_else_is_not_there_for_one_who_has_own_people_only(
    watched: Watched,
) -> None:
    watched.clock.step(hours=1)
    actor = replace(watched.case.supervisor, own_only=True)

    with watched.database.snapshot() as session, refused(Code.NOT_FOUND):
        dry_run.gather(
            session,
            actor,
            supervisee_id=watched.case.supervisee_id,
            kind=ConditionKind.EXCLUSION_ZONE,
            draft=Draft(title="", zone=MARKET_ZONE),
            since=START,
            until=None,
            now=watched.clock.now(),
        )


@pytest.mark.parametrize("missing", [Permission.CONDITION_WRITE, Permission.LOCATION_READ])
def test_both_permissions_are_needed(watched: Watched, missing: Permission) -> None:
    watched.clock.step(hours=1)
    officer = watched.case.officer
    actor = replace(officer, permissions=officer.permissions - {missing})

    with watched.database.snapshot() as session, refused(Code.FORBIDDEN):
        dry_run.gather(
            session,
            actor,
            supervisee_id=watched.case.supervisee_id,
            kind=ConditionKind.EXCLUSION_ZONE,
            draft=Draft(title="", zone=MARKET_ZONE),
            since=START,
            until=None,
            now=watched.clock.now(),
        )


def test_an_auditor_may_not_try_drafts(watched: Watched, client: FlaskClient) -> None:
    auditor = replace(watched.case, officer=watched.case.auditor)

    answer = client.post(ROUTE, json=draft_of(watched), headers=bearer(watched, auditor))

    assert problem_of(answer) == (403, "forbidden", [])


# Empty


def test_without_fixes_nothing_would_have_been_raised(free: Watched, client: FlaskClient) -> None:
    free.clock.step(hours=2)

    found = found_by(client, free)

    assert found == {
        "since": SINCE,
        "until": "2026-03-02T11:00:00Z",
        "fixes": 0,
        "advice": [],
        "counts": {
            "alerts": 0,
            "confirmed": 0,
            "possible": 0,
            "sightings": 0,
            "taken_back": 0,
            "no_data": 0,
        },
        "episodes": [],
        "truncated": False,
        "no_data": [],
    }


def test_a_curfew_of_which_nothing_is_known_is_no_violation(
    free: Watched, client: FlaskClient
) -> None:
    free.clock.step(hours=72)  # in which three nights of curfew began

    found = found_by(client, free, kind="curfew", zone=HOME_ZONE, schedule=NIGHTS)

    assert found["episodes"] == []
    assert found["counts"]["no_data"] == 3
    assert found["no_data"] == [
        {"window_began": "2026-03-03T03:00:00Z", "last_fix_at": None},
        {"window_began": "2026-03-04T03:00:00Z", "last_fix_at": None},
        {"window_began": "2026-03-05T03:00:00Z", "last_fix_at": None},
    ]


def test_what_cannot_be_used_is_not_judged(free: Watched, client: FlaskClient) -> None:
    free.walk([replace(position, mock=True) for position in INTO_MARKET])

    found = found_by(client, free)

    assert len(free.fixes()) == len(INTO_MARKET)
    assert (found["fixes"], found["episodes"]) == (0, [])


# Judged


def test_a_drive_is_judged_as_the_rule_itself_judged_it(
    watched: Watched, client: FlaskClient
) -> None:
    watched.walk([*INTO_MARKET, *OUT_AGAIN])
    (episode,), (alert,) = watched.episodes(), watched.alerts()

    found = found_by(client, watched)

    (would_be,) = found["episodes"]
    live = geofence.facts(load(episode.verdict))
    assert would_be["facts"] == live | {"rule_id": "draft"}
    assert would_be["certainty"] == episode.certainty == "confirmed"
    assert datetime.fromisoformat(would_be["onset"]).timestamp() == episode.onset_s
    assert datetime.fromisoformat(would_be["ended"]).timestamp() == episode.ended_s
    assert would_be["alert"]["kind"] == alert.kind.value == "exclusion-entered"
    assert would_be["alert"]["severity"] == alert.severity.value == "critical"
    assert not would_be["alert"]["withdrawn"]
    assert would_be["sentence_en"] == alert.sentence_en.replace("Market", "the draft zone")
    assert would_be["sentence_es"] == alert.sentence_es.replace("Market", "la zona propuesta")
    assert found["fixes"] == len(INTO_MARKET) + len(OUT_AGAIN)
    assert found["counts"]["confirmed"] == found["counts"]["alerts"] == 1


def test_only_the_draft_is_judged(watched: Watched, client: FlaskClient) -> None:
    watched.walk(INTO_MARKET)

    found = found_by(client, watched, zone=circle(41.0, -88.0, 300.0))

    assert len(watched.episodes()) == 1
    assert found["episodes"] == []


def test_what_still_goes_on_has_no_end(free: Watched, client: FlaskClient) -> None:
    free.walk(INTO_MARKET)

    (episode,) = found_by(client, free)["episodes"]

    assert episode["ended"] is None


def test_the_time_before_and_after_is_not_judged(free: Watched, client: FlaskClient) -> None:
    free.walk([*INTO_MARKET, *OUT_AGAIN])
    free.clock.step(hours=1)

    before = found_by(client, free, until="2026-03-02T09:05:00Z")
    after = found_by(client, free, since="2026-03-02T09:14:00Z")

    assert (before["fixes"], before["episodes"]) == (5, [])
    assert (after["fixes"], after["episodes"]) == (1, [])


def test_a_court_s_early_warning_is_told_apart(free: Watched, client: FlaskClient) -> None:
    free.walk([at(MARKET, east_m=400.0 + 5 * step) for step in range(5)])

    found = found_by(client, free, buffer_m=200)

    assert [episode["perimeter"] for episode in found["episodes"]] == ["buffer"]
    assert found["episodes"][0]["alert"]["kind"] == "buffer-entered"


def test_a_schedule_decides_when_a_draft_holds(free: Watched, client: FlaskClient) -> None:
    free.walk(INTO_MARKET)

    by_night = found_by(client, free, schedule=NIGHTS | {"timezone": "UTC"})
    now = {"start": "2026-03-02T09:00", "end": "2026-03-02T10:00"}
    by_date = found_by(client, free, schedule={"timezone": "UTC", "added": [now]})

    assert by_night["episodes"] == []
    assert len(by_date["episodes"]) == 1


@pytest.mark.parametrize(
    ("kind", "alert"), [("curfew", "curfew-missed"), ("inclusion-zone", "inclusion-left")]
)
def test_leaving_a_draft_home_would_have_been_told(
    free: Watched, client: FlaskClient, kind: str, alert: str
) -> None:
    free.clock.set(datetime(2026, 3, 3, 2, 57, tzinfo=UTC))  # three minutes before the curfew
    free.walk([at(HOME, north_m=step) for step in range(5)])
    free.walk([at(HOME, east_m=300.0 + 100 * step) for step in range(5)])

    found = found_by(
        client, free, kind=kind, zone=HOME_ZONE, schedule=NIGHTS, since="2026-03-03T02:00:00Z"
    )

    (episode,) = found["episodes"]
    assert episode["alert"]["kind"] == alert
    assert episode["alert"]["severity"] == "warning"
    assert "(America/Chicago;" in episode["sentence_en"]
    assert found["no_data"] == []


def test_a_place_known_just_before_the_draft_began_is_known(
    free: Watched, client: FlaskClient
) -> None:
    free.clock.set(datetime(2026, 3, 3, 4, 0, tzinfo=UTC))  # an hour into the curfew
    free.walk([at(HOME, north_m=step) for step in range(5)])
    curfew = {"kind": "curfew", "zone": HOME_ZONE, "schedule": NIGHTS}

    known = found_by(client, free, since="2026-03-03T04:04:30Z", **curfew)
    free.clock.step(hours=1)
    unknown = found_by(client, free, since="2026-03-03T04:30:00Z", **curfew)

    assert (known["fixes"], known["no_data"]) == (0, [])
    assert [gap["window_began"] for gap in unknown["no_data"]] == ["2026-03-03T04:30:00Z"]


def test_a_sighting_is_told_to_nobody(free: Watched, client: FlaskClient) -> None:
    inside_once = [at(MARKET, east_m=345), at(MARKET, east_m=280), at(MARKET, east_m=302)]
    free.walk(inside_once, every_s=60)

    found = found_by(client, free)

    assert found["counts"]["sightings"] == 1
    assert found["counts"]["alerts"] == 0
    assert [episode["alert"] for episode in found["episodes"]] == [None]


def test_what_later_fixes_would_have_taken_back_is_told_as_such(
    free: Watched, client: FlaskClient
) -> None:
    free.walk([at(MARKET, east_m=345), at(MARKET, east_m=280)], every_s=400)
    free.walk([at(MARKET, east_m=302)])

    (episode,) = found_by(client, free)["episodes"]

    assert episode["certainty"] == "sighting"
    assert episode["alert"] == {
        "kind": "exclusion-entered",
        "severity": "warning",
        "raised_at": "2026-03-02T09:10:40Z",
        "withdrawn": True,
    }


def test_a_home_smaller_than_a_phone_can_see_gets_advice(
    free: Watched, client: FlaskClient
) -> None:
    free.clock.step(hours=1)
    tiny = circle(*HOME, 20.0)

    found = found_by(client, free, kind="curfew", zone=tiny, schedule=NIGHTS)

    assert found["advice"] == ["zone-smaller-than-accuracy"]


def test_a_list_that_is_cut_says_so_and_counts_all(
    free: Watched, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "MOST_EPISODES", 1)
    free.walk([*INTO_MARKET, *OUT_AGAIN, *reversed(OUT_AGAIN), *INTO_MARKET[-3:]])

    found = found_by(client, free)

    assert len(found["episodes"]) == 1
    assert found["truncated"]
    assert found["counts"]["confirmed"] == 2


# Kept


def test_nothing_is_kept_but_that_fixes_were_read(watched: Watched, client: FlaskClient) -> None:
    watched.walk([*INTO_MARKET, *OUT_AGAIN])
    before = stored(watched.database)

    first, again = (found_by(client, watched) for _ in range(2))

    assert first == again
    assert first["counts"]["alerts"] == 1
    assert stored(watched.database) == before
    for event in readings(watched.database):
        assert event.actor_id == watched.case.officer.id
        assert event.subject_id == event.supervisee_id == watched.case.supervisee_id
        assert json.loads(event.details) == {
            "kind": "exclusion-zone",
            "since": SINCE,
            "until": first["until"],
        }
    assert len(readings(watched.database)) == 2


def test_the_database_can_be_written_while_a_draft_is_judged(
    watched: Watched, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with an idempotency key, which elsewhere keeps an answer in one transaction."""
    watched.walk(INTO_MARKET)
    judge, written = dry_run.judge, threading.Event()

    def write() -> None:
        with watched.database.transaction() as session:
            session.execute(select(1))
        written.set()

    def judge_meanwhile(trial: dry_run.Trial) -> dry_run.DryRun:
        threading.Thread(target=write, daemon=True).start()
        assert written.wait(timeout=5)
        return judge(trial)

    monkeypatch.setattr(dry_run, "judge", judge_meanwhile)
    headers = bearer(watched) | {"Idempotency-Key": "again"}

    answer = client.post(ROUTE, json=draft_of(watched), headers=headers)

    assert answer.status_code == 200
    assert len(answer.json["episodes"]) == 1  # type: ignore[index]  # an object


def test_a_draft_is_tried_by_the_agency_s_own_numbers(
    client: FlaskClient, watched: Watched
) -> None:
    watched.walk(INTO_MARKET)
    usual = found_by(client, watched)

    watched.set_policy(confirming_instants=9, jump_instants=9, possible_after_s=1_800)

    assert usual["counts"]["confirmed"] == 1
    assert found_by(client, watched)["counts"]["confirmed"] == 0
