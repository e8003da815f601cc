"""Checks of the agencies' own books: money waits there, and leaves whole, once, for one reason."""

from __future__ import annotations

from typing import Final

from sqlalchemy import and_, exists, func, not_, or_, select

from backend.core.db import table_of
from backend.payments.flaws import Flaw
from backend.payments.ledger import Account, TransactionKind
from backend.payments.models import (
    LedgerEntryRow,
    LedgerTransactionRow,
    SuspenseEntryRow,
    SuspenseTransactionRow,
)
from backend.payments.posting_checks import Check, Query, as_digits
from backend.payments.values import Source

_posted = table_of(SuspenseTransactionRow)
_item = _posted.alias("item")
_lines = table_of(SuspenseEntryRow)
_came = _lines.alias("came")
_payments = table_of(LedgerTransactionRow)
_paid = table_of(LedgerEntryRow)
_OUT: Final = (TransactionKind.CLEARANCE, TransactionKind.RETURN)


def _references() -> Query:
    """Money that left names, alone, what came in before it to the same agency."""
    takes_out = _posted.c.kind.in_(_OUT)
    fits = and_(_item.c.kind == TransactionKind.SUSPENSE, _item.c.agency_id == _posted.c.agency_id)
    return (
        select(_posted.c.agency_id, _posted.c.id)
        .outerjoin_from(_posted, _item, _item.c.id == _posted.c.about_id)
        .where(
            or_(
                and_(not_(takes_out), _posted.c.about_id.is_not(None)),
                and_(takes_out, or_(_item.c.id.is_(None), not_(fits))),
            )
        )
    )


def _taken_twice() -> Query:
    repeated = select(_item.c.about_id).group_by(_item.c.about_id).having(func.count() > 1)
    return select(_posted.c.agency_id, _posted.c.id).where(_posted.c.about_id.in_(repeated))


def _taken_in_part() -> Query:
    """What left is what came in: in amount and currency."""
    is_same = and_(
        _came.c.transaction_id == _posted.c.about_id,
        _came.c.account == Account.CASH,
        _came.c.currency == _lines.c.currency,
        _came.c.amount_minor == -_lines.c.amount_minor,
    )
    return _cash_that_left(*_OUT).where(not_(exists().where(is_same)))


def _cleared_for_nobody() -> Query:
    """What was cleared is a payment of the same money in a book of the same agency."""
    is_payment = and_(
        _payments.c.agency_id == _posted.c.agency_id,
        _payments.c.source == Source.SUSPENSE,
        as_digits(_payments.c.external_id) == as_digits(_posted.c.about_id),
        _paid.c.transaction_id == _payments.c.id,
        _paid.c.account == Account.CASH,
        _paid.c.currency == _lines.c.currency,
        _paid.c.amount_minor == -_lines.c.amount_minor,
    )
    return _cash_that_left(TransactionKind.CLEARANCE).where(not_(exists().where(is_payment)))


def _cash_that_left(*kinds: TransactionKind) -> Query:
    """Select the transactions of some kinds by which money left, each with its entry of cash."""
    return (
        select(_posted.c.agency_id, _posted.c.id)
        .join_from(_posted, _lines, _lines.c.transaction_id == _posted.c.id)
        .where(_posted.c.kind.in_(kinds), _lines.c.account == Account.CASH)
    )


CHECKS: Final[tuple[Check, ...]] = (
    (Flaw.REFERENCE, _references()),
    (Flaw.TWICE, _taken_twice()),
    (Flaw.SUSPENSE, _taken_in_part()),
    (Flaw.SUSPENSE, _cleared_for_nobody()),
)
