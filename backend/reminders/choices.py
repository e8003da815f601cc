"""What people choose: which kinds of reminder they do not want, where the law leaves it to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select

from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.core.rows import KEYS, RowReader
from backend.identity import service as identity
from backend.reminders.models import ReminderChoicesRow
from notifications.kind import MessageKind

_FIND_CHOICES: Final = RowReader(
    select(ReminderChoicesRow.supervisee_id, ReminderChoicesRow.turned_off).where(
        ReminderChoicesRow.supervisee_id == KEYS
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a person has turned off, and what the agency sends all the same; each in order."""

    turned_off: Sequence[MessageKind]
    mandatory: Sequence[MessageKind]


def my_choices(session: Session, actor: Actor) -> Choices:
    """Return the acting person's own choices. Raises FORBIDDEN for anybody else."""
    return _choices(session, actor, actor.supervisee)


def choices_of(session: Session, actor: Actor, supervisee_id: UUID) -> Choices:
    """Return a person's choices to an officer. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.REMINDER_READ)
    return _choices(session, actor, supervisee_id)


def choose(
    session: Session, actor: Actor, turned_off: AbstractSet[MessageKind], *, now: datetime
) -> Choices:
    """Replace the acting person's choices: what they turn off, planning takes back. Audited.

    Raises FORBIDDEN for anybody else, INVALID_REQUEST for a kind that is mandatory.
    """
    before = _choices(session, actor, actor.supervisee)
    if not turned_off.isdisjoint(before.mandatory):
        detail = "Reminders of this kind cannot be turned off."
        raise Problem(Code.INVALID_REQUEST, detail, pointer="/turned_off")
    if turned_off == set(before.turned_off):
        return before
    supervisee_id = actor.supervisee
    kinds = [kind.value for kind in _ordered(turned_off)]
    row = ReminderChoicesRow(supervisee_id=supervisee_id, turned_off=kinds, changed_at=now)
    session.merge(row)
    audit.record(
        session,
        actor,
        Act.REMINDER_CHOICES_CHANGED,
        subject=("supervisee", supervisee_id),
        supervisee_id=supervisee_id,
        now=now,
        details={"turned_off": kinds},
    )
    return Choices(turned_off=_ordered(turned_off), mandatory=before.mandatory)


def turned_off_by(
    session: Session, supervisee_ids: Collection[UUID]
) -> Mapping[UUID, frozenset[MessageKind]]:
    """Return what each of some people has turned off; who has nothing turned off is absent."""
    return {
        supervisee_id: _kinds(turned_off)
        for supervisee_id, turned_off in _FIND_CHOICES.read(session, supervisee_ids)
    }


def _choices(session: Session, actor: Actor, supervisee_id: UUID) -> Choices:
    person = identity.get_supervisee(session, actor, supervisee_id)
    policy = identity.get_agency(session, person.agency_id).policy
    row = session.get(ReminderChoicesRow, person.id)
    return Choices(
        turned_off=[] if row is None else _ordered(_kinds(row.turned_off)),
        mandatory=_ordered(set(policy.mandatory_reminders)),
    )


def _kinds(turned_off: Iterable[str]) -> frozenset[MessageKind]:
    return frozenset(MessageKind(value) for value in turned_off)


def _ordered(kinds: AbstractSet[MessageKind]) -> Sequence[MessageKind]:
    return sorted(kinds, key=lambda kind: kind.value)
