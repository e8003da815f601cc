from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.payments.printable import is_printable, printable


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", ""),
        ("Testa Muñoz", "Testa Muñoz"),
        ("Mun\N{COMBINING TILDE}oz", "Muñoz"),
        ("Łęcka-Đặng", "Lecka-Dang"),
        ("“Fee” \N{EN DASH} 5 €…", '"Fee" - 5 EUR...'),
        ("\N{LATIN SMALL LIGATURE FI}ne", "fine"),
        ("王", "[U+738B]"),
        ("two\nlines\x00\N{RIGHT-TO-LEFT OVERRIDE}", "two lines  "),
    ],
)
def test_text_is_printed_in_the_letters_there_are(text: str, printed: str) -> None:
    assert printable(text) == printed


@given(st.text(max_size=40))
def test_any_text_can_be_printed_and_nothing_is_left_out(text: str) -> None:
    printed = printable(text)

    printed.encode("latin-1")
    assert printed.isprintable() or "\xa0" in printed or "\xad" in printed
    assert not text or printed


def test_what_could_not_be_printed_is_known() -> None:
    assert is_printable("Testa Łęcka")
    assert not is_printable("王")
