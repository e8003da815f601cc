"""`connectrex simulate` against a server in processes of its own, which may be killed meanwhile."""

from __future__ import annotations

import re
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
from backend.simulator.track import read_track
from tests.support.clocks import START
from tests.support.conditions import open_case, order_for
from tests.support.devices import CODE_KEY
from tests.support.sites import Site
from tests.support.terminals import typed

PHONES = 3
WALK = Path(__file__).parents[1] / "data" / "tracks" / "cerknicko-jezero.gpx"


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


def words_for(site: Site, codes: Path) -> tuple[str, ...]:
    server = ("--server", site.settings.public_url, "--codes", str(codes))
    return ("simulate", *server, "--stepped-clock", str(site.settings.stepped_clock))


def simulate(site: Site, codes: Path, *words: str) -> Result:
    return site.command(*words_for(site, codes), *words)


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


def test_a_given_track_is_gone_to_its_end_with_progress_and_a_summary(
    site: Site, codes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = read_track(WALK, accuracy_m=8.0)
    hardships = ("--journal-every", "5m", "--offline", "30%", "--late", "20m")
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    site.start()

    status, shown = typed(
        *words_for(site, codes),
        *("--track", str(WALK), "--phones", "1", "--check-ins-every", "0s"),
        *hardships,
    )

    site.stop()
    with site.opened() as database, database.snapshot() as session:
        fixes = session.scalars(select(Fix).order_by(Fix.seq)).all()
        tokens = session.scalars(
            select(JournalEntry).order_by(JournalEntry.received_ms, JournalEntry.n)
        ).all()
    places = [(fix.latitude, fix.longitude) for fix in fixes]
    way = [(point.position.latitude, point.position.longitude) for point in walk]
    assert places == [*way, way[-1]]  # and once more where it ended
    lasted_s = (walk[-1].at - walk[0].at).total_seconds()
    assert fixes[-2].taken_s - fixes[0].taken_s == pytest.approx(lasted_s, abs=1)

    progress, _, summary = shown.partition("100%")
    percents = [int(each) for each in re.findall(r"(\d+)%", progress)]
    assert percents == sorted(percents)
    assert len(set(percents)) > 50
    said = re.findall(r"(\d+) fixes, (\d+) tokens", shown)
    taken = [int(each) for each, _ in said]
    assert taken == sorted(taken)
    assert taken[-1] == len(way)
    assert 0 < int(said[-1][1]) <= len(tokens)

    assert status == 0, shown
    assert "Nothing that was accepted got lost." in summary
    assert figure(summary, "phones enrolled") == 1
    assert figure(summary, "fixes taken") == len(fixes)
    live = sum(fix.journal_n is None for fix in fixes)
    assert figure(summary, "sent live, accepted") == live > len(way) / 2
    assert figure(summary, "put into the journal") == len(fixes) - live > 0
    assert figure(summary, "their fixes accepted") == len(fixes) - live
    assert figure(summary, "journal tokens taken") == len(tokens)
    assert [token.n for token in tokens] != sorted(token.n for token in tokens)  # held back
    assert figure(summary, "fixes unaccounted for") == 0


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
