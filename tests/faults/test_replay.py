"""Servers killed while a drive is replayed: nothing that was acknowledged is ever missing.

What came of it is held against a run without a fault: the same bytes, at the same times, given to
an application on a copy of the database as it was before the drive.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import pytest
from sqlalchemy import func, select

from backend.alerts.kinds import AlertKind
from backend.alerts.models import AlertRow
from backend.app import create_app
from backend.audit.acts import Act
from backend.audit.models import AuditEvent
from backend.core.db import Database
from backend.location.models import Episode, Fix
from backend.location.rulebook import RuleBook
from backend.proof.server_keys import ServerKeys
from backend.simulator.track import VISNJAN_DRIVE, TimedPosition, read_track
from backend.simulator.wire import HttpRequest
from backend.worker.jobs import sweep
from tests.faults.scene import Scene, receipt_digest, scene_on
from tests.support.clocks import START, FrozenClock
from tests.support.copies import copy_of
from tests.support.phones import over_client
from tests.support.sites import Line, Site, carry

MID_SECOND: Final = timedelta(milliseconds=500)
AFTERWARDS: Final = START + timedelta(minutes=15)
OFFICER_LOOKS_EVERY: Final = 9

AT_CHOSEN_MOMENTS: Final[dict[int, float | None]] = {
    # Before anything can have been done, in the middle of it, about when the answer goes out,
    # and once the phone has read it.
    **dict.fromkeys((1, 53), 0.0),
    13: 0.001,
    26: 0.003,
    40: 0.005,
    66: 0.008,
    92: 0.015,
    **dict.fromkeys((79, 104), None),
}
HAUNTED_EVERY: Final = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run left in the database: fixes as signed, episodes, and what officers were told."""

    fixes: list[tuple[object, ...]]
    episodes: list[tuple[object, ...]]
    alerts: list[tuple[object, ...]]


@pytest.fixture
def track() -> list[TimedPosition]:
    """A recorded drive of nine minutes, as if it had begun a minute after START."""
    points = read_track(VISNJAN_DRIVE, accuracy_m=8.0)
    shift = START + timedelta(minutes=1) - points[0].at
    return [TimedPosition(at=point.at + shift, position=point.position) for point in points]


def drive(
    site: Site,
    scene: Scene,
    track: list[TimedPosition],
    after_each: Callable[[int], None] = lambda _: None,
) -> dict[int, str]:
    """Replay the drive and return the receipts by the numbers of the fixes.

    Now and then an officer looks, which is audited: there is something to seal.
    """
    receipts: dict[int, str] = {}
    for point in track:
        if site.clock.now() < point.at + MID_SECOND:
            site.clock.step_to(point.at + MID_SECOND)
        answer = scene.phone.send_fix(point.position)
        assert answer.status == 200, answer.body
        receipts[answer.json()["seq"]] = answer.json()["receipt"]
        after_each(len(receipts))
        if len(receipts) % OFFICER_LOOKS_EVERY == 0:
            look(site, scene)
    return receipts


def look(site: Site, scene: Scene) -> None:
    """Read where the person is, as an officer, until an answer comes."""
    request = HttpRequest(
        method="GET",
        url=f"{site.settings.public_url}/v1/supervisees/{scene.case.supervisee_id}/status",
        headers={"Authorization": f"Bearer {scene.bearer}"},
        body=b"",
    )
    for _ in range(20):
        site.start()
        try:
            assert carry(request).status == 200
        except OSError:
            continue
        return
    raise AssertionError("the officer got no answer")


def outcome_on(database: Database) -> Outcome:
    """Let the clock have its say as well, and return what is in the database."""
    sweep(database, RuleBook(), AFTERWARDS)
    with database.snapshot() as session:
        fixes = session.scalars(select(Fix).order_by(Fix.seq)).all()
        episodes = session.scalars(select(Episode).order_by(Episode.rule_id, Episode.ordinal)).all()
        alerts = session.scalars(
            select(AlertRow).order_by(AlertRow.occurred_at, AlertRow.kind)
        ).all()
    return Outcome(
        fixes=[(fix.seq, fix.digest, fix.taken_s, fix.refused, fix.signed) for fix in fixes],
        episodes=[(one.rule_id, one.ordinal, one.withdrawn, one.verdict) for one in episodes],
        alerts=[
            (one.kind, one.severity, one.certainty, one.state, one.occurred_at, not one.cleared_at)
            for one in alerts
        ],
    )


