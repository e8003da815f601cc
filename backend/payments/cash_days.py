"""Cash at the counter under dual control: whoever took it counts, and somebody else counts again.

1. cash shows in the day of the officer who took it; a closed day takes none
2. closed, a day is what the ledger says and what was counted; it may be counted again
3. a second officer confirms it with a count of their own, or names nothing but that it differs
4. what is missing or too much goes to an account of its own, by authority and document
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Final
from uuid import UUID

from sqlalchemy import Select, func, select

from backend.audit import service as audit
from backend.conditions.two_persons import deciding_officer
from backend.core.actor import Actor, Permission
from backend.core.db import Session, insert_once
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.payments import ledger
from backend.payments.book import Book
from backend.payments.cash_models import CashDayRow, CashMovementRow
from backend.payments.kinds import Basis, Method
from backend.payments.ledger import Account, TransactionKind
from backend.payments.models import LedgerEntryRow
from backend.payments.recurrence import today_in
from backend.payments.suspense import Unidentified, post
from backend.payments.values import Source

_ONE_DAY: Final = timedelta(days=1)


class CashDayState(Enum):
    """How far a day's cash has come."""

    OPEN = "open"
    CLOSED = "closed"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CashDay:
    """The cash of one currency that an officer took on a day.

    `expected_minor` is what the ledger says, up to now or to when it was closed. Counted and
    different by, who closed and who confirmed it are None before that. `authority` and `document`
    belong to a difference.
    """

    id: UUID
    officer_id: UUID
    day: date
    currency: str
    state: CashDayState
    expected_minor: int
    counted_minor: int | None
    difference_minor: int | None
    note: str
    closed_by: UUID | None
    closed_at: datetime | None
    confirmed_by: UUID | None
    confirmed_at: datetime | None
    authority: Basis | None
    document: str | None


def take_cash(
    session: Session, book: Book, officer_id: UUID, currency: str, now: datetime
) -> CashDayRow:
    """Return the officer's day for cash that comes in now, locked. Raises CASH_DAY_CLOSED."""
    row = _day(session, book.agency_id, officer_id, book.today, currency, now)
    if row.closed_at is not None:  # 1
        raise Problem(
            Code.CASH_DAY_CLOSED, "Your cash of today is counted and closed: take it tomorrow."
        )
    return row


def note_movement(session: Session, row: CashDayRow, transaction_id: UUID) -> None:
    """Let a transaction show in a day's cash."""
    session.add(CashMovementRow(transaction_id=transaction_id, cash_day_id=row.id))


def take_back(
    session: Session, book: Book, payment_id: UUID, reversal_id: UUID, now: datetime
) -> None:
    """Take a payment that was reversed out of the cash of the officer who took it.

    Of the day on which it was taken while that is open; else of the first from today on that is.
    """
    row = session.scalar(
        select(CashDayRow)
        .join(CashMovementRow, CashMovementRow.cash_day_id == CashDayRow.id)
        .where(CashMovementRow.transaction_id == payment_id)
        .with_for_update(of=CashDayRow)
        .execution_options(populate_existing=True)
    )
    if row is None:  # no cash, or of before days were closed
        return
    officer_id, currency, on = row.officer_id, row.currency, book.today
    while row.closed_at is not None:
        row = _day(session, book.agency_id, officer_id, on, currency, now)
        on += _ONE_DAY
    note_movement(session, row, reversal_id)


def close_cash_day(
    session: Session,
    actor: Actor,
    cash_day_id: UUID,
    *,
    counted_minor: int,
    note: str,
    now: datetime,
) -> CashDay:
    """Return the day, counted and closed; until it is confirmed it may be counted again. Audited.

    Another officer's day is closed by whoever may approve. Raises FORBIDDEN, NOT_FOUND,
    ILLEGAL_TRANSITION when it was confirmed.
    """
    actor.require(Permission.PAYMENT_RECORD)
    officer_id = deciding_officer(actor)
    row = _hold(session, actor, cash_day_id)
    if row.officer_id != officer_id:
        actor.require(Permission.PAYMENT_APPROVE)
    if row.confirmed_at is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "This day has been confirmed already.")
    row.expected_minor, row.counted_minor = _expected(session, row.id), counted_minor  # 2
    row.closed_by, row.closed_at, row.note = officer_id, now, note
    details = {"expected_minor": row.expected_minor, "counted_minor": counted_minor}
    _record(session, actor, audit.Act.CASH_DAY_CLOSED, row, now, details)
    return _value(session, row)


def confirm_cash_day(
    session: Session,
    actor: Actor,
    cash_day_id: UUID,
    *,
    counted_minor: int,
    authority: Basis | None,
    document: str | None,
    now: datetime,
) -> CashDay:
    """Return the day, confirmed by a second officer's own count; a difference is booked. Audited.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION when it is open or was confirmed,
    SECOND_PERSON_REQUIRED, COUNT_DIFFERS, INVALID_REQUEST for a difference without authority and
    document, or these without one.
    """
    actor.require(Permission.PAYMENT_APPROVE)
    officer_id = deciding_officer(actor)
    row = _hold(session, actor, cash_day_id)
    if row.counted_minor is None or row.expected_minor is None or row.confirmed_at is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "There is nothing to confirm.")
    if officer_id in {row.officer_id, row.closed_by}:  # 3
        raise Problem(
            Code.SECOND_PERSON_REQUIRED, "Who took or counted it cannot confirm: ask another."
        )
    if counted_minor != row.counted_minor:
        raise Problem(Code.COUNT_DIFFERS, "Count again together, then close the day anew.")
    difference = row.counted_minor - row.expected_minor
    _require_authority(difference, authority, document)
    row.confirmed_by, row.confirmed_at = officer_id, now
    row.authority, row.document = authority, document
    if difference:  # 4
        _book_difference(session, actor, row, difference, now)
    _record(session, actor, audit.Act.CASH_DAY_CONFIRMED, row, now, {"difference": difference})
    return _value(session, row)


