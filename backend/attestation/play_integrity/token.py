"""Classic Play Integrity tokens, opened: a JWE (RFC 7516) around a JWS (RFC 7515), both compact.

The header chooses nothing: what is not exactly A256KW with A256GCM around ES256 is refused before
any key is used, and keys are ours alone.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from cryptography.hazmat.primitives.serialization import load_der_public_key

from backend.attestation import strict_json
from backend.attestation.certificates import p256
from backend.attestation.play_integrity.refusal import PlayIntegrityRefusal

MAX_TOKEN_CHARS: Final = 16 * 1024

_KEY_BYTES: Final = 32
_WRAPPED_KEY_BYTES: Final = 40
_IV_BYTES: Final = 12
_TAG_BYTES: Final = 16
_COORDINATE_BYTES: Final = 32
_ES256: Final = ec.ECDSA(hashes.SHA256())
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
# Members by which a header would change what its token means; everything else only describes.
_MEANINGFUL: Final = frozenset({"crit", "zip", "b64"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseKeys:
    """The keys that the Play Console gives for one app: AES-256 to decrypt, P-256 to verify."""

    decryption: bytes = field(repr=False)
    verification: ec.EllipticCurvePublicKey

    def __post_init__(self) -> None:
        if len(self.decryption) != _KEY_BYTES:
            raise ValueError("a decryption key has 32 bytes")


def read_response_keys(decryption: bytes, verification: bytes) -> ResponseKeys:
    """The keys from their bytes, the second a SubjectPublicKeyInfo in DER; ValueError if unusable."""
    key = load_der_public_key(verification)
    if not isinstance(key, ec.EllipticCurvePublicKey) or p256(key) is None:
        raise ValueError("a verification key is on P-256")
    return ResponseKeys(decryption=decryption, verification=key)


def open_token(  # noqa: PLR0911 a verification returns where it fails
    token: str, keys: Mapping[str, ResponseKeys]
) -> tuple[str, dict[str, object]] | PlayIntegrityRefusal:
    """The package by whose `keys` the token opens, and its claims, or the first step that fails."""
    # 1, 2
    if len(token) > MAX_TOKEN_CHARS:
        return PlayIntegrityRefusal.TOO_LARGE
    parts = _parts(token, 5)
    if parts is None:
        return PlayIntegrityRefusal.NOT_A_JWE
    header, wrapped, iv, ciphertext, tag = parts
    said = _header(header)
    if said is None:
        return PlayIntegrityRefusal.WRONG_JWE_HEADER
    if (said.get("alg"), said.get("enc")) != ("A256KW", "A256GCM"):
        return PlayIntegrityRefusal.WRONG_ENCRYPTION
    if (len(wrapped), len(iv), len(tag)) != (_WRAPPED_KEY_BYTES, _IV_BYTES, _TAG_BYTES):
        return PlayIntegrityRefusal.NOT_A_JWE

    # 3
    found = _unwrapped(wrapped, keys)
    if found is None:
        return PlayIntegrityRefusal.NOT_FOR_US
    package, content_key = found
    try:
        authenticated = token.partition(".")[0].encode("ascii")
        signed = AESGCM(content_key).decrypt(iv, ciphertext + tag, authenticated)
    except InvalidTag:
        return PlayIntegrityRefusal.NOT_AUTHENTIC

    # 4, 5
    claims = _signed_claims(signed, keys[package].verification)
    return claims if isinstance(claims, PlayIntegrityRefusal) else (package, claims)


def encoded(data: bytes) -> str:
    """The bytes as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _unwrapped(wrapped: bytes, keys: Mapping[str, ResponseKeys]) -> tuple[str, bytes] | None:
    """The package whose key unwraps, and what it unwraps: the key of the content."""
    for package, key in keys.items():
        try:
            content_key = aes_key_unwrap(key.decryption, wrapped)
        except InvalidUnwrap:
            continue
        return package, content_key
    return None


def _signed_claims(
    signed: bytes, key: ec.EllipticCurvePublicKey
) -> dict[str, object] | PlayIntegrityRefusal:
    text = signed.decode("latin-1")
    parts = _parts(text, 3)
    if parts is None or len(parts[2]) != 2 * _COORDINATE_BYTES:
        return PlayIntegrityRefusal.NOT_A_JWS
    header, payload, signature = parts
    said = _header(header)
    if said is None:
        return PlayIntegrityRefusal.WRONG_JWS_HEADER
    if said.get("alg") != "ES256":
        return PlayIntegrityRefusal.WRONG_ALGORITHM
    if not _verifies(signature, text.rpartition(".")[0].encode("ascii"), key):
        return PlayIntegrityRefusal.WRONG_SIGNATURE
    claims = _object(payload)
    return PlayIntegrityRefusal.WRONG_SHAPE if claims is None else claims


def _verifies(signature: bytes, signed: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    r = int.from_bytes(signature[:_COORDINATE_BYTES])
    s = int.from_bytes(signature[_COORDINATE_BYTES:])
    try:
        key.verify(encode_dss_signature(r, s), signed, _ES256)
    except InvalidSignature:
        return False
    return True


def _header(part: bytes) -> dict[str, object] | None:
    """The header, None if it is no object or has a member that would change the token's meaning."""
    said = _object(part)
    return None if said is None or _MEANINGFUL & said.keys() else said


def _object(part: bytes) -> dict[str, object] | None:
    try:
        value = strict_json.read(part)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _parts(text: str, count: int) -> tuple[bytes, ...] | None:
    """The decoded parts, None unless there are `count` in unpadded canonical base64url."""
    texts = text.split(".")
    if len(texts) != count or not all(map(_PART.fullmatch, texts)):
        return None
    decoded = tuple(_decoded(part) for part in texts)
    return tuple(part for part in decoded if part is not None) if None not in decoded else None


def _decoded(text: str) -> bytes | None:
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    # Decoders ignore trailing bits, so that several texts would mean the same bytes.
    return data if encoded(data) == text else None
