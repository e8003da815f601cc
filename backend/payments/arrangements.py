"""What changes when an obligation is due: plans, claims, referrals, as queries for what is owed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select

from backend.core.db import Session
from backend.core.rows import KEYS, RowReader
from backend.payments.instalments import Instalment
from backend.payments.kinds import Decision, ObligationStatus, PlanState
from backend.payments.models import (
    ClaimedObligationRow,
    HardshipClaimRow,
    PlanInstalmentRow,
    PlanRow,
    ReferralRow,
)

_FIND_INSTALMENTS: Final = RowReader(
    select(
        PlanInstalmentRow.obligation_id, PlanInstalmentRow.due_on, PlanInstalmentRow.amount_minor
    )
    .join(PlanRow, PlanRow.id == PlanInstalmentRow.plan_id)
    .where(PlanRow.state == PlanState.ACTIVE, PlanInstalmentRow.obligation_id == KEYS)
    .order_by(PlanInstalmentRow.due_on, PlanInstalmentRow.line)
)


def planned() -> Select[UUID]:
    """Return the query of obligations that an active plan covers, for use inside others."""
    return (
        select(PlanInstalmentRow.obligation_id)
        .join(PlanRow, PlanRow.id == PlanInstalmentRow.plan_id)
        .where(PlanRow.state == PlanState.ACTIVE)
    )


def claimed(today: date | ColumnElement[date]) -> Select[UUID]:
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
    found: defaultdict[UUID, list[Instalment]] = defaultdict(list)
    for obligation_id, due_on, amount_minor in _FIND_INSTALMENTS.read(session, obligation_ids):
        one = Instalment(obligation_id=obligation_id, due_on=due_on, amount_minor=amount_minor)
        found[obligation_id].append(one)
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
