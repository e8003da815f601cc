"""Payments from a file of a bank or a lockbox: each line booked once, whoever it is from.

A file is CSV with a header, UTF-8, one payment a line:

    external_id   the bank's number of the payment, unique in the agency: told again, booked once
    received_on   the day, 2026-03-31
    amount_minor  in minor units of the currency, 4000 for 40.00
    currency      ISO 4217, three capital letters
    method        lockbox, bank_transfer, check or money_order
    supervisee    the person's identifier as printed on the payment slip; may be empty
    note          what the sender wrote; may be empty

A file with a line that cannot be read is refused as a whole, with every such line named.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Final
from uuid import UUID

from sqlalchemy import select

from backend.core.actor import Actor, Permission
from backend.core.card_numbers import has_card_number
from backend.core.db import Session
from backend.identity import service as identity
from backend.payments.book import transaction_of
from backend.payments.bookings import Incoming, book_payment
from backend.payments.kinds import Method
from backend.payments.ledger import MAX_AMOUNT_MINOR, Account
from backend.payments.models import (
    MAX_EXTERNAL_ID_CHARACTERS,
    MAX_NOTE_CHARACTERS,
    LedgerEntryRow,
    SuspenseEntryRow,
    SuspenseTransactionRow,
)
from backend.payments.suspense import Unidentified, book_suspense
from backend.payments.values import Source

COLUMNS: Final = (
    *("external_id", "received_on", "amount_minor", "currency"),
    *("method", "supervisee", "note"),
)
METHODS: Final = (Method.LOCKBOX, Method.BANK_TRANSFER, Method.CHECK, Method.MONEY_ORDER)
MOST_LINES: Final = 50_000
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class UnreadableFileError(ValueError):
    """A file that is not booked; the text names lines and columns, and repeats nothing of them."""


class LineOutcome(Enum):
    """What became of one line."""

    BOOKED = "booked"
    SUSPENSE = "suspense"
    KNOWN = "known"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLine:
    """One payment of a file."""

    line: int
    external_id: str
    received_on: date
    amount_minor: int
    currency: str
    method: Method
    supervisee_id: UUID | None
    note: str


def read_lines(text: str) -> list[ImportedLine]:
    """Return the payments of a file. Raises UnreadableFileError, naming all that is wrong."""
    rows = csv.DictReader(text.splitlines(), strict=True)
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise UnreadableFileError(f"line 1: the header must be {','.join(COLUMNS)}")
    lines, problems, numbers = [], [], set()
    try:
        for row in rows:
            wrong = _problems(row)
            if row["external_id"] in numbers:
                wrong = [*wrong, "external_id stands twice"]
            numbers.add(row["external_id"])
            problems += [f"line {rows.line_num}: {problem}" for problem in wrong]
            if not wrong:
                lines.append(_line(row, rows.line_num))
    except csv.Error:
        problems.append(f"line {rows.line_num + 1}: this is no CSV")
    if len(lines) > MOST_LINES:
        problems.append(f"more than {MOST_LINES} lines")
    if problems:
        raise UnreadableFileError("\n".join(problems))
    return lines


def import_payments(
    session: Session,
    actor: Actor,
    agency_id: UUID,
    lines: Sequence[ImportedLine],
    *,
    now: datetime,
) -> Mapping[LineOutcome, Sequence[int]]:
    """Return what became of each line, as line numbers; run again, every line is known.

    What names nobody of this agency waits in its suspense. A line whose number stands for other
    money is contradicted and not booked. Audited with each booking. Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.PAYMENT_RECORD)
    identity.get_agency(session, agency_id)
    wanted = {one.supervisee_id for one in lines if one.supervisee_id is not None}
    people = {
        person.id
        for person in identity.get_supervisees(session, actor, wanted).values()
        if person.agency_id == agency_id
    }
    outcomes: dict[LineOutcome, list[int]] = {outcome: [] for outcome in LineOutcome}
    for one in lines:
        outcome = _told_before(session, agency_id, one)
        if outcome is None:
            outcome = _book(session, actor, agency_id, one, people, now)
        outcomes[outcome].append(one.line)
    return outcomes


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


def _problems(row: Mapping[str | None, str | None]) -> list[str]:
    """Return what is wrong with a line, by column."""
    if None in row or None in row.values():
        return ["this has another number of columns than the header"]
    text = {str(name): str(value) for name, value in row.items()}
    number, note = text["external_id"], text["note"]
    wrong = {
        "external_id": not 0 < len(number.strip()) <= MAX_EXTERNAL_ID_CHARACTERS,
        "received_on": _read_day(text["received_on"]) is None,
        "amount_minor": _read_amount(text["amount_minor"]) is None,
        "currency": _CURRENCY.fullmatch(text["currency"]) is None,
        "method": text["method"] not in {method.value for method in METHODS},
        "supervisee": bool(text["supervisee"]) and _read_id(text["supervisee"]) is None,
        "note": len(note) > MAX_NOTE_CHARACTERS or has_card_number(note) or "\x00" in note,
    }
    return [f"{column} cannot be used" for column, is_wrong in wrong.items() if is_wrong]


def _line(row: Mapping[str, str], number: int) -> ImportedLine:
    received_on, amount_minor = _read_day(row["received_on"]), _read_amount(row["amount_minor"])
    if received_on is None or amount_minor is None:
        raise LookupError("a line that was checked cannot be read")
    return ImportedLine(
        line=number,
        external_id=row["external_id"].strip(),
        received_on=received_on,
        amount_minor=amount_minor,
        currency=row["currency"],
        method=Method(row["method"]),
        supervisee_id=_read_id(row["supervisee"]),
        note=row["note"],
    )


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _read_amount(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_AMOUNT_MINOR))
    amount_minor = int(text) if is_number else 0
    return amount_minor if 0 < amount_minor <= MAX_AMOUNT_MINOR else None


def _read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
