"""A file of a bank or a lockbox: read as a whole, or refused with every line that is wrong.

A file is CSV with a header, UTF-8, one payment a line:

    external_id   the bank's number of the payment, unique in the agency: told again, booked once
    received_on   the day, 2026-03-31
    amount_minor  in minor units of the currency, 4000 for 40.00
    currency      ISO 4217, three capital letters
    method        lockbox, bank_transfer, check or money_order
    supervisee    the person's identifier as printed on the payment slip; may be empty
    note          what the sender wrote; may be empty

Only the note is searched for card numbers: of the numbers that banks give, every tenth would be
mistaken for one, and the whole file be refused for it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from io import StringIO
from typing import Final
from uuid import UUID

from backend.core.card_numbers import CARD_NUMBER_MESSAGE, has_card_number
from backend.payments.kinds import Method
from backend.payments.ledger import MAX_AMOUNT_MINOR
from backend.payments.models import MAX_EXTERNAL_ID_CHARACTERS, MAX_NOTE_CHARACTERS

COLUMNS: Final = (
    *("external_id", "received_on", "amount_minor", "currency"),
    *("method", "supervisee", "note"),
)
METHODS: Final = (Method.LOCKBOX, Method.BANK_TRANSFER, Method.CHECK, Method.MONEY_ORDER)
MOST_LINES: Final = 50_000
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
"""NUL, and what bytes become that are no UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that cannot be read, and why: columns are named, and nothing of them is repeated."""

    line: int
    problems: Sequence[str]


class UnreadableFileError(ValueError):
    """A file of which nothing is booked; `lines` are all that are wrong."""

    def __init__(self, lines: Sequence[BadLine]) -> None:
        super().__init__(
            "\n".join(f"line {bad.line}: {problem}" for bad in lines for problem in bad.problems)
        )
        self.lines = lines

    @property
    def holds_card_number(self) -> bool:
        """Whether a note looks as if it held one."""
        return any(_CARD_NUMBER in bad.problems for bad in self.lines)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BankFile:
    """The payments of a file, and the SHA-256 of it in hexadecimal."""

    digest: str
    lines: Sequence[ImportedLine]


_HEADER: Final = f"the header must be {','.join(COLUMNS)}"
_CARD_NUMBER: Final = f"note: {CARD_NUMBER_MESSAGE}"


def read_file(content: bytes, *, most: int = MOST_LINES) -> BankFile:
    """Return the payments of a file, `most` at the most.

    Raises UnreadableFileError, naming all that is wrong.
    """
    records = _records(content.decode("utf-8-sig", "surrogateescape"))
    first, header = next(records, (1, None))
    if header is None or tuple(header) != COLUMNS:
        raise UnreadableFileError([BadLine(line=first, problems=[_HEADER])])
    lines: list[ImportedLine] = []
    bad: list[BadLine] = []
    numbers: set[str] = set()
    for count, (line, cells) in enumerate(records, start=1):
        if count > most:
            bad.append(
                BadLine(
                    line=line, problems=[f"this is past {most} payments, the most a file may have"]
                )
            )
            break
        problems = _problems(cells, numbers)
        if cells is None or problems:
            bad.append(BadLine(line=line, problems=problems))
        else:
            lines.append(_line(line, cells))
    if bad:
        raise UnreadableFileError(bad)
    return BankFile(digest=sha256(content).hexdigest(), lines=lines)


def _records(text: str) -> Iterator[tuple[int, list[str] | None]]:
    """Give what is not empty, with the line on which it begins; None for what is no CSV."""
    rows = csv.reader(StringIO(text, newline=""), strict=True)
    while True:
        begins = rows.line_num + 1
        try:
            cells = next(rows, None)
        except csv.Error:
            yield begins, None
            continue
        if cells is None:
            return
        if cells:
            yield begins, cells


def _problems(cells: Sequence[str] | None, numbers: set[str]) -> list[str]:
    """Return what is wrong with a line; `numbers` are those of the lines before, and now of it."""
    if cells is None:
        return ["this is no CSV"]
    if len(cells) != len(COLUMNS):
        return ["this has another number of columns than the header"]
    problems = _unusable(*cells)
    number, note = cells[0].strip(), cells[-1]
    if has_card_number(note):
        problems.append(_CARD_NUMBER)
    if number in numbers:
        problems.append("external_id stands twice")
    numbers.add(number)
    return problems


def _unusable(
    number: str, received_on: str, amount: str, currency: str, method: str, who: str, note: str
) -> list[str]:
    usable = (
        0 < len(number.strip()) <= MAX_EXTERNAL_ID_CHARACTERS and not _UNSTORABLE.search(number),
        _read_day(received_on) is not None,
        _read_amount(amount) is not None,
        _CURRENCY.fullmatch(currency) is not None,
        method in {method.value for method in METHODS},
        not who or _read_id(who) is not None,
        len(note) <= MAX_NOTE_CHARACTERS and not _UNSTORABLE.search(note),
    )
    named = zip(COLUMNS, usable, strict=True)
    return [f"{column} cannot be used" for column, is_usable in named if not is_usable]


def _line(line: int, cells: Sequence[str]) -> ImportedLine:
    """Return a line that was checked."""
    number, received_on, amount, currency, method, who, note = cells
    return ImportedLine(
        line=line,
        external_id=number.strip(),
        received_on=date.fromisoformat(received_on),
        amount_minor=int(amount),
        currency=currency,
        method=Method(method),
        supervisee_id=_read_id(who),
        note=note,
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
