"""What a phone or a browser is given to sign: to enrol its means of presence, and to use it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from backend.attestation.web.options import creation_options, request_options
from backend.attestation.web.passkey import RelyingParty
from backend.core.db import Session
from backend.devices.assurance import Platform
from backend.devices.key_context import KeyContext
from backend.devices.models import ActivationRow
from backend.devices.presence_challenges import LIFE_S, Occasion, open_challenge
from backend.devices.presence_keys import presence_key_in_force
from backend.devices.presence_level import PresenceMeans, PresencePurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceOpening:
    """A challenge, good for `expires_in` seconds, and by what it can be answered on this phone.

    `means` is None while nothing is enrolled. `public_key` is what a browser's page hands to
    `navigator.credentials`, None elsewhere.
    """

    challenge: str
    expires_in: int
    means: PresenceMeans | None
    public_key: dict[str, Any] | None


def open_enrolment_of_presence(
    session: Session, key: KeyContext, party: RelyingParty, now: datetime
) -> PresenceOpening:
    """Return what the phone's next presence key, or the browser's next passkey, must sign."""
    occasion = Occasion(activation_id=key.activation_id, purpose=PresencePurpose.ENROLMENT)
    challenge = open_challenge(session, occasion, now)
    row = presence_key_in_force(session, key.activation_id)
    options = None
    if _is_browser(session, key):
        known = None if row is None else row.credential_id
        options = creation_options(
            challenge, party, user_id=key.activation_id.bytes, known=known, timeout_s=LIFE_S
        )
    return PresenceOpening(
        challenge=challenge,
        expires_in=LIFE_S,
        means=None if row is None else row.means,
        public_key=options,
    )


def open_check_in(
    session: Session, key: KeyContext, check_in: UUID, party: RelyingParty, now: datetime
) -> PresenceOpening:
    """Return what shows, signed, that the person of `key` is there for this check-in."""
    occasion = Occasion(
        activation_id=key.activation_id, purpose=PresencePurpose.CHECK_IN, subject_id=check_in
    )
    challenge = open_challenge(session, occasion, now)
    row = presence_key_in_force(session, key.activation_id)
    options = None
    if row is not None and row.means is PresenceMeans.PASSKEY:
        options = request_options(
            challenge, party, credential_id=row.credential_id, timeout_s=LIFE_S
        )
    return PresenceOpening(
        challenge=challenge,
        expires_in=LIFE_S,
        means=None if row is None else row.means,
        public_key=options,
    )


def _is_browser(session: Session, key: KeyContext) -> bool:
    platform = select(ActivationRow.platform).where(ActivationRow.id == key.activation_id)
    return session.scalar(platform) is Platform.WEB
