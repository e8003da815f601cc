"""What this slice's services return: frozen, whole, without a database behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from backend.conditions.kinds import Advice, Authority, ConditionKind, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A court's order over one person, in force for `starts_at <= t < ends_at`."""

    id: UUID
    supervisee_id: UUID
    court: str
    reference: str
    judge: str | None
    issued_on: date | None
    starts_at: datetime
    ends_at: datetime | None
    recorded_by: UUID
    recorded_at: datetime

    def is_in_force(self, at: datetime) -> bool:
        """Whether the court has power over the person at this instant."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What a version says. The victim's zone has it only for those who may read it."""

    title: str
    text: str | None
    zone: Mapping[str, Any] | None
    buffer_m: float | None
    schedule: Mapping[str, Any] | None
    advice: tuple[Advice, ...]
    reason: str
    order_reference: str
    victim_consented_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a condition, with the span in which it is in force.

    `effective_to` is derived: the start of the version after it or the end of the order. A span of
    no length means that a later version took its place before it began. While a second person's
    approval is awaited, `pending`, nothing is in force and `effective_to` is None.
    """

    number: int
    effective_from: datetime
    effective_to: datetime | None
    pending: bool
    lifted: bool
    author_id: UUID
    created_at: datetime
    approver_id: UUID | None
    approved_at: datetime | None
    wording: Wording | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition with its latest version (which may still lie ahead, or await approval)."""

    id: UUID
    order_id: UUID
    supervisee_id: UUID
    kind: ConditionKind
    confidential: bool
    latest: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who proposed something, who approved it, who ended it."""

    author_id: UUID
    created_at: datetime
    approver_id: UUID | None
    approved_at: datetime | None
    withdrawn_by: UUID | None
    withdrawn_at: datetime | None
    withdrawal_reason: str | None

    @property
    def standing(self) -> Standing:
        """How far it has come."""
        if self.withdrawn_at is not None:
            return Standing.WITHDRAWN
        return Standing.PROPOSED if self.approved_at is None else Standing.APPROVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption(Decision):
    """A leave to be served without location."""

    id: UUID
    supervisee_id: UUID
    scope: str
    authority: Authority
    reference: str
    starts_at: datetime
    ends_at: datetime

    @property
    def over_at(self) -> datetime:
        """When it ends, or ended by its withdrawal."""
        return self.ends_at if self.withdrawn_at is None else min(self.ends_at, self.withdrawn_at)

    def is_in_force(self, at: datetime) -> bool:
        """Whether it held at this instant: never before its approval, never after its end."""
        if self.approved_at is None:
            return False
        return max(self.starts_at, self.approved_at) <= at < self.over_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence(Decision):
    """A span in which the named conditions rest."""

    id: UUID
    supervisee_id: UUID
    starts_at: datetime
    ends_at: datetime
    places: str
    reason: str
    court_reference: str | None
    condition_ids: tuple[UUID, ...]


class RuleLabel(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How to speak of one version of a rule: to officers, or of a victim's zone, to anybody.

    A struct, since each person has many of them: a dataclass takes five times as long to make.

    `place_en` and `place_es` are the officer's own title, but a neutral word for a confidential
    zone: what is written into alerts and messages must not carry a victim's address.
    """

    condition_id: UUID
    version: int
    kind: ConditionKind
    confidential: bool
    place_en: str
    place_es: str
    order_reference: str
    timezone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MyCondition:
    """A condition as its supervisee reads it; `what` and `meaning` are in their language."""

    id: UUID
    version: int
    kind: ConditionKind
    what: str
    meaning: str
    title: str
    text: str | None
    schedule: Mapping[str, Any] | None
    court: str
    order_reference: str
    effective_from: datetime
    effective_to: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MyZone:
    """A zone as its supervisee sees it on a map."""

    condition_id: UUID
    version: int
    kind: ConditionKind
    title: str
    zone: Mapping[str, Any]
    buffer_m: float | None
    schedule: Mapping[str, Any] | None
    effective_from: datetime
    effective_to: datetime | None
