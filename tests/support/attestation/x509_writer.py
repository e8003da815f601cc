"""Certificates of any kind, right or wrong, from the one that is attested up to a root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from backend.attestation import certificates
from backend.attestation.trust import Roots

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

SINCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL: Final = datetime(2027, 1, 1, tzinfo=UTC)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key on P-256 of its own."""
    return ec.generate_private_key(ec.SECP256R1())


def name(**attributes: str) -> x509.Name:
    """A name of these attributes, in this order; keywords are names of `NameOID`."""
    return x509.Name(
        [x509.NameAttribute(getattr(NameOID, oid), value) for oid, value in attributes.items()]
    )


@dataclass(frozen=True, kw_only=True)
class Link:
    """One certificate to be: `issuer` and `signed_by` are those of the next link unless given."""

    subject: x509.Name
    key: Key
    serial: int = 1
    ca: bool | None = True
    since: datetime = SINCE
    until: datetime = UNTIL
    extensions: tuple[tuple[str, bytes], ...] = ()
    issuer: x509.Name | None = None
    signed_by: Key | None = None
    digest: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)

    def certificate(self, above: Link) -> bytes:
        """The certificate in DER, signed by the link above."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.issuer or above.subject)
            .public_key(self.key.public_key())
            .serial_number(self.serial)
            .not_valid_before(self.since)
            .not_valid_after(self.until)
        )
        if self.ca is not None:
            constraints = x509.BasicConstraints(ca=self.ca, path_length=None)
            builder = builder.add_extension(constraints, critical=True)
        for oid, value in self.extensions:
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
            builder = builder.add_extension(extension, critical=False)
        signer = self.signed_by or above.key
        digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else self.digest
        return builder.sign(signer, digest).public_bytes(Encoding.DER)  # type: ignore[arg-type]  # one type per kind of key


def chain(links: Sequence[Link]) -> tuple[bytes, ...]:
    """The certificates in DER; the last signs itself."""
    above = (*links[1:], links[-1])
    return tuple(link.certificate(issuer) for link, issuer in zip(links, above, strict=True))


def roots_of(*ders: bytes) -> Roots:
    """Roots that trust these certificates' keys."""
    read = tuple(certificates.read(der) for der in ders)
    return Roots(certificates=tuple(each for each in read if each is not None))
