"""Words and numbers of refusals."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.ids import new_id
from backend.location.refusals import (
    ADVICE,
    RefusalReason,
    advice,
    read_reference_number,
    reference_number,
)
from notifications.formats import Language
from tests.support.clocks import START


@pytest.mark.parametrize("text", ["", "7K3M", "7K3M-9QPD-X2VU", "7K3M-9QPD-X2VA-1", "é" * 12])
def test_what_is_no_reference_number_is_told_apart(text: str) -> None:
    assert read_reference_number(text) is None


@pytest.mark.parametrize("language", list(Language))
def test_every_reason_has_words_in_every_language(language: Language) -> None:
    assert set(ADVICE[language]) == set(RefusalReason)
    assert all(words.what and words.what_to_do for words in ADVICE[language].values())


def test_no_two_reasons_read_alike() -> None:
    for words in ADVICE.values():
        assert len({item.what for item in words.values()}) == len(RefusalReason)


def test_advice_is_in_the_language_of_the_person() -> None:
    english = advice(RefusalReason.SUSPENDED_DEVICE, Language.ENGLISH)
    spanish = advice(RefusalReason.SUSPENDED_DEVICE, Language.SPANISH)

    assert (english.what_to_do, spanish.what_to_do) == ("Call your officer.", "Llame a su oficial.")


def test_a_reference_number_is_three_groups_of_four() -> None:
    number = reference_number(UUID("0195577a-a400-7000-8fff-ffffffffff20"))

    assert number == "ZZZZ-ZZZZ-ZZS0"


@given(st.uuids())
def test_a_reference_number_is_read_back_however_it_was_written(refusal_id: UUID) -> None:
    number = reference_number(refusal_id)

    assert read_reference_number(number) == number
    spoken = number.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert read_reference_number(spoken) == number


def test_refusals_of_one_instant_have_numbers_of_their_own() -> None:
    numbers = {reference_number(new_id(START)) for _ in range(1000)}

    assert len(numbers) == 1000
