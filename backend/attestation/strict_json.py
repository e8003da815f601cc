"""JSON from strangers that has one meaning, or none: what every reader here reads it with."""

from __future__ import annotations

import json
from typing import Final, NoReturn


def read(data: bytes) -> object:
    """The value of a JSON text in UTF-8; ValueError if it is none, or has more than one meaning.

    No member twice, no NaN or Infinity, no depth that would exhaust the stack.
    """
    try:
        return _DECODER.decode(data.decode("utf-8", "strict"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_no_constant)
