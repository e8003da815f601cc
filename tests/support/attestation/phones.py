"""Phones with hardware in software: evidence for the simulator's phone, and a server that asks."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend.attestation.play_integrity.integrity import nonce_of
from backend.core.db import Database
from backend.core.settings import Settings
from backend.devices.status_lists import keep_status_list
from backend.simulator.phone import EvidenceMaker, PresenceMaker
from backend.simulator.proof import ProofKey
from tests.support.attestation import android_ca, apple_ca, play
from tests.support.attestation.android_ca import (
    BATCH,
    FACTORY,
    PACKAGE,
    REMOTE,
    REMOTE_KEY,
    REMOTE_SERVER,
    SIGNER,
    Statement,
    target,
)
from tests.support.attestation.der_writer import integer
from tests.support.attestation.x509_writer import Link, chain, new_key
from tests.support.clocks import START

Members = Mapping[str, object]
EMPTY_LIST: Final = b'{"entries": {}}'
ABOVE_FACTORY_KEY: Final = (BATCH, FACTORY, android_ca.ROOT)
ABOVE_REMOTE_KEY: Final = (REMOTE_KEY, REMOTE_SERVER, REMOTE, android_ca.ROOT)


def attesting(settings: Settings, folder: Path) -> Settings:
    """The settings of a server that verifies all evidence, under the roots of the tests."""
    roots, keys = folder / "roots.pem", folder / "play-keys.json"
    roots.write_bytes(_pem(android_ca.ROOT) + _pem(apple_ca.ROOT))
    google = play.GOOGLE_KEY.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    given = {"decryption": play.DECRYPTION_KEY, "verification": google}
    texts = {name: b64encode(key).decode() for name, key in given.items()}
    keys.write_text(json.dumps({PACKAGE: texts}), encoding="ascii")
    return replace(
        settings,
        android_apps=f"{PACKAGE}={SIGNER.hex()}",
        ios_apps=apple_ca.APP_ID,
        play_integrity_keys=keys,
        attestation_roots=roots,
    )


def _pem(root: Link) -> bytes:
    return x509.load_der_x509_certificate(root.certificate(root)).public_bytes(Encoding.PEM)


def give_status_list(
    database: Database, *, data: bytes = EMPTY_LIST, fetched_at: datetime = START
) -> None:
    """Let the server have fetched a list."""
    with database.transaction() as session:
        keep_status_list(session, data, fetched_at=fetched_at)


def revoking(*serials: str) -> bytes:
    """A list that revokes these serial numbers, as the list writes them."""
    return json.dumps({"entries": {serial: {"status": "REVOKED"} for serial in serials}}).encode()


def android_key(
    challenge: bytes,
    key: ec.EllipticCurvePrivateKey,
    *,
    above: Sequence[Link] = ABOVE_FACTORY_KEY,
    statement: Statement | None = None,
) -> Members:
    """What an Android phone shows of its key: in a trusted environment unless stated otherwise."""
    said = replace(statement or Statement(), challenge=challenge)
    certificates = chain((target(said.der(), key), *above))
    return {"type": "android-key", "x5c": [b64encode(der).decode() for der in certificates]}


def android(
    *, above: Sequence[Link] = ABOVE_FACTORY_KEY, statement: Statement | None = None
) -> EvidenceMaker:
    """A phone that shows its Android Key Attestation."""

    def make(challenge: str, key: ProofKey) -> Sequence[Members]:
        return [android_key(decoded(challenge), key._key, above=above, statement=statement)]

    return make


def strongbox() -> EvidenceMaker:
    """A phone whose key is in a StrongBox."""
    return android(statement=Statement(attested_by=2, kept_by=2))


def remote() -> EvidenceMaker:
    """A phone whose attestation key Google provisioned."""
    return android(above=ABOVE_REMOTE_KEY)


def with_play(maker: EvidenceMaker, **changes: Any) -> EvidenceMaker:
    """A phone that shows a token of Play Integrity too, right unless changed."""

    def make(challenge: str, key: ProofKey) -> Sequence[Members]:
        token = play.Token(**{"nonce": nonce_of(challenge, key.jkt), **changes})
        return [*maker(challenge, key), {"type": "play-integrity", "token": token.text()}]

    return make


def changed(maker: EvidenceMaker, change: Callable[[dict[str, Any]], object]) -> EvidenceMaker:
    """A phone that shows what `change` made of its first piece of evidence."""

    def make(challenge: str, key: ProofKey) -> Sequence[Members]:
        first, *others = maker(challenge, key)
        members = dict(first)
        change(members)
        return [members, *others]

    return make


@dataclass(frozen=True, kw_only=True)
class IPhone:
    """An iPhone with an App Attest key of its own; `changes` are those of its attestation."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    now: datetime = START
    changes: Mapping[str, Any] = field(default_factory=dict)
    receipt: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, challenge: str, key: ProofKey) -> Sequence[Members]:
        """Make the evidence."""
        return [self.attest(client_data_of(challenge, key.jkt))]

    def attest(self, client_data: str) -> Members:
        """Vouch with the App Attest key for what `client_data` says."""
        attempt = apple_ca.Attempt(
            **{
                "leaf_key": self.key,
                "key_id": apple_ca.key_id_of(self.key),
                "credential_id": apple_ca.key_id_of(self.key),
                "cose": apple_ca.cose_of(self.key),
                "client_data": client_data.encode(),
                **self.changes,
            }
        )
        shown = replace(attempt, receipt=self._receipt(attempt))
        return {
            "type": "apple-appattest",
            "key_id": b64encode(shown.key_id).decode(),
            "object": b64encode(shown.object()).decode(),
            "client_data": client_data,
        }

    def _receipt(self, attempt: apple_ca.Attempt) -> bytes:
        made_at = self.now - timedelta(seconds=4)
        fields = {
            3: attempt.leaf(),
            4: sha256(attempt.client_data).digest(),
            12: apple_ca.instant(made_at),
            21: apple_ca.instant(made_at + timedelta(days=90)),
        }
        return apple_ca.Given(**{"fields": fields, **self.receipt}).bytes()

    def assertion(self, client_data: str, *, counter: int) -> str:
        """What the genuine app signs with its key, in base64."""
        signing = apple_ca.Signing(
            signed_by=self.key,
            client_data=client_data.encode(),
            signed_data=client_data.encode(),
            counter=counter,
        )
        return b64encode(signing.bytes()).decode()


