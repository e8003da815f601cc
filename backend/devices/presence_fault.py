"""Why a person's presence is not shown, or a means to show it not enrolled, one name each."""

from __future__ import annotations

from enum import Enum


class PresenceFault(Enum):
    """What is wrong with it: the name is a stable code, the value says it in words.

    None has the name of a `WebRefusal`: a check-in that is refused names one of either.
    """

    CHALLENGE_NOT_OPEN = "The challenge was not given out for this, is over, or was used before."
    NOT_ON_THIS_PLATFORM = "There is no such means on this platform."
    NOT_A_PRESENCE_KEY = (
        "The presence key's own word is malformed, or not its own, or names another challenge "
        "or device."
    )
    KEY_ENROLLED_BEFORE = "This key was enrolled before: make a new one."
    WRONG_KEY_CHANGE = "The presence key before did not sign over to this one."
    NO_APP_KEY = "No App Attest key vouches for this device."
    NO_PRESENCE_KEY = (
        "Nothing is enrolled by which this device could show that its person is there."
    )
    NOT_A_SIGNATURE = (
        "What was signed is malformed, or names another challenge, check-in or device."
    )
    SIGNED_BY_ANOTHER_KEY = "The signature is not the enrolled presence key's."
    ATTESTATION_REVOKED = "The maker no longer stands by a key that attested this presence key."
