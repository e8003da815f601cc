"""BER (X.690, chapter 8), as far as Apple's receipts use it: also lengths that are not told.

Apple signs receipts as CMS in BER or in DER. Values that must be hashed or compared are taken as
the bytes that came, so the leniency adds no second meaning to anything signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backend.attestation.der import NotDerError, WrongShapeError

_CONSTRUCTED: Final = 0x20
_HIGH_TAG: Final = 0x1F
_INDEFINITE: Final = 0x80
_MAX_LENGTH_BYTES: Final = 3
_MAX_DEPTH: Final = 8

OCTET_STRING: Final = 0x04
SEQUENCE: Final = 0x30
SET: Final = 0x31
_END: Final = b"\x00\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One value: its tag octet, its content, and its whole encoding."""

    tag: int
    content: bytes
    encoded: bytes

    def within(self, tag: int) -> tuple[Node, ...]:
        """The parts of this value, which must be constructed and bear `tag`."""
        if self.tag != tag:
            raise WrongShapeError
        parts = []
        at = 0
        while at < len(self.content):
            part, at = _node(self.content, at, _MAX_DEPTH)
            parts.append(part)
        return tuple(parts)

    def octets(self) -> bytes:
        """An OCTET STRING's bytes, which BER may split into several."""
        if self.tag == OCTET_STRING:
            return self.content
        parts = self.within(OCTET_STRING | _CONSTRUCTED)
        if any(part.tag != OCTET_STRING for part in parts):
            raise WrongShapeError
        return b"".join(part.content for part in parts)


def single(data: bytes) -> Node:
    """The one value that `data` is."""
    node, end = _node(data, 0, _MAX_DEPTH)
    if end != len(data):
        raise NotDerError
    return node


def _node(data: bytes, start: int, depth: int) -> tuple[Node, int]:
    """The value at `start` and the place after it."""
    if depth == 0 or start + 2 > len(data) or data[start] & _HIGH_TAG == _HIGH_TAG:
        raise NotDerError
    if data[start + 1] == _INDEFINITE:
        if not data[start] & _CONSTRUCTED:
            raise NotDerError
        content_at = start + 2
        content_end = _end_of_contents(data, content_at, depth)
        end = content_end + len(_END)
    else:
        length, content_at = _definite(data, start + 1)
        content_end = end = content_at + length
    if end > len(data):
        raise NotDerError
    return Node(tag=data[start], content=data[content_at:content_end], encoded=data[start:end]), end


def _definite(data: bytes, at: int) -> tuple[int, int]:
    """The length that stands at `at`, and the place where the content begins."""
    first, at = data[at], at + 1
    if first < _INDEFINITE:
        return first, at
    count = first & 0x7F
    if count > _MAX_LENGTH_BYTES or at + count > len(data):
        raise NotDerError
    return int.from_bytes(data[at : at + count]), at + count


def _end_of_contents(data: bytes, at: int, depth: int) -> int:
    """The place of the end-of-contents octets that close the values beginning at `at`."""
    while data[at : at + len(_END)] != _END:
        _, at = _node(data, at, depth - 1)
    return at
