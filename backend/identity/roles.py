"""What each role may do: one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from backend.core.actor import Permission as P  # noqa: N817 - a table of fifty reads better so


class Role(Enum):
    """What somebody is in an agency."""

    OFFICER = "officer"
    SUPERVISOR = "supervisor"
    AGENCY_ADMIN = "agency_admin"
    AUDITOR = "auditor"
    VICTIM_LIAISON = "victim_liaison"


_READ_CASES: Final = frozenset(
    {
        P.OFFICER_READ,
        P.SUPERVISEE_READ,
        P.DEVICE_READ,
        P.CONDITION_READ,
        P.LOCATION_READ,
        P.ALERT_READ,
        P.APPOINTMENT_READ,
        P.PAYMENT_READ,
        P.REMINDER_READ,
        P.REQUEST_READ,
        P.TOKEN_MANAGE,
    }
)

_SUPERVISE: Final = _READ_CASES | {
    P.SUPERVISEE_WRITE,
    P.DEVICE_ENROL,
    P.DEVICE_REVOKE,
    P.CONDITION_WRITE,
    P.ALERT_DECIDE,
    P.APPOINTMENT_WRITE,
    P.PAYMENT_RECORD,
    P.REQUEST_ANSWER,
}

PERMISSIONS: Final[Mapping[Role, frozenset[P]]] = MappingProxyType(
    {
        Role.OFFICER: _SUPERVISE,
        Role.SUPERVISOR: _SUPERVISE
        | {P.CONDITION_APPROVE, P.CONFIDENTIAL_ZONE_READ, P.PAYMENT_APPROVE, P.AUDIT_READ},
        # Runs the agency, not its cases: sees no one's position, conditions or debts, nor the
        # alerts, reminders and requests that tell of them in words.
        Role.AGENCY_ADMIN: frozenset(
            {
                P.AGENCY_MANAGE,
                P.OFFICER_READ,
                P.OFFICER_MANAGE,
                P.TOKEN_MANAGE,
                P.SUPERVISEE_READ,
                P.SUPERVISEE_WRITE,
                P.DEVICE_READ,
                P.AUDIT_READ,
            }
        ),
        # Reads everything but a victim's zone, changes nothing.
        Role.AUDITOR: _READ_CASES | {P.AUDIT_READ},
        Role.VICTIM_LIAISON: frozenset(
            {
                P.OFFICER_READ,
                P.TOKEN_MANAGE,
                P.SUPERVISEE_READ,
                P.CONDITION_READ,
                P.CONDITION_WRITE,
                P.CONDITION_APPROVE,
                P.CONFIDENTIAL_ZONE_READ,
                P.ALERT_READ,
            }
        ),
    }
)

PERSON_ONLY: Final = frozenset({P.TOKEN_MANAGE, P.OFFICER_MANAGE})
"""Never given to an API token: a stolen one could make itself successors or accomplices."""
