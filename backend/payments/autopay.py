"""Autopay: the provider holds the person's leave to take money, we hold its reference.

Nothing is taken that was not announced NOTICE_DAYS before, and never more than was announced. What
the bank declines is told to the person and left to the reminders: it is not tried again by itself.
Ending it needs no location and no reason, and holds at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select

from backend.audit import service as audit
from backend.core.actor import SYSTEM, Actor, ActorKind, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.identity import service as identity
from backend.outbox import service as outbox
from backend.outbox.messages import Source
from backend.payments.hosted import hosted_value
from backend.payments.hosted_models import MAX_CODE, HostedPaymentRow, MandateRow, MandateState
from backend.payments.hosted_state import HostedState
from backend.payments.messages import AUTOPAY_SOURCE, tell_before, tell_failure
from backend.payments.owed import unpaid_obligations
from backend.payments.provider import (
    ChargeOrder,
    HostedPage,
    Mandate,
    PageStatus,
    Party,
    PaymentProvider,
    ProviderRefusedError,
    ProviderUnavailableError,
    ReturnUrls,
    SetupOrder,
)
from backend.payments.recurrence import today_in
from backend.payments.values import Obligation

NOTICE_DAYS: Final = 3
"""How many days before money is taken the person is told."""

CHARGE_BATCH: Final = 20
_TRY_AGAIN: Final = timedelta(minutes=10)
_GIVE_UP: Final = timedelta(hours=20)
"""The provider knows an order again by its number for a day; after that it might do it twice."""
_STILL_USEFUL: Final = timedelta(minutes=10)
_LIVING: Final = (MandateState.ASKED, MandateState.OPEN, MandateState.ACTIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Autopay:
    """A person's leave to take money on due days. `url` is where they give it, while they can."""

    id: UUID
    supervisee_id: UUID
    state: MandateState
    currency: str
    asked_at: datetime
    active_at: datetime | None
    ended_at: datetime | None
    url: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAutopay:
    """A leave that was asked for; `order` is what the provider must do, None if it has."""

    autopay: Autopay
    order: SetupOrder | None


def ask_for_autopay(
    session: Session, actor: Actor, *, currency: str | None, urls: ReturnUrls, now: datetime
) -> AskedAutopay:
    """Return what lets the supervised person `actor` switch autopay on; asked again, the same.

    Audited. Raises NOT_FOUND for anybody else, ILLEGAL_TRANSITION when it is on already.
    """
    person = identity.get_supervisee(session, actor, _own(actor))
    agency = identity.get_agency(session, person.agency_id)
    row = _latest(session, person.id)
    if row is not None and row.state is MandateState.ACTIVE:
        raise Problem(Code.ILLEGAL_TRANSITION, "Automatic payments are on already.")
    currency = currency or agency.policy.default_currency
    if row is None or row.currency != currency or _is_stale(row, now):
        row = MandateRow(
            id=new_id(now),
            agency_id=person.agency_id,
            supervisee_id=person.id,
            currency=currency,
            asked_at=now,
            state=MandateState.ASKED,
        )
        session.add(row)
        session.flush()
        _record(session, actor, audit.Act.AUTOPAY_ASKED, row, now)
    party = Party(order_id=row.id, agency_id=row.agency_id)
    order = SetupOrder(party=party, currency=row.currency, language=person.language, urls=urls)
    return AskedAutopay(autopay=_value(row), order=None if row.page_url else order)


def open_setup(provider: PaymentProvider, asked: AskedAutopay) -> HostedPage | None:
    """Return the page that the provider opened; None if it is open already.

    Raises PAYMENT_PAGE_UNAVAILABLE, after which the same may be asked for again.
    """
    if asked.order is None:
        return None
    try:
        return provider.open_setup(asked.order)
    except (ProviderUnavailableError, ProviderRefusedError):
        raise Problem(
            Code.PAYMENT_PAGE_UNAVAILABLE, "The page cannot be opened just now."
        ) from None


def keep_setup(session: Session, mandate_id: UUID, page: HostedPage | None) -> Autopay:
    """Return the leave with the page on which it can be given."""
    row = _locked(session, mandate_id)
    if page is not None and row.page_reference is None:
        row.page_reference, row.page_url = page.reference, page.url
        row.page_expires_at = page.expires_at
        if row.state is MandateState.ASKED:
            row.state = MandateState.OPEN
    return _value(row)


def own_autopay(session: Session, actor: Actor) -> Autopay:
    """Return the leave of the supervised person `actor`. Raises NOT_FOUND where there is none."""
    row = _latest(session, _own(actor))
    if row is None:
        raise not_found()
    return _value(row)


def end_autopay(session: Session, actor: Actor, supervisee_id: UUID, *, now: datetime) -> None:
    """Take nothing from now on; what was announced is called off. Nothing if it is off. Audited.

    By the person, or by an officer whom they asked. Raises FORBIDDEN, NOT_FOUND.
    """
    if actor.kind is not ActorKind.SUPERVISEE:
        actor.require(Permission.PAYMENT_RECORD)
    person = identity.get_supervisee(session, actor, supervisee_id)
    for row in session.scalars(_of_person(person.id).with_for_update()):
        _end(session, row, now)
        _record(session, actor, audit.Act.AUTOPAY_ENDED, row, now)


