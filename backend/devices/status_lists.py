"""The list of revoked attestation keys, as this installation last fetched it.

A version is kept for a month after a newer one took its place, and as long as a device that was
judged by it, or an officer who was told, may point at it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from sqlalchemy import delete, select

from backend.alerts import service as alerts
from backend.attestation.android.status_list import (
    StatusList,
    StatusListFault,
    read_status_list,
)
from backend.core.db import Session
from backend.devices.models import DeviceEvidence, PresenceKey, StatusListRow

REVOKED_SOURCE: Final = "device-revocation"
"""Of alerts about phones whose key a list names."""
KEPT_FOR: Final = timedelta(days=30)
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
    if row is None:
        return None
    found = _reading(row.body)
    if found.version != row.version:
        raise StatusListFaultError("ALTERED")
    return replace(found, fetched_at=row.fetched_at)


def forget_old_status_lists(session: Session, now: datetime) -> int:
    """Forget the versions that nobody needs any more, and return how many they were."""
    newest = select(StatusListRow.version).order_by(StatusListRow.fetched_at.desc()).limit(1)
    superseded = (StatusListRow.fetched_at <= now - KEPT_FOR) & (
        StatusListRow.version != newest.scalar_subquery()
    )
    old = set(session.scalars(select(StatusListRow.version).where(superseded)))
    unneeded = old - _named(session, old) if old else old
    session.execute(delete(StatusListRow).where(StatusListRow.version.in_(unneeded)))
    return len(unneeded)


def _named(session: Session, versions: Collection[str]) -> set[str]:
    """Return those of some versions that evidence, or an alert about a revoked key, names."""
    named = {
        said.get("status_list_version") for said in alerts.explanations(session, REVOKED_SOURCE)
    }
    for column in (DeviceEvidence.status_list_version, PresenceKey.status_list_version):
        named |= set(session.scalars(select(column).where(column.in_(versions)).distinct()))
    return {version for version in named if version is not None}


@lru_cache(maxsize=_KEPT_READINGS)
def _reading(body: bytes) -> StatusList:
    found = read_status_list(body, fetched_at=datetime.max.replace(tzinfo=UTC))
    if isinstance(found, StatusListFault):
        raise StatusListFaultError(found.name)
    return found