def without_a_fault(
    site: Site, database_url: str, sent: list[tuple[datetime, HttpRequest]]
) -> Outcome:
    """Return what comes of the same requests where nobody is killed."""
    clock = FrozenClock()
    with site.opened(database_url) as database:
        app = create_app(replace(site.settings, database_url=database_url), database, clock)
        send = over_client(app.test_client())
        for at, request in sent:
            clock.set(at)
            assert send(request).status == 200
        return outcome_on(database)


def assert_nothing_is_lost(
    site: Site, receipts: dict[int, str], expected: Outcome, fixes: int
) -> None:
    """Hold receipts, stored fixes, judgement and the audit record against each other."""
    with site.opened() as database:
        found = outcome_on(database)
        with database.snapshot() as session:
            looked = session.scalar(
                select(func.count())
                .select_from(AuditEvent)
                .where(AuditEvent.act == Act.FIXES_READ.value)
            )
    digests = {fix[0]: fix[1] for fix in found.fixes}
    keys = ServerKeys.from_pem(site.settings.server_keys.read_bytes())
    promised = {seq: receipt_digest(receipt, keys) for seq, receipt in receipts.items()}
    assert promised == digests
    assert len(found.fixes) == fixes
    assert found == expected
    assert len(found.episodes) == 2
    assert AlertKind.EXCLUSION_ENTERED in {alert[0] for alert in found.alerts}
    assert (looked or 0) >= fixes // OFFICER_LOOKS_EVERY
    verified = site.command("audit", "verify")
    assert verified.exit_code == 0, verified.output


def test_killed_at_chosen_moments_of_a_request_the_server_loses_nothing(
    site: Site, track: list[TimedPosition]
) -> None:
    line = Line(site)
    scene = scene_on(site, line)
    with copy_of(site.settings.database_url) as copy:
        site.kills, line.moments = 0, AT_CHOSEN_MOMENTS

        receipts = drive(site, scene, track)
        again = scene.phone.resend().json()
        site.stop()

        assert site.kills == len(AT_CHOSEN_MOMENTS)
        assert again["receipt"] == receipts[len(track)]
        expected = without_a_fault(site, copy, line.fixes)
        assert_nothing_is_lost(site, receipts, expected, len(track))


def test_killed_at_any_time_the_server_loses_nothing(
    site: Site, track: list[TimedPosition]
) -> None:
    scene = scene_on(site, Line(site))
    with copy_of(site.settings.database_url) as copy:
        site.kills = 0
        haunting = Haunting(site)

        receipts = drive(site, scene, track, haunting.stir)
        haunting.end()
        site.start()
        site.stop()

        assert site.kills >= len(track) // HAUNTED_EVERY
        expected = without_a_fault(site, copy, scene.line.fixes)
        assert_nothing_is_lost(site, receipts, expected, len(track))


class Haunting:
    """Kills a site at times that have nothing to do with what it does.

    Soon after some fix, whatever is going on by then; and once more, most likely while the site
    starts again or has just begun to work off what it finds.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._random = random.Random(20260302)  # noqa: S311 - moments, not secrets
        self._timers: list[threading.Timer] = []

    def stir(self, fix: int) -> None:
        """Let it happen again, if it is time."""
        if fix % HAUNTED_EVERY:
            return
        for soonest_s, latest_s in ((0.0, 0.1), (0.2, 0.7)):
            timer = threading.Timer(self._random.uniform(soonest_s, latest_s), self._site.kill)
            timer.start()
            self._timers.append(timer)

    def end(self) -> None:
        """Return when all of it has happened."""
        for timer in self._timers:
            timer.join()
