"""People who ask something of their agency."""

from __future__ import annotations

from datetime import datetime

from backend.core.actor import Actor, ActorKind
from backend.core.db import Session
from backend.identity.service import Supervisee
from backend.requests import service
from backend.requests.service import NewRequest, Request, RequestKind


def self_of(person: Supervisee) -> Actor:
    """Return the person as the actor of their own request."""
    return Actor(kind=ActorKind.SUPERVISEE, id=person.id, agency_id=person.agency_id)


def asked(
    session: Session,
    person: Supervisee,
    now: datetime,
    *,
    kind: RequestKind = RequestKind.TROUBLE,
    text: str = "The app stops when I open it.",
) -> Request:
    """Ask something as the person."""
    return service.ask(session, self_of(person), NewRequest(kind=kind, text=text), now=now)
