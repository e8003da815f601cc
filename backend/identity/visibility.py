"""Who may see whom: the one place that narrows queries to an actor's people."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select

from backend.core.actor import Actor, ActorKind
from backend.core.db import Session
from backend.core.errors import not_found
from backend.identity.models import AssignmentRow, SuperviseeRow


def visible_supervisees(actor: Actor) -> Select[UUID]:
    """Return the query of the ids of everyone whom `actor` may see, for use inside other queries.

    An officer sees their agency's people, with scope `own` those assigned to them; a supervised
    person sees themselves; the system sees everyone.
    """
    visible = select(SuperviseeRow.id)
    if actor.kind is ActorKind.SYSTEM:
        return visible
    visible = visible.where(SuperviseeRow.agency_id == actor.agency)
    if actor.kind is ActorKind.SUPERVISEE:
        return visible.where(SuperviseeRow.id == actor.id)
    if actor.own_only:
        own = select(AssignmentRow.supervisee_id).where(AssignmentRow.officer_id == actor.id)
        return visible.where(SuperviseeRow.id.in_(own))
    return visible


def find_supervisee(
    session: Session, actor: Actor, supervisee_id: UUID, *, locked: bool = False
) -> SuperviseeRow:
    """Return the row of a person whom `actor` may see, locked if so asked. Raises NOT_FOUND."""
    statement = select(SuperviseeRow).where(
        SuperviseeRow.id == supervisee_id, SuperviseeRow.id.in_(visible_supervisees(actor))
    )
    if locked:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    row = session.scalar(statement)
    if row is None:
        raise not_found()
    return row
