"""What people would be told: an officer reads every message before anybody gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.appointments.service import TOLD_AS
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.core.ids import new_id
from backend.identity import service as identity
from backend.reminders.due import reminders_from
from backend.reminders.text import recipient_of, text_of
from notifications.formats import Language
from notifications.kind import MessageKind
from notifications.messages import Rendered
from notifications.planning import DueItem, Subject
from notifications.reminder import render_reminder

EXAMPLE_NAME: Final = "Testa"
"""Whom a message that is only an example greets."""

_KINDS: Final = {subject: kind for kind, subject in TOLD_AS.values()}
"""What is not among these is a payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A message by language (`en`, `es`), of which the person gets the one in `language`."""

    kind: MessageKind
    language: Language
    send_at: datetime | None
    expires_at: datetime | None
    texts: Mapping[str, Rendered] = field(repr=False)


def coming_reminders(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    *,
    days: int,
    pays_in_app: bool,
    now: datetime,
) -> list[Preview]:
    """Return what a person will be told in the next days, as things stand. FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.REMINDER_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    until = now + timedelta(days=days)
    return [
        Preview(
            kind=one.message.key.kind,
            language=one.message.language,
            send_at=one.message.send_at,
            expires_at=one.message.expires_at,
            texts={
                language.value: text_of(one, language, pays_in_app=pays_in_app)
                for language in Language
            },
        )
        for one in reminders_from(session, now, until=until, supervisee_ids=[person.id])
        if one.message.send_at < until
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Something that might fall due. `overdue` is for payments alone."""

    subject: Subject
    due_at: datetime
    amount_minor: int | None
    currency: str | None
    place: str | None
    contact_name: str | None
    contact_phone: str | None
    overdue: bool


def example_reminder(
    session: Session, actor: Actor, example: Example, *, pays_in_app: bool, now: datetime
) -> Preview:
    """Return what the agency's reminder of `example` would say to somebody.

    Raises FORBIDDEN, INVALID_REQUEST where there is no such thing.
    """
    actor.require(Permission.REMINDER_READ)
    agency = identity.get_agency(session, actor.agency)
    zone = ZoneInfo(agency.zone)
    item = _item(example, zone, now)
    overdue = frozenset({item.source_id} if example.overdue else ())
    texts = {
        language.value: render_reminder(
            [item],
            recipient_of(agency, EXAMPLE_NAME, language, zone, pays_in_app=pays_in_app),
            overdue=overdue,
        )
        for language in Language
    }
    return Preview(
        kind=item.kind,
        language=agency.policy.default_language,
        send_at=None,
        expires_at=None,
        texts=texts,
    )


def _item(example: Example, zone: ZoneInfo, now: datetime) -> DueItem:
    kind = _KINDS.get(example.subject, MessageKind.PAYMENT)
    is_payment = kind is MessageKind.PAYMENT
    if example.overdue and not is_payment:
        detail = "Nobody is reminded of an appointment that is over."
        raise Problem(Code.INVALID_REQUEST, detail, pointer="/overdue")
    try:
        return DueItem(
            person=new_id(now),
            kind=kind,
            source_id=new_id(now),
            subject=example.subject,
            due_on=example.due_at.astimezone(zone).date() if is_payment else None,
            due_at=None if is_payment else example.due_at,
            amount_minor=example.amount_minor,
            currency=example.currency,
            detail=example.place or "",
            zone=zone,
            contact=example.contact_name or "",
            phone=example.contact_phone or "",
        )
    except ValueError:
        detail = "A payment has an amount and a currency, nothing else has."
        raise Problem(Code.INVALID_REQUEST, detail, pointer="/amount_minor") from None
