"""JSON as this API reads it: no duplicate members, no NaN or Infinity, no absurd depth.

RFC 8259 leaves duplicates open and Python keeps the last: a request that two readers understand
differently is refused instead.
"""

from __future__ import annotations

import json
import math
from typing import Any

from flask.json.provider import DefaultJSONProvider


class StrictJsonProvider(DefaultJSONProvider):
    """Flask's JSON with a strict reader; a refused text is a ValueError, answered as 400."""

    sort_keys = False

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Return the value of a JSON text."""
        try:
            return json.loads(
                s,
                object_pairs_hook=_members,
                parse_constant=_refuse_constant,
                parse_float=_finite,
            )
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is out of range")
    return value
