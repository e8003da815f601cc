"""Payments on the provider's own page: asked for, opened once, read.

The provider is spoken to between two transactions, never inside one. What was asked for is kept
first: if we die in between, asking for the same again finds it, and the provider opens one page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from backend.audit import service as audit
from backend.core.actor import Actor, ActorKind, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.identity.service import Supervisee
from backend.payments.book import Book, open_book
from backend.payments.hosted_models import HostedPaymentRow, MandateRow
from backend.payments.hosted_state import HostedState, later
from backend.payments.owed import unpaid_obligations
from backend.payments.provider import (
    HostedPage,
    PageOrder,
    Party,
    PaymentProvider,
    ProviderRefusedError,
    ProviderUnavailableError,
    ReturnUrls,
)
from backend.payments.reach import record
from backend.payments.values import Obligation

LOOK_AFTER: Final = timedelta(minutes=5)
"""How long after a page has expired the provider is asked, if nothing was heard of it."""
_STILL_USEFUL: Final = timedelta(minutes=10)
"""A page with less left to it is not given out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to pay: some obligations or all, whole or a part of them."""

    obligations: Sequence[UUID] = ()
    amount_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedPayment:
    """An amount to be paid at the provider. `url` is there while one can pay on it."""

    id: UUID
    supervisee_id: UUID
    state: HostedState
    amount_minor: int
    currency: str
    obligations: Sequence[UUID]
    collect_on: date | None
    asked_at: datetime
    url: str | None
    expires_at: datetime | None
    payment_reference: str | None
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A payment that was asked for; `order` is what the provider must do, None if it has."""

    payment: HostedPayment
    order: PageOrder | None


def ask_to_pay(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    wish: Wish,
    *,
    urls: ReturnUrls,
    now: datetime,
) -> Asked:
    """Return what is to be paid on a page; asked for again while the page is open, the same one.

    By an officer for a person, or by the person. Audited. Raises FORBIDDEN, NOT_FOUND,
    INVALID_REQUEST for what is not owed.
    """
    if actor.kind is not ActorKind.SUPERVISEE:
        actor.require(Permission.PAYMENT_RECORD)
    person = identity.get_supervisee(session, actor, supervisee_id)
    book = open_book(session, person.agency_id, person.id, now)
    chosen = _chosen(session, book, wish)
    amount_minor = _amount(chosen, wish)
    row = _waiting(session, person.id, chosen, amount_minor, now)
    if row is None:
        row = _new(person, actor, chosen, amount_minor, now)
        session.add(row)
        session.flush()
        record(session, actor, audit.Act.PAYMENT_PAGE_ASKED, row, "hosted-payment", now)
    order = None if row.page_url else _order(session, row, person, urls)
    return Asked(payment=hosted_value(row), order=order)


def open_page(provider: PaymentProvider, asked: Asked) -> HostedPage | None:
    """Return the page that the provider opened; None if it is open already.

    Raises PAYMENT_PAGE_UNAVAILABLE, after which the same may be asked for again.
    """
    if asked.order is None:
        return None
    try:
        return provider.open_page(asked.order)
    except (ProviderUnavailableError, ProviderRefusedError):
        raise Problem(
            Code.PAYMENT_PAGE_UNAVAILABLE, "The payment page cannot be opened just now."
        ) from None


def keep_page(
    session: Session, payment_id: UUID, page: HostedPage | None, *, now: datetime
) -> HostedPayment:
    """Return the payment with the page on which it can be paid."""
    row = locked_payment(session, payment_id)
    if page is not None and row.page_reference is None:
        row.page_reference, row.page_url = page.reference, page.url
        row.page_expires_at = page.expires_at
        row.look_at = page.expires_at + LOOK_AFTER
        row.state = later(row.state, HostedState.OPEN)
        row.changed_at = now
    return hosted_value(row)


