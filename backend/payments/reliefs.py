"""Waivers, reductions and conversions: proposed by one officer, made true by a second.

1. what is proposed names its authority and document, and is no more than there is to relieve
2. the approver is not the author, and nothing was decided before
3. approved, it is a transaction of the ledger; withdrawn after that, the transaction is reversed
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from backend.audit.service import Act
from backend.conditions.two_persons import deciding_officer
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.payments import ledger
from backend.payments.book import Book, Occasion, allocate, post, reverse, standings, transaction_of
from backend.payments.decisions import About, tell_decision, tell_end
from backend.payments.kinds import Authority, Basis
from backend.payments.ledger import TransactionKind
from backend.payments.models import ObligationRow, ReliefRow
from backend.payments.reach import find, hold, record
from backend.payments.values import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefTerms:
    """What shall be owed less, and why. `service_hours` belong to a conversion alone."""

    kind: TransactionKind
    amount_minor: int
    authority: Basis
    document: str
    reason: str
    service_hours: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief(ReliefTerms):
    """A relief, proposed or made."""

    id: UUID
    supervisee_id: UUID
    obligation_id: UUID
    author_id: UUID
    created_at: datetime
    approver_id: UUID | None
    approved_at: datetime | None
    withdrawn_by: UUID | None
    withdrawn_at: datetime | None
    withdrawal_reason: str | None


def propose_relief(
    session: Session, actor: Actor, obligation_id: UUID, terms: ReliefTerms, *, now: datetime
) -> Relief:
    """Write a proposal down and return it; nothing is owed less yet. Audited.

    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST for more than there is to relieve.
    """
    actor.require(Permission.PAYMENT_RECORD)
    author_id = deciding_officer(actor)
    owed, book = hold(session, actor, ObligationRow, obligation_id, now)
    if terms.amount_minor > _most(session, owed.id, terms.kind):  # 1
        raise Problem(
            Code.INVALID_REQUEST, "There is not so much to relieve.", pointer="/amount_minor"
        )
    row = ReliefRow(
        id=new_id(now),
        agency_id=book.agency_id,
        supervisee_id=book.supervisee_id,
        obligation_id=owed.id,
        kind=terms.kind,
        amount_minor=terms.amount_minor,
        authority=terms.authority,
        document=terms.document,
        reason=terms.reason,
        service_hours=terms.service_hours,
        author_id=author_id,
        created_at=now,
    )
    session.add(row)
    record(session, actor, Act.RELIEF_PROPOSED, row, "relief", now)
    return _value(row)


def approve_relief(session: Session, actor: Actor, relief_id: UUID, *, now: datetime) -> Relief:
    """Make the relief true as a second officer and return it; audited.

    Raises FORBIDDEN, NOT_FOUND, SECOND_PERSON_REQUIRED, ILLEGAL_TRANSITION when it was decided
    before, or so much is not owed any more.
    """
    actor.require(Permission.PAYMENT_APPROVE)
    approver_id = deciding_officer(actor)
    row, book = hold(session, actor, ReliefRow, relief_id, now)
    if row.approved_at is not None or row.withdrawn_at is not None:  # 2
        raise Problem(Code.ILLEGAL_TRANSITION, "This has been decided already.")
    if row.author_id == approver_id:
        raise Problem(
            Code.SECOND_PERSON_REQUIRED, "Who proposed this cannot approve it: ask another officer."
        )
    if row.amount_minor > _most(session, row.obligation_id, row.kind):
        raise Problem(Code.ILLEGAL_TRANSITION, "There is not so much to relieve any more.")
    row.approver_id, row.approved_at = approver_id, now
    _post(session, actor, book, row, now)  # 3
    record(session, actor, Act.RELIEF_APPROVED, row, "relief", now)
    tell_decision(session, About.RELIEF, row.id, row.supervisee_id, now=now)
    return _value(row)


def withdraw_relief(
    session: Session, actor: Actor, relief_id: UUID, *, reason: str, now: datetime
) -> Relief:
    """Take a proposal back, or reverse what was approved, and return it; audited.

    The person hears of what was approved, and of a proposal that another than its author turned
    down; an author who takes theirs back has told nobody of it. Raises FORBIDDEN, NOT_FOUND,
    ILLEGAL_TRANSITION when it was withdrawn before.
    """
    actor.require(Permission.PAYMENT_RECORD)
    officer_id = deciding_officer(actor)
    row, book = hold(session, actor, ReliefRow, relief_id, now)
    if row.withdrawn_at is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "This has been withdrawn already.")
    if row.approved_at is not None:
        actor.require(Permission.PAYMENT_APPROVE)
    _withdraw(session, actor, book, row, officer_id, reason, now)
    if row.approved_at is not None:
        tell_end(session, About.RELIEF, row.id, row.supervisee_id, now=now)
    elif row.author_id != officer_id:
        tell_decision(session, About.RELIEF, row.id, row.supervisee_id, now=now)
    return _value(row)


def withdraw_reliefs_of(
    session: Session, actor: Actor, book: Book, obligation_id: UUID, reason: str, now: datetime
) -> None:
    """Withdraw every relief of an obligation that is cancelled: there is nothing to relieve."""
    rows = session.scalars(
        select(ReliefRow)
        .where(ReliefRow.obligation_id == obligation_id, ReliefRow.withdrawn_at.is_(None))
        .order_by(ReliefRow.id)
    ).all()
    for row in rows:
        _withdraw(session, actor, book, row, actor.id, reason, now)


def relief(session: Session, actor: Actor, relief_id: UUID) -> Relief:
    """Return one relief. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    return _value(find(session, actor, ReliefRow, relief_id))


