"""Only the old key's own word, for this challenge and this new key, lets another follow it."""

from __future__ import annotations

from typing import Any

import pytest

from backend.proof.key_change import MAX_CHARS, is_key_change
from tests.backend.proof import forge
from tests.backend.proof.forge import JKT, PHONE, STRANGER

CHALLENGE = forge.b64(bytes(range(32)))
NEW_JKT = forge.b64(bytes(32))
HEADER = {"typ": "key-change+jwt", "alg": "ES256", "kid": JKT}
CLAIMS = {"challenge": CHALLENGE, "new_jkt": NEW_JKT}


def holds(text: str) -> bool:
    return is_key_change(
        text, challenge=CHALLENGE, old_jkt=JKT, new_jkt=NEW_JKT, key=PHONE.public_key()
    )


def test_the_old_key_signs_over() -> None:
    assert holds(forge.compact(HEADER, CLAIMS, PHONE))


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": "dpop+jwt"}, {}),
        ({"typ": "JWT"}, {}),
        ({"alg": "none"}, {}),
        ({"kid": NEW_JKT}, {}),
        ({"kid": None}, {}),
        ({"jwk": forge.JWK}, {}),
        ({}, {"challenge": forge.b64(bytes(32))}),
        ({}, {"challenge": None}),
        ({}, {"new_jkt": JKT}),
        ({}, {"new_jkt": [NEW_JKT]}),
        ({}, {"more": 1}),
    ],
)
def test_any_other_word_is_refused(header: dict[str, Any], claims: dict[str, Any]) -> None:
    assert not holds(forge.compact(HEADER | header, CLAIMS | claims, PHONE))


def test_the_new_key_cannot_speak_for_the_old_one() -> None:
    assert not holds(forge.compact(HEADER, CLAIMS, STRANGER))


@pytest.mark.parametrize("text", ["", "a.b.c", "é", "." * MAX_CHARS, "a" * (MAX_CHARS + 1)])
def test_what_is_no_jws_is_refused(text: str) -> None:
    assert not holds(text)
