"""A person's book in the database: locked, posted to, read. The rules are in `ledger`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, insert, select

from backend.core.actor import Actor
from backend.core.db import Session, insert_once
from backend.core.ids import new_id
from backend.identity import service as identity
from backend.payments import ledger
from backend.payments.allocation_order import allocation_order
from backend.payments.kinds import Authority, Method, ObligationKind
from backend.payments.ledger import (
    RELIEF_ACCOUNTS,
    Account,
    Debt,
    Entries,
    Entry,
    TransactionKind,
)
from backend.payments.models import (
    LedgerBookRow,
    LedgerEntryRow,
    LedgerTransactionRow,
    ObligationRow,
)
from backend.payments.recurrence import today_in
from backend.payments.values import Reversal, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A person's book, locked by this transaction. `today` is the agency's local day."""

    agency_id: UUID
    supervisee_id: UUID
    today: date
    order: tuple[ObligationKind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What a transaction is about: its kind, and what happened outside the ledger."""

    kind: TransactionKind
    source: Source
    external_id: str
    about_id: UUID | None = None
    received_on: date | None = None
    method: Method | None = None
    note: str = ""
    authority: Authority | None = None
    document: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was charged for an obligation (zero once cancelled), relieved of it, and is unpaid."""

    charged_minor: int = 0
    relieved_minor: int = 0
    outstanding_minor: int = 0

    @property
    def payable_minor(self) -> int:
        """What was to be paid of it in all: what was charged less all relief."""
        return self.charged_minor - self.relieved_minor


def open_book(session: Session, agency_id: UUID, supervisee_id: UUID, now: datetime) -> Book:
    """Return the book of a person, which nobody else can post to until the transaction ends."""
    new = insert_once(session, LedgerBookRow).values(supervisee_id=supervisee_id)
    session.execute(new.on_conflict_do_nothing())
    own = LedgerBookRow.supervisee_id == supervisee_id
    session.execute(select(LedgerBookRow.supervisee_id).where(own).with_for_update())
    agency = identity.get_agency(session, agency_id)
    return Book(
        agency_id=agency_id,
        supervisee_id=supervisee_id,
        today=today_in(agency.zone, now),
        order=allocation_order(session, agency_id),
    )


def post(
    session: Session, actor: Actor, book: Book, occasion: Occasion, entries: Entries, now: datetime
) -> UUID | None:
    """Return the id of the transaction that was written; None if its occasion was booked before.

    Raises LedgerError for entries that do not add up to zero.
    """
    ledger.check(entries)
    transaction_id = _insert_transaction(session, actor, book, occasion, now)
    if transaction_id is None:
        return None
    session.execute(
        insert(LedgerEntryRow),
        [
            {
                "transaction_id": transaction_id,
                "line": line,
                "supervisee_id": book.supervisee_id,
                "account": entry.account,
                "obligation_id": entry.obligation_id,
                "amount_minor": entry.amount_minor,
                "currency": entry.currency,
            }
            for line, entry in enumerate(entries, start=1)
        ],
    )
    return transaction_id


def allocate(
    session: Session, actor: Actor, book: Book, currency: str, cause: UUID, now: datetime
) -> None:
    """Put the person's credit where it belongs after the transaction `cause`, if it is not."""
    entries = ledger.allocation(
        _debts(session, book, currency),
        credit_minor=_credit(session, book, currency),
        currency=currency,
        order=book.order,
    )
    if entries:
        occasion = Occasion(
            kind=TransactionKind.ALLOCATION,
            source=Source.ALLOCATION,
            external_id=str(cause),
            about_id=cause,
        )
        post(session, actor, book, occasion, entries, now)


def transaction_of(
    session: Session, agency_id: UUID, source: Source, external_id: str
) -> LedgerTransactionRow | None:
    """Return the transaction in which something that happened outside was booked, or None."""
    return session.scalar(
        select(LedgerTransactionRow).where(
            LedgerTransactionRow.agency_id == agency_id,
            LedgerTransactionRow.source == source,
            LedgerTransactionRow.external_id == external_id,
        )
    )


def _entries_of(session: Session, transaction_id: UUID) -> Entries:
    """Return the entries of a transaction and of the allocations that it caused."""
    caused = select(LedgerTransactionRow.id).where(
        LedgerTransactionRow.about_id == transaction_id,
        LedgerTransactionRow.kind == TransactionKind.ALLOCATION,
    )
    rows = session.scalars(
        select(LedgerEntryRow)
        .where(
            (LedgerEntryRow.transaction_id == transaction_id)
            | LedgerEntryRow.transaction_id.in_(caused)
        )
        .order_by(LedgerEntryRow.transaction_id, LedgerEntryRow.line)
    )
    return tuple(
        Entry(
            account=row.account,
            obligation_id=row.obligation_id,
            amount_minor=row.amount_minor,
            currency=row.currency,
        )
        for row in rows
    )


def reverse(
    session: Session,
    actor: Actor,
    book: Book,
    row: LedgerTransactionRow,
    reason: str,
    now: datetime,
) -> Reversal | None:
    """Return the transaction that undoes `row` and what it caused; None if there is one already.

    Credit that this frees or takes away is allocated again.
    """
    entries = _entries_of(session, row.id)
    occasion = Occasion(
        kind=TransactionKind.REVERSAL,
        source=Source.REVERSAL,
        external_id=str(row.id),
        about_id=row.id,
        note=reason,
    )
    reversal_id = post(session, actor, book, occasion, ledger.reversal(entries), now)
    if reversal_id is None:
        return None
    allocate(session, actor, book, entries[0].currency, reversal_id, now)
    number = session.get_one(LedgerTransactionRow, reversal_id).number
    return Reversal(
        id=reversal_id, number=number, reversed_id=row.id, reason=reason, recorded_at=now
    )


def standings(session: Session, obligation_ids: Collection[UUID]) -> Mapping[UUID, Standing]:
    """Return where each of the obligations stands in the ledger."""
    rows = session.execute(
        select(
            LedgerEntryRow.obligation_id,
            LedgerEntryRow.account,
            func.sum(LedgerEntryRow.amount_minor),
        )
        .where(LedgerEntryRow.obligation_id.in_(obligation_ids))
        .group_by(LedgerEntryRow.obligation_id, LedgerEntryRow.account)
    )
    sums = {(obligation_id, account): int(total) for obligation_id, account, total in rows}
    return {
        obligation_id: Standing(
            charged_minor=-sums.get((obligation_id, Account.CHARGES), 0),
            relieved_minor=sum(sums.get((obligation_id, one), 0) for one in RELIEF_ACCOUNTS),
            outstanding_minor=sums.get((obligation_id, Account.RECEIVABLE), 0),
        )
        for obligation_id in obligation_ids
    }


def _insert_transaction(
    session: Session, actor: Actor, book: Book, occasion: Occasion, now: datetime
) -> UUID | None:
    row = LedgerTransactionRow
    last = select(func.max(row.number)).where(row.supervisee_id == book.supervisee_id)
    statement = (
        insert_once(session, row)
        .values(
            id=new_id(now),
            agency_id=book.agency_id,
            supervisee_id=book.supervisee_id,
            number=(session.scalar(last) or 0) + 1,
            kind=occasion.kind,
            source=occasion.source,
            external_id=occasion.external_id,
            about_id=occasion.about_id,
            booked_on=book.today,
            recorded_at=now,
            actor_kind=actor.kind,
            actor_id=actor.id,
            received_on=occasion.received_on,
            method=occasion.method,
            note=occasion.note,
            authority=occasion.authority,
            document=occasion.document,
        )
        .on_conflict_do_nothing(index_elements=[row.agency_id, row.source, row.external_id])
        .returning(row.id)
    )
    return session.scalar(statement)


def _debts(session: Session, book: Book, currency: str) -> list[Debt]:
    rows = session.scalars(
        select(ObligationRow).where(
            ObligationRow.supervisee_id == book.supervisee_id, ObligationRow.currency == currency
        )
    ).all()
    standing = standings(session, [row.id for row in rows])
    return [
        Debt(
            obligation_id=row.id,
            kind=row.kind,
            due_on=row.due_on,
            charged_minor=standing[row.id].payable_minor,
            outstanding_minor=standing[row.id].outstanding_minor,
        )
        for row in rows
    ]


def _credit(session: Session, book: Book, currency: str) -> int:
    total = session.scalar(
        select(func.sum(LedgerEntryRow.amount_minor)).where(
            LedgerEntryRow.supervisee_id == book.supervisee_id,
            LedgerEntryRow.account == Account.CREDIT,
            LedgerEntryRow.currency == currency,
        )
    )
    return -int(total or 0)
