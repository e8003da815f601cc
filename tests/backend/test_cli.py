"""Commands as an operator types them."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner
from sqlalchemy import delete

from backend import migrations
from backend.cli import build, main
from backend.core.db import Database, table_of
from backend.core.settings import PREFIX
from backend.payments import service as payments
from backend.payments.bank_file import COLUMNS
from backend.payments.differences import note_difference
from backend.payments.hosted_models import DifferenceKind
from backend.payments.models import LedgerEntryRow
from backend.payments.provider import Notice, Subject
from backend.worker.loop import Worker
from tests.support.clocks import START
from tests.support.ledger import busy_book, without_guards
from tests.support.offices import make_office


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with nothing in it, and no settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    return tmp_path


def test_the_openapi_document_is_printed_without_settings_and_leaves_nothing(
    empty_folder: Path,
) -> None:
    done = CliRunner().invoke(main, ["openapi"])

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["info"]["title"] == "connectrex"
    assert list(empty_folder.iterdir()) == []


def test_the_worker_inside_a_forked_server_stops_when_its_process_ends(empty_folder: Path) -> None:
    url = f"sqlite:///{empty_folder / 'connectrex.sqlite3'}"
    with closing(Database(url)) as database:
        migrations.upgrade(database)
    environment = {"CONNECTREX_DATABASE_URL": url, "CONNECTREX_MODE": "development"}
    mark = empty_folder / "stopped"

    server = multiprocessing.get_context("spawn").Process(
        target=_serve_nothing, args=(environment, mark)
    )
    server.start()
    server.join()

    assert server.exitcode == 0
    assert mark.exists()


def _serve_nothing(environment: Mapping[str, str], mark: Path) -> None:
    """Build the server as granian's process does, note when its worker stops, and end."""
    stop = Worker.stop

    def noted(self: Worker) -> None:
        stop(self)
        mark.touch()

    with patch.object(Worker, "stop", noted):
        build(environment)


def test_it_is_printed_while_the_server_runs(empty_folder: Path) -> None:
    url = f"sqlite:///{empty_folder / 'connectrex.sqlite3'}"

    with closing(Database(url)):
        done = CliRunner().invoke(main, ["openapi"], env={"CONNECTREX_DATABASE_URL": url})

    assert done.exit_code == 0, done.output


def test_a_banks_file_is_booked_once_and_a_contradiction_is_an_error(empty_folder: Path) -> None:
    url = f"sqlite:///{empty_folder / 'connectrex.sqlite3'}"
    environment = {"CONNECTREX_DATABASE_URL": url, "CONNECTREX_MODE": "development"}
    with closing(Database(url)) as database:
        migrations.upgrade(database)
        with database.transaction() as session:
            office = make_office(session, START)
    header, agency_id = ",".join(COLUMNS), str(office.agency.id)
    line = f"B-1,2026-03-01,4000,USD,lockbox,{office.person.id},"
    said = []
    for content in (line, line, line.replace("4000", "1"), line.replace("USD", "?")):
        (empty_folder / "bank.csv").write_text(f"{header}\n{content}\n", encoding="utf-8")
        done = CliRunner().invoke(
            main, ["payments", "import", "bank.csv", "--agency", agency_id], env=environment
        )
        said.append((done.exit_code, done.output))

    assert [code for code, _ in said] == [0, 0, 1, 1]
    assert "booked: 1" in said[0][1]
    assert "known: 1" in said[1][1]
    assert "lines 2" in said[2][1]
    assert "line 2: currency" in said[3][1]


def test_whole_books_are_called_whole_and_spoilt_ones_are_an_error(empty_folder: Path) -> None:
    url = f"sqlite:///{empty_folder / 'connectrex.sqlite3'}"
    environment = {"CONNECTREX_DATABASE_URL": url, "CONNECTREX_MODE": "development"}
    with closing(Database(url)) as database:
        migrations.upgrade(database)
        with database.transaction() as session:
            book = busy_book(session, make_office(session, START), START)

    whole = CliRunner().invoke(main, ["ledger", "verify"], env=environment)
    with closing(Database(url)) as database, without_guards(database) as connection:
        lines = table_of(LedgerEntryRow)
        connection.execute(delete(lines).where(lines.c.transaction_id == book.refund_id))
    spoilt = CliRunner().invoke(main, ["ledger", "verify"], env=environment)

    assert whole.exit_code == 0, whole.output
    assert "The books are whole." in whole.output
    assert spoilt.exit_code == 1
    assert f"{book.refund_id} has no entries" in spoilt.output


def test_notices_that_no_agency_sees_are_listed_for_the_operator(empty_folder: Path) -> None:
    url = f"sqlite:///{empty_folder / 'connectrex.sqlite3'}"
    environment = {"CONNECTREX_DATABASE_URL": url, "CONNECTREX_MODE": "development"}
    with closing(Database(url)) as database:
        migrations.upgrade(database)
    nothing = CliRunner().invoke(main, ["payments", "notices"], env=environment)
    with closing(Database(url)) as database, database.transaction() as session:
        notice = Notice(
            id="evt_test",
            kind="charge.test",
            subject=Subject.PAYMENT,
            reference="pi_waiting",
            happened_at=START,
        )
        payments.keep_notice(session, notice, now=START)
        payments.claim_notices(session, START)
        note_difference(
            session, DifferenceKind.UNKNOWN_HERE, "pi_of_nobody", agency_id=None, now=START
        )
    something = CliRunner().invoke(main, ["payments", "notices"], env=environment)

    assert nothing.exit_code == 0, nothing.output
    assert something.exit_code == 1
    assert "unknown-here pi_of_nobody" in something.output
    assert "charge.test pi_waiting tries: 1" in something.output
