"""X.509 certificates from strangers: bounded, fully read at once, and who signed whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAX_CERTIFICATE_BYTES: Final = 8 * 1024

_DIGESTS: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate of which every part that we use has been read without complaint.

    `unread` are the contents of the extensions that the library does not interpret, by dotted
    identifier. `spki` is the DER of the SubjectPublicKeyInfo: the name of a key.
    """

    der: bytes = field(repr=False)
    spki: bytes = field(repr=False)
    public_key: CertificatePublicKeyTypes
    subject: x509.Name
    issuer: x509.Name
    serial: int
    not_before: datetime
    not_after: datetime
    is_ca: bool
    signed_with_sha2: bool
    unread: dict[str, bytes] = field(repr=False)
    parsed: x509.Certificate = field(repr=False)

    @property
    def key_digest(self) -> bytes:
        """SHA-256 of the SubjectPublicKeyInfo."""
        return sha256(self.spki).digest()

    def signed(self, issued: Certificate) -> bool:
        """Whether this certificate's key made the signature of `issued`, with SHA-2.

        Names are compared as well, so this alone cannot tell a wrong name from a wrong signature.
        """
        if not issued.signed_with_sha2:
            return False
        try:
            issued.parsed.verify_directly_issued_by(self.parsed)
        except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
            return False
        return True


def read(der: bytes) -> Certificate | None:
    """The certificate, or None where it is too large or `cryptography` cannot read all of it."""
    if len(der) > MAX_CERTIFICATE_BYTES:
        return None
    try:
        return _read(x509.load_der_x509_certificate(der), der)
    except Exception:  # noqa: BLE001 the library's parser raises more kinds than it documents, and each means this
        return None


def p256(key: CertificatePublicKeyTypes) -> ec.EllipticCurvePublicKey | None:
    """The key, if it is one on P-256."""
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    return None


def spki_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """The DER of the key's SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read(parsed: x509.Certificate, der: bytes) -> Certificate:
    public_key = parsed.public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise UnsupportedAlgorithm("neither EC nor RSA")
    is_ca = False
    unread = {}
    for extension in parsed.extensions:
        match extension.value:
            case x509.BasicConstraints(ca=ca):
                is_ca = ca
            case x509.UnrecognizedExtension(value=value):
                unread[extension.oid.dotted_string] = value
    return Certificate(
        der=der,
        spki=public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public_key=public_key,
        subject=parsed.subject,
        issuer=parsed.issuer,
        serial=parsed.serial_number,
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        is_ca=is_ca,
        signed_with_sha2=isinstance(parsed.signature_hash_algorithm, _DIGESTS),
        unread=unread,
        parsed=parsed,
    )
