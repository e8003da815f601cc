"""The certificates of an Android attestation, from the attested key up to Google's root."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import pairwise
from typing import Final

from cryptography.x509.oid import NameOID

from backend.attestation import certificates
from backend.attestation.android.key_description import EXTENSION_OID
from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.certificates import MAX_CERTIFICATE_BYTES, Certificate
from backend.attestation.trust import Roots

MIN_CERTIFICATES: Final = 3
MAX_CERTIFICATES: Final = 8

_MAX_BASE64_CHARS: Final = 4 * -(-MAX_CERTIFICATE_BYTES // 3)
_PROVISIONING_INFO_OID: Final = "1.3.6.1.4.1.11129.2.1.30"
_FACTORY_NAME: Final = frozenset({NameOID.SERIAL_NUMBER, NameOID.TITLE})
_REMOTE_ORGANISATION: Final = "Google LLC"


class Provisioning(Enum):
    """How the phone came by the key that signs its attestations."""

    FACTORY = "factory"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain whose signatures lead to a trusted root, and which may still be revoked.

    `certificates` begin with the target, whose extension is `extension`, and end with the root.
    """

    certificates: tuple[Certificate, ...]
    extension: bytes
    provisioning: Provisioning

    @property
    def target(self) -> Certificate:
        return self.certificates[0]

    @property
    def attestation_certificate(self) -> Certificate:
        """The certificate of the key that signed the target; factories gave many phones the same."""
        return self.certificates[1]


def read_x5c(texts: Sequence[str]) -> tuple[bytes, ...] | AndroidRefusal:
    """The certificates of an `x5c` member (RFC 7515, section 4.1.6: base64, not base64url).

    Count and size are looked at before anything is decoded.
    """
    refusal = _miscounted(texts)
    if refusal is not None:
        return refusal
    if any(len(text) > _MAX_BASE64_CHARS for text in texts):
        return AndroidRefusal.CERTIFICATE_TOO_LARGE
    try:
        return tuple(b64decode(text, validate=True) for text in texts)
    except ValueError:
        return AndroidRefusal.NOT_BASE64


def open_chain(ders: Sequence[bytes], *, roots: Roots, now: datetime) -> Chain | AndroidRefusal:
    """The chain once steps 1 to 6 of `attestation.verify` hold, or the first that does not."""
    # 1, 2
    chain = _read(ders)
    if isinstance(chain, AndroidRefusal):
        return chain

    # 3: before any signature, so that no key but those under a trusted root costs us a check
    if not roots.trusts(chain[-1].spki):
        return AndroidRefusal.UNTRUSTED_ROOT

    # 4, 5, and the authorities of 6
    refusal = _unsigned(chain) or _wrong_target(chain) or _unauthorised(chain)
    if refusal is not None:
        return refusal

    provisioning = _provisioning(chain)
    if provisioning is None:
        return AndroidRefusal.UNKNOWN_PROVISIONING
    refusal = _out_of_date(chain, now) if provisioning is Provisioning.REMOTE else None
    if refusal is not None:
        return refusal

    return Chain(
        certificates=chain,
        extension=chain[0].unread[EXTENSION_OID],
        provisioning=provisioning,
    )


def _read(ders: Sequence[bytes]) -> tuple[Certificate, ...] | AndroidRefusal:
    refusal = _miscounted(ders)
    if refusal is not None:
        return refusal
    if any(len(der) > MAX_CERTIFICATE_BYTES for der in ders):
        return AndroidRefusal.CERTIFICATE_TOO_LARGE
    chain = []
    for der in ders:
        certificate = certificates.read(der)
        if certificate is None:
            return AndroidRefusal.UNSUPPORTED_CERTIFICATE
        chain.append(certificate)
    return tuple(chain)


def _miscounted(chain: Sequence[object]) -> AndroidRefusal | None:
    if len(chain) < MIN_CERTIFICATES:
        return AndroidRefusal.TOO_FEW_CERTIFICATES
    if len(chain) > MAX_CERTIFICATES:
        return AndroidRefusal.TOO_MANY_CERTIFICATES
    return None


def _unsigned(chain: tuple[Certificate, ...]) -> AndroidRefusal | None:
    """What is wrong with names or signatures, from the root down.

    The root's own certificate proves nothing and is not checked: its key does, and is trusted.
    """
    if any(issued.issuer != issuer.subject for issued, issuer in pairwise(chain)):
        return AndroidRefusal.WRONG_ISSUER_NAME
    for issuer, issued in pairwise(reversed(chain)):
        if not issuer.signed(issued):
            return AndroidRefusal.WRONG_SIGNATURE
    return None


def _wrong_target(chain: tuple[Certificate, ...]) -> AndroidRefusal | None:
    """Why the extension does not stand in the first certificate and there alone.

    A key that a genuine phone attests can sign certificates of its holder's own making. Signatures
    then verify throughout, and only the extension's place tells (chain-extension attack).
    """
    bearing = [EXTENSION_OID in certificate.unread for certificate in chain]
    if not any(bearing):
        return AndroidRefusal.EXTENSION_MISSING
    if not bearing[0]:
        return AndroidRefusal.CERTIFICATE_AFTER_TARGET
    if any(bearing[1:]):
        return AndroidRefusal.EXTENSION_NOT_ONLY_ON_TARGET
    return None


def _unauthorised(chain: tuple[Certificate, ...]) -> AndroidRefusal | None:
    """Whether a certificate above the attestation certificate is no authority.

    That one itself need not be: factories made ones that are not.
    """
    if not all(certificate.is_ca for certificate in chain[2:]):
        return AndroidRefusal.NOT_A_CA
    return None


def _provisioning(chain: tuple[Certificate, ...]) -> Provisioning | None:
    """How the attestation key was provisioned, None where the chain shows neither way.

    Factory keys hang under an intermediate that is named by a serial number and at most a title;
    remotely provisioned ones under one of Google's own, and say so in an extension of their own
    since 2024.
    """
    under_root = chain[-2].subject
    organisations = [
        attribute.value
        for attribute in under_root.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    ]
    if _PROVISIONING_INFO_OID in chain[1].unread or organisations == [_REMOTE_ORGANISATION]:
        return Provisioning.REMOTE
    named_by = {attribute.oid for attribute in under_root}
    if NameOID.SERIAL_NUMBER in named_by and named_by <= _FACTORY_NAME:
        return Provisioning.FACTORY
    return None


def _out_of_date(chain: tuple[Certificate, ...], now: datetime) -> AndroidRefusal | None:
    """Whether a certificate between target and root is outside its dates.

    The phone writes the target's dates, so they mean nothing; the root is trusted by its key.
    """
    for certificate in chain[1:-1]:
        if now < certificate.not_before:
            return AndroidRefusal.NOT_YET_VALID
        if now > certificate.not_after:
            return AndroidRefusal.EXPIRED
    return None
