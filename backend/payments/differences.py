"""In what the provider's books and ours differ: noted once, shown, explained by an officer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import select

from backend.audit import service as audit
from backend.core.actor import SYSTEM, Actor, Permission
from backend.core.db import Session, insert_once
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.payments.hosted_models import DifferenceKind, DifferenceRow
from backend.payments.provider import ProviderPayment

_FOUND = Counter(
    "connectrex_payment_differences", "Differences between the provider's books and ours", ["kind"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something in which the books differ; `reference` is the provider's."""

    id: UUID
    kind: DifferenceKind
    reference: str
    amount_minor: int | None
    currency: str | None
    hosted_payment_id: UUID | None
    found_at: datetime
    explained_at: datetime | None
    explained_by: UUID | None
    explanation: str | None


def differences_of_nobody(session: Session) -> list[Difference]:
    """Return the unexplained differences that name no agency, oldest first: the operator's."""
    rows = session.scalars(
        select(DifferenceRow)
        .where(DifferenceRow.agency_id.is_(None), DifferenceRow.explained_at.is_(None))
        .order_by(DifferenceRow.id)
    )
    return [_value(row) for row in rows]


def note_difference(
    session: Session,
    kind: DifferenceKind,
    payment: ProviderPayment | str,
    *,
    agency_id: UUID | None,
    hosted_payment_id: UUID | None = None,
    now: datetime,
) -> None:
    """Note a difference about a payment, or about a reference alone, once. Audited."""
    known = payment if isinstance(payment, ProviderPayment) else None
    row = DifferenceRow
    difference_id = session.scalar(
        insert_once(session, row)
        .values(
            id=new_id(now),
            agency_id=agency_id,
            hosted_payment_id=hosted_payment_id,
            kind=kind,
            reference=payment.reference if isinstance(payment, ProviderPayment) else payment,
            amount_minor=known.received_minor if known else None,
            currency=known.currency if known else None,
            found_at=now,
        )
        .on_conflict_do_nothing(index_elements=[row.reference, row.kind])
        .returning(row.id)
    )
    if difference_id is not None:
        _FOUND.labels(kind.value).inc()
        audit.record(
            session,
            SYSTEM,
            audit.Act.PAYMENT_DIFFERENCE_FOUND,
            subject=("payment-difference", difference_id),
            agency_id=agency_id,
            now=now,
            details={"kind": kind.value},
        )


def differences(
    session: Session, actor: Actor, *, open_only: bool, cursor: Cursor
) -> Page[Difference]:
    """Return a page of the agency's differences, newest first. Raises FORBIDDEN."""
    actor.require(Permission.PAYMENT_READ)
    theirs = select(DifferenceRow).where(DifferenceRow.agency_id == actor.agency)
    if open_only:
        theirs = theirs.where(DifferenceRow.explained_at.is_(None))
    page: Page[DifferenceRow] = fetch_page(session, theirs, DifferenceRow.id, cursor)
    return Page(items=[_value(row) for row in page.items], next=page.next)


def explain_difference(
    session: Session, actor: Actor, difference_id: UUID, *, explanation: str, now: datetime
) -> Difference:
    """Return the difference with an officer's explanation. Audited.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION when it was explained before.
    """
    actor.require(Permission.PAYMENT_RECORD)
    row = session.scalar(
        select(DifferenceRow)
        .where(DifferenceRow.id == difference_id, DifferenceRow.agency_id == actor.agency)
        .with_for_update()
    )
    if row is None:
        raise not_found()
    if row.explained_at is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "The difference was explained before.")
    row.explained_at, row.explained_by, row.explanation = now, actor.id, explanation
    audit.record(
        session,
        actor,
        audit.Act.PAYMENT_DIFFERENCE_EXPLAINED,
        subject=("payment-difference", row.id),
        now=now,
    )
    return _value(row)


def _value(row: DifferenceRow) -> Difference:
    return Difference(
        id=row.id,
        kind=row.kind,
        reference=row.reference,
        amount_minor=row.amount_minor,
        currency=row.currency,
        hosted_payment_id=row.hosted_payment_id,
        found_at=row.found_at,
        explained_at=row.explained_at,
        explained_by=row.explained_by,
        explanation=row.explanation,
    )
