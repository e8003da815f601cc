"""Check-ins for the person who makes them, and for officers, who see every attempt."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from backend.appointments import service
from backend.appointments.check_in_schemas import (
    AcceptedCheckInSchema,
    CheckInChallengeSchema,
    CheckInPageSchema,
    NewCheckInSchema,
)
from backend.appointments.service import CheckIn, CheckInOpening, Punctuality, Shown, TurnedAway
from backend.attestation.web.passkey import RelyingParty
from backend.core.clock import rfc3339
from backend.core.errors import Code, Problem
from backend.core.http import Audience, Blueprint, actor, now, platform, snapshot, transaction
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema
from backend.devices.authentication import Authentication
from backend.devices.guard import authenticated
from backend.proof.claims import FixClaim
from backend.proof.receipt import CheckInReceipt, sign_check_in_receipt

supervisee = Blueprint(
    "check-ins",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE,
    description="Saying that one is there",
)
officer = Blueprint(
    "check-ins of people",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="Who checked in, when, and how much shows that it was they",
)

BLUEPRINTS = (supervisee, officer)


@supervisee.route("/appointments/<uuid:appointment_id>/check-in-challenge", methods=["POST"])
@supervisee.response(200, CheckInChallengeSchema)
def open_check_in(appointment_id: UUID) -> CheckInOpening:
    """Give what shows, signed, that one is there for this check-in."""
    with transaction() as session:
        return service.open_check_in(
            session,
            actor(),
            authenticated().key,
            appointment_id,
            platform().part(RelyingParty),
            now(),
        )


@supervisee.route("/appointments/<uuid:appointment_id>/check-in", methods=["POST"])
@supervisee.arguments(NewCheckInSchema)
@supervisee.response(200, AcceptedCheckInSchema)
@supervisee.alt_response(
    403, description="No usable location, or the check-in does not count (`check-in-refused`)"
)
def check_in(shown: Shown, appointment_id: UUID) -> dict[str, Any]:
    """Check in; once accepted, the same answer again."""
    who = authenticated()
    fix = who.proof.fix
    shown = replace(shown, fix_seq=fix.seq if isinstance(fix, FixClaim) else None)
    with transaction() as session:
        outcome = service.check_in(
            session,
            actor(),
            who.key,
            appointment_id,
            shown,
            party=platform().part(RelyingParty),
            now=now(),
        )
    if isinstance(outcome, TurnedAway):
        raise _refused(outcome)
    return {**asdict(outcome), "receipt": _receipt(outcome, who.key.jkt)}


def _refused(turned: TurnedAway) -> Problem:
    attempt = turned.attempt
    members: dict[str, object] = {
        "check_in": str(attempt.id),
        "refusal": attempt.refusal.value if attempt.refusal else "",
        "least": turned.least.value,
        "what_to_do": turned.what_to_do,
        "opens_at": rfc3339(turned.opens_at),
        "contact": turned.contact,
    }
    if attempt.reason is not None:
        members["reason"] = attempt.reason
    return Problem(Code.CHECK_IN_REFUSED, members=members)


def _receipt(accepted: CheckIn, jkt: str) -> str:
    punctuality = accepted.punctuality or Punctuality.ON_TIME
    receipt = CheckInReceipt(
        issuer=platform().settings.public_url,
        jkt=jkt,
        check_in=str(accepted.id),
        appointment=str(accepted.appointment_id),
        received_at=accepted.at,
        punctuality=punctuality.value,
        presence=accepted.level.value,
    )
    return sign_check_in_receipt(receipt, platform().part(Authentication).server_keys)


@supervisee.route("/check-ins")
@supervisee.arguments(CursorSchema, location="query")
@supervisee.response(200, CheckInPageSchema)
def my_check_ins(cursor: Cursor) -> Page[CheckIn]:
    """List one's own attempts to check in, accepted and refused, latest first."""
    with snapshot() as session:
        return service.my_check_ins(session, actor(), cursor)


@officer.route("/supervisees/<uuid:supervisee_id>/check-ins")
@officer.arguments(CursorSchema, location="query")
@officer.response(200, CheckInPageSchema)
def check_ins(cursor: Cursor, supervisee_id: UUID) -> Page[CheckIn]:
    """List a person's attempts to check in, accepted and refused, latest first."""
    with snapshot() as session:
        return service.check_ins(session, actor(), supervisee_id, cursor)
