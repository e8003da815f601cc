from __future__ import annotations

import pytest

from backend.core.errors import Code, Problem
from backend.identity import passwords
from tests.support.identity import PASSWORD


@pytest.mark.parametrize("password", ["", "fourteen chars", "aaaaaaaaaaaaaaaaaaaa", "x" * 257])
def test_a_weak_password_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(Problem) as refused:
        passwords.hash_password(password)

    assert refused.value.code is Code.INVALID_REQUEST
    assert refused.value.pointer == "/password"
    assert not password or password not in str(refused.value)


def test_nothing_matches_the_decoy_or_garbage() -> None:
    assert not passwords.matches(passwords.DECOY, PASSWORD)
    assert not passwords.matches(passwords.DECOY, "")
    assert not passwords.matches("not a hash", PASSWORD)


def test_the_decoy_costs_what_a_password_costs() -> None:
    real = passwords.hash_password(PASSWORD)

    assert passwords.DECOY.split("$")[:4] == real.split("$")[:4]
    assert len(passwords.DECOY) == len(real)


def test_a_password_matches_however_the_keyboard_composes_it() -> None:
    kept = passwords.hash_password("Contrase\u00f1a segura 1")

    assert passwords.matches(kept, "Contrasen\u0303a segura 1")
    assert not passwords.matches(kept, "Contrasena segura 1")


def test_the_same_password_is_kept_differently_each_time() -> None:
    assert passwords.hash_password(PASSWORD) != passwords.hash_password(PASSWORD)
