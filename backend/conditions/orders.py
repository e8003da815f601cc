"""Court orders: recorded, corrected, ended. Nothing is monitored outside an order's time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from backend.audit.service import Act
from backend.conditions.invalid import invalid
from backend.conditions.models import OrderRow
from backend.conditions.reach import require_reach, take_effect, within_reach
from backend.conditions.two_persons import deciding_officer
from backend.conditions.validity import second_from
from backend.conditions.values import Order
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTerms:
    """What an order says."""

    court: str
    reference: str
    judge: str | None
    issued_on: date | None
    starts_at: datetime
    ends_at: datetime | None


def record_order(
    session: Session, actor: Actor, supervisee_id: UUID, terms: OrderTerms, *, now: datetime
) -> Order:
    """Write down an order and return it; audits it and bumps the person's rules epoch.

    It may have begun before it is recorded (courts are faster than clerks), but not have ended.
    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST.
    """
    actor.require(Permission.CONDITION_WRITE)
    officer_id = deciding_officer(actor)
    require_reach(session, actor, supervisee_id)
    _check_order_of_dates(terms)
    if terms.ends_at is not None and terms.ends_at <= now:
        raise invalid("ends_at", "This order has ended: there is nothing to supervise.")
    row = OrderRow(
        id=new_id(now),
        supervisee_id=supervisee_id,
        recorded_by=officer_id,
        recorded_at=now,
        **_values(terms),
    )
    session.add(row)
    take_effect(session, actor, Act.ORDER_RECORDED, ("order", row.id), supervisee_id, now)
    return to_order(row)


def change_order(
    session: Session, actor: Actor, order_id: UUID, terms: OrderTerms, *, now: datetime
) -> Order:
    """Correct an order, end it or prolong it, and return it; audits the names of what changed.

    Its time may be cut short as of any instant. What the past was is not made stricter: the
    start of an order that has begun stays, a start still ahead stays ahead, and an order that has
    ended is not prolonged: the court's new decision is a new order.
    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST.
    """
    actor.require(Permission.CONDITION_WRITE)
    deciding_officer(actor)
    row = find_order(session, actor, order_id, lock=True)
    _check_order_of_dates(terms)
    _check_start(row, terms, now)
    _check_end(row, terms, now)
    from_s = _judged_from_s(row, terms)
    changed = [name for name, value in _values(terms).items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, getattr(terms, name))
    if changed:
        details = {"changed": changed, "starts_at": row.starts_at, "ends_at": row.ends_at}
        act, subject = Act.ORDER_CHANGED, ("order", row.id)
        whose = row.supervisee_id
        take_effect(session, actor, act, subject, whose, now, details, judged_from_s=from_s)
    return to_order(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An order as it would be with another end: the row is stored nowhere.

    `judged_from_s` is the first second that would be judged otherwise, None if there is none.
    """

    row: OrderRow
    judged_from_s: int | None


def find_ended(
    session: Session, actor: Actor, order_id: UUID, ends_at: datetime | None, *, now: datetime
) -> Ended:
    """Return what an order would be if it ended at `ends_at`, for the slice's own eyes.

    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST, as changing it would.
    """
    actor.require(Permission.CONDITION_READ)
    row = find_order(session, actor, order_id, lock=False)
    values = {field.name: getattr(row, field.name) for field in fields(OrderTerms)}
    terms = OrderTerms(**values | {"ends_at": ends_at})
    _check_order_of_dates(terms)
    _check_end(row, terms, now)
    ended = OrderRow(
        id=row.id,
        supervisee_id=row.supervisee_id,
        recorded_by=row.recorded_by,
        recorded_at=row.recorded_at,
        **_values(terms),
    )
    return Ended(row=ended, judged_from_s=_judged_from_s(row, terms))


def get_order(session: Session, actor: Actor, order_id: UUID, *, lock: bool = False) -> Order:
    """Return one order; `lock` holds it until the end of the transaction, for a change."""
    actor.require(Permission.CONDITION_READ)
    return to_order(find_order(session, actor, order_id, lock=lock))


def list_orders(session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor) -> Page[Order]:
    """Return a person's orders, latest recorded first."""
    actor.require(Permission.CONDITION_READ)
    require_reach(session, actor, supervisee_id)
    statement = select(OrderRow).where(OrderRow.supervisee_id == supervisee_id)
    page: Page[OrderRow] = fetch_page(session, statement, OrderRow.id, cursor)
    return Page(items=[to_order(row) for row in page.items], next=page.next)


def find_order(session: Session, actor: Actor, order_id: UUID, *, lock: bool) -> OrderRow:
    """Return the row of an order within this actor's reach; raises NOT_FOUND."""
    reach = within_reach(actor, OrderRow.supervisee_id)
    statement = select(OrderRow).where(OrderRow.id == order_id, reach)
    row = session.scalar(statement.with_for_update(of=OrderRow) if lock else statement)
    if row is None:
        raise not_found()
    return row


def to_order(row: OrderRow) -> Order:
    """Return the frozen value of a row."""
    return Order(**{field.name: getattr(row, field.name) for field in fields(Order)})


def _values(terms: OrderTerms) -> dict[str, object]:
    return {field.name: getattr(terms, field.name) for field in fields(OrderTerms)}


def _judged_from_s(row: OrderRow, terms: OrderTerms) -> int | None:
    """Return the first second at which only one of two forms of an order is in force."""
    moved = {row.starts_at, terms.starts_at} if row.starts_at != terms.starts_at else set()
    if row.ends_at != terms.ends_at:
        moved |= {end for end in (row.ends_at, terms.ends_at) if end is not None}
    return second_from(min(moved)) if moved else None


def _check_order_of_dates(terms: OrderTerms) -> None:
    if terms.ends_at is not None and terms.ends_at <= terms.starts_at:
        raise invalid("ends_at", "An order ends after it starts.")


def _check_start(row: OrderRow, terms: OrderTerms, now: datetime) -> None:
    if terms.starts_at == row.starts_at:
        return
    if row.starts_at <= now:
        raise invalid("starts_at", "This order has begun: its start stays.")
    if terms.starts_at < now:
        raise invalid("starts_at", "An order is not moved into the past.")


def _check_end(row: OrderRow, terms: OrderTerms, now: datetime) -> None:
    if row.ends_at is None or row.ends_at > now:
        return
    if terms.ends_at is None or terms.ends_at > row.ends_at:
        raise invalid("ends_at", "This order has ended: a new decision is a new order.")
