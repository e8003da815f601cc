"""Runs of refusals: what an officer should know of requests that had no usable location.

A refusal is never a violation. Those that a person can bring about (permission withdrawn, location
switched off, a mock or impossible position, a forked fix) are told to the officer: one alert for a
run of them, over as soon as a fix is accepted.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Severity
from backend.core.db import Session
from backend.location.person import Person
from backend.location.refusals import RefusalReason, advice, reference_number
from notifications.formats import Language

SOURCE: Final = "refusals"

_TOLD: Final = {
    RefusalReason.PERMISSION_DENIED: (AlertKind.LOCATION_REFUSED, Severity.INFORMATION),
    RefusalReason.SERVICES_OFF: (AlertKind.LOCATION_REFUSED, Severity.INFORMATION),
    RefusalReason.MOCK: (AlertKind.LOCATION_REFUSED, Severity.WARNING),
    RefusalReason.IMPLAUSIBLE: (AlertKind.LOCATION_REFUSED, Severity.WARNING),
    RefusalReason.FORKED: (AlertKind.JOURNAL_FORK, Severity.WARNING),
}


def note(
    session: Session, person: Person, reason: RefusalReason, refusal_id: UUID, now: datetime
) -> Person:
    """Return the person after a refusal; raises the alert that begins a run of them."""
    if reason not in _TOLD or person.refusal_alert_id is not None:
        return person
    kind, severity = _TOLD[reason]
    alert_id = alerts.raise_alert(
        session,
        agency_id=person.agency_id,
        supervisee_id=person.supervisee_id,
        kind=kind,
        severity=severity,
        source=SOURCE,
        source_id=refusal_id,
        occurred_at=now,
        explanation=_explain(reason, refusal_id),
        now=now,
    )
    return replace(person, refusal_alert_id=alert_id)


def end(session: Session, person: Person, now: datetime) -> Person:
    """Return the person after a request was let in: the run of refusals, if any, is over."""
    if person.refusal_alert_id is None:
        return person
    alerts.clear(session, person.refusal_alert_id, now, now)
    return replace(person, refusal_alert_id=None)


def _explain(reason: RefusalReason, refusal_id: UUID) -> Explanation:
    reference = reference_number(refusal_id)
    return Explanation(
        data={"reason": reason.value, "reference": reference},
        sentence_en=f"A request was refused ({reference}): {advice(reason, Language.ENGLISH).what} "
        "A refusal is not a violation.",
        sentence_es=f"Se rechazó una solicitud ({reference}): {advice(reason, Language.SPANISH).what} "
        "Un rechazo no es un incumplimiento.",
    )
