"""Presence, shown: a signature by what is enrolled for it, over a challenge of one check-in.

`show_presence`:
  1  the challenge was given to this phone for this check-in, at most 300 s ago, and not used
  2  something is enrolled on this phone that signs so
  3  the signature is its own, over this challenge, this check-in and this phone; a passkey's says
     that its user was verified, and its counter rises
  4  no maker has taken back what attested it
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from backend.attestation.web.passkey import (
    Passkey,
    RelyingParty,
    SentAssertion,
    verify_assertion,
)
from backend.attestation.web.refusal import WebRefusal
from backend.core.db import Session
from backend.devices.key_context import KeyContext, key_of
from backend.devices.models import PresenceKey
from backend.devices.presence_challenges import Occasion, use_challenge
from backend.devices.presence_fault import PresenceFault
from backend.devices.presence_keys import presence_key_in_force
from backend.devices.presence_level import Presence, PresenceMeans, PresencePurpose
from backend.devices.presence_offer import PresenceRefused, decoded
from backend.devices.status_lists import current_status_list
from backend.proof import base64url, jws
from backend.proof.presence import read_statement


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSignature:
    """What a phone's presence key signed, a compact JWS."""

    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAssertion:
    """What `navigator.credentials.get()` gave the page, in base64url."""

    id: str
    client_data: str
    authenticator_data: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceShown:
    """That the person was there, how much of it was shown, and by what."""

    level: Presence
    means: PresenceMeans
    presence_key_id: UUID


def show_presence(
    session: Session,
    key: KeyContext,
    shown: ShownSignature | ShownAssertion,
    *,
    challenge: str,
    check_in: UUID,
    party: RelyingParty,
    now: datetime,
) -> PresenceShown | PresenceRefused:
    """Return what is shown of the presence of the person of `key`, or the first step that fails.

    The challenge is used in either case.
    """
    # 1
    occasion = Occasion(
        activation_id=key.activation_id, purpose=PresencePurpose.CHECK_IN, subject_id=check_in
    )
    if not use_challenge(session, challenge, occasion, now):
        return PresenceRefused(member="challenge", reason=PresenceFault.CHALLENGE_NOT_OPEN)

    # 2
    row = presence_key_in_force(session, key.activation_id, lock=True)
    by_passkey = isinstance(shown, ShownAssertion)
    if row is None or by_passkey is not (row.means is PresenceMeans.PASSKEY):
        return PresenceRefused(member="", reason=PresenceFault.NO_PRESENCE_KEY)

    # 3
    refused = (
        _wrong_assertion(row, shown, challenge, party)
        if isinstance(shown, ShownAssertion)
        else _wrong_signature(row, key, shown.signature, challenge, check_in)
    )
    if refused is not None:
        return refused

    # 4
    if _is_taken_back(session, row):
        return PresenceRefused(member="", reason=PresenceFault.ATTESTATION_REVOKED)

    return PresenceShown(level=row.means.level, means=row.means, presence_key_id=row.id)


def _wrong_signature(
    row: PresenceKey, key: KeyContext, text: str, challenge: str, check_in: UUID
) -> PresenceRefused | None:
    statement = read_statement(
        text,
        challenge=challenge,
        check_in=check_in,
        jkt=key.jkt,
        presence_jkt=base64url.encode(row.credential_id),
    )
    if statement is None:
        return PresenceRefused(member="signature", reason=PresenceFault.NOT_A_SIGNATURE)
    if not jws.verifies(statement, key_of(row.public_key)):
        return PresenceRefused(member="signature", reason=PresenceFault.SIGNED_BY_ANOTHER_KEY)
    return None


def _wrong_assertion(
    row: PresenceKey, shown: ShownAssertion, challenge: str, party: RelyingParty
) -> PresenceRefused | None:
    sent = decoded(asdict(shown))
    if isinstance(sent, str):
        return PresenceRefused(member=f"assertion/{sent}", reason=WebRefusal.NOT_BASE64URL)
    passkey = Passkey(
        id=row.credential_id,
        public_key=row.public_key,
        counter=row.counter,
        backup_eligible=bool(row.verdict["backup_eligible"]),
    )
    assertion = SentAssertion(**sent)
    counter = verify_assertion(assertion, challenge=challenge, party=party, passkey=passkey)
    if isinstance(counter, WebRefusal):
        return PresenceRefused(member="assertion", reason=counter)
    row.counter = counter
    return None


def _is_taken_back(session: Session, row: PresenceKey) -> bool:
    """Whether the newest list of revoked keys, however old, names one that attested this."""
    listing = None if row.serials is None else current_status_list(session)
    serials = row.serials or ()
    return listing is not None and listing.listed(int(each, 16) for each in serials) is not None
