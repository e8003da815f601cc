from __future__ import annotations

import multiprocessing
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from backend.core.db import Database, FairLock, FileOwnedElsewhereError, UtcDateTime, padded
from backend.core.jobs import RunSlot

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def _slot(slot: int) -> RunSlot:
    return RunSlot(job="tidy", slot=slot, started_at=NOON, finished_at=None)


def test_an_exception_rolls_everything_back(database: Database) -> None:
    with pytest.raises(LookupError), database.transaction() as session:
        session.add(_slot(1))
        session.flush()
        raise LookupError

    with database.snapshot() as session:
        assert session.scalars(select(RunSlot)).all() == []


def test_leaving_a_transaction_commits_it(database: Database) -> None:
    with database.transaction() as session:
        session.add(_slot(1))

    with database.snapshot() as session:
        assert session.scalar(select(RunSlot.slot)) == 1


def test_a_snapshot_cannot_write_on_postgresql(postgresql_database: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only"), postgresql_database.snapshot() as session:
        session.add(_slot(1))
        session.flush()


def test_what_a_snapshot_wrote_is_never_kept(database: Database) -> None:
    try:
        with database.snapshot() as session:
            session.add(_slot(1))
            session.flush()
    except DBAPIError:
        assert not database.embedded

    with database.snapshot() as session:
        assert session.scalars(select(RunSlot)).all() == []


def test_writers_of_one_row_do_not_lose_each_others_work(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE counter (n INTEGER)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))

    def count_to_twenty() -> None:
        for _ in range(20):
            with database.transaction() as session:
                lock = "" if database.embedded else " FOR UPDATE"
                n = session.scalar(text("SELECT n FROM counter" + lock))
                session.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count_to_twenty) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.snapshot() as session:
        assert session.scalar(text("SELECT n FROM counter")) == 80


def _open_elsewhere(url: str, answer: multiprocessing.Queue[str]) -> None:
    try:
        Database(url).close()
    except FileOwnedElsewhereError:
        answer.put("refused")
    else:
        answer.put("opened")


def test_a_second_process_on_the_file_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'one.sqlite3'}"
    spawn = multiprocessing.get_context("spawn")
    answer = spawn.Queue()
    database = Database(url)

    second = spawn.Process(target=_open_elsewhere, args=(url, answer))
    second.start()
    second.join()

    assert answer.get(timeout=5) == "refused"
    database.close()


def test_a_closed_database_lets_go_of_the_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'one.sqlite3'}"

    Database(url).close()

    Database(url).close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x"])
def test_a_database_that_cannot_keep_the_promise_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="database must be"):
        Database(url)


def test_a_time_without_zone_is_refused() -> None:
    dialect = type("Dialect", (), {"name": "sqlite"})()

    with pytest.raises(ValueError, match="without zone"):
        UtcDateTime().process_bind_param(datetime(2026, 3, 2), dialect)  # noqa: DTZ001 - the case


def test_times_come_back_aware_and_equal(database: Database) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-5)))
    with database.transaction() as session:
        session.add(RunSlot(job="tidy", slot=1, started_at=elsewhere, finished_at=None))

    with database.snapshot() as session:
        found = session.scalar(select(RunSlot.started_at))

    assert found == NOON
    assert found is not None
    assert found.utcoffset() == timedelta(0)


def test_a_fair_lock_is_granted_in_order_of_arrival() -> None:
    lock, order = FairLock(), list[int]()
    arrived = threading.Barrier(2)

    def wait(number: int) -> None:
        arrived.wait()
        with lock:
            order.append(number)

    threads = []
    with lock:
        for number in range(5):
            thread = threading.Thread(target=wait, args=(number,))
            thread.start()
            arrived.wait()
            while len(lock._waiting) <= number:
                pass
            threads.append(thread)
    for thread in threads:
        thread.join()

    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("count", "length"), [(0, 0), (1, 1), (2, 2), (3, 4), (5, 8), (8, 8), (9, 16)]
)
def test_lists_are_padded_to_few_lengths(count: int, length: int) -> None:
    padded_list = padded(range(count))

    assert len(padded_list) == length
    assert set(padded_list) == set(range(count))
