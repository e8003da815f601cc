"""DPoP proofs as a phone makes them: an implementation apart from the server's, on purpose.

Only so do the tests show that the written protocol suffices, and not one module's habits.
"""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


class ProofKey:
    """A P-256 key that signs proofs; `jkt` is its RFC 7638 thumbprint."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        point = self._key.public_key().public_numbers()
        x, y = (base64url(coordinate.to_bytes(32)) for coordinate in (point.x, point.y))
        self.jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        named = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
        self.jkt = base64url(sha256(named.encode()).digest())

    def sign(self, claims: Mapping[str, object]) -> str:
        """A DPoP proof of exactly these claims."""
        return self._sign({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk}, claims)

    def sign_journal(self, claims: Mapping[str, object]) -> str:
        """A journal token of exactly these claims."""
        return self._sign({"typ": "eat+jwt", "alg": "ES256", "kid": self.jkt}, claims)

    def sign_over(self, challenge: str, new_jkt: str) -> str:
        """This key's word that another one follows it."""
        header = {"typ": "key-change+jwt", "alg": "ES256", "kid": self.jkt}
        return self._sign(header, {"challenge": challenge, "new_jkt": new_jkt})

    def offer_presence(self, challenge: str, jkt: str) -> str:
        """This key's word that it is the presence key of the phone whose key is `jkt`."""
        header = {"typ": "presence-key+jwt", "alg": "ES256", "jwk": self.jwk}
        return self._sign(header, {"challenge": challenge, "jkt": jkt})

    def sign_presence(self, challenge: str, check_in: str, jkt: str) -> str:
        """This key's word that somebody was at the phone for this check-in."""
        header = {"typ": "presence+jwt", "alg": "ES256", "kid": self.jkt}
        return self._sign(header, {"challenge": challenge, "check_in": check_in, "jkt": jkt})

    def _sign(self, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        signed = f"{base64url(compact_json(header))}.{base64url(compact_json(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"


def base64url(data: bytes) -> str:
    """The bytes as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def compact_json(members: Mapping[str, object]) -> bytes:
    """The members as JSON without blanks; ValueError for NaN."""
    return json.dumps(members, separators=(",", ":"), allow_nan=False).encode()


def token_hash(token: str) -> str:
    """The `ath` of an access token (RFC 9449)."""
    return base64url(sha256(token.encode()).digest())


def content_digest(body: bytes) -> str:
    """The Content-Digest of a body (RFC 9530)."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def server_time_ms(nonce: str) -> int:
    """The server's time in one of its nonces, in milliseconds since 1970."""
    return int.from_bytes(urlsafe_b64decode(nonce + "==")[1:7])
