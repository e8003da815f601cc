"""Orders, conditions and their exceptions at the edge."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import marshmallow as ma

from backend.conditions.absences import AbsenceRequest
from backend.conditions.calendar_events import MAX_CHARS
from backend.conditions.content import Draft
from backend.conditions.exemptions import ExemptionRequest
from backend.conditions.imposing import Ruling
from backend.conditions.kinds import Advice, Authority, ConditionKind, Standing
from backend.conditions.models import MAX_REASON, MAX_REFERENCE, MAX_TEXT, MAX_TITLE
from backend.conditions.orders import OrderTerms
from backend.conditions.timetable import MAX_DATED, MAX_WEEKLY, WEEKDAYS
from backend.core.schemas import FreeText, Instant, Schema, page_of

MAX_BUFFER_M: Final = 50_000
MAX_NAMED: Final = 100
ERA: Final = range(1900, 2200)
"""Years that a court can mean; those near the ends of the calendar break arithmetic."""


def _in_era(value: datetime) -> None:
    if value.year not in ERA:
        raise ma.ValidationError(f"Years run from {ERA.start} to {ERA.stop - 1}.")


def _moment(**options: Any) -> Instant:
    return Instant(validate=_in_era, **options)


class OrderTermsSchema(Schema):
    """What a court ordered: in force for `starts_at <= t < ends_at`."""

    court = FreeText(max_length=MAX_TITLE, required=True)
    reference = FreeText(max_length=MAX_REFERENCE, required=True)
    judge = FreeText(max_length=MAX_TITLE, load_default=None, allow_none=True)
    issued_on = ma.fields.Date(load_default=None, allow_none=True)
    starts_at = _moment(required=True)
    ends_at = _moment(
        load_default=None, allow_none=True, metadata={"description": "Null: without end"}
    )

    @ma.post_load
    def make_terms(self, data: dict[str, Any], **_: Any) -> OrderTerms:
        """Return the terms."""
        return OrderTerms(**data)


class OrderSchema(Schema):
    """A court's order over one person."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    court = ma.fields.String()
    reference = ma.fields.String()
    judge = ma.fields.String(allow_none=True)
    issued_on = ma.fields.Date(allow_none=True)
    starts_at = Instant()
    ends_at = Instant(allow_none=True)
    recorded_by = ma.fields.UUID()
    recorded_at = Instant()


def _wall_clock(pattern: str, example: str) -> ma.fields.String:
    error = f"A wall time has the form {example}."
    return ma.fields.String(
        required=True,
        validate=ma.validate.Regexp(rf"^{pattern}(:[0-9]{{2}})?\Z", error=error),
        metadata={"example": example},
    )


class WeeklyWindowSchema(Schema):
    """From `start` on a weekday to `end`, on the next day if it is not after `start`."""

    weekday = ma.fields.String(required=True, validate=ma.validate.OneOf(WEEKDAYS))
    start = _wall_clock("[0-9]{2}:[0-9]{2}", "21:00")
    end = _wall_clock("[0-9]{2}:[0-9]{2}", "06:00")


class DatedWindowSchema(Schema):
    """A half-open span of local wall time."""

    start = _wall_clock("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}", "2026-12-24T18:00")
    end = _wall_clock("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}", "2026-12-26T09:00")


def _windows(schema: type[Schema], most: int, description: str) -> ma.fields.List[Any]:
    return ma.fields.List(
        ma.fields.Nested(schema),
        load_default=list,
        validate=ma.validate.Length(max=most),
        metadata={"description": description},
    )


class ScheduleSchema(Schema):
    """When a condition holds: the weekly windows without `removed`, and `added`."""

    timezone = ma.fields.String(
        required=True,
        validate=ma.validate.Length(min=1, max=60),
        metadata={"description": "IANA zone of all wall times", "example": "America/Chicago"},
    )
    weekly = _windows(WeeklyWindowSchema, MAX_WEEKLY, "Windows of every week")
    added = _windows(DatedWindowSchema, MAX_DATED, "Holds then as well")
    removed = _windows(DatedWindowSchema, MAX_DATED, "Does not hold then")


class CalendarSchema(Schema):
    """A file in iCalendar form (RFC 5545), of which the time is read and nothing is kept."""

    calendar = ma.fields.String(
        required=True,
        validate=ma.validate.Length(min=1, max=MAX_CHARS),
        metadata={
            "description": "The text of the .ics file. Floating times and whole days are the "
            "agency's; what repeats ends at the wall time at which its first window ends"
        },
    )


class ScheduleDraftSchema(Schema):
    """A schedule made of a calendar, to be tried and imposed."""

    schedule = ma.fields.Nested(ScheduleSchema)
    complete_until = ma.fields.Date(
        allow_none=True,
        metadata={
            "description": "An endless rule that no week repeats was laid out to this day. Null: "
            "the schedule holds all that the calendar says"
        },
    )


