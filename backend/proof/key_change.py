"""A key change: the key that a phone has signs over to the one that follows it.

A compact JWS, header exactly `{typ: "key-change+jwt", alg: "ES256", kid}` with the old key's
thumbprint, claims exactly `{challenge, new_jkt}`.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from backend.proof import jws
from backend.proof.refusal import ProofRefusal

MAX_CHARS: Final = 1024

_TYP: Final = "key-change+jwt"
_HEADER_MEMBERS: Final = frozenset({"typ", "alg", "kid"})


def is_key_change(
    text: str, *, challenge: str, old_jkt: str, new_jkt: str, key: ec.EllipticCurvePublicKey
) -> bool:
    """Whether `text` is the old key's word, for this challenge, that `new_jkt` follows it.

    `key` is the old key as the table has it; what the header says of it proves nothing.
    """
    parsed = jws.parse(text, max_chars=MAX_CHARS, typ=_TYP, header_members=_HEADER_MEMBERS)
    if isinstance(parsed, ProofRefusal):
        return False
    if parsed.header["kid"] != old_jkt:
        return False
    if dict(parsed.claims) != {"challenge": challenge, "new_jkt": new_jkt}:
        return False
    return jws.verifies(parsed, key)
