"""HTTP in this project: audiences and their guards, schemas, problem+json, the request's actor.

A blueprint cannot be made without an audience, and `Api` admits a request only through the guard
of its blueprint's audience: who may call a route is decided in one place and can be listed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import flask
import flask_smorest
import structlog
from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException

from backend.core.actor import Actor
from backend.core.clock import Clock
from backend.core.db import Database, Session
from backend.core.errors import Code, Problem
from backend.core.idempotency import Answer, Repetition
from backend.core.problems import (
    PROBLEM_JSON,
    conflict_response,
    http_error_response,
    outage_response,
    problem_response,
)
from backend.core.schemas import ProblemSchema
from backend.core.settings import Settings

Part = TypeVar("Part")
View = Callable[..., Any]
_log = structlog.get_logger()


class Audience(Enum):
    """Who calls a route. The value is the security scheme's name in the OpenAPI document."""

    PUBLIC = "public"
    DEVICE = "device"
    SUPERVISEE = "supervisee"
    SUPERVISEE_UNGATED = "supervisee-ungated"
    OFFICER = "officer"
    PROVIDER = "provider"


class Guard(Protocol):
    """Admits requests of one audience, or answers them itself, or raises a Problem."""

    security: Mapping[str, Any]
    """The OpenAPI security scheme that it checks; empty for none."""
    responses: Mapping[int, str]
    """The statuses that it may answer with, and why: written into the OpenAPI document."""

    def __call__(self) -> Response | None:
        """Check the current request and set its actor; return None to let it through."""
        ...


class Open:
    """The guard of what anybody may call."""

    security: Mapping[str, Any] = {}
    responses: Mapping[int, str] = {}

    def __call__(self) -> None:
        """Let everybody through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What `create_app` built and views need: settings, database, clock, and typed parts."""

    settings: Settings
    database: Database
    clock: Clock
    parts: dict[type, object] = field(default_factory=dict)

    def part(self, kind: type[Part]) -> Part:
        """Return the one part of type `kind` (server keys, a cache …); a fault if none was set."""
        found = self.parts[kind]
        if not isinstance(found, kind):
            raise TypeError(kind.__name__)
        return found


def platform() -> Platform:
    """Return the platform of the application that serves this request."""
    found = current_app.extensions["connectrex"]
    if not isinstance(found, Platform):
        raise TypeError("this application was not made by create_app")
    return found


def now() -> datetime:
    """Return the present instant, the same one throughout a request."""
    if "now" not in g:
        g.now = platform().clock.now()
    instant: datetime = g.now
    return instant


def set_actor(actor: Actor) -> None:
    """Say who makes this request: for guards only."""
    g.actor = actor


def actor() -> Actor:
    """Return who makes this request; a fault where no guard has said so."""
    who: Actor = g.actor
    return who


@contextmanager
def transaction() -> Iterator[Session]:
    """Open the view's one transaction: committed on leaving, rolled back by an exception.

    Inside an idempotent request it joins the transaction that also keeps the answer.
    """
    if "session" in g:
        yield g.session
        return
    with platform().database.transaction() as session:
        yield session


@contextmanager
def snapshot() -> Iterator[Session]:
    """Open the view's one read-only transaction."""
    with platform().database.snapshot() as session:
        yield session


class _ArgumentsParser(FlaskParser):
    """Reads arguments; a query with an unknown parameter is refused, as the schemas say."""

    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": None}

    def _raw_load_json(self, req: flask.Request) -> Any:
        """Read a body as `core.json` does: webargs' own reader takes duplicates, NaN, any depth."""
        body = req.get_data(cache=True)
        if not body or not req.is_json:
            return super()._raw_load_json(req)
        try:
            return current_app.json.loads(body.decode())
        except ValueError:
            raise Problem(Code.MALFORMED_BODY) from None


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest ships no types
    """A blueprint with an audience. Officers' POST requests honour `Idempotency-Key`.

    `keeps_answers` is False for those that change nothing: they may be repeated anyhow, and the
    database would be locked for writing while their answer is made.
    """

    ARGUMENTS_PARSER = _ArgumentsParser()

    def __init__(
        self,
        name: str,
        import_name: str,
        *,
        audience: Audience,
        keeps_answers: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(name, import_name, **options)
        self.audience = audience
        self._keeps_answers = keeps_answers and audience is Audience.OFFICER
        self._prepare_doc_cbks.append(self._document_guard)

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view; an officer's POST becomes repeatable by its idempotency key."""
        register: Callable[[View], View] = super().route(rule, **options)
        if not (self._keeps_answers and "POST" in options.get("methods", ())):
            return register
        return lambda view: register(_repeatable(view))

    if TYPE_CHECKING:
        # flask-smorest ships no types: these are the decorators that our views use.
        def arguments(self, schema: Any, **options: Any) -> Callable[[View], View]: ...
        def response(
            self, status_code: int, schema: Any = None, **options: Any
        ) -> Callable[[View], View]: ...
        def alt_response(self, status_code: int, **options: Any) -> Callable[[View], View]: ...
        def doc(self, **options: Any) -> Callable[[View], View]: ...
        def etag(self, view: View) -> View: ...
        def check_etag(self, current: Any, schema: Any = None) -> None: ...

    def _document_guard(
        self, doc: dict[str, Any], _info: Any, *, api: Api, method: str, **_: Any
    ) -> dict[str, Any]:
        """Write the guard's security scheme and answers into the operation's documentation."""
        guard = api.guards[self.audience]
        if guard.security:
            doc["security"] = [{self.audience.value: []}]
        responses = doc.setdefault("responses", {})
        for status, why in guard.responses.items():
            own = responses.pop(status, {})  # what the view says of it by `alt_response`
            responses.setdefault(str(status), _problem_response(own.get("description", why)))
        if self._keeps_answers and method == "post":
            doc.setdefault("parameters", []).append(_IDEMPOTENCY_PARAMETER)
        return doc


_IDEMPOTENCY_PARAMETER: Final = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "Any text of at most 200 characters. The same key with the same request gets "
    "the first answer again, for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}


def _problem_response(description: str) -> dict[str, Any]:
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}


