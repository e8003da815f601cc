"""A passkey, registered and used (WebAuthn Level 2, sections 7.1 and 7.2), its user verified.

`verify_registration` and `verify_assertion` look, in this order, for
  1  members no larger than browsers send
  2  client data in strict JSON: of this ceremony, our challenge, our origin, no other site's frame
  3  registration: strict CBOR whose format is `none`; assertion: the registered credential
  4  authenticator data as long as its flags say, for our relying party
  5  somebody there, and verified
  6  registration: the credential's identifier, and a key for ES256 or RS256
     assertion: the signature, as py_webauthn verifies it, and a counter above the last one, which
     authenticators that do not count leave at zero
py_webauthn judges the whole once more: what it does not accept is not accepted. It is not asked first,
for it reads lax JSON and names nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self
from urllib.parse import urlsplit

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    RegistrationCredential,
)

from backend.attestation import cbor, strict_json
from backend.attestation.cbor import NotCborError
from backend.attestation.cose import p256_key, rsa_key
from backend.attestation.web import authenticator_data
from backend.attestation.web.authenticator_data import AuthenticatorData
from backend.attestation.web.refusal import WebRefusal

ALGORITHMS: Final = (
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
"""What is asked for, in this order; Windows Hello in older TPMs signs RS256 alone."""

_MAX_BYTES: Final = 8192
_CREATE: Final = "webauthn.create"
_GET: Final = "webauthn.get"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """Whom a passkey is for: the host that browsers bind it to, and the page's origin."""

    id: str
    origin: str

    @classmethod
    def of(cls, public_url: str) -> Self:
        """Return the relying party that this public URL is."""
        parts = urlsplit(public_url)
        return cls(id=parts.hostname or "", origin=f"{parts.scheme}://{parts.netloc}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A registered credential: its COSE key in CBOR, and its last counter.

    `backup_eligible`: it may be copied to the person's other devices, and so to somebody else's.
    """

    id: bytes
    public_key: bytes
    counter: int
    backup_eligible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRegistration:
    """What `navigator.credentials.create()` gave the page, decoded."""

    id: bytes
    client_data: bytes
    attestation_object: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAssertion:
    """What `navigator.credentials.get()` gave the page, decoded."""

    id: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


def verify_registration(  # noqa: PLR0911 a verification returns where it fails
    sent: SentRegistration, *, challenge: str, party: RelyingParty
) -> Passkey | WebRefusal:
    """The passkey that was made for `challenge`, or the first step that fails."""
    # 1, 2
    if max(map(len, (sent.id, sent.client_data, sent.attestation_object))) > _MAX_BYTES:
        return WebRefusal.TOO_LARGE
    refusal = _wrong_client_data(sent.client_data, _CREATE, challenge, party)
    if refusal is not None:
        return refusal

    # 3
    data = _attested(sent.attestation_object)
    if isinstance(data, WebRefusal):
        return data

    # 4, 5
    refusal = _wrong_authenticator(data, party)
    if refusal is not None:
        return refusal

    # 6
    made = data.credential
    if made is None:
        return WebRefusal.AUTHENTICATOR_DATA_MALFORMED
    if not hmac.compare_digest(made.id, sent.id):
        return WebRefusal.WRONG_CREDENTIAL_ID
    if p256_key(made.cose_key) is None and rsa_key(made.cose_key) is None:
        return WebRefusal.UNSUPPORTED_KEY
    if not _is_registered(sent, challenge, party):
        return WebRefusal.WRONG_SHAPE

    return Passkey(
        id=made.id,
        public_key=made.cose,
        counter=data.counter,
        backup_eligible=data.backup_eligible,
    )


def verify_assertion(  # noqa: PLR0911 a verification returns where it fails
    sent: SentAssertion, *, challenge: str, party: RelyingParty, passkey: Passkey
) -> int | WebRefusal:
    """The counter to store in place of `passkey.counter`, or the first step that fails.

    Two requests may carry one assertion at the same moment: who stores it compares and sets.
    """
    # 1, 2
    members = (sent.id, sent.client_data, sent.authenticator_data, sent.signature)
    if max(map(len, members)) > _MAX_BYTES:
        return WebRefusal.TOO_LARGE
    refusal = _wrong_client_data(sent.client_data, _GET, challenge, party)
    if refusal is not None:
        return refusal

    # 3
    if not hmac.compare_digest(sent.id, passkey.id):
        return WebRefusal.WRONG_CREDENTIAL

    # 4, 5
    data = authenticator_data.read(sent.authenticator_data)
    if data is None or data.credential is not None:
        return WebRefusal.AUTHENTICATOR_DATA_MALFORMED
    refusal = _wrong_authenticator(data, party)
    if refusal is not None:
        return refusal

    # 6
    if (data.counter or passkey.counter) and data.counter <= passkey.counter:
        return WebRefusal.COUNTER_NOT_RISING
    if not _is_asserted(sent, challenge, party, passkey):
        return WebRefusal.WRONG_SIGNATURE

    return data.counter


def _wrong_client_data(
    data: bytes, ceremony: str, challenge: str, party: RelyingParty
) -> WebRefusal | None:
    said = _said(data)
    if said is None:
        return WebRefusal.CLIENT_DATA_MALFORMED
    if said["type"] != ceremony:
        return WebRefusal.WRONG_TYPE
    # An empty challenge would be met by a page that was never asked.
    if not challenge or said["challenge"] != challenge:
        return WebRefusal.WRONG_CHALLENGE
    if said["origin"] != party.origin:
        return WebRefusal.WRONG_ORIGIN
    return WebRefusal.CROSS_ORIGIN if said.get("crossOrigin", False) is not False else None


def _said(data: bytes) -> Mapping[str, object] | None:
    try:
        said = strict_json.read(data)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    named = all(type(said.get(name)) is str for name in ("type", "challenge", "origin"))
    return said if named else None


def _attested(attestation_object: bytes) -> AuthenticatorData | WebRefusal:
    try:
        item = cbor.single(attestation_object)
    except NotCborError:
        return WebRefusal.NOT_CBOR
    match item:
        case {"fmt": str(form), "attStmt": dict(statement), "authData": bytes(data)}:
            if form != "none" or statement:
                return WebRefusal.WRONG_FORMAT
            return authenticator_data.read(data) or WebRefusal.AUTHENTICATOR_DATA_MALFORMED
        case _:
            return WebRefusal.WRONG_SHAPE


def _wrong_authenticator(data: AuthenticatorData, party: RelyingParty) -> WebRefusal | None:
    if not hmac.compare_digest(data.rp_id_hash, sha256(party.id.encode()).digest()):
        return WebRefusal.WRONG_RP_ID
    if not data.user_present:
        return WebRefusal.USER_NOT_PRESENT
    return None if data.user_verified else WebRefusal.USER_NOT_VERIFIED


def _is_registered(sent: SentRegistration, challenge: str, party: RelyingParty) -> bool:
    credential = RegistrationCredential(
        id=bytes_to_base64url(sent.id),
        raw_id=sent.id,
        response=AuthenticatorAttestationResponse(
            client_data_json=sent.client_data, attestation_object=sent.attestation_object
        ),
    )
    try:
        verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
            supported_pub_key_algs=list(ALGORITHMS),
        )
    except WebAuthnException:
        return False
    return True


def _is_asserted(
    sent: SentAssertion, challenge: str, party: RelyingParty, passkey: Passkey
) -> bool:
    credential = AuthenticationCredential(
        id=bytes_to_base64url(sent.id),
        raw_id=sent.id,
        response=AuthenticatorAssertionResponse(
            client_data_json=sent.client_data,
            authenticator_data=sent.authenticator_data,
            signature=sent.signature,
        ),
    )
    try:
        verify_authentication_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.counter,
            require_user_verification=True,
        )
    except WebAuthnException:
        return False
    return True
