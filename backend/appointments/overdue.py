"""Check-ins that do not come: looked for when their time is over, and told to the officer.

When `check_in_grace_s` has passed since its time and no check-in counts, the officer is told, once
for each appointment. When it comes after all, the alert says so and is cleared; what an officer
decided stands. It is never a violation by itself: a phone without power looks the same.

Nobody is told of who was excused when the check-in was due: no order was in force, or an exemption
or an absence was. An appointment belongs to no condition, so that any absence excuses. One that is
approved later withdraws the alert.

A check-in that comes late is told whether the worker looked before it or not: what an officer reads
must not depend on how often a worker looks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Severity
from backend.appointments.check_in_rules import Excuse, Punctuality, late_from
from backend.appointments.models import AppointmentRow, CheckInRow
from backend.conditions import service as conditions
from backend.core.actor import SYSTEM
from backend.core.clock import local_minute, rfc3339, unix_s
from backend.core.db import Session
from backend.identity import service as identity
from backend.identity.service import Agency

SOURCE: Final = "check-in"
BATCH: Final = 200
LOOK_EVERY: Final = timedelta(hours=1)
LOOK_FOR: Final = timedelta(days=30)
"""How long an absence that is approved late still withdraws an alert by itself."""


def due(session: Session, now: datetime) -> list[UUID]:
    """Return appointments whose check-in it is time to look for, longest due first."""
    statement = (
        select(AppointmentRow.id)
        .where(AppointmentRow.look_at <= now)
        .order_by(AppointmentRow.look_at, AppointmentRow.id)
        .limit(BATCH)
    )
    return list(session.scalars(statement))


def look(session: Session, appointment_id: UUID, now: datetime) -> None:
    """Tell of a check-in whose time is over, or withdraw what was told; nothing if it came."""
    row = session.scalar(
        select(AppointmentRow)
        .where(AppointmentRow.id == appointment_id, AppointmentRow.look_at <= now)
        .with_for_update()
    )
    if row is None:
        return  # It came, it was called off or moved, or another worker looked.
    agency = _agency_of(session, row)
    over_at = late_from(row.starts_at, agency.policy)
    if now < over_at:
        row.look_at = over_at
        return
    excuse = _excuse(session, row)
    if excuse is None:
        row.alert_id = row.alert_id or _tell(session, row, agency, now)
    elif row.alert_id is not None:
        _withdraw(session, row, excuse, now)
    is_settled = excuse is not None or now >= row.starts_at + LOOK_FOR
    row.look_at = None if is_settled else now + LOOK_EVERY


def came(session: Session, check_in: CheckInRow, agency: Agency) -> None:
    """Take in that a check-in counts: nobody looks for it any more, and what was told is cleared."""
    row = session.get_one(AppointmentRow, check_in.appointment_id)
    is_untold = row.look_at is not None and check_in.punctuality is Punctuality.LATE
    row.look_at = None
    if row.alert_id is None and not (is_untold and _excuse(session, row) is None):
        return
    row.alert_id = _tell(session, row, agency, check_in.at, came_at=check_in.at)
    alerts.clear(session, row.alert_id, check_in.at, check_in.at)


def _agency_of(session: Session, row: AppointmentRow) -> Agency:
    person = identity.get_supervisee(session, SYSTEM, row.supervisee_id)
    return identity.get_agency(session, person.agency_id)


def _excuse(session: Session, row: AppointmentRow) -> Excuse | None:
    """Return why nobody had to check in when this was due, None if they had to."""
    whose, due_s = row.supervisee_id, unix_s(row.starts_at)
    if not conditions.has_order_in_force(session, whose, row.starts_at):
        return Excuse.NO_ORDER
    if conditions.exemption_in_force(session, whose, row.starts_at) is not None:
        return Excuse.EXEMPTION
    absent = conditions.suspensions_for(session, whose, due_s, due_s + 1)
    return Excuse.ABSENCE if absent else None


# What the officer is told -------------------------------------------------------------------


def _tell(
    session: Session,
    row: AppointmentRow,
    agency: Agency,
    now: datetime,
    *,
    came_at: datetime | None = None,
) -> UUID:
    """Return the appointment's alert, raised or extended by what is known now."""
    over_at = late_from(row.starts_at, agency.policy)
    return alerts.raise_alert(
        session,
        agency_id=agency.id,
        supervisee_id=row.supervisee_id,
        kind=AlertKind.FAILURE_TO_REPORT,
        severity=Severity.WARNING,
        source=SOURCE,
        source_id=row.id,
        occurred_at=over_at,
        explanation=_explanation(row, over_at, came_at, _refused(session, row)),
        now=now,
    )


def _withdraw(session: Session, row: AppointmentRow, excuse: Excuse, now: datetime) -> None:
    if row.alert_id is not None and alerts.withdraw(session, row.alert_id, _EXCUSED[excuse], now):
        row.alert_id = None


def _refused(session: Session, row: AppointmentRow) -> int:
    """Return how many attempts at this check-in did not count."""
    theirs = (CheckInRow.appointment_id == row.id) & CheckInRow.refusal.is_not(None)
    return session.scalar(select(func.count()).select_from(CheckInRow).where(theirs)) or 0


def _explanation(
    row: AppointmentRow, over_at: datetime, came_at: datetime | None, refused: int
) -> Explanation:
    expected, until = _local(row, row.starts_at), _local(row, over_at)
    if came_at is None:
        happened_en = "has not come. It can still be made."
        happened_es = "no se ha hecho. Todavía puede hacerse."
    else:
        happened_en = f"came at {_local(row, came_at)}."
        happened_es = f"se hizo a las {_local(row, came_at)}."
    return Explanation(
        data={
            "appointment_id": str(row.id),
            "due_at": rfc3339(row.starts_at),
            "late_from": rfc3339(over_at),
            "came_at": None if came_at is None else rfc3339(came_at),
            "refused_attempts": refused,
        },
        sentence_en=f"The check-in expected at {expected}, on time until {until}, {happened_en} "
        f"Attempts that were refused: {refused}. By itself this is not a violation.",
        sentence_es=f"La presentación prevista a las {expected}, puntual hasta las {until}, "
        f"{happened_es} Intentos rechazados: {refused}. Por sí solo no es un incumplimiento.",
    )


def _local(row: AppointmentRow, at: datetime) -> str:
    return local_minute(unix_s(at), row.zone)


def _excused(excuse: Excuse, why_en: str, why_es: str) -> Explanation:
    return Explanation(
        data={"excuse": excuse.value},
        sentence_en=f"When this check-in was due, {why_en}; the alert is withdrawn.",
        sentence_es=f"Cuando correspondía esta presentación, {why_es}; la alerta se retira.",
    )


_EXCUSED: Final = {
    Excuse.NO_ORDER: _excused(
        Excuse.NO_ORDER, "no order was in force", "no había ninguna orden en vigor"
    ),
    Excuse.EXEMPTION: _excused(
        Excuse.EXEMPTION, "an exemption was in force", "había una exención en vigor"
    ),
    Excuse.ABSENCE: _excused(
        Excuse.ABSENCE, "an approved absence was in force", "había una ausencia aprobada en vigor"
    ),
}
