"""The table of appointments."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.appointments.check_in_rules import CheckInRefusal, Punctuality
from backend.appointments.values import Appointment, AppointmentKind
from backend.core.classification import CASE, CONTACT, DEVICE, LOCATION, NAME, OPERATIONAL
from backend.core.db import Base, stored_enum
from backend.devices.presence_level import Presence, PresenceMeans

MAX_PLACE_CHARACTERS: Final = 200
MAX_NOTE_CHARACTERS: Final = 300
MAX_CONTACT_CHARACTERS: Final = 100
MAX_REASON_CHARACTERS: Final = 300

NOT_CANCELLED: Final = text("cancelled_at IS NULL")
LOOKED_AT_AGAIN: Final = text("look_at IS NOT NULL")
ACCEPTED: Final = text("refusal IS NULL")

_MAY_CHANGE: Final = (
    "starts_at",
    "zone",
    "place",
    "note",
    "contact_name",
    "contact_phone",
    "cancelled_at",
    "cancelled_by",
    "cancellation_reason",
    "look_at",
    "alert_id",
)
"""All but whose it is and of what kind. None is deleted; what it was before, the audit tells."""


class AppointmentRow(Base):
    """When and where a person is expected. `zone` is the place's: its wall time is told.

    At `look_at` the worker asks whether a check-in came (`overdue`), None when that is over and for
    all that is in person. `alert_id` is what the officer was told by.
    """

    __tablename__ = "appointments"
    __table_args__ = (
        Index("ix_appointments_supervisee_id_id", "supervisee_id", "id"),
        Index(
            "ix_appointments_ahead",
            "supervisee_id",
            "starts_at",
            sqlite_where=NOT_CANCELLED,
            postgresql_where=NOT_CANCELLED,
        ),
        Index(
            "ix_appointments_look_at",
            "look_at",
            sqlite_where=LOOKED_AT_AGAIN,
            postgresql_where=LOOKED_AT_AGAIN,
        ),
        {"info": {"immutable": _MAY_CHANGE}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=OPERATIONAL)
    kind: Mapped[AppointmentKind] = mapped_column(stored_enum(AppointmentKind), info=CASE)
    starts_at: Mapped[datetime] = mapped_column(info=CASE)
    zone: Mapped[str] = mapped_column(String(60), info=CASE)
    place: Mapped[str | None] = mapped_column(String(MAX_PLACE_CHARACTERS), info=CASE)
    note: Mapped[str | None] = mapped_column(String(MAX_NOTE_CHARACTERS), info=CASE)
    contact_name: Mapped[str | None] = mapped_column(String(MAX_CONTACT_CHARACTERS), info=NAME)
    contact_phone: Mapped[str | None] = mapped_column(String(20), info=CONTACT)
    made_by: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    made_at: Mapped[datetime] = mapped_column(info=OPERATIONAL)
    cancelled_by: Mapped[UUID | None] = mapped_column(info=OPERATIONAL)
    cancelled_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    cancellation_reason: Mapped[str | None] = mapped_column(
        String(MAX_REASON_CHARACTERS), info=CASE
    )
    look_at: Mapped[datetime | None] = mapped_column(info=OPERATIONAL)
    alert_id: Mapped[UUID | None] = mapped_column(info=CASE)


def appointment_of(row: AppointmentRow) -> Appointment:
    """Return a row as others see it."""
    return Appointment(**{item.name: getattr(row, item.name) for item in fields(Appointment)})


class CheckInRow(Base):
    """An attempt to check in, and what came of it; one of an appointment counts at most.

    `received` is what was to show the person's presence, in JSON, as it came. `fix_seq` is the
    number of the activation's fix that came along.
    """

    __tablename__ = "check_ins"
    __table_args__ = (
        Index("ix_check_ins_supervisee_id_id", "supervisee_id", "id"),
        Index(
            "uq_check_ins_accepted",
            "appointment_id",
            unique=True,
            sqlite_where=ACCEPTED,
            postgresql_where=ACCEPTED,
        ),
        {"info": {"immutable": True}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    appointment_id: Mapped[UUID] = mapped_column(ForeignKey("appointments.id"), info=OPERATIONAL)
    supervisee_id: Mapped[UUID] = mapped_column(ForeignKey("supervisees.id"), info=OPERATIONAL)
    activation_id: Mapped[UUID] = mapped_column(ForeignKey("activations.id"), info=OPERATIONAL)
    at: Mapped[datetime] = mapped_column(info=CASE)
    due_at: Mapped[datetime] = mapped_column(info=CASE)
    refusal: Mapped[CheckInRefusal | None] = mapped_column(stored_enum(CheckInRefusal), info=CASE)
    reason: Mapped[str | None] = mapped_column(String(60), info=CASE)
    punctuality: Mapped[Punctuality | None] = mapped_column(stored_enum(Punctuality), info=CASE)
    level: Mapped[Presence] = mapped_column(stored_enum(Presence), info=CASE)
    means: Mapped[PresenceMeans | None] = mapped_column(stored_enum(PresenceMeans), info=DEVICE)
    presence_key_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("presence_keys.id"), info=OPERATIONAL
    )
    received: Mapped[str | None] = mapped_column(info=DEVICE)
    fix_seq: Mapped[int | None] = mapped_column(BigInteger, info=LOCATION)
