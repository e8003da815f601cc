"""Base64url without padding (RFC 7515, appendix C), one text for one sequence of bytes."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from binascii import a2b_base64, b2a_base64

# The standard alphabet's own two characters and padding become a character of neither alphabet.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/...")


def encode(data: bytes) -> str:
    """The bytes as unpadded base64url."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes | None:
    """The bytes that `text` encodes, or None unless it is exactly what `encode` writes for them.

    Decoders skip foreign characters and ignore trailing bits, so that many texts mean the same
    bytes; the comparison at the end leaves one.
    """
    try:
        padded = text.encode("ascii").translate(_TO_STANDARD) + b"=" * (-len(text) % 4)
        data = a2b_base64(padded)
    except ValueError:
        return None
    return data if b2a_base64(data, newline=False) == padded else None