def cash_day(session: Session, actor: Actor, cash_day_id: UUID) -> CashDay:
    """Return one day of the agency's cash. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    row = session.scalar(_visible(actor).where(CashDayRow.id == cash_day_id))
    if row is None:
        raise not_found()
    return _value(session, row)


def cash_days(
    session: Session,
    actor: Actor,
    *,
    unconfirmed: bool,
    overdue: bool,
    cursor: Cursor,
    now: datetime,
) -> Page[CashDay]:
    """Return a page of the agency's cash days, newest first. Raises FORBIDDEN.

    `unconfirmed`: those that nobody has confirmed; `overdue`: of these, those older than a day.
    """
    actor.require(Permission.PAYMENT_READ)
    found = _visible(actor)
    if unconfirmed or overdue:
        found = found.where(CashDayRow.confirmed_at.is_(None))
    if overdue:
        today = today_in(identity.get_agency(session, actor.agency).zone, now)
        found = found.where(CashDayRow.day < today - _ONE_DAY)
    page: Page[CashDayRow] = fetch_page(session, found, CashDayRow.id, cursor)
    return Page(items=[_value(session, row) for row in page.items], next=page.next)


def _visible(actor: Actor) -> Select[CashDayRow]:
    theirs = select(CashDayRow).where(CashDayRow.agency_id == actor.agency)
    return theirs.where(CashDayRow.officer_id == actor.id) if actor.own_only else theirs


def _hold(session: Session, actor: Actor, cash_day_id: UUID) -> CashDayRow:
    """Return the day as it is now, which nobody else changes meanwhile. Raises NOT_FOUND."""
    row = session.scalar(
        _visible(actor)
        .where(CashDayRow.id == cash_day_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise not_found()
    return row


def _day(
    session: Session, agency_id: UUID, officer_id: UUID, on: date, currency: str, now: datetime
) -> CashDayRow:
    """Return an officer's day, begun if it is not there yet, and locked."""
    new = insert_once(session, CashDayRow).values(
        id=new_id(now),
        agency_id=agency_id,
        officer_id=officer_id,
        day=on,
        currency=currency,
        opened_at=now,
        note="",
    )
    session.execute(new.on_conflict_do_nothing())
    return session.scalars(
        select(CashDayRow)
        .where(
            CashDayRow.officer_id == officer_id,
            CashDayRow.day == on,
            CashDayRow.currency == currency,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _expected(session: Session, cash_day_id: UUID) -> int:
    total = session.scalar(
        select(func.sum(LedgerEntryRow.amount_minor))
        .join(CashMovementRow, CashMovementRow.transaction_id == LedgerEntryRow.transaction_id)
        .where(CashMovementRow.cash_day_id == cash_day_id, LedgerEntryRow.account == Account.CASH)
    )
    return int(total or 0)


def _require_authority(difference: int, authority: Basis | None, document: str | None) -> None:
    for name, value in (("authority", authority), ("document", document)):
        if (value is not None) is not bool(difference):
            detail = "A difference has an authority and a document, and nothing else has."
            raise Problem(Code.INVALID_REQUEST, detail, pointer=f"/{name}")


def _book_difference(
    session: Session, actor: Actor, row: CashDayRow, difference: int, now: datetime
) -> None:
    kind = TransactionKind.OVERAGE if difference > 0 else TransactionKind.SHORTAGE
    money = Unidentified(
        amount_minor=abs(difference),
        currency=row.currency,
        received_on=row.day,
        method=Method.CASH,
        source=Source.COUNTER,
        external_id=str(row.id),
        note=row.document or "",
    )
    entries = ledger.difference(kind, money.amount_minor, money.currency)
    if post(session, actor, row.agency_id, kind, money, entries, now) is None:
        raise LookupError("a difference was booked before it was confirmed")


def _record(
    session: Session,
    actor: Actor,
    act: audit.Act,
    row: CashDayRow,
    now: datetime,
    details: dict[str, int],
) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("cash-day", row.id),
        agency_id=row.agency_id,
        now=now,
        details=details,
    )


def _value(session: Session, row: CashDayRow) -> CashDay:
    expected = _expected(session, row.id) if row.expected_minor is None else row.expected_minor
    return CashDay(
        id=row.id,
        officer_id=row.officer_id,
        day=row.day,
        currency=row.currency,
        state=_state(row),
        expected_minor=expected,
        counted_minor=row.counted_minor,
        difference_minor=None if row.counted_minor is None else row.counted_minor - expected,
        note=row.note,
        closed_by=row.closed_by,
        closed_at=row.closed_at,
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
        authority=row.authority,
        document=row.document,
    )


def _state(row: CashDayRow) -> CashDayState:
    if row.confirmed_at is not None:
        return CashDayState.CONFIRMED
    return CashDayState.OPEN if row.closed_at is None else CashDayState.CLOSED
