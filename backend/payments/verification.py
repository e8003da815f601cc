"""Whether the books are whole: every rule of the ledger, asked again of what is stored.

The code posts nothing that breaks them and triggers keep the rows. This shows it, of a copy that
was restored or of a database whose owner can take triggers away. One statement a check, over the
whole ledger; nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from backend.core.db import Base, Session
from backend.payments import book_checks, cash_checks, posting_checks, suspense_checks
from backend.payments.flaws import Flaw
from backend.payments.models import (
    LedgerBookRow,
    LedgerEntryRow,
    LedgerTransactionRow,
    SuspenseEntryRow,
    SuspenseTransactionRow,
)

_CHECKS: Final = (
    *(posting_checks.CHECKS, book_checks.CHECKS),
    *(suspense_checks.CHECKS, cash_checks.CHECKS),
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """A flaw, what has it, and in whose book: a person's or, of suspense and cash, an agency's."""

    book_id: UUID
    subject_id: UUID
    flaw: Flaw


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """How much was checked, and what is wrong; nothing, if the books are whole."""

    books: int
    transactions: int
    entries: int
    findings: Sequence[Finding]


def verify(session: Session) -> Verification:
    """Return what is wrong with the ledger of all agencies, by book."""
    found = {
        (flaw, book_id, subject_id)
        for checks in _CHECKS
        for flaw, query in checks
        for book_id, subject_id in session.execute(query)
    }
    return Verification(
        books=_count(session, LedgerBookRow),
        transactions=_count(session, LedgerTransactionRow)
        + _count(session, SuspenseTransactionRow),
        entries=_count(session, LedgerEntryRow) + _count(session, SuspenseEntryRow),
        findings=[
            Finding(flaw=flaw, book_id=book_id, subject_id=subject_id)
            for flaw, book_id, subject_id in sorted(
                found, key=lambda one: (one[1], one[2], one[0].value)
            )
        ],
    )


def _count(session: Session, rows: type[Base]) -> int:
    return session.scalars(select(func.count()).select_from(rows)).one()
