"""What a presence key signs: once that it is a phone's, then at each check-in that it was used.

Compact JWS. At enrolment, by the key in its own header:
    {typ: "presence-key+jwt", alg: "ES256", jwk}    {challenge, jkt}
At a check-in, `kid` the presence key's thumbprint:
    {typ: "presence+jwt", alg: "ES256", kid}        {challenge, check_in, jkt}
`jkt` is the thumbprint of the phone's key, whose proof brings it. Exactly these members.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec

from backend.proof import jws
from backend.proof.refusal import ProofRefusal
from backend.proof.thumbprint import p256_jwk, public_key_of

MAX_CHARS: Final = 1024

_ENROLMENT_TYP: Final = "presence-key+jwt"
_ENROLMENT_MEMBERS: Final = frozenset({"typ", "alg", "jwk"})
_TYP: Final = "presence+jwt"
_MEMBERS: Final = frozenset({"typ", "alg", "kid"})


def presence_key(text: str, *, challenge: str, jkt: str) -> ec.EllipticCurvePublicKey | None:
    """The key that offers itself, in `text`, as presence key to the phone of the key `jkt`.

    None unless it says so itself, for this challenge.
    """
    parsed = jws.parse(
        text, max_chars=MAX_CHARS, typ=_ENROLMENT_TYP, header_members=_ENROLMENT_MEMBERS
    )
    if isinstance(parsed, ProofRefusal):
        return None
    jwk = p256_jwk(parsed.header["jwk"])
    key = None if jwk is None else public_key_of(jwk)
    if key is None or dict(parsed.claims) != {"challenge": challenge, "jkt": jkt}:
        return None
    return key if jws.verifies(parsed, key) else None


def read_statement(
    text: str, *, challenge: str, check_in: UUID, jkt: str, presence_jkt: str
) -> jws.Jws | None:
    """The statement in `text`, not verified: that somebody was at the phone for this check-in."""
    parsed = jws.parse(text, max_chars=MAX_CHARS, typ=_TYP, header_members=_MEMBERS)
    if isinstance(parsed, ProofRefusal) or parsed.header["kid"] != presence_jkt:
        return None
    said = {"challenge": challenge, "check_in": str(check_in), "jkt": jkt}
    return parsed if dict(parsed.claims) == said else None
