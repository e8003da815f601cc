"""Fixes, keys and officers' acts that come at the same moment: real connections, real commits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from backend.alerts.kinds import AlertKind
from backend.alerts.lifecycle import AlertState
from backend.app import create_app
from backend.core.db import Database
from backend.core.settings import Mode, Settings
from backend.devices import service as devices
from backend.devices.key_state import KeyReason
from backend.identity.tokens import open_session
from backend.location.models import Episode
from backend.location.refusals import RefusalReason
from backend.payments.models import ObligationRow
from backend.simulator.position import Position
from backend.simulator.wire import HttpAnswer, HttpRequest
from tests.support.clocks import FrozenClock
from tests.support.copies import copy_of
from tests.support.devices import ROOT_SECRET, SERVER_URL
from tests.support.location import HOME, MARKET, Watched, approach, at, watched_person
from tests.support.phones import over_client
from tests.support.races import at_once

AT_ONCE = 6
ENTERS_MARKET = [*approach(MARKET, 2000.0, 8), *(at(MARKET, north_m=20.0 * n) for n in (1, 2))]
OWED = {
    "kind": "fine",
    "amount_minor": 5_000,
    "currency": "USD",
    "basis": "order",
    "reference": "24-CR-001",
    "due_on": "2026-04-01",
}


def app_on(database: Database, server_keys: Path, clock: FrozenClock) -> Flask:
    """Return an application as another process would have it: its own caches, its own pool."""
    settings = Settings(
        mode=Mode.TEST,
        database_url=database.url.render_as_string(hide_password=False),
        root_secret=ROOT_SECRET,
        server_keys=server_keys,
        public_url=SERVER_URL,
    )
    return create_app(settings, database, clock)


@pytest.fixture
def app(postgresql_database: Database, server_keys: Path, clock: FrozenClock) -> Flask:
    return app_on(postgresql_database, server_keys, clock)


@pytest.fixture
def elsewhere(
    postgresql_database: Database, server_keys: Path, clock: FrozenClock
) -> Iterator[Flask]:
    """Another process on the same database."""
    database = Database(postgresql_database.url.render_as_string(hide_password=False))
    yield app_on(database, server_keys, clock)
    database.close()


@pytest.fixture
def watched(app: Flask, postgresql_database: Database, clock: FrozenClock) -> Watched:
    return watched_person(app, postgresql_database, clock)


def signed(watched: Watched, positions: list[Position], every_s: float) -> list[HttpRequest]:
    """Return fixes that were taken one after another and signed now; none has been sent."""
    phone, taken, held = watched.phone, [], list[HttpRequest]()
    for position in positions:
        watched.clock.step(seconds=every_s)
        phone.take_fix(position)
        taken.append(phone._fix)
    phone.token()
    reach, phone._transport = phone._transport, partial(hold, held)
    for fix in taken:
        phone._fix = fix
        phone.deliver_fix()
    phone._transport = reach
    return held


def hold(held: list[HttpRequest], request: HttpRequest) -> HttpAnswer:
    held.append(request)
    return HttpAnswer(status=200, headers={}, body=b"{}")


def send(app: Flask, request: HttpRequest) -> HttpAnswer:
    """Send over a connection of one's own."""
    return over_client(app.test_client())(request)


def episodes_on(database: Database) -> list[tuple[object, ...]]:
    with database.snapshot() as session:
        rows = session.scalars(
            select(Episode).where(Episode.withdrawn.is_(False)).order_by(Episode.rule_id)
        )
        return [(row.rule_id, row.perimeter, row.verdict) for row in rows]


def test_one_fix_sent_many_times_at_once_is_one_row_and_one_receipt(
    watched: Watched, app: Flask
) -> None:
    for number in range(3):
        (request,) = signed(watched, [at(HOME, east_m=10 * number)], every_s=5)

        answers = at_once([partial(send, app, request)] * AT_ONCE)

        assert {answer.status for answer in answers} == {200}
        assert len({answer.json()["receipt"] for answer in answers}) == 1
        assert len(watched.fixes()) == number + 1


def test_many_fixes_of_one_person_at_once_are_judged_as_one_after_another(
    watched: Watched, app: Flask, server_keys: Path, clock: FrozenClock
) -> None:
    requests = signed(watched, ENTERS_MARKET, every_s=50)
    watched.database.engine.dispose()
    with copy_of(watched.database.url.render_as_string(hide_password=False)) as copy:
        unhurried = Database(copy)
        in_turn = app_on(unhurried, server_keys, clock)

        answers = at_once([partial(send, app, request) for request in requests])
        unhurried_answers = [send(in_turn, request) for request in requests]
        expected = episodes_on(unhurried)
        unhurried.close()

    statuses = [answer.status for answer in answers]
    assert statuses == [answer.status for answer in unhurried_answers]
    assert set(statuses) == {200, 403}  # Most are late: refused as service, judged all the same.
    assert [fix.seq for fix in watched.fixes()] == list(range(1, len(requests) + 1))
    assert len(expected) == 1
    assert episodes_on(watched.database) == expected
    standing = [one.kind for one in watched.alerts() if one.state is not AlertState.WITHDRAWN]
    assert standing.count(AlertKind.EXCLUSION_ENTERED) == 1


def test_two_fixes_under_one_number_at_once_are_a_fix_and_a_fork(
    watched: Watched, app: Flask
) -> None:
    requests = signed(watched, [at(HOME)], every_s=5)
    watched.phone._seq -= 1
    requests += signed(watched, [at(HOME, east_m=50)], every_s=5)

    answers = at_once([partial(send, app, request) for request in requests])

    assert sorted(answer.status for answer in answers) == [200, 409]
    assert len(watched.fixes()) == 1
    assert [refusal.reason for refusal in watched.refusals()] == [RefusalReason.FORKED]


def test_a_key_revoked_in_one_process_sends_no_fix_to_another(
    watched: Watched, elsewhere: Flask
) -> None:
    before, after = signed(watched, [at(HOME), at(HOME)], every_s=5)
    statuses = [send(elsewhere, before).status]

    with watched.database.transaction() as session:
        devices.revoke(
            session,
            watched.case.supervisor,
            watched.phone.jkt,
            reason=KeyReason.STOLEN,
            now=watched.clock.now(),
        )
    statuses.append(send(elsewhere, after).status)

    assert statuses == [200, 401]
    assert len(watched.fixes()) == 1


def test_one_idempotency_key_used_at_once_is_one_act(watched: Watched, app: Flask) -> None:
    assert watched.case.officer.id is not None
    with watched.database.transaction() as session:
        issued = open_session(session, watched.case.officer.id, now=watched.clock.now())
    headers = {"Authorization": f"Bearer {issued.secret}", "Idempotency-Key": "once"}
    path = f"/v1/supervisees/{watched.case.supervisee_id}/obligations"

    def oblige() -> tuple[int, Any]:
        answer = app.test_client().post(path, json=OWED, headers=headers)
        return answer.status_code, answer.json

    answers = at_once([oblige] * AT_ONCE)
    again = oblige()

    assert {status for status, _ in answers} <= {201, 409}
    made = [body for status, body in answers if status == 201]
    assert made
    assert all(body == made[0] for body in made)
    assert again == (201, made[0])
    with watched.database.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(ObligationRow)) == 1
