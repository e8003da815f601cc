from __future__ import annotations

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.card_numbers import CARD_NUMBER_MESSAGE, has_card_number
from backend.core.schemas import FreeText, Schema

VISA = "4111111111111111"  # published test numbers of the schemes
AMEX = "378282246310005"
THIRTEEN = "4222222222222"


@pytest.mark.parametrize(
    "text",
    [
        VISA,
        AMEX,
        THIRTEEN,
        "6304000000000000000",  # 19 digits
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111 - 1111 - 1111 - 1111",
        "4111.1111.1111.1111",
        "4111\N{NO-BREAK SPACE}1111\N{EN DASH}1111\N{FIGURE DASH}1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4111_1111\n1111\t1111",
        "card 4111 1111 1111 1111 exp 12/27 cvv 123",
        "4111 1111 1111 1111 12 27 123",
        "12 27 4111 1111 1111 1111",
        "no4111111111111111no",
        "\N{FULLWIDTH DIGIT FOUR}" + "\N{FULLWIDTH DIGIT ONE}" * 15,
    ],
)
def test_a_card_number_is_found_however_it_is_written(text: str) -> None:
    assert has_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "paid in cash",
        "4111111111111112",  # the check digit is wrong
        "411111111111",  # twelve digits
        "41111111111111111111",  # twenty digits
        "4111 1111, 1111 1111",
        "receipt 2026-000123, phone +1 555 555 0100",
        "order 2026-CR-000411 of 2026-03-02",
        "019c9f3e-1b2c-7d4e-8f60-718293a4b5c6",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert not has_card_number(text)


@given(st.text(alphabet="0123456789", min_size=12, max_size=18), st.sampled_from(["", " ", "-"]))
def test_exactly_one_check_digit_makes_a_card_number(body: str, separator: str) -> None:
    written = [separator.join(f"{body}{check}") for check in "0123456789"]
    whole = [text for text in written if _luhn(text.replace(separator, "") if separator else text)]

    assert len(whole) == 1
    assert has_card_number(whole[0])


def _luhn(digits: str) -> bool:
    doubled = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    odd = len(digits) % 2
    return (
        sum(doubled[int(d)] if place % 2 == odd else int(d) for place, d in enumerate(digits)) % 10
        == 0
    )


class _NoteSchema(Schema):
    note = FreeText(max_length=40, required=True)


def test_free_text_is_trimmed() -> None:
    assert _NoteSchema().load({"note": "  said so  "}) == {"note": "said so"}


@pytest.mark.parametrize("note", ["", "   ", "x" * 41, None, 7])
def test_free_text_that_says_nothing_or_too_much_is_refused(note: object) -> None:
    with pytest.raises(ma.ValidationError):
        _NoteSchema().load({"note": note})


def test_a_card_number_is_refused_without_repeating_it() -> None:
    with pytest.raises(ma.ValidationError) as refused:
        _NoteSchema().load({"note": f"card {VISA}"})

    assert refused.value.messages == {"note": [CARD_NUMBER_MESSAGE]}
