"""Keys by their thumbprint (RFC 7638): the name of a device everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from backend.proof import base64url

# RFC 7638 section 3.2 and RFC 8037 section 2: what names a key of each type, in lexical order.
_REQUIRED_MEMBERS: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
}
_COORDINATE_BYTES = 32
_EC_MEMBERS = frozenset({"kty", "crv", "x", "y"})


def thumbprint(jwk: Mapping[str, str]) -> str:
    """The SHA-256 thumbprint of a public key, 43 characters. KeyError if a member is missing."""
    required = {name: jwk[name] for name in _REQUIRED_MEMBERS[jwk["kty"]]}
    return base64url.encode(sha256(msgspec.json.encode(required)).digest())


def p256_jwk(value: object) -> Mapping[str, str] | None:
    """`value` if it is exactly a P-256 public key in canonical form, whose point is not checked.

    Canonical, so that one key has one thumbprint. `public_key_of` checks the point.
    """
    if type(value) is not dict or value.keys() != _EC_MEMBERS:
        return None
    if value["kty"] != "EC" or value["crv"] != "P-256":
        return None
    return value if _is_coordinate(value["x"]) and _is_coordinate(value["y"]) else None


def jwk_of(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The key as a JWK of four members. ValueError unless it is on P-256."""
    if key.curve.name != ec.SECP256R1.name:
        raise ValueError("Only P-256 keys are used here.")
    point = key.public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": base64url.encode(point.x.to_bytes(_COORDINATE_BYTES)),
        "y": base64url.encode(point.y.to_bytes(_COORDINATE_BYTES)),
    }


def public_key_of(jwk: Mapping[str, str]) -> ec.EllipticCurvePublicKey | None:
    """The key that a JWK from `p256_jwk` names, or None where the point is not on the curve."""
    x, y = base64url.decode(jwk["x"]), base64url.decode(jwk["y"])
    if x is None or y is None:
        return None
    try:
        return ec.EllipticCurvePublicNumbers(
            int.from_bytes(x), int.from_bytes(y), ec.SECP256R1()
        ).public_key()
    except ValueError:
        return None


def _is_coordinate(value: object) -> bool:
    if type(value) is not str:
        return False
    data = base64url.decode(value)
    return data is not None and len(data) == _COORDINATE_BYTES
