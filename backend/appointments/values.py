"""What appointments are, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

from notifications.kind import MessageKind
from notifications.planning import Subject


class AppointmentKind(Enum):
    """What a person is expected for."""

    CHECK_IN = "check_in"
    HEARING = "hearing"
    APPOINTMENT = "appointment"


TOLD_AS: Final = {
    AppointmentKind.CHECK_IN: (MessageKind.CHECK_IN, Subject.CHECK_IN),
    AppointmentKind.HEARING: (MessageKind.HEARING, Subject.COURT_HEARING),
    AppointmentKind.APPOINTMENT: (MessageKind.APPOINTMENT, Subject.APPOINTMENT),
}
"""As messages of which kind, and under which name, people are told of each."""


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
