"""Sign-in, tokens, the agency, its officers, and the people whom it supervises."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import request

from backend.core.errors import Problem
from backend.core.http import Audience, Blueprint, actor, now, snapshot, transaction
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema
from backend.identity import service
from backend.identity.guard import presented_token_id
from backend.identity.schemas import (
    AgencySchema,
    AssignmentSchema,
    IssuedTokenSchema,
    MeSchema,
    NewAssignmentSchema,
    NewOfficerSchema,
    NewPasswordSchema,
    NewTokenSchema,
    OfficerPageSchema,
    OfficerSchema,
    OwnPasswordSchema,
    SessionSchema,
    SignInSchema,
    SuperviseeFilterSchema,
    SuperviseePageSchema,
    SuperviseeSchema,
    TokenPageSchema,
    TrailSchema,
)

_NO_STORE: Final = {"Cache-Control": "no-store"}

sign_in_blp = Blueprint(
    "sign-in",
    __name__,
    url_prefix="/v1/officer/session",
    audience=Audience.PUBLIC,
    description="Signing in as an officer",
)
officer_blp = Blueprint(
    "officer",
    __name__,
    url_prefix="/v1/officer",
    audience=Audience.OFFICER,
    description="The officer who is signed in",
)
tokens_blp = Blueprint(
    "tokens",
    __name__,
    url_prefix="/v1/tokens",
    audience=Audience.OFFICER,
    description="API tokens of the officer who is signed in",
)
agency_blp = Blueprint(
    "agency",
    __name__,
    url_prefix="/v1/agency",
    audience=Audience.OFFICER,
    description="The agency and what it decides for itself",
)
officers_blp = Blueprint(
    "officers",
    __name__,
    url_prefix="/v1/officers",
    audience=Audience.OFFICER,
    description="Who works for the agency",
)
supervisees_blp = Blueprint(
    "supervisees",
    __name__,
    url_prefix="/v1/supervisees",
    audience=Audience.OFFICER,
    description="Supervised people, and who has charge of them",
)

me_blp = Blueprint(
    "me",
    __name__,
    url_prefix="/v1",
    audience=Audience.SUPERVISEE,
    description="A supervised person's own data",
)


@sign_in_blp.route("", methods=["POST"])
@sign_in_blp.arguments(SignInSchema)
@sign_in_blp.response(201, SessionSchema)
def sign_in(credentials: dict[str, str]) -> Any:
    """Sign in. Five bad tries within 15 minutes lock the address for 15 minutes (429)."""
    with transaction() as session:
        attempt = service.begin_sign_in(
            session, email=credentials["email"], address=request.remote_addr, now=now()
        )
    proved = attempt.is_proved_by(credentials["password"])
    with transaction() as session:
        outcome = service.finish_sign_in(session, attempt, proved=proved, now=now())
    if isinstance(outcome, Problem):
        raise outcome
    return outcome, _NO_STORE


@officer_blp.route("")
@officer_blp.response(200, OfficerSchema)
def show_acting_officer() -> service.Officer:
    """Show who is signed in."""
    with snapshot() as session:
        return service.acting_officer(session, actor())


@officer_blp.route("/session", methods=["DELETE"])
@officer_blp.response(204)
def sign_out() -> None:
    """Sign out: the session's token ends. 404 for an API token, which is revoked by its id."""
    with transaction() as session:
        service.sign_out(session, actor(), presented_token_id(), now=now())


@officer_blp.route("/password", methods=["PUT"])
@officer_blp.arguments(OwnPasswordSchema)
@officer_blp.response(204)
def change_own_password(passwords: dict[str, str]) -> None:
    """Change one's own password, on proof of the present one. All sessions end, this one too."""
    # No POST: inside an idempotent request the count of bad tries would be rolled back with it.
    with transaction() as session:
        attempt = service.begin_own_password_change(session, actor(), now=now())
    proved = attempt.is_proved_by(passwords["present_password"])
    new_hash = service.hash_password(passwords["password"])
    with transaction() as session:
        problem = service.finish_own_password_change(
            session, attempt, proved=proved, password_hash=new_hash, now=now()
        )
    if problem is not None:
        raise problem


