"""Text in the characters that the fonts built into every PDF reader have: Latin-1. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

_ENCODING: Final = "latin-1"
_LIKE: Final = str.maketrans(
    {
        "Ł": "L",
        "ł": "l",
        "Đ": "D",
        "đ": "d",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "Œ": "OE",
        "œ": "oe",
        "Ħ": "H",
        "ħ": "h",
        "ẞ": "SS",
        "€": "EUR",
        "™": "TM",
        "…": "...",
        **dict.fromkeys("\N{EN DASH}\N{EM DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}", "-"),
        **dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}", "'"),
        **dict.fromkeys("\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}", '"'),
    }
)


def printable(text: str) -> str:
    """Return `text` in Latin-1: as it is, without marks, or as its code point, `[U+738B]`.

    Nothing is left out: what cannot be printed is to be seen as such. Control characters and line
    breaks become spaces.
    """
    return "".join(_printed(character) for character in unicodedata.normalize("NFC", text))


def is_printable(text: str) -> bool:
    """Return whether `text` can be printed without code points."""
    return "[U+" not in printable(text)


def _printed(character: str) -> str:
    if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}:
        return " "
    if _has(character):
        return character
    like = character.translate(_LIKE)
    bare = "".join(one for one in unicodedata.normalize("NFKD", like) if _has(one))
    return bare or f"[U+{ord(character):04X}]"


def _has(character: str) -> bool:
    try:
        character.encode(_ENCODING)
    except UnicodeEncodeError:
        return False
    return True
