"""Alarms against the truth: what was false, missed, late, unseen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.judgement.methods import Alarm

LONG_S = 60.0


@dataclass(slots=True)
class Quiet:
    """Of people who broke nothing: all that was raised is false."""

    people: int = 0
    confirmed: int = 0
    crossed: int = 0
    """Of the confirmed, those that a crossing opened."""
    possible: int = 0
    sightings: int = 0

    def count(self, alarms: Iterable[Alarm]) -> None:
        """One more person."""
        self.people += 1
        for alarm in alarms:
            if alarm.confirmed_s < math.inf:
                self.confirmed += 1
                self.crossed += alarm.crossing
            elif alarm.possible_s < math.inf:
                self.possible += 1
            else:
                self.sightings += 1

    def add(self, other: Quiet) -> None:
        """Counts what another counted."""
        self.people += other.people
        self.confirmed += other.confirmed
        self.crossed += other.crossed
        self.possible += other.possible
        self.sightings += other.sightings


@dataclass(slots=True)
class Left:
    """Of people who left for good: how long after the edge it was confirmed."""

    missed: int = 0
    delays_s: list[float] = field(default_factory=list)

    def count(self, alarms: Iterable[Alarm], from_s: float) -> None:
        """One more person; an alarm that stands at the true exit confirms at once."""
        confirmed = [a.confirmed_s for a in alarms if a.ended_s > from_s]
        first_s = min(confirmed, default=math.inf)
        if first_s == math.inf:
            self.missed += 1
        else:
            self.delays_s.append(max(0.0, first_s - from_s))

    def add(self, other: Left) -> None:
        """Counts what another counted."""
        self.missed += other.missed
        self.delays_s += other.delays_s

    def delay_s(self, share: float) -> float:
        """The delay within which this share of the confirmed was; not a number if none was."""
        ordered = sorted(self.delays_s)
        return ordered[math.ceil(share * len(ordered)) - 1] if ordered else math.nan


@dataclass(slots=True)
class Entered:
    """Of people who were inside for a minute or more: seen at all, reported, confirmed."""

    people: int = 0
    seen: int = 0
    reported: int = 0
    confirmed: int = 0

    def count(self, alarms: Sequence[Alarm], from_s: float, until_s: float) -> None:
        """One more person; stays of less than a minute are left out."""
        if until_s - from_s < LONG_S:
            return
        self.people += 1
        during = [a for a in alarms if a.onset_s <= until_s and a.ended_s > from_s]
        self.seen += bool(during)
        self.reported += any(min(a.possible_s, a.confirmed_s) < math.inf for a in during)
        self.confirmed += any(a.confirmed_s < math.inf for a in during)

    def add(self, other: Entered) -> None:
        """Counts what another counted."""
        self.people += other.people
        self.seen += other.seen
        self.reported += other.reported
        self.confirmed += other.confirmed
