"""Fixes with the signals of each, and the stretches that they make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from geofence.fix import Fix
from geofence.plausibility import Signal, score


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """A fix about which something is odd."""

    fix: Fix
    signals: tuple[Signal, ...]

    @property
    def score(self) -> float:
        """Between 0 and 1: see `plausibility.score`."""
        return score(self.signals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of odd fixes: the strongest signal of each kind, and the highest score of one fix."""

    from_s: int
    until_s: int
    signals: tuple[Signal, ...]
    score: float


def stretches(oddities: Iterable[Oddity], least_score: float, gap_s: int) -> list[Stretch]:
    """The stretches of oddities that score enough; two that lie nearer than `gap_s` are one."""
    found: list[Stretch] = []
    for oddity in oddities:
        if oddity.score < least_score:
            continue
        at_s = oddity.fix.at_s
        if found and at_s - found[-1].until_s < gap_s:
            found[-1] = _longer(found[-1], oddity)
        else:
            found.append(
                Stretch(from_s=at_s, until_s=at_s, signals=oddity.signals, score=oddity.score)
            )
    return found


def _longer(stretch: Stretch, oddity: Oddity) -> Stretch:
    return Stretch(
        from_s=stretch.from_s,
        until_s=oddity.fix.at_s,
        signals=strongest(stretch.signals + oddity.signals),
        score=max(stretch.score, oddity.score),
    )


def strongest(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    """The strongest signal of each kind, in the order in which kinds first appear."""
    best: dict[str, Signal] = {}
    for signal in signals:
        kept = best.get(signal.kind)
        if kept is None or signal.value > kept.value:
            best[signal.kind] = signal
    return tuple(best.values())
