"""Episodes as stored, and the alerts that they become.

Episodes are a function of the facts and may change with late ones; alerts are history. Here the
two are kept in step: an alert follows its episode for as long as the facts bear it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import func, or_, select

import geofence
from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.conditions.service import ConditionKind
from backend.core.clock import from_unix_s
from backend.core.db import Session
from backend.core.ids import new_id
from backend.location.models import Episode
from backend.location.person import Person
from backend.location.rulebook import PersonRules

SOURCE: Final = "episode"
_MERGED_EN: Final = "Later facts show that this was part of another event; the alerts are merged."
_MERGED_ES: Final = "Datos posteriores muestran que fue parte de otro hecho; las alertas se unen."


class Name(NamedTuple):
    """What names an episode within one judgement."""

    rule_id: str
    perimeter: str
    ordinal: int


def name_of(episode: geofence.Episode) -> Name:
    """Return the episode's name within the judgement that it comes from."""
    return Name(episode.rule_id, episode.perimeter.value, episode.ordinal)


def record(
    session: Session,
    person: Person,
    rules: PersonRules,
    changes: Iterable[geofence.Episode],
    now: datetime,
) -> None:
    """Store episodes that began or changed in an unbroken fold, and let their alerts follow."""
    for episode in changes:
        name = name_of(episode)
        row = session.scalars(
            select(Episode).where(
                Episode.supervisee_id == person.supervisee_id,
                Episode.rule_id == UUID(name.rule_id),
                Episode.perimeter == name.perimeter,
                Episode.ordinal == name.ordinal,
                Episode.withdrawn.is_(False),
                Episode.kept_at.is_(None),
            )
        ).first()
        _keep(session, person, rules, row, episode, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came out when all after the state `began` was judged again.

    `met` is the state in which judging met the former one again, None if it went on to the end:
    what is alive in it, and what came after, is as it was.
    """

    began: geofence.State
    found: Mapping[Name, geofence.Episode]
    met: geofence.State | None

    def settled(self) -> list[geofence.Episode]:
        """Return the episodes found, without those that go on as they were."""
        return [episode for name, episode in self.found.items() if self._is_settled(name)]

    def replaces(self, row: Episode) -> bool:
        """Whether a stored episode was judged again."""
        return self._is_settled(Name(str(row.rule_id), row.perimeter, row.ordinal))

    def _is_settled(self, name: Name) -> bool:
        if self.met is None:
            return True
        return name not in _alive(self.met) and name.ordinal < self.met.next_ordinal


class Reason(Enum):
    """Why the past is judged again, in the words that a withdrawn alert's history has of it."""

    FACTS = (
        "Later facts show that this did not happen; the alert is withdrawn.",
        "Datos posteriores muestran que esto no ocurrió; la alerta se retira.",
    )
    RULES = (
        "The rules for this time were changed; by them this is no breach; the alert is withdrawn.",
        "Las reglas de ese momento cambiaron; según ellas no hay incumplimiento; se retira.",
    )

    def explanation(self) -> Explanation:
        """Return it as an alert keeps it."""
        sentence_en, sentence_es = self.value
        return Explanation(data={}, sentence_en=sentence_en, sentence_es=sentence_es)


def _alive(state: geofence.State) -> set[Name]:
    """Return the episodes that later fixes may still change."""
    return {name_of(episode) for track in state.tracks for episode in track.episodes}


def replace(
    session: Session, person: Person, rules: PersonRules, outcome: Outcome, now: datetime
) -> None:
    """Put the episodes of a new judgement in place of those that it judged again."""
    rows = judged_since(session, person.supervisee_id, outcome)
    attachment = geofence.attach(alerted(session, rows), outcome.settled())
    apply(session, person, rules, rows, attachment, Reason.FACTS, now)


def next_ordinal(session: Session, supervisee_id: UUID, at_s: int) -> int:
    """Return the first ordinal above those of the episodes that are over at `at_s`.

    Where judging begins from nothing after them they stay, and no other may take their names.
    """
    settled = select(func.max(Episode.ordinal)).where(
        Episode.supervisee_id == supervisee_id,
        Episode.withdrawn.is_(False),
        Episode.kept_at.is_(None),
        Episode.ended_s <= at_s,
    )
    last = session.scalar(settled)
    return 0 if last is None else last + 1


def judged_since(session: Session, supervisee_id: UUID, outcome: Outcome) -> dict[str, Episode]:
    """Return the stored episodes that a new judgement replaces, by their ids as text."""
    rows = session.scalars(
        select(Episode)
        .where(
            Episode.supervisee_id == supervisee_id,
            Episode.withdrawn.is_(False),
            Episode.kept_at.is_(None),
            or_(
                Episode.ended_s.is_(None),
                Episode.ended_s > outcome.began.until_s,
                # An end is proved by later fixes: it may lie before a state that did not know it.
                Episode.ordinal.in_([name.ordinal for name in _alive(outcome.began)]),
            ),
        )
        .order_by(Episode.id)
    )
    return {str(row.id): row for row in rows if outcome.replaces(row)}


def apply(
    session: Session,
    person: Person,
    rules: PersonRules,
    rows: dict[str, Episode],
    attachment: geofence.Attachment,
    reason: Reason,
    now: datetime,
) -> None:
    """Let the stored episodes, and their alerts, become what the new judgement says."""
    for continued in attachment.continued:
        _keep(session, person, rules, rows[continued.key], continued.episode, now)
    for episode in attachment.fresh:
        _keep(session, person, rules, None, episode, now)
    for merged in attachment.merged:
        _merge(session, rows[merged.key], rows[merged.into], now)
    for key in (*attachment.withdrawn, *attachment.unsupported):
        _withdraw(session, rows[key], reason, now)


def alerted(
    session: Session, rows: dict[str, Episode], *, lock: bool = False
) -> list[geofence.Alerted]:
    """Return stored episodes as `geofence.attach` asks for them.

    `lock`: nobody decides on any of their alerts until the transaction ends.
    """
    alert_ids = [row.alert_id for row in rows.values() if row.alert_id is not None]
    decided = alerts.decided(session, alert_ids, lock=lock)
    return [
        geofence.Alerted(
            key=key,
            decided=row.alert_id in decided,
            raised_at_s=int(row.id.int >> 80) // 1000,
            episode=load(row.verdict),
        )
        for key, row in rows.items()
    ]


def load(verdict: str) -> geofence.Episode:
    """Return the episode that was stored."""
    return msgspec.json.decode(verdict, type=geofence.Episode)


def _keep(
    session: Session,
    person: Person,
    rules: PersonRules,
    row: Episode | None,
    episode: geofence.Episode,
    now: datetime,
) -> None:
    """Store one episode, new or as it is now, and bring its alert into line.

    An alert follows only changes of substance: one more fix of the same kind is not one.
    """
    before = None if row is None else geofence.substance(load(row.verdict))
    if row is None:
        if episode.certainty is geofence.Certainty.VOID:
            return
        row = new_row(person.supervisee_id, now)
        session.add(row)
    fill(row, rules, episode)
    if geofence.substance(episode) != before:
        _align_alert(session, person, rules, row, episode, now)


def new_row(supervisee_id: UUID, now: datetime) -> Episode:
    """Return a row for an episode, to be filled and added."""
    return Episode(id=new_id(now), supervisee_id=supervisee_id, withdrawn=False)


def fill(row: Episode, rules: PersonRules, episode: geofence.Episode) -> None:
    """Write an episode into its row."""
    row.rule_id = UUID(episode.rule_id)
    row.rule_version = episode.version
    row.confidential = rules.label(episode.rule_id, episode.version).confidential
    row.perimeter = episode.perimeter.value
    row.ordinal = episode.ordinal
    row.certainty = episode.certainty.value
    row.onset_s = episode.onset_s
    row.ended_s = episode.ended_s
    row.verdict = msgspec.json.encode(episode).decode()


def _align_alert(
    session: Session,
    person: Person,
    rules: PersonRules,
    row: Episode,
    episode: geofence.Episode,
    now: datetime,
) -> None:
    if episode.certainty in {geofence.Certainty.VOID, geofence.Certainty.SIGHTING}:
        if row.alert_id is not None:
            alerts.withdraw(session, row.alert_id, explain(rules, episode), now)
        return
    kind, severity = classify(rules.label(episode.rule_id, episode.version).kind, episode)
    row.alert_id = alerts.raise_alert(
        session,
        agency_id=person.agency_id,
        supervisee_id=person.supervisee_id,
        kind=kind,
        severity=severity,
        certainty=_CERTAINTY[episode.certainty],
        source=SOURCE,
        source_id=row.told_as or row.id,
        occurred_at=from_unix_s(episode.onset_s),
        explanation=explain(rules, episode),
        now=now,
    )
    ended_at = None if episode.ended_s is None else from_unix_s(episode.ended_s)
    alerts.clear(session, row.alert_id, ended_at, now)


_CERTAINTY: Final = {
    geofence.Certainty.CONFIRMED: Certainty.CONFIRMED,
    geofence.Certainty.POSSIBLE: Certainty.POSSIBLE,
}


def classify(condition: ConditionKind, episode: geofence.Episode) -> tuple[AlertKind, Severity]:
    """Return what kind of alert an episode of such a condition is, and how much it matters.

    A confirmed breach of an exclusion zone is critical: somebody may be in danger. What is only
    possible, and the court's early-warning perimeter, are warnings.
    """
    confirmed = episode.certainty is geofence.Certainty.CONFIRMED
    if episode.perimeter is geofence.Perimeter.BUFFER:
        return AlertKind.BUFFER_ENTERED, Severity.WARNING
    if episode.kind is geofence.RuleKind.EXCLUSION:
        crossed = episode.opened_by is geofence.Opening.CROSSING
        kind = AlertKind.EXCLUSION_CROSSED if crossed else AlertKind.EXCLUSION_ENTERED
        return kind, Severity.CRITICAL if confirmed else Severity.WARNING
    curfew = condition is ConditionKind.CURFEW
    return AlertKind.CURFEW_MISSED if curfew else AlertKind.INCLUSION_LEFT, Severity.WARNING


def explain(rules: PersonRules, episode: geofence.Episode) -> Explanation:
    """Return what an officer and a court need to understand the verdict.

    Of a confidential zone neither its name nor any distance to it is told: whoever may read alerts
    need not be among those who may know where a victim lives.
    """
    label = rules.label(episode.rule_id, episode.version)
    told = partial(
        geofence.explain,
        episode,
        timezone=label.timezone or rules.timezone,
        disclose=not label.confidential,
    )
    return Explanation(
        data=geofence.facts(episode, disclose=not label.confidential),
        sentence_en=told(place=label.place_en, language="en"),
        sentence_es=told(place=label.place_es, language="es"),
    )


def _withdraw(session: Session, row: Episode, reason: Reason, now: datetime) -> None:
    row.withdrawn = True
    if row.alert_id is not None:
        alerts.withdraw(session, row.alert_id, reason.explanation(), now)


def _merge(session: Session, row: Episode, into: Episode, now: datetime) -> None:
    row.withdrawn = True
    if row.alert_id is None:
        return
    explanation = Explanation(data={}, sentence_en=_MERGED_EN, sentence_es=_MERGED_ES)
    if into.alert_id is None:
        alerts.withdraw(session, row.alert_id, explanation, now)
    else:
        alerts.merge(session, row.alert_id, into.alert_id, explanation, now)
