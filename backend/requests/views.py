"""Help and requests for the person, who needs no location for them, and requests for officers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.core.http import Audience, Blueprint, actor, now, snapshot, transaction
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema
from backend.requests import service
from backend.requests.schemas import (
    AnswerSchema,
    HelpSchema,
    NewRequestSchema,
    RequestFilterSchema,
    RequestPageSchema,
    RequestSchema,
)
from backend.requests.service import Help, NewRequest, Request

mine = Blueprint(
    "own-requests",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE_UNGATED,
    description="Help, and what a person asks of their agency: without location",
)
officers = Blueprint(
    "requests",
    __name__,
    url_prefix="/v1/requests",
    audience=Audience.OFFICER,
    description="What people ask of their agency",
)
officers.METHODS_NEEDING_CHECK_ETAG = ["POST"]


@mine.route("/help")
@mine.response(200, HelpSchema)
def read_help() -> Help:
    """Say whom to call, and what to do about each refusal. Needs no location."""
    with snapshot() as session:
        return service.help_for(session, actor())


@mine.route("/requests", methods=["POST"])
@mine.arguments(NewRequestSchema)
@mine.response(201, RequestSchema)
@mine.alt_response(
    409, description="Three of the kind wait (`too-many-open`), or the proof was used (`replayed`)"
)
def ask(new: NewRequest) -> Request:
    """Report trouble, ask for an exemption, or claim a right; an officer answers. No location.

    It decides nothing. The same again, while it waits, is answered with the one that waits.
    """
    with transaction() as session:
        return service.ask(session, actor(), new, now=now())


@mine.route("/requests")
@mine.arguments(CursorSchema, location="query")
@mine.response(200, RequestPageSchema)
def my_requests(cursor: Cursor) -> Page[Request]:
    """List one's own requests with their answers, newest first. Needs no location."""
    with snapshot() as session:
        return service.my_requests(session, actor(), cursor)


@officers.route("")
@officers.arguments(RequestFilterSchema, location="query")
@officers.response(200, RequestPageSchema)
def list_requests(filters: dict[str, Any]) -> Page[Request]:
    """List the requests of everybody, or of one person, newest first."""
    with snapshot() as session:
        return service.requests(session, actor(), **filters)


@officers.route("/<uuid:request_id>")
@officers.etag
@officers.response(200, RequestSchema)
def read_request(request_id: UUID) -> Request:
    """Give one request."""
    with snapshot() as session:
        return service.read_request(session, actor(), request_id)


@officers.route("/<uuid:request_id>/answer", methods=["POST"])
@officers.etag
@officers.arguments(AnswerSchema)
@officers.response(200, RequestSchema)
def answer_request(data: dict[str, Any], request_id: UUID) -> Request:
    """Answer or decline a request, once; what it asks for is granted by acts of their own."""
    with transaction() as session:
        seen = service.request_to_answer(session, actor(), request_id)
        officers.check_etag(seen, RequestSchema)
        return service.answer_request(session, actor(), request_id, **data, now=now())


BLUEPRINTS = (mine, officers)
