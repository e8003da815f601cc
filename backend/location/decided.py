"""What a human decided, when the rules are changed for the past: it stays as it is.

An episode that was decided on is kept as evidence of what the decision was about, and its alert is
not touched. What is judged in its place is stored beside it, told under the same alert.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import geofence
from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.core.db import Session
from backend.location import episodes
from backend.location.episodes import Outcome, Reason, name_of
from backend.location.models import Episode
from backend.location.person import Person
from backend.location.rulebook import PersonRules
from geofence import Change

_STANDS: Final = Explanation(
    data={},
    sentence_en="The rules for this time were changed; what was decided before stands.",
    sentence_es="Las reglas de ese momento cambiaron; lo que se decidió antes se mantiene.",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What differs after a replacement, with the alert of each episode that was."""

    differences: Sequence[geofence.Difference]
    alert_ids: dict[str, UUID | None]


def replace(
    session: Session, person: Person, rules: PersonRules, outcome: Outcome, now: datetime
) -> Replaced:
    """Put the episodes of a judgement by other rules in place of those that nobody decided on.

    Nobody decides on any of their alerts until the transaction ends.
    """
    rows = episodes.judged_since(session, person.supervisee_id, outcome)
    before = episodes.alerted(session, rows, lock=True)
    attachment = geofence.attach(before, outcome.settled())
    found = geofence.differences(before, attachment)
    alert_ids = {key: row.alert_id for key, row in rows.items()}
    decided = {one.key: one for one in found if one.key is not None and one.decided}
    placed: set[episodes.Name] = set()
    for key, one in sorted(decided.items(), key=lambda item: item[1].change != Change.UNCHANGED):
        _let_stand(session, rules, rows[key], one, placed, now)
        placed.update(map(name_of, one.becomes))
    rest = _without(attachment, decided, placed)
    episodes.apply(session, person, rules, rows, rest, Reason.RULES, now)
    return Replaced(differences=found, alert_ids=alert_ids)


def _let_stand(
    session: Session,
    rules: PersonRules,
    row: Episode,
    difference: geofence.Difference,
    placed: Collection[episodes.Name],
    now: datetime,
) -> None:
    """Leave an episode as it was decided on; what is judged in its place goes beside it."""
    if difference.change is Change.UNCHANGED:
        # Only the number by which judging goes on to know it.
        row.ordinal = next((one.ordinal for one in difference.becomes), row.ordinal)
        return
    row.kept_at = now
    for episode in difference.becomes:
        if name_of(episode) not in placed:
            part = episodes.new_row(row.supervisee_id, now)
            part.alert_id, part.told_as = row.alert_id, row.told_as or row.id
            episodes.fill(part, rules, episode)
            session.add(part)
    if row.alert_id is not None:
        alerts.withdraw(session, row.alert_id, _STANDS, now)


def _without(
    attachment: geofence.Attachment, keys: Collection[str], placed: Collection[episodes.Name]
) -> geofence.Attachment:
    """Return what is left of an attachment beside what stands."""
    return dataclasses.replace(
        attachment,
        continued=tuple(one for one in attachment.continued if one.key not in keys),
        fresh=tuple(episode for episode in attachment.fresh if name_of(episode) not in placed),
        unsupported=(),
    )
