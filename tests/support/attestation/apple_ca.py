"""An iPhone and Apple above it, in software: every attestation, assertion and receipt needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend.attestation.apple.assertion import Assertion, AttestedKey, verify_assertion
from backend.attestation.apple.attestation import AppleAttestation, verify_enrolment
from backend.attestation.apple.policy import ApplePolicy, Environment
from backend.attestation.apple.receipt import Receipt, verify_receipt
from backend.attestation.apple.refusal import AppleRefusal
from backend.attestation.trust import Roots
from tests.support.attestation.der_writer import context, integer, octets, sequence, set_of, tlv
from tests.support.attestation.x509_writer import Key, Link, name, new_key, roots_of

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
APP_ID: Final = "ABCDE12345.test.connectrex.phone"
CHALLENGE: Final = "a" * 43
JKT: Final = "b" * 43
CLIENT_DATA: Final = json.dumps({"challenge": CHALLENGE, "jkt": JKT}).encode()
PRODUCTION: Final = b"appattest" + bytes(7)
POLICY: Final = ApplePolicy(
    app_ids=frozenset({APP_ID}), environments=frozenset({Environment.PRODUCTION})
)

PHONE_KEY: Final = new_key()
INTERMEDIATE_KEY: Final = new_key()
ROOT: Final = Link(subject=name(COMMON_NAME="Test App Attestation Root"), key=new_key())
INTERMEDIATE: Final = Link(
    subject=name(COMMON_NAME="Test App Attestation CA 1"), key=INTERMEDIATE_KEY
)
ROOTS: Final = roots_of(ROOT.certificate(ROOT))
NONCE_OID: Final = "1.2.840.113635.100.8.2"


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as 04 | x | y."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def key_id_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The name that App Attest gives the key."""
    return sha256(point_of(key)).digest()


def cose_of(key: ec.EllipticCurvePrivateKey) -> dict[Any, Any]:
    """The public key as COSE."""
    point = point_of(key)
    return {1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]}


def nonce_extension(nonce: bytes) -> bytes:
    """The extension as Apple writes it."""
    return sequence(context(1, octets(nonce)))


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A phone that shows its App Attest key, right in everything unless `replace`d."""

    leaf_key: Key = PHONE_KEY
    key_id: bytes = key_id_of(PHONE_KEY)
    client_data: bytes = CLIENT_DATA
    app_id: str = APP_ID
    flags: int = 0x40
    counter: int = 0
    aaguid: bytes = PRODUCTION
    credential_id: bytes = key_id_of(PHONE_KEY)
    cose: object = field(default_factory=lambda: cose_of(PHONE_KEY))
    trailing: bytes = b""
    authenticator_data: bytes | None = None
    extension: bytes | None = None
    extension_oid: str = NONCE_OID
    since: datetime = NOW - timedelta(days=1)
    until: datetime = NOW + timedelta(days=2)
    intermediate: Link = INTERMEDIATE
    x5c: tuple[object, ...] | None = None
    members: Mapping[str, object] = field(default_factory=dict)
    attestation_object: bytes | None = None
    receipt: bytes = b"a receipt"
    challenge: str = CHALLENGE
    jkt: str = JKT
    policy: ApplePolicy = POLICY
    roots: Roots = ROOTS
    now: datetime = NOW

    def data(self) -> bytes:
        """The authenticator data."""
        if self.authenticator_data is not None:
            return self.authenticator_data
        return b"".join(
            (
                sha256(self.app_id.encode()).digest(),
                bytes([self.flags]),
                self.counter.to_bytes(4),
                self.aaguid,
                len(self.credential_id).to_bytes(2),
                self.credential_id,
                cbor2.dumps(self.cose),
                self.trailing,
            )
        )

    def leaf(self) -> bytes:
        """The certificate of the attested key."""
        nonce = sha256(self.data() + sha256(self.client_data).digest()).digest()
        said = nonce_extension(nonce) if self.extension is None else self.extension
        link = Link(
            subject=name(COMMON_NAME=self.key_id.hex()),
            key=self.leaf_key,
            ca=None,
            since=self.since,
            until=self.until,
            extensions=((self.extension_oid, said),),
        )
        return link.certificate(self.intermediate)

    def object(self) -> bytes:
        """The attestation object."""
        if self.attestation_object is not None:
            return self.attestation_object
        x5c = (self.leaf(), self.intermediate.certificate(ROOT)) if self.x5c is None else self.x5c
        parts = {
            "fmt": "apple-appattest",
            "attStmt": {"x5c": list(x5c), "receipt": self.receipt},
            "authData": self.data(),
        }
        return cbor2.dumps({**parts, **self.members})

    def verdict(self) -> AppleAttestation | AppleRefusal:
        """What the server makes of it."""
        return verify_enrolment(
            self.object(),
            key_id=self.key_id,
            client_data=self.client_data,
            challenge=self.challenge,
            jkt=self.jkt,
            policy=self.policy,
            roots=self.roots,
            now=self.now,
        )


ATTESTED: Final = AttestedKey(public_key=PHONE_KEY.public_key(), app_id=APP_ID, counter=7)


@dataclass(frozen=True, kw_only=True)
class Signing:
    """A phone that signs client data with its attested key, right unless `replace`d."""

    signed_by: ec.EllipticCurvePrivateKey = PHONE_KEY
    client_data: bytes = b"what the phone says"
    signed_data: bytes = b"what the phone says"
    app_id: str = APP_ID
    counter: int = 8
    trailing: bytes = b""
    signature: bytes | None = None
    authenticator_data: bytes | None = None
    assertion: bytes | None = None
    attested: AttestedKey = ATTESTED

    def bytes(self) -> bytes:
        """The assertion."""
        if self.assertion is not None:
            return self.assertion
        head = sha256(self.app_id.encode()).digest() + b"\x40" + self.counter.to_bytes(4)
        data = head + self.trailing if self.authenticator_data is None else self.authenticator_data
        nonce = sha256(data + sha256(self.signed_data).digest()).digest()
        signature = self.signature or self.signed_by.sign(nonce, ec.ECDSA(hashes.SHA256()))
        return cbor2.dumps({"signature": signature, "authenticatorData": data})

    def verdict(self) -> Assertion | AppleRefusal:
        """What the server makes of it."""
        return verify_assertion(self.bytes(), client_data=self.client_data, key=self.attested)


SIGNER_KEY: Final = new_key()
SIGNER: Final = Link(
    subject=name(COUNTRY_NAME="US", COMMON_NAME="Test Receipt Signing"),
    key=SIGNER_KEY,
    serial=0x5163,
    ca=None,
)
CREATED_AT: Final = NOW - timedelta(seconds=4)
SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
DATA: Final = bytes.fromhex("06092a864886f70d010701")
SHA256: Final = bytes.fromhex("0609608648016503040201")
ECDSA_SHA256: Final = bytes.fromhex("06082a8648ce3d040302")


def instant(at: datetime) -> bytes:
    """A time as receipts write it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def _attested_certificate() -> bytes:
    return Attempt().leaf()