@tokens_blp.route("")
@tokens_blp.arguments(CursorSchema, location="query")
@tokens_blp.response(200, TokenPageSchema)
def list_tokens(cursor: Cursor) -> Page[service.Token]:
    """List one's own API tokens that still hold, newest first."""
    with snapshot() as session:
        return service.tokens(session, actor(), cursor=cursor, now=now())


@tokens_blp.route("", methods=["POST"])
@tokens_blp.arguments(NewTokenSchema)
@tokens_blp.response(201, IssuedTokenSchema)
def create_token(wanted: dict[str, Any]) -> Any:
    """Make an API token. Its secret is shown this once."""
    with transaction() as session:
        return service.create_token(session, actor(), **wanted, now=now()), _NO_STORE


@tokens_blp.route("/<uuid:token_id>", methods=["DELETE"])
@tokens_blp.response(204)
def revoke_token(token_id: UUID) -> None:
    """End one of one's own API tokens for good."""
    with transaction() as session:
        service.revoke_token(session, actor(), token_id, now=now())


@agency_blp.route("")
@agency_blp.etag
@agency_blp.response(200, AgencySchema)
def show_agency() -> service.Agency:
    """Show the agency to anybody who works for it."""
    with snapshot() as session:
        return service.get_agency(session, actor().agency)


@agency_blp.route("", methods=["PUT"])
@agency_blp.etag
@agency_blp.arguments(AgencySchema)
@agency_blp.response(200, AgencySchema)
def change_agency(data: dict[str, Any]) -> service.Agency:
    """Replace what the agency is called and decides."""
    with transaction() as session:
        agency_blp.check_etag(service.agency_to_change(session, actor()), AgencySchema)
        return service.change_agency(session, actor(), **data, now=now())


@officers_blp.route("")
@officers_blp.arguments(CursorSchema, location="query")
@officers_blp.response(200, OfficerPageSchema)
def list_officers(cursor: Cursor) -> Page[service.Officer]:
    """List who works for the agency, newest first."""
    with snapshot() as session:
        return service.officers(session, actor(), cursor=cursor)


@officers_blp.route("", methods=["POST"])
@officers_blp.etag
@officers_blp.arguments(NewOfficerSchema)
@officers_blp.response(201, OfficerSchema)
def create_officer(new: dict[str, Any]) -> service.Officer:
    """Take somebody into the agency."""
    password_hash = service.hash_password(new["password"])
    with transaction() as session:
        return service.create_officer(
            session,
            actor(),
            new["data"],
            agency_id=actor().agency,
            password_hash=password_hash,
            now=now(),
        )


@officers_blp.route("/<uuid:officer_id>")
@officers_blp.etag
@officers_blp.response(200, OfficerSchema)
def show_officer(officer_id: UUID) -> service.Officer:
    """Show an officer."""
    with snapshot() as session:
        return service.read_officer(session, actor(), officer_id)


@officers_blp.route("/<uuid:officer_id>", methods=["PUT"])
@officers_blp.etag
@officers_blp.arguments(OfficerSchema)
@officers_blp.response(200, OfficerSchema)
def change_officer(new: dict[str, Any], officer_id: UUID) -> service.Officer:
    """Replace what is kept of an officer. Disabling ends all their tokens at once."""
    with transaction() as session:
        current = service.officer_to_change(session, actor(), officer_id)
        officers_blp.check_etag(current, OfficerSchema)
        return service.change_officer(session, actor(), officer_id, **new, now=now())


@officers_blp.route("/<uuid:officer_id>/password", methods=["PUT"])
@officers_blp.arguments(NewPasswordSchema)
@officers_blp.response(204)
def reset_password(new: dict[str, str], officer_id: UUID) -> None:
    """Give an officer a new password. All their sessions and tokens end."""
    password_hash = service.hash_password(new["password"])
    with transaction() as session:
        service.reset_password(session, actor(), officer_id, password_hash=password_hash, now=now())


@supervisees_blp.route("")
@supervisees_blp.arguments(SuperviseeFilterSchema, location="query")
@supervisees_blp.response(200, SuperviseePageSchema)
def list_supervisees(filters: dict[str, Any]) -> Page[service.Supervisee]:
    """List the people whom one may see, newest first."""
    with snapshot() as session:
        return service.supervisees(session, actor(), **filters)


