"""The list of revoked attestation keys, as this installation last fetched it.

Every version is kept, beside the devices that were judged by it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from sqlalchemy import select

from backend.attestation.android.status_list import (
    StatusList,
    StatusListFault,
    read_status_list,
)
from backend.core.db import Session
from backend.devices.models import StatusListRow

_KEPT_READINGS: Final = 2
"""A list has thousands of entries, and every enrolment of an Android phone asks for it."""


class StatusListFaultError(Exception):
    """What was fetched is no status list; the one before stays in use until it is too old."""


def keep_status_list(session: Session, data: bytes, *, fetched_at: datetime) -> str:
    """Keep a list as of `fetched_at` and return its version. Raises StatusListFaultError.

    One that is kept already is noted as seen again, and never as older than it was.
    """
    found = read_status_list(data, fetched_at=fetched_at)
    if isinstance(found, StatusListFault):
        raise StatusListFaultError(found.name)
    row = session.get(StatusListRow, found.version, with_for_update=True)
    if row is None:
        row = StatusListRow(version=found.version, body=data, fetched_at=fetched_at)
        session.add(row)
    row.fetched_at = max(row.fetched_at, fetched_at)
    session.flush()
    return found.version


def current_status_list(session: Session) -> StatusList | None:
    """Return the list that was fetched last, however long ago; None if none ever was."""
    row = session.scalar(select(StatusListRow).order_by(StatusListRow.fetched_at.desc()).limit(1))
    return None if row is None else replace(_reading(row.body), fetched_at=row.fetched_at)


@lru_cache(maxsize=_KEPT_READINGS)
def _reading(body: bytes) -> StatusList:
    found = read_status_list(body, fetched_at=datetime.max.replace(tzinfo=UTC))
    if isinstance(found, StatusListFault):
        raise StatusListFaultError(found.name)
    return found
