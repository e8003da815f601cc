"""Several sealers and slow transactions on real connections: SQLite has one writer, so PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from backend.audit import service
from backend.core.db import Database
from tests.support.audit import make_event
from tests.support.clocks import START


def seal(database: Database) -> int:
    with database.transaction() as session:
        return service.seal(session, START)


def test_a_sealer_that_comes_second_leaves_the_work_to_the_first(
    postgresql_database: Database,
) -> None:
    with postgresql_database.transaction() as session:
        make_event(session, START)

    with postgresql_database.transaction() as first:
        assert service.seal(first, START) == 1
        with postgresql_database.transaction() as second:
            assert service.seal(second, START) == 0

    with postgresql_database.snapshot() as session:
        assert service.verify(session).checked == 1


def test_a_sealer_that_died_leaves_nothing_half_done(postgresql_database: Database) -> None:
    with postgresql_database.transaction() as session:
        make_event(session, START)

    with pytest.raises(LookupError), postgresql_database.transaction() as session:
        service.seal(session, START)
        raise LookupError

    assert seal(postgresql_database) == 1
    with postgresql_database.snapshot() as session:
        assert service.verify(session).ok


def test_an_event_committed_after_a_newer_one_was_sealed_is_sealed_too(
    postgresql_database: Database,
) -> None:
    with postgresql_database.transaction() as slow:
        make_event(slow, START)
        with postgresql_database.transaction() as quick:
            make_event(quick, START + timedelta(seconds=1))
        assert seal(postgresql_database) == 1

    assert seal(postgresql_database) == 1
    with postgresql_database.snapshot() as session:
        found = service.verify(session)
    assert found.ok
    assert (found.checked, found.unsealed) == (2, 0)


def test_many_writers_and_sealers_at_once_make_one_chain(postgresql_database: Database) -> None:
    writers, sealers, events_each = 4, 3, 40
    done = threading.Event()
    start = threading.Barrier(writers + sealers)

    def write(writer: int) -> int:
        start.wait()
        for number in range(events_each):
            with postgresql_database.transaction() as session:
                make_event(session, START + timedelta(milliseconds=number * 10 + writer))
        return events_each

    def keep_sealing() -> int:
        start.wait()
        count = 0
        while not done.is_set():
            count += seal(postgresql_database)
        return count

    with ThreadPoolExecutor(writers + sealers) as pool:
        writing = [pool.submit(write, writer) for writer in range(writers)]
        sealing = [pool.submit(keep_sealing) for _ in range(sealers)]
        written = sum(future.result() for future in writing)
        done.set()
        sealed = sum(future.result() for future in sealing)

    sealed += seal(postgresql_database)
    with postgresql_database.snapshot() as session:
        found = service.verify(session)
    assert found.ok
    assert (sealed, found.checked, found.unsealed) == (written, written, 0)
