"""App Attest receipts, read and verified (Apple, "Assessing fraud risk").

`verify_receipt` looks, in this order, for
  1  at most 16 KiB of CMS signed data (RFC 5652) as Apple writes it: one signer, no attributes
  2  a signer's certificate that leads to a trusted root, all within their dates now
  3  the signer's signature over the content
  4  fields of the right form, none of those that we know twice
  5  our application
  6  the key that was attested
  7  created at most `max_age` ago, and not expired
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from backend.attestation import ber, certificates, der
from backend.attestation.apple.chain import read_certificates, wrong_chain
from backend.attestation.apple.refusal import AppleRefusal
from backend.attestation.ber import SEQUENCE, SET
from backend.attestation.certificates import Certificate, p256, spki_of
from backend.attestation.der import DerError, WrongShapeError
from backend.attestation.trust import Roots

MAX_RECEIPT_BYTES: Final = 16 * 1024
# Apple's clock and ours may differ by this much.
CLOCK_SKEW: Final = timedelta(seconds=60)

_CONTEXT_0: Final = 0xA0
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_SHA256: Final = bytes.fromhex("0609608648016503040201")
_ECDSA_SHA256: Final = bytes.fromhex("06082a8648ce3d040302")
_ES256: Final = ec.ECDSA(hashes.SHA256())

# Field numbers, from Apple's documentation.
_APP_ID, _CERTIFICATE, _CLIENT_HASH, _TOKEN, _KIND, _ENVIRONMENT = 2, 3, 4, 5, 6, 7
_CREATED_AT, _RISK_METRIC, _NOT_BEFORE, _EXPIRES_AT = 12, 17, 19, 21
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z"
)
_COUNT: Final = re.compile(r"[0-9]{1,9}")


class ReceiptKind(Enum):
    """Whether a receipt came with the attestation, or from Apple's server since."""

    ATTEST = "ATTEST"
    RECEIPT = "RECEIPT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says, believed or not.

    `spki` is the attested key's. `risk_metric` counts the keys that this phone had attested lately,
    None before Apple has counted; a newer receipt is to be had from `not_before` to `expires_at`.
    """

    app_id: str
    spki: bytes
    client_hash: bytes
    token: str = field(repr=False)
    kind: ReceiptKind
    environment: str | None
    created_at: datetime
    risk_metric: int | None
    not_before: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _SignedContent:
    """Content, the certificates that came with it, and issuer and serial of the signer's."""

    content: bytes
    certificates: tuple[bytes, ...]
    issuer: bytes
    serial: int
    signature: bytes

    def is_by(self, certificate: Certificate) -> bool:
        """Whether `certificate` is the one that the signer says is theirs."""
        return (
            self.serial == certificate.serial and self.issuer == certificate.issuer.public_bytes()
        )


def read_receipt(data: bytes) -> Receipt | AppleRefusal:
    """What a receipt says, without asking who signed it: for what is already ours."""
    signed = _read(data)
    if isinstance(signed, AppleRefusal):
        return signed
    return _receipt(signed.content)


def verify_receipt(  # noqa: PLR0911 a verification returns where it fails
    data: bytes,
    *,
    app_id: str,
    key: ec.EllipticCurvePublicKey,
    roots: Roots,
    now: datetime,
    max_age: timedelta,
) -> Receipt | AppleRefusal:
    """What a receipt for `key` of our application says, or the first step that fails."""
    # 1
    signed = _read(data)
    if isinstance(signed, AppleRefusal):
        return signed

    # 2, 3
    refusal = _untrusted(signed, roots, now)
    if refusal is not None:
        return refusal

    # 4
    receipt = _receipt(signed.content)
    if isinstance(receipt, AppleRefusal):
        return receipt

    # 5, 6
    if receipt.app_id != app_id:
        return AppleRefusal.WRONG_APP
    if receipt.spki != spki_of(key):
        return AppleRefusal.WRONG_RECEIPT_KEY

    # 7
    if receipt.created_at > now + CLOCK_SKEW:
        return AppleRefusal.RECEIPT_FROM_FUTURE
    if now - receipt.created_at > max_age:
        return AppleRefusal.RECEIPT_TOO_OLD
    if now >= receipt.expires_at:
        return AppleRefusal.RECEIPT_EXPIRED

    return receipt


