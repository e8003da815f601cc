"""Invented agencies, officers and supervised people, made through the services."""

from __future__ import annotations

import functools
from datetime import datetime
from itertools import count
from typing import Any, Final

from backend.core.actor import SYSTEM, Actor, ActorKind, Permission
from backend.core.db import Session
from backend.identity import service
from backend.identity.service import (
    Agency,
    AgencyPolicy,
    Officer,
    OfficerData,
    PersonalData,
    Role,
    Supervisee,
)
from backend.identity.tokens import open_session

PASSWORD: Final = "a password nobody really has"

_numbers: Final = count(1)


@functools.cache
def _password_hash() -> str:
    return service.hash_password(PASSWORD)


def make_agency(
    session: Session,
    now: datetime,
    *,
    name: str = "Testa County Supervision",
    zone: str = "America/Chicago",
    policy: AgencyPolicy | None = None,
) -> Agency:
    """Return a new agency."""
    return service.create_agency(
        session,
        SYSTEM,
        name=name,
        zone=zone,
        contact_phone="+15555550100",
        contact_email="help@agency.example",
        policy=policy,
        now=now,
    )


def make_officer(
    session: Session,
    agency: Agency,
    now: datetime,
    *,
    role: Role = Role.OFFICER,
    **data: Any,
) -> Officer:
    """Return a new officer of `agency`, with an e-mail address of their own and PASSWORD."""
    invented = {
        "email": f"officer{next(_numbers)}@agency.example",
        "given_name": "Offa",
        "family_name": "Example",
    }
    return service.create_officer(
        session,
        SYSTEM,
        OfficerData(role=role, **(invented | data)),
        agency_id=agency.id,
        password_hash=_password_hash(),
        now=now,
    )


def actor_of(
    officer: Officer,
    *,
    own_only: bool = False,
    permissions: frozenset[Permission] | None = None,
) -> Actor:
    """Return `officer` as the actor of a request: by default with all that their role allows."""
    return Actor(
        kind=ActorKind.OFFICER,
        id=officer.id,
        agency_id=officer.agency_id,
        permissions=officer.permissions if permissions is None else permissions,
        own_only=own_only,
        address="192.0.2.1",
    )


def make_actor(
    session: Session, agency: Agency, now: datetime, *, role: Role = Role.OFFICER
) -> Actor:
    """Return a new officer of `agency` as the actor of a request."""
    return actor_of(make_officer(session, agency, now, role=role))


def make_supervisee(session: Session, agency: Agency, now: datetime, **data: Any) -> Supervisee:
    """Return a new supervised person of `agency`, assigned to nobody.

    `data` replaces what was invented, by the names of PersonalData.
    """
    number = next(_numbers)
    invented = {
        "given_name": "Testa",
        "family_name": f"Example{number}",
        "postal_code": "60601",
        "emails": (f"testa{number}@person.example",),
        "phones": ("+15555550123",),
    }
    admitting = Actor(
        kind=ActorKind.SYSTEM,
        id=None,
        agency_id=agency.id,
        permissions=frozenset({Permission.SUPERVISEE_WRITE}),
    )
    return service.create_supervisee(session, admitting, PersonalData(**(invented | data)), now=now)


def bearer_of(session: Session, officer: Officer, now: datetime) -> dict[str, str]:
    """Return the header of a request that `officer`, freshly signed in, makes."""
    issued = open_session(session, officer.id, now=now)
    return {"Authorization": f"Bearer {issued.secret}"}
