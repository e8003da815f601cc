"""Payments from a file of a bank or a lockbox: each line booked once, whoever it is from.

What the file looks like is in `bank_file`. All of it is booked, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from backend.audit import service as audit
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.identity import service as identity
from backend.payments.bank_file import BankFile, ImportedLine, UnreadableFileError, read_file
from backend.payments.book import transaction_of
from backend.payments.bookings import Incoming, book_payment
from backend.payments.ledger import Account
from backend.payments.models import LedgerEntryRow, SuspenseEntryRow, SuspenseTransactionRow
from backend.payments.suspense import Unidentified, book_suspense
from backend.payments.values import Source

MOST_UPLOADED: Final = 1_000
"""Payments in a file that comes by HTTP: seconds of one core, in which SQLite has no other writer."""


class LineOutcome(Enum):
    """What became of one line."""

    BOOKED = "booked"
    SUSPENSE = "suspense"
    KNOWN = "known"
    CONTRADICTED = "contradicted"


def import_file(
    session: Session, actor: Actor, content: bytes, *, now: datetime
) -> Mapping[LineOutcome, Sequence[int]]:
    """Return what became of each line of a file for the actor's agency, as `import_payments`.

    Raises FORBIDDEN, also for a token narrowed to `own`, since a file is about everybody;
    PAYMENT_FILE_REFUSED or CARD_NUMBER_REFUSED with `lines`, all that are wrong.
    """
    actor.require(Permission.PAYMENT_RECORD)
    if actor.own_only:
        raise Problem(Code.FORBIDDEN, "A bank's file is about everybody, not one officer's people.")
    try:
        file = read_file(content, most=MOST_UPLOADED)
    except UnreadableFileError as unreadable:
        raise _refusal(unreadable) from None
    return import_payments(session, actor, actor.agency, file, now=now)


def import_payments(
    session: Session, actor: Actor, agency_id: UUID, file: BankFile, *, now: datetime
) -> Mapping[LineOutcome, Sequence[int]]:
    """Return what became of each line, as line numbers; run again, every line is known.

    What names nobody of this agency waits in its suspense. A line whose number stands for other
    money is contradicted and not booked. Audited, as a file and with each booking. Raises
    FORBIDDEN, NOT_FOUND for another agency.
    """
    actor.require(Permission.PAYMENT_RECORD)
    if actor.agency_id not in {None, agency_id}:
        raise not_found()
    identity.get_agency(session, agency_id)
    _wait_for_others(session, agency_id)
    wanted = {one.supervisee_id for one in file.lines if one.supervisee_id is not None}
    people = {
        person.id
        for person in identity.get_supervisees(session, actor, wanted).values()
        if person.agency_id == agency_id
    }
    outcomes: dict[LineOutcome, list[int]] = {outcome: [] for outcome in LineOutcome}
    for one in file.lines:
        outcome = _told_before(session, agency_id, one)
        if outcome is None:
            outcome = _book(session, actor, agency_id, one, people, now)
        outcomes[outcome].append(one.line)
    _record(session, actor, agency_id, file, outcomes, now)
    return outcomes


def _refusal(unreadable: UnreadableFileError) -> Problem:
    lines = [{"line": bad.line, "problems": list(bad.problems)} for bad in unreadable.lines]
    holds_card = unreadable.holds_card_number
    code = Code.CARD_NUMBER_REFUSED if holds_card else Code.PAYMENT_FILE_REFUSED
    return Problem(code, "Nothing of the file was booked.", members={"lines": lines})


def _wait_for_others(session: Session, agency_id: UUID) -> None:
    """Import one file of an agency at a time: two might put one number in two books.

    SQLite has one writer anyhow. On PostgreSQL it is an advisory lock, to the transaction's end.
    """
    if session.get_bind().dialect.name == "postgresql":
        number = int.from_bytes(agency_id.bytes[8:], signed=True)
        session.execute(select(func.pg_advisory_xact_lock(number)))


def _told_before(session: Session, agency_id: UUID, one: ImportedLine) -> LineOutcome | None:
    """Return what a number that was told before makes of a line, in whichever book it stands."""
    booked = transaction_of(session, agency_id, Source.IMPORT, one.external_id)
    waited = session.scalar(
        select(SuspenseTransactionRow.id).where(
            SuspenseTransactionRow.agency_id == agency_id,
            SuspenseTransactionRow.source == Source.IMPORT,
            SuspenseTransactionRow.external_id == one.external_id,
        )
    )
    if booked is not None:
        cash = select(LedgerEntryRow.amount_minor, LedgerEntryRow.currency).where(
            LedgerEntryRow.transaction_id == booked.id, LedgerEntryRow.account == Account.CASH
        )
    elif waited is not None:
        cash = select(SuspenseEntryRow.amount_minor, SuspenseEntryRow.currency).where(
            SuspenseEntryRow.transaction_id == waited, SuspenseEntryRow.account == Account.CASH
        )
    else:
        return None
    is_same = tuple(session.execute(cash).one()) == (one.amount_minor, one.currency)
    return LineOutcome.KNOWN if is_same else LineOutcome.CONTRADICTED


def _book(
    session: Session,
    actor: Actor,
    agency_id: UUID,
    one: ImportedLine,
    people: set[UUID],
    now: datetime,
) -> LineOutcome:
    if one.supervisee_id is not None and one.supervisee_id in people:
        money = Incoming(
            supervisee_id=one.supervisee_id,
            amount_minor=one.amount_minor,
            currency=one.currency,
            received_on=one.received_on,
            method=one.method,
            source=Source.IMPORT,
            external_id=one.external_id,
            note=one.note,
        )
        book_payment(session, actor, money, now=now)
        return LineOutcome.BOOKED
    waits = Unidentified(
        amount_minor=one.amount_minor,
        currency=one.currency,
        received_on=one.received_on,
        method=one.method,
        source=Source.IMPORT,
        external_id=one.external_id,
        note=one.note,
    )
    book_suspense(session, actor, agency_id, waits, now=now)
    return LineOutcome.SUSPENSE


def _record(
    session: Session,
    actor: Actor,
    agency_id: UUID,
    file: BankFile,
    outcomes: Mapping[LineOutcome, Sequence[int]],
    now: datetime,
) -> None:
    audit.record(
        session,
        actor,
        audit.Act.PAYMENT_FILE_IMPORTED,
        subject=("agency", agency_id),
        agency_id=agency_id,
        now=now,
        details={outcome.value: len(lines) for outcome, lines in outcomes.items()}
        | {"sha256": file.digest},
    )
