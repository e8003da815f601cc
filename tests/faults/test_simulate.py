"""`connectrex simulate` against a server in processes of its own, which may be killed meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, select

from backend.appointments.models import CheckInRow
from backend.appointments.service import AppointmentKind, AppointmentTerms, make_appointment
from backend.core.db import Session
from backend.devices import service as devices
from backend.devices.models import DeviceKey
from backend.devices.presence_level import Presence
from backend.location.models import Fix, JournalEntry
from tests.support.clocks import START
from tests.support.conditions import open_case, order_for
from tests.support.devices import CODE_KEY
from tests.support.sites import Site

PHONES = 3


@pytest.fixture
def codes(site: Site, tmp_path: Path) -> Path:
    """A file with the codes of people under an order, who are to check in soon.

    Nothing of the site runs yet.
    """
    site.clock.step_to(START)
    issued = []
    with site.opened() as database, database.transaction() as session:
        for number in range(PHONES):
            case = open_case(session, now=START, name=f"office{number}")
            order_for(session, case, now=START)
            make_appointment(
                session,
                case.officer,
                case.supervisee_id,
                AppointmentKind.CHECK_IN,
                AppointmentTerms(starts_at=START + timedelta(hours=1)),
                now=START,
            )
            issued.append(
                devices.issue_code(
                    session, case.officer, case.supervisee_id, code_key=CODE_KEY, now=START
                ).code
            )
    path = tmp_path / "codes.txt"
    path.write_text("\n".join(issued) + "\n\n", encoding="utf-8")
    return path


def accepted_check_ins(session: Session) -> list[CheckInRow]:
    rows = session.scalars(select(CheckInRow).where(CheckInRow.refusal.is_(None)))
    return list(rows)


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
    assert figure(done.stdout, "presence keys enrolled") == PHONES
    assert figure(done.stdout, "check-ins made") == PHONES
    assert figure(done.stdout, "check-ins refused") == 0
    accepted_live = figure(done.stdout, "sent live, accepted")
    buffered = figure(done.stdout, "put into the journal")
    tokens = figure(done.stdout, "journal tokens taken")
    site.stop()
    with site.opened() as database, database.snapshot() as session:
        fixes = session.scalar(select(func.count()).select_from(Fix))
        entries = session.scalar(select(func.count()).select_from(JournalEntry))
        keys = session.scalar(select(func.count()).select_from(DeviceKey))
        check_ins = accepted_check_ins(session)
    assert accepted_live > 0
    assert fixes == accepted_live + buffered + figure(done.stdout, "sent live, refused")
    assert entries == tokens
    assert keys == PHONES + figure(done.stdout, "keys changed")
    assert len({row.supervisee_id for row in check_ins}) == len(check_ins) == PHONES
    assert {row.level for row in check_ins} == {Presence.DEVICE}


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
    site.stop()
    with site.opened() as database, database.snapshot() as session:
        assert len(accepted_check_ins(session)) == figure(done.stdout, "check-ins made") == PHONES


def test_a_code_is_good_once(site: Site, codes: Path) -> None:
    site.start()
    assert simulate(site, codes, "--phones", "1", "--every", "5m").exit_code == 0

    again = simulate(site, codes, "--phones", "1")

    assert again.exit_code == 2
    assert "code 1 was refused: 403" in again.stderr
