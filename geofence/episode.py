"""What judgement finds: spans in which a rule was, or may have been, broken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from geofence.rule import Perimeter, RuleKind


class Certainty(StrEnum):
    """How sure an episode is."""

    HELD = "held"
    """Under examination; known to the engine only, never reported."""
    POSSIBLE = "possible"
    """Alive and unconfirmed: reported as such, to be upgraded or taken back."""
    CONFIRMED = "confirmed"
    SIGHTING = "sighting"
    """Evidence of an exclusion that did not stand: kept, no violation."""
    VOID = "void"
    """Was reported and taken back by later evidence."""


class Opening(StrEnum):
    """What opened an episode."""

    FIXES = "fixes"
    CLOCK = "clock"
    """A window began while fresh hard evidence stood."""
    CROSSING = "crossing"
    """The way between two fixes."""


class Ending(StrEnum):
    """What ended an episode."""

    COMPLIANCE = "compliance"
    WINDOW = "window"
    """The rule's window ended, or an approved absence began."""
    RULE = "rule"
    """The rule ended, or its zone was redrawn."""
    CROSSED = "crossed"


class Role(StrEnum):
    """What a fix did for an episode."""

    OPENING = "opening"
    CLOSING = "closing"
    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One fix that counted: signed metres to the zone's edge, negative inside."""

    digest: bytes
    at_s: int
    distance_m: float
    accuracy_m: float
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A half-open span in which one rule was, or may have been, broken.

    `version` is the rule's at the onset. `since_possible_s` is the last fix before that was
    no hard evidence: the breach began after it. `confirmed_at_s` is when evidence sufficed,
    in event time. `unproven_since_s` is stamped on an open episode that fixes no longer
    prove. `window_start_s` is the start of the window that it lies in. `ordinal` names the
    episode within one unbroken fold; re-judgement may renumber, `attach` finds it again.
    """

    rule_id: str
    perimeter: Perimeter
    kind: RuleKind
    version: int
    ordinal: int
    certainty: Certainty
    opened_by: Opening
    window_start_s: int
    onset_s: int
    since_possible_s: int | None
    jump: bool
    evidence: tuple[Evidence, ...]
    possible_at_s: int | None = None
    confirmed_at_s: int | None = None
    ended_s: int | None = None
    end: Ending | None = None
    unproven_since_s: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether the episode still goes on."""
        return self.ended_s is None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoData:
    """A window began and nobody knew where the person was. Never a non-compliance.

    `last_fix_s` is the last usable fix before, of whatever kind.
    """

    rule_id: str
    version: int
    at_s: int
    last_fix_s: int | None