def settle_mandate(session: Session, page: HostedPage, *, now: datetime) -> bool:
    """Bring a leave to where its page is; return whether it is one of ours. Audited."""
    row = None if page.party is None else session.get(MandateRow, page.party.order_id)
    if row is None or page.party is None or row.agency_id != page.party.agency_id:
        return False
    row = _locked(session, row.id)
    if page.mandate is not None and row.customer is None:
        row.customer, row.method = page.mandate.customer, page.mandate.method
        if row.state is not MandateState.ENDED:
            _end_others(session, row, now)
            row.state, row.active_at = MandateState.ACTIVE, now
            _record(session, SYSTEM, audit.Act.AUTOPAY_BEGUN, row, now)
    elif page.status is PageStatus.EXPIRED and row.state is not MandateState.ACTIVE:
        _end(session, row, now)
    return True


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


def mandates_to_end(session: Session, *, limit: int = CHARGE_BATCH) -> list[tuple[UUID, Mandate]]:
    """Return leaves that have ended and that the provider still holds."""
    rows = session.scalars(
        select(MandateRow)
        .where(
            MandateRow.state == MandateState.ENDED,
            MandateRow.method.is_not(None),
            MandateRow.let_go_at.is_(None),
        )
        .limit(limit)
    )
    return [(row.id, held) for row in rows if (held := _held(row)) is not None]


def mandate_let_go(session: Session, mandate_id: UUID, *, now: datetime) -> None:
    """Note that the provider holds the leave no more."""
    _locked(session, mandate_id).let_go_at = now


def _announce(session: Session, row: MandateRow, now: datetime) -> Iterator[UUID]:
    zone = identity.get_agency(session, row.agency_id).zone
    today = today_in(zone, now)
    first = row.active_at.astimezone(ZoneInfo(zone)).date() if row.active_at else today
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
        payment.look_at = datetime.combine(
            day, identity.get_agency(session, row.agency_id).policy.reminders_from, ZoneInfo(zone)
        )
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
    held = _held(mandate)
    if held is None or (
        mandate.state is not MandateState.ACTIVE and row.state is HostedState.ANNOUNCED
    ):
        _cancel(session, row, now)
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
        _cancel(session, row, now)
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


def _cancel(session: Session, row: HostedPaymentRow, now: datetime) -> None:
    row.state, row.changed_at, row.look_at = HostedState.CANCELLED, now, None
    outbox.withdraw(session, Source(kind=AUTOPAY_SOURCE, id=row.id), now=now)


def _end_others(session: Session, row: MandateRow, now: datetime) -> None:
    for other in session.scalars(_of_person(row.supervisee_id).with_for_update()):
        if other.id != row.id:
            _end(session, other, now)


def _end(session: Session, row: MandateRow, now: datetime) -> None:
    row.state, row.ended_at = MandateState.ENDED, now
    announced = select(HostedPaymentRow).where(
        HostedPaymentRow.supervisee_id == row.supervisee_id,
        HostedPaymentRow.mandate_id == row.id,
        HostedPaymentRow.state == HostedState.ANNOUNCED,
    )
    for payment in session.scalars(announced.with_for_update()):
        _cancel(session, payment, now)


def _of_person(supervisee_id: UUID) -> Select[MandateRow]:
    """Select what of a person's leaves has not ended, the newest first."""
    return (
        select(MandateRow)
        .where(MandateRow.supervisee_id == supervisee_id, MandateRow.state.in_(_LIVING))
        .order_by(MandateRow.id.desc())
        .execution_options(populate_existing=True)
    )


def _latest(session: Session, supervisee_id: UUID) -> MandateRow | None:
    rows = session.scalars(_of_person(supervisee_id)).all()
    active = [row for row in rows if row.state is MandateState.ACTIVE]
    return next(iter([*active, *rows]), None)


def _locked(session: Session, mandate_id: UUID) -> MandateRow:
    return session.scalars(
        select(MandateRow)
        .where(MandateRow.id == mandate_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _is_stale(row: MandateRow, now: datetime) -> bool:
    return (row.page_expires_at or row.asked_at + timedelta(days=1)) <= now + _STILL_USEFUL


def _held(row: MandateRow) -> Mandate | None:
    if row.customer is None or row.method is None:
        return None
    return Mandate(customer=row.customer, method=row.method)


def _own(actor: Actor) -> UUID:
    if actor.kind is not ActorKind.SUPERVISEE or actor.id is None:
        raise not_found()
    return actor.id


def _value(row: MandateRow) -> Autopay:
    return Autopay(
        id=row.id,
        supervisee_id=row.supervisee_id,
        state=row.state,
        currency=row.currency,
        asked_at=row.asked_at,
        active_at=row.active_at,
        ended_at=row.ended_at,
        url=row.page_url if row.state is MandateState.OPEN else None,
        expires_at=row.page_expires_at,
    )


def _record(session: Session, actor: Actor, act: audit.Act, row: MandateRow, now: datetime) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("autopay", row.id),
        agency_id=row.agency_id,
        supervisee_id=row.supervisee_id,
        now=now,
    )
