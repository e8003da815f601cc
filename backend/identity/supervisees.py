"""Supervised people: who they are, and when what they are judged by has changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, update

from backend.audit import service as audit
from backend.core.actor import Actor, ActorKind, Permission
from backend.core.db import Session, table_of
from backend.core.errors import not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.core.rows import KEYS, RowReader
from backend.identity.agencies import get_agency
from backend.identity.assignments import give_charge
from backend.identity.formats import known_zone, normal_email
from backend.identity.models import AssignmentRow, SuperviseeRow, Trail
from backend.identity.visibility import find_supervisee, visible_supervisees
from notifications.formats import Language

_IDS_PER_STATEMENT: Final = 10_000
"""Fewer than either database takes as parameters of one statement."""

_PEOPLE: Final = table_of(SuperviseeRow)
_FIND_ADDRESSEES: Final = RowReader(
    select(
        _PEOPLE.c.id,
        _PEOPLE.c.agency_id,
        _PEOPLE.c.given_name,
        _PEOPLE.c.language,
        _PEOPLE.c.zone,
    ).where(_PEOPLE.c.id == KEYS)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """All that is kept of a supervised person, and nothing more (privacy policy).

    `phones` are E.164, `zone` is an IANA name; language and zone default to the agency's.
    """

    given_name: str = field(repr=False)
    family_name: str = field(repr=False)
    job_title: str = field(default="", repr=False)
    postal_address: str = field(default="", repr=False)
    postal_code: str = field(default="", repr=False)
    emails: tuple[str, ...] = field(default=(), repr=False)
    phones: tuple[str, ...] = field(default=(), repr=False)
    language: Language | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisee(PersonalData):
    """A supervised person. `rules_epoch` grows with each change of what they are judged by.

    `trail_from` is since when their trail is kept again, None if it always was, or is not.
    """

    id: UUID
    agency_id: UUID
    language: Language
    zone: str
    rules_epoch: int
    created_at: datetime
    trail: Trail
    trail_from: datetime | None

    @property
    def email(self) -> str | None:
        """The first e-mail address, or None."""
        return self.emails[0] if self.emails else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """What must be known of a supervised person to write to them."""

    id: UUID
    agency_id: UUID
    given_name: str = field(repr=False)
    language: Language
    zone: str


def get_supervisee(
    session: Session, actor: Actor, supervisee_id: UUID, *, locked: bool = False
) -> Supervisee:
    """Return a person whom `actor` may see: other slices begin with this. Raises NOT_FOUND.

    `locked`: until the transaction ends, for what of a person must not be done twice at once.
    """
    return _value(find_supervisee(session, actor, supervisee_id, locked=locked))


def get_supervisees(
    session: Session, actor: Actor, ids: Collection[UUID]
) -> dict[UUID, Supervisee]:
    """Return those of some people whom `actor` may see, by their ids: a few statements for many."""
    found: dict[UUID, Supervisee] = {}
    wanted = list(ids)
    for first in range(0, len(wanted), _IDS_PER_STATEMENT):
        some = SuperviseeRow.id.in_(wanted[first : first + _IDS_PER_STATEMENT])
        visible = SuperviseeRow.id.in_(visible_supervisees(actor))
        rows = session.scalars(select(SuperviseeRow).where(some, visible))
        found |= {row.id: _value(row) for row in rows}
    return found


def addressees(session: Session, ids: Collection[UUID]) -> list[Addressee]:
    """Return those of some people who are there, for what the system writes: no actor."""
    return [
        Addressee(id=id_, agency_id=agency_id, given_name=given_name, language=language, zone=zone)
        for id_, agency_id, given_name, language, zone in _FIND_ADDRESSEES.read(session, ids)
    ]


def supervisee_ids_after(session: Session, after: UUID | None, *, limit: int) -> Sequence[UUID]:
    """Return the ids of the next people of all agencies, in order: the system's walk, no actor."""
    everyone = select(SuperviseeRow.id).order_by(SuperviseeRow.id).limit(limit)
    if after is not None:
        everyone = everyone.where(SuperviseeRow.id > after)
    return session.scalars(everyone).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Me(Supervisee):
    """A supervised person as they see themselves, with whom to turn to."""

    agency_name: str
    contact_phone: str
    contact_email: str


def me(session: Session, actor: Actor) -> Me:
    """Return the acting person's own data. Raises NOT_FOUND for anybody but a supervised person."""
    if actor.kind is not ActorKind.SUPERVISEE or actor.id is None:
        raise not_found()
    person = get_supervisee(session, actor, actor.id)
    agency = get_agency(session, person.agency_id)
    own = {item.name: getattr(person, item.name) for item in fields(Supervisee)}
    return Me(
        **own,
        agency_name=agency.name,
        contact_phone=agency.contact_phone,
        contact_email=agency.contact_email,
    )


