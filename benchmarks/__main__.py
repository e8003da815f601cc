"""`make bench`: everything in one run, so that ratios can be compared."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sqlalchemy.engine import URL

from benchmarks import attestation, geofence, live, raw, reminders, steps, sweeps
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
            _remind(url, folder)
    print("\n(d) the engine: CPU time, best of several rounds")
    geofence.measure(unit_us)
    print(f"\n(e) the clock among {sweeps.PEOPLE:,} people, of whom {sweeps.DUE:,} are due")
    sweeps.tables()
    print("\n(f) CPU per piece of evidence at enrolment")
    for name, spent_ms in attestation.verifications_ms().items():
        print(f"{name:30} {spent_ms:.2f} ms {spent_ms * 1e3 / unit_us:7.1f}")


def _remind(server: URL, folder: Path) -> None:
    print("\n(g) reminders on PostgreSQL: pushed by two workers, planned for 100,000 people")
    names = ("reminders_sent", "reminders_planned")
    sent, planned = (
        postgresql.create_database(server, name).render_as_string(hide_password=False)
        for name in names
    )
    print(reminders.sending(sent, folder).row("push to a local FCM"))
    first, again = reminders.planning(planned)
    print(first.row("plan"))
    print(again.row("plan again"))


if __name__ == "__main__":
    main()
