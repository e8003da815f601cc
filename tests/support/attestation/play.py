"""Google Play in software: every integrity token that a test needs."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from backend.attestation.play_integrity.integrity import (
    PlayIntegrity,
    PlayPolicy,
    nonce_of,
    verify,
)
from backend.attestation.play_integrity.refusal import PlayIntegrityRefusal
from backend.attestation.play_integrity.token import ResponseKeys
from tests.support.attestation.android_ca import APP, NOW, PACKAGE, SIGNER
from tests.support.attestation.x509_writer import new_key

DECRYPTION_KEY: Final = bytes(range(100, 132))
CONTENT_KEY: Final = bytes(range(32, 64))
GOOGLE_KEY: Final = new_key()
KEYS: Final = ResponseKeys(decryption=DECRYPTION_KEY, verification=GOOGLE_KEY.public_key())
POLICY: Final = PlayPolicy(keys={PACKAGE: KEYS}, apps=frozenset({APP}))
NONCE: Final = nonce_of("a" * 43, "b" * 43)
GOOD_JWE: Final = {"alg": "A256KW", "enc": "A256GCM"}
GOOD_JWS: Final = {"alg": "ES256"}


def part(data: bytes) -> str:
    """The bytes as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def millis(at: datetime) -> str:
    """A time as Google writes it."""
    return str(int(at.timestamp() * 1000))


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token that Google makes, right in everything unless `replace`d."""

    nonce: str | None = NONCE
    made_at: datetime = NOW - timedelta(seconds=2)
    request: Mapping[str, object] = field(default_factory=dict)
    app: Mapping[str, object] = field(default_factory=dict)
    device: Mapping[str, object] = field(default_factory=dict)
    members: Mapping[str, object] = field(default_factory=dict)
    payload: bytes | None = None
    jws_header: bytes | None = None
    jwe_header: bytes | None = None
    signed_by: ec.EllipticCurvePrivateKey = GOOGLE_KEY
    jws: bytes | None = None
    wrapped_with: bytes = DECRYPTION_KEY
    iv: bytes = bytes(12)

    def claims(self) -> dict[str, Any]:
        """What Google says."""
        request = {
            "requestPackageName": PACKAGE,
            "timestampMillis": millis(self.made_at),
            "nonce": self.nonce,
        }
        app = {
            "appRecognitionVerdict": "PLAY_RECOGNIZED",
            "packageName": PACKAGE,
            "certificateSha256Digest": [part(SIGNER)],
            "versionCode": "7",
        }
        device = {"deviceRecognitionVerdict": ["MEETS_STRONG_INTEGRITY", "MEETS_DEVICE_INTEGRITY"]}
        return {
            "requestDetails": _known({**request, **self.request}),
            "appIntegrity": _known({**app, **self.app}),
            "deviceIntegrity": _known({**device, **self.device}),
            "accountDetails": {"appLicensingVerdict": "LICENSED"},
            **self.members,
        }

    def signed(self) -> bytes:
        """The inner token."""
        if self.jws is not None:
            return self.jws
        header = json.dumps(GOOD_JWS).encode() if self.jws_header is None else self.jws_header
        payload = json.dumps(self.claims()).encode() if self.payload is None else self.payload
        signing_input = f"{part(header)}.{part(payload)}"
        r, s = decode_dss_signature(
            self.signed_by.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256()))
        )
        return f"{signing_input}.{part(r.to_bytes(32) + s.to_bytes(32))}".encode()

    def text(self) -> str:
        """The token."""
        said = json.dumps(GOOD_JWE).encode() if self.jwe_header is None else self.jwe_header
        header = part(said)
        sealed = AESGCM(CONTENT_KEY).encrypt(self.iv, self.signed(), header.encode())
        wrapped = aes_key_wrap(self.wrapped_with, CONTENT_KEY)
        return ".".join((header, *map(part, (wrapped, self.iv, sealed[:-16], sealed[-16:]))))


def _known(members: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}


def verdict(
    token: str, *, nonce: str = NONCE, policy: PlayPolicy = POLICY, now: datetime = NOW
) -> PlayIntegrity | PlayIntegrityRefusal:
    """What the server makes of a token."""
    return verify(token, nonce=nonce, policy=policy, now=now)
