"""What judging the past again by other rules makes different, as it is kept and as it is shown.

Before an officer decides it is a preview, afterwards a record: both are made here, from the same
comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import msgspec

import geofence
from backend.core.clock import from_unix_s
from backend.location.episodes import explain
from backend.location.rulebook import PersonRules
from geofence import Change

_EN: Final[Mapping[Change, str]] = MappingProxyType(
    {
        Change.UNCHANGED: "This stays as it was judged.",
        Change.SHORTENED: "This is judged shorter than before.",
        Change.EXTENDED: "This is judged longer than before.",
        Change.ALTERED: "This is judged otherwise than before.",
        Change.SPLIT: "This is judged as several events.",
        Change.MERGED: "This is judged as a part of another event.",
        Change.WITHDRAWN: "This is no longer judged as a breach.",
        Change.NEW: "This was not judged as a breach before.",
    }
)
_ES: Final[Mapping[Change, str]] = MappingProxyType(
    {
        Change.UNCHANGED: "Esto queda como se juzgó.",
        Change.SHORTENED: "Esto se juzga más corto que antes.",
        Change.EXTENDED: "Esto se juzga más largo que antes.",
        Change.ALTERED: "Esto se juzga de otro modo que antes.",
        Change.SPLIT: "Esto se juzga como varios hechos.",
        Change.MERGED: "Esto se juzga como parte de otro hecho.",
        Change.WITHDRAWN: "Esto ya no se juzga como incumplimiento.",
        Change.NEW: "Antes esto no se juzgaba como incumplimiento.",
    }
)
_DECIDED_EN: Final = " An officer has decided on it: the decision stands, and so does the episode."
_DECIDED_ES: Final = " Un oficial ya decidió: la decisión se mantiene, y también el episodio."


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One episode as judged, and the sentences that say so."""

    episode: geofence.Episode
    sentence_en: str
    sentence_es: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one episode; for a new one `episode_id`, `alert_id` and `was` are None.

    `into` is the episode of which a merged one is a part now.
    """

    change: Change
    decided: bool
    episode_id: UUID | None
    alert_id: UUID | None
    into: UUID | None
    confidential: bool
    was: Verdict | None
    becomes: list[Verdict]

    @property
    def anyone(self) -> geofence.Episode:
        """One of the episodes: all of them are of one rule and perimeter."""
        return (self.was or self.becomes[0]).episode

    @property
    def condition_id(self) -> UUID:
        """The condition that was, or is, broken."""
        return UUID(self.anyone.rule_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVerdict:
    """One episode as judged before, or now."""

    condition_version: int
    certainty: str
    onset: datetime
    ended: datetime | None
    sentence_en: str
    sentence_es: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFinding:
    """What became, or would become, of one episode."""

    change: Change
    decided: bool
    episode_id: UUID | None
    alert_id: UUID | None
    into: UUID | None
    condition_id: UUID
    perimeter: str
    was: ShownVerdict | None
    becomes: list[ShownVerdict]
    sentence_en: str
    sentence_es: str


def findings(
    rules: PersonRules,
    differences: Iterable[geofence.Difference],
    alert_ids: Mapping[str, UUID | None],
    *,
    since_s: int,
) -> list[Finding]:
    """Return what is to be kept or told of each difference; `alert_ids` are by episode.

    What ended before the change, and is judged again only to have somewhere to begin, is left out;
    so is what later fixes had taken back already.
    """
    return [
        _finding(rules, difference, alert_ids)
        for difference in differences
        if difference.change is not Change.UNCHANGED or _reaches(difference.was, since_s)
    ]


def shown(found: Iterable[Finding], *, disclose: bool) -> list[ShownFinding]:
    """Return findings for an officer; without `disclose` no distance to a confidential zone."""
    return [_shown(finding, disclose=disclose or not finding.confidential) for finding in found]


def confidential_zones(found: Iterable[Finding]) -> set[UUID]:
    """Return the conditions among findings that protect a victim."""
    return {finding.condition_id for finding in found if finding.confidential}


def _reaches(episode: geofence.Episode | None, since_s: int) -> bool:
    if episode is None or episode.certainty is geofence.Certainty.VOID:
        return False
    return episode.ended_s is None or episode.ended_s > since_s


def _finding(
    rules: PersonRules, difference: geofence.Difference, alert_ids: Mapping[str, UUID | None]
) -> Finding:
    key, was, becomes = difference.key, difference.was, difference.becomes
    one = was or becomes[0]
    return Finding(
        change=difference.change,
        decided=difference.decided,
        episode_id=None if key is None else UUID(key),
        alert_id=None if key is None else alert_ids[key],
        into=None if difference.into is None else UUID(difference.into),
        confidential=rules.label(one.rule_id, one.version).confidential,
        was=None if was is None else _verdict(rules, was),
        becomes=[_verdict(rules, episode) for episode in becomes],
    )


def _verdict(rules: PersonRules, episode: geofence.Episode) -> Verdict:
    told = explain(rules, episode)
    return Verdict(episode=episode, sentence_en=told.sentence_en, sentence_es=told.sentence_es)


def _shown(finding: Finding, *, disclose: bool) -> ShownFinding:
    show = partial(_shown_verdict, disclose=disclose)
    stands = finding.decided and finding.change is not Change.UNCHANGED
    return ShownFinding(
        change=finding.change,
        decided=finding.decided,
        episode_id=finding.episode_id,
        alert_id=finding.alert_id,
        into=finding.into,
        condition_id=finding.condition_id,
        perimeter=finding.anyone.perimeter.value,
        was=None if finding.was is None else show(finding.was),
        becomes=[show(verdict) for verdict in finding.becomes],
        sentence_en=_EN[finding.change] + (_DECIDED_EN if stands else ""),
        sentence_es=_ES[finding.change] + (_DECIDED_ES if stands else ""),
    )


def _shown_verdict(verdict: Verdict, *, disclose: bool) -> ShownVerdict:
    episode = verdict.episode
    return ShownVerdict(
        condition_version=episode.version,
        certainty=episode.certainty.value,
        onset=from_unix_s(episode.onset_s),
        ended=None if episode.ended_s is None else from_unix_s(episode.ended_s),
        sentence_en=verdict.sentence_en,
        sentence_es=verdict.sentence_es,
        facts=geofence.facts(episode, disclose=disclose),
    )
