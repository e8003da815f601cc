"""A `KeyDescription` as JSON, in the form that Google's own verifier prints.

Integers are texts (some exceed what JSON numbers hold exactly), bytes are base64, enumerations
their names, and what is absent is left out.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import Final

from backend.attestation.android.key_description import (
    ApplicationId,
    AuthorizationList,
    KeyDescription,
    Package,
    RootOfTrust,
)

_NAMES: Final = {"algorithm": "algorithms", "tags_ordered": "areTagsOrdered"}

Json = str | bool | list["Json"] | dict[str, "Json"]
_Record = KeyDescription | AuthorizationList | RootOfTrust | ApplicationId | Package
_Value = int | str | bytes | Enum | tuple["_Value", ...] | Mapping[int, bytes] | _Record


def key_description_as_json(description: KeyDescription) -> Json:
    """Everything that the extension says; identifiers of the phone included."""
    return _members(description)


def _members(record: _Record) -> dict[str, Json]:
    found = ((each.name, getattr(record, each.name)) for each in fields(record))
    return {
        _NAMES.get(name) or _camel_case(name): _json(value)
        for name, value in found
        if value is not None and value != {}
    }


def _json(value: _Value) -> Json:  # noqa: PLR0911 one for each kind of value
    match value:
        case bool() | str():
            return value
        case int():
            return str(value)
        case bytes():
            return b64encode(value).decode("ascii")
        case Enum():
            return value.name
        case tuple():
            return [_json(member) for member in value]
        case Mapping():
            return {str(number): _json(content) for number, content in value.items()}
        case _:
            return _members(value)


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
