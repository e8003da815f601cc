"""What falls due, as neutral items, and the reminders that follow from it now.

Planning and sending ask the same question, so that a reminder that was planned says at the moment
of sending what is true by then, or nothing at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.core.actor import SYSTEM
from backend.core.db import Session
from backend.identity import service as identity
from backend.identity.service import Agency, AgencyPolicy, Supervisee
from backend.payments import service as payments
from backend.payments.service import DueObligation
from notifications.kind import MessageKind
from notifications.planning import (
    DEFAULT_OFFSETS_DAYS,
    DueItem,
    PlannedMessage,
    Preferences,
    ReminderPolicy,
    Subject,
    plan,
)

_ZONE_SLACK_DAYS: Final = 2
"""A person's local day is at most a day away from the one in UTC, on either side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """A planned message, with the person whom it goes to and the agency that sends it."""

    message: PlannedMessage
    person: Supervisee
    agency: Agency


def reminders_from(
    session: Session,
    since: datetime,
    *,
    until: datetime,
    supervisee_ids: Collection[UUID] | None = None,
) -> Iterator[Reminder]:
    """Give the reminders to be sent at or after `since`, by what is owed now.

    To everybody or to some people; all of those by `until`, and some of later ones.
    """
    agencies = {agency.id: agency for agency in identity.every_agency(session)}
    policies = [agency.policy for agency in agencies.values()]
    first, last = _due_days(since.date(), until.date(), policies)
    owed = payments.due_items(session, first, last, supervisee_ids=supervisee_ids)
    by_person: defaultdict[UUID, list[DueItem]] = defaultdict(list)
    for obligation in owed:
        by_person[obligation.supervisee_id].append(_item(obligation))
    people = identity.get_supervisees(session, SYSTEM, by_person.keys())
    for agency_id, members in _by_agency(people.values()).items():
        agency = agencies[agency_id]
        items = (item for person in members for item in by_person[person.id])
        for message in _plan(items, members, agency.policy, since):
            yield Reminder(message=message, person=people[message.key.person], agency=agency)


def _due_days(since: date, until: date, policies: Iterable[AgencyPolicy]) -> tuple[date, date]:
    """Return the half-open range of due days that reminders between two days are about."""
    offsets = [days for policy in policies for days in policy.payment_reminder_days] or [0]
    first = since - timedelta(days=max(offsets) + _ZONE_SLACK_DAYS)
    return first, until - timedelta(days=min(offsets) - _ZONE_SLACK_DAYS)


def _by_agency(people: Iterable[Supervisee]) -> Mapping[UUID, Sequence[Supervisee]]:
    groups: defaultdict[UUID, list[Supervisee]] = defaultdict(list)
    for person in people:
        groups[person.agency_id].append(person)
    return groups


def _plan(
    items: Iterable[DueItem], people: Sequence[Supervisee], policy: AgencyPolicy, since: datetime
) -> list[PlannedMessage]:
    preferences = {
        person.id: Preferences(
            zone=ZoneInfo(person.zone), language=person.language, opted_out=frozenset()
        )
        for person in people
    }
    return plan(items, preferences, now=since, policy=_reminder_policy(policy))


def _reminder_policy(policy: AgencyPolicy) -> ReminderPolicy:
    return ReminderPolicy(
        offsets_days={
            **DEFAULT_OFFSETS_DAYS,
            MessageKind.PAYMENT: policy.payment_reminder_days,
        },
        send_at=policy.reminder_at,
        opens=policy.reminders_from,
        closes=policy.reminders_until,
    )


def _item(owed: DueObligation) -> DueItem:
    return DueItem(
        person=owed.supervisee_id,
        kind=MessageKind.PAYMENT,
        source_id=owed.obligation_id,
        subject=Subject(owed.kind.value),
        due_on=owed.due_on,
        amount_minor=owed.outstanding_minor,
        currency=owed.currency,
    )
