"""Checks that hold for every transaction, in a person's book and in an agency's own.

Each is a query of `(book, subject)` of what breaks the rule: none, if all is well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import (
    Column,
    Select,
    String,
    Table,
    and_,
    cast,
    distinct,
    exists,
    func,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.sql.elements import ColumnElement

from backend.core.db import table_of
from backend.payments.flaws import Flaw
from backend.payments.ledger import RELIEVES, Account, TransactionKind
from backend.payments.models import (
    LedgerEntryRow,
    LedgerTransactionRow,
    SuspenseEntryRow,
    SuspenseTransactionRow,
)

Query: TypeAlias = Select[UUID, UUID]
Check: TypeAlias = tuple[Flaw, Query]

_DEBIT_AND_CREDIT: Final = {
    TransactionKind.CHARGE: (Account.RECEIVABLE, Account.CHARGES),
    TransactionKind.PENDING: (Account.IN_TRANSIT, Account.EXPECTED),
    TransactionKind.PAYMENT: (Account.CASH, Account.CREDIT),
    TransactionKind.REFUND: (Account.CREDIT, Account.CASH),
    TransactionKind.CHARGEBACK: (Account.CREDIT, Account.CASH),
    TransactionKind.SUSPENSE: (Account.CASH, Account.UNIDENTIFIED),
    TransactionKind.CLEARANCE: (Account.UNIDENTIFIED, Account.CASH),
    TransactionKind.RETURN: (Account.UNIDENTIFIED, Account.CASH),
    TransactionKind.OVERAGE: (Account.CASH, Account.OVER_SHORT),
    TransactionKind.SHORTAGE: (Account.OVER_SHORT, Account.CASH),
} | {kind: (account, Account.RECEIVABLE) for kind, account in RELIEVES.items()}
"""What a transaction of a kind debits and credits; allocations and reversals are checked apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Books:
    """Books of one sort: their transactions, their entries, and the column that says whose."""

    transactions: Table
    entries: Table
    owner: str
    kinds: frozenset[TransactionKind]

    @property
    def book(self) -> Column[UUID]:
        return self.transactions.c[self.owner]

    @property
    def joined(self) -> ColumnElement[bool]:
        return self.entries.c.transaction_id == self.transactions.c.id


_OF_AGENCIES: Final = frozenset(
    {
        *(TransactionKind.SUSPENSE, TransactionKind.CLEARANCE, TransactionKind.RETURN),
        *(TransactionKind.OVERAGE, TransactionKind.SHORTAGE),
    }
)
_PEOPLES: Final = _Books(
    transactions=table_of(LedgerTransactionRow),
    entries=table_of(LedgerEntryRow),
    owner="supervisee_id",
    kinds=frozenset(TransactionKind) - _OF_AGENCIES,
)
_AGENCIES: Final = _Books(
    transactions=table_of(SuspenseTransactionRow),
    entries=table_of(SuspenseEntryRow),
    owner="agency_id",
    kinds=_OF_AGENCIES,
)


def as_digits(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Return an identifier as its hexadecimal digits: databases write it with hyphens or without."""
    return func.replace(cast(column, String), "-", "")


def misnumbered(book: Column[UUID], number: Column[int]) -> Query:
    """Return the check that what stands in a book is numbered 1, 2, 3 …"""
    is_whole = and_(
        func.min(number) == 1,
        func.max(number) == func.count(),
        func.count(distinct(number)) == func.count(),
    )
    return select(book, book).group_by(book).having(not_(is_whole))


def _checks(books: _Books) -> Iterator[Check]:
    yield Flaw.UNBALANCED, _unbalanced(books)
    yield Flaw.EMPTY, _empty(books)
    yield Flaw.ORPHAN, _orphans(books)
    yield Flaw.MISPLACED, _misplaced(books)
    yield Flaw.TWICE, _twice(books)
    yield Flaw.SHAPE, _misshapen(books)


def _unbalanced(books: _Books) -> Query:
    entries, transaction_id = books.entries, books.transactions.c.id
    return (
        select(books.book, transaction_id)
        .join_from(books.transactions, entries, books.joined)
        .group_by(books.book, transaction_id, entries.c.currency)
        .having(func.sum(entries.c.amount_minor) != 0)
    )


def _empty(books: _Books) -> Query:
    entries = exists().where(books.joined)
    return select(books.book, books.transactions.c.id).where(not_(entries))


def _orphans(books: _Books) -> Query:
    transaction = exists().where(books.joined)
    return select(books.entries.c[books.owner], books.entries.c.transaction_id).where(
        not_(transaction)
    )


def _misplaced(books: _Books) -> Query:
    return (
        select(books.book, books.transactions.c.id)
        .join_from(books.transactions, books.entries, books.joined)
        .where(books.entries.c[books.owner] != books.book)
    )


def _twice(books: _Books) -> Query:
    row = books.transactions.c
    happening = (row.agency_id, row.source, row.external_id)
    repeated = select(*happening).group_by(*happening).having(func.count() > 1)
    return select(books.book, row.id).where(tuple_(*happening).in_(repeated))


def _misshapen(books: _Books) -> Query:
    kind, entries = books.transactions.c.kind, books.entries.c
    is_usual = or_(
        *(
            and_(kind == one, entries.account == account, is_signed)
            for one, (debit, credit) in _DEBIT_AND_CREDIT.items()
            for account, is_signed in (
                (debit, entries.amount_minor > 0),
                (credit, entries.amount_minor < 0),
            )
        ),
        and_(
            kind == TransactionKind.ALLOCATION,
            entries.account.in_([Account.RECEIVABLE, Account.CREDIT]),
        ),
        kind == TransactionKind.REVERSAL,
    )
    return (
        select(books.book, books.transactions.c.id)
        .join_from(books.transactions, books.entries, books.joined)
        .where(or_(not_(is_usual), kind.not_in(books.kinds)))
    )


CHECKS: Final = (*_checks(_PEOPLES), *_checks(_AGENCIES))
