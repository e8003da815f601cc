"""Taking money by autopay: announced NOTICE_DAYS before, and never more than was announced.

What the bank declines is told to the person and left to the reminders: it is not tried again by
itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from backend.core.actor import ActorKind
from backend.core.db import Session
from backend.core.ids import new_id
from backend.identity import service as identity
from backend.outbox import service as outbox
from backend.outbox.messages import Source
from backend.payments.hosted import hosted_value
from backend.payments.hosted_models import MAX_CODE, HostedPaymentRow, MandateRow, MandateState
from backend.payments.hosted_state import HostedState
from backend.payments.messages import AUTOPAY_SOURCE, tell_before, tell_failure
from backend.payments.owed import unpaid_obligations
from backend.payments.provider import ChargeOrder, Mandate, Party
from backend.payments.recurrence import today_in
from backend.payments.values import Obligation

NOTICE_DAYS: Final = 3
"""How many days before money is taken the person is told."""

CHARGE_BATCH: Final = 20
_TRY_AGAIN: Final = timedelta(minutes=10)
_GIVE_UP: Final = timedelta(hours=20)
"""The provider knows an order again by its number for a day; after that it might do it twice."""


def announce(session: Session, now: datetime) -> int:
    """Tell people what will be taken NOTICE_DAYS from now; return how many payments that are.

    Once for each debt: what falls due from the day on which they gave their leave.
    """
    active = select(MandateRow).where(MandateRow.state == MandateState.ACTIVE)
    rows = session.scalars(active.order_by(MandateRow.id).with_for_update(skip_locked=True)).all()
    return sum(1 for row in rows for _ in _announce(session, row, now))


def charges_due(session: Session, now: datetime) -> list[ChargeOrder]:
    """Return what is to be taken now, or again after an outage, each marked as asked for."""
    rows = session.scalars(
        select(HostedPaymentRow)
        .where(
            HostedPaymentRow.mandate_id.is_not(None),
            HostedPaymentRow.payment_reference.is_(None),
            HostedPaymentRow.look_at <= now,
            HostedPaymentRow.state.in_((HostedState.ANNOUNCED, HostedState.ASKED)),
        )
        .order_by(HostedPaymentRow.look_at)
        .limit(CHARGE_BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    orders = (_charge(session, row, now) for row in rows)
    return [order for order in orders if order is not None]


def charge_refused(session: Session, order_id: UUID, code: str, *, now: datetime) -> None:
    """Note that the provider will not take it: information for the person, and nothing more."""
    row = session.get_one(HostedPaymentRow, order_id, with_for_update=True)
    if row.state is HostedState.ASKED:
        _fail(session, row, code, now)


def call_off(session: Session, row: HostedPaymentRow, now: datetime) -> None:
    """Take nothing of what was announced, and announce it no more."""
    row.state, row.changed_at, row.look_at = HostedState.CANCELLED, now, None
    outbox.withdraw(session, Source(kind=AUTOPAY_SOURCE, id=row.id), now=now)


def held_by(row: MandateRow) -> Mandate | None:
    """Return what the provider holds by a leave; None before it was given."""
    if row.customer is None or row.method is None:
        return None
    return Mandate(customer=row.customer, method=row.method)


def _announce(session: Session, row: MandateRow, now: datetime) -> Iterator[UUID]:
    agency = identity.get_agency(session, row.agency_id)
    zone, today = ZoneInfo(agency.zone), today_in(agency.zone, now)
    first = row.active_at.astimezone(zone).date() if row.active_at else today
    known, taken = _announced(session, row)
    by_day: dict[date, list[Obligation]] = {}
    for owed in unpaid_obligations(session, row.supervisee_id, today):
        is_new = owed.currency == row.currency and str(owed.id) not in known
        if is_new and first <= owed.due_on <= today + timedelta(days=NOTICE_DAYS):
            day = max(owed.due_on, today + timedelta(days=NOTICE_DAYS))
            while day in taken:
                day += timedelta(days=1)
            by_day.setdefault(day, []).append(owed)
    for day, debts in by_day.items():
        payment = _payment(row, debts, sum(one.outstanding_minor for one in debts), now)
        payment.collect_on = day
        payment.look_at = datetime.combine(day, agency.policy.reminders_from, zone)
        session.add(payment)
        session.flush()
        tell_before(session, hosted_value(payment), now=now)
        yield payment.id


def _announced(session: Session, row: MandateRow) -> tuple[set[str], set[date | None]]:
    """Return the debts that were announced by this leave, and the days on which it takes money."""
    payments = session.execute(
        select(HostedPaymentRow.obligations, HostedPaymentRow.collect_on).where(
            HostedPaymentRow.supervisee_id == row.supervisee_id,
            HostedPaymentRow.mandate_id == row.id,
        )
    ).all()
    debts = {debt for obligations, _ in payments for debt in obligations}
    return debts, {day for _, day in payments}


def _charge(session: Session, row: HostedPaymentRow, now: datetime) -> ChargeOrder | None:
    mandate = session.get_one(MandateRow, row.mandate_id)
    held = held_by(mandate)
    if held is None or (
        mandate.state is not MandateState.ACTIVE and row.state is HostedState.ANNOUNCED
    ):
        call_off(session, row, now)
        return None
    if row.state is HostedState.ASKED and now - row.changed_at > _GIVE_UP:
        _fail(session, row, "provider_unavailable", now)
        return None
    if row.state is HostedState.ANNOUNCED:
        asked = _by_what_is_owed(session, row, mandate, now)
        if asked is None:
            return None
        row = asked
    row.look_at = now + _TRY_AGAIN
    return ChargeOrder(
        party=Party(order_id=row.id, agency_id=row.agency_id),
        amount_minor=row.amount_minor,
        currency=row.currency,
        payee=identity.get_agency(session, row.agency_id).name,
        mandate=held,
    )


def _by_what_is_owed(
    session: Session, row: HostedPaymentRow, mandate: MandateRow, now: datetime
) -> HostedPaymentRow | None:
    """Return the payment to ask for: as announced, or a smaller one in its place, or none."""
    today = today_in(identity.get_agency(session, row.agency_id).zone, now)
    debts = [
        one
        for one in unpaid_obligations(session, row.supervisee_id, today)
        if str(one.id) in row.obligations
    ]
    amount_minor = min(row.amount_minor, sum(one.outstanding_minor for one in debts))
    if amount_minor < row.amount_minor:
        call_off(session, row, now)
        if amount_minor == 0:
            return None
        row = _payment(mandate, debts, amount_minor, now)
        session.add(row)
    row.state, row.changed_at = HostedState.ASKED, now
    session.flush()
    return row


def _payment(
    row: MandateRow, debts: Sequence[Obligation], amount_minor: int, now: datetime
) -> HostedPaymentRow:
    return HostedPaymentRow(
        id=new_id(now),
        agency_id=row.agency_id,
        supervisee_id=row.supervisee_id,
        mandate_id=row.id,
        amount_minor=amount_minor,
        currency=row.currency,
        obligations=sorted(str(one.id) for one in debts),
        asked_by_kind=ActorKind.SYSTEM,
        asked_at=now,
        state=HostedState.ANNOUNCED,
        changed_at=now,
    )


def _fail(session: Session, row: HostedPaymentRow, code: str, now: datetime) -> None:
    row.state, row.changed_at, row.failure = HostedState.FAILED, now, code[:MAX_CODE]
    row.look_at = None
    tell_failure(session, hosted_value(row), now=now)