@supervisees_blp.route("", methods=["POST"])
@supervisees_blp.etag
@supervisees_blp.arguments(SuperviseeSchema)
@supervisees_blp.response(201, SuperviseeSchema)
def create_supervisee(data: service.PersonalData) -> service.Supervisee:
    """Take a person under supervision."""
    with transaction() as session:
        return service.create_supervisee(session, actor(), data, now=now())


@supervisees_blp.route("/<uuid:supervisee_id>")
@supervisees_blp.etag
@supervisees_blp.response(200, SuperviseeSchema)
def show_supervisee(supervisee_id: UUID) -> service.Supervisee:
    """Show a person's data."""
    with snapshot() as session:
        return service.read_supervisee(session, actor(), supervisee_id)


@supervisees_blp.route("/<uuid:supervisee_id>", methods=["PUT"])
@supervisees_blp.etag
@supervisees_blp.arguments(SuperviseeSchema)
@supervisees_blp.response(200, SuperviseeSchema)
def change_supervisee(data: service.PersonalData, supervisee_id: UUID) -> service.Supervisee:
    """Replace a person's data."""
    with transaction() as session:
        current = service.supervisee_to_change(session, actor(), supervisee_id)
        supervisees_blp.check_etag(current, SuperviseeSchema)
        return service.change_supervisee(session, actor(), supervisee_id, data, now=now())


@supervisees_blp.route("/<uuid:supervisee_id>/trail")
@supervisees_blp.etag
@supervisees_blp.response(200, TrailSchema)
def show_trail(supervisee_id: UUID) -> service.Supervisee:
    """Show whether a person's trail is kept."""
    with snapshot() as session:
        return service.read_supervisee(session, actor(), supervisee_id)


@supervisees_blp.route("/<uuid:supervisee_id>/trail", methods=["PUT"])
@supervisees_blp.etag
@supervisees_blp.arguments(TrailSchema)
@supervisees_blp.response(200, TrailSchema)
def set_trail(data: dict[str, service.Trail], supervisee_id: UUID) -> service.Supervisee:
    """Keep a person's trail from now on, or no more: then that of the past goes, too.

    Without it only the fixes that an episode names as its evidence are shown, from this moment;
    the others are erased as soon as nothing can have them judged again.
    """
    with transaction() as session:
        current = service.trail_to_change(session, actor(), supervisee_id)
        supervisees_blp.check_etag(current, TrailSchema)
        return service.set_trail(session, actor(), supervisee_id, data["trail"], now=now())


@supervisees_blp.route("/<uuid:supervisee_id>/assignments")
@supervisees_blp.response(200, AssignmentSchema(many=True))
def list_assignments(supervisee_id: UUID) -> list[service.Assignment]:
    """List who has charge of a person, longest first."""
    with snapshot() as session:
        return service.assignments(session, actor(), supervisee_id)


@supervisees_blp.route("/<uuid:supervisee_id>/assignments", methods=["POST"])
@supervisees_blp.arguments(NewAssignmentSchema)
@supervisees_blp.response(201, AssignmentSchema)
def assign(new: dict[str, UUID], supervisee_id: UUID) -> service.Assignment:
    """Give an officer charge of a person."""
    with transaction() as session:
        return service.assign(session, actor(), supervisee_id, new["officer_id"], now=now())


@supervisees_blp.route("/<uuid:supervisee_id>/assignments/<uuid:officer_id>", methods=["DELETE"])
@supervisees_blp.response(204)
def unassign(supervisee_id: UUID, officer_id: UUID) -> None:
    """Take a person out of an officer's charge."""
    with transaction() as session:
        service.unassign(session, actor(), supervisee_id, officer_id, now=now())


@me_blp.route("/me")
@me_blp.response(200, MeSchema)
def show_me() -> service.Me:
    """Show what the agency keeps of the person who asks, and whom to turn to."""
    with snapshot() as session:
        return service.me(session, actor())


BLUEPRINTS = (
    sign_in_blp,
    officer_blp,
    tokens_blp,
    agency_blp,
    officers_blp,
    supervisees_blp,
    me_blp,
)
