"""`make bench`: everything in one run, so that ratios can be compared."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sqlalchemy.engine import URL

from benchmarks import (
    attestation,
    examination,
    geofence,
    journal,
    live,
    parsing,
    raw,
    reminders,
    steps,
    sweeps,
)
from tests.support import postgresql


def main() -> None:
    """Print the tables of this machine."""
    unit_us = raw.verification_us()
    print(f"(a) one raw ES256 verification: {unit_us:.1f} µs CPU, {1e6 / unit_us:,.0f}/s and core")
    print("\n(b) live signed fixes over HTTP, durable, ten zones per person")
    print(
        f"{'database':12} {'fixes':>7} {'rate':>11} {'p50 ms':>8} {'p99 ms':>8} {'CPU µs':>9} {'units':>7}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sqlite = live.measure("SQLite", f"sqlite:///{folder}/bench.sqlite3", folder, 1)
        print(sqlite.row(unit_us))
        with postgresql.server(durable=True) as url:
            database = postgresql.create_database(url, "bench").render_as_string(
                hide_password=False
            )
            print(live.measure("PostgreSQL", database, folder, 2).row(unit_us))
            other = postgresql.create_database(url, "steps").render_as_string(hide_password=False)
            print("\n(c) CPU per fix by step, in one process on PostgreSQL")
            for step in steps.measure(other, folder):
                print(step.row(unit_us))
            _print_journal(unit_us, url, folder)
            _remind(url, folder)
    print("\n(f) the engine: CPU time, best of several rounds")
    geofence.measure(unit_us)
    print(f"\n(g) the clock among {sweeps.PEOPLE:,} people, of whom {sweeps.DUE:,} are due")
    sweeps.tables()
    print(f"\n(h) examining {examination.PEOPLE} people for signals, CPU for each")
    examination.tables()
    print("\n(i) CPU per piece of evidence at enrolment")
    for name, spent_ms in attestation.verifications_ms().items():
        print(f"{name:30} {spent_ms:.2f} ms {spent_ms * 1e3 / unit_us:7.1f}")


def _remind(server: URL, folder: Path) -> None:
    print("\n(e) reminders on PostgreSQL: pushed by two workers, planned for 100,000 people")
    names = ("reminders_sent", "reminders_planned")
    sent, planned = (
        postgresql.create_database(server, name).render_as_string(hide_password=False)
        for name in names
    )
    print(reminders.sending(sent, folder).row("push to a local FCM"))
    first, again = reminders.planning(planned)
    print(first.row("plan"))
    print(again.row("plan again"))


def _print_journal(unit_us: float, url: URL, folder: Path) -> None:
    """Print what journal tokens of 60 and of 500 fixes bring, on both databases."""
    print("\n(d) buffered fixes in journal tokens over HTTP, durable, ten zones per person")
    print(
        f"{'database':12} {'each':>5} {'fixes':>8} {'rate':>11} {'p50 ms':>8} {'p99 ms':>8} "
        f"{'CPU µs':>9} {'units':>7}"
    )
    for each, people in ((60, 60), (500, 8)):
        made = postgresql.create_database(url, f"journal{each}")
        database = made.render_as_string(hide_password=False)
        found = journal.measure("PostgreSQL", database, folder, 2, each=each, people=people)
        print(found.row(unit_us))
        database = f"sqlite:///{folder}/journal{each}.sqlite3"
        found = journal.measure("SQLite", database, folder, 1, each=each, people=people)
        print(found.row(unit_us))
    print("\nCPU of reading one token, before any database")
    parsing.table(unit_us)


if __name__ == "__main__":
    main()
