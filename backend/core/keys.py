"""Secrets derived from the one root secret, by purpose (HKDF, RFC 5869)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ROOT_SECRET_BYTES: Final = 32


def derive(root_secret: bytes, purpose: str) -> bytes:
    """Return 32 bytes that only holders of `root_secret` can compute, distinct per `purpose`."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(root_secret)


def new_token(prefix: str) -> str:
    """Return an opaque secret of 256 bits; the prefix lets scanners recognise a leaked one."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> bytes:
    """Return what the database keeps of an opaque token: its SHA-256.

    A slow hash would add nothing: the token carries 256 random bits.
    """
    return hashlib.sha256(token.encode()).digest()


def keyed_hash(key: bytes, text: str) -> bytes:
    """Return the HMAC-SHA-256 of `text`: for short secrets that a plain hash would give away."""
    return hmac.digest(key, text.encode(), "sha256")
