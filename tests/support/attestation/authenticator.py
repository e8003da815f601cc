"""A browser with an authenticator in software: passkeys that it registers and uses, right or wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from backend.attestation.web.passkey import RelyingParty
from backend.simulator.proof import base64url
from tests.support.attestation.x509_writer import new_key

PARTY: Final = RelyingParty(id="connectrex.test", origin="https://connectrex.test")
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, INCLUDED, EXTENDED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
AAGUID: Final = bytes(16)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, kw_only=True)
class Authenticator:
    """A passkey and where it lives, right in everything unless `replace`d.

    `said` are further or other members of the client data; None leaves one out.
    """

    key: PrivateKey = field(default_factory=new_key)
    credential_id: bytes = b"a credential of the tests"
    party: RelyingParty = PARTY
    flags: int = PRESENT | VERIFIED
    counter: int = 0
    said: Mapping[str, Any] = field(default_factory=dict)
    trailing: bytes = b""

    def registration(self, challenge: str, **changes: bytes) -> dict[str, bytes]:
        """What `create()` gives; `changes` are other bytes in its members."""
        members = {
            "id": self.credential_id,
            "client_data": self.client_data("webauthn.create", challenge),
            "attestation_object": self.attestation_object(),
        }
        return members | changes

    def assertion(self, challenge: str, **changes: bytes) -> dict[str, bytes]:
        """What `get()` gives; `changes` are other bytes in its members, signed where they count."""
        members = {
            "id": self.credential_id,
            "client_data": self.client_data("webauthn.get", challenge),
            "authenticator_data": self.head(self.flags) + self.trailing,
        } | changes
        signed = members["authenticator_data"] + sha256(members["client_data"]).digest()
        return {**members, "signature": changes.get("signature", self._sign(signed))}

    def client_data(self, ceremony: str, challenge: str) -> bytes:
        """The bytes that browsers hash."""
        said = {
            "type": ceremony,
            "challenge": challenge,
            "origin": self.party.origin,
            "crossOrigin": False,
            **self.said,
        }
        return json.dumps({name: one for name, one in said.items() if one is not None}).encode()

    def head(self, flags: int) -> bytes:
        """The first 37 bytes of authenticator data."""
        return sha256(self.party.id.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4)

    def attestation_object(self, *, cose: bytes | None = None, **changes: Any) -> bytes:
        """The attestation object; `changes` are other members, `cose` another key."""
        length = len(self.credential_id).to_bytes(2)
        credential = AAGUID + length + self.credential_id + (cose or cbor2.dumps(self.cose()))
        data = self.head(self.flags | INCLUDED) + credential + self.trailing
        return cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data} | changes)

    def cose(self) -> dict[int, Any]:
        """The passkey's public key."""
        public = self.key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return {1: 3, 3: -257, -1: numbers.n.to_bytes(256), -2: numbers.e.to_bytes(3)}
        point = public.public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}

    def _sign(self, signed: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(signed, ec.ECDSA(hashes.SHA256()))


def as_sent(members: Mapping[str, bytes]) -> dict[str, str]:
    """The members as a page sends them."""
    return {name: base64url(value) for name, value in members.items()}
