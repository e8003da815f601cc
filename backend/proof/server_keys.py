"""The keys with which the server signs tokens and receipts, and the older ones it still knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from backend.proof.thumbprint import jwk_of, thumbprint

_KEY_BLOCK = re.compile(
    rb"-----BEGIN [A-Z ]*(?:PRIVATE|PUBLIC) KEY-----[^-]+-----END [A-Z ]+-----", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKeys:
    """One signing key, and every public key whose signatures are still good, by `kid`.

    A key's `kid` is its thumbprint. Keys are rotated by making the old one an older one: tokens
    live for minutes, receipts for years.
    """

    signing_key: ec.EllipticCurvePrivateKey = field(repr=False)
    signing_kid: str
    public_keys: Mapping[str, ec.EllipticCurvePublicKey]

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """The keys in a PEM file, one after the other: the first signs, all verify.

        The first is an unencrypted private key; the others may be public or private, so that
        rotation means putting a new key on top. ValueError unless there is one and all are P-256.
        """
        first, *older = _KEY_BLOCK.findall(pem) or [b""]
        signing_key = _private_key(first)
        known = [signing_key.public_key(), *(_public_key(block) for block in older)]
        public_keys = {thumbprint(jwk_of(key)): key for key in known}
        return cls(
            signing_key=signing_key, signing_kid=next(iter(public_keys)), public_keys=public_keys
        )

    def public_key(self, kid: object) -> ec.EllipticCurvePublicKey | None:
        """The key that a JWS header's `kid` names, or None."""
        return self.public_keys.get(kid) if isinstance(kid, str) else None

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JWK set (RFC 7517) for `/.well-known/jwks.json`, the signing key first."""
        return {
            "keys": [
                jwk_of(key) | {"kid": kid, "alg": "ES256", "use": "sig"}
                for kid, key in self.public_keys.items()
            ]
        }


def _private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    match load_pem_private_key(pem, password=None):
        case ec.EllipticCurvePrivateKey() as key:
            return key
        case _:
            raise ValueError("A server key must be a P-256 key.")


def _public_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    if b"PRIVATE KEY" in pem:
        return _private_key(pem).public_key()
    match load_pem_public_key(pem):
        case ec.EllipticCurvePublicKey() as key:
            return key
        case _:
            raise ValueError("A server key must be a P-256 key.")
