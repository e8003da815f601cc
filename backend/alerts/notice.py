"""The e-mail about a critical alert: to each officer concerned, with nothing personal in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from backend.alerts.models import AlertRow
from backend.core.db import Session
from backend.identity import service as identity
from backend.outbox import service as outbox
from backend.outbox.messages import NewMessage, Recipient, RecipientKind, Source
from notifications.formats import Language
from notifications.kind import MessageKind
from notifications.messages import Rendered, Template, render

MESSAGE_SOURCE: Final = "alert"
USEFUL_FOR: Final = timedelta(hours=24)


def notify_officers(session: Session, row: AlertRow, now: datetime) -> None:
    """Put one e-mail per officer concerned into the outbox, due now and at any hour.

    The key holds the number of the event that calls for it: urgent again is told again.
    """
    for officer in identity.officers_to_notify(session, row.supervisee_id):
        message = NewMessage(
            kind=MessageKind.ALERT,
            recipient=Recipient(kind=RecipientKind.OFFICER, id=officer.id),
            key=f"alert:{row.id}:{row.last_event}:{officer.id}",
            source=_source(row.id),
            language=officer.language,
            due_at=now,
            expires_at=now + USEFUL_FOR,
        )
        outbox.enqueue(session, message, now=now)


def take_back(session: Session, alert_id: UUID, now: datetime) -> None:
    """Withdraw what is unsent about the alert: somebody saw it, or there is nothing to see."""
    outbox.withdraw(session, _source(alert_id), now=now)


def delivered_at(session: Session, alert_id: UUID) -> datetime | None:
    """Return when a relay first took an e-mail about the alert."""
    return outbox.first_sent_at(session, _source(alert_id))


def render_notice(alert_id: UUID, language: Language) -> Rendered:
    """Return the e-mail's words: the alert's identifier as reference, and how to read it."""
    return render(Template.ALERT, language, {"reference": str(alert_id)})


def _source(alert_id: UUID) -> Source:
    return Source(kind=MESSAGE_SOURCE, id=alert_id)