def read_supervisee(session: Session, actor: Actor, supervisee_id: UUID) -> Supervisee:
    """Return a person's data to an officer. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.SUPERVISEE_READ)
    return get_supervisee(session, actor, supervisee_id)


def supervisees(
    session: Session, actor: Actor, *, cursor: Cursor, assigned_to: UUID | None = None
) -> Page[Supervisee]:
    """Return a page of the people whom `actor` may see, newest first. Raises FORBIDDEN."""
    actor.require(Permission.SUPERVISEE_READ)
    statement = select(SuperviseeRow).where(SuperviseeRow.id.in_(visible_supervisees(actor)))
    if assigned_to is not None:
        theirs = select(AssignmentRow.supervisee_id).where(AssignmentRow.officer_id == assigned_to)
        statement = statement.where(SuperviseeRow.id.in_(theirs))
    page: Page[SuperviseeRow] = fetch_page(session, statement, SuperviseeRow.id, cursor)
    return Page(items=[_value(row) for row in page.items], next=page.next)


def create_supervisee(
    session: Session, actor: Actor, data: PersonalData, *, now: datetime
) -> Supervisee:
    """Take a person under the agency's supervision. Audited.

    Whoever sees only their own people gets charge of this one. Raises FORBIDDEN, INVALID_REQUEST.
    """
    actor.require(Permission.SUPERVISEE_WRITE)
    row = SuperviseeRow(
        id=new_id(now), agency_id=actor.agency, rules_epoch=0, created_at=now, trail=Trail.KEPT
    )
    _write(session, row, data)
    session.add(row)
    session.flush()
    _record(session, actor, audit.Act.SUPERVISEE_CREATED, row.id, now)
    if actor.own_only and actor.id is not None:
        give_charge(session, actor, row.id, actor.id, now)
    return _value(row)


def supervisee_to_change(session: Session, actor: Actor, supervisee_id: UUID) -> Supervisee:
    """Return a person, locked until the transaction ends. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.SUPERVISEE_WRITE)
    return _value(find_supervisee(session, actor, supervisee_id, locked=True))


def change_supervisee(
    session: Session, actor: Actor, supervisee_id: UUID, data: PersonalData, *, now: datetime
) -> Supervisee:
    """Replace a person's data; a new zone also gives a new rules epoch. Audited by field names.

    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST.
    """
    actor.require(Permission.SUPERVISEE_WRITE)
    row = find_supervisee(session, actor, supervisee_id, locked=True)
    before = _value(row)
    _write(session, row, data)
    after = _value(row)
    changed = [
        item.name
        for item in fields(PersonalData)
        if getattr(before, item.name) != getattr(after, item.name)
    ]
    if "zone" in changed:
        row.rules_epoch += 1
    if changed:
        _record(
            session, actor, audit.Act.SUPERVISEE_CHANGED, row.id, now, details={"fields": changed}
        )
    return _value(row)


def bump_rules_epoch(session: Session, supervisee_id: UUID) -> int:
    """Say that what the person is judged by has changed, and return the new epoch.

    Every cache of it is now out of date.
    """
    return session.scalars(
        update(SuperviseeRow)
        .where(SuperviseeRow.id == supervisee_id)
        .values(rules_epoch=SuperviseeRow.rules_epoch + 1)
        .returning(SuperviseeRow.rules_epoch)
    ).one()


def rules_epoch(session: Session, supervisee_id: UUID) -> int:
    """Return the present rules epoch of a person. Raises NOT_FOUND."""
    epoch = session.scalar(
        select(SuperviseeRow.rules_epoch).where(SuperviseeRow.id == supervisee_id)
    )
    if epoch is None:
        raise not_found()
    return epoch


def rules_epoch_of(supervisee_id: ColumnElement[UUID]) -> Select[int]:
    """Return the query of one person's present rules epoch, for use inside other queries."""
    return select(_PEOPLE.c.rules_epoch).where(_PEOPLE.c.id == supervisee_id)


def rules_epochs() -> Select[UUID, int]:
    """Return the query of everyone's `id` and `rules_epoch`, for comparing many at once."""
    return select(SuperviseeRow.id, SuperviseeRow.rules_epoch)


def _write(session: Session, row: SuperviseeRow, data: PersonalData) -> None:
    agency = get_agency(session, row.agency_id)
    row.given_name, row.family_name = data.given_name, data.family_name
    row.job_title = data.job_title
    row.postal_address, row.postal_code = data.postal_address, data.postal_code
    row.emails = [
        normal_email(email, pointer=f"/emails/{place}") for place, email in enumerate(data.emails)
    ]
    row.phones = list(data.phones)
    row.language = data.language or agency.policy.default_language
    row.zone = known_zone(data.zone or agency.zone)


def _record(
    session: Session,
    actor: Actor,
    act: audit.Act,
    supervisee_id: UUID,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("supervisee", supervisee_id),
        supervisee_id=supervisee_id,
        now=now,
        details=details,
    )


def _value(row: SuperviseeRow) -> Supervisee:
    return Supervisee(
        id=row.id,
        agency_id=row.agency_id,
        given_name=row.given_name,
        family_name=row.family_name,
        job_title=row.job_title,
        postal_address=row.postal_address,
        postal_code=row.postal_code,
        emails=tuple(row.emails),
        phones=tuple(row.phones),
        language=row.language,
        zone=row.zone,
        rules_epoch=row.rules_epoch,
        created_at=row.created_at,
        trail=row.trail,
        trail_from=row.trail_from,
    )
