"""What became of reminders: how many arrived, were opened, and were followed by money."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.identity import service as identity
from backend.outbox import service as outbox
from backend.outbox.service import Given
from backend.payments import service as payments
from backend.reminders.service import SOURCE
from notifications.messages import Template

LONGEST_PERIOD: Final = timedelta(days=92)
ABOUT_MONEY: Final = frozenset({Template.PAYMENT_DUE, Template.PAYMENT_OVERDUE})
"""The templates of which it makes sense to ask whether money followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFigures:
    """What became of the reminders of one template, counted in reminders, not in people.

    All were `given`: they lie in the inbox. `sent` are those that a provider of push or e-mail
    took; `delivered` and `opened` those of which the phone said so. `paid_after` were followed by
    money of the person within the days asked about; None of what is not about money.
    """

    template: Template
    given: int
    sent: int
    delivered: int
    opened: int
    paid_after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of the reminders given in `[since, until)`, by template."""

    since: datetime
    until: datetime
    paid_within_days: int
    items: Sequence[TemplateFigures]


def figures(
    session: Session, actor: Actor, *, since: datetime, until: datetime, paid_within_days: int
) -> Figures:
    """Return what became of the reminders to the people whom `actor` sees.

    That money followed does not say that it came because of the reminder: compare templates.
    Raises FORBIDDEN, INVALID_REQUEST for a period that is empty or too long.
    """
    actor.require(Permission.REMINDER_READ)
    actor.require(Permission.PAYMENT_READ)
    if not timedelta() < until - since <= LONGEST_PERIOD:
        detail = f"Give a period of at most {LONGEST_PERIOD.days} days."
        raise Problem(Code.INVALID_REQUEST, detail, pointer="?until")
    people = identity.visible_supervisees(actor)
    patience = timedelta(days=paid_within_days)
    paid = payments.payment_instants(session, people, since=since, until=until + patience)
    given = outbox.given(session, people, SOURCE, since=since, until=until)
    return Figures(
        since=since,
        until=until,
        paid_within_days=paid_within_days,
        items=figures_of(given, paid, patience),
    )


def figures_of(
    given: Iterable[Given], paid: Mapping[UUID, Sequence[datetime]], patience: timedelta
) -> list[TemplateFigures]:
    """Return the figures of each template that was given; `paid`: instants in order, by person."""
    by_template: defaultdict[Template, list[Given]] = defaultdict(list)
    for one in given:
        by_template[one.template].append(one)
    return [
        TemplateFigures(
            template=template,
            given=len(ones),
            sent=sum(one.is_sent for one in ones),
            delivered=sum(one.is_delivered for one in ones),
            opened=sum(one.is_opened for one in ones),
            paid_after=_paid_after(ones, paid, patience) if template in ABOUT_MONEY else None,
        )
        for template, ones in sorted(by_template.items(), key=lambda item: item[0].value)
    ]


def _paid_after(
    ones: Iterable[Given], paid: Mapping[UUID, Sequence[datetime]], patience: timedelta
) -> int:
    return sum(
        _is_followed(one.given_at, paid.get(one.supervisee_id, ()), patience) for one in ones
    )


def _is_followed(at: datetime, paid: Sequence[datetime], patience: timedelta) -> bool:
    following = bisect_right(paid, at)
    return following < len(paid) and paid[following] < at + patience
