"""App Attest assertions, verified (Apple, "Validating apps that connect to your server").

`verify_assertion` looks, in this order, for
  1  at most 4 KiB of strict CBOR with Apple's members
  2  the application for which the key was attested
  3  the attested key's signature over SHA-256(authenticator data | SHA-256(client data))
  4  a counter above the last one
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from backend.attestation import cbor
from backend.attestation.apple.attestation import app_of, nonce_of
from backend.attestation.apple.authenticator_data import Extensions, read_asserted
from backend.attestation.apple.refusal import AppleRefusal
from backend.attestation.cbor import NotCborError

MAX_ASSERTION_BYTES: Final = 4096

_ES256: Final = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedKey:
    """What is kept of an attestation: the key, its application, and the last counter it used."""

    public_key: ec.EllipticCurvePublicKey
    app_id: str
    counter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterAdvance:
    """The counter to store, and the one that must still be stored when it is.

    Two requests may carry one assertion at the same time, so the caller compares and sets in one
    statement: it writes `to` where the counter is `since`, and no row means COUNTER_NOT_RISING.
    """

    since: int
    to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """Client data that the attested key signed; it counts once `advance` has been stored."""

    advance: CounterAdvance
    extensions: Extensions


def verify_assertion(
    assertion: bytes, *, client_data: bytes, key: AttestedKey
) -> Assertion | AppleRefusal:
    """The assertion over `client_data` by `key`, or the first step that fails.

    Whether the client data answers a challenge of ours is the caller's question.
    """
    # 1
    parts = _read(assertion)
    if isinstance(parts, AppleRefusal):
        return parts
    signature, authenticator_data = parts
    data = read_asserted(authenticator_data)
    if isinstance(data, AppleRefusal):
        return data

    # 2
    if app_of(data, frozenset({key.app_id})) is None:
        return AppleRefusal.WRONG_APP

    # 3
    try:
        key.public_key.verify(signature, nonce_of(authenticator_data, client_data), _ES256)
    except InvalidSignature:
        return AppleRefusal.WRONG_SIGNATURE

    # 4
    if data.counter <= key.counter:
        return AppleRefusal.COUNTER_NOT_RISING

    return Assertion(
        advance=CounterAdvance(since=key.counter, to=data.counter), extensions=data.extensions
    )


def _read(assertion: bytes) -> tuple[bytes, bytes] | AppleRefusal:
    """Signature and authenticator data."""
    if len(assertion) > MAX_ASSERTION_BYTES:
        return AppleRefusal.TOO_LARGE
    try:
        item = cbor.single(assertion)
    except NotCborError:
        return AppleRefusal.NOT_CBOR
    match item:
        case {"signature": bytes(signature), "authenticatorData": bytes(authenticator_data)}:
            return signature, authenticator_data
        case _:
            return AppleRefusal.WRONG_SHAPE
