"""`ledger verify`: sound books are called sound, and every way to spoil one is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from backend.core.db import Database, table_of
from backend.payments import service
from backend.payments.cash_models import CashDayRow, CashMovementRow, ReceiptRow
from backend.payments.flaws import Flaw
from backend.payments.ledger import Account, TransactionKind
from backend.payments.models import (
    LedgerEntryRow,
    LedgerTransactionRow,
    ObligationRow,
    ReliefRow,
    SuspenseEntryRow,
    SuspenseTransactionRow,
)
from tests.support.clocks import START
from tests.support.ledger import BusyBook, busy_book, without_guards
from tests.support.offices import Office

POSTED, LINES = table_of(LedgerTransactionRow), table_of(LedgerEntryRow)
WAITED, WAITED_LINES = table_of(SuspenseTransactionRow), table_of(SuspenseEntryRow)
DAYS, SHOWN, RECEIPTS = table_of(CashDayRow), table_of(CashMovementRow), table_of(ReceiptRow)
OWED, RELIEFS = table_of(ObligationRow), table_of(ReliefRow)


def _of(kind: TransactionKind) -> Any:
    return select(POSTED.c.id).where(POSTED.c.kind == kind)


def _scale(kind: TransactionKind, factor: int) -> Any:
    """Post another amount than was posted, so that it still adds up to zero."""
    lines = LINES.c.transaction_id.in_(_of(kind))
    return update(LINES).where(lines).values(amount_minor=LINES.c.amount_minor * factor)


def _change(kind: TransactionKind, /, **values: Any) -> Any:
    return update(POSTED).where(POSTED.c.kind == kind).values(**values)


SPOILT: list[tuple[Flaw, Callable[[BusyBook], Any]]] = [
    (
        Flaw.UNBALANCED,
        lambda book: (
            update(LINES)
            .where(LINES.c.transaction_id == book.payment_id, LINES.c.account == Account.CASH)
            .values(amount_minor=LINES.c.amount_minor + 1)
        ),
    ),
    (
        Flaw.UNBALANCED,
        lambda _: update(WAITED_LINES).where(WAITED_LINES.c.line == 1).values(currency="EUR"),
    ),
    (Flaw.EMPTY, lambda book: delete(LINES).where(LINES.c.transaction_id == book.refund_id)),
    (
        Flaw.EMPTY,
        lambda book: delete(WAITED_LINES).where(WAITED_LINES.c.transaction_id == book.waiting_id),
    ),
    (Flaw.ORPHAN, lambda book: delete(POSTED).where(POSTED.c.id == book.payment_id)),
    (Flaw.ORPHAN, lambda book: delete(WAITED).where(WAITED.c.id == book.waiting_id)),
    (Flaw.SHAPE, lambda _: _change(TransactionKind.WAIVER, kind=TransactionKind.REDUCTION)),
    (Flaw.SHAPE, lambda _: _change(TransactionKind.PAYMENT, kind=TransactionKind.SUSPENSE)),
    (Flaw.SHAPE, lambda _: _scale(TransactionKind.CHARGE, -1)),
    (
        Flaw.SHAPE,
        lambda _: (
            update(LINES)
            .where(LINES.c.transaction_id.in_(_of(TransactionKind.ALLOCATION)))
            .values(account=Account.CASH)
        ),
    ),
    (
        Flaw.MISPLACED,
        lambda book: (
            update(LINES)
            .where(LINES.c.transaction_id == book.payment_id)
            .values(supervisee_id=uuid4())
        ),
    ),
    (Flaw.MISPLACED, lambda book: delete(OWED).where(OWED.c.id == book.fine_id)),
    (
        Flaw.MISPLACED,
        lambda book: update(OWED).where(OWED.c.id == book.fine_id).values(currency="EUR"),
    ),
    (
        Flaw.MISPLACED,
        lambda book: update(POSTED).where(POSTED.c.id == book.payment_id).values(agency_id=uuid4()),
    ),
    (Flaw.NUMBERS, lambda book: delete(POSTED).where(POSTED.c.id == book.refund_id)),
    (Flaw.REFERENCE, lambda _: _change(TransactionKind.REFUND, about_id=None)),
    (Flaw.REFERENCE, lambda _: _change(TransactionKind.ALLOCATION, about_id=uuid4())),
    (Flaw.REFERENCE, lambda book: _change(TransactionKind.CHARGE, about_id=book.payment_id)),
    (Flaw.REFERENCE, lambda book: _change(TransactionKind.REVERSAL, about_id=book.payment_id)),
    (Flaw.REFERENCE, lambda _: update(WAITED).values(about_id=None)),
    (Flaw.REVERSAL, lambda _: _scale(TransactionKind.REVERSAL, 2)),
    (Flaw.CHARGE, lambda _: delete(POSTED).where(POSTED.c.kind == TransactionKind.CHARGE)),
    (
        Flaw.CHARGE,
        lambda book: update(OWED).where(OWED.c.id == book.fine_id).values(amount_minor=1),
    ),
    (
        Flaw.RELIEF,
        lambda book: (
            update(RELIEFS)
            .where(RELIEFS.c.id == book.relief_id)
            .values(approver_id=None, approved_at=None)
        ),
    ),
    (
        Flaw.RELIEF,
        lambda book: (
            update(RELIEFS).where(RELIEFS.c.id == book.relief_id).values(withdrawn_at=START)
        ),
    ),
    (Flaw.RELIEF, lambda _: delete(RELIEFS)),
    (Flaw.REPAID, lambda _: _scale(TransactionKind.REFUND, 100)),
    (Flaw.ALLOCATION, lambda _: _scale(TransactionKind.ALLOCATION, -1)),
    (Flaw.ALLOCATION, lambda _: _scale(TransactionKind.PAYMENT, 2)),
    (
        Flaw.SUSPENSE,
        lambda _: update(WAITED_LINES).values(amount_minor=WAITED_LINES.c.amount_minor * 3),
    ),
    (
        Flaw.SUSPENSE,
        lambda book: (
            update(WAITED_LINES)
            .where(WAITED_LINES.c.transaction_id == book.waiting_id)
            .values(amount_minor=WAITED_LINES.c.amount_minor * 3)
        ),
    ),
    (Flaw.NUMBERS, lambda _: delete(RECEIPTS).where(RECEIPTS.c.number == 1)),
    (Flaw.NUMBERS, lambda _: delete(RECEIPTS).where(RECEIPTS.c.number == 2)),
    (Flaw.ORPHAN, lambda book: delete(POSTED).where(POSTED.c.id == book.taken_id)),
    (
        Flaw.CASH,
        lambda book: delete(SHOWN).where(SHOWN.c.transaction_id == book.taken_id),
    ),
    (
        Flaw.CASH,
        lambda _: delete(SHOWN).where(
            SHOWN.c.transaction_id.in_(_of(TransactionKind.REVERSAL)),
        ),
    ),
    (
        Flaw.CASH,
        lambda book: insert(SHOWN).values(
            transaction_id=book.payment_id, cash_day_id=book.cash_day_id
        ),
    ),
    (Flaw.CASH, lambda _: update(DAYS).values(currency="EUR")),
    (Flaw.CASH, lambda _: update(DAYS).values(expected_minor=650)),
    (Flaw.CASH, lambda _: update(DAYS).values(counted_minor=600)),
    (Flaw.CASH, lambda _: update(DAYS).values(confirmed_at=None)),
    (
        Flaw.CASH,
        lambda _: delete(WAITED).where(WAITED.c.kind == TransactionKind.SHORTAGE),
    ),
    (
        Flaw.CASH,
        lambda _: (
            update(WAITED)
            .where(WAITED.c.kind == TransactionKind.SHORTAGE)
            .values(external_id=str(uuid4()))
        ),
    ),
    (Flaw.CASH, lambda _: update(DAYS).values(officer_id=uuid4())),
]


def _found(database: Database) -> set[Flaw]:
    with database.snapshot() as session:
        return {one.flaw for one in service.verify(session).findings}


def test_an_empty_ledger_is_whole(database: Database) -> None:
    with database.snapshot() as session:
        found = service.verify(session)

    assert (found.books, found.transactions, found.entries) == (0, 0, 0)
    assert not found.findings


def test_a_book_in_which_everything_happened_is_whole(database: Database, office: Office) -> None:
    with database.transaction() as session:
        busy_book(session, office, START)

    with database.snapshot() as session:
        found = service.verify(session)
    assert not found.findings
    assert found.books == 1
    assert found.entries >= 2 * found.transactions > 20


@pytest.mark.parametrize(
    ("flaw", "spoil"),
    SPOILT,
    ids=[f"{number}-{flaw.name}" for number, (flaw, _) in enumerate(SPOILT)],
)
def test_what_an_intruder_changed_is_found(
    database: Database, office: Office, flaw: Flaw, spoil: Callable[[BusyBook], Any]
) -> None:
    with database.transaction() as session:
        book = busy_book(session, office, START)
    with without_guards(database) as connection:
        connection.execute(spoil(book))

    assert flaw in _found(database)


def test_a_day_that_one_officer_counted_twice_is_found(database: Database, office: Office) -> None:
    with database.transaction() as session:
        busy_book(session, office, START)
    with without_guards(database) as connection:
        _forget_what_is_checked(connection, "cash_days")
        connection.execute(update(DAYS).values(confirmed_by=DAYS.c.closed_by))

    assert _found(database) == {Flaw.CASH}


def _forget_what_is_checked(connection: Connection, table: str) -> None:
    """Take the check constraints of a table away."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        return
    _drop_constraints(connection, table, "c")


def test_what_was_posted_twice_is_found(database: Database, office: Office) -> None:
    with database.transaction() as session:
        book = busy_book(session, office, START)
    with without_guards(database) as connection:
        _forget_what_is_unique(connection, "ledger_transactions")
        connection.execute(
            update(POSTED)
            .where(POSTED.c.id == book.undone_id)
            .values(source="provider", external_id="pi_1")
        )

    with database.snapshot() as session:
        twice = [one for one in service.verify(session).findings if one.flaw is Flaw.TWICE]
    assert {one.subject_id for one in twice} == {book.undone_id, book.payment_id}
    assert {one.book_id for one in twice} == {office.person.id}


def _forget_what_is_unique(connection: Connection, table: str) -> None:
    """Take the unique constraints of a table away."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO old")
        connection.exec_driver_sql(f"CREATE TABLE {table} AS SELECT * FROM old")
        return
    _drop_constraints(connection, table, "u")


def _drop_constraints(connection: Connection, table: str, kind: str) -> None:
    names = connection.exec_driver_sql(
        "SELECT conname FROM pg_constraint "
        f"WHERE contype = '{kind}' AND conrelid = '{table}'::regclass"
    )
    for name in names.scalars().all():
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
