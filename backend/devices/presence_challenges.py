"""Challenges for presence: random, for one phone and one purpose, over after minutes, used once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import update

from backend.core.db import Session, affected_rows
from backend.core.ids import new_id
from backend.devices.codes import make_room
from backend.devices.enrolment_code import CHALLENGE_LIFE, new_challenge
from backend.devices.models import PresenceChallenge
from backend.devices.presence_level import PresencePurpose

LIFE_S: Final = int(CHALLENGE_LIFE.total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What a challenge is for: enrolling a means, or the check-in `subject_id`, by one phone."""

    activation_id: UUID
    purpose: PresencePurpose
    subject_id: UUID | None = None


def open_challenge(session: Session, occasion: Occasion, now: datetime) -> str:
    """Return a fresh challenge; a phone has few open, and those whose time is over are dropped."""
    theirs = PresenceChallenge.activation_id == occasion.activation_id
    make_room(session, PresenceChallenge, theirs, PresenceChallenge.expires_at > now)
    challenge = new_challenge()
    session.add(
        PresenceChallenge(
            id=new_id(now),
            activation_id=occasion.activation_id,
            purpose=occasion.purpose,
            subject_id=occasion.subject_id,
            challenge=challenge,
            expires_at=now + CHALLENGE_LIFE,
        )
    )
    return challenge


def use_challenge(session: Session, challenge: str, occasion: Occasion, now: datetime) -> bool:
    """Whether the challenge is good for this occasion; it is good no more.

    Of requests at the same moment one gets True.
    """
    good = (
        PresenceChallenge.challenge == challenge,
        PresenceChallenge.activation_id == occasion.activation_id,
        PresenceChallenge.purpose == occasion.purpose,
        PresenceChallenge.subject_id == occasion.subject_id
        if occasion.subject_id is not None
        else PresenceChallenge.subject_id.is_(None),
        PresenceChallenge.expires_at > now,
        PresenceChallenge.used_at.is_(None),
    )
    used = update(PresenceChallenge).where(*good).values(used_at=now)
    return affected_rows(session, used) == 1
