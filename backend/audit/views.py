"""The record, for those who audit their agency."""

from __future__ import annotations

from typing import Any

from backend.audit import service
from backend.audit.schemas import EventFilterSchema, EventPageSchema
from backend.core.http import Audience, Blueprint, actor, snapshot
from backend.core.paging import Page

blp = Blueprint(
    "audit",
    __name__,
    url_prefix="/v1/audit",
    audience=Audience.OFFICER,
    description="Who did what, when, from where, on what, with what outcome",
)


@blp.route("")
@blp.arguments(EventFilterSchema, location="query")
@blp.response(200, EventPageSchema)
def list_events(filters: dict[str, Any]) -> Page[service.Event]:
    """List the agency's recorded acts, newest first."""
    with snapshot() as session:
        return service.events(session, actor(), **filters)


BLUEPRINTS = (blp,)
