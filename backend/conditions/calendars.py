"""Schedules exchanged with other programs as iCalendar files; nothing here is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from backend.conditions import calendar_in, calendar_out, reading, timetable
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.identity import service as identity


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDraft:
    """A schedule's document, to be looked at, tried and imposed.

    `complete_until`: the calendar says more from this day on, None: the draft holds all of it.
    """

    schedule: dict[str, Any]
    complete_until: date | None


def draft_schedule(
    session: Session, actor: Actor, calendar: str, *, now: datetime
) -> ScheduleDraft:
    """Return the schedule that an iCalendar file says, from now on; nothing is kept.

    Raises FORBIDDEN, SCHEDULE_REFUSED with `reason`, `component` and `property`.
    """
    actor.require(Permission.CONDITION_WRITE)
    agency = identity.get_agency(session, actor.agency)
    found = calendar_in.read_calendar(calendar, agency_zone=agency.zone, now=now)
    return ScheduleDraft(
        schedule=timetable.write_schedule(found.schedule), complete_until=found.complete_until
    )


def calendar_of(session: Session, actor: Actor, condition_id: UUID, *, now: datetime) -> str:
    """Return the latest schedule of a condition as an iCalendar file.

    Reading a confidential zone is audited. Raises FORBIDDEN (the wording is concealed), NOT_FOUND
    (also where the condition holds always, or no more).
    """
    condition = reading.get_condition(session, actor, condition_id, now=now)
    wording = condition.latest.wording
    if wording is None:
        raise Problem(Code.FORBIDDEN, "What this condition says is confidential.")
    if wording.schedule is None:
        raise Problem(Code.NOT_FOUND, "This condition has no schedule.")
    return calendar_out.write_calendar(
        timetable.read_schedule(wording.schedule),
        name=wording.title,
        uid=f"{condition.id}-{condition.latest.number}",
        since=condition.latest.effective_from,
        now=now,
    )
