"""Autopay: the provider holds the person's leave to take money, we hold its reference.

Ending it needs no location and no reason, and holds at once. What is taken by it, and when, is in
`autopay_charges`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Select, select

from backend.audit import service as audit
from backend.core.actor import SYSTEM, Actor, ActorKind, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.identity import service as identity
from backend.payments.autopay_charges import CHARGE_BATCH, call_off, held_by
from backend.payments.hosted import is_useful
from backend.payments.hosted_models import HostedPaymentRow, MandateRow, MandateState
from backend.payments.hosted_state import HostedState
from backend.payments.provider import (
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
from backend.payments.reach import own_id, record, themselves

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
    person = themselves(session, actor)
    agency = identity.get_agency(session, person.agency_id)
    row = _latest(session, person.id)
    if row is not None and row.state is MandateState.ACTIVE:
        raise Problem(Code.ILLEGAL_TRANSITION, "Automatic payments are on already.")
    currency = currency or agency.policy.default_currency
    if row is None or row.currency != currency or not is_useful(row, now):
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
        record(session, actor, audit.Act.AUTOPAY_ASKED, row, "autopay", now)
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
    row = _latest(session, own_id(actor))
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
        record(session, actor, audit.Act.AUTOPAY_ENDED, row, "autopay", now)


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
            record(session, SYSTEM, audit.Act.AUTOPAY_BEGUN, row, "autopay", now)
    elif page.status is PageStatus.EXPIRED and row.state is not MandateState.ACTIVE:
        _end(session, row, now)
    return True


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
    return [(row.id, held) for row in rows if (held := held_by(row)) is not None]


def mandate_let_go(session: Session, mandate_id: UUID, *, now: datetime) -> None:
    """Note that the provider holds the leave no more."""
    _locked(session, mandate_id).let_go_at = now


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
        call_off(session, payment, now)


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
