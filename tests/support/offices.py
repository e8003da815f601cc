"""An agency at work: an officer, signed in, who has charge of one person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from backend.core.actor import Actor
from backend.core.db import Session
from backend.identity import service as identity
from backend.identity.service import Agency, Officer, Supervisee
from tests.support.identity import (
    actor_of,
    bearer_of,
    make_agency,
    make_officer,
    make_supervisee,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The agency, its officer as a person, as an actor and as the header of a request."""

    agency: Agency
    officer: Officer
    actor: Actor
    bearer: dict[str, str]
    person: Supervisee


def make_office(session: Session, now: datetime) -> Office:
    """Return a new agency at work."""
    agency = make_agency(session, now)
    officer = make_officer(session, agency, now)
    person = make_supervisee(session, agency, now)
    actor = actor_of(officer)
    identity.assign(session, actor, person.id, officer.id, now=now)
    return Office(
        agency=agency,
        officer=officer,
        actor=actor,
        bearer=bearer_of(session, officer, now),
        person=person,
    )
