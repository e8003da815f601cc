"""Who hears of a request: officers of a new one, the person of the answer.

An officer gets an e-mail with nothing personal in it, and none if somebody answered before it
went out. The person is told while they are awake, neutral on a lock screen, that there is an answer;
what it says the app shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.core.actor import SYSTEM
from backend.core.db import Session
from backend.identity import service as identity
from backend.outbox import service as outbox
from backend.outbox.messages import Message, NewMessage, Recipient, RecipientKind, Source
from backend.requests.models import RequestRow
from backend.requests.values import RequestState
from notifications.formats import day
from notifications.kind import MessageKind
from notifications.messages import Rendered, Template, render

SOURCE: Final = "request"
ANSWER_SOURCE: Final = "request-answer"
USEFUL_FOR: Final = timedelta(days=14)


def tell_officers(session: Session, row: RequestRow, now: datetime) -> None:
    """Let each officer concerned know by e-mail that somebody waits for an answer."""
    for officer in identity.officers_to_notify(session, row.supervisee_id):
        message = NewMessage(
            kind=MessageKind.REQUEST,
            recipient=Recipient(kind=RecipientKind.OFFICER, id=officer.id),
            key=f"{SOURCE}:{row.id}:{officer.id}",
            source=Source(kind=SOURCE, id=row.id),
            language=officer.language,
            due_at=now,
            expires_at=now + USEFUL_FOR,
        )
        outbox.enqueue(session, message, now=now)


def tell_answer(session: Session, row: RequestRow, now: datetime) -> None:
    """Let the person hear that there is an answer."""
    person = identity.get_supervisee(session, SYSTEM, row.supervisee_id)
    agency = identity.get_agency(session, person.agency_id)
    message = NewMessage(
        kind=MessageKind.REQUEST,
        recipient=Recipient(kind=RecipientKind.SUPERVISEE, id=person.id),
        key=f"{ANSWER_SOURCE}:{row.id}",
        source=Source(kind=ANSWER_SOURCE, id=row.id),
        language=person.language,
        due_at=now,
        expires_at=now + USEFUL_FOR,
        waking_hours=agency.policy.waking_hours(ZoneInfo(person.zone)),
    )
    outbox.enqueue(session, message, now=now)


def texts_for_officers(
    session: Session, messages: Sequence[Message], _now: datetime
) -> Mapping[UUID, Rendered]:
    """Return the words of e-mails about requests that still wait: the identifier, and no more."""
    return {
        message.id: render(
            Template.REQUEST_WAITING, message.language, {"reference": str(message.source.id)}
        )
        for message in messages
        if session.get_one(RequestRow, message.source.id).state is RequestState.OPEN
    }


def texts(session: Session, messages: Sequence[Message], _now: datetime) -> Mapping[UUID, Rendered]:
    """Return the words of what people are told about answers."""
    return {message.id: _text(session, message) for message in messages}


def _text(session: Session, message: Message) -> Rendered:
    row = session.get_one(RequestRow, message.source.id)
    person = identity.get_supervisee(session, SYSTEM, row.supervisee_id)
    agency = identity.get_agency(session, person.agency_id)
    params = {
        "first_name": person.given_name,
        "agency": agency.name,
        "day": day(row.asked_at.astimezone(ZoneInfo(person.zone)).date(), person.language),
        "contact": agency.name,
        "phone": agency.contact_phone,
    }
    return render(Template.REQUEST_ANSWERED, person.language, params)
