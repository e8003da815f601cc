"""DPoP proofs (RFC 9449, in the profile of docs/protocol.md), verified cheap first.

`open_proof` before any database work:
  1  size at most 4 KiB
  2  strict parse
  3  typ, alg, key in the header; jti and iat well formed
  4  the nonce is ours, for this key, and at most 120 s old
`verify_proof` with the key that the table of devices has for the thumbprint:
  5  the key is enrolled (the header's own key proves nothing)
  6  ES256 by that key
  7  htm, htu, ath, cd: made for this request
  8  the access token is good, and for this key and activation

`verify_key` is 5 to 7 without a token, for what a device does for itself. An enrolment proves
possession of a *new* key: `open_enrolment` is 1 to 3, `verify_enrolment` 6 and 7, with the challenge
as nonce.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from json import JSONEncoder
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec

from backend.proof import jws
from backend.proof.access_token import AccessToken, token_hash
from backend.proof.claims import (
    FixClaim,
    JournalRef,
    LocationClaim,
    Unavailable,
    holds_card_number,
    read_count,
    read_fix,
    read_journal_ref,
    read_location,
)
from backend.proof.digest import content_digest, matches
from backend.proof.jws import Jws
from backend.proof.members import MalformedClaim
from backend.proof.nonce import Nonces
from backend.proof.refusal import ProofRefusal, Refused
from backend.proof.thumbprint import p256_jwk, public_key_of, thumbprint

PROFILE: Final = "tag:connectrex.com,2026:supervised-location#1"
MAX_PROOF_CHARS: Final = 4096

_HEADER_MEMBERS: Final = frozenset({"typ", "alg", "jwk"})
_PROFILE_CLAIMS: Final = frozenset({"location", "fix", "unavailable"})
JTI: Final = re.compile(r"(?![0-9](?:[._-]{0,3}[0-9]){12,18}\Z)[\x21-\x7e]{1,64}")
"""Random, so it cannot be searched for card numbers; but it may not be nothing but one."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_MAX_INTEGER: Final = 2**53 - 1

_sorted_json = JSONEncoder(sort_keys=True, separators=(",", ":")).encode

TokenReader = Callable[[str], AccessToken | ProofRefusal]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """The request that a proof must have been made for, as the server received it.

    `url` is the configured public URL with the request's path, without query and fragment.
    `content_digest` and `authorization` are the header fields, None where absent.
    """

    method: str
    url: str
    body: bytes
    content_digest: str | None
    authorization: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledKey:
    """A key as the table of devices has it, and whose it is."""

    jkt: str
    public_key: ec.EllipticCurvePublicKey
    subject: UUID
    activation: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedProof:
    """A proof that passed 1 to 4: worth a look at the database, and still unproven."""

    jkt: str
    jti: str
    iat: int
    nonce_issued_at: datetime
    jws: Jws


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEnrolment:
    """A proof by a key that wants to be enrolled, not yet verified; `challenge` is its nonce."""

    jkt: str
    jti: str
    challenge: str
    jws: Jws


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key whose holder answered the challenge of an enrolment with it."""

    jkt: str
    public_key: ec.EllipticCurvePublicKey
    jti: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What an enrolled phone signed for this request; whether it is *true* is the gate's question.

    `iat` is the phone's clock and judges nothing; `nonce_issued_at` is the server's. `token` is None
    where the endpoint takes none.
    """

    jkt: str
    subject: UUID
    activation: UUID
    jti: str
    iat: int
    nonce_issued_at: datetime
    location: LocationClaim | Unavailable | MalformedClaim | None
    fix: FixClaim | MalformedClaim | None
    uptime_s: int | None
    bootcount: int | None
    journal: JournalRef | None
    token: AccessToken | None
    jws: Jws

    @property
    def nonce(self) -> str:
        """The server's nonce that was answered: good for this key, and for two minutes."""
        return str(self.jws.claims["nonce"])

    @property
    def text(self) -> str:
        """The compact JWS as received, to be stored as evidence."""
        return self.jws.text

    @property
    def digest(self) -> bytes:
        """The identity of the signed bytes: SHA-256 of the signing input."""
        return self.jws.digest

    def fix_digest(self) -> bytes:
        """The identity of the fix: SHA-256 of what its location and fix members say.

        Equal in every request that shares one fix, and when a fix is signed again because its
        nonce went stale; the digest of the signed bytes differs in each of them.
        """
        said = {name: _plain(self.jws.claims.get(name)) for name in ("location", "fix")}
        return sha256(_sorted_json(said).encode("ascii")).digest()