class RulingSchema(Schema):
    """Why a condition changes, and from when."""

    reason = FreeText(max_length=MAX_REASON, required=True)
    effective_from = _moment(
        load_default=None,
        allow_none=True,
        metadata={"description": "Now or later; left out: at once. Replaces all that is planned"},
    )
    order_reference = FreeText(
        max_length=MAX_REFERENCE,
        load_default=None,
        allow_none=True,
        metadata={"description": "The court's; left out: the order's. Confidential zones need it"},
    )
    victim_consented_on = ma.fields.Date(
        load_default=None, allow_none=True, metadata={"description": "For confidential zones"}
    )

    @ma.post_load
    def make_ruling(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return `ruling`, and beside it what a subclass adds."""
        names = ("reason", "effective_from", "order_reference", "victim_consented_on")
        ruling = Ruling(**{name: data.pop(name) for name in names})
        return {"ruling": ruling, **data}


class ZoneDraftSchema(Schema):
    """A zone as an officer draws it, and when it holds; checked for sense by `content.check`."""

    zone = ma.fields.Dict(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "GeoJSON: a Polygon or MultiPolygon; a Feature of a Point with "
            "`properties.radius_m` (circle); a Feature of a LineString with "
            "`properties.width_m` (corridor)"
        },
    )
    buffer_m = ma.fields.Float(
        load_default=None,
        allow_none=True,
        allow_nan=False,
        validate=ma.validate.Range(min=0, max=MAX_BUFFER_M, min_inclusive=False),
        metadata={"description": "Width of the early-warning ring beyond the zone's edge, metres"},
    )
    schedule = ma.fields.Nested(ScheduleSchema, load_default=None, allow_none=True)


class NewVersionSchema(ZoneDraftSchema, RulingSchema):
    """What a condition says from then on."""

    title = FreeText(max_length=MAX_TITLE, required=True)
    text = FreeText(max_length=MAX_TEXT, load_default=None, allow_none=True)

    @ma.post_load
    def make_ruling(self, data: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Return `draft` and `ruling`, and beside them what a subclass adds."""
        names = ("title", "text", "zone", "buffer_m", "schedule")
        draft = Draft(**{name: data.pop(name) for name in names})
        return {"draft": draft, **super().make_ruling(data, **options)}


class NewConditionSchema(NewVersionSchema):
    """A condition with its first version."""

    kind = ma.fields.Enum(ConditionKind, by_value=True, required=True)
    confidential = ma.fields.Boolean(
        load_default=False,
        metadata={"description": "A zone that protects a victim: for exclusion zones only"},
    )


class WordingSchema(Schema):
    """What a version says."""

    title = ma.fields.String()
    text = ma.fields.String(allow_none=True)
    zone = ma.fields.Dict(allow_none=True, metadata={"description": "A GeoJSON Feature"})
    buffer_m = ma.fields.Float(allow_none=True)
    schedule = ma.fields.Nested(ScheduleSchema, allow_none=True)
    advice = ma.fields.List(
        ma.fields.Enum(Advice, by_value=True), metadata={"description": "What to think over"}
    )
    reason = ma.fields.String()
    order_reference = ma.fields.String()
    victim_consented_on = ma.fields.Date(allow_none=True)


class VersionSchema(Schema):
    """A version of a condition, in force for `effective_from <= t < effective_to`."""

    number = ma.fields.Integer()
    effective_from = Instant()
    effective_to = Instant(
        allow_none=True,
        metadata={
            "description": "Derived. Null: without end, or pending. Equal to `effective_from`: "
            "replaced before it began"
        },
    )
    pending = ma.fields.Boolean(metadata={"description": "Awaits a second officer: not in force"})
    lifted = ma.fields.Boolean(metadata={"description": "The condition asks for nothing"})
    author_id = ma.fields.UUID()
    created_at = Instant()
    approver_id = ma.fields.UUID(allow_none=True)
    approved_at = Instant(allow_none=True)
    wording = ma.fields.Nested(
        WordingSchema,
        allow_none=True,
        metadata={"description": "Null: confidential, and in lists of conditions always so"},
    )


class ConditionSchema(Schema):
    """A condition of an order with its latest version."""

    id = ma.fields.UUID()
    order_id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    kind = ma.fields.Enum(ConditionKind, by_value=True)
    confidential = ma.fields.Boolean()
    latest = ma.fields.Nested(VersionSchema)


class DecisionSchema(Schema):
    """How far a decision of two officers has come."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    standing = ma.fields.Enum(Standing, by_value=True)
    starts_at = Instant()
    ends_at = Instant()
    author_id = ma.fields.UUID()
    created_at = Instant()
    approver_id = ma.fields.UUID(allow_none=True)
    approved_at = Instant(allow_none=True)
    withdrawn_by = ma.fields.UUID(allow_none=True)
    withdrawn_at = Instant(allow_none=True)
    withdrawal_reason = ma.fields.String(allow_none=True)


class NewExemptionSchema(Schema):
    """A proposal to serve a person without location for a time."""

    scope = FreeText(
        max_length=MAX_REASON,
        required=True,
        metadata={"description": "What is exempted and why, in the authority's words"},
    )
    authority = ma.fields.Enum(Authority, by_value=True, required=True)
    reference = FreeText(
        max_length=MAX_REFERENCE,
        required=True,
        metadata={"description": "Of the court's order or the agency's decision"},
    )
    starts_at = _moment(
        load_default=None, allow_none=True, metadata={"description": "Left out: at once"}
    )
    ends_at = _moment(required=True)

    @ma.post_load
    def make_request(self, data: dict[str, Any], **_: Any) -> ExemptionRequest:
        """Return the proposal."""
        return ExemptionRequest(**data)


class ExemptionSchema(DecisionSchema):
    """A person's leave to be served without location, once approved by a second officer."""

    scope = ma.fields.String()
    authority = ma.fields.Enum(Authority, by_value=True)
    reference = ma.fields.String()


class NewAbsenceSchema(Schema):
    """A proposal to let conditions rest for a time; it may lie in the past."""

    starts_at = _moment(required=True)
    ends_at = _moment(required=True)
    places = FreeText(
        max_length=MAX_REASON,
        required=True,
        metadata={"description": "Where the person will be"},
    )
    reason = FreeText(max_length=MAX_REASON, required=True)
    condition_ids = ma.fields.List(
        ma.fields.UUID(),
        load_default=None,
        allow_none=True,
        validate=ma.validate.Length(min=1, max=MAX_NAMED),
        metadata={"description": "Which rest; left out: every zone that is not confidential"},
    )
    court_reference = FreeText(
        max_length=MAX_REFERENCE,
        load_default=None,
        allow_none=True,
        metadata={"description": "Needed when a confidential zone is to rest"},
    )

    @ma.post_load
    def make_request(self, data: dict[str, Any], **_: Any) -> AbsenceRequest:
        """Return the proposal."""
        ids = data.pop("condition_ids")
        return AbsenceRequest(condition_ids=None if ids is None else tuple(ids), **data)


class AbsenceSchema(DecisionSchema):
    """A span in which conditions rest, once approved by a second officer."""

    places = ma.fields.String()
    reason = ma.fields.String()
    condition_ids = ma.fields.List(ma.fields.UUID())
    court_reference = ma.fields.String(allow_none=True)


class WithdrawalSchema(Schema):
    """Why something ends before its time."""

    reason = FreeText(max_length=MAX_REASON, required=True)


class MyConditionSchema(Schema):
    """A condition of the person who asks."""

    id = ma.fields.UUID()
    version = ma.fields.Integer()
    kind = ma.fields.Enum(ConditionKind, by_value=True)
    what = ma.fields.String(metadata={"description": "The kind, in the person's language"})
    meaning = ma.fields.String(metadata={"description": "What to do, in the person's language"})
    title = ma.fields.String()
    text = ma.fields.String(allow_none=True)
    schedule = ma.fields.Nested(ScheduleSchema, allow_none=True)
    court = ma.fields.String()
    order_reference = ma.fields.String()
    effective_from = Instant()
    effective_to = Instant(allow_none=True)


class MyConditionsSchema(Schema):
    """All that holds for the person who asks, now and later."""

    conditions = ma.fields.List(ma.fields.Nested(MyConditionSchema))


class MyZoneSchema(Schema):
    """A zone of the person who asks, to be drawn."""

    condition_id = ma.fields.UUID()
    version = ma.fields.Integer()
    kind = ma.fields.Enum(ConditionKind, by_value=True)
    title = ma.fields.String()
    zone = ma.fields.Dict(metadata={"description": "A GeoJSON Feature"})
    buffer_m = ma.fields.Float(allow_none=True)
    schedule = ma.fields.Nested(ScheduleSchema, allow_none=True)
    effective_from = Instant()
    effective_to = Instant(allow_none=True)


class MyZonesSchema(Schema):
    """The zones of the person who asks, of now and later."""

    zones = ma.fields.List(ma.fields.Nested(MyZoneSchema))


OrderPageSchema = page_of(OrderSchema)
ConditionPageSchema = page_of(ConditionSchema)
VersionPageSchema = page_of(VersionSchema)
ExemptionPageSchema = page_of(ExemptionSchema)
AbsencePageSchema = page_of(AbsenceSchema)
