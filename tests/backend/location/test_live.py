"""Live fixes end to end: signed by a phone, through the gate, judged, told to an officer."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask

from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.alerts.lifecycle import AlertState
from backend.audit.acts import Act
from backend.conditions.exemptions import withdraw_exemption
from backend.core.clock import unix_s
from backend.core.db import Database
from backend.core.http import Platform
from backend.devices.authentication import Authentication
from backend.location.refusals import RefusalReason, advice
from backend.proof.receipt import read_receipt
from notifications.formats import Language
from tests.support.clocks import FrozenClock
from tests.support.conditions import circle, exempt, impose_confidential, recorded
from tests.support.location import HOME, MARKET, Watched, approach, at, enrol, watched_person

ENTERS_MARKET = [*approach(MARKET, 2000.0, 8), *(at(MARKET, north_m=20.0 * n) for n in (1, 2))]


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    return watched_person(app, database, clock)


# Refused


@pytest.mark.parametrize("reason", ["PERMISSION_DENIED", "SERVICES_OFF", "TIMEOUT", None])
def test_without_location_service_is_refused(watched: Watched, reason: str | None) -> None:
    answer = watched.phone.request_without_location(reason)

    problem = answer.json()
    assert answer.status == 403
    assert problem["code"] == "location-refused"
    assert problem["reason"] == (reason or "MISSING")
    words = advice(RefusalReason(problem["reason"]), Language.ENGLISH)
    assert (problem["detail"], problem["what_to_do"]) == (words.what, words.what_to_do)
    assert problem["contact"] == "+12025550100"
    (refusal,) = watched.refusals()
    assert problem["reference"] == refusal.reference
    assert refusal.reason.value == problem["reason"]


@pytest.mark.parametrize(
    ("position", "reason"),
    [
        (at(HOME, accuracy_m=100.5), RefusalReason.LOW_ACCURACY),
        (at(HOME, mock=True), RefusalReason.MOCK),
        (at((0.0, 0.0)), RefusalReason.ZERO_ZERO),
    ],
)
def test_an_unusable_location_is_refused_and_kept(
    watched: Watched, position: object, reason: RefusalReason
) -> None:
    answer = watched.phone.send_fix(position)  # type: ignore[arg-type]  # parametrised

    assert answer.json()["reason"] == reason.value
    (fix,) = watched.fixes()
    assert fix.refused is reason
    assert fix.usable is (reason is RefusalReason.LOW_ACCURACY)


@pytest.mark.parametrize(
    "position",
    [at(HOME, mock=True, accuracy_m=100.5), at((0.0, 0.0), accuracy_m=100.5)],
)
def test_what_is_invented_is_never_judged_whatever_refused_it_first(
    watched: Watched, position: object
) -> None:
    answer = watched.phone.send_fix(position)  # type: ignore[arg-type]  # parametrised

    assert answer.json()["reason"] == RefusalReason.LOW_ACCURACY.value
    (fix,) = watched.fixes()
    assert fix.usable is False


def test_an_impossible_journey_is_refused_and_told_once(watched: Watched) -> None:
    watched.walk([at(HOME)])

    statuses = watched.walk([at(HOME, east_m=90_000), at(HOME, east_m=-90_000)])

    assert statuses == [403, 403]
    (alert,) = watched.alerts()
    assert alert.kind is AlertKind.LOCATION_REFUSED


@pytest.mark.parametrize("path", ["", "/conditions", "/zones", "/balance", "/inbox"])
def test_the_gate_stands_before_everything_of_ones_own(watched: Watched, path: str) -> None:
    refused = watched.phone.request_without_location("SERVICES_OFF", f"/v1/me{path}")
    served = watched.phone.get(f"/v1/me{path}", at(HOME))

    assert refused.status == 403
    assert refused.json()["code"] == "location-refused"
    assert served.status == 200


def test_a_run_of_refusals_is_over_with_the_next_accepted_fix(watched: Watched) -> None:
    watched.phone.request_without_location("PERMISSION_DENIED")

    watched.walk([at(HOME)])

    (alert,) = watched.alerts()
    assert alert.cleared_at is not None
    assert alert.state is AlertState.OPEN


def test_a_number_used_for_another_fix_is_a_fork(watched: Watched) -> None:
    watched.phone.send_fix(at(HOME))
    watched.phone._seq -= 1
    watched.clock.step(seconds=30)

    answer = watched.phone.send_fix(at(HOME, east_m=40))

    assert answer.status == 409
    assert answer.json()["code"] == "fix-fork"
    (alert,) = watched.alerts()
    assert (alert.kind, alert.severity) == (AlertKind.JOURNAL_FORK, Severity.WARNING)
    assert len(watched.fixes()) == 1


def test_refusals_can_be_read_without_location(watched: Watched) -> None:
    reference = watched.phone.request_without_location("SERVICES_OFF").json()["reference"]

    answer = watched.phone.request_without_location("SERVICES_OFF", "/v1/me/refusals")

    assert answer.status == 200
    assert [item["reference"] for item in answer.json()["items"]] == [reference]


def test_a_refusal_is_never_a_violation(watched: Watched) -> None:
    for reason in ("PERMISSION_DENIED", "SERVICES_OFF", "TIMEOUT"):
        watched.phone.request_without_location(reason)

    assert watched.episodes() == []


# Let in


def test_a_fix_is_stored_as_signed_and_receipted(watched: Watched, app: Flask) -> None:
    answer = watched.phone.send_fix(at(HOME))

    (fix,) = watched.fixes()
    platform: Platform = app.extensions["connectrex"]
    receipt = read_receipt(answer.json()["receipt"], platform.part(Authentication).server_keys)
    assert answer.status == 200
    assert answer.json()["basis"] == "located"
    assert fix.signed.count(".") == 2
    assert receipt is not None
    assert (receipt.jkt, receipt.seq, receipt.digest) == (watched.phone.jkt, 1, fix.digest)


def test_a_retry_after_a_lost_answer_gets_the_same_receipt(watched: Watched) -> None:
    watched.clock.step(seconds=0.123456)
    first = watched.phone.send_fix(at(HOME)).json()
    watched.clock.step(minutes=10)

    again = watched.phone.deliver_fix().json()

    assert again["receipt"] == first["receipt"]
    assert len(watched.fixes()) == 1


def test_requests_made_while_a_fix_is_fresh_share_it(watched: Watched) -> None:
    watched.phone.send_fix(at(HOME))

    answers = [watched.phone.get(f"/v1/me{path}") for path in ("/conditions", "/zones")]

    assert [answer.status for answer in answers] == [200, 200]
    assert len(watched.fixes()) == 1


def test_an_exemption_lets_in_without_location_and_is_recorded(watched: Watched) -> None:
    with watched.database.transaction() as session:
        exemption = exempt(session, watched.case, now=watched.clock.now())
    watched.clock.step(seconds=1)

    answer = watched.phone.request_without_location("PERMISSION_DENIED", "/v1/me/conditions")

    assert answer.status == 200
    assert watched.refusals() == []
    with watched.database.snapshot() as session:
        events = recorded(session, watched.case, "exemption")
    (used,) = [event for event in events if event.act == Act.EXEMPTION_USED.value]
    assert (used.subject_id, used.at) == (exemption.id, watched.clock.now())
    assert used.details == {"waived": "PERMISSION_DENIED"}


def test_nobody_is_watched_whom_no_court_ordered_to_be(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    free = watched_person(app, database, clock, ordered=False)

    assert free.phone.request_without_location(None, "/v1/me/conditions").status == 200
    assert free.walk([at(HOME)]) == [200]
    assert free.fixes() == []


# Judged


def test_a_drive_into_the_zone_raises_one_critical_alert(watched: Watched) -> None:
    watched.walk(ENTERS_MARKET)

    (alert,) = watched.alerts()
    assert alert.kind is AlertKind.EXCLUSION_ENTERED
    assert alert.severity is Severity.CRITICAL
    assert alert.certainty is Certainty.CONFIRMED
    (episode,) = watched.episodes()
    assert episode.alert_id == alert.id


def test_passing_by_with_a_wide_berth_raises_nothing(watched: Watched) -> None:
    watched.walk([at(MARKET, east_m=-900 + 200 * step, north_m=500) for step in range(10)])

    assert watched.alerts() == []


def test_leaving_again_clears_the_alert_and_resolves_nothing(watched: Watched) -> None:
    watched.walk(ENTERS_MARKET)

    watched.walk([at(MARKET, east_m=400.0 + 300 * step) for step in range(5)])

    (alert,) = watched.alerts()
    assert alert.cleared_at is not None
    assert alert.state is AlertState.OPEN


def test_order_of_arrival_decides_nothing(
    app: Flask, database: Database, clock: FrozenClock
) -> None:
    """Fixes overtake each other on the way: the episodes are those of the times they were taken."""
    one = watched_person(app, database, clock)
    taken = []
    for position in ENTERS_MARKET:
        one.phone.take_fix(position)
        taken.append(one.phone._fix)
        clock.step(seconds=50)

    for index in (1, 0, 3, 2, 5, 4, 7, 6, 10, 8, 9):
        one.phone._fix = taken[index]
        one.phone.deliver_fix()

    assert [fix.seq for fix in one.fixes()] == list(range(1, 12))
    (episode,) = one.episodes()
    late = [fix for fix in one.fixes() if fix.refused is RefusalReason.STALE]
    assert episode.certainty == "confirmed"
    assert all(fix.usable for fix in late)


def test_an_inaccurate_fix_is_refused_and_judged_all_the_same(watched: Watched) -> None:
    statuses = watched.walk([replace(p, accuracy_m=120.0) for p in ENTERS_MARKET])

    assert set(statuses) == {403}
    assert [alert.kind for alert in watched.alerts()] == [AlertKind.EXCLUSION_ENTERED]


def test_a_victims_zone_does_not_change_the_phones_rhythm(watched: Watched) -> None:
    hidden = (41.95, -87.70)
    with watched.database.transaction() as session:
        impose_confidential(
            session,
            watched.case,
            watched.order,  # type: ignore[arg-type]  # ordered
            now=watched.clock.now(),
            zone=circle(*hidden, 300),
        )
    watched.clock.step(seconds=60)

    near_hidden = [watched.phone.send_fix(at(hidden, east_m=400)).json()["next_fix_s"]]
    watched.clock.step(minutes=30)
    near_market = [watched.phone.send_fix(at(MARKET, east_m=400)).json()["next_fix_s"]]

    assert near_hidden == [60]
    assert near_market == [15]


def test_near_a_zone_fixes_are_wanted_often_from_all_who_move(watched: Watched) -> None:
    watched.walk([at(MARKET, east_m=600)], every_s=15)
    walking = watched.phone.send_fix(at(MARKET, east_m=580)).json()["next_fix_s"]
    watched.clock.step(seconds=15)
    standing = watched.phone.send_fix(at(MARKET, east_m=577)).json()["next_fix_s"]

    assert walking == 15
    assert standing == 60


def test_an_alert_about_a_victims_zone_gives_no_hint_of_where_it_is(watched: Watched) -> None:
    hidden = (41.95, -87.70)
    with watched.database.transaction() as session:
        impose_confidential(
            session,
            watched.case,
            watched.order,  # type: ignore[arg-type]  # ordered
            now=watched.clock.now(),
            zone=circle(*hidden, 300),
        )
    watched.clock.step(seconds=60)

    watched.walk([at(hidden, north_m=20.0 * step) for step in range(4)])

    (alert,) = watched.alerts()
    told = json.dumps(alert.explanation)
    assert alert.kind is AlertKind.EXCLUSION_ENTERED
    assert "Hidden Street" not in told
    assert '"distance_m": null' in told
    assert not re.search(r'"distance_m": [\d-]', told)


def test_a_withdrawn_exemption_does_not_make_the_past_silent(watched: Watched) -> None:
    watched.walk([at(HOME)])
    with watched.database.transaction() as session:
        exemption = exempt(session, watched.case, now=watched.clock.now())
    watched.clock.step(hours=2)
    with watched.database.transaction() as session:
        withdraw_exemption(
            session, watched.case.officer, exemption.id, reason="Over.", now=watched.clock.now()
        )

    watched.clock.step(minutes=5)
    watched.sweep()
    assert watched.alerts() == []

    watched.clock.step(minutes=15)
    watched.sweep()
    assert [alert.kind for alert in watched.alerts()] == [AlertKind.NO_COMMUNICATION]


# The clock


def test_a_curfew_that_begins_while_the_phone_is_silent_is_noticed(watched: Watched) -> None:
    watched.clock.set(datetime(2026, 3, 3, 2, 30, tzinfo=UTC))  # 20:30 in Chicago
    watched.walk([at(HOME, east_m=3000)])

    watched.clock.set(datetime(2026, 3, 3, 3, 1, tzinfo=UTC))
    watched.sweep()

    (alert,) = watched.alerts()
    assert alert.kind is AlertKind.NO_COMMUNICATION
    assert watched.episodes() == []


def test_a_curfew_opens_by_the_clock_on_fresh_evidence(watched: Watched) -> None:
    watched.clock.set(datetime(2026, 3, 3, 2, 50, tzinfo=UTC))
    watched.walk([at(HOME, east_m=3000 + 40 * step) for step in range(10)])

    watched.clock.set(datetime(2026, 3, 3, 3, 0, 15, tzinfo=UTC))
    watched.sweep()

    (alert,) = watched.alerts()
    assert alert.kind is AlertKind.CURFEW_MISSED
    assert alert.occurred_at == datetime(2026, 3, 3, 3, 0, tzinfo=UTC)


def test_silence_is_told_once_and_over_with_the_next_fix(watched: Watched) -> None:
    watched.walk([at(HOME)])
    watched.clock.step(minutes=16)

    watched.sweep()
    watched.clock.step(minutes=5)
    watched.sweep()
    watched.walk([at(HOME)])

    (alert,) = watched.alerts()
    assert alert.kind is AlertKind.NO_COMMUNICATION
    assert alert.cleared_at is not None


def test_a_window_that_began_in_silence_is_no_second_alert(watched: Watched) -> None:
    watched.clock.set(datetime(2026, 3, 3, 2, 0, tzinfo=UTC))  # 20:00 in Chicago
    watched.walk([at(HOME)])
    watched.clock.step(minutes=16)
    watched.sweep()
    silent_since = watched.alerts()[0].occurred_at

    watched.clock.set(datetime(2026, 3, 3, 16, 0, tzinfo=UTC))  # the curfew began at 21:00
    watched.walk([at(HOME)])

    (alert,) = watched.alerts()
    assert alert.kind is AlertKind.NO_COMMUNICATION
    assert alert.cleared_at == datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
    assert "began at 2026-03-02 21:00" in alert.sentence_en
    assert alert.occurred_at == silent_since <= alert.detected_at


def test_a_phone_that_never_spoke_is_silent_too(watched: Watched) -> None:
    watched.sweep()
    watched.clock.step(minutes=20)

    watched.sweep()

    assert [alert.kind for alert in watched.alerts()] == [AlertKind.NO_COMMUNICATION]


def test_a_sweep_with_nothing_due_touches_nobody(watched: Watched) -> None:
    watched.walk([at(HOME)], every_s=0)
    watched.sweep()

    assert watched.sweep() == 0


def test_another_phone_takes_over(watched: Watched, app: Flask) -> None:
    watched.walk(ENTERS_MARKET[:7])

    watched.phone = enrol(app.test_client(), watched.database, watched.clock, watched.case)
    watched.walk([at(MARKET), at(MARKET, east_m=30), at(MARKET, east_m=60)])

    kinds = [alert.kind for alert in watched.alerts()]
    assert kinds.count(AlertKind.EXCLUSION_ENTERED) == 1


# One spoof among honest fixes

ATLANTIC = (41.88, -60.0)
OVER_GARY = at(HOME, east_m=16_000.0)
"""A minute away by aeroplane: odd, and accepted."""


def test_one_accepted_spoof_fails_no_honest_fix_after_it(watched: Watched) -> None:
    statuses = watched.walk([at(HOME), OVER_GARY, *(at(HOME, north_m=n) for n in (1.0, 2.0, 3.0))])

    assert statuses == [200] * 5
    assert [fix.signals for fix in watched.fixes()] == ["", "fast", "", "", ""]


def test_a_spoof_that_came_first_fails_one_honest_fix(watched: Watched) -> None:
    statuses = watched.walk([at(ATLANTIC), *(at(HOME, north_m=n) for n in (1.0, 2.0, 3.0))])

    assert statuses == [200, 403, 200, 200]


def test_the_same_impossible_fix_again_is_refused_again(watched: Watched) -> None:
    watched.walk([at(HOME)])

    first, again = (watched.phone.send_fix(at(ATLANTIC)).status for _ in range(2))

    assert (first, again) == (403, 403)


def test_an_agency_judges_by_its_own_numbers(watched: Watched) -> None:
    watched.set_policy(confirming_instants=9, jump_instants=9)

    watched.walk(ENTERS_MARKET)

    assert watched.episodes() == []


def test_a_change_of_the_numbers_reaches_the_next_fix_and_judges_what_was_again(
    watched: Watched,
) -> None:
    watched.set_policy(confirming_instants=9, jump_instants=9)
    watched.walk(ENTERS_MARKET)

    watched.set_policy(confirming_instants=2, jump_instants=3)
    watched.walk([at(MARKET, north_m=60.0)])

    (episode,) = watched.episodes()
    assert episode.certainty == "confirmed"
    assert episode.onset_s < unix_s(watched.clock.now()) - 180
