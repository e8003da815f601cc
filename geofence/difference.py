"""What judging the same facts by other rules makes of episodes: each as it was, and as it is.

Where `attach` says which alert goes on with which episode, this says what an officer wants to
know of a change that reaches into the past: what it lets stand, shortens, splits or takes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from geofence.attachment import Alerted, Attachment, end_s, tie_between
from geofence.episode import Certainty, Episode

_REPORTED: Final = frozenset({Certainty.POSSIBLE, Certainty.CONFIRMED})


class Change(StrEnum):
    """What became of an episode."""

    UNCHANGED = "unchanged"
    SHORTENED = "shortened"
    EXTENDED = "extended"
    ALTERED = "altered"
    """Moved, surer or less sure, or opened otherwise."""
    SPLIT = "split"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"
    """No breach any more; a sighting may be left of it."""
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One episode as it was, and what it is now: in parts, or nothing.

    `key` and `was` are None for a new one; `into` is the key of what a merged one is part of.
    """

    change: Change
    key: str | None
    decided: bool
    was: Episode | None
    becomes: tuple[Episode, ...]
    into: str | None = None


def differences(alerted: Sequence[Alerted], attachment: Attachment) -> tuple[Difference, ...]:
    """What the new judgement says of each episode of before, and what it says for the first time.

    `attachment` is that of `alerted`. In the order of `alerted`, then the new ones.
    """
    parts: dict[str, list[Episode]] = {
        continued.key: [continued.episode] for continued in attachment.continued
    }
    into = {merged.key: merged.into for merged in attachment.merged}
    goes_on = [alert for alert in alerted if alert.key in parts]
    new = []
    for episode in attachment.fresh:
        whole = _whole_of(goes_on, episode)
        if whole is None:
            new.append(episode)
        else:
            parts[whole.key].append(episode)
    before = tuple(
        _difference(alert, tuple(parts.get(alert.key, ())), into.get(alert.key))
        for alert in alerted
    )
    return before + tuple(
        Difference(change=Change.NEW, key=None, decided=False, was=None, becomes=(episode,))
        for episode in new
    )


def substance(episode: Episode) -> tuple[object, ...]:
    """What matters of an episode: one more fix that shows the same changes nothing of it."""
    return (
        episode.certainty,
        episode.opened_by,
        episode.version,
        episode.onset_s,
        episode.ended_s,
        episode.unproven_since_s,
    )


def _whole_of(alerted: Sequence[Alerted], part: Episode) -> Alerted | None:
    """What a further part belongs to: a decided one first, then the strongest tie, the oldest."""
    ties = [
        (not alert.decided, tie, alert.raised_at_s, alert.key, alert)
        for alert in alerted
        if (tie := tie_between(alert.episode, part)) is not None
    ]
    return min(ties)[-1] if ties else None


def _difference(alert: Alerted, parts: tuple[Episode, ...], into: str | None) -> Difference:
    if into is not None:
        change = Change.MERGED
    elif not parts:
        # What later fixes had taken back already is not taken back again.
        gone = alert.episode.certainty is Certainty.VOID
        change = Change.UNCHANGED if gone else Change.WITHDRAWN
    elif len(parts) > 1:
        change = Change.SPLIT
    else:
        change = _change(alert.episode, parts[0])
    return Difference(
        change=change,
        key=alert.key,
        decided=alert.decided,
        was=alert.episode,
        becomes=tuple(sorted(parts, key=lambda part: (part.onset_s, part.ordinal))),
        into=into,
    )


def _change(was: Episode, now: Episode) -> Change:
    if substance(was) == substance(now):
        return Change.UNCHANGED
    if was.certainty is not now.certainty:
        gone = was.certainty in _REPORTED and now.certainty is Certainty.SIGHTING
        return Change.WITHDRAWN if gone else Change.ALTERED
    return _moved(was, now)


def _moved(was: Episode, now: Episode) -> Change:
    was_end_s, now_end_s = end_s(was), end_s(now)
    if (was.onset_s, was_end_s) == (now.onset_s, now_end_s):
        return Change.ALTERED
    if was.onset_s <= now.onset_s and now_end_s <= was_end_s:
        return Change.SHORTENED
    if now.onset_s <= was.onset_s and was_end_s <= now_end_s:
        return Change.EXTENDED
    return Change.ALTERED
