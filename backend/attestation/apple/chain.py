"""From a certificate of Apple's up to a root that we trust."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from backend.attestation import certificates
from backend.attestation.apple.refusal import AppleRefusal
from backend.attestation.certificates import MAX_CERTIFICATE_BYTES, Certificate
from backend.attestation.trust import Roots

_COUNT: Final = range(2, 5)


def read_certificates(ders: Sequence[bytes]) -> tuple[Certificate, ...] | AppleRefusal:
    """Two to four certificates of at most 8 KiB."""
    if len(ders) not in _COUNT:
        return AppleRefusal.WRONG_CERTIFICATE_COUNT
    if any(len(der) > MAX_CERTIFICATE_BYTES for der in ders):
        return AppleRefusal.CERTIFICATE_TOO_LARGE
    found = []
    for der in ders:
        certificate = certificates.read(der)
        if certificate is None:
            return AppleRefusal.UNSUPPORTED_CERTIFICATE
        found.append(certificate)
    return tuple(found)


def wrong_chain(
    leaf: Certificate, others: Sequence[Certificate], *, roots: Roots, now: datetime
) -> AppleRefusal | None:
    """Why `leaf` does not lead by authorities among `others` to a root, all within their dates.

    `others` may come in any order and be more than are needed. The root is ours, whatever came.
    """
    path = [leaf]
    while (root := roots.issuer_of(path[-1])) is None:
        issuer = _issuer(path[-1], others)
        if issuer is None or issuer in path:
            return AppleRefusal.UNTRUSTED_CHAIN
        path.append(issuer)
    for certificate in (*path, root):
        if now < certificate.not_before:
            return AppleRefusal.NOT_YET_VALID
        if now > certificate.not_after:
            return AppleRefusal.EXPIRED
    return None


def _issuer(certificate: Certificate, others: Sequence[Certificate]) -> Certificate | None:
    for other in others:
        if other.is_ca and other.subject == certificate.issuer and other.signed(certificate):
            return other
    return None
