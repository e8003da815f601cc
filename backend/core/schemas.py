"""Schemas at the edge: unknown members refused, text that can be stored, cursors, problems."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import marshmallow as ma

from backend.core.card_numbers import CARD_NUMBER_MESSAGE, has_card_number
from backend.core.clock import rfc3339
from backend.core.paging import DEFAULT_PAGE, MAX_PAGE, Cursor


class Formatted(ma.fields.String):
    """Text in a form of machines or standards, which its validators check: a phone, a token.

    It alone of all text is not searched for payment card numbers: one in ten of the digits that
    have a card number's length would be mistaken for one.
    """


class Schema(ma.Schema):
    """The parent of every schema: unknown members are refused, in bodies and in queries.

    So are payment card numbers in text, in names of members too, wherever the text is meant to go.
    """

    class Meta:
        """Marshmallow's options."""

        unknown = ma.RAISE

    @ma.pre_load
    def refuse_unstorable_text(self, data: Any, **_: Any) -> Any:
        """Refuse text that no database keeps: NUL characters and lone surrogates."""
        try:
            _refuse_unstorable(data, [])
        except RecursionError:
            raise ma.ValidationError(["Nested too deeply."]) from None
        return data

    @ma.pre_load
    def refuse_card_numbers(self, data: Any, **_: Any) -> Any:
        """Refuse card numbers in everything but `Formatted` text; nested schemas see to theirs."""
        if not isinstance(data, Mapping):
            return data
        expected = {field.data_key or name: field for name, field in self.load_fields.items()}
        errors: dict[str, Any] = {}
        for name, value in data.items():
            if has_card_number(str(name)):
                raise ma.ValidationError([CARD_NUMBER_MESSAGE])
            if _holds_card_number(value, expected.get(name)):
                errors[name] = [CARD_NUMBER_MESSAGE]
        if errors:
            raise ma.ValidationError(errors)
        return data


_SEARCHED_BY_OTHERS: Final = (Formatted, ma.fields.UUID, ma.fields.Nested)


def _holds_card_number(value: Any, field: ma.fields.Field[Any] | None = None) -> bool:
    """Whether any text in `value` does; a stack of its own, since a body may be nested deeply."""
    waiting: list[tuple[Any, ma.fields.Field[Any] | None]] = [(value, field)]
    while waiting:
        item, kind = waiting.pop()
        if isinstance(kind, _SEARCHED_BY_OTHERS):
            continue
        if isinstance(item, Mapping):
            waiting += [(part, None) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            inner = kind.inner if isinstance(kind, ma.fields.List) else None
            waiting += [(part, inner) for part in item]
        elif isinstance(item, str) and has_card_number(item):
            return True
    return False


def _refuse_unstorable(data: Any, path: list[str]) -> None:
    if isinstance(data, Mapping):
        for key, value in data.items():
            _refuse_unstorable(key, path)
            _refuse_unstorable(value, [*path, str(key)])
    elif isinstance(data, list):
        for index, value in enumerate(data):
            _refuse_unstorable(value, [*path, str(index)])
    elif isinstance(data, str) and not _is_storable(data):
        message: Any = ["Text must not hold NUL characters or lone surrogates."]
        for name in reversed(path):
            message = {name: message}
        raise ma.ValidationError(message)


def _is_storable(text: str) -> bool:
    return not any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in text)


class FreeText(ma.fields.String):
    """Text as a person types it: trimmed, not empty."""

    def __init__(self, *, max_length: int, **options: Any) -> None:
        super().__init__(validate=ma.validate.Length(min=1, max=max_length), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        return str(super()._deserialize(value, attr, data, **options)).strip()


class Instant(ma.fields.AwareDateTime):
    """A time that says its zone; naive ones are refused. Answered as RFC 3339 in UTC with `Z`."""

    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else rfc3339(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> datetime:
        try:
            return super()._deserialize(value, attr, data, **options).astimezone(UTC)
        except OverflowError:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from None


class ProblemSchema(ma.Schema):
    """RFC 9457 problem details; documentation only. A code may have further members."""

    class Meta:
        """Marshmallow's options."""

        unknown = ma.INCLUDE

    type = ma.fields.String(required=True, metadata={"description": "Tag URI of the code"})
    code = ma.fields.String(required=True, metadata={"description": "Stable code"})
    title = ma.fields.String(required=True, metadata={"description": "What the code means"})
    status = ma.fields.Integer(required=True, metadata={"description": "The HTTP status"})
    detail = ma.fields.String(metadata={"description": "What was wrong this time"})
    errors = ma.fields.List(
        ma.fields.Dict(),
        metadata={"description": "Where: each has `pointer` (RFC 6901, or `?name`) and `detail`"},
    )


class CursorSchema(Schema):
    """Query parameters of a list."""

    after = ma.fields.UUID(
        load_default=None, metadata={"description": "`next` of the page before this one"}
    )
    limit = ma.fields.Integer(
        load_default=DEFAULT_PAGE,
        validate=ma.validate.Range(min=1, max=MAX_PAGE),
        metadata={"description": "How many items at the most"},
    )

    @ma.post_load
    def make_cursor(self, data: dict[str, Any], **_: Any) -> Any:
        """Return the cursor, or the filters of a subclass with `cursor` among them."""
        cursor = Cursor(after=data.pop("after"), limit=data.pop("limit"))
        return data | {"cursor": cursor} if data or type(self) is not CursorSchema else cursor


def page_of(item: type[Schema]) -> type[Schema]:
    """Return the schema of a page of `item`."""
    name = item.__name__.removesuffix("Schema") + "PageSchema"
    return type(
        name,
        (Schema,),
        {
            "items": ma.fields.List(ma.fields.Nested(item), required=True),
            "next": ma.fields.UUID(
                allow_none=True, required=True, metadata={"description": "Cursor of the next page"}
            ),
        },
    )
