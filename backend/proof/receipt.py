"""Receipts: the server's signed word of what it received, against a false "no data"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from backend.proof import base64url, jws
from backend.proof.members import MalformedError, Members
from backend.proof.refusal import ProofRefusal
from backend.proof.server_keys import ServerKeys

_Receipt = TypeVar("_Receipt")

_TYP: Final = "fix-receipt+jwt"
_CHECK_IN_TYP: Final = "check-in-receipt+jwt"
_JOURNAL_TYP: Final = "journal-receipt+jwt"
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
        "received_at": _instant(receipt.received_at),
        "outcome": receipt.outcome,
    }
    if receipt.seq is not None:
        claims["seq"] = receipt.seq
    return _sign(_TYP, claims, keys)


def read_receipt(text: str, keys: ServerKeys) -> FixReceipt | None:
    """The receipt in `text`, or None unless one of `keys` signed it."""
    return _read(text, _TYP, keys, _receipt_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalReceipt:
    """That the server `issuer` had journal token `n` from the key `jkt` at `received_at`.

    `digest` is the SHA-256 of the token's signing input. `accepted` and `refused` count its fixes.
    """

    issuer: str
    jkt: str
    n: int
    digest: bytes
    received_at: datetime
    accepted: int
    refused: int


def sign_journal_receipt(receipt: JournalReceipt, keys: ServerKeys) -> str:
    """The receipt as a compact JWS; the same facts and key give the same text."""
    claims: dict[str, object] = {
        "iss": receipt.issuer,
        "jkt": receipt.jkt,
        "n": receipt.n,
        "hash": base64url.encode(receipt.digest),
        "received_at": _instant(receipt.received_at),
        "accepted": receipt.accepted,
        "refused": receipt.refused,
    }
    return _sign(_JOURNAL_TYP, claims, keys)


def read_journal_receipt(text: str, keys: ServerKeys) -> JournalReceipt | None:
    """The receipt in `text`, or None unless one of `keys` signed it."""
    return _read(text, _JOURNAL_TYP, keys, _journal_receipt_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInReceipt:
    """That the person of the key `jkt` checked in at the server `issuer`, and that it counts.

    `check_in` identifies the attempt and `appointment` what it was for; `punctuality` and
    `presence` are what was judged of it.
    """

    issuer: str
    jkt: str
    check_in: str
    appointment: str
    received_at: datetime
    punctuality: str
    presence: str


def sign_check_in_receipt(receipt: CheckInReceipt, keys: ServerKeys) -> str:
    """The receipt as a compact JWS; the same facts and key give the same text."""
    claims: dict[str, object] = {
        "iss": receipt.issuer,
        "jkt": receipt.jkt,
        "check_in": receipt.check_in,
        "appointment": receipt.appointment,
        "received_at": _instant(receipt.received_at),
        "punctuality": receipt.punctuality,
        "presence": receipt.presence,
    }
    return _sign(_CHECK_IN_TYP, claims, keys)


def read_check_in_receipt(text: str, keys: ServerKeys) -> CheckInReceipt | None:
    """The receipt in `text`, or None unless one of `keys` signed it."""
    return _read(text, _CHECK_IN_TYP, keys, _check_in_receipt_of)


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _sign(typ: str, claims: Mapping[str, object], keys: ServerKeys) -> str:
    header = {"typ": typ, "alg": "ES256", "kid": keys.signing_kid}
    return jws.sign(header, claims, keys.signing_key)


def _read(
    text: str, typ: str, keys: ServerKeys, receipt_of: Callable[[Members], _Receipt]
) -> _Receipt | None:
    parsed = jws.parse(text, max_chars=_MAX_CHARS, typ=typ, header_members=_HEADER_MEMBERS)
    if isinstance(parsed, ProofRefusal):
        return None
    key = keys.public_key(parsed.header["kid"])
    if key is None or not jws.verifies(parsed, key):
        return None
    try:
        return receipt_of(Members(parsed.claims, ""))
    except (MalformedError, ValueError):
        return None


def _receipt_of(members: Members) -> FixReceipt:
    return FixReceipt(
        issuer=members.text("iss", _TEXT),
        jkt=members.text("jkt", _TEXT),
        seq=members.integer_if_any("seq", 1, _MAX_INTEGER),
        digest=members.sha256("hash"),
        received_at=_received_at(members),
        outcome=members.text("outcome", _TEXT),
    )


def _journal_receipt_of(members: Members) -> JournalReceipt:
    return JournalReceipt(
        issuer=members.text("iss", _TEXT),
        jkt=members.text("jkt", _TEXT),
        n=members.integer("n", 1, _MAX_INTEGER),
        digest=members.sha256("hash"),
        received_at=_received_at(members),
        accepted=members.integer("accepted", 0, _MAX_INTEGER),
        refused=members.integer("refused", 0, _MAX_INTEGER),
    )


def _check_in_receipt_of(members: Members) -> CheckInReceipt:
    texts = ("jkt", "check_in", "appointment", "punctuality", "presence")
    return CheckInReceipt(
        issuer=members.text("iss", _TEXT),
        received_at=_received_at(members),
        **{name: members.text(name, _TEXT) for name in texts},
    )


def _received_at(members: Members) -> datetime:
    return datetime.fromisoformat(members.text("received_at", _INSTANT))
