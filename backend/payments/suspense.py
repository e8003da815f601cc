"""Money of which nobody knows whose it is: it waits in the agency's own book.

It leaves that book whole and once: for a person's book, as their payment, or back to the sender.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import insert, select

from backend.audit import service as audit
from backend.core.actor import Actor, Permission
from backend.core.db import Session, insert_once
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.payments import ledger
from backend.payments.book import Book
from backend.payments.bookings import Incoming, book_payment
from backend.payments.kinds import Method
from backend.payments.ledger import Account, Entries, TransactionKind
from backend.payments.models import SuspenseEntryRow, SuspenseTransactionRow
from backend.payments.recurrence import today_in
from backend.payments.values import Payment, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Unidentified:
    """Money that came from somebody unknown. `note` is what the sender wrote."""

    amount_minor: int
    currency: str
    received_on: date
    method: Method
    source: Source
    external_id: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspenseItem(Unidentified):
    """Money that waits, or waited: `cleared_by` is the transaction that took it out."""

    id: UUID
    agency_id: UUID
    recorded_at: datetime
    cleared_by: UUID | None
    cleared_as: TransactionKind | None


def book_suspense(
    session: Session, actor: Actor, agency_id: UUID, money: Unidentified, *, now: datetime
) -> SuspenseItem:
    """Return the item, booked now or, if the same was told before, then. Audited.

    Raises FORBIDDEN, NOT_FOUND for another agency, ALREADY_EXISTS when the external id stands for
    other money.
    """
    actor.require(Permission.PAYMENT_RECORD)
    if actor.agency_id not in {None, agency_id}:
        raise not_found()
    entries = ledger.suspense(money.amount_minor, money.currency)
    item_id = post(session, actor, agency_id, TransactionKind.SUSPENSE, money, entries, now)
    if item_id is None:
        return _told_before(session, agency_id, money)
    _record(session, actor, audit.Act.SUSPENSE_BOOKED, agency_id, item_id, now)
    return _value(session, session.get_one(SuspenseTransactionRow, item_id))


def clear_suspense(
    session: Session, actor: Actor, item_id: UUID, supervisee_id: UUID, *, note: str, now: datetime
) -> Payment:
    """Return the payment that the money is, now that its owner is known. Audited.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION when it was cleared or returned before.
    """
    item = _waiting(session, actor, item_id)
    person = identity.get_supervisee(session, actor, supervisee_id)
    if person.agency_id != item.agency_id:
        raise not_found()
    _take_out(session, actor, item, TransactionKind.CLEARANCE, now)
    paid = Incoming(
        supervisee_id=person.id,
        amount_minor=item.amount_minor,
        currency=item.currency,
        received_on=item.received_on,
        method=item.method,
        source=Source.SUSPENSE,
        external_id=str(item.id),
        note=note,
    )
    _record(session, actor, audit.Act.SUSPENSE_CLEARED, item.agency_id, item.id, now)
    return book_payment(session, actor, paid, now=now)


def return_suspense(
    session: Session, actor: Actor, item_id: UUID, *, now: datetime
) -> SuspenseItem:
    """Return the item, which went back to its sender. Audited. Raises as `clear_suspense`."""
    item = _waiting(session, actor, item_id)
    _take_out(session, actor, item, TransactionKind.RETURN, now)
    _record(session, actor, audit.Act.SUSPENSE_RETURNED, item.agency_id, item.id, now)
    return _value(session, session.get_one(SuspenseTransactionRow, item.id))


def put_back(session: Session, actor: Actor, book: Book, payment: Payment, now: datetime) -> None:
    """Book money in suspense again that turned out not to be of the person it was cleared for."""
    money = Unidentified(
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        received_on=payment.received_on,
        method=payment.method,
        source=Source.REVERSAL,
        external_id=str(payment.id),
    )
    book_suspense(session, actor, book.agency_id, money, now=now)


def suspense_items(
    session: Session, actor: Actor, *, waiting: bool, cursor: Cursor
) -> Page[SuspenseItem]:
    """Return a page of the agency's suspense, newest first; `waiting`: what is in it still.

    Raises FORBIDDEN.
    """
    actor.require(Permission.PAYMENT_READ)
    row = SuspenseTransactionRow
    items = select(row).where(row.agency_id == actor.agency, row.kind == TransactionKind.SUSPENSE)
    if waiting:
        out = select(row.about_id).where(row.about_id.is_not(None))
        items = items.where(row.id.not_in(out))
    page: Page[SuspenseTransactionRow] = fetch_page(session, items, row.id, cursor)
    return Page(items=[_value(session, found) for found in page.items], next=page.next)


def _waiting(session: Session, actor: Actor, item_id: UUID) -> SuspenseItem:
    actor.require(Permission.PAYMENT_RECORD)
    row = session.get(SuspenseTransactionRow, item_id)
    is_theirs = row is not None and actor.agency_id in {None, row.agency_id}
    if row is None or not is_theirs or row.kind is not TransactionKind.SUSPENSE:
        raise not_found()
    return _value(session, row)


def _take_out(
    session: Session, actor: Actor, item: SuspenseItem, kind: TransactionKind, now: datetime
) -> None:
    out = Unidentified(
        amount_minor=item.amount_minor,
        currency=item.currency,
        received_on=item.received_on,
        method=item.method,
        source=Source.SUSPENSE,
        external_id=str(item.id),
    )
    entries = ledger.clearance(item.amount_minor, item.currency)
    done = post(session, actor, item.agency_id, kind, out, entries, now, about_id=item.id)
    if done is None:
        raise Problem(Code.ILLEGAL_TRANSITION, "This money has left suspense already.")


def post(
    session: Session,
    actor: Actor,
    agency_id: UUID,
    kind: TransactionKind,
    money: Unidentified,
    entries: Entries,
    now: datetime,
    *,
    about_id: UUID | None = None,
) -> UUID | None:
    """Return the transaction in the agency's own book; None if its occasion was booked before."""
    ledger.check(entries)
    row = SuspenseTransactionRow
    transaction_id = session.scalar(
        insert_once(session, row)
        .values(
            id=new_id(now),
            agency_id=agency_id,
            kind=kind,
            source=money.source,
            external_id=money.external_id,
            about_id=about_id,
            booked_on=today_in(identity.get_agency(session, agency_id).zone, now),
            recorded_at=now,
            actor_kind=actor.kind,
            actor_id=actor.id,
            received_on=money.received_on,
            method=money.method,
            note=money.note,
        )
        .on_conflict_do_nothing(index_elements=[row.agency_id, row.source, row.external_id])
        .returning(row.id)
    )
    if transaction_id is not None:
        session.execute(insert(SuspenseEntryRow), _lines(transaction_id, agency_id, entries))
    return transaction_id


