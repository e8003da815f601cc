"""Conditions and their history as officers read them.

The wording of a victim's zone is concealed from everyone without CONFIDENTIAL_ZONE_READ; each time
it is shown, that is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from backend.audit import service as audit
from backend.audit.service import Act
from backend.conditions import validity
from backend.conditions.kinds import Advice
from backend.conditions.models import ConditionRow, OrderRow, VersionRow
from backend.conditions.orders import find_order
from backend.conditions.reach import within_reach
from backend.conditions.validity import Span
from backend.conditions.values import Condition, Version, Wording
from backend.core.actor import Actor, Permission
from backend.core.clock import from_unix_s
from backend.core.db import Session
from backend.core.errors import not_found
from backend.core.paging import Cursor, Page, fetch_page


def get_condition(
    session: Session, actor: Actor, condition_id: UUID, *, now: datetime
) -> Condition:
    """Return a condition with its latest version; reading a victim's zone is audited."""
    actor.require(Permission.CONDITION_READ)
    condition, order = find(session, actor, condition_id, lock=False)
    _audit_reading(session, actor, condition, order, now)
    return show(session, actor, condition, order)


def condition_to_change(session: Session, actor: Actor, condition_id: UUID) -> Condition:
    """Return a condition as `get_condition` does, held until the end of the transaction.

    For comparing with what the officer saw: it must go to nobody, and is not audited.
    """
    actor.require(Permission.CONDITION_READ)
    condition, order = find(session, actor, condition_id, lock=True)
    return show(session, actor, condition, order)


def list_conditions(
    session: Session, actor: Actor, order_id: UUID, cursor: Cursor
) -> Page[Condition]:
    """Return an order's conditions, latest first. Confidential wording is never in a list."""
    actor.require(Permission.CONDITION_READ)
    order = find_order(session, actor, order_id, lock=False)
    statement = select(ConditionRow).where(ConditionRow.order_id == order_id)
    page: Page[ConditionRow] = fetch_page(session, statement, ConditionRow.id, cursor)
    items = [_condition(session, row, order, concealed=row.confidential) for row in page.items]
    return Page(items=items, next=page.next)


def list_versions(
    session: Session, actor: Actor, condition_id: UUID, cursor: Cursor, *, now: datetime
) -> Page[Version]:
    """Return everything that a condition ever said, latest first; audited as `get_condition`."""
    actor.require(Permission.CONDITION_READ)
    condition, order = find(session, actor, condition_id, lock=False)
    _audit_reading(session, actor, condition, order, now)
    spans = _spans(order, versions_of(session, condition_id))
    statement = select(VersionRow).where(VersionRow.condition_id == condition_id)
    page: Page[VersionRow] = fetch_page(session, statement, VersionRow.id, cursor)
    concealed = is_concealed(actor, condition)
    items = [_version(row, spans[row.number], concealed=concealed) for row in page.items]
    return Page(items=items, next=page.next)


def find(
    session: Session, actor: Actor, condition_id: UUID, *, lock: bool
) -> tuple[ConditionRow, OrderRow]:
    """Return a condition within this actor's reach and its order; raises NOT_FOUND.

    `lock` holds the order, and with it every condition of it, until the end of the transaction.
    """
    reach = within_reach(actor, OrderRow.supervisee_id)
    statement = (
        select(ConditionRow, OrderRow)
        .join(OrderRow, OrderRow.id == ConditionRow.order_id)
        .where(ConditionRow.id == condition_id, reach)
    )
    row = session.execute(statement.with_for_update(of=OrderRow) if lock else statement).first()
    if row is None:
        raise not_found()
    return row[0], row[1]


def versions_of(session: Session, condition_id: UUID) -> Sequence[VersionRow]:
    """Return the versions of a condition, ascending by number."""
    statement = select(VersionRow).where(VersionRow.condition_id == condition_id)
    return session.scalars(statement.order_by(VersionRow.number)).all()


def show(session: Session, actor: Actor, condition: ConditionRow, order: OrderRow) -> Condition:
    """Return the condition as this actor may see it. Audits nothing."""
    return _condition(session, condition, order, concealed=is_concealed(actor, condition))


def is_concealed(actor: Actor, condition: ConditionRow) -> bool:
    """Whether this condition's wording is not for this actor."""
    cleared = Permission.CONFIDENTIAL_ZONE_READ in actor.permissions
    return condition.confidential and not cleared


def _audit_reading(
    session: Session, actor: Actor, condition: ConditionRow, order: OrderRow, now: datetime
) -> None:
    if not condition.confidential or is_concealed(actor, condition):
        return
    act, subject = Act.CONFIDENTIAL_ZONE_READ, ("condition", condition.id)
    audit.record(session, actor, act, subject=subject, now=now, supervisee_id=order.supervisee_id)


def _condition(
    session: Session, row: ConditionRow, order: OrderRow, *, concealed: bool
) -> Condition:
    versions = versions_of(session, row.id)
    latest = versions[-1]
    return Condition(
        id=row.id,
        order_id=row.order_id,
        supervisee_id=order.supervisee_id,
        kind=row.kind,
        confidential=row.confidential,
        latest=_version(latest, _spans(order, versions)[latest.number], concealed=concealed),
    )


def _spans(order: OrderRow, versions: Sequence[VersionRow]) -> dict[int, Span | None]:
    """Return the span of each version, by its number."""
    spans = validity.spans(validity.order_span(order.starts_at, order.ends_at), versions)
    return dict(zip((version.number for version in versions), spans, strict=True))


def _version(row: VersionRow, span: Span | None, *, concealed: bool) -> Version:
    pending = row.needs_approval and row.approved_at is None
    begins, ends = _shown_span(row, span, pending=pending)
    return Version(
        number=row.number,
        effective_from=begins,
        effective_to=ends,
        pending=pending,
        lifted=row.lifted,
        author_id=row.author_id,
        created_at=row.created_at,
        approver_id=row.approver_id,
        approved_at=row.approved_at,
        wording=None if concealed else _wording(row),
    )


def _shown_span(
    row: VersionRow, span: Span | None, *, pending: bool
) -> tuple[datetime, datetime | None]:
    if span is not None:
        ends = None if span.until_s is None else from_unix_s(span.until_s)
        return from_unix_s(span.from_s), ends
    return row.effective_from, None if pending else row.effective_from


def _wording(row: VersionRow) -> Wording:
    advice = tuple(Advice(code) for code in row.advice)
    copied = {f.name: getattr(row, f.name) for f in fields(Wording) if f.name != "advice"}
    return Wording(advice=advice, **copied)
