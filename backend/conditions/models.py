"""Tables of orders, conditions and their versions, exemptions and absences.

What was in force at an instant is evidence: versions, exemptions and absences never change, but
for the columns in which a second person approves and, later, somebody withdraws.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.audit.acts import Act
from backend.conditions.kinds import Authority, ConditionKind
from backend.core.classification import CASE, OPERATIONAL
from backend.core.db import Base, stored_enum
from backend.core.immutability import IMMUTABLE_KEY

MAX_TITLE: Final = 200
MAX_REFERENCE: Final = 200
MAX_REASON: Final = 2_000
MAX_TEXT: Final = 5_000

_APPROVAL = ("approver_id", "approved_at")
_WITHDRAWAL = ("withdrawn_by", "withdrawn_at", "withdrawal_reason")


def _by_two_persons() -> CheckConstraint:
    """The database's own refusal of an approval by the author."""
    return CheckConstraint("approver_id IS NULL OR approver_id <> author_id", name="second_person")


class Approvable:
    """Columns of what one officer writes and another approves."""

    author_id: Mapped[UUID] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    created_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    approver_id: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    approved_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)


class Withdrawable(Approvable):
    """Columns of an approved thing that may end before its time."""

    withdrawn_by: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    withdrawn_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    withdrawal_reason: Mapped[str | None] = mapped_column(String(MAX_REASON), info=CASE)


class OrderRow(Base):
    """A court's order. In force for `starts_at <= t < ends_at`; no `ends_at`, no end."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="ends_after_start"),
        Index("ix_orders_supervisee_id_id", "supervisee_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    court: Mapped[str] = mapped_column(String(MAX_TITLE), info=CASE)
    reference: Mapped[str] = mapped_column(String(MAX_REFERENCE), info=CASE)
    judge: Mapped[str | None] = mapped_column(String(MAX_TITLE), info=CASE)
    issued_on: Mapped[date | None] = mapped_column(info=CASE)
    starts_at: Mapped[datetime] = mapped_column(info=CASE)
    ends_at: Mapped[datetime | None] = mapped_column(info=CASE)
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)
    recorded_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)


class RuleChangeRow(Base):
    """An act that made a person's rules what they are in this epoch, for `from_s <= t`.

    `act` and what it was done to are NULL for what was under way when this began to be kept.
    """

    __tablename__ = "rule_changes"
    __table_args__ = ({"info": {IMMUTABLE_KEY: True}},)

    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    from_s: Mapped[int] = mapped_column(BigInteger, info=CASE)
    act: Mapped[Act | None] = mapped_column(stored_enum(Act), info=OPERATIONAL)
    subject_kind: Mapped[str | None] = mapped_column(String(40), info=OPERATIONAL)
    subject_id: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    officer_id: Mapped[UUID | None] = mapped_column(ForeignKey("officers.id"), info=OPERATIONAL)


class ConditionRow(Base):
    """One condition of an order: what it is stays, what it says lives in its versions.

    `confidential` is fixed for life: a zone that protects a victim never turns into one that its
    supervisee may read.
    """

    __tablename__ = "conditions"
    __table_args__ = (
        Index("ix_conditions_order_id_id", "order_id", "id"),
        {"info": {IMMUTABLE_KEY: True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), info=CASE)
    kind: Mapped[ConditionKind] = mapped_column(stored_enum(ConditionKind), info=CASE)
    confidential: Mapped[bool] = mapped_column(info=CASE)


class VersionRow(Approvable, Base):
    """What a condition says from `effective_from` on, until a later version takes its place.

    `zone` is a GeoJSON feature as drawn, `schedule` as the API takes it. A `lifted` version says
    nothing: the condition rests. `effective_to` is derived (`validity.py`), never stored.
    """

    __tablename__ = "condition_versions"
    __table_args__ = (
        UniqueConstraint("condition_id", "number"),
        _by_two_persons(),
        {"info": {IMMUTABLE_KEY: _APPROVAL}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    condition_id: Mapped[UUID] = mapped_column(ForeignKey("conditions.id"), info=CASE)
    number: Mapped[int] = mapped_column(info=CASE)
    effective_from: Mapped[datetime] = mapped_column(info=CASE)
    needs_approval: Mapped[bool] = mapped_column(info=CASE)
    lifted: Mapped[bool] = mapped_column(info=CASE)
    title: Mapped[str] = mapped_column(String(MAX_TITLE), info=CASE)
    text: Mapped[str | None] = mapped_column(Text, info=CASE)
    zone: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), info=CASE)
    buffer_m: Mapped[float | None] = mapped_column(info=CASE)
    schedule: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), info=CASE)
    advice: Mapped[list[Any]] = mapped_column(info=CASE)
    reason: Mapped[str] = mapped_column(String(MAX_REASON), info=CASE)
    order_reference: Mapped[str] = mapped_column(String(MAX_REFERENCE), info=CASE)
    victim_consented_on: Mapped[date | None] = mapped_column(info=CASE)


class ExemptionRow(Withdrawable, Base):
    """A person's leave to be served without location, for `starts_at <= t < ends_at`."""

    __tablename__ = "exemptions"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        _by_two_persons(),
        Index("ix_exemptions_supervisee_id_id", "supervisee_id", "id"),
        {"info": {IMMUTABLE_KEY: (*_APPROVAL, *_WITHDRAWAL)}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    scope: Mapped[str] = mapped_column(String(MAX_REASON), info=CASE)
    authority: Mapped[Authority] = mapped_column(stored_enum(Authority), info=CASE)
    reference: Mapped[str] = mapped_column(String(MAX_REFERENCE), info=CASE)
    starts_at: Mapped[datetime] = mapped_column(info=CASE)
    ends_at: Mapped[datetime] = mapped_column(info=CASE)


class AbsenceRow(Withdrawable, Base):
    """A span in which named conditions rest. `condition_ids` are theirs, as text."""

    __tablename__ = "absences"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        _by_two_persons(),
        Index("ix_absences_supervisee_id_id", "supervisee_id", "id"),
        {"info": {IMMUTABLE_KEY: (*_APPROVAL, *_WITHDRAWAL)}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=CASE)
    starts_at: Mapped[datetime] = mapped_column(info=CASE)
    ends_at: Mapped[datetime] = mapped_column(info=CASE)
    places: Mapped[str] = mapped_column(String(MAX_REASON), info=CASE)
    reason: Mapped[str] = mapped_column(String(MAX_REASON), info=CASE)
    court_reference: Mapped[str | None] = mapped_column(String(MAX_REFERENCE), info=CASE)
    condition_ids: Mapped[list[Any]] = mapped_column(info=CASE)
