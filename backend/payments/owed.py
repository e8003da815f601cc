"""What is owed, read: by officers, by the person, by reminders."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Date, Select, bindparam, cast, func, or_, select

from backend.core.actor import Actor, Permission
from backend.core.db import Session, table_of
from backend.core.paging import Cursor, Page, fetch_page
from backend.core.rows import KEYS, RowReader
from backend.identity import service as identity
from backend.payments.arrangements import claimed, holds, instalments_of, planned, referred
from backend.payments.book import Standing, standings
from backend.payments.instalments import Instalment
from backend.payments.instalments import unpaid as unpaid_of
from backend.payments.kinds import ObligationStatus
from backend.payments.ledger import Account
from backend.payments.models import (
    ClaimedObligationRow,
    LedgerEntryRow,
    ObligationRow,
    PlanInstalmentRow,
    ReferralRow,
)
from backend.payments.recurrence import today_in
from backend.payments.values import DueObligation, Obligation

_OBLIGATIONS: Final = table_of(ObligationRow)
_ENTRIES: Final = table_of(LedgerEntryRow)


def _owed_and_due() -> Select[Any]:
    """Return the query of what people (`KEYS`) owe and is due from `from_day` to `until_day`."""
    owed, outstanding = _OBLIGATIONS.c, func.sum(_ENTRIES.c.amount_minor)
    from_day, until_day = bindparam("from_day", type_=Date), bindparam("until_day", type_=Date)
    # Asked of each by an index: lists of all that is planned or claimed grow with every agency.
    in_plan = planned().where(PlanInstalmentRow.obligation_id == owed.id)
    instalment_then = in_plan.where(
        PlanInstalmentRow.due_on >= from_day, PlanInstalmentRow.due_on < until_day
    )
    due_then = (owed.due_on >= from_day) & (owed.due_on < until_day)
    return (
        select(
            owed.id,
            owed.agency_id,
            owed.supervisee_id,
            owed.kind,
            owed.due_on,
            cast(outstanding, BigInteger),
            owed.currency,
        )
        .join(_ENTRIES, _ENTRIES.c.obligation_id == owed.id)
        .where(
            owed.supervisee_id == KEYS,
            or_(due_then & ~in_plan.exists(), instalment_then.exists()),
            ~claimed(from_day).where(ClaimedObligationRow.obligation_id == owed.id).exists(),
            ~referred().where(ReferralRow.obligation_id == owed.id).exists(),
            _ENTRIES.c.account == Account.RECEIVABLE,
        )
        .group_by(owed.id)
        .having(outstanding > 0)
    )


_FIND_DUE: Final = RowReader(_owed_and_due())


def obligations(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    *,
    unpaid: bool = False,
    cursor: Cursor,
    now: datetime,
) -> Page[Obligation]:
    """Return a page of what the person ever owed, newest first; `unpaid`: what is still owed.

    Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.PAYMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    theirs = _still_owed() if unpaid else select(ObligationRow)
    theirs = theirs.where(ObligationRow.supervisee_id == person.id)
    page: Page[ObligationRow] = fetch_page(session, theirs, ObligationRow.id, cursor)
    today = today_in(identity.get_agency(session, person.agency_id).zone, now)
    return Page(items=_values(session, page.items, today), next=page.next)


def unpaid_obligations(session: Session, supervisee_id: UUID, today: date) -> list[Obligation]:
    """Return what the person still owes, the oldest due first."""
    theirs = _still_owed().where(ObligationRow.supervisee_id == supervisee_id)
    rows = session.scalars(theirs.order_by(ObligationRow.due_on, ObligationRow.id)).all()
    return _values(session, rows, today)


def one_obligation(session: Session, obligation_id: UUID, today: date) -> Obligation:
    """Return an obligation that is there."""
    return _values(session, [session.get_one(ObligationRow, obligation_id)], today)[0]