@dataclass(frozen=True, kw_only=True)
class Given:
    """A receipt that Apple gives, right in everything unless `replace`d; fields by number."""

    fields: Mapping[int, bytes | None] = field(default_factory=dict)
    content: bytes | None = None
    signed_by: ec.EllipticCurvePrivateKey = SIGNER_KEY
    signer: Link = SIGNER
    intermediate: Link = INTERMEDIATE
    enclosed: tuple[bytes, ...] | None = None
    serial: int | None = None
    kind: bytes = SIGNED_DATA
    content_kind: bytes = DATA
    digest: bytes = SHA256
    algorithm: bytes = ECDSA_SHA256
    more_of_signer: tuple[bytes, ...] = ()
    app_id: str = APP_ID
    key: ec.EllipticCurvePublicKey = field(default_factory=PHONE_KEY.public_key)
    roots: Roots = ROOTS
    now: datetime = NOW

    def payload(self) -> bytes:
        """The signed content."""
        if self.content is not None:
            return self.content
        good: dict[int, bytes | None] = {
            2: APP_ID.encode(),
            3: _attested_certificate(),
            4: sha256(CLIENT_DATA).digest(),
            5: b"token",
            6: b"ATTEST",
            7: b"production",
            12: instant(CREATED_AT),
            21: instant(CREATED_AT + timedelta(days=90)),
        }
        chosen = {number: value for number, value in {**good, **self.fields}.items() if value}
        return set_of(
            *(
                sequence(integer(number), integer(1), octets(value))
                for number, value in chosen.items()
            )
        )

    def bytes(self) -> bytes:
        """The receipt, in DER."""
        payload = self.payload()
        signer_certificate = self.signer.certificate(self.intermediate)
        enclosed = self.enclosed or (signer_certificate, self.intermediate.certificate(ROOT))
        issuer = x509.load_der_x509_certificate(signer_certificate).issuer.public_bytes()
        serial = self.signer.serial if self.serial is None else self.serial
        signer = sequence(
            integer(1),
            sequence(issuer, integer(serial)),
            sequence(self.digest),
            *self.more_of_signer,
            sequence(self.algorithm),
            octets(self.signed_by.sign(payload, ec.ECDSA(hashes.SHA256()))),
        )
        signed_data = sequence(
            integer(1),
            set_of(sequence(SHA256)),
            sequence(self.content_kind, context(0, octets(payload))),
            tlv(0xA0, b"".join(enclosed)),
            set_of(signer),
        )
        return sequence(self.kind, context(0, signed_data))

    def verdict(self) -> Receipt | AppleRefusal:
        """What the server makes of it."""
        return verify_receipt(
            self.bytes(),
            app_id=self.app_id,
            key=self.key,
            roots=self.roots,
            now=self.now,
            max_age=timedelta(minutes=5),
        )
