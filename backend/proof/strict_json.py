"""JSON as a verifier must read it: one meaning, or none (RFC 8725, section 2.4; RFC 7493)."""

from __future__ import annotations

import math
from json import JSONDecoder
from typing import NoReturn

from backend.proof.refusal import ProofRefusal


def read_object(data: bytes, *, max_containers: int) -> dict[str, object] | ProofRefusal:
    """The JSON object in `data`, or NOT_UTF8, TOO_DEEP, DUPLICATE_MEMBER, NOT_FINITE, NOT_JSON.

    `max_containers` bounds how many objects and arrays there may be, and so their depth, before
    the parser is entered. Brackets inside strings count too: none of our texts needs many.
    """
    try:
        text = data.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return ProofRefusal.NOT_UTF8
    if text.count("{") + text.count("[") > max_containers:
        return ProofRefusal.TOO_DEEP
    try:
        value = _DECODER.decode(text)
    except _DuplicateMemberError:
        return ProofRefusal.DUPLICATE_MEMBER
    except _NotFiniteError:
        return ProofRefusal.NOT_FINITE
    except (ValueError, RecursionError):
        # ValueError also stands for an integer of more digits than Python converts.
        return ProofRefusal.NOT_JSON
    return value if type(value) is dict else ProofRefusal.NOT_JSON


class _DuplicateMemberError(Exception):
    pass


class _NotFiniteError(Exception):
    pass


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _DuplicateMemberError
    return members


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NotFiniteError
    return number


def _no_constant(_name: str) -> NoReturn:
    # The standard library reads NaN, Infinity and -Infinity, which JSON does not have.
    raise _NotFiniteError


_DECODER = JSONDecoder(
    object_pairs_hook=_unique_members, parse_float=_finite, parse_constant=_no_constant
)
