"""The gate before every supervisee endpoint: proof, then location, in one transaction.

A refusal is answered after its record was committed: raised inside the transaction it would roll
back what must be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, g, request

from backend.core.errors import Code, Problem
from backend.core.http import now
from backend.core.problems import problem_response
from backend.devices.authentication import Authentication
from backend.devices.guard import SAFE_METHODS, DeviceGuard, set_authenticated
from backend.location.admission import Admission, Turned
from backend.location.intake import Arrival, Intake
from backend.location.journal import Journal
from backend.location.journal_intake import Arrival as JournalArrival
from backend.location.journal_outcome import Forked, Suspended, Taken
from backend.location.journal_refused import refused
from backend.location.refusals import RefusalReason, advice
from backend.proof.journal import parse_journal
from backend.proof.journal_refusal import JournalRefused

FIXES_PATH: Final = "/v1/fixes"
JOURNAL_PATH: Final = "/v1/journal"
JOURNAL_TYPE: Final = "application/eat+jwt"


class GateGuard:
    """Admits a supervisee's phone that proves its key and, in the same signature, where it is."""

    security: Mapping[str, Any] = {
        "type": "http",
        "scheme": "DPoP",
        "description": "An access token with a DPoP proof (RFC 9449) that carries a signed "
        "location; see docs/protocol.md.",
    }
    responses: Mapping[int, str] = {
        401: "The proof does not hold (`proof-refused`), or needs a fresh nonce (`use_dpop_nonce`)",
        403: "No usable location (`location-refused`): reason, advice, reference number, contact",
        409: "The fix's number (`fix-fork`) or the proof (`replayed`) was used before",
    }

    def __init__(self, authentication: Authentication, intake: Intake) -> None:
        self._authentication = authentication
        self._intake = intake

    def __call__(self) -> Response | None:
        """Let the request in, or answer it with the refusal that was just stored."""
        instant, only_fix = now(), request.path == FIXES_PATH
        decided = self._intake.take_in(
            Arrival(
                opened=self._authentication.open(instant),
                signed=self._authentication.signed_request(),
                route=request.url_rule.rule if request.url_rule else "",
                only_fix=only_fix,
                once=request.method not in SAFE_METHODS and not only_fix,
                now=instant,
            )
        )
        if isinstance(decided.outcome, Turned):
            return problem_response(refusal_problem(decided.outcome))
        set_authenticated(decided.who)
        g.admission = decided.outcome
        return None


class UngatedGuard(DeviceGuard):
    """Admits a supervisee's phone without location: for the few things that need none.

    What is done here (reading one's own refusals, reporting that something is broken) must work
    just when the gate says no.
    """


class PhoneGuard(DeviceGuard):
    """Admits what a phone does for itself; its journal is taken in here, proof and all at once.

    One transaction for the proof, the token and its fixes. A replay is harmless: the same token
    again is the same token.
    """

    def __init__(self, authentication: Authentication, intake: Journal) -> None:
        super().__init__(authentication)
        self._intake = intake

    def __call__(self) -> Response | None:
        """Let the request in, or take its journal token in, or answer why not."""
        if (request.method, request.path) != ("POST", JOURNAL_PATH):
            return super().__call__()
        if request.content_type != JOURNAL_TYPE:
            raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, f"A journal token is {JOURNAL_TYPE}.")
        instant = now()
        opened = self._authentication.open(instant)
        token = parse_journal(request.get_data(), jkt=opened.jkt)
        if isinstance(token, JournalRefused):
            raise refused(token)
        signed = self._authentication.signed_request()
        arrival = JournalArrival(opened=opened, signed=signed, token=token, now=instant)
        outcome = self._intake.take_in(arrival)
        if not isinstance(outcome, Taken):
            return problem_response(_not_taken(outcome))
        set_authenticated(outcome.who)
        g.journalled = outcome
        return None


def _not_taken(outcome: Forked | Suspended) -> Problem:
    """Return the answer to a token that was not taken; what was to be kept of it is kept."""
    if isinstance(outcome, Forked):
        return Problem(
            Code.JOURNAL_FORK,
            "This phone signed another history before. Both are kept; your officer is told.",
            members={"n": outcome.n},
        )
    return Problem(
        Code.LOCATION_REFUSED,
        "This phone is suspended. Keep the journal and send it when the phone is reinstated.",
        members={"reason": RefusalReason.SUSPENDED_DEVICE.value},
    )


def journalled() -> Taken:
    """Return what became of this request's journal token."""
    found: Taken = g.journalled
    return found


def admitted() -> Admission:
    """Return how this request was let in."""
    found: Admission = g.admission
    return found


def refusal_problem(turned: Turned) -> Problem:
    """Return the answer to a refusal: why, what to do, the reference number, whom to phone."""
    words = advice(turned.reason, turned.language)
    code = Code.FIX_FORK if turned.reason is RefusalReason.FORKED else Code.LOCATION_REFUSED
    members: dict[str, object] = {
        "reason": turned.reason.value,
        "what_to_do": words.what_to_do,
        "reference": turned.reference,
        "contact": turned.contact,
    }
    if turned.member is not None:
        members["member"] = turned.member
    return Problem(code, words.what, members=members)
