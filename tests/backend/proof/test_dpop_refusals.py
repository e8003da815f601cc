"""Every way in which a proof can be wrong, each with its own name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec

from backend.proof.access_token import AccessTokens
from backend.proof.digest import content_digest
from backend.proof.dpop import Proof
from backend.proof.nonce import Nonces
from backend.proof.refusal import ProofRefusal as R
from backend.proof.refusal import Refused
from backend.proof.thumbprint import jwk_of, thumbprint
from tests.backend.proof import forge
from tests.backend.proof.forge import (
    ENROLLED,
    FIXES,
    GROUP_ORDER,
    JKT,
    JWK,
    NONCES,
    NOW,
    PHONE,
    STRANGER,
    TOKEN,
    TOKENS,
    Attempt,
    asking,
    b64,
    compact,
    dump,
    good_claims,
    proved,
    refusal,
    un_b64,
)

GOOD_HEADER = {"typ": "dpop+jwt", "alg": "ES256", "jwk": JWK}
BODY = b'{"answer":"yes"}'


def header(**changes: Any) -> Attempt:
    return Attempt(header=GOOD_HEADER | changes)


def jwk(**changes: Any) -> Attempt:
    return header(jwk={name: v for name, v in (JWK | changes).items() if v is not ...})


def claims(**changes: Any) -> Attempt:
    return Attempt(claims=good_claims(**changes))


def raw_claims(text: str | bytes) -> Attempt:
    """The good claims as JSON with `text` put in front of the first member."""
    addition = text if isinstance(text, bytes) else text.encode()
    return Attempt(claims=b"{" + addition + b"," + dump(good_claims())[1:])


def text(proof: str | None) -> Attempt:
    return Attempt(proof=proof)


def tampered(part: int, change: Any) -> Attempt:
    parts = compact(GOOD_HEADER, good_claims()).split(".")
    parts[part] = change(parts[part])
    return text(".".join(parts))


def signature(make: Any) -> Attempt:
    """The good proof with r and s replaced by what `make` makes of them."""
    signing_input, _, part = compact(GOOD_HEADER, good_claims()).rpartition(".")
    data = un_b64(part)
    r, s = make(int.from_bytes(data[:32]), int.from_bytes(data[32:]))
    return text(f"{signing_input}.{b64(r.to_bytes(32) + s.to_bytes(32))}")


def signed_with_hmac() -> Attempt:
    """The classic confusion: the public key as HMAC secret."""
    parts = b64(dump(GOOD_HEADER | {"alg": "HS256"})), b64(dump(good_claims()))
    mac = hmac.HMAC(forge.pem(PHONE, public=True), hashes.SHA256())
    mac.update(".".join(parts).encode())
    return text(".".join([*parts, b64(mac.finalize() * 2)]))


def with_token(tokens: AccessTokens = TOKENS, **changes: Any) -> Attempt:
    """A proof that is bound to, and sent with, another token."""
    sent = forge.token(tokens, **changes)
    return with_token_text(sent)


def with_token_text(sent: str) -> Attempt:
    return replace(claims(ath=forge.ath(sent)), request=asking(authorization=f"DPoP {sent}"))


def with_body(**changes: Any) -> Attempt:
    """A request whose body is rightly signed and stated, but for `changes`."""
    cd = changes.pop("cd", content_digest(BODY))
    sent = {"body": BODY, "content_digest": content_digest(BODY)} | changes
    return replace(claims(cd=cd), request=asking(**sent))


def nonce(value: str) -> Attempt:
    return claims(nonce=value)


def nested(depth: int) -> str:
    return '"x":' + "[" * depth + "]" * depth


def flip_last(part: str) -> str:
    """The same bytes to a lenient decoder: the signature's last two bits mean nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:-1] + alphabet[alphabet.index(part[-1]) + 1]


def p384_header() -> dict[str, Any]:
    point = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    x, y = point.x.to_bytes(48), point.y.to_bytes(48)
    return GOOD_HEADER | {"jwk": {"kty": "EC", "crv": "P-384", "x": b64(x), "y": b64(y)}}


CARD = "4242 4242-4242 4242"
EARLIER = NOW - timedelta(seconds=120)
GOOD_TEXT = compact(GOOD_HEADER, good_claims())

