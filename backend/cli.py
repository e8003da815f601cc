"""`connectrex …`: the commands. Each opens one transaction and calls one service function."""

from __future__ import annotations

import gc
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import wraps
from multiprocessing.util import Finalize
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final
from uuid import UUID

import click
from flask import Flask
from granian.constants import Interfaces
from granian.server import Server

from backend import migrations, worker
from backend.app import create_app
from backend.audit import service as audit
from backend.audit.service import Head
from backend.core import cores, logs, metrics
from backend.core.actor import SYSTEM
from backend.core.clock import Clock, SteppedClock, SystemClock, rfc3339
from backend.core.db import Database, FileOwnedElsewhereError, Session
from backend.core.errors import Problem
from backend.core.keys import ROOT_SECRET_BYTES
from backend.core.settings import Mode, Settings, SettingsError, kept_server_keys
from backend.identity import service as identity
from backend.identity.service import OfficerData, Role
from backend.payments import service as payments
from backend.simulate import simulate

TURN_S: Final = 0.05
"""How long a thread may compute before another may ask for its turn.

Each that waits wakes up so often to ask. A request comes to the database, where it gives way, long
before; at Python's own 5 ms the asking cost a twentieth of a fix, and doubled the slowest answers.
"""


def build(environment: Mapping[str, str]) -> Flask:
    """Return the application that `CONNECTREX_*` variables describe, for a WSGI server.

    On SQLite, where one process owns the file, the worker runs inside it as a thread. The
    dead-man alarm runs in every process.
    """
    sys.setswitchinterval(TURN_S)
    settings = Settings.from_environment(environment)
    database, clock = Database(settings.database_url), _clock(settings)
    app = create_app(settings, database, clock)
    running = [worker.build_watch(settings, database, clock)]
    if settings.embedded:
        running.append(worker.build(settings, database, clock))
    for one in running:
        one.start()
        # Not by `atexit`, which a server's process that was forked never comes to.
        Finalize(None, one.stop, exitpriority=10)
    settle()
    return app


def settle() -> None:
    """Leave out all that is there now when Python looks for garbage: it is kept for good.

    To be called once, after the start. A look at all of it holds up every thread for a tenth of a
    second, and comes whenever much new is kept, such as the rules of five hundred people.
    """
    gc.collect()
    gc.freeze()


def _clock(settings: Settings) -> Clock:
    if settings.stepped_clock is not None:
        return SteppedClock(settings.stepped_clock)
    return SystemClock()


@contextmanager
def _transaction() -> Iterator[tuple[Session, Clock]]:
    settings = Settings.from_environment(os.environ)
    database = Database(settings.database_url, pool_size=1)
    with closing(database), database.transaction() as session:
        yield session, _clock(settings)


@contextmanager
def _snapshot() -> Iterator[Session]:
    database = Database(Settings.from_environment(os.environ).database_url, pool_size=1)
    with closing(database), database.snapshot() as session:
        yield session


