"""Lists of growing things: keyset cursors over UUIDv7 identifiers, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from backend.core.db import Session

MAX_PAGE: Final = 200
DEFAULT_PAGE: Final = 50
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """Some items, newest first, and the cursor of those that follow (None at the end)."""

    items: Sequence[Item]
    next: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a page begins (after this identifier) and how many items it may hold."""

    after: UUID | None = None
    limit: int = DEFAULT_PAGE


def fetch_page(
    session: Session,
    statement: Select[Any],
    key: InstrumentedAttribute[UUID],
    cursor: Cursor,
) -> Page[Item]:
    """Return one page of `statement`'s rows, ordered by `key` descending (UUIDv7: newest first)."""
    if cursor.after is not None:
        statement = statement.where(key < cursor.after)
    rows = list(session.scalars(statement.order_by(key.desc()).limit(cursor.limit + 1)))
    more = len(rows) > cursor.limit
    items = rows[: cursor.limit]
    return Page(items=items, next=getattr(items[-1], key.key) if more else None)
