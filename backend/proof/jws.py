"""Compact JWS with ES256 (RFC 7515, RFC 7518 section 3.4), read strictly and written plainly.

`cryptography` verifies directly. PyJWT needs twice the time of the bare signature check for a live
proof, most of it in a loop over characters, and its parser takes what ours must refuse first:
duplicate members, NaN, padding, any `typ`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from backend.proof import base64url, strict_json
from backend.proof.refusal import ProofRefusal

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
_COORDINATE_BYTES = 32
# A live proof has about ten: header, jwk, claims, location, fix, hacc, journal …
_MAX_CONTAINERS = 32

_VERIFY = ec.ECDSA(hashes.SHA256())
# RFC 6979: the same claims give the same text, so a receipt can be made again instead of stored.
_SIGN = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jws:
    """A well-formed JWS whose signature has *not* been checked.

    `signature` is r and s, 32 bytes each.
    """

    text: str
    header: Mapping[str, object]
    claims: Mapping[str, object]
    signing_input: bytes
    signature: bytes

    @property
    def digest(self) -> bytes:
        """The identity of what was signed: SHA-256 of the signing input.

        Never of the text: with every ECDSA signature (r, s) the pair (r, n - s) is valid too, so
        anyone can write a second text for the same statement.
        """
        return sha256(self.signing_input).digest()


def parse(  # noqa: PLR0911 a verification returns where it fails
    text: str, *, max_chars: int, typ: str | None, header_members: frozenset[str]
) -> Jws | ProofRefusal:
    """The JWS in `text`, its form, header and algorithm checked, or the first thing wrong with it.

    `header_members` are the members that the header must have, no more and no less; `typ` is what
    its `typ` must say (None: it has none). The cost is bounded by `max_chars`.
    """
    if len(text) > max_chars:
        return ProofRefusal.TOO_LARGE
    if _COMPACT.fullmatch(text) is None:
        return ProofRefusal.NOT_COMPACT
    header_part, claims_part, signature_part = text.split(".")
    header_bytes = base64url.decode(header_part)
    claims_bytes = base64url.decode(claims_part)
    signature = base64url.decode(signature_part)
    if header_bytes is None or claims_bytes is None or signature is None:
        return ProofRefusal.NOT_CANONICAL

    header = strict_json.read_object(header_bytes, max_containers=_MAX_CONTAINERS)
    if isinstance(header, ProofRefusal):
        return header
    if header.keys() != header_members:
        return ProofRefusal.HEADER_MEMBERS
    if header.get("typ") != typ:
        return ProofRefusal.WRONG_TYP
    if header.get("alg") != "ES256":
        return ProofRefusal.WRONG_ALG

    claims = strict_json.read_object(claims_bytes, max_containers=_MAX_CONTAINERS)
    if isinstance(claims, ProofRefusal):
        return claims
    return Jws(
        text=text,
        header=header,
        claims=claims,
        signing_input=text[: -len(signature_part) - 1].encode("ascii"),
        signature=signature,
    )


def verifies(jws: Jws, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether `key` signed this JWS. r or s of zero, or not below the group's order, never does."""
    r = int.from_bytes(jws.signature[:_COORDINATE_BYTES])
    s = int.from_bytes(jws.signature[_COORDINATE_BYTES:])
    try:
        key.verify(encode_dss_signature(r, s), jws.signing_input, _VERIFY)
    except InvalidSignature:
        return False
    return True


def sign(
    header: Mapping[str, object], claims: Mapping[str, object], key: ec.EllipticCurvePrivateKey
) -> str:
    """The compact JWS of `claims`; the same input gives the same text."""
    signing_input = f"{_part(header)}.{_part(claims)}"
    r, s = decode_dss_signature(key.sign(signing_input.encode("ascii"), _SIGN))
    signature = r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES)
    return f"{signing_input}.{base64url.encode(signature)}"


def _part(members: Mapping[str, object]) -> str:
    return base64url.encode(msgspec.json.encode(members))
