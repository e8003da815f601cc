"""Journal tokens: buffered fixes under one signature, read and verified cheap first.

`parse_journal` before any database work:
  1  size at most 320 KiB
  2  strict parse: canonical base64url, exact types and ranges, no member unknown or named twice
  3  typ, alg, and kid: the key whose proof brought the token
`verify_journal` with the enrolled key:
  4  ES256 by that key
  5  the profile; made by this key, for this server
  6  the nonce is ours, for this key; iat lies between its issue and now
That token follows token is the chain's matter, since it needs what is stored.

A token is signed once and may wait for days, so its nonce may be of any age: it shows after which
moment the token was signed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from operator import lt
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import UNSET

from backend.proof import base64url, jws, strict_json
from backend.proof.dpop import JTI, PROFILE
from backend.proof.journal_claims import BufferedFix, Gap, JournalClaims, digests, lines
from backend.proof.journal_refusal import JournalRefusal, JournalRefused
from backend.proof.jws import Jws
from backend.proof.nonce import Nonces
from backend.proof.refusal import ProofRefusal

MAX_JOURNAL_BYTES: Final = 320 * 1024
CLOCKS_APART: Final = timedelta(seconds=60)

_HEADER_MEMBERS: Final = frozenset({"typ", "alg", "kid"})
_PARTS: Final = 3
_SIGNATURE_CHARS: Final = 86
_CLAIMS: Final = msgspec.json.Decoder(JournalClaims)
# As in a live proof: a code word has no digits.
_WORD: Final = re.compile(r"[A-Za-z_.:-]+")
_PLACE: Final = re.compile(r" - at `\$\.?([^`]{1,80})`")


@dataclass(frozen=True, kw_only=True)
class JournalToken:
    """A token of good form; that its key signed it is for `verify_journal` to say.

    `digest` is the SHA-256 of the signing input, which the next token's `prev` repeats. `said` is
    what the fixes say, in the form that is hashed (`journal_claims.lines`).
    """

    text: str
    claims: JournalClaims
    said: bytes
    prev: bytes
    digest: bytes
    jws: Jws

    @property
    def n(self) -> int:
        """The token's number in its chain."""
        return self.claims.n

    @property
    def fixes(self) -> Sequence[BufferedFix]:
        """The fixes, in the order of their numbers."""
        return self.claims.fixes

    @property
    def gaps(self) -> Sequence[Gap]:
        """The numbers of which the phone says that no fix will come, in order."""
        return self.claims.gaps

    @property
    def boot(self) -> int | None:
        """How often the phone had started when it took these fixes; None if it does not say."""
        bootcount = self.claims.bootcount
        return None if bootcount is UNSET else bootcount

    @cached_property
    def fix_digests(self) -> list[bytes]:
        """The identities of the fixes, one each, as `Proof.fix_digest` names a live one."""
        return digests(self.claims.fixes, self.said)


def parse_journal(body: bytes, *, jkt: str) -> JournalToken | JournalRefused:
    """The token in a request's body once 1 to 3 hold, or the first that does not.

    `jkt` is the key whose proof came with it. Time and memory are bounded by the size.
    """
    # 1
    if len(body) > MAX_JOURNAL_BYTES:
        return JournalRefused(reason=JournalRefusal.TOO_LARGE)

    # 2, and in it 3 as soon as the header is read
    try:
        return _parse(body, jkt)
    except _RefusedError as refused:
        return refused.answer


def verify_journal(  # noqa: PLR0911 a verification returns where it fails
    token: JournalToken,
    *,
    jkt: str,
    key: ec.EllipticCurvePublicKey,
    audience: str,
    nonces: Nonces,
    now: datetime,
) -> JournalRefusal | None:
    """None once 4 to 6 hold as well, or the first that does not. One signature check."""
    # 4
    if not jws.verifies(token.jws, key):
        return JournalRefusal.WRONG_SIGNATURE

    # 5
    claims = token.claims
    if claims.eat_profile != PROFILE:
        return JournalRefusal.WRONG_PROFILE
    if claims.iss != jkt:
        return JournalRefusal.OTHER_KEY
    if claims.aud != audience:
        return JournalRefusal.WRONG_AUDIENCE

    # 6
    issued_at = nonces.issued_ever(claims.eat_nonce, jkt=jkt)
    if isinstance(issued_at, ProofRefusal):
        return JournalRefusal.NONCE_FOREIGN
    signed_at = datetime.fromtimestamp(claims.iat, UTC)
    if not issued_at - CLOCKS_APART <= signed_at <= now + CLOCKS_APART:
        return JournalRefusal.WRONG_IAT

    return None


