"""What became of a bank's file, at the edge."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from backend.core.schemas import Schema


def _lines(description: str) -> ma.fields.List[int]:
    options: dict[str, Any] = {"required": True, "metadata": {"description": description}}
    return ma.fields.List(ma.fields.Integer(), **options)


class ImportedFileSchema(Schema):
    """The lines of a file by what became of their payments; the header is line 1."""

    booked = _lines("Payments of a person's")
    suspense = _lines("Nobody knows whose: they wait in suspense")
    known = _lines("They were told before; nothing was booked")
    contradicted = _lines("Their number stands for other money; nothing was booked")
