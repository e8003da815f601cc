"""What our iOS app has vouched for: an enrolment's challenge, and the key that answers it.

An App Attest key cannot sign a JWS, so the genuine app names the Secure Enclave key that can.
"""

from __future__ import annotations

import hmac
from typing import Final

from backend.attestation import strict_json
from backend.attestation.apple.refusal import AppleRefusal

MAX_CLIENT_DATA_BYTES: Final = 512
VERIFYING_ACCESS_CONTROLS: Final = frozenset(
    {"biometryCurrentSet", "devicePasscode", "biometryCurrentSet|devicePasscode"}
)
"""SecAccessControl's flags that let nobody use a key but who shows finger, face or passcode."""


def wrong_client_data(data: bytes, *, challenge: str, jkt: str) -> AppleRefusal | None:
    """What is wrong with client data that must be `{"challenge": challenge, "jkt": jkt}`.

    `data` are the bytes that were hashed for the attestation. `challenge` is the text that was
    given out, `jkt` the thumbprint of the key whose proof came with it.
    """
    said = _read(data)
    if said is None:
        return AppleRefusal.CLIENT_DATA_MALFORMED
    said_challenge, said_jkt = said
    if not challenge or not _same(said_challenge, challenge):
        return AppleRefusal.WRONG_CHALLENGE
    if not jkt or not _same(said_jkt, jkt):
        return AppleRefusal.WRONG_ENROLLED_KEY
    return None


def wrong_presence_data(
    data: bytes, *, challenge: str, jkt: str, presence_jkt: str
) -> AppleRefusal | None:
    """What is wrong with client data that vouches for a presence key.

    It must be `{"access_control", "challenge", "jkt", "presence_jkt"}`: how the Secure Enclave
    guards the key `presence_jkt`, which the phone of the key `jkt` has. Apple attests no access
    control: that it is so is the genuine app's word.
    """
    said = _members(data)
    if said is None or said.keys() != {"access_control", "challenge", "jkt", "presence_jkt"}:
        return AppleRefusal.CLIENT_DATA_MALFORMED
    if not challenge or not _same(said["challenge"], challenge):
        return AppleRefusal.WRONG_CHALLENGE
    if not jkt or not _same(said["jkt"], jkt):
        return AppleRefusal.WRONG_ENROLLED_KEY
    if not presence_jkt or not _same(said["presence_jkt"], presence_jkt):
        return AppleRefusal.WRONG_PRESENCE_KEY
    if said["access_control"] not in VERIFYING_ACCESS_CONTROLS:
        return AppleRefusal.USER_VERIFICATION_NOT_REQUIRED
    return None


def _read(data: bytes) -> tuple[str, str] | None:
    said = _members(data)
    if said is None or said.keys() != {"challenge", "jkt"}:
        return None
    return said["challenge"], said["jkt"]


def _members(data: bytes) -> dict[str, str] | None:
    """The members of a JSON object of texts."""
    if len(data) > MAX_CLIENT_DATA_BYTES:
        return None
    try:
        said = strict_json.read(data)
    except ValueError:
        return None
    if not isinstance(said, dict) or any(type(value) is not str for value in said.values()):
        return None
    return said


def _same(said: str, expected: str) -> bool:
    return hmac.compare_digest(said.encode("utf-8", "surrogatepass"), expected.encode())
