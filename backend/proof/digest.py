"""Content-Digest (RFC 9530): the SHA-256 of a body as a header field."""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error
from hashlib import sha256

# A dictionary of byte sequences (RFC 8941, sections 3.2 and 3.3.5), without parameters.
_MEMBER = re.compile(r"[a-z*][a-z0-9_.*-]*=:[A-Za-z0-9+/]*={0,2}:")
_MAX_CHARS = 512


def content_digest(body: bytes) -> str:
    """The header field's value for `body`: `sha-256=:…:`."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode('ascii')}:"


def parse_content_digest(header: str) -> bytes | None:
    """The SHA-256 that a Content-Digest field states, or None.

    Other algorithms beside it are passed over; a field that is badly formed, or states two
    SHA-256, states none.
    """
    if len(header) > _MAX_CHARS:
        return None
    members = [member.strip(" \t") for member in header.split(",")]
    if not all(_MEMBER.fullmatch(member) for member in members):
        return None
    stated = [member for member in members if member.startswith("sha-256=")]
    if len(stated) != 1:
        return None
    try:
        value = b64decode(stated[0].removeprefix("sha-256=").strip(":"), validate=True)
    except Error:
        return None
    return value if len(value) == sha256().digest_size else None


def matches(header: str, body: bytes) -> bool:
    """Whether a Content-Digest field states the SHA-256 of `body`."""
    stated = parse_content_digest(header)
    return stated is not None and hmac.compare_digest(stated, sha256(body).digest())
