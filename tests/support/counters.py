"""A counter: an officer who takes cash, a supervisor who counts it again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from backend.core.actor import Actor
from backend.core.db import Session
from backend.core.paging import Cursor
from backend.identity.service import Role
from backend.payments import service
from backend.payments.kinds import Basis
from backend.payments.service import CashDay
from tests.support.identity import actor_of, make_officer
from tests.support.offices import Office


def supervisor_of(session: Session, office: Office, now: datetime) -> Actor:
    """A further officer of the agency, who may approve."""
    return actor_of(make_officer(session, office.agency, now, role=Role.SUPERVISOR))


def days_of(session: Session, actor: Actor, now: datetime, **wanted: bool) -> list[CashDay]:
    """The agency's cash days, the oldest first."""
    filters = {"unconfirmed": False, "overdue": False} | wanted
    page = service.cash_days(session, actor, **filters, cursor=Cursor(limit=100), now=now)
    return sorted(page.items, key=lambda one: (one.day, one.currency))


def closed(
    session: Session, actor: Actor, cash_day_id: UUID, counted_minor: int, now: datetime
) -> CashDay:
    """A day that an officer counted and closed."""
    return service.close_cash_day(
        session, actor, cash_day_id, counted_minor=counted_minor, note="", now=now
    )


def confirmed(
    session: Session,
    actor: Actor,
    cash_day_id: UUID,
    counted_minor: int,
    now: datetime,
    *,
    document: str | None = None,
) -> CashDay:
    """A day that an officer counted again and confirmed; `document` is of a difference."""
    return service.confirm_cash_day(
        session,
        actor,
        cash_day_id,
        counted_minor=counted_minor,
        authority=None if document is None else Basis.POLICY,
        document=document,
        now=now,
    )
