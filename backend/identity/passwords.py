"""Passwords: what is accepted, how it is kept (Argon2id, RFC 9106), how it is compared.

Hashing takes some fifty milliseconds and as many megabytes on purpose: never do it inside a
transaction, where everybody would wait for it.
"""

from __future__ import annotations

import threading
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.core.errors import Code, Problem

MIN_CHARACTERS: Final = 15
"""While a password is the only factor (NIST SP 800-63B-4, section 3.1.1.2)."""
MAX_CHARACTERS: Final = 256
_MIN_DISTINCT: Final = 6

# More memory and more passes than OWASP ASVS 5.0 asks for at the least (46 MiB, 1 pass).
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=47_104, parallelism=1)
_AT_ONCE: Final = threading.BoundedSemaphore(4)
"""Bounds the memory that a flood of sign-ins can take."""

# What is compared when there is no such officer: same cost, and no password has this digest.
DECOY: Final = (
    f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    f"${'A' * 22}${'A' * 43}"
)


def hash_password(password: str) -> str:
    """Return what is kept of an acceptable password.

    Raises INVALID_REQUEST for one that is too short, too long, or a few characters repeated.
    """
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise Problem(
            Code.INVALID_REQUEST,
            f"A password has {MIN_CHARACTERS} to {MAX_CHARACTERS} characters.",
            pointer="/password",
        )
    if len(set(password)) < _MIN_DISTINCT:
        raise Problem(
            Code.INVALID_REQUEST,
            f"A password has at least {_MIN_DISTINCT} different characters.",
            pointer="/password",
        )
    with _AT_ONCE:
        return _HASHER.hash(_normal(password))


def matches(password_hash: str, password: str) -> bool:
    """Whether `password` is the one that was hashed; takes as long either way."""
    try:
        with _AT_ONCE:
            return _HASHER.verify(password_hash, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> bytes:
    """Return the same bytes for what looks the same on any keyboard (NFKC)."""
    return unicodedata.normalize("NFKC", password).encode()
