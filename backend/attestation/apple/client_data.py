"""What our iOS app has vouched for: an enrolment's challenge, and the key that answers it.

An App Attest key cannot sign a JWS, so the genuine app names the Secure Enclave key that can.
"""

from __future__ import annotations

import hmac
import json
from typing import Final

from backend.attestation.apple.refusal import AppleRefusal

MAX_CLIENT_DATA_BYTES: Final = 512


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


def _read(data: bytes) -> tuple[str, str] | None:
    if len(data) > MAX_CLIENT_DATA_BYTES:
        return None
    try:
        pairs = _PAIRS.decode(data.decode("utf-8", "strict"))
    except (ValueError, RecursionError):
        return None
    # Pairs and not a dictionary: a member that is named twice must not be lost.
    match sorted(pairs, key=repr) if type(pairs) is _Pairs else None:
        case [("challenge", str(challenge)), ("jkt", str(jkt))]:
            return challenge, jkt
        case _:
            return None


class _Pairs(list[tuple[str, object]]):
    """The members of a JSON object, in order, doubles included."""


def _same(said: str, expected: str) -> bool:
    return hmac.compare_digest(said.encode("utf-8", "surrogatepass"), expected.encode())


_PAIRS: Final = json.JSONDecoder(object_pairs_hook=_Pairs)
