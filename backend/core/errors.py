"""What callers can get wrong: one register of stable codes, one exception to raise them with.

A refusal that must be stored (a fix turned away at the gate) is a value of its slice, not one of
these: an exception would roll its record back. `docs/errors.md` lists every code for clients.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

PROBLEM_TYPE = "tag:connectrex.com,2026:problem:"


class _Kind(NamedTuple):
    slug: str
    status: int
    title: str


class Code(Enum):
    """Every problem that the API answers: stable slug, HTTP status, title."""

    INVALID_REQUEST = _Kind("invalid-request", 422, "The request is not valid")
    MALFORMED_BODY = _Kind("malformed-body", 400, "The body cannot be read")
    BAD_REQUEST = _Kind("bad-request", 400, "The request cannot be understood")
    TOO_LARGE = _Kind("too-large", 413, "The request is too large")
    UNSUPPORTED_MEDIA_TYPE = _Kind("unsupported-media-type", 415, "The media type is not supported")
    METHOD_NOT_ALLOWED = _Kind("method-not-allowed", 405, "The method is not allowed here")
    NOT_ACCEPTABLE = _Kind("not-acceptable", 406, "The answer cannot take the wanted form")
    NOT_FOUND = _Kind("not-found", 404, "There is nothing here")
    NOT_MODIFIED = _Kind("not-modified", 304, "Nothing has changed")
    INTERNAL = _Kind("internal", 500, "Something is broken on our side")
    UNAVAILABLE = _Kind("unavailable", 503, "The service is not available now")

    UNAUTHENTICATED = _Kind("unauthenticated", 401, "Sign in first")
    SIGN_IN_FAILED = _Kind("sign-in-failed", 401, "The sign-in failed")
    LOCKED = _Kind("locked", 429, "Too many tries")
    FORBIDDEN = _Kind("forbidden", 403, "This is not allowed")
    USE_DPOP_NONCE = _Kind("use_dpop_nonce", 401, "Use the nonce given with this answer")
    PROOF_REFUSED = _Kind("proof-refused", 401, "The proof does not hold")
    LOCATION_REFUSED = _Kind("location-refused", 403, "Service needs a usable location")
    FIX_FORK = _Kind("fix-fork", 409, "This fix number was used for another fix")
    JOURNAL_REFUSED = _Kind("journal-refused", 422, "The journal token does not hold")
    JOURNAL_FORK = _Kind("journal-fork", 409, "The journal contradicts what it said before")
    REPLAYED = _Kind("replayed", 409, "This request was already made")

    CONFLICT = _Kind("conflict", 409, "The request conflicts with what is there")
    ALREADY_EXISTS = _Kind("already-exists", 409, "This already exists")
    PRECONDITION_FAILED = _Kind("precondition-failed", 412, "It was changed meanwhile")
    PRECONDITION_REQUIRED = _Kind("precondition-required", 428, "Say which version you change")
    IDEMPOTENCY_MISMATCH = _Kind("idempotency-mismatch", 422, "The key was used for other content")
    ILLEGAL_TRANSITION = _Kind("illegal-transition", 409, "This step is not possible now")
    TOO_MANY_OPEN = _Kind("too-many-open", 409, "Too many wait for an answer")
    SECOND_PERSON_REQUIRED = _Kind("second-person-required", 409, "A second person must approve")

    ENROLMENT_REFUSED = _Kind("enrolment-refused", 403, "The enrolment code does not hold")
    EVIDENCE_REFUSED = _Kind("evidence-refused", 422, "The device's evidence is not accepted")
    EVIDENCE_UNCHECKABLE = _Kind("evidence-uncheckable", 503, "Devices cannot be checked now")
    ASSURANCE_TOO_LOW = _Kind("assurance-too-low", 403, "The agency asks for a stronger device")
    CHECK_IN_REFUSED = _Kind("check-in-refused", 403, "This check-in does not count")
    GEOMETRY_REFUSED = _Kind("geometry-refused", 422, "The zone's geometry is not usable")
    TRAIL_NOT_KEPT = _Kind("trail-not-kept", 409, "No trail is kept of this time")
    SCHEDULE_REFUSED = _Kind("schedule-refused", 422, "The schedule is not usable")
    PAYMENT_PAGE_UNAVAILABLE = _Kind(
        "payment-page-unavailable", 503, "Nobody can pay online just now"
    )
    NO_ONLINE_PAYMENT = _Kind("no-online-payment", 409, "Nobody takes payments online here")
    SIGNATURE_REFUSED = _Kind("signature-refused", 401, "The notice's signature does not hold")
    CASH_DAY_CLOSED = _Kind("cash-day-closed", 409, "The day's cash is counted and closed")
    COUNT_DIFFERS = _Kind("count-differs", 409, "The two counts differ")
    PAYMENT_FILE_REFUSED = _Kind("payment-file-refused", 422, "The payment file is not usable")
    CARD_NUMBER_REFUSED = _Kind("card-number-refused", 422, "Never send a card number here")

    @property
    def slug(self) -> str:
        """The stable code that clients compare."""
        return self.value.slug

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return self.value.status

    @property
    def title(self) -> str:
        """A short, unchanging summary."""
        return self.value.title


class Problem(Exception):  # noqa: N818 - RFC 9457's own word for it
    """A caller's fault, answered as problem+json (RFC 9457).

    `detail` says what was wrong in plain words and never repeats personal data. `pointer` is an
    RFC 6901 JSON pointer into the body, or `?name` for a query parameter. `members` are further
    members of the answer; `headers` go with it.
    """

    def __init__(
        self,
        code: Code,
        detail: str | None = None,
        *,
        pointer: str | None = None,
        members: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail or code.title)
        self.code = code
        self.detail = detail
        self.pointer = pointer
        self.members = members or {}
        self.headers = headers or {}

    def body(self) -> dict[str, object]:
        """Return the members of the problem+json answer."""
        body: dict[str, object] = {
            "type": PROBLEM_TYPE + self.code.slug,
            "code": self.code.slug,
            "title": self.code.title,
            "status": self.code.status,
        }
        if self.detail:
            body["detail"] = self.detail
        if self.pointer is not None:
            body["errors"] = [{"pointer": self.pointer, "detail": self.detail or self.code.title}]
        return body | self.members


def not_found() -> Problem:
    """Return the one answer for what is missing and for what this actor may not see."""
    return Problem(Code.NOT_FOUND)
