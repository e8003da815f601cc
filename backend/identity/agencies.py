"""Agencies: the tenants, and what each decides for itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from backend.audit import service as audit
from backend.core.actor import Actor, ActorKind, Permission
from backend.core.db import Session, padded
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.identity.formats import known_zone, normal_email
from backend.identity.models import AgencyRow, SuperviseeRow
from backend.identity.policy import AgencyPolicy, from_stored, to_stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """A tenant. `contact_phone` and `contact_email` are public: every refusal shows them."""

    id: UUID
    name: str
    zone: str
    contact_phone: str
    contact_email: str
    policy: AgencyPolicy
    created_at: datetime


def create_agency(
    session: Session,
    actor: Actor,
    *,
    name: str,
    zone: str,
    contact_phone: str,
    contact_email: str,
    now: datetime,
    policy: AgencyPolicy | None = None,
) -> Agency:
    """Create a tenant; only the system (a command of the operator) may. Audited.

    `zone` is an IANA name. Raises FORBIDDEN, INVALID_REQUEST.
    """
    if actor.kind is not ActorKind.SYSTEM:
        raise Problem(Code.FORBIDDEN, "Only the operator creates agencies.")
    row = AgencyRow(
        id=new_id(now),
        name=name,
        zone=known_zone(zone),
        contact_phone=contact_phone,
        contact_email=normal_email(contact_email, pointer="/contact_email"),
        policy=to_stored(policy or AgencyPolicy()),
        created_at=now,
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        actor,
        audit.Act.AGENCY_CREATED,
        subject=("agency", row.id),
        agency_id=row.id,
        now=now,
    )
    return _value(row)


def get_agency(session: Session, agency_id: UUID) -> Agency:
    """Return an agency; every other slice reads its policy here. Raises NOT_FOUND."""
    row = session.get(AgencyRow, agency_id)
    if row is None:
        raise not_found()
    return _value(row)


def get_agencies(session: Session, ids: Collection[UUID]) -> dict[UUID, Agency]:
    """Return agencies by their id; one that is not there is left out."""
    rows = session.scalars(select(AgencyRow).where(AgencyRow.id.in_(padded(ids))))
    return {row.id: _value(row) for row in rows}


def every_agency(session: Session) -> list[Agency]:
    """Return all tenants, for jobs of the system."""
    return [_value(row) for row in session.scalars(select(AgencyRow).order_by(AgencyRow.id))]


def agency_to_change(session: Session, actor: Actor) -> Agency:
    """Return the actor's agency, locked until the transaction ends. Raises FORBIDDEN."""
    actor.require(Permission.AGENCY_MANAGE)
    return _value(_locked(session, actor.agency))


def change_agency(
    session: Session,
    actor: Actor,
    *,
    name: str,
    zone: str,
    contact_phone: str,
    contact_email: str,
    policy: AgencyPolicy,
    now: datetime,
) -> Agency:
    """Replace what the actor's agency is called and decides. Audited.

    Everyone whom the agency supervises gets a new rules epoch: they may be judged differently.
    Raises FORBIDDEN, INVALID_REQUEST.
    """
    actor.require(Permission.AGENCY_MANAGE)
    row = _locked(session, actor.agency)
    before = _value(row)
    row.name = name
    row.zone = known_zone(zone)
    row.contact_phone = contact_phone
    row.contact_email = normal_email(contact_email, pointer="/contact_email")
    row.policy = to_stored(policy)
    after = _value(row)
    changed = [
        item.name
        for item in fields(Agency)
        if getattr(before, item.name) != getattr(after, item.name)
    ]
    if not changed:
        return after
    session.execute(
        update(SuperviseeRow)
        .where(SuperviseeRow.agency_id == row.id)
        .values(rules_epoch=SuperviseeRow.rules_epoch + 1)
    )
    audit.record(
        session,
        actor,
        audit.Act.AGENCY_CHANGED,
        subject=("agency", row.id),
        now=now,
        details={"fields": changed},
    )
    return after


def _locked(session: Session, agency_id: UUID) -> AgencyRow:
    return session.scalars(
        select(AgencyRow)
        .where(AgencyRow.id == agency_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _value(row: AgencyRow) -> Agency:
    return Agency(
        id=row.id,
        name=row.name,
        zone=row.zone,
        contact_phone=row.contact_phone,
        contact_email=row.contact_email,
        policy=from_stored(row.policy),
        created_at=row.created_at,
    )
