"""Keys of phones: whose they are, in what state, and the officer's power over them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Select, select, update

from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import SYSTEM, Actor, ActorKind, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.devices.assurance import Assurance, Platform
from backend.devices.key_state import (
    ENROLLED_STATES,
    ActivationEnd,
    KeyReason,
    KeyState,
    may_become,
)
from backend.devices.models import ActivationRow, DeviceKey, EnrolmentChallenge, KeyEvent
from backend.devices.presence_keys import end_presence_key
from backend.devices.presence_level import PresenceEnd
from backend.devices.push_address import drop_push_address
from backend.identity import service as identity

_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key's state as officers see it."""

    jkt: str
    assurance: Assurance
    app_version: str | None
    os_version: str | None
    enrolled_at: datetime
    state: KeyState
    state_reason: KeyReason
    state_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """A person with a device for a period; in force while `ended_at` is None."""

    id: UUID
    supervisee_id: UUID
    platform: Platform
    app_version: str
    os_version: str
    started_at: datetime
    ended_at: datetime | None
    end: ActivationEnd | None
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStep:
    """A step in a key's life, and the officer who took it, if one did."""

    id: UUID
    at: datetime
    state: KeyState
    reason: KeyReason
    officer_id: UUID | None


def life_of(session: Session, actor: Actor, jkt: str) -> list[KeyStep]:
    """Return the steps of a key's life, oldest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.DEVICE_READ)
    key = visible_key(session, actor, jkt)
    # A key that follows a suspended one is enrolled and suspended in the same moment.
    order = (KeyEvent.at, KeyEvent.reason != KeyReason.ENROLLED, KeyEvent.id)
    rows = session.scalars(select(KeyEvent).where(KeyEvent.jkt == key.jkt).order_by(*order))
    return [
        KeyStep(id=row.id, at=row.at, state=row.state, reason=row.reason, officer_id=row.officer_id)
        for row in rows
    ]


def key(session: Session, actor: Actor, jkt: str) -> Key:
    """Return how a key stands. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.DEVICE_READ)
    return _key(visible_key(session, actor, jkt))


def hold_key(session: Session, actor: Actor, jkt: str) -> Key:
    """Return how a key stands, and keep everybody else from changing it until the transaction ends.

    For an officer who is about to act on it. Its activation is locked first, as by whoever ends one.
    Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.DEVICE_REVOKE)
    lock_activation(session, visible_key(session, actor, jkt).jkt)
    return _key(_owned_key(session, actor, jkt))


def activations_of(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor
) -> Page[Activation]:
    """Return the person's activations, newest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.DEVICE_READ)
    identity.get_supervisee(session, actor, supervisee_id)
    theirs = select(ActivationRow).where(ActivationRow.supervisee_id == supervisee_id)
    page: Page[ActivationRow] = fetch_page(session, theirs, ActivationRow.id, cursor)
    keys = _keys_of(session, [row.id for row in page.items])
    return Page(items=[_activation(row, keys) for row in page.items], next=page.next)


def activation_in_force(session: Session, supervisee_id: UUID) -> Activation | None:
    """Return the activation whose fixes and proofs count for the person now, None if none does."""
    row = session.scalar(
        select(ActivationRow).where(
            ActivationRow.supervisee_id == supervisee_id, ActivationRow.ended_at.is_(None)
        )
    )
    return None if row is None else _activation(row, _keys_of(session, [row.id]))


def active_people(
    session: Session, *, excluding: Select[UUID], limit: int
) -> list[tuple[UUID, UUID]]:
    """Return (person, agency) of activations in force whose person is not among `excluding`."""
    rows = session.execute(
        select(ActivationRow.supervisee_id, ActivationRow.agency_id)
        .where(ActivationRow.ended_at.is_(None), ActivationRow.supervisee_id.not_in(excluding))
        .order_by(ActivationRow.id)
        .limit(limit)
    )
    return [(supervisee_id, agency_id) for supervisee_id, agency_id in rows]


def _keys_of(session: Session, activation_ids: list[UUID]) -> Mapping[UUID, list[Key]]:
    found: dict[UUID, list[Key]] = {activation_id: [] for activation_id in activation_ids}
    statement = (
        select(DeviceKey)
        .where(DeviceKey.activation_id.in_(activation_ids))
        .order_by(DeviceKey.enrolled_at)
    )
    for row in session.scalars(statement):
        found[row.activation_id].append(_key(row))
    return found


