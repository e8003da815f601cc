"""Access tokens: what they say, who may read them, what else is none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest

from backend.proof.access_token import TOKEN_LIFE, AccessToken, AccessTokens
from backend.proof.refusal import ProofRefusal
from backend.proof.server_keys import ServerKeys
from tests.backend.proof.forge import (
    ACTIVATION,
    JKT,
    NOW,
    PHONE,
    SERVER,
    SUBJECT,
    TOKENS,
    compact,
    pem,
    token,
)

HEADER = {"typ": "at+jwt", "alg": "ES256", "kid": TOKENS.keys.signing_kid}
CLAIMS: dict[str, Any] = {
    "iss": TOKENS.issuer,
    "aud": TOKENS.audience,
    "sub": str(SUBJECT),
    "client_id": JKT,
    "act": str(ACTIVATION),
    "al": "software",
    "cnf": {"jkt": JKT},
    "iat": int(NOW.timestamp()),
    "exp": int((NOW + TOKEN_LIFE).timestamp()),
    "jti": "token-1",
}


def signed(**changes: Any) -> str:
    """A token of the server's own key, right but for `changes`; `...` leaves a claim out."""
    claims = CLAIMS | changes
    return compact(HEADER, {k: v for k, v in claims.items() if v is not ...}, SERVER)


def test_what_was_issued_is_read() -> None:
    assert TOKENS.read(token()) == AccessToken(
        subject=SUBJECT,
        activation=ACTIVATION,
        assurance="software",
        jkt=JKT,
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
        jti="token-1",
    )
    assert TOKENS.read(signed()) == TOKENS.read(token())


def test_another_implementation_reads_it() -> None:
    claims = jwt.decode(
        token(),
        SERVER.public_key(),
        algorithms=["ES256"],
        audience=TOKENS.audience,
        issuer=TOKENS.issuer,
        options={"verify_exp": False, "verify_iat": False},
    )

    assert claims == CLAIMS
    assert jwt.get_unverified_header(token()) == HEADER


def test_the_same_facts_give_the_same_token() -> None:
    assert token() == token()


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": ...},
        {"sub": 1},
        {"sub": "someone"},
        {"sub": str(SUBJECT).upper()},
        {"sub": f"{{{SUBJECT}}}"},
        {"act": ...},
        {"act": None},
        {"al": ...},
        {"al": 3},
        {"cnf": ...},
        {"cnf": JKT},
        {"cnf": {}},
        {"cnf": {"jkt": None}},
        {"iat": True},
        {"iat": ...},
        {"exp": 1e9},
        {"exp": ...},
        {"exp": 10**12},
        {"exp": None},
        {"jti": ...},
        {"jti": ""},
    ],
)
def test_a_token_of_ours_that_lacks_something_is_none(changes: dict[str, Any]) -> None:
    assert TOKENS.read(signed(**changes)) is ProofRefusal.TOKEN_MALFORMED


@pytest.mark.parametrize("changes", [{"iss": ...}, {"iss": None}, {"iss": [TOKENS.issuer]}])
def test_a_token_without_our_name_is_anothers(changes: dict[str, Any]) -> None:
    assert TOKENS.read(signed(**changes)) is ProofRefusal.TOKEN_ISSUER


@pytest.mark.parametrize("changes", [{"aud": ...}, {"aud": None}, {"aud": [TOKENS.audience]}])
def test_a_token_without_our_audience_is_for_another(changes: dict[str, Any]) -> None:
    assert TOKENS.read(signed(**changes)) is ProofRefusal.TOKEN_AUDIENCE


@pytest.mark.parametrize("text", ["", ".", "..", "x" * 3000, "é", "a.b.c"])
def test_nonsense_is_no_token(text: str) -> None:
    assert TOKENS.read(text) is ProofRefusal.TOKEN_MALFORMED


def test_a_receipt_is_no_token() -> None:
    other = compact(HEADER | {"typ": "fix-receipt+jwt"}, CLAIMS, SERVER)

    assert TOKENS.read(other) is ProofRefusal.TOKEN_MALFORMED


def test_a_token_of_the_older_key_is_still_read_and_new_ones_use_the_new() -> None:
    rotated = AccessTokens(
        issuer=TOKENS.issuer,
        audience=TOKENS.audience,
        keys=ServerKeys.from_pem(pem(PHONE) + pem(SERVER, public=True)),
    )

    assert isinstance(rotated.read(token()), AccessToken)
    assert isinstance(rotated.read(token(rotated)), AccessToken)
    assert TOKENS.read(token(rotated)) is ProofRefusal.TOKEN_SIGNATURE