def _lines(transaction_id: UUID, agency_id: UUID, entries: Entries) -> list[dict[str, object]]:
    return [
        {
            "transaction_id": transaction_id,
            "line": line,
            "agency_id": agency_id,
            "account": entry.account,
            "amount_minor": entry.amount_minor,
            "currency": entry.currency,
        }
        for line, entry in enumerate(entries, start=1)
    ]


def _told_before(session: Session, agency_id: UUID, money: Unidentified) -> SuspenseItem:
    row = session.scalars(
        select(SuspenseTransactionRow).where(
            SuspenseTransactionRow.agency_id == agency_id,
            SuspenseTransactionRow.source == money.source,
            SuspenseTransactionRow.external_id == money.external_id,
        )
    ).one()
    item = _value(session, row)
    if (item.amount_minor, item.currency) != (money.amount_minor, money.currency):
        raise Problem(Code.ALREADY_EXISTS, "This number stands for other money.")
    return item


def _value(session: Session, row: SuspenseTransactionRow) -> SuspenseItem:
    cash = session.scalars(
        select(SuspenseEntryRow).where(
            SuspenseEntryRow.transaction_id == row.id, SuspenseEntryRow.account == Account.CASH
        )
    ).one()
    out = session.scalar(
        select(SuspenseTransactionRow).where(SuspenseTransactionRow.about_id == row.id)
    )
    return SuspenseItem(
        id=row.id,
        agency_id=row.agency_id,
        amount_minor=cash.amount_minor,
        currency=cash.currency,
        received_on=row.received_on,
        method=row.method,
        source=row.source,
        external_id=row.external_id,
        note=row.note,
        recorded_at=row.recorded_at,
        cleared_by=out.id if out else None,
        cleared_as=out.kind if out else None,
    )


def _record(
    session: Session, actor: Actor, act: audit.Act, agency_id: UUID, item_id: UUID, now: datetime
) -> None:
    audit.record(session, actor, act, subject=("suspense", item_id), agency_id=agency_id, now=now)