def _key(row: DeviceKey) -> Key:
    return Key(
        jkt=row.jkt,
        assurance=row.assurance,
        app_version=row.app_version,
        os_version=row.os_version,
        enrolled_at=row.enrolled_at,
        state=row.state,
        state_reason=row.state_reason,
        state_since=row.state_since,
    )


def _activation(row: ActivationRow, keys: Mapping[UUID, list[Key]]) -> Activation:
    return Activation(
        id=row.id,
        supervisee_id=row.supervisee_id,
        platform=row.platform,
        app_version=row.app_version,
        os_version=row.os_version,
        started_at=row.started_at,
        ended_at=row.ended_at,
        end=row.end,
        keys=tuple(keys[row.id]),
    )


def suspend(session: Session, actor: Actor, jkt: str, *, reason: KeyReason, now: datetime) -> Key:
    """Let the gate refuse this key until it is reinstated.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION. Audited.
    """
    row = _owned_key(session, actor, jkt)
    _step(session, actor, row, KeyState.SUSPENDED, reason, now)
    _record(session, actor, row, Act.DEVICE_SUSPENDED, now)
    return _key(row)


def reinstate(session: Session, actor: Actor, jkt: str, *, now: datetime) -> Key:
    """Let a suspended key pass again. Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION. Audited."""
    row = _owned_key(session, actor, jkt)
    _step(session, actor, row, KeyState.ACTIVE, KeyReason.CLEARED, now)
    _record(session, actor, row, Act.DEVICE_REINSTATED, now)
    return _key(row)


def revoke(session: Session, actor: Actor, jkt: str, *, reason: KeyReason, now: datetime) -> Key:
    """End this key and its activation for good; nothing is pushed to its phone any more.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION. Audited.
    """
    actor.require(Permission.DEVICE_REVOKE)
    lock_activation(session, jkt)
    row = _owned_key(session, actor, jkt)
    _step(session, actor, row, KeyState.REVOKED, reason, now)
    _end_activation(session, row.activation_id, ActivationEnd.REVOKED, now)
    _record(session, actor, row, Act.DEVICE_REVOKED, now)
    return _key(row)


def suspend_for_system(
    session: Session, jkt: str, *, reason: KeyReason, now: datetime
) -> DeviceKey | None:
    """Suspend a key because what its enrolment stood on gave way; None unless it is active.

    Audited, as an act of the system.
    """
    active = (DeviceKey.jkt == jkt) & (DeviceKey.state == KeyState.ACTIVE)
    row = session.scalar(select(DeviceKey).where(active).with_for_update())
    if row is not None:
        _step(session, SYSTEM, row, KeyState.SUSPENDED, reason, now)
        _record(session, SYSTEM, row, Act.DEVICE_SUSPENDED, now)
    return row


def lock_activation(session: Session, jkt: str) -> ActivationRow | None:
    """Return the activation of a key, locked: who ends it, or adds a key, comes before or after."""
    statement = (
        select(ActivationRow)
        .join(DeviceKey, DeviceKey.activation_id == ActivationRow.id)
        .where(DeviceKey.jkt == jkt)
    )
    return session.scalar(statement.with_for_update(of=ActivationRow))


def follow(session: Session, actor: Actor, old: DeviceKey, new: DeviceKey, now: datetime) -> None:
    """Let `new` stand where `old` stood: a suspension goes with it. Audited."""
    if old.state is KeyState.SUSPENDED:
        _step(session, actor, new, KeyState.SUSPENDED, old.state_reason, now)
    _step(session, actor, old, KeyState.SUPERSEDED, KeyReason.KEY_CHANGED, now)
    _record(session, actor, old, Act.DEVICE_SUPERSEDED, now)


