"""The privacy notice at the edge."""

from __future__ import annotations

import marshmallow as ma

from backend.core.schemas import Schema


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
