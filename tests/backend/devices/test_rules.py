"""The pure rules: codes, levels, states."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.devices.assurance import Assurance, Platform, granted
from backend.devices.enrolment_code import new_challenge, new_code, read_code
from backend.devices.key_state import ENROLLED_STATES, KeyState, may_become
from backend.identity.policy import ASSURANCE_LEVELS

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KEY = bytes(32)


def test_a_code_is_ten_digits_none_of_which_is_mistaken_for_another() -> None:
    shown = [new_code().shown() for _ in range(500)]

    assert {tuple(map(len, code.split("-"))) for code in shown} == {(5, 5)}
    assert set("".join(shown)) == {*DIGITS, "-"}
    assert not set(DIGITS) & set("ILOU")


@pytest.mark.parametrize("text", ["7k3m9qpdo1", "7K3M9-QPDOI", "7k3m-9qp-dol", " 7K3M9 QPD01 "])
def test_a_code_is_read_as_it_is_misread_and_grouped(text: str) -> None:
    code = read_code(text)

    assert code is not None
    assert code.shown() == "7K3M9-QPD01"


@pytest.mark.parametrize("text", ["", "7K3M9", "7K3M9-QPDXU", "7K3M9-QPDX2-1", "\u0667K3M9-QPDX2"])
def test_what_is_no_code_is_told_apart(text: str) -> None:
    assert read_code(text) is None


@given(st.text(max_size=40))
def test_any_text_is_a_code_or_none(text: str) -> None:
    code = read_code(text)

    assert code is None or read_code(code.shown()) == code


@given(st.text(DIGITS, min_size=10, max_size=10))
def test_a_code_is_read_however_a_person_writes_it(digits: str) -> None:
    spoken = " ".join(digits).lower().replace("0", "o").replace("1", "i")

    code = read_code(spoken)

    assert code is not None
    assert code.selector + code.secret == digits


def test_codes_and_challenges_do_not_repeat() -> None:
    assert len({new_code().shown() for _ in range(500)}) == 500
    assert len({new_challenge() for _ in range(500)}) == 500
    assert {len(new_challenge()) for _ in range(20)} == {43}


def test_a_code_opens_with_its_own_secret_selector_and_key_only() -> None:
    code, other = read_code("AAAA-BBBBBB"), read_code("CCCC-BBBBBB")
    assert code is not None
    assert other is not None
    kept = code.secret_hash(KEY)

    assert code.opens(kept, KEY)
    assert not other.opens(kept, KEY)
    assert not code.opens(kept, b"\x01" * 32)


def test_a_secret_is_in_no_repr() -> None:
    code = read_code("AAAA-BBBBBB")

    assert "BBBBBB" not in repr(code)


def test_levels_are_those_of_the_agencys_policy_in_their_order() -> None:
    assert [level.value for level in Assurance] == list(ASSURANCE_LEVELS)


def test_a_level_meets_itself_and_what_is_below_only() -> None:
    order = list(Assurance)

    for level, least in product(order, order):
        assert level.meets(least) is (order.index(level) >= order.index(least))


def test_without_evidence_no_device_is_more_than_software_or_web() -> None:
    levels = {platform: granted(platform) for platform in Platform}

    assert levels == {
        Platform.ANDROID: Assurance.SOFTWARE,
        Platform.IOS: Assurance.SOFTWARE,
        Platform.WEB: Assurance.WEB,
    }


def test_only_a_suspension_is_ever_undone() -> None:
    steps = {(old, new) for old, new in product(KeyState, KeyState) if may_become(old, new)}

    ended = set(KeyState) - ENROLLED_STATES
    assert not {old for old, _ in steps} & ended
    assert (KeyState.SUSPENDED, KeyState.ACTIVE) in steps
    assert all(old is not new for old, new in steps)
