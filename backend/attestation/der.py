"""DER (X.690, chapters 8 and 10), read strictly: one encoding for each value, or none.

Refused: indefinite and non-minimal lengths, non-minimal tags and integers, booleans other than 00
and FF, trailing bytes. The order of a SET OF is not checked: no rule of ours depends on it. Nothing
is descended into unless asked, so depth and cost are those of the reader's own code.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NoReturn

_LONG_FORM: Final = 0x80
_HIGH_TAG: Final = 0x1F
_CONSTRUCTED: Final = 0x20
# Tags of the formats that we read have at most four digits, lengths at most three bytes, integers
# at most 64 bits and a sign.
_MAX_TAG_NUMBER: Final = 0xFFFF
_MAX_LENGTH_BYTES: Final = 3
_MAX_INTEGER_BYTES: Final = 9


class DerError(Exception):
    """What was read is not what was expected; raised and caught inside this package."""


class NotDerError(DerError):
    """The bytes are not DER."""


class WrongShapeError(DerError):
    """The bytes are DER, but another value than the format has here."""


class TagClass(IntEnum):
    """The two uppermost bits of a tag."""

    UNIVERSAL = 0
    APPLICATION = 1
    CONTEXT = 2
    PRIVATE = 3


class Universal(IntEnum):
    """Numbers of the universal tags that we read."""

    BOOLEAN = 1
    INTEGER = 2
    OCTET_STRING = 4
    NULL = 5
    ENUMERATED = 10
    SEQUENCE = 16
    SET = 17


_CONTAINERS: Final = frozenset({Universal.SEQUENCE, Universal.SET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One value: its tag, its content, and `encoded`, the bytes of both as they came."""

    tag_class: TagClass
    constructed: bool
    number: int
    content: bytes
    encoded: bytes

    def sequence(self) -> tuple[Element, ...]:
        """The elements of a SEQUENCE."""
        return elements(self._universal(Universal.SEQUENCE))

    def set_of(self) -> tuple[Element, ...]:
        """The elements of a SET, in the order in which they came."""
        return elements(self._universal(Universal.SET))

    def explicit(self, number: int) -> Element:
        """The one element within the explicit context tag `number`."""
        if not self.is_context(number):
            raise WrongShapeError
        return single(self.content)

    def is_context(self, number: int) -> bool:
        """Whether this is the constructed context tag `number`."""
        return self.tag_class is TagClass.CONTEXT and self.constructed and self.number == number

    def integer(self) -> int:
        return _integer(self._universal(Universal.INTEGER))

    def enumerated(self) -> int:
        return _integer(self._universal(Universal.ENUMERATED))

    def octets(self) -> bytes:
        return self._universal(Universal.OCTET_STRING)

    def boolean(self) -> bool:
        content = self._universal(Universal.BOOLEAN)
        if content not in {b"\x00", b"\xff"}:
            raise NotDerError
        return content == b"\xff"

    def null(self) -> bool:
        """True; in these formats the presence of a NULL is its meaning."""
        if self._universal(Universal.NULL):
            raise NotDerError
        return True

    def _universal(self, number: Universal) -> bytes:
        if self.tag_class is not TagClass.UNIVERSAL or self.number != number:
            raise WrongShapeError
        if self.constructed is not (number in _CONTAINERS):
            raise NotDerError
        return self.content


def single(data: bytes) -> Element:
    """The one element that `data` is."""
    found = elements(data)
    if len(found) != 1:
        raise (NotDerError if not found else WrongShapeError)
    return found[0]


def elements(data: bytes) -> tuple[Element, ...]:
    """The elements that `data` is a row of; none in no bytes."""
    found = []
    at = 0
    while at < len(data):
        element = _element(data, at)
        found.append(element)
        at += len(element.encoded)
    return tuple(found)


def _element(data: bytes, start: int) -> Element:
    number, after_tag = _tag_number(data, start)
    length, content_at = _length(data, after_tag)
    end = content_at + length
    if end > len(data):
        raise NotDerError
    return Element(
        tag_class=TagClass(data[start] >> 6),
        constructed=bool(data[start] & _CONSTRUCTED),
        number=number,
        content=data[content_at:end],
        encoded=data[start:end],
    )


def _tag_number(data: bytes, at: int) -> tuple[int, int]:
    """The tag's number and the place after it."""
    number = data[at] & _HIGH_TAG
    at += 1
    if number < _HIGH_TAG:
        return number, at
    number = 0
    while True:
        octet = _octet(data, at)
        at += 1
        number = number << 7 | octet & 0x7F
        if number == 0 or number > _MAX_TAG_NUMBER:
            _not_der()
        if not octet & _LONG_FORM:
            break
    if number < _HIGH_TAG:
        _not_der()
    return number, at


def _length(data: bytes, at: int) -> tuple[int, int]:
    """The length and the place where the content begins."""
    first = _octet(data, at)
    at += 1
    if first < _LONG_FORM:
        return first, at
    count = first & 0x7F
    if not 0 < count <= _MAX_LENGTH_BYTES or at + count > len(data):
        _not_der()
    length = int.from_bytes(data[at : at + count])
    # The shortest form is the only one: no leading zero, no long form for a short length.
    if data[at] == 0 or length < _LONG_FORM:
        _not_der()
    return length, at + count


def _integer(content: bytes) -> int:
    if not 0 < len(content) <= _MAX_INTEGER_BYTES:
        _not_der()
    if len(content) > 1 and (
        (content[0] == 0 and content[1] < _LONG_FORM)
        or (content[0] == 0xFF and content[1] >= _LONG_FORM)  # noqa: PLR2004 nine bits alike
    ):
        _not_der()
    return int.from_bytes(content, signed=True)


def _octet(data: bytes, at: int) -> int:
    if at >= len(data):
        _not_der()
    return data[at]


def _not_der() -> NoReturn:
    raise NotDerError
