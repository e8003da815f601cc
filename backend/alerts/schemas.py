"""Alerts at the edge."""

from __future__ import annotations

import marshmallow as ma

from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.alerts.lifecycle import AlertState, Disposition
from backend.alerts.values import EventKind
from backend.core.actor import ActorKind
from backend.core.schemas import CursorSchema, FreeText, Instant, Schema, page_of

MAX_NOTE_CHARACTERS = 2000


class AlertFilterSchema(CursorSchema):
    """Query parameters of the list of alerts."""

    state = ma.fields.Enum(AlertState, by_value=True)
    kind = ma.fields.Enum(AlertKind, by_value=True)
    supervisee_id = ma.fields.UUID()


class PeriodSchema(Schema):
    """Query parameters of the figures: a half-open period of at most 92 days."""

    since = Instant(required=True)
    until = Instant(required=True)


class NoteSchema(Schema):
    """A step of triage: a human always says why."""

    note = FreeText(max_length=MAX_NOTE_CHARACTERS, required=True)


class ResolutionSchema(NoteSchema):
    """The decision on an alert."""

    disposition = ma.fields.Enum(Disposition, by_value=True, required=True)


class AlertSchema(Schema):
    """An alert as it stands; each time says what it is the time of."""

    id = ma.fields.UUID()
    supervisee_id = ma.fields.UUID()
    kind = ma.fields.Enum(AlertKind, by_value=True)
    severity = ma.fields.Enum(Severity, by_value=True)
    certainty = ma.fields.Enum(Certainty, by_value=True)
    state = ma.fields.Enum(AlertState, by_value=True)
    disposition = ma.fields.Enum(Disposition, by_value=True, allow_none=True)
    merged_into = ma.fields.UUID(allow_none=True)
    sentence_en = ma.fields.String()
    sentence_es = ma.fields.String()
    occurred_at = Instant()
    detected_at = Instant()
    evidence_at = Instant(metadata={"description": "When judging last said something new"})
    cleared_at = Instant(
        allow_none=True, metadata={"description": "When the condition ended by itself"}
    )
    acknowledged_at = Instant(allow_none=True)
    first_contact_at = Instant(allow_none=True)
    resolved_at = Instant(allow_none=True, metadata={"description": "When a human decided"})
    evidence_after_decision = ma.fields.Boolean()


class AlertEventSchema(Schema):
    """One thing that happened to an alert."""

    number = ma.fields.Integer()
    at = Instant()
    kind = ma.fields.Enum(EventKind, by_value=True)
    actor_kind = ma.fields.Enum(ActorKind, by_value=True)
    actor_id = ma.fields.UUID(allow_none=True)
    state = ma.fields.Enum(AlertState, by_value=True)
    disposition = ma.fields.Enum(Disposition, by_value=True, allow_none=True)
    note = ma.fields.String()
    finding = ma.fields.Dict(allow_none=True, metadata={"description": "What judging said"})


class AlertDetailSchema(Schema):
    """An alert with what explains it, and its history."""

    alert = ma.fields.Nested(AlertSchema)
    source = ma.fields.String(metadata={"description": "The kind of thing that caused it"})
    source_id = ma.fields.UUID()
    explanation = ma.fields.Dict()
    delivered_at = Instant(
        allow_none=True, metadata={"description": "When an e-mail about it first went out"}
    )
    events = ma.fields.List(ma.fields.Nested(AlertEventSchema))


class FiguresSchema(Schema):
    """Key figures; null where there is nothing to divide."""

    since = Instant()
    until = Instant()
    alerts = ma.fields.Integer()
    people = ma.fields.Integer(metadata={"description": "Under supervision now"})
    per_person_day = ma.fields.Float(allow_none=True)
    false_share = ma.fields.Float(
        allow_none=True,
        metadata={"description": "Of the resolved and withdrawn: in error, or withdrawn"},
    )
    median_to_acknowledge_s = ma.fields.Float(allow_none=True)


AlertPageSchema = page_of(AlertSchema)
