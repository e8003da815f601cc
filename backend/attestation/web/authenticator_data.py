"""Authenticator data (WebAuthn, section 6.1), read as its flags say: nothing missing, nothing over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backend.attestation import cbor
from backend.attestation.cbor import NotCborError

_RP_ID_HASH: Final = slice(0, 32)
_FLAGS_AT: Final = 32
_COUNTER: Final = slice(33, 37)
_HEAD_BYTES: Final = 37
_ID_LENGTH: Final = slice(53, 55)
_ID_AT: Final = 55
MAX_CREDENTIAL_ID_BYTES: Final = 1023

_USER_PRESENT, _USER_VERIFIED, _BACKUP_ELIGIBLE, _BACKED_UP = 0x01, 0x04, 0x08, 0x10
_CREDENTIAL_INCLUDED, _EXTENSIONS_INCLUDED = 0x40, 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialData:
    """The credential that was made: its identifier, and its key as CBOR and as it reads."""

    id: bytes
    cose: bytes
    cose_key: object


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatorData:
    """What an authenticator says of itself and its user.

    `backup_eligible`: the credential may be copied to the user's other devices.
    """

    rp_id_hash: bytes
    user_present: bool
    user_verified: bool
    backup_eligible: bool
    counter: int
    credential: CredentialData | None


def read(data: bytes) -> AuthenticatorData | None:
    """The authenticator data, or None where it is not exactly what its flags say."""
    if len(data) < _HEAD_BYTES:
        return None
    flags, rest, credential = data[_FLAGS_AT], data[_HEAD_BYTES:], None
    if flags & _BACKED_UP and not flags & _BACKUP_ELIGIBLE:
        return None
    try:
        if flags & _CREDENTIAL_INCLUDED:
            credential, rest = _credential(data)
        if flags & _EXTENSIONS_INCLUDED and not isinstance(cbor.single(rest), dict):
            return None
    except NotCborError:
        return None
    if rest and not flags & _EXTENSIONS_INCLUDED:
        return None
    return AuthenticatorData(
        rp_id_hash=data[_RP_ID_HASH],
        user_present=bool(flags & _USER_PRESENT),
        user_verified=bool(flags & _USER_VERIFIED),
        backup_eligible=bool(flags & _BACKUP_ELIGIBLE),
        counter=int.from_bytes(data[_COUNTER]),
        credential=credential,
    )


def _credential(data: bytes) -> tuple[CredentialData, bytes]:
    id_end = _ID_AT + int.from_bytes(data[_ID_LENGTH])
    if not _ID_AT < id_end <= min(len(data), _ID_AT + MAX_CREDENTIAL_ID_BYTES):
        raise NotCborError
    cose_key, rest = cbor.first(data[id_end:])
    cose = data[id_end : len(data) - len(rest)]
    return CredentialData(id=data[_ID_AT:id_end], cose=cose, cose_key=cose_key), rest
