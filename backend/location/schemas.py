"""What location takes and gives over HTTP."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from backend.core.schemas import CursorSchema, Instant, Schema, page_of
from backend.location.refusals import RefusalReason


class ReceiptSchema(Schema):
    """A fix was accepted."""

    seq = ma.fields.Integer(
        required=True, allow_none=True, metadata={"description": "The fix's number; null if none"}
    )
    receipt = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "JWS by the server (`/.well-known/jwks.json`): proof for the phone "
            "that the fix was received"
        },
    )
    basis = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(["located", "exempted", "no-order"]),
        metadata={"description": "Why the request was let in"},
    )
    next_fix_s = ma.fields.Integer(
        required=True, metadata={"description": "In how many seconds the next fix is wanted"}
    )


class WindowSchema(CursorSchema):
    """Which stretch of time a list is about."""

    since = Instant(load_default=None)
    until = Instant(load_default=None)


class FixSchema(Schema):
    """One stored fix with its marks."""

    activation_id = ma.fields.UUID(required=True)
    seq = ma.fields.Integer(required=True)
    taken_at = Instant(required=True)
    received_at = Instant(required=True)
    latitude = ma.fields.Float(required=True)
    longitude = ma.fields.Float(required=True)
    accuracy_m = ma.fields.Float(
        required=True, metadata={"description": "Radius in metres that holds in 95 of 100 cases"}
    )
    usable = ma.fields.Boolean(
        required=True, metadata={"description": "Whether verdicts may rest on it"}
    )
    refused = ma.fields.Enum(RefusalReason, by_value=True, required=True, allow_none=True)
    signals = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "Oddities, by name"}
    )
    assurance = ma.fields.String(
        required=True, metadata={"description": "How well the phone's key was vouched for"}
    )
    digest = ma.fields.String(
        required=True, metadata={"description": "SHA-256 of what was signed, hexadecimal"}
    )


class FixListSchema(Schema):
    """Fixes in the order in which they were taken, newest first."""

    items = ma.fields.List(ma.fields.Nested(FixSchema), required=True)
    next = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "Cursor of the next page"}
    )


class FixQuerySchema(Schema):
    """Which fixes."""

    since = Instant(load_default=None)
    until = Instant(load_default=None)
    after = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(r"^\d{1,15}:\d{1,15}\Z"),
        metadata={"description": "`next` of the page before this one"},
    )
    limit = ma.fields.Integer(load_default=200, validate=ma.validate.Range(min=1, max=1000))


class EvidenceSchema(Schema):
    """One fix on which an episode rests."""

    digest = ma.fields.String(required=True)
    at = Instant(required=True)
    distance_m = ma.fields.Float(required=True)
    accuracy_m = ma.fields.Float(required=True)
    role = ma.fields.String(required=True)


class EpisodeSchema(Schema):
    """A span in which a rule was, or may have been, broken, as judged now."""

    id = ma.fields.UUID(required=True)
    condition_id = ma.fields.UUID(required=True)
    condition_version = ma.fields.Integer(required=True)
    perimeter = ma.fields.String(required=True)
    certainty = ma.fields.String(required=True)
    onset = Instant(required=True)
    ended = Instant(required=True, allow_none=True)
    alert_id = ma.fields.UUID(required=True, allow_none=True)
    withdrawn = ma.fields.Boolean(
        required=True, metadata={"description": "Whether later facts took it back"}
    )
    facts = ma.fields.Dict(
        required=True,
        metadata={"description": "Fixes used, distances, accuracy, rule, window, engine"},
    )


class RefusalSchema(Schema):
    """One request that was turned away; never a violation by itself."""

    id = ma.fields.UUID(required=True)
    reference = ma.fields.String(required=True)
    reason = ma.fields.Enum(RefusalReason, by_value=True, required=True)
    at = Instant(required=True)
    what = ma.fields.String(required=True)
    what_to_do = ma.fields.String(required=True)


class StatusSchema(Schema):
    """How things stand with one person's location."""

    last_received_at = Instant(required=True, allow_none=True)
    judged_until = Instant(required=True, allow_none=True)
    silent = ma.fields.Boolean(required=True)
    last_fix = ma.fields.Nested(FixSchema, required=True, allow_none=True)
    open_episodes = ma.fields.List(ma.fields.Nested(EpisodeSchema), required=True)


RefusalPageSchema: Any = page_of(RefusalSchema)
EpisodePageSchema: Any = page_of(EpisodeSchema)
