"""The privacy notice at the edge."""

from __future__ import annotations

from typing import Final

import marshmallow as ma

from backend.core.schemas import Instant, Schema

MAX_VERSION: Final = 1_000_000


class SectionSchema(Schema):
    """A heading, and what stands under it."""

    heading = ma.fields.String(required=True)
    text = ma.fields.String(required=True)


class NoticeTextsSchema(Schema):
    """The same sections in every language."""

    en = ma.fields.List(ma.fields.Nested(SectionSchema), required=True)
    es = ma.fields.List(ma.fields.Nested(SectionSchema), required=True)


class NoticeSchema(Schema):
    """The privacy notice that is in force."""

    version = ma.fields.Integer(required=True)
    effective_on = ma.fields.Date(required=True)
    texts = ma.fields.Nested(NoticeTextsSchema, required=True)


class ReadVersionSchema(Schema):
    """Which version the person has read."""

    version = ma.fields.Integer(
        required=True, strict=True, validate=ma.validate.Range(min=1, max=MAX_VERSION)
    )


class AcknowledgementSchema(Schema):
    """The version in force, and when the person said that they have read it."""

    version = ma.fields.Integer(required=True)
    effective_on = ma.fields.Date(required=True)
    acknowledged_at = Instant(
        required=True, allow_none=True, metadata={"description": "Null: not yet"}
    )
