"""Looking into the audit record, and doing to it what only an intruder would."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select

from backend.audit import service
from backend.audit.models import AuditEvent
from backend.audit.service import Act
from backend.core.actor import SYSTEM, Actor
from backend.core.db import Database, Session
from backend.core.immutability import unguard

_GUARDED: Final = ("audit_events", "audit_seals")


def recorded_acts(session: Session) -> list[str]:
    """Return the values of all recorded acts, in the order of their times."""
    return list(session.scalars(select(AuditEvent.act).order_by(AuditEvent.id)))


def acts_kept(database: Database) -> set[Act]:
    """Return every act of which the record holds an event."""
    with database.snapshot() as session:
        return {Act(act) for act in recorded_acts(session)}


def recorded_text(session: Session) -> str:
    """Return everything that the record holds as one text, to look for what must not be there."""
    rows = session.execute(select(*AuditEvent.__table__.columns))
    return "\n".join(str(tuple(row)) for row in rows)


def make_event(
    session: Session,
    now: datetime,
    *,
    actor: Actor = SYSTEM,
    act: Act = Act.AGENCY_CHANGED,
    agency_id: UUID | None = None,
) -> None:
    """Record some act."""
    service.record(
        session, actor, act, subject=("thing", UUID(int=7)), agency_id=agency_id, now=now
    )


def tamper(database: Database, *statements: str) -> None:
    """Run `statements` as somebody who owns the database and has taken its guards away."""
    if database.embedded:
        _tamper_sqlite(str(database.url.database), statements)
        return
    with database.engine.begin() as connection:
        for table in _GUARDED:
            unguard(connection, table)
        connection.exec_driver_sql(
            "ALTER TABLE audit_seals DROP CONSTRAINT IF EXISTS fk_audit_seals_event_id"
        )
        for statement in statements:
            connection.exec_driver_sql(statement)


def _tamper_sqlite(path: str, statements: tuple[str, ...]) -> None:
    """Use a connection that never asked for foreign keys to be enforced."""
    with closing(sqlite3.connect(path)) as connection:
        for table in _GUARDED:
            for act in ("update", "delete"):
                connection.execute(f"DROP TRIGGER IF EXISTS {table}_no_{act}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
