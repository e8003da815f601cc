"""How people are told of their money: neutral on a lock screen, in their language, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.core.actor import SYSTEM
from backend.core.db import Session
from backend.identity import service as identity
from backend.outbox import service as outbox
from backend.outbox.messages import NewMessage, Recipient, RecipientKind, Source
from notifications.formats import Language
from notifications.kind import MessageKind

_USEFUL_FOR: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Whom a message greets, in which language, who sends it, and whom to call about it."""

    language: Language
    zone: ZoneInfo
    params: Mapping[str, str] = field(repr=False)


def tell(
    session: Session,
    supervisee_id: UUID,
    source: Source,
    *,
    kind: MessageKind = MessageKind.PAYMENT,
    at_once: bool = False,
    now: datetime,
) -> None:
    """Let the person hear of `source`, once: at any hour, or while they are awake."""
    person = identity.get_supervisee(session, SYSTEM, supervisee_id)
    agency = identity.get_agency(session, person.agency_id)
    message = NewMessage(
        kind=kind,
        recipient=Recipient(kind=RecipientKind.SUPERVISEE, id=person.id),
        key=f"{source.kind}:{source.id}",
        source=source,
        language=person.language,
        due_at=now,
        expires_at=now + _USEFUL_FOR,
        waking_hours=None if at_once else agency.policy.waking_hours(ZoneInfo(person.zone)),
    )
    outbox.enqueue(session, message, now=now)


def addressee_of(
    session: Session, supervisee_id: UUID, language: Language | None = None
) -> Addressee:
    """Return whom a message to a person greets, in their language or in another."""
    person = identity.get_supervisee(session, SYSTEM, supervisee_id)
    agency = identity.get_agency(session, person.agency_id)
    return Addressee(
        language=language or person.language,
        zone=ZoneInfo(person.zone),
        params={
            "first_name": person.given_name,
            "agency": agency.name,
            "contact": agency.name,
            "phone": agency.contact_phone,
        },
    )
