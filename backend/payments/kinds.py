"""The words of money: what is owed and by what authority, how it was paid, where it stands."""

from __future__ import annotations

from enum import Enum
from typing import Final


class ObligationKind(Enum):
    """What a person can owe."""

    FINE = "fine"
    COURT_FEE = "court_fee"
    RESTITUTION = "restitution"
    SUPERVISION_FEE = "supervision_fee"
    PROGRAMME_FEE = "programme_fee"
    SUBJECT_ACCESS_FEE = "subject_access_fee"


class Basis(Enum):
    """By what authority something is owed: a court's order, or the agency's published policy."""

    ORDER = "order"
    POLICY = "policy"


class Authority(Enum):
    """By whose word the ledger has it: an order, a policy, or that of who moved the money."""

    ORDER = "order"
    POLICY = "policy"
    BANK = "bank"
    PROVIDER = "provider"


class Method(Enum):
    """How money came. No card ever passes through here: hosted pages are the provider's own."""

    CASH = "cash"
    CHECK = "check"
    MONEY_ORDER = "money_order"
    HOSTED_PAGE = "hosted_page"
    AUTOPAY = "autopay"
    LOCKBOX = "lockbox"
    BANK_TRANSFER = "bank_transfer"


COUNTER_METHODS: Final = (Method.CASH, Method.CHECK, Method.MONEY_ORDER)
"""What an officer takes in over the counter, against a receipt."""


class Cadence(Enum):
    """How often a recurring fee falls due."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


class ObligationStatus(Enum):
    """Where an obligation stands. Overdue is information: it is no violation and blocks nothing.

    `RELIEVED`: all of it was waived, reduced or converted.
    """

    DUE = "due"
    OVERDUE = "overdue"
    HARDSHIP_CLAIMED = "hardship_claimed"
    REFERRED_TO_COURT = "referred_to_court"
    PAID = "paid"
    RELIEVED = "relieved"
    CANCELLED = "cancelled"


class Decision(Enum):
    """What an officer said to what a person asked for."""

    GRANTED = "granted"
    DECLINED = "declined"


class PlanState(Enum):
    """The life of an instalment plan. That instalments were missed is not among it."""

    REQUESTED = "requested"
    DECLINED = "declined"
    ACTIVE = "active"
    BROKEN = "broken"


DEFAULT_ALLOCATION_ORDER: Final = (
    ObligationKind.RESTITUTION,
    ObligationKind.COURT_FEE,
    ObligationKind.FINE,
    ObligationKind.SUPERVISION_FEE,
    ObligationKind.PROGRAMME_FEE,
    ObligationKind.SUBJECT_ACCESS_FEE,
)
"""Which kind is paid first, unless the agency says otherwise: those who were harmed."""
