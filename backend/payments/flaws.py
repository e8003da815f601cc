"""What can be wrong with the books, in words for who looks after the database. Pure."""

from __future__ import annotations

from enum import Enum


class Flaw(Enum):
    """What is wrong with a transaction, an obligation, a relief, or a whole book."""

    UNBALANCED = "does not add up to zero"
    EMPTY = "has no entries"
    ORPHAN = "has entries, but is not there itself"
    SHAPE = "touches accounts that its kind does not"
    MISPLACED = "mixes books, people, agencies or currencies"
    NUMBERS = "is a book with numbers missing or there twice"
    TWICE = "was posted twice"
    REFERENCE = "is about what is not there, or cannot be it"
    REVERSAL = "was not undone as it was posted"
    CHARGE = "is not charged with what was ordered"
    RELIEF = "is relief by the ledger or by its approval alone"
    REPAID = "was paid back with more than came in"
    ALLOCATION = "is paid beyond what is owed, or unpaid beside credit"
    CASH = "is cash that its day does not show, or shows otherwise"
    SUSPENSE = "left suspense as other than what came in"
