"""Which alert belongs to which episode after re-judgement.

Episodes are a function of the facts and change with late ones; alerts are history. An alert
goes on with the episode of the same rule and perimeter that shares an evidence fix with its
own, has the same onset, or overlaps it. Alerts that an officer decided choose first, then the
oldest. An officer's decision is never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from geofence.episode import Certainty, Episode
from geofence.watch import FOREVER


class Tie(IntEnum):
    """Why an alert goes on with an episode, strongest first."""

    SHARED_FIX = 0
    SAME_ONSET = 1
    OVERLAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerted:
    """An alert as it stands: the caller's name for it, and the episode that it was about."""

    key: str
    decided: bool
    raised_at_s: int
    episode: Episode


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """An alert that goes on, with the episode as it is now and why."""

    key: str
    episode: Episode
    tie: Tie


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """An alert whose episode is now part of the one that another alert goes on with."""

    key: str
    into: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What becomes of every alert, and the episodes that have none yet.

    `withdrawn`: undecided alerts without an episode. `unsupported`: decided ones; the
    decision stands, and the officer should see that the facts have changed.
    """

    continued: tuple[Continued, ...]
    merged: tuple[Merged, ...]
    withdrawn: tuple[str, ...]
    unsupported: tuple[str, ...]
    fresh: tuple[Episode, ...]


def attach(alerted: Iterable[Alerted], episodes: Sequence[Episode]) -> Attachment:
    """Every alert's fate given the episodes of the re-judged time; taken-back ones count not."""
    standing = [episode for episode in episodes if episode.certainty is not Certainty.VOID]
    continued: list[Continued] = []
    merged: list[Merged] = []
    withdrawn: list[str] = []
    unsupported: list[str] = []
    claims: dict[int, str] = {}
    for alert in sorted(alerted, key=lambda a: (not a.decided, a.raised_at_s, a.key)):
        ties = _ties(alert.episode, standing)
        free = [(tie, index) for tie, index in ties if index not in claims]
        if not ties:
            (unsupported if alert.decided else withdrawn).append(alert.key)
        elif free or alert.decided:
            tie, index = min(free or ties)
            claims.setdefault(index, alert.key)
            continued.append(Continued(key=alert.key, episode=standing[index], tie=tie))
        else:
            merged.append(Merged(key=alert.key, into=claims[min(ties)[1]]))
    fresh = tuple(episode for index, episode in enumerate(standing) if index not in claims)
    return Attachment(
        continued=tuple(continued),
        merged=tuple(merged),
        withdrawn=tuple(withdrawn),
        unsupported=tuple(unsupported),
        fresh=fresh,
    )


def _ties(old: Episode, episodes: Sequence[Episode]) -> list[tuple[Tie, int]]:
    found = ((tie_between(old, episode), index) for index, episode in enumerate(episodes))
    return [(tie, index) for tie, index in found if tie is not None]


def tie_between(old: Episode, new: Episode) -> Tie | None:
    """Why one episode may go on as the other, None if it may not."""
    if (old.rule_id, old.perimeter) != (new.rule_id, new.perimeter):
        return None
    if {e.digest for e in old.evidence} & {e.digest for e in new.evidence}:
        return Tie.SHARED_FIX
    if old.onset_s == new.onset_s:
        return Tie.SAME_ONSET
    if old.onset_s < end_s(new) and new.onset_s < end_s(old):
        return Tie.OVERLAP
    return None


def end_s(episode: Episode) -> int:
    """The second at which an episode ended, for an open one beyond all time."""
    return FOREVER if episode.ended_s is None else episode.ended_s
