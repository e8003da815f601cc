"""Stretches of odd fixes, and the one alert that each becomes.

Signals say what was seen, never why: they refuse nobody and are no violation. Above the agency's
score an officer is told, once for each stretch, in words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select

import geofence
from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.core.clock import from_unix_s, local_minute, rfc3339
from backend.core.db import Session
from backend.core.ids import new_id
from backend.core.rows import KEYS, Row, RowReader
from backend.identity.service import Agency
from backend.location.companions import Companion
from backend.location.models import Examination, Suspicion
from backend.location.signals import packed, unpacked
from geofence.plausibility import SignalKind

SOURCE: Final = "suspicion"
GAP_S: Final = 3_600
"""Two stretches nearer than this are one; one that is longer ago is over."""
_NEAR: Final = RowReader(
    select(Suspicion.supervisee_id)
    .join(Examination, Examination.supervisee_id == Suspicion.supervisee_id)
    .where(
        Examination.supervisee_id == KEYS,
        Suspicion.until_s > Examination.since_s - GAP_S,
        Suspicion.withdrawn.is_(False),
    )
)

ENGLISH: Final[Mapping[SignalKind, str]] = {
    SignalKind.FAST: "it moved faster than people travel on land",
    SignalKind.IMPOSSIBLE_SPEED: "it moved faster than anybody can travel",
    SignalKind.CLOCK_TAMPERED: "the times of its positions disagree with the phone's own clock",
    SignalKind.FROZEN: "its position stayed the same to the last digit for hours",
    SignalKind.TOO_PERFECT: "it moved as evenly as a drawn line",
    SignalKind.CONSTANT_ACCURACY: "its stated accuracy never changed while it moved",
    SignalKind.REPLAYED: "its way repeats an earlier one of the same person, digit for digit",
    SignalKind.TOGETHER: "it moved as one with the phone of another supervised person, "
    "who may also have travelled along",
}
SPANISH: Final[Mapping[SignalKind, str]] = {
    SignalKind.FAST: "se movió más rápido de lo que se viaja por tierra",
    SignalKind.IMPOSSIBLE_SPEED: "se movió más rápido de lo que nadie puede viajar",
    SignalKind.CLOCK_TAMPERED: (
        "las horas de sus posiciones no concuerdan con el reloj del propio teléfono"
    ),
    SignalKind.FROZEN: "su posición fue la misma, hasta la última cifra, durante horas",
    SignalKind.TOO_PERFECT: "se movió con la regularidad de una línea dibujada",
    SignalKind.CONSTANT_ACCURACY: "la precisión que indicaba nunca cambió mientras se movía",
    SignalKind.REPLAYED: "su recorrido repite, cifra por cifra, uno anterior de la misma persona",
    SignalKind.TOGETHER: "se movió a la par del teléfono de otra persona supervisada, "
    "que también pudo viajar con ella",
}
_WITHDRAWN_EN: Final = "Later positions explain what looked odd; the alert is withdrawn."
_WITHDRAWN_ES: Final = (
    "Posiciones posteriores explican lo que parecía extraño; la alerta se retira."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What an examination found between two instants: `found` are the oddities, in time order."""

    supervisee_id: UUID
    agency: Agency
    since_s: int
    until_s: int
    found: Sequence[geofence.Oddity]
    companion: Companion | None

    def stretches(self) -> list[geofence.Stretch]:
        """Return the stretches that the agency wants to be told of."""
        return geofence.stretches(self.found, self.agency.policy.alert_score, GAP_S)

    def row(self, oddity: geofence.Oddity) -> Row:
        """Return an oddity as it is kept."""
        return {
            "activation_id": UUID(oddity.fix.activation),
            "seq": oddity.fix.seq,
            "supervisee_id": self.supervisee_id,
            "taken_s": oddity.fix.at_s,
            "signals": packed(oddity.signals),
            "score": oddity.score,
        }


def near(session: Session, people: Collection[UUID]) -> frozenset[UUID]:
    """Return which of the people have a stretch that their next examination may bear on."""
    return frozenset(row[0] for row in _NEAR.read(session, people))


