"""The table of requests."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.classification import CASE, OPERATIONAL
from backend.core.db import Base, stored_enum
from backend.requests.values import Request, RequestKind, RequestState

MAX_TEXT_CHARACTERS: Final = 2_000
IS_OPEN: Final = text("state = 'open'")

_MAY_CHANGE: Final = ("state", "answer", "answered_by", "answered_at")
"""The answer alone: what was asked, by whom and when stays as it came."""


class RequestRow(Base):
    """What a person asked of their agency, and what an officer answered."""

    __tablename__ = "requests"
    __table_args__ = (
        Index("ix_requests_supervisee_id_id", "supervisee_id", "id"),
        Index("ix_requests_open", "id", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
        {"info": {"immutable": _MAY_CHANGE}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    kind: Mapped[RequestKind] = mapped_column(stored_enum(RequestKind), info=CASE)
    text: Mapped[str] = mapped_column(String(MAX_TEXT_CHARACTERS), info=CASE)
    starts_at: Mapped[datetime | None] = mapped_column(info=CASE)
    ends_at: Mapped[datetime | None] = mapped_column(info=CASE)
    asked_at: Mapped[datetime] = mapped_column(info=CASE)
    state: Mapped[RequestState] = mapped_column(stored_enum(RequestState), info=CASE)
    answer: Mapped[str | None] = mapped_column(String(MAX_TEXT_CHARACTERS), info=CASE)
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    answered_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)


def request_of(row: RequestRow) -> Request:
    """Return a row as others see it."""
    return Request(**{item.name: getattr(row, item.name) for item in fields(Request)})
