"""The API of statements: as JSON, as CSV for spreadsheets, and as PDF to print and to give."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import Response

from backend.core.http import Audience, Blueprint, actor, now, snapshot
from backend.payments import service
from backend.payments.schemas import StatementPeriodSchema, StatementSchema
from backend.payments.statement_csv import to_csv
from backend.payments.statement_pdf import to_pdf

_CSV: Final = "text/csv"
_PDF: Final = "application/pdf"
_TEXT: Final = {"type": "string"}
_BYTES: Final = {"type": "string", "format": "binary"}

officers = Blueprint(
    "statements",
    __name__,
    url_prefix="/v1/supervisees/<uuid:supervisee_id>",
    audience=Audience.OFFICER,
    description="People's accounts over a period",
)
own = Blueprint(
    "own-statements",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE,
    description="The account of the person who asks",
)
BLUEPRINTS = (officers, own)


@officers.route("/statement")
@officers.arguments(StatementPeriodSchema, location="query")
@officers.response(200, StatementSchema)
def read_statement(period: dict[str, Any], supervisee_id: UUID) -> service.Statement:
    """Give the person's account over a period."""
    with snapshot() as session:
        return service.statement(session, actor(), supervisee_id, **period, now=now())


@officers.route("/statement.csv")
@officers.arguments(StatementPeriodSchema, location="query")
@officers.response(200, _TEXT, content_type=_CSV)
def read_statement_as_csv(period: dict[str, Any], supervisee_id: UUID) -> Response:
    """Give the person's account over a period, a line a transaction (RFC 4180, UTF-8)."""
    with snapshot() as session:
        found = service.statement(session, actor(), supervisee_id, **period, now=now())
    return _csv(found)


@officers.route("/statement.pdf")
@officers.arguments(StatementPeriodSchema, location="query")
@officers.response(200, _BYTES, content_type=_PDF)
def read_statement_as_pdf(period: dict[str, Any], supervisee_id: UUID) -> Response:
    """Give the person's account over a period to print, in the person's language."""
    with snapshot() as session:
        found = service.statement_document(session, actor(), supervisee_id, **period, now=now())
    return _pdf(found)


@own.route("/statement")
@own.arguments(StatementPeriodSchema, location="query")
@own.response(200, StatementSchema)
def read_own_statement(period: dict[str, Any]) -> service.Statement:
    """Give one's own account over a period."""
    with snapshot() as session:
        return service.own_statement(session, actor(), **period, now=now())


@own.route("/statement.csv")
@own.arguments(StatementPeriodSchema, location="query")
@own.response(200, _TEXT, content_type=_CSV)
def read_own_statement_as_csv(period: dict[str, Any]) -> Response:
    """Give one's own account over a period, a line a transaction (RFC 4180, UTF-8)."""
    with snapshot() as session:
        found = service.own_statement(session, actor(), **period, now=now())
    return _csv(found)


@own.route("/statement.pdf")
@own.arguments(StatementPeriodSchema, location="query")
@own.response(200, _BYTES, content_type=_PDF)
def read_own_statement_as_pdf(period: dict[str, Any]) -> Response:
    """Give one's own account over a period to print, in one's language."""
    with snapshot() as session:
        found = service.own_statement_document(session, actor(), **period, now=now())
    return _pdf(found)


def _csv(statement: service.Statement) -> Response:
    return _file(to_csv(statement), f"{_CSV}; charset=utf-8; header=present", "statement.csv")


def _pdf(document: service.StatementDocument) -> Response:
    return _file(to_pdf(document), _PDF, "statement.pdf")


def _file(content: str | bytes, content_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, content_type=content_type)
