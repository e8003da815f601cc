"""Access tokens: JWT `at+jwt` (RFC 9068), signed by the server, bound to a phone's key by `cnf`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from backend.proof import base64url, jws
from backend.proof.members import MalformedError, Members
from backend.proof.refusal import ProofRefusal
from backend.proof.server_keys import ServerKeys

TOKEN_LIFE: Final = timedelta(minutes=15)

_TYP: Final = "at+jwt"
_HEADER_MEMBERS: Final = frozenset({"typ", "alg", "kid"})
_MAX_CHARS: Final = 2048
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What a token of ours says. Good while `issued_at <= now < expires_at`; the reader checks.

    `jkt` is the only key that may use it; `assurance` the name of the level of that key's proof
    of origin when the token was issued.
    """

    subject: UUID
    activation: UUID
    assurance: str
    jkt: str
    issued_at: datetime
    expires_at: datetime
    jti: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokens:
    """Issues and reads the access tokens of one issuer (a URL) for one audience (a URL)."""

    issuer: str
    audience: str
    keys: ServerKeys

    def issue(
        self,
        *,
        subject: UUID,
        activation: UUID,
        assurance: str,
        jkt: str,
        jti: str,
        now: datetime,
    ) -> str:
        """A token for the key `jkt` of this activation, good for `TOKEN_LIFE` from now."""
        issued_at_s = int(now.timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(subject),
            "client_id": jkt,
            "act": str(activation),
            "al": assurance,
            "cnf": {"jkt": jkt},
            "iat": issued_at_s,
            "exp": issued_at_s + int(TOKEN_LIFE.total_seconds()),
            "jti": jti,
        }
        header = {"typ": _TYP, "alg": "ES256", "kid": self.keys.signing_kid}
        return jws.sign(header, claims, self.keys.signing_key)

    def read(self, text: str) -> AccessToken | ProofRefusal:
        """What the token says, or TOKEN_MALFORMED, _SIGNATURE, _ISSUER, _AUDIENCE.

        The answer depends on the text alone, not on time, so it may be kept by exact text. Whether
        the token is still good, and whose it is, must then be checked for each request.
        """
        parsed = jws.parse(text, max_chars=_MAX_CHARS, typ=_TYP, header_members=_HEADER_MEMBERS)
        if isinstance(parsed, ProofRefusal):
            return ProofRefusal.TOKEN_MALFORMED
        key = self.keys.public_key(parsed.header["kid"])
        if key is None or not jws.verifies(parsed, key):
            return ProofRefusal.TOKEN_SIGNATURE
        if parsed.claims.get("iss") != self.issuer:
            return ProofRefusal.TOKEN_ISSUER
        if parsed.claims.get("aud") != self.audience:
            return ProofRefusal.TOKEN_AUDIENCE
        return _token_of(parsed.claims) or ProofRefusal.TOKEN_MALFORMED


def token_hash(text: str) -> str:
    """The `ath` of a token's text (RFC 9449, section 4.2)."""
    return base64url.encode(sha256(text.encode("ascii", "replace")).digest())


def _token_of(claims: Mapping[str, object]) -> AccessToken | None:
    members = Members(claims, "")
    try:
        return AccessToken(
            subject=members.uuid("sub"),
            activation=members.uuid("act"),
            assurance=members.text("al", _WORD),
            jkt=Members(claims.get("cnf"), "cnf").text("jkt", _WORD),
            issued_at=members.instant("iat"),
            expires_at=members.instant("exp"),
            jti=members.text("jti", _WORD),
        )
    except MalformedError:
        return None
