"""What appointments are, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID


class AppointmentKind(Enum):
    """What a person is expected for."""

    CHECK_IN = "check_in"
    HEARING = "hearing"
    APPOINTMENT = "appointment"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentTerms:
    """When, where, and whom to call about it.

    `zone` is the IANA zone of the place, None: the agency's. Without `contact_phone` the agency is
    to be called.
    """

    starts_at: datetime
    zone: str | None = None
    place: str | None = field(default=None, repr=False)
    note: str | None = field(default=None, repr=False)
    contact_name: str | None = field(default=None, repr=False)
    contact_phone: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment(AppointmentTerms):
    """An appointment as it stands; `cancelled_at` None while it is to take place."""

    id: UUID
    supervisee_id: UUID
    kind: AppointmentKind
    zone: str
    made_at: datetime
    cancelled_at: datetime | None
    cancellation_reason: str | None = field(repr=False)
