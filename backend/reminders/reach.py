"""Where a person can be reached, and what refuses: so that an officer can ask for what is right."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID

from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.devices import service as devices
from backend.identity import service as identity
from backend.outbox import service as outbox
from backend.outbox.service import Refusal


class ReachKind(Enum):
    """What an address is."""

    PHONE = "phone"
    MAILBOX = "mailbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One address and how it stands with it.

    Of a phone only the activation is told, of a mailbox its `address`. While `is_used` messages
    go there. One that refused a push is used again when its app reports anew, a mailbox after a
    month's rest.
    """

    kind: ReachKind
    address: str | None = field(repr=False)
    activation_id: UUID | None
    is_used: bool
    refused_at: datetime | None
    refusal: str | None


def reach_of(session: Session, actor: Actor, supervisee_id: UUID, *, now: datetime) -> list[Reach]:
    """Return a person's phones and mailboxes, in the order in which they are tried.

    Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.REMINDER_READ)
    actor.require(Permission.SUPERVISEE_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    phones = [
        Reach(
            kind=ReachKind.PHONE,
            address=None,
            activation_id=phone.activation_id,
            is_used=phone.refused_at is None,
            refused_at=phone.refused_at,
            refusal=phone.refusal,
        )
        for phone in devices.push_states_of(session, person.id)
    ]
    refused = outbox.refused_mailboxes(session, set(person.emails))
    return phones + [_mailbox(value, refused.get(value), now) for value in person.emails]


def _mailbox(address: str, refusal: Refusal | None, now: datetime) -> Reach:
    return Reach(
        kind=ReachKind.MAILBOX,
        address=address,
        activation_id=None,
        is_used=refusal is None or not outbox.rests(refusal, now),
        refused_at=refusal.refused_at if refusal else None,
        refusal=refusal.reason if refusal else None,
    )