def due_items(
    session: Session, from_day: date, until_day: date, *, supervisee_ids: Collection[UUID]
) -> Sequence[DueObligation]:
    """Return what some people owe that is due in `[from_day, until_day)`, in due order.

    What a plan covers is due by its instalments; what somebody claims not to be able to pay, or is
    before the court, is left out.
    """
    found = _FIND_DUE.read(session, supervisee_ids, from_day=from_day, until_day=until_day)
    owed = [
        DueObligation(
            obligation_id=id_,
            agency_id=agency_id,
            supervisee_id=supervisee_id,
            kind=kind,
            due_on=due_on,
            outstanding_minor=outstanding_minor,
            currency=currency,
        )
        for id_, agency_id, supervisee_id, kind, due_on, outstanding_minor, currency in found
    ]
    plans = instalments_of(session, [one.obligation_id for one in owed])
    parts = [part for one in owed for part in _parts(one, plans.get(one.obligation_id, []))]
    return sorted(
        (part for part in parts if from_day <= part.due_on < until_day),
        key=lambda part: (part.due_on, part.obligation_id),
    )


def _parts(owed: DueObligation, plan: Sequence[Instalment]) -> list[DueObligation]:
    """Return what is due of an obligation and when: on its own day, or by the plan's instalments."""
    if not plan:
        return [owed]
    return [
        replace(owed, due_on=one.due_on, outstanding_minor=one.amount_minor)
        for one in unpaid_of(plan, owed.outstanding_minor)
    ]


def is_still_owed(session: Session, obligation_id: UUID, _now: datetime) -> bool:
    """Whether anything of the obligation is unpaid; False for one that is not there."""
    return standings(session, [obligation_id])[obligation_id].outstanding_minor > 0


def _still_owed() -> Select[ObligationRow]:
    outstanding = (
        select(func.sum(LedgerEntryRow.amount_minor))
        .where(
            LedgerEntryRow.obligation_id == ObligationRow.id,
            LedgerEntryRow.account == Account.RECEIVABLE,
        )
        .scalar_subquery()
    )
    return select(ObligationRow).where(outstanding > 0)


def _values(session: Session, rows: Sequence[ObligationRow], today: date) -> list[Obligation]:
    ids = [row.id for row in rows]
    standing, held = standings(session, ids), holds(session, ids, today)
    plans = instalments_of(session, ids)
    return [
        _value(row, standing[row.id], held.get(row.id), plans.get(row.id, []), today)
        for row in rows
    ]


def _value(
    row: ObligationRow,
    standing: Standing,
    held: ObligationStatus | None,
    plan: Sequence[Instalment],
    today: date,
) -> Obligation:
    unpaid = unpaid_of(plan, standing.outstanding_minor)
    next_due_on = unpaid[0].due_on if unpaid else row.due_on
    return Obligation(
        id=row.id,
        supervisee_id=row.supervisee_id,
        recurring_fee_id=row.recurring_fee_id,
        kind=row.kind,
        amount_minor=row.amount_minor,
        currency=row.currency,
        due_on=row.due_on,
        next_due_on=next_due_on,
        basis=row.basis,
        reference=row.reference,
        raised_at=row.raised_at,
        relieved_minor=standing.relieved_minor,
        outstanding_minor=standing.outstanding_minor,
        overdue_minor=_overdue(standing, unpaid, next_due_on, today),
        status=_status(standing, held, next_due_on, today),
    )


def _overdue(
    standing: Standing, unpaid: Sequence[Instalment], next_due_on: date, today: date
) -> int:
    """Return what should be paid by now: of a plan its late instalments alone."""
    if unpaid:
        return sum(one.amount_minor for one in unpaid if one.due_on < today)
    return standing.outstanding_minor if next_due_on < today else 0


def _status(
    standing: Standing, held: ObligationStatus | None, due_on: date, today: date
) -> ObligationStatus:
    if standing.charged_minor == 0:
        return ObligationStatus.CANCELLED
    if standing.payable_minor == 0:
        return ObligationStatus.RELIEVED
    if standing.outstanding_minor == 0:
        return ObligationStatus.PAID
    late = ObligationStatus.OVERDUE if due_on < today else ObligationStatus.DUE
    return held or late
