"""Whether a check-in counts, and whether it is on time; what to do where it does not. Pure.

A check-in is open from `check_in_opens_s` before its time, and on time until `check_in_grace_s`
after it. From then on it is late: late is late, and not missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from backend.appointments.values import Appointment
from backend.devices.presence_level import Presence
from backend.identity.policy import AgencyPolicy
from notifications.formats import Language


class Punctuality(Enum):
    """When a check-in came."""

    ON_TIME = "on-time"
    LATE = "late"


class CheckInRefusal(Enum):
    """Why a check-in does not count, in the order in which `judge` looks."""

    CANCELLED = "cancelled"
    TOO_EARLY = "too-early"
    PRESENCE_REFUSED = "presence-refused"
    """What was to show that the person is there does not hold."""
    PRESENCE_MISSING = "presence-missing"
    PRESENCE_TOO_WEAK = "presence-too-weak"


class Excuse(Enum):
    """Why a check-in that does not come is not told, in the order in which it is asked."""

    NO_ORDER = "no-order"
    """Nothing is asked of anybody that no court ordered."""
    EXEMPTION = "exemption"
    ABSENCE = "absence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From when on a check-in is taken, and until when, exclusively, it is on time."""

    opens_at: datetime
    late_from: datetime


def window_of(appointment: Appointment, policy: AgencyPolicy) -> Window:
    """Return when the person may check in for this appointment."""
    return Window(
        opens_at=appointment.starts_at - timedelta(seconds=policy.check_in_opens_s),
        late_from=late_from(appointment.starts_at, policy),
    )


def late_from(due_at: datetime, policy: AgencyPolicy) -> datetime:
    """Return from when on a check-in that was due then is late."""
    return due_at + timedelta(seconds=policy.check_in_grace_s)


def untimely(
    appointment: Appointment, policy: AgencyPolicy, now: datetime
) -> CheckInRefusal | None:
    """Return why nobody can check in for this just now."""
    if appointment.cancelled_at is not None:
        return CheckInRefusal.CANCELLED
    opens_at = window_of(appointment, policy).opens_at
    return CheckInRefusal.TOO_EARLY if now < opens_at else None


def insufficient(level: Presence, policy: AgencyPolicy) -> CheckInRefusal | None:
    """Return why the presence that was shown is less than the agency asks for."""
    if level.meets(Presence(policy.least_presence)):
        return None
    missing = level is Presence.NONE
    return CheckInRefusal.PRESENCE_MISSING if missing else CheckInRefusal.PRESENCE_TOO_WEAK


def punctuality(appointment: Appointment, policy: AgencyPolicy, now: datetime) -> Punctuality:
    """Return whether a check-in that counts is on time."""
    late = now >= window_of(appointment, policy).late_from
    return Punctuality.LATE if late else Punctuality.ON_TIME


WHAT_TO_DO: Final[Mapping[Language, Mapping[CheckInRefusal, str]]] = {
    Language.ENGLISH: {
        CheckInRefusal.CANCELLED: "This check-in was cancelled. You need not do anything.",
        CheckInRefusal.TOO_EARLY: "It is too early. Check in again at the time that the app shows.",
        CheckInRefusal.PRESENCE_MISSING: "Confirm with your finger, your face or your screen lock "
        "that it is you, and check in again.",
        CheckInRefusal.PRESENCE_TOO_WEAK: "This device cannot show that it asks who you are. "
        "Update the app and set up the confirmation again. If that fails, call your officer.",
    },
    Language.SPANISH: {
        CheckInRefusal.CANCELLED: "Esta presentación fue cancelada. No tiene que hacer nada.",
        CheckInRefusal.TOO_EARLY: "Es demasiado pronto. Preséntese a la hora que muestra la "
        "aplicación.",
        CheckInRefusal.PRESENCE_MISSING: "Confirme con su dedo, su rostro o el bloqueo de pantalla "
        "que es usted, y preséntese de nuevo.",
        CheckInRefusal.PRESENCE_TOO_WEAK: "Este dispositivo no puede demostrar que pregunta quién "
        "es usted. Actualice la aplicación y configure de nuevo la confirmación. Si no funciona, "
        "llame a su oficial.",
    },
}
"""What the person reads; of what was shown and does not hold, `enrolment_advice` says it."""