def supersede(session: Session, actor: Actor, supervisee_id: UUID, now: datetime) -> UUID | None:
    """End the activation that the person has, because another begins; return its id. Audited."""
    in_force = (ActivationRow.supervisee_id == supervisee_id) & ActivationRow.ended_at.is_(None)
    session.execute(select(ActivationRow.id).where(in_force).with_for_update())
    rows = session.scalars(
        select(DeviceKey)
        .where(DeviceKey.supervisee_id == supervisee_id, DeviceKey.state.in_(ENROLLED_STATES))
        .with_for_update()
    ).all()
    for row in rows:
        reason = KeyReason.ANOTHER_DEVICE_ENROLLED
        _step(session, actor, row, KeyState.SUPERSEDED, reason, now)
        _end_activation(session, row.activation_id, ActivationEnd.SUPERSEDED, now)
        _record(session, actor, row, Act.DEVICE_SUPERSEDED, now)
    return rows[0].activation_id if rows else None


def is_suspended(session: Session, activation_id: UUID) -> bool:
    """Whether the phone of an activation may not send for now."""
    suspended = DeviceKey.state == KeyState.SUSPENDED
    found = select(DeviceKey.jkt).where(DeviceKey.activation_id == activation_id, suspended)
    return session.scalar(found.limit(1)) is not None


def visible_key(session: Session, actor: Actor, jkt: str, *, for_update: bool = False) -> DeviceKey:
    """Return a key of somebody whom the actor may see. Raises NOT_FOUND."""
    if _THUMBPRINT.fullmatch(jkt) is None:  # nor is it text that every database takes
        raise not_found()
    statement = _visible_key(actor, jkt)
    if for_update:
        # As it is once it is locked, even if an older state was read before.
        statement = statement.with_for_update().execution_options(populate_existing=True)
    row = session.scalar(statement)
    if row is None:
        raise not_found()
    return row


def _owned_key(session: Session, actor: Actor, jkt: str) -> DeviceKey:
    actor.require(Permission.DEVICE_REVOKE)
    return visible_key(session, actor, jkt, for_update=True)


def _visible_key(actor: Actor, jkt: str) -> Select[DeviceKey]:
    return select(DeviceKey).where(
        DeviceKey.jkt == jkt,
        DeviceKey.agency_id == actor.agency,
        DeviceKey.supervisee_id.in_(identity.visible_supervisees(actor)),
    )


def _step(
    session: Session,
    actor: Actor,
    row: DeviceKey,
    state: KeyState,
    reason: KeyReason,
    now: datetime,
) -> None:
    if not may_become(row.state, state):
        raise Problem(Code.ILLEGAL_TRANSITION, f"The key is {row.state.value}.")
    row.state, row.state_reason, row.state_since = state, reason, now
    session.add(key_event(actor, row, now))


def key_event(actor: Actor, row: DeviceKey, now: datetime) -> KeyEvent:
    """Return the record of the step that put `row` where it is now."""
    return KeyEvent(
        id=new_id(now),
        jkt=row.jkt,
        at=now,
        state=row.state,
        reason=row.state_reason,
        officer_id=actor.id if actor.kind is ActorKind.OFFICER else None,
    )


def _end_activation(
    session: Session, activation_id: UUID, end: ActivationEnd, now: datetime
) -> None:
    session.execute(
        update(ActivationRow)
        .where(ActivationRow.id == activation_id, ActivationRow.ended_at.is_(None))
        .values(ended_at=now, end=end)
    )
    end_presence_key(session, activation_id, PresenceEnd.ACTIVATION_ENDED, now)
    drop_push_address(session, activation_id)


def _record(session: Session, actor: Actor, row: DeviceKey, act: Act, now: datetime) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("activation", row.activation_id),
        supervisee_id=row.supervisee_id,
        agency_id=row.agency_id,
        now=now,
        details={"jkt": row.jkt, "reason": row.state_reason},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """When an activation began, and the challenge of its enrolment."""

    started_at: datetime
    challenge: str


def beginning_of(session: Session, activation_id: UUID) -> Beginning:
    """Return how an activation began; a fault if there is none."""
    row = session.execute(
        select(ActivationRow.started_at, EnrolmentChallenge.challenge)
        .join(EnrolmentChallenge, EnrolmentChallenge.id == ActivationRow.challenge_id)
        .where(ActivationRow.id == activation_id)
    ).one()
    return Beginning(started_at=row.started_at, challenge=row.challenge)
