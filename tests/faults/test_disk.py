"""The disk of an embedded site fills up: it says so, keeps what it promised, and goes on after."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from backend.location.models import Fix
from backend.proof.server_keys import ServerKeys
from backend.simulator.fcm import LocalFcm
from backend.simulator.position import Position
from tests.faults.scene import receipt_digest, scene_on
from tests.support.databases import SqliteDatabases
from tests.support.processes import Zygote
from tests.support.sites import Line, Site

HERE = Position(latitude=45.2734, longitude=13.7141, accuracy_m=8.0)
ROOM_BYTES = 50_000
"""For a fix or two."""
AT_MOST = 40


@pytest.fixture
def site(
    sqlite_databases: SqliteDatabases,
    tmp_path: Path,
    server_keys: Path,
    fcm: LocalFcm,
    zygote: Zygote,
) -> Iterator[Site]:
    """A site on SQLite."""
    with sqlite_databases.fresh_url() as url:
        built = Site(url, tmp_path, server_keys, fcm, zygote)
        yield built
        built.kill()


def test_a_full_disk_refuses_clearly_and_loses_nothing(site: Site) -> None:
    scene = scene_on(site, Line(site))
    receipts: dict[int, str] = {}
    accepted = scene.phone.send_fix(HERE).json()
    receipts[accepted["seq"]] = accepted["receipt"]
    file = Path(site.settings.database_url.removeprefix("sqlite:///"))
    log = file.with_name(f"{file.name}-wal")

    site.limit_files(log.stat().st_size + ROOM_BYTES)
    for _ in range(AT_MOST):
        refused = scene.phone.send_fix(HERE)
        if refused.status != 200:
            break
        receipts[refused.json()["seq"]] = refused.json()["receipt"]
    again = scene.phone.deliver_fix()
    site.limit_files(None)
    accepted = scene.phone.deliver_fix().json()
    receipts[accepted["seq"]] = accepted["receipt"]
    site.kill()

    for answer in (refused, again):
        assert answer.status == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "unavailable"
    with site.opened() as database, database.snapshot() as session:
        stored = {fix.seq: fix.digest for fix in session.scalars(select(Fix))}
    keys = ServerKeys.from_pem(site.settings.server_keys.read_bytes())
    assert stored == {seq: receipt_digest(receipt, keys) for seq, receipt in receipts.items()}
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert site.command("audit", "verify").exit_code == 0