def _plain(value: object) -> object:
    """Return a JSON value with whole numbers as integers: `8.0` and `8` say the same (RFC 8259)."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def open_proof(header: str | None, *, nonces: Nonces, now: datetime) -> OpenedProof | Refused:
    """The proof in a DPoP header field once steps 1 to 4 hold, or the first that does not."""
    # 1, 2, 3
    headed = _open(header)
    if isinstance(headed, Refused):
        return headed

    # 4
    nonce = headed.jws.claims.get("nonce")
    if type(nonce) is not str:
        return Refused(reason=ProofRefusal.NONCE_MISSING, jkt=headed.jkt)
    nonce_issued_at = nonces.issued_at(nonce, jkt=headed.jkt, now=now)
    if isinstance(nonce_issued_at, ProofRefusal):
        return Refused(reason=nonce_issued_at, jkt=headed.jkt)

    return OpenedProof(
        jkt=headed.jkt,
        jti=headed.jti,
        iat=headed.iat,
        nonce_issued_at=nonce_issued_at,
        jws=headed.jws,
    )


def verify_proof(
    opened: OpenedProof,
    *,
    key: EnrolledKey | None,
    request: SignedRequest,
    read_token: TokenReader,
    now: datetime,
) -> Proof | Refused:
    """What the phone signed, once steps 5 to 8 hold, or the first that does not.

    `key` is what the table has under `opened.jkt`, None if nothing. `read_token` is
    `AccessTokens.read`, with or without a cache before it.
    """
    # 5, 6, 7
    if key is None or key.jkt != opened.jkt:
        return Refused(reason=ProofRefusal.UNKNOWN_KEY, jkt=opened.jkt)
    refusal = _unbound(opened.jws, key.public_key, request)
    if refusal is not None:
        return Refused(reason=refusal, jkt=opened.jkt)

    # 8
    token = _token(opened.jws, key, request, read_token, now)
    if isinstance(token, ProofRefusal):
        return Refused(reason=token, jkt=opened.jkt)

    return _proof(opened, key, token)


def verify_key(
    opened: OpenedProof, *, key: EnrolledKey | None, request: SignedRequest
) -> Proof | Refused:
    """What the phone signed, once steps 5 to 7 hold, or the first that does not.

    For what a device does for itself, such as fetching a token. It needs no access token and
    looks at none.
    """
    if key is None or key.jkt != opened.jkt:
        return Refused(reason=ProofRefusal.UNKNOWN_KEY, jkt=opened.jkt)
    refusal = _unbound(opened.jws, key.public_key, request)
    if refusal is not None:
        return Refused(reason=refusal, jkt=opened.jkt)
    return _proof(opened, key, token=None)


def open_enrolment(header: str | None) -> OpenedEnrolment | Refused:
    """The proof of a new key once steps 1 to 3 hold and its nonce has the form of a challenge."""
    headed = _open(header)
    if isinstance(headed, Refused):
        return headed
    challenge = headed.jws.claims.get("nonce")
    if type(challenge) is not str or _CHALLENGE.fullmatch(challenge) is None:
        return Refused(reason=ProofRefusal.WRONG_CHALLENGE, jkt=headed.jkt)
    return OpenedEnrolment(jkt=headed.jkt, jti=headed.jti, challenge=challenge, jws=headed.jws)


def verify_enrolment(
    opened: OpenedEnrolment, *, challenge: str | None, request: SignedRequest
) -> NewKey | Refused:
    """The new key, once its holder has answered `challenge` (None: none is open) for this request.

    Here alone the key in the proof's own header verifies the signature: what is proved is
    possession. Who the phone belongs to is proved by the challenge's one-time code.
    """
    if challenge is None or not hmac.compare_digest(opened.challenge, challenge):
        return Refused(reason=ProofRefusal.WRONG_CHALLENGE, jkt=opened.jkt)
    jwk = p256_jwk(opened.jws.header["jwk"])
    public_key = public_key_of(jwk) if jwk is not None else None
    if public_key is None:
        return Refused(reason=ProofRefusal.WRONG_JWK, jkt=opened.jkt)
    refusal = _unbound(opened.jws, public_key, request)
    if refusal is not None:
        return Refused(reason=refusal, jkt=opened.jkt)
    return NewKey(jkt=opened.jkt, public_key=public_key, jti=opened.jti, digest=opened.jws.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeadedProof:
    jkt: str
    jti: str
    iat: int
    jws: Jws


def _open(  # noqa: PLR0911 a verification returns where it fails
    header: str | None,
) -> _HeadedProof | Refused:
    if not header:
        return Refused(reason=ProofRefusal.MISSING, jkt=None)
    # Two header fields arrive joined by a comma, which no proof contains.
    if "," in header:
        return Refused(reason=ProofRefusal.SEVERAL, jkt=None)

    # 1, 2 and of 3 typ and alg
    parsed = jws.parse(
        header, max_chars=MAX_PROOF_CHARS, typ="dpop+jwt", header_members=_HEADER_MEMBERS
    )
    if isinstance(parsed, ProofRefusal):
        return Refused(reason=parsed, jkt=None)

    # 3
    jwk = p256_jwk(parsed.header["jwk"])
    if jwk is None:
        return Refused(reason=_key_refusal(parsed.header["jwk"]), jkt=None)
    jkt = thumbprint(jwk)
    jti, iat = parsed.claims.get("jti"), parsed.claims.get("iat")
    if type(jti) is not str or JTI.fullmatch(jti) is None:
        return Refused(reason=ProofRefusal.BAD_JTI, jkt=jkt)
    if type(iat) is not int or not 0 <= iat <= _MAX_INTEGER:
        return Refused(reason=ProofRefusal.BAD_IAT, jkt=jkt)
    return _HeadedProof(jkt=jkt, jti=jti, iat=iat, jws=parsed)


def _key_refusal(jwk: object) -> ProofRefusal:
    holds_private = isinstance(jwk, dict) and "d" in jwk
    return ProofRefusal.PRIVATE_KEY if holds_private else ProofRefusal.WRONG_JWK


def _unbound(
    signed: Jws, key: ec.EllipticCurvePublicKey, request: SignedRequest
) -> ProofRefusal | None:
    # 6
    if not jws.verifies(signed, key):
        return ProofRefusal.WRONG_SIGNATURE

    # 7, but for ath, which needs the token
    if signed.claims.get("htm") != request.method:
        return ProofRefusal.WRONG_METHOD
    if signed.claims.get("htu") != request.url:
        return ProofRefusal.WRONG_URL
    refusal = _other_body(signed.claims.get("cd"), request)
    return refusal or _other_profile(signed.claims)


def _other_body(cd: object, request: SignedRequest) -> ProofRefusal | None:
    if request.body and (cd is None or request.content_digest is None):
        return ProofRefusal.DIGEST_MISSING
    if cd is not None and cd != content_digest(request.body):
        return ProofRefusal.WRONG_DIGEST
    if request.content_digest is not None and not matches(request.content_digest, request.body):
        return ProofRefusal.WRONG_DIGEST
    return None


def _other_profile(claims: Mapping[str, object]) -> ProofRefusal | None:
    profile = claims.get("eat_profile")
    if profile is None and not _PROFILE_CLAIMS & claims.keys():
        return None
    return None if profile == PROFILE else ProofRefusal.WRONG_PROFILE


def _token(  # noqa: PLR0911 a verification returns where it fails
    signed: Jws, key: EnrolledKey, request: SignedRequest, read_token: TokenReader, now: datetime
) -> AccessToken | ProofRefusal:
    if request.authorization is None:
        return ProofRefusal.TOKEN_MISSING
    scheme, _, text = request.authorization.partition(" ")
    if scheme.lower() != "dpop":
        return ProofRefusal.TOKEN_SCHEME
    # The rest of 7
    if signed.claims.get("ath") != token_hash(text):
        return ProofRefusal.WRONG_TOKEN_HASH
    token = read_token(text)
    if isinstance(token, ProofRefusal):
        return token
    if token.jkt != key.jkt:
        return ProofRefusal.TOKEN_OTHER_KEY
    if (token.subject, token.activation) != (key.subject, key.activation):
        return ProofRefusal.TOKEN_OTHER_ACTIVATION
    if now >= token.expires_at:
        return ProofRefusal.TOKEN_EXPIRED
    return token


def _proof(opened: OpenedProof, key: EnrolledKey, token: AccessToken | None) -> Proof | Refused:
    claims = opened.jws.claims
    uptime_s = read_count(claims, "uptime")
    if isinstance(uptime_s, MalformedClaim):
        return Refused(reason=ProofRefusal.BAD_UPTIME, jkt=opened.jkt)
    bootcount = read_count(claims, "bootcount")
    if isinstance(bootcount, MalformedClaim):
        return Refused(reason=ProofRefusal.BAD_BOOTCOUNT, jkt=opened.jkt)
    journal = read_journal_ref(claims)
    if isinstance(journal, MalformedClaim):
        return Refused(reason=ProofRefusal.BAD_JOURNAL, jkt=opened.jkt)
    if holds_card_number(claims):
        return Refused(reason=ProofRefusal.CARD_NUMBER, jkt=opened.jkt)
    return Proof(
        jkt=opened.jkt,
        subject=key.subject,
        activation=key.activation,
        jti=opened.jti,
        iat=opened.iat,
        nonce_issued_at=opened.nonce_issued_at,
        location=read_location(claims),
        fix=read_fix(claims),
        uptime_s=uptime_s,
        bootcount=bootcount,
        journal=journal,
        token=token,
        jws=opened.jws,
    )
