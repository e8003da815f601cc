"""What a condition may say, by its kind: checked once, at the door, and then trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from backend.conditions import timetable
from backend.conditions.invalid import invalid
from backend.conditions.kinds import Advice, ConditionKind
from backend.conditions.roominess import roominess_m
from backend.core.errors import Code, Problem
from geofence import GeometryRefused, RuleKind, Schedule, Zone, parse_zone, zone_to_geojson

USUAL_ACCURACY_M: Final = 50.0
"""The 95 % radius that phones report indoors; a smaller home is hard to be seen in."""

_NEEDED: Final = {
    ConditionKind.EXCLUSION_ZONE: frozenset({"zone"}),
    ConditionKind.INCLUSION_ZONE: frozenset({"zone", "schedule"}),
    ConditionKind.CURFEW: frozenset({"zone", "schedule"}),
    ConditionKind.OTHER: frozenset({"text"}),
}
_ZONE_PARTS: Final = frozenset({"text", "zone", "buffer_m", "schedule"})
_POSSIBLE: Final = {
    ConditionKind.EXCLUSION_ZONE: _ZONE_PARTS,
    ConditionKind.INCLUSION_ZONE: _ZONE_PARTS,
    ConditionKind.CURFEW: _ZONE_PARTS,
    ConditionKind.OTHER: frozenset({"text"}),
}

RULE_KINDS: Final = {
    ConditionKind.EXCLUSION_ZONE: RuleKind.EXCLUSION,
    ConditionKind.INCLUSION_ZONE: RuleKind.INCLUSION,
    ConditionKind.CURFEW: RuleKind.INCLUSION,
}
"""How the engine judges each kind that it judges at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What an officer wrote, as it came: of the right types, not yet checked for sense."""

    title: str
    text: str | None = None
    zone: Mapping[str, Any] | None = None
    buffer_m: float | None = None
    schedule: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a version will say, in the form in which it is kept."""

    title: str
    text: str | None
    zone: dict[str, Any] | None
    buffer_m: float | None
    schedule: dict[str, Any] | None
    advice: tuple[Advice, ...] = ()


def check(kind: ConditionKind, draft: Draft, effective_from: datetime) -> Content:
    """Return what can be kept of `draft`.

    Raises Problem with a pointer into the body: INVALID_REQUEST when a part is missing or makes no
    sense with this kind, GEOMETRY_REFUSED with `reason` and `place`, SCHEDULE_REFUSED.
    """
    _check_parts(kind, draft)
    zone = None if draft.zone is None else read_zone(draft.zone)
    schedule = None if draft.schedule is None else timetable.read_schedule(draft.schedule)
    if schedule is not None:
        timetable.check_future(schedule, effective_from)
        _check_curfew(kind, schedule)
    return Content(
        title=draft.title,
        text=draft.text,
        zone=None if zone is None else zone_to_geojson(zone),
        buffer_m=draft.buffer_m,
        schedule=None if schedule is None else timetable.write_schedule(schedule),
        advice=_advice(kind, zone),
    )


def read_zone(document: Mapping[str, Any]) -> Zone:
    """Return the engine's zone; raises Problem GEOMETRY_REFUSED, pointing at the coordinate."""
    zone = parse_zone(document)
    if not isinstance(zone, GeometryRefused):
        return zone
    place = None if zone.place is None else list(zone.place)
    raise Problem(
        Code.GEOMETRY_REFUSED,
        zone.detail,
        pointer=f"/zone{zone.pointer}",
        members={"reason": zone.reason.value, "place": place},
    )


def _check_parts(kind: ConditionKind, draft: Draft) -> None:
    given = {part for part in _ZONE_PARTS if getattr(draft, part) is not None}
    for part in sorted(_NEEDED[kind] - given):
        raise invalid(part, f"This kind needs a {part}.")
    for part in sorted(given - _POSSIBLE[kind]):
        raise invalid(part, f"This kind has no {part}.")


def _check_curfew(kind: ConditionKind, schedule: Schedule) -> None:
    if kind is ConditionKind.CURFEW and not schedule.weekly:
        raise timetable.refused("/weekly", "A curfew has weekly windows.")


def _advice(kind: ConditionKind, zone: Zone | None) -> tuple[Advice, ...]:
    to_stay_in = RULE_KINDS.get(kind) is RuleKind.INCLUSION
    if to_stay_in and zone is not None and roominess_m(zone) < USUAL_ACCURACY_M:
        return (Advice.ZONE_SMALLER_THAN_ACCURACY,)
    return ()
