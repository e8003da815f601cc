"""What officers are told of a journal."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Severity
from backend.core.db import Session
from backend.location.journal_store import Chain
from backend.location.person import Person

FORK_SOURCE: Final = "journal"


def tell_fork(session: Session, one: Person, chain: Chain, n: int, now: datetime) -> None:
    """Tell the officer that a phone has two histories: one alert for an activation."""
    alerts.raise_alert(
        session,
        agency_id=one.agency_id,
        supervisee_id=one.supervisee_id,
        kind=AlertKind.JOURNAL_FORK,
        severity=Severity.WARNING,
        source=FORK_SOURCE,
        source_id=chain.activation_id,
        occurred_at=now,
        explanation=Explanation(
            data={"activation_id": str(chain.activation_id), "token": n},
            sentence_en=f"The phone's journal says two different things as number {n}. Both are "
            "kept. It may have been restored from a backup, or its key may have been copied.",
            sentence_es=f"El diario del teléfono dice dos cosas distintas con el número {n}. Ambas "
            "se conservan. Puede haberse restaurado de una copia, o su clave puede haberse copiado.",
        ),
        now=now,
    )
