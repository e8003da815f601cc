"""A new key proves that its holder has it, and answers the challenge."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.proof.digest import content_digest
from backend.proof.dpop import NewKey
from backend.proof.refusal import ProofRefusal as R
from backend.proof.refusal import Refused
from tests.backend.proof import forge
from tests.backend.proof.forge import (
    JKT,
    JWK,
    NONCES,
    NOW,
    PHONE,
    STRANGER,
    Attempt,
    asking,
    good_claims,
)

DEVICES = "https://connectrex.test/v1/devices"
CHALLENGE = forge.b64(bytes(range(32)))
BODY = b'{"platform":"web"}'
DIGEST = content_digest(BODY)


def enrolment(**changes: object) -> Attempt:
    """The proof of a new key, right but for `changes`."""
    claims = {
        "htu": DEVICES,
        "nonce": CHALLENGE,
        "cd": DIGEST,
        "ath": ...,
        "location": ...,
        "fix": ...,
    } | changes
    request = asking(url=DEVICES, body=BODY, content_digest=DIGEST, authorization=None)
    return replace(Attempt(claims=good_claims(**claims)), request=request)


def test_a_new_key_answers_its_challenge() -> None:
    verdict = enrolment().enrolment_verdict(CHALLENGE)

    assert isinstance(verdict, NewKey)
    assert verdict.jkt == JKT
    assert verdict.public_key == PHONE.public_key()


@pytest.mark.parametrize(
    ("reason", "attempt", "challenge"),
    [
        (R.WRONG_CHALLENGE, enrolment(), None),
        (R.WRONG_CHALLENGE, enrolment(), forge.b64(bytes(32))),
        (R.WRONG_CHALLENGE, enrolment(), ""),
        (R.WRONG_CHALLENGE, enrolment(nonce=...), CHALLENGE),
        (R.WRONG_CHALLENGE, enrolment(nonce=None), CHALLENGE),
        (R.WRONG_CHALLENGE, enrolment(nonce=CHALLENGE[:-1]), CHALLENGE),
        (R.WRONG_CHALLENGE, enrolment(nonce="é" * 43), CHALLENGE),
        (R.WRONG_CHALLENGE, enrolment(nonce=NONCES.issue(jkt=JKT, now=NOW)), CHALLENGE),
        (R.WRONG_SIGNATURE, replace(enrolment(), signed_by=STRANGER), CHALLENGE),
        (R.WRONG_METHOD, enrolment(htm="PUT"), CHALLENGE),
        (R.WRONG_URL, enrolment(htu=forge.FIXES), CHALLENGE),
        (R.DIGEST_MISSING, enrolment(cd=...), CHALLENGE),
        (R.WRONG_DIGEST, enrolment(cd=content_digest(b"")), CHALLENGE),
        (R.BAD_JTI, enrolment(jti=""), CHALLENGE),
        (R.MISSING, replace(enrolment(), proof=None), CHALLENGE),
    ],
)
def test_a_wrong_enrolment_is_refused_by_name(
    reason: R, attempt: Attempt, challenge: str | None
) -> None:
    verdict = attempt.enrolment_verdict(challenge)

    assert isinstance(verdict, Refused)
    assert verdict.reason is reason


def test_a_point_beside_the_curve_is_no_key() -> None:
    beside = JWK | {"y": forge.b64(b"\x01" * 32)}
    attempt = replace(enrolment(), header={"typ": "dpop+jwt", "alg": "ES256", "jwk": beside})

    verdict = attempt.enrolment_verdict(CHALLENGE)

    assert isinstance(verdict, Refused)
    assert verdict.reason is R.WRONG_JWK
