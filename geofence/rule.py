"""What a court ordered, as the engine sees it: a zone to stay out of or in, and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from geofence.drawing import StoredZone
from geofence.schedule import Schedule
from geofence.zone import Zone

MOST_BUFFER_M: Final = 100_000.0


class RuleKind(StrEnum):
    """Whether being inside or being outside breaks the rule."""

    EXCLUSION = "exclusion"
    INCLUSION = "inclusion"


class Perimeter(StrEnum):
    """Which line of a rule was passed: the zone's own, or the court's early-warning ring."""

    ZONE = "zone"
    BUFFER = "buffer"


class Rule(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One version of one rule, in force for `valid_from_s <= t < valid_until_s`.

    A struct, since there are many: a frozen dataclass takes four times as long to make.

    Versions of a rule share its `id`. `buffer_m` draws the court's early-warning ring that
    far on the compliant side of the edge. Raises ValueError for an inclusion without a
    schedule (nobody can stay in one place for ever), an empty validity, a buffer that is
    not above zero.
    """

    id: str
    version: int
    kind: RuleKind
    zone: Zone | StoredZone
    valid_from_s: int
    valid_until_s: int | None = None
    schedule: Schedule | None = None
    buffer_m: float | None = None

    def __post_init__(self) -> None:
        if self.kind is RuleKind.INCLUSION and self.schedule is None:
            raise ValueError("an inclusion needs a schedule")
        if self.valid_until_s is not None and self.valid_until_s <= self.valid_from_s:
            raise ValueError("a rule's validity ends after it begins")
        if self.buffer_m is not None and not 0.0 < self.buffer_m <= MOST_BUFFER_M:
            raise ValueError(f"a buffer is above 0 and at most {MOST_BUFFER_M:.0f} metres")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """An approved absence or exemption: the named rules, or all, rest in this time."""

    from_s: int
    until_s: int
    rule_ids: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.until_s <= self.from_s:
            raise ValueError("a suspension ends after it begins")

    def covers(self, rule_id: str) -> bool:
        """Whether this rule rests."""
        return self.rule_ids is None or rule_id in self.rule_ids
