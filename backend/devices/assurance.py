"""How much is known of where a key lives: levels, and what a phone must show for each."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Platform(Enum):
    """What the person's device is."""

    ANDROID = "android"
    IOS = "ios"
    WEB = "web"


class Assurance(Enum):
    """The levels of docs/protocol.md, from least to most."""

    SOFTWARE = "software"
    WEB = "web"
    APP_ATTESTED = "app_attested"
    HARDWARE_FACTORY = "hardware_factory"
    HARDWARE_RKP = "hardware_rkp"
    STRONGBOX = "strongbox"

    def meets(self, least: Assurance) -> bool:
        """Whether this level is at least `least`."""
        return _ORDER.index(self) >= _ORDER.index(least)


_ORDER: Final = tuple(Assurance)


def granted(platform: Platform) -> Assurance:
    """Return the level of a device that has shown no evidence of its hardware."""
    return Assurance.WEB if platform is Platform.WEB else Assurance.SOFTWARE
