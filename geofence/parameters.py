"""Every number by which the engine judges, with a name: an agency may change any of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final

ENGINE: Final = "connectrex-geofence-3"
"""Changes whenever equal facts could be judged differently by newer code."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The agency's numbers.

    Raises ValueError unless each is above zero and `suspect_factor` at most `hard_factor`.
    """

    suspect_factor: float = 1.0
    """Beyond this many of its 95 % radii a fix opens a candidate: outside its circle of error."""
    hard_factor: float = 1.4
    """Beyond this many it is hard evidence, and counts."""
    independent_after_s: int = 45
    """Instants closer in time than this share their error and are one witness."""
    confirming_instants: int = 2
    """Independent hard instants that confirm a breach, or a return."""
    jump_speed_mps: float = 1.5
    """A candidate reached faster than this from the fix before is a jump."""
    jump_instants: int = 3
    """Independent instants that confirm after a jump."""
    jump_span_s: int = 100
    """Seconds that those instants must span."""
    possible_after_s: int = 240
    """A candidate alive this long is reported as possible (NIJ 1004.00: within 4 minutes)."""
    fresh_s: int = 300
    """The clock opens an episode only on hard evidence that is at most this old."""
    unproven_after_s: int = 900
    """An open episode without hard evidence for this long, and …"""
    unproven_instants: int = 5
    """… for this many instants is stamped as unproven."""
    crossing_gap_s: int = 300
    """Between two fixes further apart in time nothing is concluded about the way between."""
    crossing_speed_mps: float = 50.0
    """Nobody goes round a zone faster than this."""
    fast_speed_mps: float = 70.0
    """Faster than this between two fixes is a signal …"""
    impossible_speed_mps: float = 300.0
    """… and than this impossible: one of the two fixes is wrong."""
    clock_tolerance_s: float = 2.0
    """Server time and monotonic time of one boot may disagree by this much …"""
    clock_drift_ppm: float = 100.0
    """… and by this many millionths of the time between."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(f"{field.name} is above zero")
        if self.suspect_factor > self.hard_factor:
            raise ValueError("suspect_factor is at most hard_factor")

    @cached_property
    def fingerprint(self) -> str:
        """Names engine and numbers: a state judged under another fingerprint is refolded."""
        return hashlib.sha256(f"{ENGINE} {self!r}".encode()).hexdigest()[:16]
