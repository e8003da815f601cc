"""The database goes away, or its disk is full: clear answers meanwhile, and nothing lost after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from backend.app import create_app
from backend.core.db import Database, is_outage
from backend.core.jobs import heartbeats
from backend.core.settings import Mode, Settings
from backend.worker.jobs import SCHEDULE, jobs
from backend.worker.loop import Worker
from tests.support.cables import Cable
from tests.support.clocks import FrozenClock
from tests.support.databases import PostgresqlDatabases, SqliteDatabases
from tests.support.location import HOME, Watched, at, watched_person

COMMIT = b"COMMIT\0"  # Whole: a transaction may begin as READ COMMITTED.


@pytest.fixture
def cable(postgresql_server: URL) -> Iterator[Cable]:
    """The cable to the PostgreSQL server."""
    assert postgresql_server.port is not None
    with Cable(postgresql_server.port) as cable:
        yield cable


@pytest.fixture
def database(postgresql_databases: PostgresqlDatabases, cable: Cable) -> Iterator[Database]:
    """A database at the other end of the cable."""
    with postgresql_databases.fresh_url() as url:
        wired = make_url(url).set(port=cable.port)
        database = Database(wired.render_as_string(hide_password=False))
        yield database
        database.close()


@pytest.fixture
def settings(database: Database, server_keys: Path) -> Settings:
    return Settings(
        mode=Mode.TEST,
        database_url=database.url.render_as_string(hide_password=False),
        root_secret=bytes(range(32)),
        server_keys=server_keys,
        public_url="https://connectrex.test",
    )


@pytest.fixture
def watched(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    """A person whose first fix has been taken."""
    one = watched_person(app, database, clock)
    assert one.walk([at(HOME)]) == [200]
    return one


def test_while_the_database_is_away_requests_are_told_to_come_back(
    watched: Watched, app: Flask, cable: Cable
) -> None:
    cable.cut()

    answers = [watched.phone.send_fix(at(HOME)), watched.phone.deliver_fix()]

    for answer in answers:
        assert answer.status == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "unavailable"
        assert int(answer.headers["retry-after"]) > 0
    assert app.test_client().get("/readyz").status_code == 503
    assert app.test_client().get("/healthz").status_code == 200


def test_when_the_database_is_back_a_repeated_fix_is_taken(watched: Watched, cable: Cable) -> None:
    cable.cut()
    refused = watched.phone.send_fix(at(HOME, east_m=20))

    cable.mend()
    answer = watched.phone.deliver_fix()

    assert (refused.status, answer.status) == (503, 200)
    assert [fix.seq for fix in watched.fixes()] == [1, 2]


def test_a_restart_that_nobody_noticed_costs_one_answer(watched: Watched, cable: Cable) -> None:
    cable.cut()
    cable.mend()

    statuses = [watched.phone.send_fix(at(HOME)).status, watched.phone.deliver_fix().status]

    assert statuses == [503, 200]
    assert [fix.seq for fix in watched.fixes()] == [1, 2]


def test_a_server_that_shuts_down_in_between_costs_one_answer(
    watched: Watched, postgresql_server: URL
) -> None:
    """Unlike a cut cable, a server that ends in order says so: with the next statement."""
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
    engine = create_engine(postgresql_server)
    with engine.connect() as connection:
        connection.execute(text(end_all), {"name": watched.database.url.database})
    engine.dispose()

    statuses = [watched.phone.send_fix(at(HOME)).status, watched.phone.deliver_fix().status]

    assert statuses == [503, 200]


@pytest.mark.parametrize("answered", [False, True], ids=["never-arrives", "is-not-answered"])
def test_a_commit_that_is_in_doubt_is_asked_about_again(
    watched: Watched, cable: Cable, *, answered: bool
) -> None:
    cable.cut_at(COMMIT, answered=answered)
    first = watched.phone.send_fix(at(HOME))
    cable.mend()
    kept = len(watched.fixes()) - 1

    answer = watched.phone.deliver_fix()

    assert (first.status, answer.status) == (503, 200)
    assert kept == answered
    assert [fix.seq for fix in watched.fixes()] == [1, 2]


def test_jobs_go_on_when_the_database_is_back(
    database: Database, clock: FrozenClock, cable: Cable
) -> None:
    worker = Worker(database, clock, [])
    todo = jobs(database, clock, [])
    cable.cut()
    for job in todo:
        worker.run(job, clock.now())

    cable.mend()
    clock.step(hours=1)
    for job in todo:
        worker.run(job, clock.now())

    with database.snapshot() as session:
        beats = heartbeats(session, list(SCHEDULE.periods_s))
    assert [beat.job for beat in beats if beat.finished_at is None] == []


def test_when_every_connection_is_taken_requests_are_told_to_come_back(
    settings: Settings, clock: FrozenClock
) -> None:
    single = Database(settings.database_url, pool_size=1)
    single.engine.pool._timeout = 0.05  # type: ignore[attr-defined]  # half a minute otherwise
    client = create_app(settings, single, clock).test_client()

    with single.transaction() as session:
        session.execute(text("SELECT 1"))
        answer = client.get("/v1/officer", headers={"Authorization": "Bearer cxs_nobody"})

    single.close()
    assert answer.status_code == 503


def test_a_mistake_in_a_statement_is_no_outage(
    sqlite_databases: SqliteDatabases, database: Database
) -> None:
    with sqlite_databases.fresh_url() as url:
        embedded = Database(url)
        for each in (embedded, database):
            with pytest.raises(DBAPIError) as found, each.transaction() as session:
                session.execute(text("SELECT nothing FROM nowhere"))
            assert not is_outage(found.value)
        embedded.close()
