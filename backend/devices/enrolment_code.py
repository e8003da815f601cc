"""The one-time code by which a person enrols a phone: ten digits, read aloud or typed.

Crockford's base 32. The first four digits (the selector) find the code and are kept as they are;
the last six (the secret, 30 random bits) are kept as a keyed hash and can be tried five times.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Final

from backend.core import crockford
from backend.core.keys import keyed_hash

CODE_LIFE: Final = timedelta(hours=24)
CHALLENGE_LIFE: Final = timedelta(seconds=300)
MAX_FAILED_TRIES: Final = 5
KEY_PURPOSE: Final = "enrolment code"

_SELECTOR_DIGITS: Final = 4
_DIGITS: Final = 10
_BITS: Final = 50
_GROUP: Final = 5


class CodeEnd(Enum):
    """Why a code is of no use any more."""

    REDEEMED = "redeemed"
    TRIES_EXHAUSTED = "tries-exhausted"
    EXPIRED = "expired"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code in its two parts."""

    selector: str
    secret: str = field(repr=False)

    def shown(self) -> str:
        """Return the code as an officer reads it out: `7K3M9-QPDX2`."""
        return crockford.grouped(self.selector + self.secret, _GROUP)

    def secret_hash(self, key: bytes) -> bytes:
        """Return what the database keeps of the secret."""
        return keyed_hash(key, f"{self.selector}-{self.secret}")

    def opens(self, kept_hash: bytes, key: bytes) -> bool:
        """Whether this is the code of which `kept_hash` was kept; takes as long either way."""
        return hmac.compare_digest(self.secret_hash(key), kept_hash)


def new_code() -> Code:
    """Return a fresh random code."""
    return _code(crockford.encode(secrets.randbits(_BITS), _DIGITS))


def read_code(text: str) -> Code | None:
    """Return the code that a person typed, however they grouped and misread it, or None."""
    digits = crockford.read(text, _DIGITS)
    return None if digits is None else _code(digits)


def _code(digits: str) -> Code:
    return Code(selector=digits[:_SELECTOR_DIGITS], secret=digits[_SELECTOR_DIGITS:])


def new_challenge() -> str:
    """Return 32 random bytes as base64url: 43 characters."""
    return secrets.token_urlsafe(32)
