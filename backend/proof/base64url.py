"""Base64url without padding (RFC 7515, appendix C), one text for one sequence of bytes."""

from __future__ import annotations

import pybase64


def encode(data: bytes) -> str:
    """The bytes as unpadded base64url."""
    return pybase64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes | None:
    """The bytes that `text` encodes, or None unless it is exactly what `encode` writes for them.

    Decoders ignore trailing bits, so that several texts mean the same bytes; the comparison at the
    end leaves one.
    """
    if "+" in text or "/" in text:  # of the standard alphabet; about those the library warns
        return None
    try:
        data = pybase64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return data if encode(data) == text else None
