"""Reminders in bulk: planned for many people, and pushed to a local FCM by two workers."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import requests
from sqlalchemy import Connection, func, insert, select

from backend.core.actor import ActorKind
from backend.core.db import Database
from backend.core.ids import new_id
from backend.identity.models import SuperviseeRow
from backend.migrations import upgrade
from backend.outbox.inbox import StoredInbox
from backend.outbox.models import OutboxMessage
from backend.outbox.store import OutboxStore
from backend.payments.kinds import Basis, ObligationKind
from backend.payments.ledger import Account, TransactionKind
from backend.payments.models import (
    LedgerBookRow,
    LedgerEntryRow,
    LedgerTransactionRow,
    ObligationRow,
)
from backend.payments.values import Source
from backend.worker.jobs import READERS, plan
from backend.worker.people import addresses, forget
from notifications.channels.base import Address, AddressKind, Channel
from notifications.channels.fcm import FcmChannel
from notifications.channels.inbox import InboxChannel
from notifications.delivery import MessageState
from notifications.dispatch import DEFAULT_BATCH, dispatch
from notifications.formats import Language
from tests.support.identity import make_agency

PEOPLE: Final = 100_000
MESSAGES: Final = 10_000
WORKERS: Final = 2
DUE: Final = date(2026, 3, 7)
PLANNED_AT: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
SENT_AT: Final = datetime(2026, 3, 2, 19, tzinfo=UTC)
_BLOCK: Final = 5_000
"""People written by one statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one or several processes did. `cpu_us` is theirs together, per person or message."""

    count: int
    seconds: float
    cpu_us: float
    peak_mb: float

    def row(self, name: str) -> str:
        """Return it as a line of the table."""
        return (
            f"{name:24} {self.count:8d} {self.seconds:8.1f} s {self.count / self.seconds:9.0f}/s "
            f"{self.cpu_us:8.0f} µs {self.peak_mb:6.0f} MB"
        )


def planning(database_url: str, people: int = PEOPLE) -> tuple[Measured, Measured]:
    """Return what planning for many people took: at first, and again with nothing new."""
    _settle(database_url, people)
    return _run("plan", [database_url]), _run("plan", [database_url])


def sending(database_url: str, folder: Path, messages: int = MESSAGES) -> Measured:
    """Return what it took two workers to push that many messages to a local FCM.

    Raises RuntimeError unless each message was sent.
    """
    _settle(database_url, messages)
    _run("plan", [database_url])
    with _local_fcm(folder):
        found = _run("work", [database_url, str(folder)], processes=WORKERS)
    database = Database(database_url)
    sent = select(func.count()).where(OutboxMessage.state == MessageState.SENT)
    with database.snapshot() as session:
        count = session.scalars(sent).one()
    database.close()
    if count != messages:
        raise RuntimeError(f"{count} of {messages} messages were sent")
    return Measured(
        count=messages,
        seconds=found.seconds,
        cpu_us=found.cpu_us * found.count / messages,
        peak_mb=found.peak_mb,
    )


def _settle(database_url: str, people: int) -> None:
    """Write an agency with that many people, each of whom owes one fee."""
    database = Database(database_url)
    upgrade(database)
    with database.transaction() as session:
        agency = make_agency(session, PLANNED_AT)
        for first in range(0, people, _BLOCK):
            _write(session.connection(), agency.id, range(first, min(first + _BLOCK, people)))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    database.close()


def _write(connection: Connection, agency_id: Any, numbers: range) -> None:
    ids = [[new_id(PLANNED_AT) for _ in range(3)] for _ in numbers]
    now = PLANNED_AT
    connection.execute(
        insert(SuperviseeRow),
        [
            {
                "id": person,
                "agency_id": agency_id,
                "given_name": "Testa",
                "family_name": f"Example{number}",
                "job_title": "",
                "postal_address": "",
                "postal_code": "60601",
                "emails": [],
                "phones": [],
                "language": list(Language)[number % 2],
                "zone": ("America/Chicago", "America/New_York")[number % 2],
                "rules_epoch": 0,
                "created_at": now,
            }
            for number, (person, _, _) in zip(numbers, ids, strict=True)
        ],
    )
    connection.execute(insert(LedgerBookRow), [{"supervisee_id": person} for person, _, _ in ids])
    connection.execute(
        insert(ObligationRow),
        [
            {
                "id": obligation,
                "agency_id": agency_id,
                "supervisee_id": person,
                "kind": ObligationKind.SUPERVISION_FEE,
                "amount_minor": 5_000,
                "currency": "USD",
                "due_on": DUE,
                "basis": Basis.POLICY,
                "reference": "BENCH",
                "raised_at": now,
            }
            for person, obligation, _ in ids
        ],
    )
    connection.execute(
        insert(LedgerTransactionRow),
        [
            {
                "id": transaction,
                "agency_id": agency_id,
                "supervisee_id": person,
                "number": 1,
                "kind": TransactionKind.CHARGE,
                "source": Source.OBLIGATION,
                "external_id": str(transaction),
                "booked_on": now.date(),
                "recorded_at": now,
                "actor_kind": ActorKind.SYSTEM,
                "note": "",
            }
            for person, _, transaction in ids
        ],
    )
    sides = ((1, Account.RECEIVABLE, 5_000), (2, Account.CHARGES, -5_000))
    connection.execute(
        insert(LedgerEntryRow),
        [
            {
                "transaction_id": transaction,
                "line": line,
                "supervisee_id": person,
                "account": account,
                "obligation_id": obligation,
                "amount_minor": amount,
                "currency": "USD",
            }
            for person, obligation, transaction in ids
            for line, account, amount in sides
        ],
    )


def _run(what: str, arguments: list[str], processes: int = 1) -> Measured:
    command = [sys.executable, "-m", "benchmarks.reminders", what, *arguments]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    said = [json.loads(process.communicate()[0]) for process in running]
    count = sum(one["count"] for one in said)
    return Measured(
        count=count,
        seconds=max(one["ended"] for one in said) - min(one["began"] for one in said),
        cpu_us=sum(one["cpu_s"] for one in said) / count * 1e6,
        peak_mb=max(one["peak_mb"] for one in said),
    )


@contextmanager
def _local_fcm(folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "backend.simulator.fcm", "--dir", str(folder)]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not (folder / "address.json").exists():
            time.sleep(0.05)
        yield
    finally:
        running.terminate()
        running.wait()


def _plan(database_url: str) -> int:
    database = Database(database_url)
    plan(database, PLANNED_AT)
    with database.snapshot() as session:
        return session.scalars(select(func.count(SuperviseeRow.id))).one()


def _work(database_url: str, folder: str) -> int:
    """Send until nothing is due; every person's phone is one and the same."""
    database, files = Database(database_url), Path(folder)
    address = json.loads((files / "address.json").read_text())
    token = requests.post(address["control_url"] + "/phones", timeout=10).json()["token"]
    phone = Address(kind=AddressKind.FCM_TOKEN, value=token)
    push = FcmChannel(
        json.loads((files / "service-account.json").read_text()),
        proxy_url=address["proxy_url"],
        ca_bundle=files / "ca.pem",
        timeout_s=10,
    )
    store = OutboxStore(
        database,
        readers=READERS,
        address_book=lambda session, people, now: {
            person: (phone, *known) for person, known in addresses(session, people, now).items()
        },
        forget=forget,
    )
    channels: list[Channel] = [InboxChannel(StoredInbox(database)), push]
    count = 0
    while claimed := dispatch(store, channels, lambda: SENT_AT, limit=DEFAULT_BATCH).claimed:
        count += claimed
    push.close()
    return count


def main(what: str, *arguments: str) -> None:
    """Do one part in this process, and say what it took as JSON."""
    began, cpu = time.time(), time.process_time()
    count = _plan(*arguments) if what == "plan" else _work(*arguments)
    said = {
        "count": count,
        "began": began,
        "ended": time.time(),
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
