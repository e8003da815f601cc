"""Who acts: the value that services take, narrow their queries by, and audit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from backend.core.errors import Code, Problem


class Permission(Enum):
    """Everything an officer or a token may be allowed to do, as `resource:action`."""

    AGENCY_MANAGE = "agency:manage"
    OFFICER_READ = "officer:read"
    OFFICER_MANAGE = "officer:manage"
    TOKEN_MANAGE = "token:manage"  # noqa: S105 - a permission's name, not a secret
    SUPERVISEE_READ = "supervisee:read"
    SUPERVISEE_WRITE = "supervisee:write"
    DEVICE_READ = "device:read"
    DEVICE_ENROL = "device:enrol"
    DEVICE_REVOKE = "device:revoke"
    CONDITION_READ = "condition:read"
    CONDITION_WRITE = "condition:write"
    CONDITION_APPROVE = "condition:approve"
    CONFIDENTIAL_ZONE_READ = "confidential-zone:read"
    LOCATION_READ = "location:read"
    ALERT_READ = "alert:read"
    ALERT_DECIDE = "alert:decide"
    APPOINTMENT_READ = "appointment:read"
    APPOINTMENT_WRITE = "appointment:write"
    PAYMENT_READ = "payment:read"
    PAYMENT_RECORD = "payment:record"
    PAYMENT_APPROVE = "payment:approve"
    REMINDER_READ = "reminder:read"
    REQUEST_READ = "request:read"
    REQUEST_ANSWER = "request:answer"
    AUDIT_READ = "audit:read"


class ActorKind(Enum):
    """Whether a person of the agency, a supervised person, or the system itself acts."""

    OFFICER = "officer"
    SUPERVISEE = "supervisee"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Someone who acts, for whom, and what they may do.

    `agency_id` is None only for the system. `own_only` narrows an officer to the people assigned
    to them; services apply it in the query, so that a forbidden item and a missing one look alike.
    """

    kind: ActorKind
    id: UUID | None
    agency_id: UUID | None
    permissions: frozenset[Permission] = frozenset()
    own_only: bool = False
    address: str | None = None

    def require(self, permission: Permission) -> None:
        """Raise `Problem(FORBIDDEN)` unless this actor holds `permission`."""
        if permission not in self.permissions:
            raise Problem(Code.FORBIDDEN, f"This needs the permission {permission.value}.")

    @property
    def supervisee(self) -> UUID:
        """The supervised person who acts. Raises `Problem(FORBIDDEN)` for anybody else."""
        if self.kind is not ActorKind.SUPERVISEE or self.id is None:
            raise Problem(Code.FORBIDDEN, "This is for supervised persons.")
        return self.id

    @property
    def agency(self) -> UUID:
        """The agency for which this actor acts; a fault for the system, which acts for none."""
        if self.agency_id is None:
            raise LookupError("the system acts for no agency")
        return self.agency_id


SYSTEM = Actor(kind=ActorKind.SYSTEM, id=None, agency_id=None, permissions=frozenset(Permission))