VERIFYING: Final[Mapping[int, bytes | None]] = {503: None, 504: integer(3)}
"""What an Android phone's hardware enforces for a key that its user's finger or code opens."""


def android_presence(
    *, above: Sequence[Link] = ABOVE_FACTORY_KEY, enforced: Mapping[int, bytes | None] = VERIFYING
) -> PresenceMaker:
    """A phone that shows the Android Key Attestation of its presence key."""

    def make(challenge: str, _key: ProofKey, presence: ProofKey) -> Members:
        statement = Statement().enforcing(enforced)
        shown = android_key(decoded(challenge), presence._key, above=above, statement=statement)
        return {"x5c": shown["x5c"]}

    return make


def iphone_presence(iphone: IPhone, *, counter: int, **changes: str) -> PresenceMaker:
    """An iPhone whose app says how its presence key is guarded."""

    def make(challenge: str, key: ProofKey, presence: ProofKey) -> Members:
        said = {
            "access_control": "biometryCurrentSet",
            "challenge": challenge,
            "jkt": key.jkt,
            "presence_jkt": presence.jkt,
        }
        client_data = json.dumps(said | changes)
        assertion = iphone.assertion(client_data, counter=counter)
        return {"app_assertion": {"assertion": assertion, "client_data": client_data}}

    return make


def client_data_of(challenge: str, jkt: str) -> str:
    """What the app has signed or attested."""
    return json.dumps({"challenge": challenge, "jkt": jkt})


def decoded(challenge: str) -> bytes:
    """The bytes of a challenge's text."""
    return urlsafe_b64decode(challenge + "=")
