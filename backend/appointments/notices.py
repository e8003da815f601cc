"""What a person is told when an appointment is moved or called off, and what they would be told.

One notice waits at a time: moved again, it says where things stand when it is sent. Never about
what is past. At any hour if it is soon, else while the person is awake.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.appointments.models import AppointmentRow
from backend.appointments.values import TOLD_AS
from backend.core.actor import SYSTEM
from backend.core.db import Session
from backend.identity import service as identity
from backend.identity.service import Agency, Supervisee
from backend.outbox import service as outbox
from backend.outbox.messages import Message, NewMessage, Recipient, RecipientKind, Source
from notifications.formats import Language, clock_time, day
from notifications.kind import MessageKind
from notifications.messages import SUBJECTS, Rendered, Template, render

SOURCE: Final = "appointment-notice"
SOON: Final = timedelta(hours=24)
"""Who has to be somewhere within a day is told at any hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePreview:
    """What the person would be told, by language (`en`, `es`); they get the one in `language`.

    `texts` is None where nothing changes that they are told of.
    """

    kind: MessageKind
    language: Language
    texts: Mapping[str, Rendered] | None = field(repr=False)


def tell_change(session: Session, row: AppointmentRow, was_at: datetime, now: datetime) -> None:
    """Let the person hear that an appointment, which was to begin at `was_at`, is not as it was."""
    person, agency = _whom(session, row)
    source = Source(kind=SOURCE, id=row.id)
    outbox.withdraw(session, source, now=now)
    is_soon = min(was_at, row.starts_at) < now + SOON
    message = NewMessage(
        kind=TOLD_AS[row.kind][0],
        recipient=Recipient(kind=RecipientKind.SUPERVISEE, id=person.id),
        key=f"{SOURCE}:{row.id}:{now.isoformat()}",
        source=source,
        language=person.language,
        due_at=now,
        expires_at=row.starts_at,
        waking_hours=None if is_soon else agency.policy.waking_hours(ZoneInfo(person.zone)),
    )
    outbox.enqueue(session, message, now=now)


def texts(session: Session, messages: Sequence[Message], now: datetime) -> Mapping[UUID, Rendered]:
    """Return the words of notices about appointments that are still ahead, as they stand."""
    found: dict[UUID, Rendered] = {}
    for message in messages:
        row = session.get_one(AppointmentRow, message.source.id)
        if row.starts_at > now:
            person, agency = _whom(session, row)
            found[message.id] = _text(row, person, agency, _template(row), person.language)
    return found


def told_at(session: Session, appointment_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
    """Return when people are told, or were, of those appointments that were moved or called off."""
    return outbox.told_at(session, SOURCE, appointment_ids)


def preview_of(session: Session, row: AppointmentRow, template: Template | None) -> NoticePreview:
    """Return what `template` would say of an appointment that stands as in `row`, stored or not."""
    person, agency = _whom(session, row)
    texts = None
    if template is not None:
        texts = {one.value: _text(row, person, agency, template, one) for one in Language}
    return NoticePreview(kind=TOLD_AS[row.kind][0], language=person.language, texts=texts)


def _template(row: AppointmentRow) -> Template:
    is_off = row.cancelled_at is not None
    return Template.APPOINTMENT_CANCELLED if is_off else Template.APPOINTMENT_MOVED


def _whom(session: Session, row: AppointmentRow) -> tuple[Supervisee, Agency]:
    """Return the person who is told, and the agency that tells them."""
    person = identity.get_supervisee(session, SYSTEM, row.supervisee_id)
    return person, identity.get_agency(session, person.agency_id)


def _text(
    row: AppointmentRow,
    person: Supervisee,
    agency: Agency,
    template: Template,
    language: Language,
) -> Rendered:
    local = row.starts_at.astimezone(ZoneInfo(row.zone))
    name = SUBJECTS[language][TOLD_AS[row.kind][1]]
    time = clock_time(local.time(), language)
    if local.utcoffset() != row.starts_at.astimezone(ZoneInfo(person.zone)).utcoffset():
        time += f" {local.tzname()}"  # whoever travels there must not come an hour late
    params = {
        "first_name": person.given_name,
        "agency": agency.name,
        "subject": f"{name} ({row.place})" if row.place else name,
        "day": day(local.date(), language),
        "time": time,
        "contact": row.contact_name or agency.name,
        "phone": row.contact_phone or agency.contact_phone,
    }
    return render(template, language, params)
