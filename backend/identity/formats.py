"""Texts with a form of their own, checked where they enter and kept in one spelling."""

from __future__ import annotations

import functools
import re
import zoneinfo
from typing import Final

from backend.core.errors import Code, Problem

MAX_EMAIL: Final = 254
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+")


def normal_email(text: str, *, pointer: str = "/email") -> str:
    """Return an e-mail address as we compare it: trimmed, lower case. Raises INVALID_REQUEST."""
    email = text.strip().lower()
    if len(email) > MAX_EMAIL or not _EMAIL.fullmatch(email):
        raise Problem(Code.INVALID_REQUEST, "This is no e-mail address.", pointer=pointer)
    return email


def known_zone(name: str, *, pointer: str = "/zone") -> str:
    """Return `name` if it is an IANA time zone. Raises INVALID_REQUEST."""
    if name not in _zones():
        raise Problem(Code.INVALID_REQUEST, "This is no IANA time zone.", pointer=pointer)
    return name


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