WRONG: dict[str, tuple[R, Attempt]] = {
    # How it was sent
    "no proof": (R.MISSING, text(None)),
    "empty proof": (R.MISSING, text("")),
    "two DPoP headers": (R.SEVERAL, text(f"{GOOD_TEXT},{GOOD_TEXT}")),
    "two DPoP headers with a space": (R.SEVERAL, text(f"{GOOD_TEXT}, {GOOD_TEXT}")),
    # 1 size
    "longer than 4 KiB": (R.TOO_LARGE, claims(x="x" * 4096)),
    "huge jti": (R.TOO_LARGE, claims(jti="x" * 4096)),
    # 2 form
    "stripped signature": (R.NOT_COMPACT, text(GOOD_TEXT.rpartition(".")[0] + ".")),
    "no signature part": (R.NOT_COMPACT, text(GOOD_TEXT.rpartition(".")[0])),
    "truncated signature": (R.NOT_COMPACT, text(GOOD_TEXT[:-1])),
    "signature one byte longer": (R.NOT_COMPACT, text(GOOD_TEXT + "AA")),
    "DER signature": (
        R.NOT_COMPACT,
        tampered(2, lambda _: b64(PHONE.sign(b"x", ec.ECDSA(hashes.SHA256())))),
    ),
    "padded header": (R.NOT_COMPACT, tampered(0, lambda part: part + "=")),
    "padded claims": (R.NOT_COMPACT, tampered(1, lambda part: part + "=")),
    "padded signature": (R.NOT_COMPACT, text(GOOD_TEXT + "==")),
    "four parts": (R.NOT_COMPACT, text(GOOD_TEXT + ".AAAA")),
    "JSON serialisation": (R.NOT_COMPACT, text('{"payload":"e30"}')),
    "line break at the end": (R.NOT_COMPACT, text(GOOD_TEXT + "\n")),
    "space before": (R.NOT_COMPACT, text(" " + GOOD_TEXT)),
    "not ASCII": (R.NOT_COMPACT, tampered(1, lambda part: "é" + part)),
    "digits of another script": (R.NOT_COMPACT, tampered(1, lambda part: "٣" + part)),
    "standard base64": (R.NOT_COMPACT, tampered(1, lambda part: "+/" + part)),
    "empty header": (R.NOT_COMPACT, tampered(0, lambda _: "")),
    "empty claims": (R.NOT_COMPACT, tampered(1, lambda _: "")),
    "malleated text of the signature": (R.NOT_CANONICAL, tampered(2, flip_last)),
    "impossible length": (R.NOT_CANONICAL, tampered(1, lambda _: "AAAAA")),
    "malleated text of the claims": (R.NOT_CANONICAL, tampered(1, lambda _: "e31")),
    "UTF-16 claims": (
        R.NOT_UTF8,
        Attempt(claims=dump(good_claims()).decode().encode("utf-16")),
    ),
    "UTF-16 claims without mark": (
        R.NOT_JSON,
        Attempt(claims=dump(good_claims()).decode().encode("utf-16-le")),
    ),
    "UTF-32 claims": (R.NOT_JSON, Attempt(claims=dump({"a": 1}).decode().encode("utf-32-be"))),
    "UTF-8 with byte order mark": (
        R.NOT_JSON,
        Attempt(claims=b"\xef\xbb\xbf" + dump(good_claims())),
    ),
    "overlong UTF-8": (R.NOT_UTF8, raw_claims(b'"x":"\xc0\xaf"')),
    "surrogate in UTF-8": (R.NOT_UTF8, raw_claims(b'"x":"\xed\xa0\x80"')),
    "UTF-16 header": (R.NOT_UTF8, Attempt(header=dump(GOOD_HEADER).decode().encode("utf-16"))),
    "claims are a list": (R.NOT_JSON, Attempt(claims=b"[]")),
    "claims are a text": (R.NOT_JSON, Attempt(claims=b'"{}"')),
    "claims are null": (R.NOT_JSON, Attempt(claims=b"null")),
    "claims are cut off": (R.NOT_JSON, Attempt(claims=dump(good_claims())[:-1])),
    "claims and more": (R.NOT_JSON, Attempt(claims=dump(good_claims()) + b"{}")),
    "a comment": (R.NOT_JSON, raw_claims("/* x */")),
    "a control character": (R.NOT_JSON, raw_claims('"x":"\x00"')),
    "header is a list": (R.NOT_JSON, Attempt(header=b"[]")),
    "duplicate claim": (R.DUPLICATE_MEMBER, raw_claims('"jti":"other"')),
    "duplicate claim, escaped": (R.DUPLICATE_MEMBER, raw_claims(r'"\u006ati":"other"')),
    "duplicate coordinate": (
        R.DUPLICATE_MEMBER,
        raw_claims('"x":{"latitude":1,"latitude":2}'),
    ),
    "duplicate alg": (
        R.DUPLICATE_MEMBER,
        Attempt(header=b'{"alg":"none",' + dump(GOOD_HEADER)[1:]),
    ),
    "NaN": (R.NOT_FINITE, raw_claims('"x":NaN')),
    "Infinity": (R.NOT_FINITE, raw_claims('"x":Infinity')),
    "minus Infinity": (R.NOT_FINITE, raw_claims('"x":-Infinity')),
    "a float beyond all": (R.NOT_FINITE, raw_claims('"x":1e400')),
    "a negative float beyond all": (R.NOT_FINITE, raw_claims('"x":-1.5e999')),
    "NaN latitude": (R.NOT_FINITE, claims(location=forge.good_location(latitude=float("nan")))),
    "deep nesting": (R.TOO_DEEP, raw_claims(nested(1000))),
    "slightly too many arrays": (R.TOO_DEEP, raw_claims('"x":[' + "[]," * 40 + "[]]")),
    # 3 header
    "alg none": (R.WRONG_ALG, header(alg="none")),
    "alg None": (R.WRONG_ALG, header(alg="None")),
    "alg HS256": (R.WRONG_ALG, signed_with_hmac()),
    "alg ES384": (R.WRONG_ALG, header(alg="ES384")),
    "alg es256": (R.WRONG_ALG, header(alg="es256")),
    "alg is a list": (R.WRONG_ALG, header(alg=["ES256"])),
    "alg null": (R.WRONG_ALG, header(alg=None)),
    "no alg": (R.HEADER_MEMBERS, Attempt(header={"typ": "dpop+jwt", "jwk": JWK})),
    "no typ": (R.HEADER_MEMBERS, Attempt(header={"alg": "ES256", "jwk": JWK})),
    "no jwk": (R.HEADER_MEMBERS, Attempt(header={"typ": "dpop+jwt", "alg": "ES256"})),
    "empty header object": (R.HEADER_MEMBERS, Attempt(header={})),
    "crit": (R.HEADER_MEMBERS, header(crit=["exp"])),
    "b64": (R.HEADER_MEMBERS, header(b64=False, crit=["b64"])),
    "jku": (R.HEADER_MEMBERS, header(jku="https://evil.example/jwks.json")),
    "x5u": (R.HEADER_MEMBERS, header(x5u="https://evil.example/chain.pem")),
    "x5c": (R.HEADER_MEMBERS, header(x5c=["MIIB"])),
    "kid": (R.HEADER_MEMBERS, header(kid=JKT)),
    "typ of an access token": (R.WRONG_TYP, header(typ="at+jwt")),
    "typ JWT": (R.WRONG_TYP, header(typ="JWT")),
    "typ null": (R.WRONG_TYP, header(typ=None)),
    "private key in the header": (R.PRIVATE_KEY, jwk(d=b64(b"\x01" * 32))),
    "jwk null": (R.WRONG_JWK, header(jwk=None)),
    "jwk is a text": (R.WRONG_JWK, header(jwk="key")),
    "jwk without y": (R.WRONG_JWK, jwk(y=...)),
    "jwk with use": (R.WRONG_JWK, jwk(use="sig")),
    "jwk of another type": (R.WRONG_JWK, jwk(kty="oct")),
    "jwk of another curve": (R.WRONG_JWK, Attempt(header=p384_header())),
    "jwk with a number as x": (R.WRONG_JWK, jwk(x=1)),
    "jwk with x cut short": (R.WRONG_JWK, jwk(x=JWK["x"][:-1])),
    "jwk with a padded x": (R.WRONG_JWK, jwk(x=JWK["x"] + "=")),
    "jwk with x of 33 bytes": (R.WRONG_JWK, jwk(x=b64(b"\x00" * 33))),
    "jwk with malleated x": (R.WRONG_JWK, jwk(x=flip_last(JWK["x"]))),
    "jwk with x not ASCII": (R.WRONG_JWK, jwk(x="é" + JWK["x"][1:])),
    # 3 identity and time
    "no jti": (R.BAD_JTI, claims(jti=...)),
    "empty jti": (R.BAD_JTI, claims(jti="")),
    "long jti": (R.BAD_JTI, claims(jti="x" * 65)),
    "jti with a space": (R.BAD_JTI, claims(jti="a b")),
    "jti with NUL": (R.BAD_JTI, claims(jti="a\x00")),
    "jti with a line break": (R.BAD_JTI, claims(jti="a\n")),
    "jti with a lone surrogate": (R.BAD_JTI, claims(jti="\ud800")),
    "jti is a number of 13 digits": (R.BAD_JTI, claims(jti="1234567890123")),
    "jti is a number in groups": (R.BAD_JTI, claims(jti="4242-4242-4242-4242")),
    "jti is a number": (R.BAD_JTI, claims(jti=1)),
    "jti is null": (R.BAD_JTI, claims(jti=None)),
    "no iat": (R.BAD_IAT, claims(iat=...)),
    "float iat": (R.BAD_IAT, claims(iat=1772442000.0)),
    "boolean iat": (R.BAD_IAT, claims(iat=True)),
    "iat as text": (R.BAD_IAT, claims(iat="1772442000")),
    "iat null": (R.BAD_IAT, claims(iat=None)),
    "negative iat": (R.BAD_IAT, claims(iat=-1)),
    "huge iat": (R.BAD_IAT, claims(iat=10**1000)),
    # 4 nonce
    "no nonce": (R.NONCE_MISSING, claims(nonce=...)),
    "nonce is a number": (R.NONCE_MISSING, claims(nonce=1)),
    "nonce is null": (R.NONCE_MISSING, claims(nonce=None)),
    "empty nonce": (R.NONCE_FOREIGN, nonce("")),
    "stale nonce": (R.NONCE_STALE, nonce(NONCES.issue(jkt=JKT, now=EARLIER))),
    "nonce of yesterday": (
        R.NONCE_STALE,
        nonce(NONCES.issue(jkt=JKT, now=NOW - timedelta(days=1))),
    ),
    "nonce from the future": (
        R.NONCE_STALE,
        nonce(NONCES.issue(jkt=JKT, now=NOW + timedelta(seconds=11))),
    ),
    "nonce of another key": (
        R.NONCE_FOREIGN,
        nonce(NONCES.issue(jkt=thumbprint(jwk_of(STRANGER.public_key())), now=NOW)),
    ),
    "nonce of another server": (
        R.NONCE_FOREIGN,
        nonce(Nonces(root_secret=b"another root secret, of 32 bytes").issue(jkt=JKT, now=NOW)),
    ),
    "nonce with a changed bit": (
        R.NONCE_FOREIGN,
        nonce(NONCES.issue(jkt=JKT, now=NOW)[:-2] + "AA"),
    ),
    "nonce cut short": (R.NONCE_FOREIGN, nonce(NONCES.issue(jkt=JKT, now=NOW)[:-1])),
    "nonce not ASCII": (R.NONCE_FOREIGN, nonce("é" * 42)),
    "nonce of a later version": (
        R.NONCE_FOREIGN,
        nonce("Ag" + NONCES.issue(jkt=JKT, now=NOW)[2:]),
    ),
    "enrolment challenge as nonce": (R.NONCE_FOREIGN, nonce(b64(b"\x01" * 32))),
    # 5 key
    "key not enrolled": (R.UNKNOWN_KEY, replace(Attempt(), enrolled=None)),
    "the table answered another key": (
        R.UNKNOWN_KEY,
        replace(Attempt(), enrolled=replace(ENROLLED, jkt="other")),
    ),
    # 6 signature
    "signed by another key": (R.WRONG_SIGNATURE, replace(Attempt(), signed_by=STRANGER)),
    "changed claims": (
        R.WRONG_SIGNATURE,
        tampered(1, lambda _: b64(dump(good_claims(jti="changed")))),
    ),
    "changed header": (
        R.WRONG_SIGNATURE,
        tampered(0, lambda _: b64(b" " + dump(GOOD_HEADER))),
    ),
    "signature of zeros": (R.WRONG_SIGNATURE, signature(lambda _r, _s: (0, 0))),
    "r is zero": (R.WRONG_SIGNATURE, signature(lambda _r, s: (0, s))),
    "s is zero": (R.WRONG_SIGNATURE, signature(lambda r, _s: (r, 0))),
    "r is one": (R.WRONG_SIGNATURE, signature(lambda _r, s: (1, s))),
    "r is the group's order": (R.WRONG_SIGNATURE, signature(lambda _r, s: (GROUP_ORDER, s))),
    "s is the group's order": (R.WRONG_SIGNATURE, signature(lambda r, _s: (r, GROUP_ORDER))),
    "r and s are largest": (R.WRONG_SIGNATURE, signature(lambda _r, _s: (2**256 - 1,) * 2)),
    "r and s exchanged": (R.WRONG_SIGNATURE, signature(lambda r, s: (s, r))),
    # 7 binding
    "other method": (R.WRONG_METHOD, claims(htm="GET")),
    "method in small letters": (R.WRONG_METHOD, claims(htm="post")),
    "no method": (R.WRONG_METHOD, claims(htm=...)),
    "method is a list": (R.WRONG_METHOD, claims(htm=["POST"])),
    "other URL": (R.WRONG_URL, claims(htu="https://connectrex.test/v1/me")),
    "other host": (R.WRONG_URL, claims(htu="https://evil.example/v1/fixes")),
    "other scheme": (R.WRONG_URL, claims(htu=FIXES.replace("https", "http"))),
    "other port": (R.WRONG_URL, claims(htu="https://connectrex.test:8443/v1/fixes")),
    "URL with a query": (R.WRONG_URL, claims(htu=FIXES + "?a=1")),
    "URL with an empty query": (R.WRONG_URL, claims(htu=FIXES + "?")),
    "URL with a fragment": (R.WRONG_URL, claims(htu=FIXES + "#a")),
    "URL with a slash more": (R.WRONG_URL, claims(htu=FIXES + "/")),
    "URL with user": (R.WRONG_URL, claims(htu="https://a@connectrex.test/v1/fixes")),
    "no URL": (R.WRONG_URL, claims(htu=...)),
    "URL is null": (R.WRONG_URL, claims(htu=None)),
    "no ath": (R.WRONG_TOKEN_HASH, claims(ath=...)),
    "ath of another token": (R.WRONG_TOKEN_HASH, claims(ath=forge.ath("other"))),
    "ath in hexadecimal": (
        R.WRONG_TOKEN_HASH,
        claims(ath=sha256(TOKEN.encode()).hexdigest()),
    ),
    "another token sent": (
        R.WRONG_TOKEN_HASH,
        replace(Attempt(), request=asking(authorization=f"DPoP {forge.token(jti='token-2')}")),
    ),
    "body without cd": (R.DIGEST_MISSING, with_body(cd=...)),
    "body without Content-Digest": (R.DIGEST_MISSING, with_body(content_digest=None)),
    "swapped body": (R.WRONG_DIGEST, with_body(body=b'{"answer":"no"}')),
    "swapped body and Content-Digest": (
        R.WRONG_DIGEST,
        with_body(body=b"{}", content_digest=content_digest(b"{}")),
    ),
    "removed body": (R.WRONG_DIGEST, with_body(body=b"", content_digest=None)),
    "other Content-Digest": (R.WRONG_DIGEST, with_body(content_digest=content_digest(b"{}"))),
    "Content-Digest that is none": (R.WRONG_DIGEST, with_body(content_digest="sha-256")),
    "Content-Digest of another algorithm": (
        R.WRONG_DIGEST,
        with_body(content_digest="sha-512=:AAAA:"),
    ),
    "added Content-Digest": (
        R.WRONG_DIGEST,
        replace(Attempt(), request=asking(content_digest=content_digest(b"x"))),
    ),
    "added body": (R.DIGEST_MISSING, replace(Attempt(), request=asking(body=b"x"))),
    "cd is a boolean": (R.WRONG_DIGEST, with_body(cd=True)),
    "cd is null": (R.DIGEST_MISSING, with_body(cd=None)),
    # 8 access token
    "no token": (R.TOKEN_MISSING, replace(Attempt(), request=asking(authorization=None))),
    "token as Bearer": (
        R.TOKEN_SCHEME,
        replace(Attempt(), request=asking(authorization=f"Bearer {TOKEN}")),
    ),
    "token without scheme": (
        R.TOKEN_SCHEME,
        replace(Attempt(), request=asking(authorization=TOKEN)),
    ),
    "token empty": (R.WRONG_TOKEN_HASH, replace(Attempt(), request=asking(authorization="DPoP"))),
    "token that is none": (R.TOKEN_MALFORMED, with_token_text("token")),
    "a proof as token": (R.TOKEN_MALFORMED, with_token_text(GOOD_TEXT)),
    "token with alg none": (
        R.TOKEN_MALFORMED,
        with_token_text(compact({"typ": "at+jwt", "alg": "none", "kid": "k"}, {})),
    ),
    "token not ASCII": (
        R.WRONG_TOKEN_HASH,
        replace(Attempt(), request=asking(authorization="DPoP é")),
    ),
    "token signed by the phone": (
        R.TOKEN_SIGNATURE,
        with_token(forge.server(PHONE)),
    ),
    "token with the server's kid signed by the phone": (
        R.TOKEN_SIGNATURE,
        with_token_text(
            compact(
                {"typ": "at+jwt", "alg": "ES256", "kid": TOKENS.keys.signing_kid},
                {"iss": "https://connectrex.test"},
            )
        ),
    ),
    "kid is a list": (
        R.TOKEN_SIGNATURE,
        with_token_text(compact({"typ": "at+jwt", "alg": "ES256", "kid": ["a"]}, {})),
    ),
    "token of another issuer": (
        R.TOKEN_ISSUER,
        with_token(forge.server(issuer="https://other.example")),
    ),
    "token for another audience": (
        R.TOKEN_AUDIENCE,
        with_token(forge.server(audience="https://other.example")),
    ),
    "token of another phone": (R.TOKEN_OTHER_KEY, with_token(jkt="A" * 43)),
    "token of another activation": (R.TOKEN_OTHER_ACTIVATION, with_token(activation=UUID(int=7))),
    "token of another person": (R.TOKEN_OTHER_ACTIVATION, with_token(subject=UUID(int=7))),
    "token expired this instant": (
        R.TOKEN_EXPIRED,
        with_token(now=NOW - timedelta(minutes=15)),
    ),
    # Profile
    "other profile": (R.WRONG_PROFILE, claims(eat_profile="tag:other")),
    "location without profile": (R.WRONG_PROFILE, claims(eat_profile=..., fix=...)),
    "profile null": (R.WRONG_PROFILE, claims(eat_profile=None)),
    "boolean uptime": (R.BAD_UPTIME, claims(uptime=True)),
    "negative uptime": (R.BAD_UPTIME, claims(uptime=-1)),
    "float uptime": (R.BAD_UPTIME, claims(uptime=1.5)),
    "null bootcount": (R.BAD_BOOTCOUNT, claims(bootcount=None)),
    "bootcount as text": (R.BAD_BOOTCOUNT, claims(bootcount="7")),
    "journal null": (R.BAD_JOURNAL, claims(journal=None)),
    "journal without hash": (R.BAD_JOURNAL, claims(journal={"n": 1})),
    "journal number zero": (R.BAD_JOURNAL, claims(journal={"n": 0, "h": "A" * 43})),
    "journal hash malleated": (R.BAD_JOURNAL, claims(journal={"n": 1, "h": "A" * 42 + "B"})),
    "card number as source": (R.CARD_NUMBER, claims(fix=forge.good_fix(src=CARD))),
    "card number as reason": (R.CARD_NUMBER, claims(location=..., unavailable=CARD)),
    "card number in a claim that nobody reads": (R.CARD_NUMBER, claims(note=["a", {"b": CARD}])),
    "card number as a name": (R.CARD_NUMBER, claims(location=forge.good_location(**{CARD: 1}))),
}


