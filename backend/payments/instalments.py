"""Instalments: what somebody can pay, how a debt is spread over days, what of it is due. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from backend.payments.recurrence import Recurrence

MAX_INSTALMENTS: Final = 120
_LONG_INSTALMENTS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What somebody can presumably pay a month, and how many months that takes.

    `claim_hardship` says that a plan alone is no help: they should ask for relief.
    """

    currency: str
    outstanding_minor: int
    instalment_minor: int
    instalments: int
    claim_hardship: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Instalment:
    """What of one obligation is to be paid by one day."""

    obligation_id: UUID
    due_on: date
    amount_minor: int


def propose(
    outstanding_minor: int,
    currency: str,
    monthly_income_minor: int,
    *,
    share_percent: int,
    least_minor: int,
) -> Proposal:
    """Return a monthly instalment from a net income a month, in minor units of the debt's currency.

    The greater of `share_percent` of the income and `least_minor`, which the agency presumes to be
    within a person's ability, and never more than the debt. Without income, or where it would take
    more than five years, hardship is the better answer.
    """
    presumed = max(monthly_income_minor * share_percent // 100, least_minor)
    instalment_minor = min(presumed, outstanding_minor)
    instalments = -(-outstanding_minor // instalment_minor) if instalment_minor else 0
    return Proposal(
        currency=currency,
        outstanding_minor=outstanding_minor,
        instalment_minor=instalment_minor,
        instalments=instalments,
        claim_hardship=not monthly_income_minor or instalments > _LONG_INSTALMENTS,
    )


def due_days(recurrence: Recurrence, not_before: date) -> Iterator[date]:
    """Give the due days of a plan, none of them before `not_before`; without end."""
    day = recurrence.first_due()
    while day is not None:
        if day >= not_before:
            yield day
        day = recurrence.next_due(day)


def spread(
    debts: Iterable[tuple[UUID, int]], days: Iterator[date], instalment_minor: int
) -> list[Instalment]:
    """Return the instalments that pay `debts` one after the other, `instalment_minor` a day.

    The last one is what is left. Raises ValueError if it takes more than 120 days.
    """
    found: list[Instalment] = []
    left, day, used = 0, date.min, 0
    for obligation_id, outstanding_minor in debts:
        owed = outstanding_minor
        while owed > 0:
            if left == 0:
                left, day, used = instalment_minor, next(days), used + 1
            if used > MAX_INSTALMENTS:
                raise ValueError("a plan has at most 120 instalments")
            part = min(left, owed)
            found.append(Instalment(obligation_id=obligation_id, due_on=day, amount_minor=part))
            left, owed = left - part, owed - part
    return found


def unpaid(instalments: Sequence[Instalment], outstanding_minor: int) -> list[Instalment]:
    """Return what is unpaid of one obligation's instalments, in due order, by what it still owes.

    What was paid or relieved counts for the first ones. What is owed beyond the plan (a payment
    that bounced) is due with the last.
    """
    paid = sum(one.amount_minor for one in instalments) - outstanding_minor
    found = []
    for one in instalments:
        covered = min(max(paid, 0), one.amount_minor)
        paid -= covered
        if covered < one.amount_minor:
            found.append((one, one.amount_minor - covered))
    if paid < 0 and found:
        last, amount = found[-1]
        found[-1] = (last, amount - paid)
    return [
        Instalment(obligation_id=one.obligation_id, due_on=one.due_on, amount_minor=amount)
        for one, amount in found
    ]
