"""Roots of trust: the keys in which every chain must end, shipped with the product."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from backend.attestation import certificates
from backend.attestation.certificates import Certificate

_SHIPPED: Final = Path(__file__).parent / "roots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """A set of root certificates, trusted for their keys.

    A root is the same root however often its certificate is issued again, so `trusts` compares
    keys. An empty set trusts nothing.
    """

    certificates: tuple[Certificate, ...]

    def trusts(self, spki: bytes) -> bool:
        """Whether `spki`, a SubjectPublicKeyInfo in DER, is the key of one of the roots."""
        return any(root.spki == spki for root in self.certificates)

    def issuer_of(self, certificate: Certificate) -> Certificate | None:
        """The root that bears the issuer's name and signed `certificate`, None if none did."""
        for root in self.certificates:
            if root.subject == certificate.issuer and root.signed(certificate):
                return root
        return None

    @property
    def version(self) -> str:
        """The identity of this set of keys, to be kept with what was judged by it."""
        return sha256(b"".join(sorted(root.key_digest for root in self.certificates))).hexdigest()


def read_roots(pem: bytes) -> Roots:
    """The roots in a PEM file that an operator trusts; ValueError if one cannot be used."""
    found = tuple(
        certificates.read(parsed.public_bytes(Encoding.DER))
        for parsed in x509.load_pem_x509_certificates(pem)
    )
    readable = tuple(root for root in found if root is not None)
    if len(readable) != len(found):
        raise ValueError("a root certificate cannot be read or is larger than 8 KiB")
    return Roots(certificates=readable)


def android_roots() -> Roots:
    """The roots of Google's hardware attestation that this version ships."""
    return _shipped("google_hardware_attestation.pem")


def app_attest_roots() -> Roots:
    """The root of Apple's App Attest that this version ships."""
    return _shipped("apple_app_attestation.pem")


def apple_receipt_roots() -> Roots:
    """The root under which Apple signs App Attest's receipts."""
    return _shipped("apple_root_ca_g3.pem")


def _shipped(name: str) -> Roots:
    return read_roots((_SHIPPED / name).read_bytes())
