"""Public keys as COSE writes them (RFC 9053, RFC 8230): P-256 for ES256, and RSA for RS256."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

_COORDINATE_BYTES: Final = 32
_KTY, _ALG = 1, 3
_CRV, _X, _Y = -1, -2, -3
_N, _E = -1, -2
_ES256: Final = {_KTY: 2, _ALG: -7, _CRV: 1}
_RS256: Final = {_KTY: 3, _ALG: -257}
_RSA_BITS: Final = range(2048, 4097)
_RSA_EXPONENT: Final = b"\x01\x00\x01"


def p256_key(item: object) -> ec.EllipticCurvePublicKey | None:
    """The key that a COSE key for ES256 names; None for anything else, off the curve too."""
    members = _exactly(item, _ES256, (_X, _Y))
    if members is None:
        return None
    x, y = members[_X], members[_Y]
    if len(x) != _COORDINATE_BYTES or len(y) != _COORDINATE_BYTES:
        return None
    point = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1())
    try:
        return point.public_key()
    except ValueError:
        return None


def rsa_key(item: object) -> rsa.RSAPublicKey | None:
    """The key that a COSE key for RS256 names: 2,048 to 4,096 bits, exponent 65,537."""
    members = _exactly(item, _RS256, (_N, _E))
    if members is None or members[_E] != _RSA_EXPONENT:
        return None
    modulus = int.from_bytes(members[_N])
    if modulus.bit_length() not in _RSA_BITS or modulus % 2 == 0:
        return None
    return rsa.RSAPublicNumbers(e=int.from_bytes(_RSA_EXPONENT), n=modulus).public_key()


def _exactly(
    item: object, fixed: Mapping[int, int], texts: tuple[int, ...]
) -> Mapping[int, bytes] | None:
    """The byte strings called `texts` of a map that has them, what is `fixed`, and nothing else."""
    if not isinstance(item, dict) or item.keys() != {*fixed, *texts}:
        return None
    # True == 1 in Python, and in CBOR it is another value.
    if any(type(item[name]) is not int or item[name] != fixed[name] for name in fixed):
        return None
    found = {name: item[name] for name in texts}
    return found if all(type(value) is bytes for value in found.values()) else None