def reliefs(session: Session, actor: Actor, supervisee_id: UUID, *, cursor: Cursor) -> Page[Relief]:
    """Return a page of the person's reliefs, newest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    theirs = select(ReliefRow).where(ReliefRow.supervisee_id == person.id)
    page: Page[ReliefRow] = fetch_page(session, theirs, ReliefRow.id, cursor)
    return Page(items=[_value(row) for row in page.items], next=page.next)


def _most(session: Session, obligation_id: UUID, kind: TransactionKind) -> int:
    """Return how much can be relieved: what is unpaid, and by a reduction what was paid too."""
    standing = standings(session, [obligation_id])[obligation_id]
    if kind is TransactionKind.REDUCTION:
        return standing.payable_minor
    return standing.outstanding_minor


def _post(session: Session, actor: Actor, book: Book, row: ReliefRow, now: datetime) -> None:
    currency = session.get_one(ObligationRow, row.obligation_id).currency
    occasion = Occasion(
        kind=row.kind,
        source=Source.RELIEF,
        external_id=str(row.id),
        note=row.reason,
        authority=Authority(row.authority.value),
        document=row.document,
    )
    entries = ledger.relief(row.kind, row.obligation_id, row.amount_minor, currency)
    transaction_id = post(session, actor, book, occasion, entries, now)
    if transaction_id is None:
        raise LookupError("a relief was posted before it was approved")
    allocate(session, actor, book, currency, transaction_id, now)


def _withdraw(
    session: Session,
    actor: Actor,
    book: Book,
    row: ReliefRow,
    officer_id: UUID | None,
    reason: str,
    now: datetime,
) -> None:
    row.withdrawn_by, row.withdrawn_at, row.withdrawal_reason = officer_id, now, reason
    posted = transaction_of(session, book.agency_id, Source.RELIEF, str(row.id))
    if posted is not None:
        reverse(session, actor, book, posted, reason, now)
    record(session, actor, Act.RELIEF_WITHDRAWN, row, "relief", now)


def _value(row: ReliefRow) -> Relief:
    return Relief(
        id=row.id,
        supervisee_id=row.supervisee_id,
        obligation_id=row.obligation_id,
        kind=row.kind,
        amount_minor=row.amount_minor,
        authority=row.authority,
        document=row.document,
        reason=row.reason,
        service_hours=row.service_hours,
        author_id=row.author_id,
        created_at=row.created_at,
        approver_id=row.approver_id,
        approved_at=row.approved_at,
        withdrawn_by=row.withdrawn_by,
        withdrawn_at=row.withdrawn_at,
        withdrawal_reason=row.withdrawal_reason,
    )
