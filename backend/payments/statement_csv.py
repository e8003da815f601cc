"""A statement as CSV (RFC 4180, UTF-8): one line a transaction, for spreadsheets and programs.

Columns keep their names and order; new ones come at the end. Amounts stand as decimals and in minor
units. The balances that the period begins and ends with are lines of their own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date
from typing import Final

from backend.payments.values import CurrencySum, Statement, StatementLine
from notifications.formats import decimal

COLUMNS: Final = (
    *("number", "booked_on", "kind", "obligation_kind", "reference", "receipt_number"),
    *("about_number", "note", "currency", "amount", "amount_minor", "balance", "balance_minor"),
    "authority",
)
_COMMANDS: Final = (
    *("=", "+", "-", "@", "\t", "\r", "\n"),
    *("\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}"),
    *("\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}"),
)
"""A text that begins so is a formula to a spreadsheet (OWASP, CSV injection)."""

Cell = str | int | None


def to_csv(statement: Statement) -> str:
    """Return the statement with a header; a text that would be a formula begins with `'`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_balances("opening", statement.since, statement.opening))
    writer.writerows(_line(line) for line in statement.lines)
    writer.writerows(_balances("closing", statement.last_day, statement.closing))
    return text.getvalue()


def _balances(kind: str, on: date, sums: Iterable[CurrencySum]) -> Iterable[list[Cell]]:
    for one in sums:
        balance = decimal(one.balance_minor, one.currency)
        before: list[Cell] = [None, on.isoformat(), kind, *[None] * 5]
        yield [*before, one.currency, None, None, balance, one.balance_minor, None]


def _line(line: StatementLine) -> list[Cell]:
    return [
        line.number,
        line.booked_on.isoformat(),
        line.kind.value,
        line.obligation_kind.value if line.obligation_kind else None,
        _harmless(line.reference),
        _harmless(line.receipt_number),
        line.about_number,
        _harmless(line.note),
        line.currency,
        decimal(line.amount_minor, line.currency),
        line.amount_minor,
        decimal(line.balance_minor, line.currency),
        line.balance_minor,
        line.authority.value if line.authority else None,
    ]


def _harmless(text: str | None) -> str | None:
    return f"'{text}" if text and text.startswith(_COMMANDS) else text
