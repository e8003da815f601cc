"""Whose money an actor may touch: a row that they may see, with its person's book locked."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy import select

from backend.audit import service as audit
from backend.core.actor import Actor, ActorKind
from backend.core.db import Session
from backend.core.errors import not_found
from backend.identity import service as identity
from backend.identity.service import Supervisee
from backend.payments.book import Book, open_book
from backend.payments.hosted_models import HostedPaymentRow, MandateRow
from backend.payments.models import (
    HardshipClaimRow,
    ObligationRow,
    PlanRow,
    ReferralRow,
    ReliefRow,
)

OfAPerson: TypeAlias = (
    ObligationRow
    | ReliefRow
    | PlanRow
    | HardshipClaimRow
    | ReferralRow
    | HostedPaymentRow
    | MandateRow
)
Row = TypeVar("Row", bound=OfAPerson)


def find(session: Session, actor: Actor, kind: type[Row], row_id: UUID) -> Row:
    """Return the row of a person whom `actor` may see. Raises NOT_FOUND."""
    row = session.scalar(
        select(kind).where(
            kind.id == row_id,
            kind.supervisee_id.in_(identity.visible_supervisees(actor)),
        )
    )
    if row is None:
        raise not_found()
    return row


def hold(
    session: Session, actor: Actor, kind: type[Row], row_id: UUID, now: datetime
) -> tuple[Row, Book]:
    """Return the row as it is now, with the person's book, which nobody else changes meanwhile."""
    row = find(session, actor, kind, row_id)
    book = open_book(session, row.agency_id, row.supervisee_id, now)
    session.refresh(row)
    return row, book


def themselves(session: Session, actor: Actor) -> Supervisee:
    """Return the supervised person who acts. Raises NOT_FOUND for anybody else."""
    return identity.get_supervisee(session, actor, own_id(actor))


def own_id(actor: Actor) -> UUID:
    """Return the id of the supervised person who acts. Raises NOT_FOUND for anybody else."""
    if actor.kind is not ActorKind.SUPERVISEE or actor.id is None:
        raise not_found()
    return actor.id


def record(
    session: Session, actor: Actor, act: audit.Act, row: OfAPerson, kind: str, now: datetime
) -> None:
    """Audit what was done with a row of a person's money."""
    audit.record(
        session,
        actor,
        act,
        subject=(kind, row.id),
        agency_id=row.agency_id,
        supervisee_id=row.supervisee_id,
        now=now,
    )
