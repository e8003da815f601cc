"""The privacy notice, for everybody: one may want to read it before one is enrolled.

That one has read it one says without location, and an officer may see.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.core.http import Audience, Blueprint, actor, now, snapshot, transaction
from backend.privacy import service
from backend.privacy.notice import Notice, notice
from backend.privacy.schemas import AcknowledgementSchema, NoticeSchema, ReadVersionSchema
from backend.privacy.service import Acknowledgement

everybody = Blueprint(
    "privacy",
    __name__,
    url_prefix="/v1",
    audience=Audience.PUBLIC,
    description="What people are told of what is kept of them",
)
mine = Blueprint(
    "own-privacy",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE_UNGATED,
    description="Whether one has read the privacy notice: without location",
)
officers = Blueprint(
    "privacy-of-people",
    __name__,
    url_prefix="/v1/supervisees/<uuid:supervisee_id>",
    audience=Audience.OFFICER,
    description="Whether somebody has read the privacy notice",
)


@everybody.route("/privacy-notice")
@everybody.response(200, NoticeSchema)
def read_notice() -> Notice:
    """Tell what is kept of people, why, who sees it, how long, and what their rights are."""
    return notice()


@mine.route("/privacy-notice")
@mine.response(200, AcknowledgementSchema)
def my_acknowledgement() -> Acknowledgement:
    """Say which version is in force, and when one said that one has read it. No location."""
    with snapshot() as session:
        return service.my_acknowledgement(session, actor())


@mine.route("/privacy-notice/acknowledgement", methods=["POST"])
@mine.arguments(ReadVersionSchema)
@mine.response(200, AcknowledgementSchema)
@mine.alt_response(
    409, description="Another version is in force (`conflict`), or the proof was used (`replayed`)"
)
def acknowledge(data: dict[str, Any]) -> Acknowledgement:
    """Say that one has read the version in force; nothing hangs on it. No location."""
    with transaction() as session:
        return service.acknowledge(session, actor(), **data, now=now())


@officers.route("/privacy-notice")
@officers.response(200, AcknowledgementSchema)
def acknowledgement(supervisee_id: UUID) -> Acknowledgement:
    """Say whether a person has read the version in force."""
    with snapshot() as session:
        return service.acknowledgement(session, actor(), supervisee_id)


BLUEPRINTS = (everybody, mine, officers)
