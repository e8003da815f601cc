"""Receipts: the server's signed word that it received a fix, against a false "no data"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from backend.proof import base64url, jws
from backend.proof.members import MalformedError, Members
from backend.proof.refusal import ProofRefusal
from backend.proof.server_keys import ServerKeys

_TYP: Final = "fix-receipt+jwt"
_HEADER_MEMBERS: Final = frozenset({"typ", "alg", "kid"})
_MAX_CHARS: Final = 2048
_MAX_INTEGER: Final = 2**53 - 1
_TEXT = re.compile(r"[\x21-\x7e]{1,255}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixReceipt:
    """That the server `issuer` had this from the key `jkt` at `received_at`.

    `digest` is the SHA-256 of what the fix said (`Proof.fix_digest`), `seq` its number (None if it
    named none), `outcome` ACCEPTED or the name of the refusal.
    """

    issuer: str
    jkt: str
    seq: int | None
    digest: bytes
    received_at: datetime
    outcome: str


def sign_receipt(receipt: FixReceipt, keys: ServerKeys) -> str:
    """The receipt as a compact JWS; the same facts and key give the same text."""
    claims: dict[str, object] = {
        "iss": receipt.issuer,
        "jkt": receipt.jkt,
        "hash": base64url.encode(receipt.digest),
        "received_at": f"{receipt.received_at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z",
        "outcome": receipt.outcome,
    }
    if receipt.seq is not None:
        claims["seq"] = receipt.seq
    header = {"typ": _TYP, "alg": "ES256", "kid": keys.signing_kid}
    return jws.sign(header, claims, keys.signing_key)


def read_receipt(text: str, keys: ServerKeys) -> FixReceipt | None:
    """The receipt in `text`, or None unless one of `keys` signed it."""
    parsed = jws.parse(text, max_chars=_MAX_CHARS, typ=_TYP, header_members=_HEADER_MEMBERS)
    if isinstance(parsed, ProofRefusal):
        return None
    key = keys.public_key(parsed.header["kid"])
    if key is None or not jws.verifies(parsed, key):
        return None
    return _receipt_of(parsed.claims)


def _receipt_of(claims: Mapping[str, object]) -> FixReceipt | None:
    members = Members(claims, "")
    try:
        return FixReceipt(
            issuer=members.text("iss", _TEXT),
            jkt=members.text("jkt", _TEXT),
            seq=members.integer_if_any("seq", 1, _MAX_INTEGER),
            digest=members.sha256("hash"),
            received_at=datetime.fromisoformat(members.text("received_at", _INSTANT)),
            outcome=members.text("outcome", _TEXT),
        )
    except (MalformedError, ValueError):
        return None
