"""CBOR (RFC 8949) as App Attest writes it: integers, texts, bytes, arrays and maps, nothing else.

Indefinite lengths, duplicate keys, tags (with their dates, regular expressions and references) and
deep nesting are refused; all of them are refused by cbor2 itself, before anything is built.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final, NoReturn

from cbor2 import CBORDecodeError, CBORDecoder

_MAX_DEPTH: Final = 4


class NotCborError(Exception):
    """The bytes are not CBOR of this subset; raised and caught inside this package."""


def single(data: bytes) -> object:
    """The one item that `data` is."""
    item, rest = first(data)
    if rest:
        raise NotCborError
    return item


def first(data: bytes) -> tuple[object, bytes]:
    """The item that `data` begins with, and the bytes after it."""
    source = BytesIO(data)
    decoder = CBORDecoder(
        source,
        semantic_decoders=_NO_TAGS,
        max_depth=_MAX_DEPTH,
        allow_indefinite=False,
        allow_duplicate_keys=False,
    )
    try:
        item: object = decoder.decode()
    except CBORDecodeError as error:
        raise NotCborError from error
    return item, source.read()


class _NoTags(dict[int, NoReturn]):
    """Refuses every tag when the decoder asks how to read it."""

    def __missing__(self, tag: int) -> NoReturn:
        raise CBORDecodeError(f"tag {tag}")


_NO_TAGS: Final = _NoTags()
