"""A phone, a server and the tools to make every proof that neither would make."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode as _lenient
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from backend.proof import dpop
from backend.proof.access_token import AccessTokens
from backend.proof.dpop import EnrolledKey, NewKey, Proof, SignedRequest
from backend.proof.nonce import Nonces
from backend.proof.refusal import ProofRefusal, Refused
from backend.proof.server_keys import ServerKeys
from backend.proof.thumbprint import jwk_of, thumbprint

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SUBJECT: Final = UUID("019c9d3e-0000-7000-8000-000000000001")
ACTIVATION: Final = UUID("019c9d3e-0000-7000-8000-000000000002")
FIXES: Final = "https://connectrex.test/v1/fixes"
GROUP_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key of its own."""
    return ec.generate_private_key(ec.SECP256R1())


PHONE: Final = new_key()
STRANGER: Final = new_key()
SERVER: Final = new_key()


def pem(key: Any, *, public: bool = False) -> bytes:
    """The key as operators keep it."""
    pkcs8 = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    text: bytes = (
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        if public
        else key.private_bytes(serialization.Encoding.PEM, *pkcs8)
    )
    return text


def server(key: ec.EllipticCurvePrivateKey = SERVER, **changes: str) -> AccessTokens:
    """The server's tokens, with other issuer or audience where the test says so."""
    names = {"issuer": "https://connectrex.test", "audience": "https://connectrex.test"} | changes
    return AccessTokens(keys=ServerKeys.from_pem(pem(key)), **names)


NONCES: Final = Nonces(root_secret=b"root secret of the tests, 32 byte")
TOKENS: Final = server()
JWK: Final = jwk_of(PHONE.public_key())
JKT: Final = thumbprint(JWK)
ENROLLED: Final = EnrolledKey(
    jkt=JKT, public_key=PHONE.public_key(), subject=SUBJECT, activation=ACTIVATION
)


def token(tokens: AccessTokens = TOKENS, **changes: Any) -> str:
    """A good access token of this phone, but for `changes`."""
    said: dict[str, Any] = {
        "subject": SUBJECT,
        "activation": ACTIVATION,
        "assurance": "software",
        "jkt": JKT,
        "jti": "token-1",
        "now": NOW,
    }
    return tokens.issue(**(said | changes))


TOKEN: Final = token()


def b64(data: bytes) -> str:
    """Base64url without padding, written independently of the code under test."""
    return urlsafe_b64encode(data).decode().replace("=", "")


def un_b64(text: str) -> bytes:
    """The bytes behind base64url, leniently."""
    return _lenient(text + "==")


def ath(text: str) -> str:
    """The hash of a token."""
    return b64(sha256(text.encode()).digest())


def raw_signature(signing_input: bytes, key: ec.EllipticCurvePrivateKey = PHONE) -> bytes:
    """ECDSA as JWS writes it: r and s of 32 bytes."""
    r, s = decode_dss_signature(key.sign(signing_input, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def compact(
    header: Mapping[str, Any] | bytes,
    claims: Mapping[str, Any] | bytes,
    key: ec.EllipticCurvePrivateKey = PHONE,
) -> str:
    """A JWS of exactly these bytes, rightly signed."""
    parts = [part if isinstance(part, bytes) else dump(part) for part in (header, claims)]
    signing_input = ".".join(map(b64, parts))
    return f"{signing_input}.{b64(raw_signature(signing_input.encode(), key))}"


def dump(members: Mapping[str, Any]) -> bytes:
    """The members as compact JSON; NaN and Infinity come out as Python writes them."""
    return json.dumps(members, separators=(",", ":")).encode()


def good_claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good live fix, but for `changes`; a change to `...` leaves the claim out."""
    claims = {
        "jti": "proof-1",
        "htm": "POST",
        "htu": FIXES,
        "iat": int(NOW.timestamp()),
        "ath": ath(TOKEN),
        "nonce": NONCES.issue(jkt=JKT, now=NOW),
        "eat_profile": "tag:connectrex.com,2026:supervised-location#1",
        "uptime": 3600,
        "bootcount": 7,
        "location": good_location(),
        "fix": good_fix(),
    } | changes
    return {name: value for name, value in claims.items() if value is not ...}


def good_location(**changes: Any) -> dict[str, Any]:
    """Where the phone is, but for `changes`."""
    location = {
        "latitude": 45.27,
        "longitude": 13.71,
        "accuracy": 8.1,
        "altitude": 211.15,
        "heading": 90.5,
        "speed": 1.4,
        "timestamp": int(NOW.timestamp()),
    } | changes
    return {name: value for name, value in location.items() if value is not ...}


def good_fix(**changes: Any) -> dict[str, Any]:
    """How the phone knows, but for `changes`."""
    fix = {
        "seq": 12,
        "mono": 3_600_000,
        "src": "gps",
        "hacc": [5.0, 68],
        "mock": False,
        "sats": 11,
        "cn0": 34.5,
    } | changes
    return {name: value for name, value in fix.items() if value is not ...}


REQUEST: Final = SignedRequest(
    method="POST", url=FIXES, body=b"", content_digest=None, authorization=f"DPoP {TOKEN}"
)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A request with its proof, right in everything unless `replace`d."""

    header: Mapping[str, Any] | bytes = field(
        default_factory=lambda: {"typ": "dpop+jwt", "alg": "ES256", "jwk": JWK}
    )
    claims: Mapping[str, Any] | bytes = field(default_factory=good_claims)
    signed_by: ec.EllipticCurvePrivateKey = PHONE
    proof: str | None = "signed"
    request: SignedRequest = REQUEST
    enrolled: EnrolledKey | None = ENROLLED
    nonces: Nonces = NONCES
    tokens: AccessTokens = TOKENS
    now: datetime = NOW

    def text(self) -> str | None:
        """The DPoP header."""
        if self.proof != "signed":
            return self.proof
        return compact(self.header, self.claims, self.signed_by)

    def verdict(self) -> Proof | Refused:
        """What the server makes of it."""
        opened = dpop.open_proof(self.text(), nonces=self.nonces, now=self.now)
        if isinstance(opened, Refused):
            return opened
        return dpop.verify_proof(
            opened,
            key=self.enrolled,
            request=self.request,
            read_token=self.tokens.read,
            now=self.now,
        )

    def enrolment_verdict(self, challenge: str | None) -> NewKey | Refused:
        """What the server makes of it as the proof of a new key."""
        opened = dpop.open_enrolment(self.text())
        if isinstance(opened, Refused):
            return opened
        return dpop.verify_enrolment(opened, challenge=challenge, request=self.request)


def proved(attempt: Attempt) -> Proof:
    """The proof, which must hold."""
    verdict = attempt.verdict()
    assert isinstance(verdict, Proof), verdict
    return verdict


def refusal(attempt: Attempt) -> ProofRefusal:
    """Why the proof, which must not hold, does not."""
    verdict = attempt.verdict()
    assert isinstance(verdict, Refused), "the proof was accepted"
    return verdict.reason


def asking(**changes: Any) -> SignedRequest:
    """The request for a live fix, but for `changes`."""
    return replace(REQUEST, **changes)