def _explained(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command so that what an operator can mend is said in one line, not as a trace."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except SettingsError as error:
            raise click.ClickException(f"the settings do not allow a start:\n{error}") from None
        except (FileOwnedElsewhereError, Problem) as error:
            raise click.ClickException(str(error)) from None

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Supervise people on probation, parole and pretrial release by their own phone.

    Settings are read from CONNECTREX_* environment variables; docs/operating.md lists them.
    With CONNECTREX_MODE=development everything has a default and lives in ./var.
    """
    logs.configure_command()


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=None,
    help="How many server processes (default: one on SQLite, else one per core).",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=16,
    show_default=True,
    help="How many requests a process answers at a time.",
)
@_explained
def serve(host: str, port: int, processes: int | None, threads: int) -> None:
    """Serve the API. On SQLite the worker runs inside; on PostgreSQL run `worker` beside it."""
    settings = Settings.from_environment(os.environ)
    logs.configure(settings)
    if settings.embedded and processes not in {None, 1}:
        raise click.UsageError("SQLite belongs to one process: use PostgreSQL for more.")
    Server(
        "wsgi:app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1 if settings.embedded else processes or cores.count(),
        blocking_threads=threads,
        log_access=False,
        log_level="warning",  # type: ignore[arg-type]  # granian takes the name, its stub an enum
        log_dictconfig=logs.AS_A_LIBRARY,
    ).serve()


@main.command("worker")
@_explained
def run_worker() -> None:
    """Run the jobs beside the server: sweeps, reminders, deliveries, audit seals.

    As many of these as you like may run; a job's turn goes to one of them. Stops cleanly on
    SIGTERM or SIGINT.
    """
    settings = Settings.from_environment(os.environ)
    logs.configure(settings)
    database = Database(settings.database_url)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    clock = _clock(settings)
    jobs = worker.build(settings, database, clock)
    watch = worker.build_watch(settings, database, clock)
    settle()
    with metrics.served(settings.worker_metrics_port), watch, jobs:
        stop.wait()
    database.close()


@main.command()
@_explained
def demo() -> None:
    """Tell the whole story on this machine, then keep serving (DEMO_EXIT=1 ends instead).

    Everybody in it is invented. Needs nothing but this program: the database is a new SQLite
    file, the push service a local fake that says so.
    """
    try:
        from backend import demo as story  # noqa: PLC0415 - an extra that servers do without
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing: install connectrex[demo]") from None
    sys.exit(story.tell(exit_at_end=os.environ.get("DEMO_EXIT") == "1"))


main.add_command(simulate)


@main.group()
def db() -> None:
    """The database's schema."""


@db.command()
@_explained
def upgrade() -> None:
    """Bring the schema to this version; nothing happens when it is there already."""
    settings = Settings.from_environment(os.environ)
    database = Database(settings.database_url, pool_size=1)
    migrations.upgrade(database)
    database.close()
    click.echo("The database is at this version's schema.")


@main.group()
def agency() -> None:
    """Agencies: the tenants."""


@agency.command("create")
@click.option("--name", required=True, help="The agency's name, as people read it.")
@click.option("--zone", required=True, help="Its IANA time zone, such as America/Chicago.")
@click.option("--phone", required=True, help="Whom a refused person may phone.")
@click.option("--email", required=True, help="Where a refused person may write.")
@_explained
def create_agency(name: str, zone: str, phone: str, email: str) -> None:
    """Create an agency and print its identifier."""
    with _transaction() as (session, clock):
        made = identity.create_agency(
            session,
            SYSTEM,
            name=name,
            zone=zone,
            contact_phone=phone,
            contact_email=email,
            now=clock.now(),
        )
    click.echo(made.id)


@main.group()
def officer() -> None:
    """Officers: who may sign in."""


@officer.command("create")
@click.option("--agency", required=True, type=click.UUID, help="The agency's identifier.")
@click.option("--email", required=True, help="With which the officer signs in.")
@click.option("--given-name", required=True, help="As shown to colleagues.")
@click.option("--family-name", required=True, help="As shown to colleagues.")
@click.option("--job-title", default="", help="As shown to colleagues.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default="officer",
    show_default=True,
    help="What the officer may see and do (docs/operating.md).",
)
@click.password_option(help="At least fifteen characters; asked for when not given.")
@_explained
def create_officer(
    agency: UUID,
    email: str,
    given_name: str,
    family_name: str,
    job_title: str,
    role: str,
    password: str,
) -> None:
    """Create an officer who can sign in at once, and print the identifier."""
    data = OfficerData(
        email=email,
        given_name=given_name,
        family_name=family_name,
        job_title=job_title,
        role=Role(role),
    )
    password_hash = identity.hash_password(password)
    with _transaction() as (session, clock):
        made = identity.create_officer(
            session, SYSTEM, data, agency_id=agency, password_hash=password_hash, now=clock.now()
        )
    click.echo(made.id)


def _read_head(_context: click.Context, _option: click.Parameter, text: str | None) -> Head | None:
    if text is None:
        return None
    number, _, digest = text.partition(":")
    try:
        return Head(number=int(number), hash=bytes.fromhex(digest))
    except ValueError:
        raise click.BadParameter("is NUMBER:HASH") from None


@main.group("audit")
def audit_group() -> None:
    """The record of who did what."""


@audit_group.command()
@click.option(
    "--head", "expected", callback=_read_head, help="NUMBER:HASH that an earlier check printed."
)
@_explained
def verify(expected: Head | None) -> None:
    """Check the chain over the whole record; exit status 1 if it was tampered with.

    Keep the head that this prints somewhere else: given back later with --head, it proves that
    nothing was cut off the end meanwhile.
    """
    with _snapshot() as session:
        found = audit.verify(session, expected)
    click.echo(f"{found.checked} sealed events checked, {found.unsealed} not sealed yet.")
    if found.first_break is not None:
        place = found.first_break.number or found.first_break.event_id or "the end"
        click.echo(f"Tampered with: {found.first_break.reason.value}, at {place}.", err=True)
        sys.exit(1)
    click.echo(f"The chain is whole. Its head: {found.head.number}:{found.head.hash.hex()}")


@main.group("payments")
def payments_group() -> None:
    """Payments from elsewhere."""


@payments_group.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--agency", required=True, type=click.UUID, help="Whose payments they are.")
@_explained
def import_payments(file: BinaryIO, agency: UUID) -> None:
    """Book the payments in FILE, the CSV of a bank or a lockbox (docs/operating.md).

    Run again, nothing is booked twice. Exit status 1 if a line contradicts what was told before.
    """
    try:
        content = payments.read_file(file.read())
    except payments.UnreadableFileError as error:
        raise click.ClickException(f"nothing was booked:\n{error}") from None
    with _transaction() as (session, clock):
        outcomes = payments.import_payments(session, SYSTEM, agency, content, now=clock.now())
    for outcome, numbers in outcomes.items():
        click.echo(f"{outcome.value}: {len(numbers)}")
    contradicted = outcomes[payments.LineOutcome.CONTRADICTED]
    if contradicted:
        shown = ", ".join(map(str, contradicted))
        click.echo(f"Contradicts what was told before: lines {shown}.", err=True)
        sys.exit(1)


@main.group("ledger")
def ledger_group() -> None:
    """The books: what people owe and what was paid."""


@ledger_group.command("verify")
@_explained
def verify_ledger() -> None:
    """Check the books of everybody; exit status 1, and what is wrong, if they are not whole.

    Checked is that every transaction adds up to zero, is there once and in one person's book, and
    is about what exists; that reversals undo exactly what was posted; that charges, relief and
    refunds agree with what was ordered, approved and paid; that every payment went where it must.
    Nothing is changed. Run it after a restore, and with the backup: on SQLite the server must be
    stopped for it. A flaw is named with the identifier of what has it and of its book (a person,
    or an agency for money whose owner is not known).
    """
    with _snapshot() as session:
        found = payments.verify(session)
    click.echo(
        f"{found.transactions} transactions with {found.entries} entries in {found.books} books "
        "checked."
    )
    for one in found.findings:
        click.echo(f"{one.subject_id} {one.flaw.value}: in the book of {one.book_id}.", err=True)
    if found.findings:
        click.echo(f"The books are not whole: {len(found.findings)} flaws.", err=True)
        sys.exit(1)
    click.echo("The books are whole.")


@payments_group.command("notices")
@_explained
def notices() -> None:
    """List what the payment provider told of that no agency sees.

    Money that names no agency (give it back at the provider, or import it for its owner), and
    notices that were tried and are not worked off yet. Exit status 1 if there are any.
    """
    with _snapshot() as session:
        unowned = payments.differences_of_nobody(session)
        unfinished = payments.unfinished_notices(session)
    for one in unowned:
        money = "" if one.amount_minor is None else f" {one.amount_minor} {one.currency}"
        found = rfc3339(one.found_at)
        click.echo(f"{found} {one.kind.value} {one.reference}{money} (minor units), no agency")
    for waiting in unfinished:
        at = rfc3339(waiting.notice.happened_at)
        click.echo(
            f"{at} {waiting.notice.kind} {waiting.notice.reference} tries: {waiting.attempts}"
        )
    if unowned or unfinished:
        sys.exit(1)
    click.echo("Every notice is worked off, and all money names an agency.")


@main.command()
@_explained
def openapi() -> None:
    """Print the OpenAPI document of this version; needs no settings, and touches nothing."""
    with TemporaryDirectory() as folder:
        settings = Settings(
            mode=Mode.TEST,
            database_url=f"sqlite:///{folder}/unused.sqlite3",
            root_secret=secrets.token_bytes(ROOT_SECRET_BYTES),
            server_keys=kept_server_keys(Path(folder) / "server-keys.pem"),
            public_url="http://127.0.0.1",
        )
        with closing(Database(settings.database_url)) as database:
            client = create_app(settings, database, SystemClock()).test_client()
            document = client.get("/openapi.json").json
    click.echo(json.dumps(document, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
