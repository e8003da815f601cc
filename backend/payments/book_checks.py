"""Checks of people's books: each is a query of `(book, subject)` of what breaks a rule.

That the sums shown as a balance are right follows from all of them: they are computed from these
entries and nothing else.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import and_, case, distinct, exists, func, not_, or_, select
from sqlalchemy.sql.elements import ColumnElement

from backend.core.db import table_of
from backend.payments.flaws import Flaw
from backend.payments.ledger import RELIEF_ACCOUNTS, RELIEVES, REPAYMENTS, Account, TransactionKind
from backend.payments.models import (
    LedgerEntryRow,
    LedgerTransactionRow,
    ObligationRow,
    ReliefRow,
)
from backend.payments.posting_checks import Check, Query, as_digits, misnumbered
from backend.payments.values import Source

_posted = table_of(LedgerTransactionRow)
_about = _posted.alias("about")
_lines = table_of(LedgerEntryRow)
_owed = table_of(ObligationRow)
_relief = table_of(ReliefRow)
_of_posted = _lines.c.transaction_id == _posted.c.id

_CAN_BE_ABOUT: Final = {
    TransactionKind.REFUND: {TransactionKind.PAYMENT},
    TransactionKind.CHARGEBACK: {TransactionKind.PAYMENT},
    TransactionKind.REVERSAL: {
        *(TransactionKind.CHARGE, TransactionKind.PENDING, TransactionKind.PAYMENT),
        *(*REPAYMENTS, *RELIEVES),
    },
    TransactionKind.ALLOCATION: set(TransactionKind)
    - {TransactionKind.ALLOCATION, TransactionKind.PENDING},
}
"""What a transaction is about, by its kind; any other is about none."""


def _mixed_agencies() -> Query:
    book = _posted.c.supervisee_id
    return select(book, book).group_by(book).having(func.count(distinct(_posted.c.agency_id)) > 1)


def _mixed_obligations() -> Query:
    fits = and_(
        _owed.c.supervisee_id == _posted.c.supervisee_id,
        _owed.c.agency_id == _posted.c.agency_id,
        _owed.c.currency == _lines.c.currency,
    )
    return (
        select(_posted.c.supervisee_id, _posted.c.id)
        .join_from(_posted, _lines, _of_posted)
        .outerjoin(_owed, _owed.c.id == _lines.c.obligation_id)
        .where(
            _lines.c.obligation_id.is_not(None),
            or_(_owed.c.id.is_(None), not_(fits)),
        )
    )


def _references() -> Query:
    """What is about another is so by its kind, of the same book, and came after it."""
    is_about = _posted.c.kind.in_(_CAN_BE_ABOUT)
    fits = and_(
        _about.c.supervisee_id == _posted.c.supervisee_id,
        _about.c.number < _posted.c.number,
        or_(
            *(
                and_(_posted.c.kind == kind, _about.c.kind.in_(others))
                for kind, others in _CAN_BE_ABOUT.items()
            )
        ),
    )
    return (
        select(_posted.c.supervisee_id, _posted.c.id)
        .outerjoin_from(_posted, _about, _about.c.id == _posted.c.about_id)
        .where(
            or_(
                and_(not_(is_about), _posted.c.about_id.is_not(None)),
                and_(is_about, or_(_about.c.id.is_(None), not_(fits))),
            )
        )
    )


def _causes() -> Query:
    """A reversal and an allocation go by what they are about: so there is one of each at most."""
    source = {
        TransactionKind.REVERSAL: Source.REVERSAL,
        TransactionKind.ALLOCATION: Source.ALLOCATION,
    }
    goes_by = as_digits(_posted.c.external_id) == as_digits(_posted.c.about_id)
    return select(_posted.c.supervisee_id, _posted.c.id).where(
        or_(
            *(
                and_(_posted.c.kind == kind, not_(and_(_posted.c.source == named, goes_by)))
                for kind, named in source.items()
            )
        )
    )


def _reversals() -> Query:
    """A transaction, the allocation that it caused and its reversal add up to nothing anywhere."""
    follows = _posted.c.kind.in_([TransactionKind.REVERSAL, TransactionKind.ALLOCATION])
    cause = case((follows, _posted.c.about_id), else_=_posted.c.id)
    undone = select(_about.c.about_id).where(_about.c.kind == TransactionKind.REVERSAL)
    return (
        select(_posted.c.supervisee_id, cause)
        .join_from(_posted, _lines, _of_posted)
        .where(cause.in_(undone))
        .group_by(
            _posted.c.supervisee_id,
            cause,
            _lines.c.account,
            _lines.c.obligation_id,
            _lines.c.currency,
        )
        .having(func.sum(_lines.c.amount_minor) != 0)
    )


def _charges() -> Query:
    """Every obligation is charged once, with its amount, by a transaction that goes by its id."""
    charged = (
        select(func.coalesce(func.sum(_lines.c.amount_minor), 0))
        .join_from(_lines, _posted, _of_posted)
        .where(
            _posted.c.kind == TransactionKind.CHARGE,
            _posted.c.source == Source.OBLIGATION,
            as_digits(_posted.c.external_id) == as_digits(_owed.c.id),
            _lines.c.account == Account.RECEIVABLE,
            _lines.c.obligation_id == _owed.c.id,
        )
        .scalar_subquery()
    )
    return select(_owed.c.supervisee_id, _owed.c.id).where(charged != _owed.c.amount_minor)


def _stray_charges() -> Query:
    return (
        select(_posted.c.supervisee_id, _posted.c.id)
        .join_from(_posted, _lines, _of_posted)
        .where(
            _posted.c.kind == TransactionKind.CHARGE,
            as_digits(_posted.c.external_id) != as_digits(_lines.c.obligation_id),
        )
    )


def _reliefs() -> Query:
    """What was approved is posted, with its amount; what was withdrawn after that is undone."""
    is_posted = and_(
        _posted.c.source == Source.RELIEF,
        _posted.c.kind == _relief.c.kind,
        as_digits(_posted.c.external_id) == as_digits(_relief.c.id),
        _of_posted,
        _lines.c.account == Account.RECEIVABLE,
        _lines.c.obligation_id == _relief.c.obligation_id,
        _lines.c.amount_minor == -_relief.c.amount_minor,
    )
    is_undone = and_(
        is_posted,
        _about.c.about_id == _posted.c.id,
        _about.c.kind == TransactionKind.REVERSAL,
    )
    is_approved = _relief.c.approved_at.is_not(None)
    is_withdrawn = and_(is_approved, _relief.c.withdrawn_at.is_not(None))
    return select(_relief.c.supervisee_id, _relief.c.id).where(
        or_(
            is_approved != exists().where(is_posted),
            is_withdrawn != exists().where(is_undone),
        )
    )


def _stray_reliefs() -> Query:
    is_approved = and_(
        as_digits(_relief.c.id) == as_digits(_posted.c.external_id),
        _relief.c.supervisee_id == _posted.c.supervisee_id,
    )
    return select(_posted.c.supervisee_id, _posted.c.id).where(
        _posted.c.kind.in_(RELIEVES), not_(exists().where(is_approved))
    )


def _repaid() -> Query:
    """No more goes back of a payment than came in; one that was reversed leaves nothing to go."""
    payment = case(
        (_posted.c.kind == TransactionKind.PAYMENT, _posted.c.id),
        (_about.c.kind.in_(REPAYMENTS), _about.c.about_id),
        else_=_posted.c.about_id,
    )
    return (
        select(_posted.c.supervisee_id, payment)
        .join_from(_posted, _lines, _of_posted)
        .outerjoin(_about, _about.c.id == _posted.c.about_id)
        .where(_lines.c.account == Account.CASH, payment.is_not(None))
        .group_by(_posted.c.supervisee_id, payment)
        .having(func.sum(_lines.c.amount_minor) < 0)
    )


def _overpaid() -> Query:
    """Of an obligation is unpaid between nothing and what was charged less all relief."""
    unpaid = _sum_of(Account.RECEIVABLE)
    payable = -_sum_of(Account.CHARGES, *RELIEF_ACCOUNTS)
    return (
        select(_lines.c.supervisee_id, _lines.c.obligation_id)
        .where(_lines.c.obligation_id.is_not(None))
        .group_by(_lines.c.supervisee_id, _lines.c.obligation_id)
        .having(not_(unpaid.between(0, payable)))
    )


def _unallocated() -> Query:
    """There is no credit below nothing, and none beside something unpaid."""
    credit, unpaid = -_sum_of(Account.CREDIT), _sum_of(Account.RECEIVABLE)
    book = _lines.c.supervisee_id
    return (
        select(book, book)
        .group_by(book, _lines.c.currency)
        .having(or_(credit < 0, and_(credit > 0, unpaid > 0)))
    )


def _sum_of(*accounts: Account) -> ColumnElement[int]:
    amount = case((_lines.c.account.in_(accounts), _lines.c.amount_minor), else_=0)
    return func.sum(amount)


CHECKS: Final[tuple[Check, ...]] = (
    (Flaw.MISPLACED, _mixed_agencies()),
    (Flaw.MISPLACED, _mixed_obligations()),
    (Flaw.NUMBERS, misnumbered(_posted.c.supervisee_id, _posted.c.number)),
    (Flaw.REFERENCE, _references()),
    (Flaw.REFERENCE, _causes()),
    (Flaw.REVERSAL, _reversals()),
    (Flaw.CHARGE, _charges()),
    (Flaw.CHARGE, _stray_charges()),
    (Flaw.RELIEF, _reliefs()),
    (Flaw.RELIEF, _stray_reliefs()),
    (Flaw.REPAID, _repaid()),
    (Flaw.ALLOCATION, _overpaid()),
    (Flaw.ALLOCATION, _unallocated()),
)