_TOLD: Final = ("ETag", "Cache-Control", "Location")
"""What a view's answer says in headers, and says again."""


def _repeatable(view: View) -> View:
    """Return `view` so that a repeated `Idempotency-Key` gets the first answer, not a second act.

    The answer is stored in the transaction of the act: either both happened or neither.
    """

    def once(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(*args, **kwargs)
        secret = platform().settings.root_secret
        repetition = Repetition(secret, key, request.method, request.full_path, request.get_data())
        with platform().database.transaction() as session:
            stored = repetition.recall(session, actor(), now())
            if stored is not None:
                return _told_again(stored)
            g.session = session
            try:
                response = current_app.make_response(view(*args, **kwargs))
            finally:
                g.pop("session")
            answer = Answer(
                status=response.status_code,
                content_type=response.content_type,
                headers={
                    name: response.headers[name] for name in _TOLD if name in response.headers
                },
                body=response.get_data(),
            )
            repetition.keep(session, actor(), answer, now())
            return response

    once.__name__, once.__doc__ = view.__name__, view.__doc__
    once._apidoc = getattr(view, "_apidoc", {})  # type: ignore[attr-defined]  # noqa: SLF001 - how flask-smorest passes documentation on
    return once


def _told_again(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers, content_type=answer.content_type)


class Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest ships no types
    """The API: problem+json for every error, a guard before every request."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = "DEFAULT_ERROR"

    def __init__(self, app: Flask, guards: Mapping[Audience, Guard]) -> None:
        self.guards = guards
        self._audiences: dict[str, Audience] = {}
        self._undocumented: list[Blueprint] = []
        self._documenting = threading.Lock()
        super().__init__(app)
        app.register_error_handler(Problem, problem_response)
        app.register_error_handler(IntegrityError, conflict_response)
        app.register_error_handler(DBAPIError, outage_response)
        app.register_error_handler(PoolTimeoutError, outage_response)
        app.before_request(self._admit)
        for audience, guard in guards.items():
            if guard.security:
                self.spec.components.security_scheme(audience.value, dict(guard.security))

    def register_blueprint(self, blp: Blueprint, **options: Any) -> None:
        """Register `blp`, whose requests then pass the guard of its audience."""
        self._audiences[blp.name] = blp.audience
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp, **options)
        self._undocumented.append(blp)

    def audiences(self) -> dict[str, Audience]:
        """Return each blueprint's audience, by the blueprint's name."""
        return dict(self._audiences)

    def _openapi_json(self) -> Any:
        """Serve the document, which is made when it is first asked for: it takes a while."""
        with self._documenting:
            while self._undocumented:
                blp = self._undocumented.pop(0)
                blp.register_views_in_doc(
                    self, self._app, self.spec, name=blp.name, parameters=None
                )
                self.spec.tag({"name": blp.name, "description": blp.description})
        return super()._openapi_json()

    def _admit(self) -> Response | None:
        audience = self._audiences.get(request.blueprint or "")
        return None if audience is None else self.guards[audience]()

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Return werkzeug's and webargs' errors as problem+json."""
        return http_error_response(error)

    def _register_responses(self) -> None:
        """Say once that every error is problem+json, instead of flask-smorest's own form."""
        self.spec.components.schema("Problem", schema=ProblemSchema)
        super()._register_responses()
        described = self.spec.components.responses_lazy
        for status in HTTPStatus:
            if status >= HTTPStatus.BAD_REQUEST:
                described[status.name] = _problem_response(status.phrase)
        described[self.DEFAULT_ERROR_RESPONSE_NAME] = _problem_response(
            "What was wrong, with a stable code"
        )
