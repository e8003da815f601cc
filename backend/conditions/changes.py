"""Which acts changed what a person is judged by, and from which second on.

Most begin now. An absence may be approved after it was needed, and an order found to have ended:
those change what was judged already, and who judges must know how far back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from backend.audit.service import Act
from backend.conditions.models import RuleChangeRow
from backend.core.actor import Actor
from backend.core.db import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """An act by which fixes taken from `from_s` on are judged by other rules than before.

    `act` and `subject` are None for what was changed before such acts were written down.
    """

    act: Act | None
    subject: tuple[str, UUID] | None
    at: datetime
    from_s: int


def record(
    session: Session, actor: Actor, change: RuleChange, *, supervisee_id: UUID, epoch: int
) -> None:
    """Write down what made the person's rules what they are in this epoch."""
    kind, subject_id = change.subject or (None, None)
    session.add(
        RuleChangeRow(
            supervisee_id=supervisee_id,
            epoch=epoch,
            at=change.at,
            from_s=change.from_s,
            act=change.act,
            subject_kind=kind,
            subject_id=subject_id,
            officer_id=actor.id,
        )
    )


def rule_changes(
    session: Session, supervisee_id: UUID, *, after_epoch: int, until_epoch: int
) -> tuple[RuleChange, ...]:
    """Return the acts of `after_epoch < epoch <= until_epoch`, in their order.

    An epoch without any changed nothing that is judged by rules.
    """
    rows = session.scalars(
        select(RuleChangeRow)
        .where(
            RuleChangeRow.supervisee_id == supervisee_id,
            RuleChangeRow.epoch > after_epoch,
            RuleChangeRow.epoch <= until_epoch,
        )
        .order_by(RuleChangeRow.epoch)
    )
    return tuple(map(_change, rows))


def _change(row: RuleChangeRow) -> RuleChange:
    subject = None
    if row.subject_kind is not None and row.subject_id is not None:
        subject = (row.subject_kind, row.subject_id)
    return RuleChange(
        act=row.act,
        subject=subject,
        at=row.at,
        from_s=row.from_s,
    )