def follow(session: Session, looked: Looked, now: datetime) -> None:
    """Keep the stretches among the oddities since the last examination, and their alerts.

    One goes on where it stood; one that they no longer bear out is withdrawn; one that is over
    is cleared.
    """
    since_s, until_s = looked.since_s, looked.until_s
    nearby = list(
        session.scalars(
            select(Suspicion)
            .where(
                Suspicion.supervisee_id == looked.supervisee_id,
                Suspicion.withdrawn.is_(False),
                Suspicion.until_s > since_s - GAP_S,
                Suspicion.from_s < until_s + GAP_S,
            )
            .order_by(Suspicion.from_s)
        )
    )
    standing = {row.id: row for row in nearby if row.from_s <= since_s or row.until_s > until_s}
    for stretch in looked.stretches():
        row = next((row for row in nearby if _is_one(row, stretch)), None)
        row = _keep(session, looked, row, stretch, now)
        standing[row.id] = row
    for row in nearby:
        if row.id not in standing:
            _withdraw(session, row, now)
    for row in standing.values():
        over = row.until_s + GAP_S <= until_s
        alerts.clear(session, row.alert_id, from_unix_s(row.until_s) if over else None, now)


def _is_one(row: Suspicion, stretch: geofence.Stretch) -> bool:
    return stretch.from_s - row.until_s < GAP_S and row.from_s - stretch.until_s < GAP_S


def _keep(
    session: Session,
    looked: Looked,
    row: Suspicion | None,
    stretch: geofence.Stretch,
    now: datetime,
) -> Suspicion:
    """Store a stretch, new or longer, and raise its alert or add to it."""
    if row is None:
        row = Suspicion(
            id=new_id(now),
            supervisee_id=looked.supervisee_id,
            from_s=stretch.from_s,
            until_s=stretch.until_s,
            signals=[],
            score=0.0,
            withdrawn=False,
        )
    row.from_s = min(row.from_s, stretch.from_s)
    row.until_s = max(row.until_s, stretch.until_s)
    row.signals = packed(geofence.strongest(unpacked(row.signals) + stretch.signals))
    row.score = max(row.score, stretch.score)
    together = any(signal.kind is SignalKind.TOGETHER for signal in stretch.signals)
    if together and looked.companion is not None:
        row.companion_id = looked.companion.supervisee_id
    row.alert_id = alerts.raise_alert(
        session,
        agency_id=looked.agency.id,
        supervisee_id=looked.supervisee_id,
        kind=AlertKind.LOCATION_IMPLAUSIBLE,
        severity=Severity.WARNING,
        certainty=Certainty.POSSIBLE,
        source=SOURCE,
        source_id=row.id,
        occurred_at=from_unix_s(row.from_s),
        explanation=_explain(row, looked.agency),
        now=now,
    )
    session.add(row)
    session.flush()
    return row


def _explain(row: Suspicion, agency: Agency) -> Explanation:
    """Return what was odd: the same words until another kind comes or the score grows."""
    kinds = [signal.kind for signal in unpacked(row.signals)]
    began, score = local_minute(row.from_s, agency.zone), round(row.score, 2)
    english = "; ".join(ENGLISH[kind] for kind in kinds)
    spanish = "; ".join(SPANISH[kind] for kind in kinds)
    return Explanation(
        data={
            "since": rfc3339(from_unix_s(row.from_s)),
            "signals": [kind.value for kind in kinds],
            "score": score,
            "least_score": agency.policy.alert_score,
        },
        sentence_en=f"From {began} on, what the phone said of its position is hard to believe: "
        f"{english}. Score {score} of 1. This is not a violation by itself.",
        sentence_es=f"Desde {began}, lo que el teléfono dijo de su posición es difícil de creer: "
        f"{spanish}. Puntuación {score} de 1. Por sí solo no es un incumplimiento.",
    )


def _withdraw(session: Session, row: Suspicion, now: datetime) -> None:
    row.withdrawn = True
    explanation = Explanation(data={}, sentence_en=_WITHDRAWN_EN, sentence_es=_WITHDRAWN_ES)
    alerts.withdraw(session, row.alert_id, explanation, now)
