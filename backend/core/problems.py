"""Problems as answers: every error of ours, werkzeug's, webargs' and the database's (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import flask
import structlog
from flask import Response
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from werkzeug.exceptions import HTTPException

from backend.core.card_numbers import CARD_NUMBER_MESSAGE
from backend.core.db import is_outage, outage_reason
from backend.core.errors import Code, Problem
from backend.core.logs import fault

PROBLEM_JSON: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5

_log = structlog.get_logger()

_BY_STATUS: Final = {
    400: Code.MALFORMED_BODY,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    406: Code.NOT_ACCEPTABLE,
    412: Code.PRECONDITION_FAILED,
    413: Code.TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
    422: Code.INVALID_REQUEST,
    428: Code.PRECONDITION_REQUIRED,
    500: Code.INTERNAL,
    503: Code.UNAVAILABLE,
}


def problem_response(problem: Problem) -> Response:
    """Return `problem` as an application/problem+json answer."""
    body = flask.json.dumps(problem.body())
    return Response(body, problem.code.status, problem.headers, content_type=PROBLEM_JSON)


def http_error_response(error: HTTPException) -> Response:
    """Return werkzeug's and webargs' errors as problem+json."""
    if error.code == Code.NOT_MODIFIED.status:
        return Response(status=error.code)
    data: dict[str, Any] = getattr(error, "data", None) or {}
    if "messages" in data:
        return problem_response(_validation_problem(data["messages"]))
    code = _BY_STATUS.get(error.code or 500, Code.BAD_REQUEST)
    allowed = getattr(error, "valid_methods", None)
    headers = {"Allow": ", ".join(allowed)} if allowed else {}
    return problem_response(Problem(code, headers=headers))


def conflict_response(_: IntegrityError) -> Response:
    """Answer what a constraint refused after a check had passed: somebody else was faster."""
    return problem_response(Problem(Code.CONFLICT))


def outage_response(error: SQLAlchemyError) -> Response:
    """Answer that the database is gone, full or too busy, which passes; a mistake of ours does not.

    A commit whose answer got lost may have happened all the same: a phone's repeated fix and an
    officer's repeated key find it then.
    """
    if not is_outage(error):
        raise error
    _log.error("database.unavailable", reason=outage_reason(error), **fault(error))
    again = {"Retry-After": str(RETRY_AFTER_S)}
    return problem_response(Problem(Code.UNAVAILABLE, headers=again))


def _validation_problem(messages: Mapping[str, Any]) -> Problem:
    """Return marshmallow's messages, keyed by location, as pointers into body or query."""
    if set(messages) == {"json"} and messages["json"] == ["Invalid JSON body."]:
        return Problem(Code.MALFORMED_BODY)
    errors = []
    for location, content in messages.items():
        prefix = "" if location == "json" else "?"
        for path, text in _flatten(content, ()):
            pointer = f"?{'.'.join(path)}" if prefix else "".join(f"/{_escape(p)}" for p in path)
            errors.append({"pointer": pointer, "detail": text})
    return Problem(_validation_code(errors), members={"errors": errors})


def _validation_code(errors: list[dict[str, str]]) -> Code:
    refused = any(error["detail"] == CARD_NUMBER_MESSAGE for error in errors)
    return Code.CARD_NUMBER_REFUSED if refused else Code.INVALID_REQUEST


def _flatten(content: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(content, Mapping):
        for name, inner in content.items():
            step = () if name == "_schema" else (str(name),)
            yield from _flatten(inner, path + step)
    elif isinstance(content, list):
        for inner in content:
            yield from _flatten(inner, path)
    else:
        yield path, str(content)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
