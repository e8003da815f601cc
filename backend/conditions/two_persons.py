"""The rule of two persons: what one officer proposes, another approves, and never the same one.

1. only an officer decides: no system, no supervisee
2. what is withdrawn or already approved cannot be approved
3. the approver is not the author
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from backend.conditions.models import Approvable, Withdrawable
from backend.core.actor import Actor, ActorKind
from backend.core.errors import Code, Problem


def deciding_officer(actor: Actor) -> UUID:
    """Return the officer who acts; raises FORBIDDEN for anybody else."""
    # 1
    if actor.kind is not ActorKind.OFFICER or actor.id is None:
        raise Problem(Code.FORBIDDEN, "Only an officer decides this.")
    return actor.id


def approve(row: Approvable, actor: Actor, now: datetime) -> None:
    """Put the second person's name under `row`.

    Raises FORBIDDEN, ILLEGAL_TRANSITION (nothing to approve), SECOND_PERSON_REQUIRED.
    """
    approver_id = deciding_officer(actor)
    # 2
    require_undecided(row)
    # 3
    if row.author_id == approver_id:
        raise Problem(
            Code.SECOND_PERSON_REQUIRED, "Who proposed this cannot approve it: ask another officer."
        )
    row.approver_id, row.approved_at = approver_id, now


def require_undecided(row: Approvable) -> None:
    """Raise ILLEGAL_TRANSITION if `row` was approved or withdrawn already."""
    if row.approved_at is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "This has been approved already.")
    if isinstance(row, Withdrawable) and row.withdrawn_at is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "This has been withdrawn.")


def withdraw(row: Withdrawable, actor: Actor, reason: str, now: datetime) -> None:
    """End `row` now; what it let pass until now stays passed. Raises as `approve`."""
    withdrawn_by = deciding_officer(actor)
    if row.withdrawn_at is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "This has been withdrawn already.")
    row.withdrawn_by, row.withdrawn_at, row.withdrawal_reason = withdrawn_by, now, reason
