"""Authenticator data (WebAuthn, section 6.1) as App Attest writes it.

Not as WebAuthn reads it: since iOS 27 a CBOR map of extensions may stand at the end although its
flag is not set, and assertions set the flag of a credential that they do not contain. So the flags
are not obeyed. Whether a credential follows depends on what is read, and after it stands nothing or
exactly one map. All of it is covered by a signature or by the nonce.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from backend.attestation import cbor
from backend.attestation.apple.refusal import AppleRefusal
from backend.attestation.cbor import NotCborError
from backend.attestation.cose import p256_key

_RP_ID_HASH: Final = slice(0, 32)
_COUNTER: Final = slice(33, 37)
_HEAD_BYTES: Final = 37
_AAGUID: Final = slice(37, 53)
_ID_LENGTH: Final = slice(53, 55)
_ID_AT: Final = 55


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """What the system says of the app since iOS 27; `members` holds everything that it said.

    `bundle_version` is the app's build, `validation_category` Apple's number for how it came to be
    launched (App Store, TestFlight, development …). None where the member is absent or has another
    form.
    """

    bundle_version: str | None
    validation_category: int | None
    members: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """The key that was made: the environment's aaguid, identifier and public key."""

    aaguid: bytes
    id: bytes
    public_key: ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatorData:
    """Whose application, and how often the key has signed."""

    rp_id_hash: bytes
    counter: int
    extensions: Extensions


def read_attested(data: bytes) -> tuple[AuthenticatorData, Credential] | AppleRefusal:
    """The authenticator data of an attestation, and the credential that it has."""
    id_end = _ID_AT + int.from_bytes(data[_ID_LENGTH])
    if len(data) < _ID_AT or id_end > len(data):
        return AppleRefusal.AUTHENTICATOR_DATA_MALFORMED
    try:
        cose_key, rest = cbor.first(data[id_end:])
    except NotCborError:
        return AppleRefusal.COSE_KEY_MALFORMED
    public_key = p256_key(cose_key)
    if public_key is None:
        return AppleRefusal.COSE_KEY_MALFORMED
    whole = _whole(data, rest)
    if isinstance(whole, AppleRefusal):
        return whole
    return whole, Credential(aaguid=data[_AAGUID], id=data[_ID_AT:id_end], public_key=public_key)


def read_asserted(data: bytes) -> AuthenticatorData | AppleRefusal:
    """The authenticator data of an assertion, which has no credential."""
    if len(data) < _HEAD_BYTES:
        return AppleRefusal.AUTHENTICATOR_DATA_MALFORMED
    return _whole(data, data[_HEAD_BYTES:])


def _whole(data: bytes, rest: bytes) -> AuthenticatorData | AppleRefusal:
    extensions = _extensions(rest)
    if extensions is None:
        return AppleRefusal.EXTENSIONS_MALFORMED
    return AuthenticatorData(
        rp_id_hash=data[_RP_ID_HASH],
        counter=int.from_bytes(data[_COUNTER]),
        extensions=extensions,
    )


def _extensions(rest: bytes) -> Extensions | None:
    members: object = {}
    if rest:
        try:
            members = cbor.single(rest)
        except NotCborError:
            return None
    if not isinstance(members, dict) or any(type(name) is not str for name in members):
        return None
    version = members.get("apple_bundle_version_01")
    category = members.get("apple_validation_category_01")
    return Extensions(
        bundle_version=version if isinstance(version, str) else None,
        validation_category=(
            int.from_bytes(category, "little") if isinstance(category, bytes) else None
        ),
        members=members,
    )
