"""What our iOS app has vouched for: an enrolment's challenge, and the key that answers it.

An App Attest key cannot sign a JWS, so the genuine app names the Secure Enclave key that can.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
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
    said = _read(data, {"challenge", "jkt"})
    return AppleRefusal.CLIENT_DATA_MALFORMED if said is None else _unbound(said, challenge, jkt)


def wrong_presence_data(
    data: bytes, *, challenge: str, jkt: str, presence_jkt: str
) -> AppleRefusal | None:
    """What is wrong with client data that vouches for a presence key.

    It must be `{"access_control", "challenge", "jkt", "presence_jkt"}`: how the Secure Enclave
    guards the key `presence_jkt`, which the phone of the key `jkt` has. Apple attests no access
    control: that it is so is the genuine app's word.
    """
    said = _read(data, {"access_control", "challenge", "jkt", "presence_jkt"})
    if said is None:
        return AppleRefusal.CLIENT_DATA_MALFORMED
    refusal = _unbound(said, challenge, jkt)
    if refusal is not None:
        return refusal
    if not presence_jkt or not _same(said["presence_jkt"], presence_jkt):
        return AppleRefusal.WRONG_PRESENCE_KEY
    if said["access_control"] not in VERIFYING_ACCESS_CONTROLS:
        return AppleRefusal.USER_VERIFICATION_NOT_REQUIRED
    return None


def _unbound(said: Mapping[str, str], challenge: str, jkt: str) -> AppleRefusal | None:
    """What is wrong with the challenge that was given out, or with the key that it was given to."""
    if not challenge or not _same(said["challenge"], challenge):
        return AppleRefusal.WRONG_CHALLENGE
    if not jkt or not _same(said["jkt"], jkt):
        return AppleRefusal.WRONG_ENROLLED_KEY
    return None


def _read(data: bytes, names: AbstractSet[str]) -> Mapping[str, str] | None:
    """The members of a JSON object of texts that are called `names`, all of them and no others."""
    if len(data) > MAX_CLIENT_DATA_BYTES:
        return None
    try:
        said = strict_json.read(data)
    except ValueError:
        return None
    if not isinstance(said, dict) or said.keys() != names:
        return None
    if any(type(value) is not str for value in said.values()):
        return None
    return said


def _same(said: str, expected: str) -> bool:
    return hmac.compare_digest(said.encode("utf-8", "surrogatepass"), expected.encode())
