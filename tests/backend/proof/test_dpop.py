"""What a good proof says, and what it may leave out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256

import pytest

from backend.proof import dpop
from backend.proof.claims import JournalRef, LocationClaim, Unavailable
from backend.proof.digest import content_digest
from backend.proof.dpop import OpenedProof, Proof
from backend.proof.members import ClaimProblem, MalformedClaim
from backend.proof.nonce import NONCE_LIFE
from backend.proof.refusal import ProofRefusal, Refused
from tests.backend.proof import forge
from tests.backend.proof.forge import (
    ACTIVATION,
    ENROLLED,
    JKT,
    NONCES,
    NOW,
    STRANGER,
    SUBJECT,
    TOKENS,
    Attempt,
    asking,
    good_claims,
    good_fix,
    good_location,
    proved,
)


def test_a_live_fix_comes_out_as_values() -> None:
    proof = proved(Attempt())

    assert (proof.jkt, proof.subject, proof.activation) == (JKT, SUBJECT, ACTIVATION)
    assert (proof.jti, proof.iat) == ("proof-1", int(NOW.timestamp()))
    assert proof.nonce_issued_at == NOW
    assert isinstance(proof.location, LocationClaim)
    assert proof.location.latitude == 45.27
    assert (proof.uptime_s, proof.bootcount, proof.journal) == (3600, 7, None)
    assert proof.token is not None
    assert proof.token.assurance == "software"


def test_the_text_is_kept_as_received_and_its_signed_bytes_have_a_digest() -> None:
    text = forge.compact(
        {"typ": "dpop+jwt", "alg": "ES256", "jwk": forge.JWK}, good_claims(), forge.PHONE
    )

    proof = proved(Attempt(proof=text))

    assert proof.text == text
    assert proof.digest == sha256(text.rpartition(".")[0].encode()).digest()


def test_a_proof_without_location_says_nothing_of_it() -> None:
    proof = proved(Attempt(claims=good_claims(location=..., fix=..., eat_profile=...)))

    assert (proof.location, proof.fix) == (None, None)


def test_a_phone_without_a_fix_says_why() -> None:
    proof = proved(
        Attempt(claims=good_claims(location=..., fix=..., unavailable="PERMISSION_DENIED"))
    )

    assert proof.location is Unavailable.PERMISSION_DENIED


def test_a_badly_formed_location_is_the_gates_business_and_the_proof_holds() -> None:
    proof = proved(Attempt(claims=good_claims(location=good_location(latitude=True))))

    assert proof.location == MalformedClaim(
        member="location.latitude", problem=ClaimProblem.WRONG_TYPE
    )


def test_the_last_journal_token_is_named_by_number_and_hash() -> None:
    proof = proved(Attempt(claims=good_claims(journal={"n": 3, "h": forge.b64(b"\x07" * 32)})))

    assert proof.journal == JournalRef(n=3, digest=b"\x07" * 32)


@pytest.mark.parametrize("body", [b"{}", b'{"answer":"yes"}', b"\x00" * 100_000])
def test_a_body_is_covered_by_its_digest(body: bytes) -> None:
    attempt = replace(
        Attempt(claims=good_claims(cd=content_digest(body))),
        request=asking(body=body, content_digest=content_digest(body)),
    )

    assert proved(attempt).jti == "proof-1"


def test_the_digest_of_an_empty_body_may_be_stated() -> None:
    empty = content_digest(b"")

    assert proved(replace(Attempt(claims=good_claims(cd=empty)), request=asking()))
    assert proved(
        replace(Attempt(claims=good_claims(cd=empty)), request=asking(content_digest=empty))
    )


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    attempt = replace(Attempt(), request=asking(authorization=f"{scheme} {forge.TOKEN}"))

    assert proved(attempt)


def test_the_phones_own_clock_judges_nothing() -> None:
    assert proved(Attempt(claims=good_claims(iat=0))).iat == 0
    assert proved(Attempt(claims=good_claims(iat=2**53 - 1)))


def test_a_nonce_is_good_until_its_life_ends() -> None:
    almost = NOW + NONCE_LIFE - timedelta(milliseconds=1)

    assert proved(replace(Attempt(), now=almost)).nonce_issued_at == NOW
    verdict = replace(Attempt(), now=NOW + NONCE_LIFE).verdict()
    assert verdict == Refused(reason=ProofRefusal.NONCE_STALE, jkt=JKT)


def test_the_table_is_not_needed_until_the_nonce_holds() -> None:
    opened = dpop.open_proof(Attempt().text(), nonces=NONCES, now=NOW)

    assert isinstance(opened, OpenedProof)
    assert (opened.jkt, opened.jti, opened.nonce_issued_at) == (JKT, "proof-1", NOW)


def test_a_cached_token_still_expires_and_still_belongs_to_one_phone() -> None:
    cached = lru_cache(maxsize=8)(TOKENS.read)
    opened = dpop.open_proof(Attempt().text(), nonces=NONCES, now=NOW)
    assert isinstance(opened, OpenedProof)

    def verdict(after: timedelta) -> Proof | Refused:
        return dpop.verify_proof(
            opened, key=ENROLLED, request=asking(), read_token=cached, now=NOW + after
        )

    assert isinstance(verdict(timedelta()), Proof)
    assert isinstance(verdict(timedelta(minutes=14, seconds=59)), Proof)
    assert cached.cache_info().hits == 1
    late = verdict(timedelta(minutes=15))
    assert late == Refused(reason=ProofRefusal.TOKEN_EXPIRED, jkt=JKT)


def test_a_device_proves_itself_without_a_token() -> None:
    attempt = Attempt(claims=good_claims(ath=..., location=..., fix=...))
    opened = dpop.open_proof(attempt.text(), nonces=NONCES, now=NOW)
    assert isinstance(opened, OpenedProof)

    verdict = dpop.verify_key(opened, key=ENROLLED, request=asking(authorization=None))

    assert isinstance(verdict, Proof)
    assert (verdict.activation, verdict.token) == (ACTIVATION, None)


@pytest.mark.parametrize(
    ("reason", "attempt"),
    [
        (ProofRefusal.UNKNOWN_KEY, replace(Attempt(), enrolled=None)),
        (ProofRefusal.UNKNOWN_KEY, replace(Attempt(), enrolled=replace(ENROLLED, jkt="other"))),
        (ProofRefusal.WRONG_SIGNATURE, replace(Attempt(), signed_by=STRANGER)),
        (ProofRefusal.WRONG_METHOD, Attempt(claims=good_claims(htm="GET"))),
        (ProofRefusal.WRONG_URL, Attempt(claims=good_claims(htu="https://connectrex.test"))),
        (ProofRefusal.DIGEST_MISSING, replace(Attempt(), request=asking(body=b"x"))),
        (ProofRefusal.WRONG_PROFILE, Attempt(claims=good_claims(eat_profile=1))),
        (ProofRefusal.BAD_UPTIME, Attempt(claims=good_claims(uptime="1"))),
    ],
)
def test_a_device_without_a_token_must_prove_everything_else(
    reason: ProofRefusal, attempt: Attempt
) -> None:
    opened = dpop.open_proof(attempt.text(), nonces=NONCES, now=NOW)
    assert isinstance(opened, OpenedProof)

    verdict = dpop.verify_key(opened, key=attempt.enrolled, request=attempt.request)

    assert verdict == Refused(reason=reason, jkt=JKT)


def test_requests_that_share_a_fix_name_the_same_fix() -> None:
    sent = proved(Attempt())
    shared = proved(Attempt(claims=good_claims(jti="proof-2")))

    assert sent.fix_digest() == shared.fix_digest()
    assert sent.digest != shared.digest


def test_the_order_of_members_does_not_make_another_fix() -> None:
    turned = dict(reversed(good_location().items()))

    assert proved(Attempt(claims=good_claims(location=turned))).fix_digest() == (
        proved(Attempt()).fix_digest()
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"location": good_location(latitude=45.2700001)},
        {"location": good_location(note="x")},
        {"location": ...},
        {"fix": good_fix(seq=13)},
        {"fix": good_fix(mock=True)},
        {"fix": good_fix(note="\ud800")},
    ],
)
def test_other_content_is_another_fix(changes: dict[str, object]) -> None:
    other = proved(Attempt(claims=good_claims(**changes)))

    assert other.fix_digest() != proved(Attempt()).fix_digest()


@pytest.mark.parametrize(
    "claims",
    [
        {"fix": good_fix(hacc=[5, 68])},
        {"fix": good_fix(hacc=[5.0, 68.0])},
    ],
)
def test_a_number_written_otherwise_is_the_same_fix(claims: dict[str, object]) -> None:
    rewritten = proved(Attempt(claims=good_claims(**claims)))

    assert rewritten.fix_digest() == proved(Attempt()).fix_digest()


def test_minus_zero_is_zero() -> None:
    digests = {
        proved(Attempt(claims=good_claims(location=good_location(longitude=zero)))).fix_digest()
        for zero in (0, 0.0, -0.0)
    }

    assert len(digests) == 1
