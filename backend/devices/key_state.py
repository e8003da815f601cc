"""The life of a device's key: its states, why it is in one, and the steps between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class KeyState(Enum):
    """Where a key stands. Only an active one passes the gate."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    """For now: the phone still proves who it is, and is refused at the gate."""
    SUPERSEDED = "superseded"
    """For good: another key followed it, of this device or of another."""
    REVOKED = "revoked"
    """For good: somebody decided so."""


ENROLLED_STATES: Final = frozenset({KeyState.ACTIVE, KeyState.SUSPENDED})
"""The states in which a signature by the key still counts as the person's."""


class KeyReason(Enum):
    """Why a key is in its state."""

    ENROLLED = "enrolled"
    CLEARED = "cleared"
    LOST = "lost"
    STOLEN = "stolen"
    DAMAGED = "damaged"
    TAMPERING_SUSPECTED = "tampering-suspected"
    HANDED_BACK = "handed-back"
    SUPERVISION_ENDED = "supervision-ended"
    AGENCY_DECISION = "agency-decision"
    ANOTHER_DEVICE_ENROLLED = "another-device-enrolled"
    ATTESTATION_REVOKED = "attestation-revoked"
    """By the system: the maker no longer stands by the key that attested this one."""
    BELOW_POLICY = "below-policy"
    """By the system: the agency asks for a stronger device than this one proved to be."""
    KEY_CHANGED = "key-changed"
    """The phone itself signed over to its next key."""
    ROTATION_OVERDUE = "rotation-overdue"
    """No step: the officer was told that the phone keeps its key for too long."""


_STEPS: Final[Mapping[KeyState, frozenset[KeyState]]] = {
    KeyState.ACTIVE: frozenset({KeyState.SUSPENDED, KeyState.SUPERSEDED, KeyState.REVOKED}),
    KeyState.SUSPENDED: frozenset({KeyState.ACTIVE, KeyState.SUPERSEDED, KeyState.REVOKED}),
    KeyState.SUPERSEDED: frozenset(),
    KeyState.REVOKED: frozenset(),
}


def may_become(old: KeyState, new: KeyState) -> bool:
    """Whether a key may go from one state to the other; the last two are final."""
    return new in _STEPS[old]


SUSPENSION_REASONS: Final = (
    KeyReason.LOST,
    KeyReason.TAMPERING_SUSPECTED,
    KeyReason.AGENCY_DECISION,
)
REVOCATION_REASONS: Final = (
    KeyReason.LOST,
    KeyReason.STOLEN,
    KeyReason.DAMAGED,
    KeyReason.TAMPERING_SUSPECTED,
    KeyReason.HANDED_BACK,
    KeyReason.SUPERVISION_ENDED,
    KeyReason.AGENCY_DECISION,
)


class AskedState(Enum):
    """How the question of a phone that has lost its key stands."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    REPLACED = "replaced"
    """Another phone asked for the same person since."""
    EXPIRED = "expired"
    """Nobody decided in time; never stored."""


class ActivationEnd(Enum):
    """Why a person's time with a device ended."""

    SUPERSEDED = "superseded"
    REVOKED = "revoked"
