"""The list of revoked attestation keys comes from a file or over TLS, and not otherwise."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from sqlalchemy import select, update

from backend.app import create_app
from backend.attestation.android.status_list import MAX_LIST_BYTES
from backend.core.db import Database
from backend.core.settings import Settings
from backend.devices.models import StatusListRow
from backend.devices.service import StatusListFaultError
from backend.devices.status_lists import current_status_list
from backend.worker.jobs import build, recheck, renew
from backend.worker.status_list import InsecureListError, fetch_status_list
from tests.support.attestation.phones import android, attesting, give_status_list, revoking
from tests.support.clocks import START, FrozenClock
from tests.support.devices import enrolled_phone, supervised_person

LIST = revoking("ba7c4")


class Source(BaseHTTPRequestHandler):
    """Answers as the path says."""

    plain_url = ""

    def do_GET(self) -> None:
        match self.path:
            case "/list":
                self._answer(200, LIST)
            case "/huge":
                self._answer(200, b" " * (MAX_LIST_BYTES + 100))
            case "/elsewhere":
                self._answer(302, b"", location=f"{self.plain_url}/list")
            case _:
                self._answer(503, b"")

    def _answer(self, status: int, body: bytes, *, location: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if location is not None:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve(server: ThreadingHTTPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def plain_url() -> Iterator[str]:
    for port in serve(ThreadingHTTPServer(("127.0.0.1", 0), Source)):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def url(plain_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A source with a certificate that this process trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setattr(Source, "plain_url", plain_url)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Source)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    for port in serve(server):
        yield f"https://localhost:{port}"


def write(path: Path, data: bytes, at: datetime) -> str:
    path.write_bytes(data)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return str(path)


def kept(database: Database) -> tuple[datetime, bool] | None:
    with database.snapshot() as session:
        found = current_status_list(session)
    return None if found is None else (found.fetched_at, found.listed([0xBA7C4]) is not None)


def test_a_list_over_tls_is_of_now(url: str) -> None:
    assert fetch_status_list(f"{url}/list", START) == (LIST, START)


def test_a_source_that_is_not_trusted_gives_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch_status_list(f"{url}/list", START)


def test_a_way_around_tls_is_not_taken(url: str) -> None:
    with pytest.raises(InsecureListError):
        fetch_status_list(f"{url}/elsewhere", START)


def test_a_source_that_is_broken_leaves_what_is_kept(
    url: str, database: Database, tmp_path: Path
) -> None:
    renew(database, write(tmp_path / "list", LIST, START), START)

    with pytest.raises(OSError, match="503"):
        renew(database, f"{url}/broken", START)
    assert kept(database) == (START, True)


def test_a_list_without_end_is_cut_and_refused(url: str, database: Database) -> None:
    with pytest.raises(StatusListFaultError, match="TOO_LARGE"):
        renew(database, f"{url}/huge", START)


def test_a_file_counts_from_when_it_was_written(database: Database, tmp_path: Path) -> None:
    source = write(tmp_path / "list", LIST, START - timedelta(hours=50))

    renew(database, source, START)

    assert kept(database) == (START - timedelta(hours=50), True)


def test_a_file_from_the_future_is_of_now(database: Database, tmp_path: Path) -> None:
    source = write(tmp_path / "list", LIST, START + timedelta(days=1))

    renew(database, source, START)

    assert kept(database) == (START, True)


def test_a_file_that_is_missing_is_a_fault_that_shows(database: Database, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        renew(database, str(tmp_path / "none"), START)


@pytest.mark.parametrize(
    ("apps", "expected"), [(None, None), (f"test.app={'ab' * 32}", (START, True))]
)
def test_the_worker_fetches_where_android_keys_are_believed(
    database: Database,
    settings: Settings,
    clock: FrozenClock,
    tmp_path: Path,
    apps: str | None,
    expected: tuple[datetime, bool] | None,
) -> None:
    source = write(tmp_path / "list", LIST, START.astimezone(UTC))
    worker = build(
        replace(settings, android_apps=apps, android_status_list=source), database, clock
    )
    [job] = [job for job in worker._jobs if job.name == "renew-status-list"]

    assert job.run(clock.now()) is False
    assert kept(database) == expected


def versions(database: Database) -> set[str]:
    with database.snapshot() as session:
        return set(session.scalars(select(StatusListRow.version)))


def version_of(data: bytes) -> str:
    return sha256(data).hexdigest()


def test_a_list_goes_a_month_after_a_newer_one_took_its_place(
    database: Database, tmp_path: Path
) -> None:
    lists = [revoking(f"{number:x}") for number in (1, 2, 3)]
    days = (0, 1, 31)

    seen = []
    for data, day in zip(lists, days, strict=True):
        now = START + timedelta(days=day)
        renew(database, write(tmp_path / "list", data, now), now)
        seen.append(versions(database))

    first, second, third = (version_of(data) for data in lists)
    assert seen == [{first}, {first, second}, {third}]


def test_the_newest_list_stays_however_old_it_is(database: Database, tmp_path: Path) -> None:
    source = write(tmp_path / "list", LIST, START)

    renew(database, source, START)
    renew(database, source, START + timedelta(days=400))

    assert versions(database) == {version_of(LIST)}


def test_a_list_by_which_a_phone_was_judged_or_suspended_stays(
    settings: Settings, database: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    enrolled_by, suspended_by = revoking("aaaa1"), revoking("ba7c4")
    unneeded, newest = revoking("aaaa2"), revoking("aaaa3")
    give_status_list(database, data=enrolled_by)
    client = create_app(attesting(settings, tmp_path), database, clock).test_client()
    with database.transaction() as session:
        person = supervised_person(session, now=START)
    enrolled_phone(database, client, clock, person, evidence=android())
    for data in (unneeded, suspended_by):
        clock.step(hours=1)
        give_status_list(database, data=data, fetched_at=clock.now())
    recheck(database, clock.now())
    clock.step(days=31)

    renew(database, write(tmp_path / "list", newest, clock.now()), clock.now())

    needed = (enrolled_by, suspended_by, newest)
    assert versions(database) == {version_of(data) for data in needed}


def test_a_list_that_was_changed_where_it_is_kept_is_not_used(
    database: Database, tmp_path: Path
) -> None:
    renew(database, write(tmp_path / "list", LIST, START), START)
    with database.transaction() as session:
        session.execute(update(StatusListRow).values(body=revoking("1")))

    with pytest.raises(StatusListFaultError, match="ALTERED"), database.snapshot() as session:
        current_status_list(session)
