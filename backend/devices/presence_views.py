"""Presence keys and passkeys: enrolled by phones and browsers, shown to officers."""

from __future__ import annotations

from uuid import UUID

from backend.attestation.web.passkey import RelyingParty
from backend.core.errors import Problem
from backend.core.http import Audience, Blueprint, actor, now, platform, snapshot, transaction
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema
from backend.devices import service
from backend.devices.enrolment_advice import code_for, remedy_for, what_to_do
from backend.devices.evidence_policy import EvidencePolicy
from backend.devices.guard import authenticated
from backend.devices.presence_schemas import (
    OfferedKeySchema,
    OfferedPasskeySchema,
    PresenceChallengeSchema,
    PresenceKeyPageSchema,
    PresenceKeySchema,
)
from backend.devices.service import OfferedKey, OfferedPasskey
from backend.identity import service as identity

device = Blueprint(
    "presence",
    __name__,
    url_prefix="/v1/device",
    audience=Audience.DEVICE,
    description="How a device shows that its person is there",
)
officer = Blueprint(
    "presence of people",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="By what people show that they are there",
)

BLUEPRINTS = (device, officer)


@device.route("/presence-challenge", methods=["POST"])
@device.response(200, PresenceChallengeSchema)
def open_challenge() -> service.PresenceOpening:
    """Give what this device's next presence key or passkey must sign."""
    with transaction() as session:
        return service.open_enrolment_of_presence(
            session, authenticated().key, platform().part(RelyingParty), now()
        )


@device.route("/presence-key", methods=["POST"])
@device.arguments(OfferedKeySchema)
@device.response(201, PresenceKeySchema)
def set_key(offered: OfferedKey) -> service.EnrolledPresence:
    """Enrol a phone's key that only its verified user can use; one before it ends."""
    return _set(offered)


@device.route("/passkey", methods=["POST"])
@device.arguments(OfferedPasskeySchema)
@device.response(201, PresenceKeySchema)
def set_passkey(offered: OfferedPasskey) -> service.EnrolledPresence:
    """Enrol a browser's passkey; one before it ends."""
    return _set(offered)


def _set(offered: OfferedKey | OfferedPasskey) -> service.EnrolledPresence:
    bench = service.Bench(
        evidence_policy=platform().part(EvidencePolicy),
        party=platform().part(RelyingParty),
        now=now(),
    )
    with transaction() as session:
        outcome = service.set_presence(session, actor(), authenticated().key, offered, bench)
        language = identity.me(session, actor()).language
    if not isinstance(outcome, service.PresenceRefused):
        return outcome
    reason = outcome.reason
    raise Problem(
        code_for(reason),
        reason.value,
        pointer=f"/{outcome.member}",
        members={
            "evidence": outcome.evidence,
            "reason": reason.name,
            "what_to_do": what_to_do(remedy_for(reason), language),
        },
    )


@officer.route("/supervisees/<uuid:supervisee_id>/presence-keys")
@officer.arguments(CursorSchema, location="query")
@officer.response(200, PresenceKeyPageSchema)
def presence_keys(cursor: Cursor, supervisee_id: UUID) -> Page[service.EnrolledPresence]:
    """List by what a person shows that they are there, newest first."""
    with snapshot() as session:
        return service.presence_keys_of(session, actor(), supervisee_id, cursor)
