"""Crockford's base 32: digits that people can read aloud and type without I, L, O and U."""

from __future__ import annotations

from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BITS: Final = 5
_MISREAD: Final = str.maketrans("ILO", "110", " -")


def encode(number: int, digits: int) -> str:
    """Return the lowest `digits` digits (5 bits each) of `number`."""
    places = reversed(range(digits))
    return "".join(_ALPHABET[number >> _BITS * place & 31] for place in places)


def read(text: str, digits: int) -> str | None:
    """Return the digits that a person wrote, however grouped or misread; None if they are none."""
    plain = text.upper().translate(_MISREAD)
    return plain if len(plain) == digits and set(plain) <= set(_ALPHABET) else None


def grouped(digits: str, size: int) -> str:
    """Return `digits` in groups of `size`, joined by hyphens."""
    return "-".join(digits[at : at + size] for at in range(0, len(digits), size))
