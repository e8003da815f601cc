"""What a reminder says at the moment when it is sent, or read before it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.core.db import Session
from backend.identity.service import Agency
from backend.outbox.messages import Message
from backend.reminders.due import Reminder, reminders_from
from notifications.formats import Language
from notifications.messages import Rendered
from notifications.reminder import Recipient, render_reminder

SAME_DAY: Final = timedelta(days=1)
"""An agency that has moved its hour meanwhile did not ask for that day's reminders to be dropped."""


def texts_now(
    session: Session, messages: Sequence[Message], *, pays_in_app: bool
) -> Mapping[UUID, Rendered]:
    """Return what each reminder says by what is owed now; one that nothing is owed for is absent.

    Amounts, language and what else falls due on the day are read anew; a payment that was moved
    to another day belongs to that day's reminder. `pays_in_app`: somebody takes payments there.
    """
    if not messages:
        return {}
    due = sorted(message.due_at for message in messages)
    people = {message.recipient.id for message in messages}
    current = {
        str(reminder.message.key): reminder
        for reminder in reminders_from(
            session, due[0] - SAME_DAY, until=due[-1] + SAME_DAY, supervisee_ids=people
        )
    }
    return {
        message.id: text_of(current[message.key], pays_in_app=pays_in_app)
        for message in messages
        if message.key in current
    }


def text_of(reminder: Reminder, language: Language | None = None, *, pays_in_app: bool) -> Rendered:
    """Return what a reminder says, in the person's language or in another."""
    agency, person = reminder.agency, reminder.person
    recipient = recipient_of(
        agency,
        person.given_name,
        language or person.language,
        ZoneInfo(person.zone),
        pays_in_app=pays_in_app,
    )
    return render_reminder(reminder.message.items, recipient, overdue=reminder.message.overdue)


def recipient_of(
    agency: Agency, first_name: str, language: Language, zone: ZoneInfo, *, pays_in_app: bool
) -> Recipient:
    """Return whom a reminder of the agency addresses and whom they can turn to."""
    return Recipient(
        first_name=first_name,
        agency=agency.name,
        contact=agency.name,
        phone=agency.contact_phone,
        payment_url=agency.policy.payment_url,
        pays_in_app=pays_in_app,
        language=language,
        zone=zone,
    )
