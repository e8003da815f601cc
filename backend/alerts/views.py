"""The officers' API of alerts: read them, take the steps of triage, see the key figures.

A step names the version that it was decided on (`If-Match`): who decides has seen what judging
said last.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.alerts import service
from backend.alerts.figures import Figures
from backend.alerts.lifecycle import Step
from backend.alerts.schemas import (
    AlertDetailSchema,
    AlertFilterSchema,
    AlertPageSchema,
    FiguresSchema,
    NoteSchema,
    PeriodSchema,
    ResolutionSchema,
)
from backend.alerts.values import Alert, AlertDetail
from backend.core.http import Audience, Blueprint, actor, now, snapshot, transaction
from backend.core.paging import Page

blp = Blueprint(
    "alerts",
    __name__,
    url_prefix="/v1/alerts",
    audience=Audience.OFFICER,
    description="What calls for an officer's decision",
)
blp.METHODS_NEEDING_CHECK_ETAG = ["POST"]


@blp.route("")
@blp.arguments(AlertFilterSchema, location="query")
@blp.response(200, AlertPageSchema)
def list_alerts(filters: dict[str, Any]) -> Page[Alert]:
    """List alerts, newest first."""
    with snapshot() as session:
        return service.alerts(session, actor(), **filters)


@blp.route("/figures")
@blp.arguments(PeriodSchema, location="query")
@blp.response(200, FiguresSchema)
def figures(period: dict[str, Any]) -> Figures:
    """Give the key figures of a period."""
    with snapshot() as session:
        return service.figures(session, actor(), **period)


@blp.route("/<uuid:alert_id>")
@blp.etag
@blp.response(200, AlertDetailSchema)
def read_alert(alert_id: UUID) -> AlertDetail:
    """Give one alert with its explanation and history."""
    with snapshot() as session:
        return service.alert(session, actor(), alert_id)


@blp.route("/<uuid:alert_id>/acknowledgement", methods=["POST"])
@blp.etag
@blp.arguments(NoteSchema)
@blp.response(200, AlertDetailSchema)
def acknowledge(data: dict[str, Any], alert_id: UUID) -> AlertDetail:
    """Say that somebody has seen it: e-mails that are still unsent are taken back."""
    return _take(alert_id, Step.ACKNOWLEDGE, data)


@blp.route("/<uuid:alert_id>/investigation", methods=["POST"])
@blp.etag
@blp.arguments(NoteSchema)
@blp.response(200, AlertDetailSchema)
def investigate(data: dict[str, Any], alert_id: UUID) -> AlertDetail:
    """Say that somebody is finding out what happened."""
    return _take(alert_id, Step.INVESTIGATE, data)


@blp.route("/<uuid:alert_id>/contacts", methods=["POST"])
@blp.etag
@blp.arguments(NoteSchema)
@blp.response(200, AlertDetailSchema)
def record_contact(data: dict[str, Any], alert_id: UUID) -> AlertDetail:
    """Record that the person was spoken to: the first time is kept."""
    return _take(alert_id, Step.RECORD_CONTACT, data)


@blp.route("/<uuid:alert_id>/notes", methods=["POST"])
@blp.etag
@blp.arguments(NoteSchema)
@blp.response(200, AlertDetailSchema)
def note(data: dict[str, Any], alert_id: UUID) -> AlertDetail:
    """Add a note, whatever the alert's state."""
    return _take(alert_id, Step.NOTE, data)


@blp.route("/<uuid:alert_id>/resolution", methods=["POST"])
@blp.etag
@blp.arguments(ResolutionSchema)
@blp.response(200, AlertDetailSchema)
def resolve(data: dict[str, Any], alert_id: UUID) -> AlertDetail:
    """Decide what it was; judging again will not change the decision."""
    return _take(alert_id, Step.RESOLVE, data)


@blp.route("/<uuid:alert_id>/reopening", methods=["POST"])
@blp.etag
@blp.arguments(NoteSchema)
@blp.response(200, AlertDetailSchema)
def reopen(data: dict[str, Any], alert_id: UUID) -> AlertDetail:
    """Take a decided alert up again."""
    return _take(alert_id, Step.REOPEN, data)


def _take(alert_id: UUID, step: Step, data: dict[str, Any]) -> AlertDetail:
    with transaction() as session:
        blp.check_etag(service.hold_alert(session, actor(), alert_id), AlertDetailSchema)
        return service.take_step(session, actor(), alert_id, step, **data, now=now())


BLUEPRINTS = (blp,)