def _read(data: bytes) -> _SignedContent | AppleRefusal:
    if len(data) > MAX_RECEIPT_BYTES:
        return AppleRefusal.TOO_LARGE
    try:
        return _signed_content(ber.single(data))
    except (DerError, ValueError):
        # ValueError: another number of parts than is unpacked.
        return AppleRefusal.NOT_CMS


def _signed_content(node: ber.Node) -> _SignedContent:
    """The parts of CMS signed data. Signed attributes would be a sixth part of the signer's."""
    kind, wrapped = node.within(SEQUENCE)
    (signed_data,) = wrapped.within(_CONTEXT_0)
    _version, _digests, encapsulated, enclosed, signers = signed_data.within(SEQUENCE)
    content_kind, content_wrapped = encapsulated.within(SEQUENCE)
    (content,) = content_wrapped.within(_CONTEXT_0)
    (signer,) = signers.within(SET)
    _signer_version, signed_by, digest, algorithm, signature = signer.within(SEQUENCE)
    if (kind.encoded, content_kind.encoded) != (_SIGNED_DATA, _DATA):
        raise WrongShapeError
    digest_kind, *_ = digest.within(SEQUENCE)
    algorithm_kind, *_ = algorithm.within(SEQUENCE)
    if (digest_kind.encoded, algorithm_kind.encoded) != (_SHA256, _ECDSA_SHA256):
        raise WrongShapeError
    issuer, serial = signed_by.within(SEQUENCE)
    return _SignedContent(
        content=content.octets(),
        certificates=tuple(each.encoded for each in enclosed.within(_CONTEXT_0)),
        issuer=issuer.encoded,
        serial=int.from_bytes(serial.content, signed=True),
        signature=signature.octets(),
    )


def _untrusted(signed: _SignedContent, roots: Roots, now: datetime) -> AppleRefusal | None:
    found = read_certificates(signed.certificates)
    if isinstance(found, AppleRefusal):
        return found
    signer = next((each for each in found if signed.is_by(each)), None)
    if signer is None:
        return AppleRefusal.UNTRUSTED_CHAIN
    refusal = wrong_chain(signer, found, roots=roots, now=now)
    if refusal is not None:
        return refusal
    key = p256(signer.public_key)
    if key is None:
        return AppleRefusal.KEY_NOT_P256
    try:
        key.verify(signed.signature, signed.content, _ES256)
    except InvalidSignature:
        return AppleRefusal.WRONG_RECEIPT_SIGNATURE
    return None


def _receipt(content: bytes) -> Receipt | AppleRefusal:
    try:
        fields = _fields(content)
        attested = certificates.read(fields[_CERTIFICATE])
        if attested is None:
            return AppleRefusal.RECEIPT_MALFORMED
        return Receipt(
            app_id=fields[_APP_ID].decode("utf-8", "strict"),
            spki=attested.spki,
            client_hash=fields[_CLIENT_HASH],
            token=fields[_TOKEN].decode("ascii", "strict"),
            kind=ReceiptKind(fields[_KIND].decode("ascii", "strict")),
            environment=_text(fields, _ENVIRONMENT),
            created_at=_instant(fields[_CREATED_AT].decode("ascii", "strict")),
            risk_metric=_risk_metric(fields),
            not_before=_instant_if_any(fields, _NOT_BEFORE),
            expires_at=_instant(fields[_EXPIRES_AT].decode("ascii", "strict")),
        )
    except (DerError, ValueError, KeyError):
        return AppleRefusal.RECEIPT_MALFORMED


def _fields(content: bytes) -> dict[int, bytes]:
    """The values by field number."""
    fields: dict[int, bytes] = {}
    for element in der.single(content).set_of():
        number, _version, value = element.sequence()
        if number.integer() in fields:
            raise WrongShapeError
        fields[number.integer()] = value.octets()
    return fields


def _text(fields: Mapping[int, bytes], number: int) -> str | None:
    return fields[number].decode("utf-8", "strict") if number in fields else None


def _risk_metric(fields: Mapping[int, bytes]) -> int | None:
    text = _text(fields, _RISK_METRIC)
    if text is None:
        return None
    if _COUNT.fullmatch(text) is None:
        raise WrongShapeError
    return int(text)


def _instant_if_any(fields: Mapping[int, bytes], number: int) -> datetime | None:
    text = _text(fields, number)
    return None if text is None else _instant(text)


def _instant(text: str) -> datetime:
    if _INSTANT.fullmatch(text) is None:
        raise WrongShapeError
    return datetime.fromisoformat(text)
