"""Every example of RFC 7515, 7638, 8037, 9449 and of the attestation draft, with its result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from backend.proof import jws
from backend.proof.access_token import token_hash
from backend.proof.jws import Jws
from backend.proof.refusal import ProofRefusal
from backend.proof.thumbprint import p256_jwk, public_key_of, thumbprint
from tests.backend.proof.forge import STRANGER, un_b64

FILE = Path(__file__).parents[2] / "data" / "rfc" / "rfc_examples.json"
EXAMPLES: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
DPOP_HEADER = frozenset({"typ", "alg", "jwk"})
OTHER_KEY = STRANGER.public_key()


def examples_with(member: str) -> list[Any]:
    found = [example for example in EXAMPLES if member in example]
    return [pytest.param(e, id=f"{e['source']} {i}") for i, e in enumerate(found)]


def signed_by(text: str, jwk: object, *, typ: str | None, members: set[str]) -> Jws:
    """The parsed JWS, after its key, and no other, has verified it."""
    parsed = jws.parse(text, max_chars=4096, typ=typ, header_members=frozenset(members))
    assert isinstance(parsed, Jws), parsed
    public = p256_jwk(jwk)
    assert public is not None
    key = public_key_of(public)
    assert key is not None
    assert jws.verifies(parsed, key)
    assert not jws.verifies(parsed, OTHER_KEY)
    return parsed


def test_the_file_holds_all_nine_examples() -> None:
    assert len(EXAMPLES) == 9
    assert sum("signature_valid" in example for example in EXAMPLES) == 5


@pytest.mark.parametrize("example", examples_with("jwt"))
def test_dpop_examples_verify(example: dict[str, Any]) -> None:
    jwk = example["header"]["jwk"]

    parsed = signed_by(example["jwt"], jwk, typ="dpop+jwt", members=set(DPOP_HEADER))

    assert parsed.header == example["header"]
    assert parsed.claims == example["claims"]
    assert thumbprint(jwk) == example["jkt"]


@pytest.mark.parametrize("example", examples_with("jws"))
def test_the_jws_example_verifies(example: dict[str, Any]) -> None:
    parsed = signed_by(example["jws"], example["jwk"], typ=None, members={"alg"})

    assert parsed.claims["iss"] == "joe"
    assert thumbprint(example["jwk"]) == example["jkt"]


@pytest.mark.parametrize("example", [p for p in examples_with("jkt") if "jwk" in p.values[0]])
def test_thumbprint_examples_come_out(example: dict[str, Any]) -> None:
    assert thumbprint(example["jwk"]) == example["jkt"]
    assert thumbprint(example["jwk"] | {"use": "sig", "kid": "x"}) == example["jkt"]


@pytest.mark.parametrize("example", examples_with("ath"))
def test_the_token_hash_example_comes_out(example: dict[str, Any]) -> None:
    assert token_hash(example["access_token"]) == example["ath"]


@pytest.mark.parametrize("example", examples_with("client_attestation"))
def test_the_attestation_examples_verify(example: dict[str, Any]) -> None:
    """The key that the attestation confirms signs the proof; the attester's own is not given."""
    attestation = jws.parse(
        example["client_attestation"],
        max_chars=4096,
        typ="oauth-client-attestation+jwt",
        header_members=frozenset({"typ", "alg", "kid"}),
    )
    assert isinstance(attestation, Jws)
    confirmed = cast("dict[str, dict[str, str]]", attestation.claims["cnf"])["jwk"]
    del confirmed["use"]

    pop = signed_by(
        example["client_attestation_pop"],
        confirmed,
        typ="oauth-client-attestation-pop+jwt",
        members={"typ", "alg"},
    )

    assert pop.claims["aud"] == "https://as.example.com"


@pytest.mark.parametrize("example", examples_with("jwt"))
def test_no_bit_of_an_examples_signature_may_differ(example: dict[str, Any]) -> None:
    head, _, signature = example["jwt"].rpartition(".")
    key = public_key_of(example["header"]["jwk"])
    assert key is not None
    assert len(un_b64(signature)) == 64

    for index in range(len(signature) - 1):
        other = "A" if signature[index] != "A" else "B"
        changed = f"{head}.{signature[:index]}{other}{signature[index + 1 :]}"
        parsed = jws.parse(changed, max_chars=4096, typ="dpop+jwt", header_members=DPOP_HEADER)
        assert isinstance(parsed, Jws)
        assert not jws.verifies(parsed, key)


@pytest.mark.parametrize("missing", ["kty", "crv", "x", "y"])
def test_a_thumbprint_needs_every_required_member(missing: str) -> None:
    jwk = dict(examples_with("jwt")[0].values[0]["header"]["jwk"])
    del jwk[missing]

    with pytest.raises(KeyError):
        thumbprint(jwk)


def test_a_key_of_unknown_type_has_no_thumbprint() -> None:
    with pytest.raises(KeyError):
        thumbprint({"kty": "oct", "k": "AAAA"})


def test_an_example_is_refused_where_another_type_is_expected() -> None:
    text = examples_with("jwt")[0].values[0]["jwt"]

    parsed = jws.parse(text, max_chars=4096, typ="at+jwt", header_members=DPOP_HEADER)

    assert parsed is ProofRefusal.WRONG_TYP
