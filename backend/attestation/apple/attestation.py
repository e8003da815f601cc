"""App Attest attestations, verified (Apple, "Validating apps that connect to your server").

`verify_enrolment` first holds the client data against the enrolment, then `verify_attestation`:
  1  at most 16 KiB of strict CBOR with Apple's members and format
  2  certificates that lead to a trusted root, each within its dates now
  3  a nonce in the leaf that is SHA-256(authenticator data | SHA-256(client data))
  4  a key on P-256 whose hash is the key identifier
  5  the identifier of one of our applications
  6  a counter of zero
  7  the aaguid of an environment that the policy accepts
  8  a credential identifier that is the key identifier
  9  a COSE key that is the leaf's
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend.attestation import cbor, der
from backend.attestation.apple.authenticator_data import (
    AuthenticatorData,
    Credential,
    Extensions,
    read_attested,
)
from backend.attestation.apple.chain import read_certificates, wrong_chain
from backend.attestation.apple.client_data import wrong_client_data
from backend.attestation.apple.policy import ApplePolicy, Environment
from backend.attestation.apple.refusal import AppleRefusal
from backend.attestation.cbor import NotCborError
from backend.attestation.certificates import Certificate, p256, spki_of
from backend.attestation.der import DerError
from backend.attestation.trust import Roots

MAX_OBJECT_BYTES: Final = 16 * 1024

_FORMAT: Final = "apple-appattest"
_NONCE_OID: Final = "1.2.840.113635.100.8.2"
_NONCE_TAG: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleAttestation:
    """A key that Apple attests to be in a Secure Enclave, for the use of our application alone.

    `receipt` is not yet verified (`receipt.verify_receipt`). The key's counter starts at zero.
    """

    app_id: str
    environment: Environment
    key_id: bytes
    public_key: ec.EllipticCurvePublicKey
    extensions: Extensions
    receipt: bytes
    roots_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """The object's parts, of the right types and nothing more."""

    x5c: tuple[bytes, ...]
    receipt: bytes
    authenticator_data: bytes


def verify_enrolment(
    attestation_object: bytes,
    *,
    key_id: bytes,
    client_data: bytes,
    challenge: str,
    jkt: str,
    policy: ApplePolicy,
    roots: Roots,
    now: datetime,
) -> AppleAttestation | AppleRefusal:
    """The attested key, whose app vouches for the key `jkt` in answer to `challenge`."""
    refusal = wrong_client_data(client_data, challenge=challenge, jkt=jkt)
    if refusal is not None:
        return refusal
    return verify_attestation(
        attestation_object,
        key_id=key_id,
        client_data=client_data,
        policy=policy,
        roots=roots,
        now=now,
    )


def verify_attestation(  # noqa: PLR0911 a verification returns where it fails
    attestation_object: bytes,
    *,
    key_id: bytes,
    client_data: bytes,
    policy: ApplePolicy,
    roots: Roots,
    now: datetime,
) -> AppleAttestation | AppleRefusal:
    """The attested key, or the first step that fails. The meaning of `client_data` is the caller's."""
    # 1
    statement = _read(attestation_object)
    if isinstance(statement, AppleRefusal):
        return statement
    attested = read_attested(statement.authenticator_data)
    if isinstance(attested, AppleRefusal):
        return attested
    data, credential = attested

    # 2
    chain = read_certificates(statement.x5c)
    if isinstance(chain, AppleRefusal):
        return chain
    refusal = wrong_chain(chain[0], chain[1:], roots=roots, now=now)
    if refusal is not None:
        return refusal

    # 3, 4
    nonce = nonce_of(statement.authenticator_data, client_data)
    refusal = _wrong_nonce(chain[0], nonce) or _wrong_key_id(chain[0], key_id)
    if refusal is not None:
        return refusal

    # 5, 6
    app_id = app_of(data, policy.app_ids)
    if app_id is None:
        return AppleRefusal.WRONG_APP
    if data.counter != 0:
        return AppleRefusal.COUNTER_NOT_ZERO

    # 7
    environment = _environment(credential, policy)
    if isinstance(environment, AppleRefusal):
        return environment

    # 8, 9
    refusal = _wrong_credential(credential, chain[0], key_id)
    if refusal is not None:
        return refusal

    return AppleAttestation(
        app_id=app_id,
        environment=environment,
        key_id=key_id,
        public_key=credential.public_key,
        extensions=data.extensions,
        receipt=statement.receipt,
        roots_version=roots.version,
    )


def nonce_of(authenticator_data: bytes, client_data: bytes) -> bytes:
    """What Apple puts into a certificate, and what an attested key signs."""
    return sha256(authenticator_data + sha256(client_data).digest()).digest()


def app_of(data: AuthenticatorData, app_ids: frozenset[str]) -> str | None:
    """The application among `app_ids` that the evidence is of."""
    for app_id in app_ids:
        if sha256(app_id.encode()).digest() == data.rp_id_hash:
            return app_id
    return None


def _read(attestation_object: bytes) -> _Statement | AppleRefusal:
    if len(attestation_object) > MAX_OBJECT_BYTES:
        return AppleRefusal.TOO_LARGE
    try:
        item = cbor.single(attestation_object)
    except NotCborError:
        return AppleRefusal.NOT_CBOR
    match item:
        case {
            "fmt": str(fmt),
            "attStmt": {"x5c": [*x5c], "receipt": bytes(receipt)},
            "authData": bytes(authenticator_data),
        } if all(type(certificate) is bytes for certificate in x5c):
            if fmt != _FORMAT:
                return AppleRefusal.WRONG_FORMAT
            return _Statement(
                x5c=tuple(x5c), receipt=receipt, authenticator_data=authenticator_data
            )
        case _:
            return AppleRefusal.WRONG_SHAPE


def _wrong_nonce(leaf: Certificate, nonce: bytes) -> AppleRefusal | None:
    extension = leaf.unread.get(_NONCE_OID)
    if extension is None:
        return AppleRefusal.NONCE_MISSING
    try:
        (tagged,) = der.single(extension).sequence()
        said = tagged.explicit(_NONCE_TAG).octets()
    except (DerError, ValueError):
        return AppleRefusal.NONCE_MALFORMED
    if not hmac.compare_digest(said, nonce):
        return AppleRefusal.WRONG_NONCE
    return None


def _wrong_key_id(leaf: Certificate, key_id: bytes) -> AppleRefusal | None:
    key = p256(leaf.public_key)
    if key is None:
        return AppleRefusal.KEY_NOT_P256
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if sha256(point).digest() != key_id:
        return AppleRefusal.WRONG_KEY_ID
    return None


def _environment(credential: Credential, policy: ApplePolicy) -> Environment | AppleRefusal:
    try:
        environment = Environment(credential.aaguid)
    except ValueError:
        return AppleRefusal.UNKNOWN_ENVIRONMENT
    if environment not in policy.environments:
        return AppleRefusal.WRONG_ENVIRONMENT
    return environment


def _wrong_credential(
    credential: Credential, leaf: Certificate, key_id: bytes
) -> AppleRefusal | None:
    if credential.id != key_id:
        return AppleRefusal.WRONG_CREDENTIAL_ID
    if spki_of(credential.public_key) != leaf.spki:
        return AppleRefusal.WRONG_COSE_KEY
    return None
