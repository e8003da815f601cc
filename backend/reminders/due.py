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

from backend.appointments import service as appointments
from backend.appointments.service import TOLD_AS, Appointment
from backend.core.db import Session
from backend.identity import service as identity
from backend.identity.service import Addressee, Agency, AgencyPolicy
from backend.payments import service as payments
from backend.payments.service import DueObligation
from backend.reminders.choices import turned_off_by
from notifications.kind import MessageKind
from notifications.planning import (
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
    person: Addressee
    agency: Agency


def reminders_from(
    session: Session, since: datetime, *, until: datetime, supervisee_ids: Collection[UUID]
) -> Iterator[Reminder]:
    """Give the reminders to some people that are to be sent at or after `since`, as of now.

    All of those by `until`, and some of later ones.
    """
    agencies = {agency.id: agency for agency in identity.every_agency(session)}
    policies = [agency.policy for agency in agencies.values()]
    by_person: defaultdict[UUID, list[DueItem]] = defaultdict(list)
    for item in _items(session, since, until, policies, supervisee_ids):
        by_person[item.person].append(item)
    people = {one.id: one for one in identity.addressees(session, by_person.keys())}
    turned_off = turned_off_by(session, by_person.keys())
    for agency_id, members in _by_agency(people.values()).items():
        agency = agencies[agency_id]
        items = (item for person in members for item in by_person[person.id])
        preferences = {
            person.id: Preferences(
                zone=ZoneInfo(person.zone),
                language=person.language,
                opted_out=turned_off.get(person.id, frozenset()),
            )
            for person in members
        }
        for message in plan(items, preferences, now=since, policy=reminder_policy(agency.policy)):
            yield Reminder(message=message, person=people[message.key.person], agency=agency)


def reminder_policy(policy: AgencyPolicy) -> ReminderPolicy:
    """Return when an agency reminds, as planning takes it."""
    return ReminderPolicy(
        offsets_days={
            MessageKind.PAYMENT: policy.payment_reminder_days,
            MessageKind.CHECK_IN: policy.check_in_reminder_days,
            MessageKind.HEARING: policy.hearing_reminder_days,
            MessageKind.APPOINTMENT: policy.appointment_reminder_days,
        },
        send_at=policy.reminder_at,
        opens=policy.reminders_from,
        closes=policy.reminders_until,
        mandatory=frozenset(policy.mandatory_reminders),
    )


def _items(
    session: Session,
    since: datetime,
    until: datetime,
    policies: Sequence[AgencyPolicy],
    supervisee_ids: Collection[UUID],
) -> Iterator[DueItem]:
    first, last = _due_days(since.date(), until.date(), policies)
    owed = payments.due_items(session, first, last, supervisee_ids=supervisee_ids)
    yield from (_payment(obligation) for obligation in owed)
    # Nobody is reminded of an appointment that has begun.
    at_most = timedelta(days=_longest_lead_days(policies) + _ZONE_SLACK_DAYS)
    expected = appointments.due_appointments(
        session, since, until + at_most, supervisee_ids=supervisee_ids
    )
    told = appointments.told_at(session, [one.id for one in expected])
    yield from (_appointment(one, told.get(one.id)) for one in expected)


def _due_days(since: date, until: date, policies: Iterable[AgencyPolicy]) -> tuple[date, date]:
    """Return the half-open range of due days that reminders between two days are about."""
    offsets = [days for policy in policies for days in policy.payment_reminder_days] or [0]
    first = since - timedelta(days=max(offsets) + _ZONE_SLACK_DAYS)
    return first, until - timedelta(days=min(offsets) - _ZONE_SLACK_DAYS)


def _longest_lead_days(policies: Iterable[AgencyPolicy]) -> int:
    """Return how many days ahead an appointment is first reminded of, at the most."""
    return -min(
        (
            days
            for policy in policies
            for offsets in (
                policy.check_in_reminder_days,
                policy.hearing_reminder_days,
                policy.appointment_reminder_days,
            )
            for days in offsets
        ),
        default=0,
    )


def _by_agency(people: Iterable[Addressee]) -> Mapping[UUID, Sequence[Addressee]]:
    groups: defaultdict[UUID, list[Addressee]] = defaultdict(list)
    for person in people:
        groups[person.agency_id].append(person)
    return groups


def _payment(owed: DueObligation) -> DueItem:
    return DueItem(
        person=owed.supervisee_id,
        kind=MessageKind.PAYMENT,
        source_id=owed.obligation_id,
        subject=Subject(owed.kind.value),
        due_on=owed.due_on,
        amount_minor=owed.outstanding_minor,
        currency=owed.currency,
    )


def _appointment(one: Appointment, told_at: datetime | None) -> DueItem:
    kind, subject = TOLD_AS[one.kind]
    return DueItem(
        person=one.supervisee_id,
        kind=kind,
        source_id=one.id,
        subject=subject,
        due_at=one.starts_at,
        detail=one.place or "",
        zone=ZoneInfo(one.zone),
        contact=one.contact_name or "",
        phone=one.contact_phone or "",
        told_at=told_at,
    )
