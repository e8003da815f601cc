"""How much shows that the person themself is at the phone: levels, means, and how a means ends."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Presence(Enum):
    """What a check-in shows of the person, from least to most."""

    NONE = "none"
    DEVICE = "device"
    """A key made for check-ins signed; nothing shows that it asks who is there."""
    VERIFIED = "verified"
    """Finger, face or screen lock opened the key: the phone's hardware, its genuine app or the
    browser's authenticator says so."""

    def meets(self, least: Presence) -> bool:
        """Whether this level is at least `least`."""
        return _ORDER.index(self) >= _ORDER.index(least)


_ORDER: Final = tuple(Presence)


class PresenceMeans(Enum):
    """By what a person's presence is shown, named after what vouches for it."""

    ANDROID_KEY = "android-key"
    APPLE_ASSERTION = "apple-assertion"
    PASSKEY = "passkey"
    UNATTESTED = "unattested"

    @property
    def level(self) -> Presence:
        """What a signature by it shows."""
        return Presence.DEVICE if self is PresenceMeans.UNATTESTED else Presence.VERIFIED


class PresenceEnd(Enum):
    """Why a means shows nothing any more."""

    ROTATED = "rotated"
    """It signed over to the next one."""
    REPLACED = "replaced"
    """The phone enrolled another one, without its word."""
    ACTIVATION_ENDED = "activation-ended"


class PresencePurpose(Enum):
    """What a challenge was given out for."""

    ENROLMENT = "enrolment"
    CHECK_IN = "check-in"
