"""Identifiers: UUIDv7 (RFC 9562, section 5.7), so that keys sort by time."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

_VERSION_7 = 0x7 << 76
_VARIANT_RFC = 0b10 << 62


def new_id(now: datetime) -> UUID:
    """Return a fresh UUIDv7 whose time is `now` (milliseconds), the rest random."""
    milliseconds = int(now.timestamp() * 1000) & ((1 << 48) - 1)
    random = secrets.randbits(74)
    high, low = random >> 62, random & ((1 << 62) - 1)
    return UUID(int=(milliseconds << 80) | _VERSION_7 | (high << 64) | _VARIANT_RFC | low)
