"""Messages in words, as officers preview them."""

from __future__ import annotations

import marshmallow as ma

from backend.core.schemas import Schema


class RenderedSchema(Schema):
    """A message in words."""

    subject = ma.fields.String(required=True, metadata={"description": "Of the e-mail; neutral"})
    body = ma.fields.String(required=True)
    lock_screen_title = ma.fields.String(required=True)
    lock_screen_body = ma.fields.String(required=True)


class TextsSchema(Schema):
    """A message in every language."""

    en = ma.fields.Nested(RenderedSchema, required=True)
    es = ma.fields.Nested(RenderedSchema, required=True)
