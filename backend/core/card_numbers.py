"""Payment card numbers in free text: found, so that they can be refused before anything keeps them.

A card number is 13 to 19 digits of which the last is the check digit of the others (ISO/IEC
7812-1, Luhn's formula). People group the digits by blanks, hyphens or points; a longer chain of
groups (an expiry date after the number) is searched group by group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

SHORTEST: Final = 13
LONGEST: Final = 19
CARD_NUMBER_MESSAGE: Final = "This looks like a payment card number: never send one here."
"""What validation says, and what makes the whole answer a `card-number-refused`."""

_SEPARATOR: Final = r"[\s._\u2010-\u2015\u2212\u00b7-]{1,3}"
_CHAIN: Final = re.compile(rf"\d+(?:{_SEPARATOR}\d+)*")
_GROUP: Final = re.compile(r"\d+")
_DIGITS_ENOUGH: Final = re.compile(rf"\d(?:(?:{_SEPARATOR})?\d){{{SHORTEST - 1}}}")


def has_card_number(text: str) -> bool:
    """Whether `text` holds what may be a card number; digits of any script count."""
    if _DIGITS_ENOUGH.search(text) is None:
        return False
    return any(_is_card_number(digits) for digits in _candidates(text))


def _candidates(text: str) -> Iterator[str]:
    """Give every run of neighbouring whole groups that has a card number's length."""
    for chain in _CHAIN.finditer(text):
        groups = _GROUP.findall(chain[0])
        for first in range(len(groups)):
            yield from _runs_from(groups, first)


def _runs_from(groups: Sequence[str], first: int) -> Iterator[str]:
    digits = ""
    for group in groups[first:]:
        digits += group
        if len(digits) > LONGEST:
            return
        if len(digits) >= SHORTEST:
            yield digits


def _is_card_number(digits: str) -> bool:
    total = sum(int(digit) for digit in digits[-1::-2])
    return (total + sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])) % 10 == 0
