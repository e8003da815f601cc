"""Whether a notice comes from the provider, by the signature over its raw bytes. Pure.

The scheme is Stripe's: `t=<Unix seconds>,v1=<HMAC-SHA-256 in hex of "t.body">`, with any number of
`v1` while a secret is being changed. Other members are left alone, as an older scheme would be.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from backend.core.clock import from_unix_s

TOLERANCE: Final = timedelta(minutes=5)
"""How old, or how far ahead of us, the moment of signing may be. Each delivery is signed anew."""
HEADER: Final = "Stripe-Signature"

_LONGEST_HEADER: Final = 1000
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def is_signed(body: bytes, header: str, secrets: Sequence[str], now: datetime) -> bool:
    """Return whether `header` signs `body` with one of `secrets`, about `now`.

    1. The header can be read: one moment of signing, and at least one digest.
    2. It was signed within TOLERANCE of now.
    3. One digest is that of one secret, compared in constant time.
    """
    found = _read(header)
    if found is None:  # 1
        return False
    seconds, digests = found
    if abs(now - from_unix_s(int(seconds))) > TOLERANCE:  # 2
        return False
    wanted = [_digest(secret, seconds, body) for secret in secrets]
    matches = [hmac.compare_digest(one, digest) for one in wanted for digest in digests]
    return any(matches)  # 3


def sign(body: bytes, secret: str, at_s: int) -> str:
    """Return the header that signs `body` at a moment."""
    return f"t={at_s},v1={_digest(secret, str(at_s), body)}"


def _read(header: str) -> tuple[str, list[str]] | None:
    if len(header) > _LONGEST_HEADER:
        return None
    members = [member.strip().partition("=") for member in header.split(",")]
    moments = [value for name, _, value in members if name == "t"]
    digests = [value for name, _, value in members if name == "v1" and _DIGEST.fullmatch(value)]
    if len(moments) != 1 or not _SECONDS.fullmatch(moments[0]) or not digests:
        return None
    return moments[0], digests


def _digest(secret: str, seconds: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), seconds.encode() + b"." + body, "sha256").hex()
