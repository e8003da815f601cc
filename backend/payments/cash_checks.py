"""Checks of the counter: receipts without holes, and days whose cash is what the ledger says."""

from __future__ import annotations

from typing import Final

from sqlalchemy import and_, case, exists, func, not_, or_, select

from backend.core.db import table_of
from backend.payments.cash_models import CashDayRow, CashMovementRow, ReceiptRow
from backend.payments.flaws import Flaw
from backend.payments.kinds import Method
from backend.payments.ledger import Account, TransactionKind
from backend.payments.models import (
    LedgerEntryRow,
    LedgerTransactionRow,
    SuspenseEntryRow,
    SuspenseTransactionRow,
)
from backend.payments.posting_checks import Check, Query, as_digits, misnumbered
from backend.payments.values import Source

_receipts = table_of(ReceiptRow)
_days = table_of(CashDayRow)
_moves = table_of(CashMovementRow)
_posted = table_of(LedgerTransactionRow)
_taken = _posted.alias("taken")
_lines = table_of(LedgerEntryRow)
_own = table_of(SuspenseTransactionRow)
_own_lines = table_of(SuspenseEntryRow)
_BESIDE: Final = (TransactionKind.OVERAGE, TransactionKind.SHORTAGE)
_is_counter_payment = and_(
    _posted.c.kind == TransactionKind.PAYMENT, _posted.c.source == Source.COUNTER
)
_difference = _days.c.counted_minor - _days.c.expected_minor


def _without_receipt() -> Query:
    has_one = exists().where(
        _receipts.c.payment_id == _posted.c.id, _receipts.c.agency_id == _posted.c.agency_id
    )
    return select(_posted.c.agency_id, _posted.c.id).where(_is_counter_payment, not_(has_one))


def _receipts_of_nothing() -> Query:
    is_there = exists().where(_posted.c.id == _receipts.c.payment_id, _is_counter_payment)
    return select(_receipts.c.agency_id, _receipts.c.payment_id).where(not_(is_there))


def _cash_of_no_day() -> Query:
    """Since days are kept at all, every payment in cash shows in one of its officer."""
    shows = exists().where(
        _moves.c.transaction_id == _posted.c.id,
        _days.c.id == _moves.c.cash_day_id,
        _days.c.agency_id == _posted.c.agency_id,
        _days.c.officer_id == _posted.c.actor_id,
    )
    first = (
        select(func.min(_receipts.c.number))
        .join_from(_receipts, _moves, _moves.c.transaction_id == _receipts.c.payment_id)
        .where(_receipts.c.agency_id == _posted.c.agency_id)
        .correlate(_posted)
        .scalar_subquery()
    )
    return (
        select(_posted.c.agency_id, _posted.c.id)
        .join_from(_posted, _receipts, _receipts.c.payment_id == _posted.c.id)
        .where(
            _is_counter_payment,
            _posted.c.method == Method.CASH,
            _receipts.c.number >= first,
            not_(shows),
        )
    )


def _reversal_of_no_day() -> Query:
    """What was taken out again of a payment that shows in a day shows in one of that officer."""
    taken, given = _moves.alias("taken"), _moves.alias("given")
    taken_on, given_on = _days.alias("taken_on"), _days.alias("given_on")
    shows = exists().where(
        given.c.transaction_id == _posted.c.id,
        given_on.c.id == given.c.cash_day_id,
        given_on.c.officer_id == taken_on.c.officer_id,
        given_on.c.currency == taken_on.c.currency,
    )
    return (
        select(_posted.c.agency_id, _posted.c.id)
        .join_from(_posted, taken, taken.c.transaction_id == _posted.c.about_id)
        .join(taken_on, taken_on.c.id == taken.c.cash_day_id)
        .where(_posted.c.kind == TransactionKind.REVERSAL, not_(shows))
    )


def _strange_movements() -> Query:
    """Nothing but payments in cash and their reversals show in a day, in its currency."""
    paid = case(
        (_posted.c.kind == TransactionKind.REVERSAL, _posted.c.about_id), else_=_posted.c.id
    )
    fits = exists().where(
        _posted.c.id == _moves.c.transaction_id,
        _posted.c.agency_id == _days.c.agency_id,
        _taken.c.id == paid,
        _taken.c.kind == TransactionKind.PAYMENT,
        _taken.c.source == Source.COUNTER,
        _taken.c.method == Method.CASH,
        _lines.c.transaction_id == _posted.c.id,
        _lines.c.account == Account.CASH,
        _lines.c.currency == _days.c.currency,
    )
    return (
        select(_days.c.agency_id, _moves.c.transaction_id)
        .join_from(_moves, _days, _days.c.id == _moves.c.cash_day_id)
        .where(not_(fits))
    )


def _closed_otherwise() -> Query:
    """What was expected of a closed day is what shows in it: nothing came after."""
    shown = (
        select(func.coalesce(func.sum(_lines.c.amount_minor), 0))
        .join_from(_moves, _lines, _lines.c.transaction_id == _moves.c.transaction_id)
        .where(_moves.c.cash_day_id == _days.c.id, _lines.c.account == Account.CASH)
        .correlate(_days)
        .scalar_subquery()
    )
    return select(_days.c.agency_id, _days.c.id).where(
        _days.c.closed_at.is_not(None), _days.c.expected_minor != shown
    )


def _alone() -> Query:
    """Who took the cash or closed the day did not confirm it."""
    return select(_days.c.agency_id, _days.c.id).where(
        or_(_days.c.confirmed_by == _days.c.officer_id, _days.c.confirmed_by == _days.c.closed_by)
    )


def _differences() -> Query:
    """What differs in a confirmed day is booked, and in no other."""
    booked = (
        select(func.coalesce(func.sum(_own_lines.c.amount_minor), 0))
        .join_from(_own, _own_lines, _own_lines.c.transaction_id == _own.c.id)
        .where(
            _own.c.kind.in_(_BESIDE),
            _own.c.source == Source.COUNTER,
            _own.c.agency_id == _days.c.agency_id,
            as_digits(_own.c.external_id) == as_digits(_days.c.id),
            _own_lines.c.account == Account.CASH,
            _own_lines.c.currency == _days.c.currency,
        )
        .correlate(_days)
        .scalar_subquery()
    )
    wanted = case((_days.c.confirmed_at.is_not(None), _difference), else_=0)
    return select(_days.c.agency_id, _days.c.id).where(booked != wanted)


def _differences_of_no_day() -> Query:
    is_of_one = exists().where(as_digits(_days.c.id) == as_digits(_own.c.external_id))
    return select(_own.c.agency_id, _own.c.id).where(_own.c.kind.in_(_BESIDE), not_(is_of_one))


CHECKS: Final[tuple[Check, ...]] = (
    (Flaw.NUMBERS, misnumbered(_receipts.c.agency_id, _receipts.c.number)),
    (Flaw.NUMBERS, _without_receipt()),
    (Flaw.ORPHAN, _receipts_of_nothing()),
    (Flaw.CASH, _cash_of_no_day()),
    (Flaw.CASH, _reversal_of_no_day()),
    (Flaw.CASH, _strange_movements()),
    (Flaw.CASH, _closed_otherwise()),
    (Flaw.CASH, _alone()),
    (Flaw.CASH, _differences()),
    (Flaw.CASH, _differences_of_no_day()),
)
