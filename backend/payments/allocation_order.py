"""Which kind of obligation is paid first: each agency's own list, as data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from backend.audit import service as audit
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.payments.kinds import DEFAULT_ALLOCATION_ORDER, ObligationKind
from backend.payments.models import AllocationOrderRow


def allocation_order(session: Session, agency_id: UUID) -> tuple[ObligationKind, ...]:
    """Return every kind of obligation, the first to be paid first."""
    row = session.get(AllocationOrderRow, agency_id)
    if row is None:
        return DEFAULT_ALLOCATION_ORDER
    return tuple(ObligationKind(kind) for kind in row.kinds)


def allocation_order_to_change(session: Session, actor: Actor) -> tuple[ObligationKind, ...]:
    """Return the present order, locked until the transaction ends. Raises FORBIDDEN."""
    actor.require(Permission.AGENCY_MANAGE)
    session.get(AllocationOrderRow, actor.agency, with_for_update=True)
    return allocation_order(session, actor.agency)


def change_allocation_order(
    session: Session, actor: Actor, kinds: Sequence[ObligationKind], *, now: datetime
) -> tuple[ObligationKind, ...]:
    """Return the new order, by which money is allocated from now on. Audited.

    What was paid stays paid. Raises FORBIDDEN, INVALID_REQUEST unless each kind stands once.
    """
    actor.require(Permission.AGENCY_MANAGE)
    if sorted(kinds, key=_value) != sorted(ObligationKind, key=_value):
        raise Problem(Code.INVALID_REQUEST, "Each kind must stand once.", pointer="/kinds")
    values = [kind.value for kind in kinds]
    session.merge(AllocationOrderRow(agency_id=actor.agency, kinds=values))
    audit.record(
        session,
        actor,
        audit.Act.ALLOCATION_ORDER_CHANGED,
        subject=("agency", actor.agency),
        now=now,
        details={"kinds": values},
    )
    return tuple(kinds)


def _value(kind: ObligationKind) -> str:
    return kind.value