@pytest.mark.parametrize(("reason", "attempt"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_proof_is_refused_by_name(reason: R, attempt: Attempt) -> None:
    assert refusal(attempt) is reason


def test_the_proof_that_the_wrong_ones_are_made_from_holds() -> None:
    assert isinstance(Attempt().verdict(), Proof)
    assert isinstance(text(GOOD_TEXT).verdict(), Proof)
    assert isinstance(with_body().verdict(), Proof)
    assert isinstance(with_token(jti="token-2").verdict(), Proof)


def test_every_refusal_that_this_package_decides_has_a_case() -> None:
    tried = {reason for reason, _ in WRONG.values()}

    # The challenge belongs to enrolment, the key change to its own module, a replay to the table
    # of used identifiers.
    assert set(R) - tried == {R.WRONG_CHALLENGE, R.WRONG_KEY_CHANGE, R.REPLAYED}


def _steps() -> Iterator[tuple[str, Attempt]]:
    """Proofs that are wrong in two ways at once, named by the one that must be told."""
    yield "TOO_LARGE", text("x" * 5000)
    yield "WRONG_ALG", Attempt(header=GOOD_HEADER | {"alg": "none"}, claims=b"[")
    yield "NONCE_MISSING", replace(claims(nonce=...), enrolled=None)
    yield "UNKNOWN_KEY", replace(claims(htm="GET"), enrolled=None, signed_by=STRANGER)
    yield "WRONG_SIGNATURE", replace(claims(htm="GET", ath=...), signed_by=STRANGER)
    yield "WRONG_METHOD", replace(claims(htm="GET"), request=asking(authorization=None))


@pytest.mark.parametrize(("reason", "attempt"), list(_steps()))
def test_the_cheaper_check_answers_first(reason: str, attempt: Attempt) -> None:
    assert refusal(attempt) is R[reason]


@pytest.mark.parametrize(
    ("attempt", "jkt"),
    [
        (text(None), None),
        (header(alg="none"), None),
        (jwk(d="x"), None),
        (claims(jti=...), JKT),
        (claims(nonce=...), JKT),
        (replace(Attempt(), enrolled=None), JKT),
        (replace(Attempt(), signed_by=STRANGER), JKT),
        (claims(htm="GET"), JKT),
        (with_token(jkt="A" * 43), JKT),
    ],
    ids=[
        "nothing",
        "no algorithm",
        "private key",
        "no jti",
        "no nonce",
        "not enrolled",
        "other key",
        "other method",
        "other token",
    ],
)
def test_a_refusal_names_the_key_that_was_claimed_so_that_a_nonce_can_be_bound_to_it(
    attempt: Attempt, jkt: str | None
) -> None:
    verdict = attempt.verdict()

    assert isinstance(verdict, Refused)
    assert verdict.jkt == jkt


def test_the_header_of_a_stranger_does_not_verify_their_own_signature() -> None:
    """The header's key proves nothing: who is asked is the table."""
    own = jwk_of(STRANGER.public_key())
    stranger = thumbprint(own)
    attempt = Attempt(
        header=GOOD_HEADER | {"jwk": own},
        claims=good_claims(nonce=NONCES.issue(jkt=stranger, now=NOW)),
        signed_by=STRANGER,
    )

    assert refusal(replace(attempt, enrolled=None)) is R.UNKNOWN_KEY
    assert refusal(attempt) is R.UNKNOWN_KEY
    assert refusal(replace(attempt, enrolled=replace(ENROLLED, jkt=stranger))) is R.WRONG_SIGNATURE


def test_the_twin_of_a_signature_names_the_same_statement() -> None:
    """(r, n - s) verifies too: it must not look like another fix, so texts identify nothing."""
    twin = signature(lambda r, s: (r, GROUP_ORDER - s))
    assert twin.proof is not None
    original = text(
        f"{twin.proof.rpartition('.')[0]}."
        + b64(forge.raw_signature(twin.proof.rpartition(".")[0].encode()))
    )

    assert twin.proof != original.proof
    assert proved(twin).digest == proved(original).digest


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (R.NONCE_MISSING, "use_dpop_nonce"),
        (R.NONCE_STALE, "use_dpop_nonce"),
        (R.NONCE_FOREIGN, "use_dpop_nonce"),
        (R.WRONG_CHALLENGE, "invalid_dpop_proof"),
        (R.UNKNOWN_KEY, "invalid_dpop_proof"),
        (R.REPLAYED, "invalid_dpop_proof"),
        (R.TOKEN_EXPIRED, "invalid_token"),
        (R.TOKEN_MISSING, "invalid_token"),
        (R.WRONG_TOKEN_HASH, "invalid_dpop_proof"),
    ],
)
def test_a_refusal_knows_its_oauth_error(reason: R, error: str) -> None:
    assert reason.oauth_error == error


def test_no_two_refusals_share_a_sentence() -> None:
    """Equal values would make one member an alias of the other."""
    assert len({reason.value for reason in R.__members__.values()}) == len(R.__members__)
