"""Is it alive, is it ready, how is it doing: for load balancers and monitoring."""

from __future__ import annotations

import hmac
from math import inf
from typing import Any, Final

import marshmallow as ma
from flask import Response, request
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.core.errors import Code, Problem, not_found
from backend.core.http import Audience, Blueprint, now, platform, snapshot
from backend.core.jobs import Heartbeat, Schedule, heartbeats
from backend.core.metrics import registry
from backend.core.schemas import Schema
from backend.core.settings import Mode

blp = Blueprint("operations", __name__, audience=Audience.PUBLIC, description="Health and metrics")


class HealthSchema(Schema):
    """The process answers."""

    status = ma.fields.String(required=True)


class ReadinessSchema(HealthSchema):
    """The process can do its work; jobs that have stopped are named."""

    overdue_jobs = ma.fields.List(ma.fields.String(), required=True)


@blp.route("/healthz")
@blp.response(200, HealthSchema)
def health() -> dict[str, str]:
    """Say that the process is alive."""
    return {"status": "alive"}


@blp.route("/readyz")
@blp.response(200, ReadinessSchema)
def readiness() -> dict[str, Any]:
    """Say whether the database answers, and which jobs have stopped running."""
    schedule = platform().part(Schedule)
    try:
        with snapshot() as session:
            session.execute(text("SELECT 1"))
            beats = heartbeats(session, list(schedule.periods_s))
    except SQLAlchemyError:
        raise Problem(Code.UNAVAILABLE, "The database does not answer.") from None
    overdue = [beat.job for beat in beats if beat.is_overdue(schedule.periods_s[beat.job], now())]
    return {"status": "degraded" if overdue else "ready", "overdue_jobs": overdue}


_AGE: Final = Gauge(
    "connectrex_heartbeat_age_seconds",
    "Since a job last finished; infinite if it never did, or nobody knows",
    ["job"],
    multiprocess_mode="mostrecent",
)


def _measure_heartbeats() -> None:
    """Set the ages anew; what the database does not tell must not look fresh."""
    jobs = list(platform().part(Schedule).periods_s)
    try:
        with snapshot() as session:
            beats = heartbeats(session, jobs)
    except SQLAlchemyError:
        beats = [Heartbeat(job=job, finished_at=None) for job in jobs]
    for beat in beats:
        at = beat.finished_at
        _AGE.labels(beat.job).set(inf if at is None else (now() - at).total_seconds())


@blp.route("/metrics")
@blp.response(200, {"type": "string"}, content_type="text/plain")
def metrics() -> Response:
    """Give the counters in Prometheus' text format; a bearer token guards them."""
    settings = platform().settings
    if settings.metrics_token is None and settings.mode is Mode.PRODUCTION:
        raise not_found()
    given = request.headers.get("Authorization", "")
    wanted = f"Bearer {settings.metrics_token}"
    if settings.metrics_token and not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Problem(Code.UNAUTHENTICATED)
    _measure_heartbeats()
    return Response(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)


BLUEPRINTS = (blp,)