class _RefusedError(Exception):
    """Raised inside this module by what is wrong with a token; never leaves it."""

    def __init__(self, reason: JournalRefusal, member: str | None = None) -> None:
        super().__init__(reason)
        self.answer = JournalRefused(reason=reason, member=member)


def _parse(body: bytes, jkt: str) -> JournalToken:
    if not body.isascii():
        raise _RefusedError(JournalRefusal.NOT_COMPACT)
    text = body.decode("ascii")
    parts = text.split(".")
    if len(parts) != _PARTS or len(parts[2]) != _SIGNATURE_CHARS:
        raise _RefusedError(JournalRefusal.NOT_COMPACT)
    header_part, claims_part, signature_part = parts
    header = _header(_decoded(header_part), jkt)
    signature = _decoded(signature_part)
    payload = _decoded(claims_part)
    claims = _claims(payload)
    said = lines(claims.fixes)
    if payload.count(b'"') != _quotes(claims, said):
        raise _RefusedError(JournalRefusal.DUPLICATE_MEMBER)
    _check_texts(claims)
    _check_order(claims)
    prev = base64url.decode(claims.prev)
    if prev is None:
        raise _RefusedError(JournalRefusal.MALFORMED, "prev")
    signed = Jws(
        text=text,
        header=header,
        claims={},
        signing_input=body[: -_SIGNATURE_CHARS - 1],
        signature=signature,
    )
    return JournalToken(
        text=text, claims=claims, said=said, prev=prev, digest=signed.digest, jws=signed
    )


def _decoded(part: str) -> bytes:
    data = base64url.decode(part)
    if data is None:
        raise _RefusedError(JournalRefusal.NOT_CANONICAL)
    return data


def _header(data: bytes, jkt: str) -> dict[str, object]:
    header = strict_json.read_object(data, max_containers=1)
    if isinstance(header, ProofRefusal) or header.keys() != _HEADER_MEMBERS:
        raise _RefusedError(JournalRefusal.WRONG_HEADER)
    if header["typ"] != "eat+jwt":
        raise _RefusedError(JournalRefusal.WRONG_TYP)
    if header["alg"] != "ES256":
        raise _RefusedError(JournalRefusal.WRONG_ALG)
    if header["kid"] != jkt:
        raise _RefusedError(JournalRefusal.OTHER_KEY)
    return header


def _claims(payload: bytes) -> JournalClaims:
    # Without escapes every quote stands for an end of a string: names can then be counted.
    if not payload.isascii() or b"\\" in payload:
        raise _RefusedError(JournalRefusal.NOT_PLAIN)
    try:
        return _CLAIMS.decode(payload)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        raise _RefusedError(JournalRefusal.MALFORMED, place and place[1]) from None
    except (msgspec.DecodeError, RecursionError):
        raise _RefusedError(JournalRefusal.NOT_JSON) from None


def _quotes(claims: JournalClaims, said: bytes) -> int:
    """How many quotes the claims have when each member is named once: a second name adds two."""
    rest = msgspec.json.encode(msgspec.structs.replace(claims, fixes=[]))
    return rest.count(b'"') + said.count(b'"')


def _check_texts(claims: JournalClaims) -> None:
    """The texts whose characters are bound; the few different ones are looked at once each."""
    if JTI.fullmatch(claims.jti) is None:
        raise _RefusedError(JournalRefusal.MALFORMED, "jti")
    _check_words({each.fix.src for each in claims.fixes}, "src")
    _check_words({gap.why for gap in claims.gaps}, "why")
    if not {each.fix.clk for each in claims.fixes} <= {UNSET, "wall"}:
        raise _RefusedError(JournalRefusal.MALFORMED, "clk")


def _check_words(texts: Iterable[str], member: str) -> None:
    if not all(_WORD.fullmatch(text) for text in texts):
        raise _RefusedError(JournalRefusal.MALFORMED, member)


def _check_order(claims: JournalClaims) -> None:
    """Numbers rise, and a gap names none that the token has a fix for."""
    numbers = [each.fix.seq for each in claims.fixes]
    spans = [(gap.first, gap.last) for gap in claims.gaps]
    if not numbers and not spans:
        raise _RefusedError(JournalRefusal.EMPTY)
    rising = all(map(lt, numbers, numbers[1:]))
    if not rising or (spans and not _are_gaps(spans, numbers)):
        raise _RefusedError(JournalRefusal.DISORDERED)


def _are_gaps(spans: Sequence[tuple[int, int]], numbers: Sequence[int]) -> bool:
    told = sorted([*((seq, seq) for seq in numbers), *spans])
    apart = all(before[1] < after[0] for before, after in pairwise(told))
    return apart and spans == sorted(spans) and all(first <= last for first, last in spans)
