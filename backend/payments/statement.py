"""A person's account: what is owed today, and how it came to be. Computed, never stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.identity import service as identity
from backend.identity.service import Supervisee
from backend.payments.kinds import Authority
from backend.payments.ledger import RELIEF_ACCOUNTS, Account, TransactionKind
from backend.payments.models import LedgerEntryRow, LedgerTransactionRow, ObligationRow
from backend.payments.owed import unpaid_obligations
from backend.payments.reach import themselves
from backend.payments.recurrence import today_in
from backend.payments.values import (
    Balance,
    CurrencyBalance,
    CurrencySum,
    Obligation,
    Statement,
    StatementDocument,
    StatementLine,
)

USUAL_DAYS: Final = timedelta(days=92)
MOST_DAYS: Final = timedelta(days=366)
_CHARGED: Final = RELIEF_ACCOUNTS | {Account.CHARGES}
_PERSONS_SIDE: Final = (Account.RECEIVABLE, Account.CREDIT)
"""The accounts whose sum is what a person owes, less what they have to their credit."""


def balance(session: Session, actor: Actor, supervisee_id: UUID, *, now: datetime) -> Balance:
    """Return what a person owes today. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    return _balance(session, identity.get_supervisee(session, actor, supervisee_id), now)


def own_balance(session: Session, actor: Actor, *, now: datetime) -> Balance:
    """Return what the supervised person who asks owes today. Raises NOT_FOUND for others."""
    return _balance(session, themselves(session, actor), now)


