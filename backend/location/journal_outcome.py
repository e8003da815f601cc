"""What becomes of a journal token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from backend.devices.authentication import Authenticated
from backend.location.chain import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFix:
    """A fix of a token that does not count, and why."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A token that is kept, and what the phone should know.

    `missing` are the numbers of tokens that have not come, `unaccounted` those of fixes that no
    token and no live request has brought, and no gap has explained.
    """

    who: Authenticated
    n: int
    digest: bytes
    received_at: datetime
    accepted: int
    refusals: list[RefusedFix]
    missing: list[Span]
    unaccounted: list[Span]
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked:
    """A token that contradicts another; kept as evidence."""

    who: Authenticated
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """A token of a suspended phone: nothing is kept, and the phone keeps it until it is reinstated."""

    who: Authenticated


Outcome = Taken | Forked | Suspended
