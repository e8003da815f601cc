"""The application: a table of contents. Here each audience gets its guard."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from flask import Flask, Response, g, got_request_exception, request
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.middleware.proxy_fix import ProxyFix

from backend import worker
from backend.alerts.views import BLUEPRINTS as ALERTS
from backend.appointments.check_in_views import BLUEPRINTS as CHECK_INS
from backend.appointments.views import BLUEPRINTS as APPOINTMENTS
from backend.attestation.web.passkey import RelyingParty
from backend.audit.views import BLUEPRINTS as AUDIT
from backend.conditions.views import BLUEPRINTS as CONDITIONS
from backend.core import logs
from backend.core.clock import Clock
from backend.core.db import Database
from backend.core.health import BLUEPRINTS as HEALTH
from backend.core.http import Api, Audience, Guard, Open, Platform
from backend.core.jobs import Schedule
from backend.core.json import StrictJsonProvider
from backend.core.settings import Settings
from backend.devices.authentication import Authentication
from backend.devices.evidence_policy import EvidencePolicy
from backend.devices.presence_views import BLUEPRINTS as PRESENCE
from backend.devices.views import BLUEPRINTS as DEVICES
from backend.identity.guard import OfficerGuard
from backend.identity.views import BLUEPRINTS as IDENTITY
from backend.location.guard import GateGuard, PhoneGuard, UngatedGuard
from backend.location.intake import Intake
from backend.location.journal import Journal
from backend.location.rulebook import RuleBook
from backend.location.views import BLUEPRINTS as LOCATION
from backend.payments.guard import ProviderGuard
from backend.payments.hosted_views import BLUEPRINTS as HOSTED_PAYMENTS
from backend.payments.provider import Desk
from backend.payments.suspense_views import BLUEPRINTS as SUSPENSE
from backend.payments.views import BLUEPRINTS as PAYMENTS
from backend.privacy.views import BLUEPRINTS as PRIVACY
from backend.reminders.views import BLUEPRINTS as REMINDERS
from backend.requests.views import BLUEPRINTS as REQUESTS

MAX_BODY_BYTES: Final = 1 << 20

BLUEPRINTS: Final = (
    *HEALTH,
    *IDENTITY,
    *DEVICES,
    *PRESENCE,
    *CONDITIONS,
    *LOCATION,
    *ALERTS,
    *PAYMENTS,
    *HOSTED_PAYMENTS,
    *SUSPENSE,
    *APPOINTMENTS,
    *CHECK_INS,
    *REMINDERS,
    *REQUESTS,
    *PRIVACY,
    *AUDIT,
)

CONFIGURATION: Final[Mapping[str, Any]] = {
    "API_TITLE": "connectrex",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/",
    "OPENAPI_JSON_PATH": "openapi.json",
    "MAX_CONTENT_LENGTH": MAX_BODY_BYTES,
}


class Application(Flask):
    """Flask without its question, asked of every function in every request, whether it is async."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return `func`: none of ours is async."""
        return func


def create_app(settings: Settings, database: Database, clock: Clock) -> Flask:
    """Return the WSGI application on `database`, which the caller opened and closes."""
    app = Application(__name__, static_folder=None)
    app.json = StrictJsonProvider(app)
    app.config.update(CONFIGURATION)
    if settings.trusted_proxies:
        proxied = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0)
        app.wsgi_app = proxied  # type: ignore[method-assign]  # Flask's documented way to wrap
    authentication = Authentication.of(settings)
    desk = Desk(provider=worker.open_provider(settings))
    app.extensions["connectrex"] = Platform(
        settings=settings,
        database=database,
        clock=clock,
        parts={
            Authentication: authentication,
            EvidencePolicy: EvidencePolicy.of(settings),
            RelyingParty: RelyingParty.of(settings.public_url),
            Schedule: worker.SCHEDULE,
            Desk: desk,
        },
    )
    logs.configure(settings)
    app.before_request(_start_timing)
    app.after_request(_request_log())
    got_request_exception.connect(_log_fault, app)
    api = Api(app, guards(authentication, database, desk))
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    app.register_blueprint(
        get_swaggerui_blueprint("/docs", "/openapi.json", config={"validatorUrl": None})
    )
    return app


def guards(
    authentication: Authentication, database: Database, desk: Desk
) -> Mapping[Audience, Guard]:
    """Return who may come in to what: the one list of guards by audience."""
    book = RuleBook()
    return {
        Audience.PUBLIC: Open(),
        Audience.OFFICER: OfficerGuard(),
        Audience.PROVIDER: ProviderGuard(desk),
        Audience.DEVICE: PhoneGuard(authentication, Journal(database, authentication, book)),
        Audience.SUPERVISEE: GateGuard(authentication, Intake(database, authentication, book)),
        Audience.SUPERVISEE_UNGATED: UngatedGuard(authentication),
    }


_log = structlog.get_logger()


def _start_timing() -> None:
    g.started_s = time.perf_counter()


def _request_log() -> Callable[[Response], Response]:
    """Return what logs each answer: its route, never its path, which holds identifiers."""
    log = _log.bind()  # Bound once: to do so for each answer costs as much as to log it.

    def log_request(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        spent_ms = (time.perf_counter() - g.started_s) * 1000 if "started_s" in g else 0.0
        log.info(
            "answered",
            method=request.method,
            route=route,
            status=response.status_code,
            duration_ms=round(spent_ms, 1),
        )
        return response

    return log_request


def _log_fault(_app: Flask, exception: BaseException, **_: Any) -> None:
    _log.error("failed", **logs.fault(exception))
