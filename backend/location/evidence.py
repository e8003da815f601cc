"""Which fixes, and which signed tokens, are evidence: what stays of a person without a trail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import or_, select

import geofence
from backend.alerts import service as alerts
from backend.core.db import Session
from backend.location import episodes
from backend.location.comparison import Finding
from backend.location.models import Episode, Fix, JournalEntry, Rejudgement
from backend.location.refusals import RefusalReason

_TIMES_PER_STATEMENT: Final = 1_000


def named(session: Session, supervisee_id: UUID) -> dict[bytes, int]:
    """Return the fixes that any episode names, by digest, and when they were taken.

    An episode as it is or was: also one that was withdrawn, one of before the rules were changed, and
    what an alert's history says of it.
    """
    found = {
        evidence.digest: evidence.at_s
        for episode in _episodes(session, supervisee_id)
        for evidence in episode.evidence
    }
    for said in alerts.findings(session, supervisee_id, episodes.SOURCE):
        told: list[dict[str, Any]] = said.get("evidence", [])
        found |= {bytes.fromhex(each["fix"]): each["at_s"] for each in told}
    return found


def tokens_named(session: Session, supervisee_id: UUID) -> set[tuple[UUID, int]]:
    """Return the journal tokens that brought such a fix, by activation and number."""
    digests = named(session, supervisee_id)
    found: set[tuple[UUID, int]] = set()
    for times in in_parts(sorted(set(digests.values()))):
        rows = session.execute(
            select(Fix.activation_id, Fix.journal_n, Fix.digest).where(
                Fix.supervisee_id == supervisee_id,
                Fix.taken_s.in_(times),
                Fix.journal_n.is_not(None),
            )
        )
        found |= {(row.activation_id, row.journal_n) for row in rows if row.digest in digests}
    return found


def in_parts(times: Sequence[int]) -> Iterator[Sequence[int]]:
    """Return as many times together as one statement should name."""
    for first in range(0, len(times), _TIMES_PER_STATEMENT):
        yield times[first : first + _TIMES_PER_STATEMENT]


class Forks:
    """What shows that phones of a person signed two histories: the alert says that both are kept.

    `tokens` are those that contradict, and those beside them that they may contradict; `fixes` those
    under whose number a token says something else.
    """

    def __init__(self, session: Session, supervisee_id: UUID) -> None:
        self.tokens: set[tuple[UUID, int]] = set()
        self.fixes: set[tuple[UUID, int]] = set()
        rows = session.execute(
            select(
                JournalEntry.activation_id,
                JournalEntry.n,
                JournalEntry.forked,
                JournalEntry.refusals,
            ).where(
                JournalEntry.supervisee_id == supervisee_id,
                or_(JournalEntry.forked, JournalEntry.refusals.contains(_FORKED)),
            )
        )
        for row in rows:
            beside = range(-1, 2) if row.forked else range(1)
            self.tokens |= {(row.activation_id, row.n + step) for step in beside}
            refused = msgspec.json.decode(row.refusals)
            numbers = [each["seq"] for each in refused if each["reason"] == _FORKED]
            self.fixes |= {(row.activation_id, seq) for seq in numbers}


_FORKED: Final = RefusalReason.FORKED.value


def _episodes(session: Session, supervisee_id: UUID) -> Iterator[geofence.Episode]:
    mine = select(Episode.verdict).where(Episode.supervisee_id == supervisee_id)
    yield from map(episodes.load, session.scalars(mine))
    changes = select(Rejudgement.findings).where(Rejudgement.supervisee_id == supervisee_id)
    for text in session.scalars(changes):
        for finding in msgspec.json.decode(text, type=list[Finding]):
            verdicts = [*finding.becomes, *([finding.was] if finding.was else [])]
            yield from (verdict.episode for verdict in verdicts)