def statement(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    *,
    since: date | None = None,
    until: date | None = None,
    now: datetime,
) -> Statement:
    """Return the person's account over `[since, until)`, by default the 92 days up to today.

    A closed period never changes: what is learned later is booked later. Raises FORBIDDEN,
    NOT_FOUND, INVALID_REQUEST for an empty period or one of more than 366 days.
    """
    actor.require(Permission.PAYMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    return _statement(session, person, since, until, now)


def own_statement(
    session: Session,
    actor: Actor,
    *,
    since: date | None = None,
    until: date | None = None,
    now: datetime,
) -> Statement:
    """Return the account of the supervised person who asks. As `statement` otherwise."""
    return _statement(session, themselves(session, actor), since, until, now)


def statement_document(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    *,
    since: date | None = None,
    until: date | None = None,
    now: datetime,
) -> StatementDocument:
    """Return the person's account as it is printed, in their language. As `statement` otherwise."""
    actor.require(Permission.PAYMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    return _document(session, person, since, until, now)


def own_statement_document(
    session: Session,
    actor: Actor,
    *,
    since: date | None = None,
    until: date | None = None,
    now: datetime,
) -> StatementDocument:
    """Return the account of the supervised person who asks, as it is printed."""
    return _document(session, themselves(session, actor), since, until, now)


def _document(
    session: Session, person: Supervisee, since: date | None, until: date | None, now: datetime
) -> StatementDocument:
    agency = identity.get_agency(session, person.agency_id)
    return StatementDocument(
        statement=_statement(session, person, since, until, now),
        person_name=f"{person.given_name} {person.family_name}",
        agency_name=agency.name,
        contact=f"{agency.contact_phone}, {agency.contact_email}",
        language=person.language,
        issued_on=today_in(agency.zone, now),
    )


def _statement(
    session: Session, person: Supervisee, since: date | None, until: date | None, now: datetime
) -> Statement:
    today = today_in(identity.get_agency(session, person.agency_id).zone, now)
    until = until or today + timedelta(days=1)
    since = since or until - USUAL_DAYS
    if not timedelta() < until - since <= MOST_DAYS:
        raise Problem(Code.INVALID_REQUEST, "A period has 1 to 366 days.", pointer="?until")
    opening = _sums_before(session, person.id, since)
    lines = _lines(session, person.id, since, until, opening)
    closing = dict(opening) | {line.currency: line.balance_minor for line in lines}
    return Statement(
        since=since, until=until, opening=_as_list(opening), lines=lines, closing=_as_list(closing)
    )


def _balance(session: Session, person: Supervisee, now: datetime) -> Balance:
    today = today_in(identity.get_agency(session, person.agency_id).zone, now)
    unpaid = unpaid_obligations(session, person.id, today)
    sums = _sums_by_account(session, person.id)
    currencies = sorted({currency for currency, _ in sums})
    return Balance(
        as_of=today,
        currencies=[_in_currency(currency, sums, unpaid) for currency in currencies],
        unpaid=unpaid,
    )


def _sums_by_account(session: Session, supervisee_id: UUID) -> Mapping[tuple[str, Account], int]:
    rows = session.execute(
        select(
            LedgerEntryRow.currency,
            LedgerEntryRow.account,
            func.sum(LedgerEntryRow.amount_minor),
        )
        .where(LedgerEntryRow.supervisee_id == supervisee_id)
        .group_by(LedgerEntryRow.currency, LedgerEntryRow.account)
    )
    return {(currency, account): int(total) for currency, account, total in rows}


def _in_currency(
    currency: str, sums: Mapping[tuple[str, Account], int], unpaid: Sequence[Obligation]
) -> CurrencyBalance:
    outstanding = sums.get((currency, Account.RECEIVABLE), 0)
    credit = -sums.get((currency, Account.CREDIT), 0)
    overdue = sum(
        obligation.overdue_minor for obligation in unpaid if obligation.currency == currency
    )
    return CurrencyBalance(
        currency=currency,
        charged_minor=-sum(sums.get((currency, one), 0) for one in _CHARGED),
        paid_minor=sums.get((currency, Account.CASH), 0),
        outstanding_minor=outstanding,
        overdue_minor=overdue,
        credit_minor=credit,
        balance_minor=outstanding - credit,
        pending_minor=sums.get((currency, Account.IN_TRANSIT), 0),
    )


def _sums_before(session: Session, supervisee_id: UUID, day: date) -> Mapping[str, int]:
    rows = session.execute(
        select(LedgerEntryRow.currency, func.sum(LedgerEntryRow.amount_minor))
        .join(LedgerTransactionRow, LedgerTransactionRow.id == LedgerEntryRow.transaction_id)
        .where(
            LedgerTransactionRow.supervisee_id == supervisee_id,
            LedgerTransactionRow.booked_on < day,
            LedgerEntryRow.account.in_(_PERSONS_SIDE),
        )
        .group_by(LedgerEntryRow.currency)
    )
    return {currency: int(total) for currency, total in rows}


def _lines(
    session: Session, supervisee_id: UUID, since: date, until: date, opening: Mapping[str, int]
) -> list[StatementLine]:
    changes = session.execute(_changes(supervisee_id, since, until)).all()
    charged = _obligations_charged(session, [row for row, *_ in changes])
    running = dict(opening)
    lines = []
    for row, about_number, currency, amount in changes:
        running[currency] = running.get(currency, 0) + int(amount)
        obligation = charged.get(row.external_id)
        lines.append(
            StatementLine(
                number=row.number,
                booked_on=row.booked_on,
                kind=row.kind,
                amount_minor=int(amount),
                currency=currency,
                balance_minor=running[currency],
                obligation_kind=obligation.kind if obligation else None,
                reference=obligation.reference if obligation else row.document,
                receipt_number=row.external_id if row.kind is TransactionKind.PAYMENT else None,
                about_number=about_number,
                note=row.note,
                authority=Authority(obligation.basis.value) if obligation else row.authority,
            )
        )
    return lines


def _changes(
    supervisee_id: UUID, since: date, until: date
) -> Select[LedgerTransactionRow, int | None, str, int]:
    """Select the transactions that changed what is owed: an allocation only moves it."""
    about = aliased(LedgerTransactionRow)
    amount = func.sum(LedgerEntryRow.amount_minor)
    return (
        select(LedgerTransactionRow, about.number, LedgerEntryRow.currency, amount)
        .join(LedgerEntryRow, LedgerEntryRow.transaction_id == LedgerTransactionRow.id)
        .outerjoin(about, about.id == LedgerTransactionRow.about_id)
        .where(
            LedgerTransactionRow.supervisee_id == supervisee_id,
            LedgerTransactionRow.booked_on >= since,
            LedgerTransactionRow.booked_on < until,
            LedgerEntryRow.account.in_(_PERSONS_SIDE),
        )
        .group_by(LedgerTransactionRow.id, about.number, LedgerEntryRow.currency)
        .having(amount != 0)
        .order_by(LedgerTransactionRow.number, LedgerEntryRow.currency)
    )


def _obligations_charged(
    session: Session, rows: Sequence[LedgerTransactionRow]
) -> Mapping[str, ObligationRow]:
    """Return the obligation of each charge among `rows`, by the charge's external id."""
    ids = [UUID(row.external_id) for row in rows if row.kind is TransactionKind.CHARGE]
    found = session.scalars(select(ObligationRow).where(ObligationRow.id.in_(ids)))
    return {str(obligation.id): obligation for obligation in found}


def _as_list(sums: Mapping[str, int]) -> list[CurrencySum]:
    return [CurrencySum(currency=key, balance_minor=sums[key]) for key in sorted(sums)]
