"""Silence: judged by when something was last received, never by what a phone says of itself.

Silence is not a violation. It is something that an officer must know, and most of all when a
curfew begins while the phone is silent.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

import geofence
from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.core.clock import from_unix_s, rfc3339, unix_s
from backend.core.db import Session
from backend.core.ids import new_id
from backend.location.person import Person
from backend.location.rulebook import PersonRules

SOURCE: Final = "silence"


def notice(session: Session, person: Person, rules: PersonRules, now: datetime) -> Person:
    """Return the person, with an alert raised if nothing came for longer than the agency allows."""
    expected_s = rules.contact_expected_since(unix_s(now))
    if expected_s is None or person.silence_alert_id is not None:
        return person
    since_s = geofence.silent_since(
        last_received_s=person.received_ms // 1000,
        expected_from_s=expected_s,
        now_s=unix_s(now),
        limit_s=rules.silence_after_s,
    )
    if since_s is None:
        return person
    since = rules.local_time(since_s)
    return _raise(
        session,
        person,
        from_unix_s(since_s),
        Explanation(
            data={"silent_since": rfc3339(from_unix_s(since_s)), "limit_s": rules.silence_after_s},
            sentence_en=f"Nothing was received from the phone since {since}.",
            sentence_es=f"No se ha recibido nada del teléfono desde {since}.",
        ),
        Severity.WARNING,
        now,
    )


def note_gap(
    session: Session, person: Person, rules: PersonRules, gap: geofence.NoData, now: datetime
) -> Person:
    """Return the person after a window began of which nobody knows where they were."""
    label = rules.label(gap.rule_id, gap.version)
    began = rules.local_time(gap.at_s)
    return _raise(
        session,
        person,
        from_unix_s(gap.at_s),
        Explanation(
            data={
                "condition": gap.rule_id,
                "version": gap.version,
                "window_began": rfc3339(from_unix_s(gap.at_s)),
                "last_fix": None
                if gap.last_fix_s is None
                else rfc3339(from_unix_s(gap.last_fix_s)),
            },
            sentence_en=f"A window of “{label.place_en}” began at {began} and no recent fix shows "
            "where the person was. Missing data is not a violation.",
            sentence_es=f"Un horario de «{label.place_es}» comenzó a las {began} y ninguna "
            "posición reciente muestra dónde estaba la persona. La falta de datos no es un "
            "incumplimiento.",
        ),
        Severity.WARNING,
        now,
    )


def end(session: Session, person: Person, now: datetime) -> Person:
    """Return the person after something was received: silence, if there was any, is over."""
    if person.silence_alert_id is None:
        return person
    alerts.clear(session, person.silence_alert_id, now, now)
    return replace(person, silence_alert_id=None)


def _raise(
    session: Session,
    person: Person,
    occurred_at: datetime,
    explanation: Explanation,
    severity: Severity,
    now: datetime,
) -> Person:
    """Raise the alert of this silence, or add to the one that stands: one silence, one alert."""
    if person.silence_alert_id is not None:
        alerts.extend(
            session,
            person.silence_alert_id,
            severity=severity,
            certainty=Certainty.CONFIRMED,
            explanation=explanation,
            occurred_at=None,
            now=now,
        )
        return person
    alert_id = alerts.raise_alert(
        session,
        agency_id=person.agency_id,
        supervisee_id=person.supervisee_id,
        kind=AlertKind.NO_COMMUNICATION,
        severity=severity,
        source=SOURCE,
        source_id=new_id(now),
        occurred_at=occurred_at,
        explanation=explanation,
        now=now,
    )
    return replace(person, silence_alert_id=alert_id)