def hosted_payments(
    session: Session, actor: Actor, supervisee_id: UUID, *, cursor: Cursor
) -> Page[HostedPayment]:
    """Return a page of what a person was asked to pay at the provider, newest first.

    To officers, and to the person. Raises FORBIDDEN, NOT_FOUND.
    """
    if actor.kind is not ActorKind.SUPERVISEE:
        actor.require(Permission.PAYMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    theirs = select(HostedPaymentRow).where(HostedPaymentRow.supervisee_id == person.id)
    page: Page[HostedPaymentRow] = fetch_page(session, theirs, HostedPaymentRow.id, cursor)
    return Page(items=[hosted_value(row) for row in page.items], next=page.next)


def is_useful(row: HostedPaymentRow | MandateRow, now: datetime) -> bool:
    """Whether its page, or the one that is yet to be opened, can be given out again."""
    return (row.page_expires_at or row.asked_at + timedelta(days=1)) > now + _STILL_USEFUL


def locked_payment(session: Session, payment_id: UUID) -> HostedPaymentRow:
    """Return the row of a payment that is there, locked until the transaction ends."""
    return session.scalars(
        select(HostedPaymentRow)
        .where(HostedPaymentRow.id == payment_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def hosted_value(row: HostedPaymentRow) -> HostedPayment:
    """Return a row's value."""
    return HostedPayment(
        id=row.id,
        supervisee_id=row.supervisee_id,
        state=row.state,
        amount_minor=row.amount_minor,
        currency=row.currency,
        obligations=[UUID(one) for one in row.obligations],
        collect_on=row.collect_on,
        asked_at=row.asked_at,
        url=row.page_url if row.state is HostedState.OPEN else None,
        expires_at=row.page_expires_at,
        payment_reference=row.payment_reference,
        failure=row.failure,
    )


def _chosen(session: Session, book: Book, wish: Wish) -> list[Obligation]:
    """Return what of the debts is to be paid: of one currency, and all that was named."""
    owed = unpaid_obligations(session, book.supervisee_id, book.today)
    if wish.currency is not None:
        owed = [one for one in owed if one.currency == wish.currency]
    if wish.obligations:
        owed = [one for one in owed if one.id in wish.obligations]
        if len(owed) != len(set(wish.obligations)):
            raise Problem(Code.INVALID_REQUEST, "This is not owed.", pointer="/obligations")
    if not owed:
        raise Problem(Code.INVALID_REQUEST, "Nothing is owed.", pointer="/currency")
    if len({one.currency for one in owed}) > 1:
        raise Problem(Code.INVALID_REQUEST, "Say in which currency.", pointer="/currency")
    return owed


def _amount(chosen: Sequence[Obligation], wish: Wish) -> int:
    owed = sum(one.outstanding_minor for one in chosen)
    if wish.amount_minor is not None and wish.amount_minor > owed:
        raise Problem(Code.INVALID_REQUEST, "This is more than is owed.", pointer="/amount_minor")
    return wish.amount_minor or owed


def _waiting(
    session: Session,
    supervisee_id: UUID,
    chosen: Sequence[Obligation],
    amount_minor: int,
    now: datetime,
) -> HostedPaymentRow | None:
    """Return the newest payment of the same that can still be paid on its page."""
    rows = session.scalars(
        select(HostedPaymentRow)
        .where(
            HostedPaymentRow.supervisee_id == supervisee_id,
            HostedPaymentRow.mandate_id.is_(None),
            HostedPaymentRow.state.in_((HostedState.ASKED, HostedState.OPEN)),
            HostedPaymentRow.amount_minor == amount_minor,
            HostedPaymentRow.currency == chosen[0].currency,
        )
        .order_by(HostedPaymentRow.id.desc())
    )
    wanted = _ids(chosen)
    return next((row for row in rows if row.obligations == wanted and is_useful(row, now)), None)


def _new(
    person: Supervisee,
    actor: Actor,
    chosen: Sequence[Obligation],
    amount_minor: int,
    now: datetime,
) -> HostedPaymentRow:
    return HostedPaymentRow(
        id=new_id(now),
        agency_id=person.agency_id,
        supervisee_id=person.id,
        amount_minor=amount_minor,
        currency=chosen[0].currency,
        obligations=_ids(chosen),
        asked_by_kind=actor.kind,
        asked_by_id=actor.id,
        asked_at=now,
        state=HostedState.ASKED,
        changed_at=now,
    )


def _ids(chosen: Sequence[Obligation]) -> list[str]:
    return sorted(str(one.id) for one in chosen)


def _order(
    session: Session, row: HostedPaymentRow, person: Supervisee, urls: ReturnUrls
) -> PageOrder:
    return PageOrder(
        party=Party(order_id=row.id, agency_id=row.agency_id),
        amount_minor=row.amount_minor,
        currency=row.currency,
        payee=identity.get_agency(session, row.agency_id).name,
        language=person.language,
        urls=urls,
    )
