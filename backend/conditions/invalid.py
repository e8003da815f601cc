"""The refusal of one member of a body."""

from __future__ import annotations

from backend.core.errors import Code, Problem


def invalid(member: str, detail: str) -> Problem:
    """Return INVALID_REQUEST that points at `member` (a path without its first slash)."""
    return Problem(Code.INVALID_REQUEST, detail, pointer=f"/{member}")
