"""Whatever is sent: an answer, never an exception, never an acceptance, never a long wait."""

from __future__ import annotations

import string
from dataclasses import replace
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.proof import base64url, strict_json
from backend.proof.dpop import Proof
from backend.proof.refusal import ProofRefusal, Refused
from tests.backend.proof.forge import (
    JWK,
    TOKENS,
    Attempt,
    b64,
    compact,
    good_claims,
    good_fix,
    good_location,
)

HEADER = {"typ": "dpop+jwt", "alg": "ES256", "jwk": JWK}
GOOD = compact(HEADER, good_claims())
TWIN_FREE = GOOD.rpartition(".")[0]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(text=st.text(max_size=200) | st.text(string.ascii_letters + "._-=", max_size=200))
def test_no_text_is_a_proof(text: str) -> None:
    assert isinstance(Attempt(proof=text).verdict(), Refused)
    assert isinstance(TOKENS.read(text), ProofRefusal)


@given(header=st.binary(max_size=60), claims=st.binary(max_size=60))
def test_no_signed_bytes_are_a_proof(header: bytes, claims: bytes) -> None:
    assert isinstance(Attempt(header=header).verdict(), Refused)
    assert isinstance(Attempt(claims=claims).verdict(), Refused)
    assert isinstance(TOKENS.read(compact(header, claims)), ProofRefusal)


@given(
    position=st.integers(min_value=0, max_value=len(GOOD) - 1),
    put=st.characters(codec="utf-8") | st.text(max_size=3),
)
def test_no_changed_character_leaves_a_proof(position: int, put: str) -> None:
    changed = GOOD[:position] + put + GOOD[position + 1 :]

    verdict = Attempt(proof=changed).verdict()

    assert isinstance(verdict, Refused) or changed == GOOD


@given(start=st.integers(0, len(GOOD)), length=st.integers(1, 40), data=st.data())
def test_no_cut_or_repeated_piece_leaves_a_proof(start: int, length: int, data: Any) -> None:
    piece = GOOD[start : start + length]
    repeated = data.draw(st.booleans())
    changed = GOOD[:start] + piece * (2 * repeated) + GOOD[start + length :]

    verdict = Attempt(proof=changed).verdict()

    assert isinstance(verdict, Refused) or changed == GOOD


@given(name=st.sampled_from([*HEADER, "crit", "d"]), value=anything)
def test_no_value_in_a_signed_header_breaks_the_reader(name: str, value: object) -> None:
    verdict = Attempt(header=HEADER | {name: value}).verdict()

    assert isinstance(verdict, Refused)


@given(name=st.sampled_from([*good_claims(), "cd", "journal", "unavailable"]), value=anything)
def test_no_value_of_a_signed_claim_breaks_the_reader(name: str, value: object) -> None:
    verdict = Attempt(claims=good_claims(**{name: value})).verdict()

    if isinstance(verdict, Proof):
        assert len(verdict.fix_digest()) == 32


@given(
    location=st.dictionaries(st.sampled_from([*good_location(), "x"]), anything),
    fix=st.dictionaries(st.sampled_from([*good_fix(), "clk"]), anything),
)
def test_no_member_of_a_signed_location_breaks_the_reader(
    location: dict[str, object], fix: dict[str, object]
) -> None:
    claims = good_claims(location=good_location() | location, fix=good_fix() | fix)

    verdict = Attempt(claims=claims).verdict()

    if isinstance(verdict, Proof):
        assert len(verdict.fix_digest()) == 32


@given(body=st.binary(max_size=20), digest=st.none() | st.text(max_size=60), cd=anything)
def test_no_body_passes_without_its_digest(body: bytes, digest: str | None, cd: object) -> None:
    attempt = Attempt(claims=good_claims(cd=cd))

    verdict = replace(
        attempt, request=replace(attempt.request, body=body or b"x", content_digest=digest)
    ).verdict()

    assert isinstance(verdict, Refused)


@given(authorization=st.text(max_size=60) | st.text(max_size=60).map("DPoP {}".format))
def test_no_other_authorization_passes(authorization: str) -> None:
    attempt = Attempt()

    verdict = replace(
        attempt, request=replace(attempt.request, authorization=authorization)
    ).verdict()

    assert isinstance(verdict, Refused)


ROOM = 2600
HOSTILE = {
    "arrays in arrays": b"[" * ROOM,
    "objects in objects": b'{"a":' * (ROOM // 5),
    "many digits": b'{"a":' + b"9" * ROOM + b"}",
    "many decimals": b'{"a":0.' + b"9" * ROOM + b"}",
    "long exponent": b'{"a":1e' + b"9" * ROOM + b"}",
    "many members": b"{" + b",".join(b'"%d":0' % i for i in range(ROOM // 8)) + b"}",
    "one member many times": b"{" + b",".join([b'"a":0'] * (ROOM // 6)) + b"}",
    "escapes": b'{"a":"' + rb"\u0000" * (ROOM // 6) + b'"}',
    "backslashes": b'{"a":"' + b"\\" * ROOM,
    "quotes": b'"' * ROOM,
    "blanks": b" " * ROOM,
    "brackets in a text": b'{"a":"' + b"[" * ROOM + b'"}',
}


@pytest.mark.parametrize("claims", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_claims_take_no_time(claims: bytes) -> None:
    """A good proof takes 0.2 ms; 20 ms leave room for a slow machine, not for a quadratic loop."""
    attempt = Attempt(proof=compact(HEADER, claims))
    spent = []
    for _ in range(3):
        before = process_time()
        verdict = attempt.verdict()
        spent.append(process_time() - before)

        assert isinstance(verdict, Refused)
    assert min(spent) < 0.02


@pytest.mark.parametrize(
    "text",
    ["." * 4096, "A" * 4096, "A." * 2048, "-" * 4000 + ".A." + "A" * 86, "," * 10_000_000],
)
def test_hostile_texts_take_no_time(text: str) -> None:
    before = process_time()

    verdict = Attempt(proof=text).verdict()

    assert isinstance(verdict, Refused)
    assert process_time() - before < 0.02


def test_digits_beyond_what_python_converts_are_not_json() -> None:
    answer = strict_json.read_object(b'{"a":' + b"9" * 5000 + b"}", max_containers=2)

    assert answer is ProofRefusal.NOT_JSON


def test_depth_beyond_pythons_own_limit_is_not_json() -> None:
    answer = strict_json.read_object(b"[" * 200_000, max_containers=200_000)

    assert answer is ProofRefusal.NOT_JSON


@given(data=st.binary(max_size=40))
def test_bytes_have_one_text(data: bytes) -> None:
    assert base64url.decode(b64(data)) == data
    assert base64url.encode(data) == b64(data)


@given(text=st.text(string.ascii_letters + string.digits + "-_+/=", max_size=12))
def test_a_text_is_read_only_if_it_is_the_one_of_its_bytes(text: str) -> None:
    data = base64url.decode(text)

    assert data is None or b64(data) == text
