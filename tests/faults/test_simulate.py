"""`connectrex simulate` against a server in processes of its own, which may be killed meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, select

from backend.devices import service as devices
from backend.devices.models import DeviceKey
from backend.location.models import Fix, JournalEntry
from tests.support.clocks import START
from tests.support.conditions import open_case, order_for
from tests.support.devices import CODE_KEY
from tests.support.sites import Site

PHONES = 3


@pytest.fixture
def codes(site: Site, tmp_path: Path) -> Path:
    """A file with the codes of people under an order; nothing of the site runs yet."""
    site.clock.step_to(START)
    issued = []
    with site.opened() as database, database.transaction() as session:
        for number in range(PHONES):
            case = open_case(session, now=START, name=f"office{number}")
            order_for(session, case, now=START)
            issued.append(
                devices.issue_code(
                    session, case.officer, case.supervisee_id, code_key=CODE_KEY, now=START
                ).code
            )
    path = tmp_path / "codes.txt"
    path.write_text("\n".join(issued) + "\n\n", encoding="utf-8")
    return path


def simulate(site: Site, codes: Path, *words: str) -> Result:
    server = ("--server", site.settings.public_url, "--codes", str(codes))
    stepped = ("--stepped-clock", str(site.settings.stepped_clock))
    return site.command("simulate", *server, *stepped, *words)


def figure(printed: str, name: str) -> int:
    row = next(line for line in printed.splitlines() if line.strip().startswith(name))
    return int(row.strip().removeprefix(name).split()[0])


@contextmanager
def kept_alive(site: Site) -> Iterator[None]:
    """Start the site again and again, as a service manager does."""
    over = threading.Event()

    def look_after() -> None:
        while not over.wait(0.01):
            site.start()

    manager = threading.Thread(target=look_after)
    manager.start()
    try:
        yield
    finally:
        over.set()
        manager.join()


def test_phones_with_every_hardship_lose_nothing(site: Site, codes: Path) -> None:
    site.start()

    done = simulate(
        site,
        codes,
        *("--offline", "20%", "--journal-every", "2m", "--late", "3m", "--gaps", "5%"),
        *("--every", "10s", "--reboots", "1", "--drift", "50", "--clock-off", "5s", "--loss", "5%"),
        *("--rotate-every", "3m"),
    )

    assert done.exit_code == 0, done.output
    assert "SIMULATED PHONES" in done.stderr
    assert "Nothing that was accepted got lost." in done.stdout
    assert figure(done.stdout, "phones enrolled") == PHONES
    assert figure(done.stdout, "journal tokens taken") >= PHONES
    assert figure(done.stdout, "keys changed") >= PHONES
    accepted_live = figure(done.stdout, "sent live, accepted")
    buffered = figure(done.stdout, "put into the journal")
    tokens = figure(done.stdout, "journal tokens taken")
    site.stop()
    with site.opened() as database, database.snapshot() as session:
        fixes = session.scalar(select(func.count()).select_from(Fix))
        entries = session.scalar(select(func.count()).select_from(JournalEntry))
        keys = session.scalar(select(func.count()).select_from(DeviceKey))
    assert accepted_live > 0
    assert fixes == accepted_live + buffered + figure(done.stdout, "sent live, refused")
    assert entries == tokens
    assert keys == PHONES + figure(done.stdout, "keys changed")


def test_a_server_that_is_killed_meanwhile_loses_nothing_that_it_accepted(
    site: Site, codes: Path
) -> None:
    site.start()
    killers = [threading.Timer(after_s, site.kill) for after_s in (0.6, 1.4)]

    with kept_alive(site):
        for killer in killers:
            killer.start()
        done = simulate(
            site,
            codes,
            *("--offline", "30%", "--every", "5s", "--apart", "1s", "--rotate-every", "1m"),
        )
        for killer in killers:
            killer.join()

    assert site.kills == len(killers)
    assert done.exit_code == 0, done.output
    assert figure(done.stdout, "fixes unaccounted for") == 0


def test_a_code_is_good_once(site: Site, codes: Path) -> None:
    site.start()
    assert simulate(site, codes, "--phones", "1", "--every", "5m").exit_code == 0

    again = simulate(site, codes, "--phones", "1")

    assert again.exit_code == 2
    assert "code 1 was refused: 403" in again.stderr
