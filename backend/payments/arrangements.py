"""What changes when an obligation is due: plans, claims, referrals, as queries for what is owed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import Select, or_, select

from backend.core.db import Session
from backend.payments.instalments import Instalment
from backend.payments.kinds import Decision, ObligationStatus, PlanState
from backend.payments.models import (
    ClaimedObligationRow,
    HardshipClaimRow,
    PlanInstalmentRow,
    PlanRow,
    ReferralRow,
)


def planned() -> Select[UUID]:
    """Return the query of obligations that an active plan covers, for use inside others."""
    return (
        select(PlanInstalmentRow.obligation_id)
        .join(PlanRow, PlanRow.id == PlanInstalmentRow.plan_id)
        .where(PlanRow.state == PlanState.ACTIVE)
    )


def claimed(today: date) -> Select[UUID]:
    """Return the query of obligations with an open claim, or one that gives time beyond `today`."""
    granted = HardshipClaimRow.decision == Decision.GRANTED
    return (
        select(ClaimedObligationRow.obligation_id)
        .join(HardshipClaimRow, HardshipClaimRow.id == ClaimedObligationRow.claim_id)
        .where(
            or_(
                HardshipClaimRow.decision.is_(None),
                granted & (HardshipClaimRow.hold_until > today),
            )
        )
    )


def referred() -> Select[UUID]:
    """Return the query of obligations that are before the court."""
    return select(ReferralRow.obligation_id).where(ReferralRow.returned_at.is_(None))


def instalments_of(
    session: Session, obligation_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[Instalment]]:
    """Return the instalments of active plans, by obligation and in due order."""
    rows = session.scalars(
        select(PlanInstalmentRow)
        .join(PlanRow, PlanRow.id == PlanInstalmentRow.plan_id)
        .where(
            PlanRow.state == PlanState.ACTIVE, PlanInstalmentRow.obligation_id.in_(obligation_ids)
        )
        .order_by(PlanInstalmentRow.due_on, PlanInstalmentRow.line)
    )
    found: defaultdict[UUID, list[Instalment]] = defaultdict(list)
    for row in rows:
        one = Instalment(
            obligation_id=row.obligation_id, due_on=row.due_on, amount_minor=row.amount_minor
        )
        found[row.obligation_id].append(one)
    return found


def holds(
    session: Session, obligation_ids: Collection[UUID], today: date
) -> Mapping[UUID, ObligationStatus]:
    """Return which of the obligations are before the court, and of which hardship is claimed."""
    theirs = ClaimedObligationRow.obligation_id.in_(obligation_ids)
    found = dict.fromkeys(
        session.scalars(claimed(today).where(theirs)), ObligationStatus.HARDSHIP_CLAIMED
    )
    before_court = referred().where(ReferralRow.obligation_id.in_(obligation_ids))
    return found | dict.fromkeys(session.scalars(before_court), ObligationStatus.REFERRED_TO_COURT)
