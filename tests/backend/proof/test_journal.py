"""Journal tokens: right ones are read as they were signed; each way to be wrong has its own name."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from time import process_time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from backend.proof.journal import (
    MAX_JOURNAL_BYTES,
    JournalToken,
    parse_journal,
    verify_journal,
)
from backend.proof.journal_refusal import JournalRefusal, JournalRefused
from tests.backend.proof.forge import (
    GROUP_ORDER,
    JKT,
    NONCES,
    NOW,
    PHONE,
    STRANGER,
    Attempt,
    b64,
    compact,
    dump,
    good_claims,
    good_fix,
    good_location,
    proved,
    un_b64,
)

AUDIENCE = "https://connectrex.test"
HEADER = {"typ": "eat+jwt", "alg": "ES256", "kid": JKT}
NONCE = NONCES.issue(jkt=JKT, now=NOW - timedelta(days=3))
PREV = b64(sha256(b"the token before").digest())


def buffered(seq: int, **changes: Any) -> dict[str, Any]:
    """One good fix of a journal."""
    location = good_location(timestamp=int(NOW.timestamp()) - 3600 + seq)
    return {"fix": good_fix(seq=seq), "location": location} | changes


def journal(**changes: Any) -> dict[str, Any]:
    """Good claims of a token, but for `changes`; a change to `...` leaves the claim out."""
    claims = {
        "eat_profile": "tag:connectrex.com,2026:supervised-location#1",
        "eat_nonce": NONCE,
        "jti": "journal-1",
        "iss": JKT,
        "aud": AUDIENCE,
        "iat": int(NOW.timestamp()) - 60,
        "uptime": 3600,
        "bootcount": 7,
        "n": 2,
        "prev": PREV,
        "fixes": [buffered(1), buffered(2), buffered(5)],
        "gaps": [{"from": 3, "to": 4, "why": "TIMEOUT"}],
    } | changes
    return {name: value for name, value in claims.items() if value is not ...}


def token(claims: Any = None, header: Any = None, key: ec.EllipticCurvePrivateKey = PHONE) -> bytes:
    """A signed token, good but for what is given."""
    return compact(HEADER if header is None else header, claims or journal(), key).encode()


def parsed(body: bytes) -> JournalToken:
    """The token, which must be of good form."""
    found = parse_journal(body, jkt=JKT)
    assert isinstance(found, JournalToken), found
    return found


def refusal(body: bytes) -> JournalRefused:
    """Why the token is not of good form."""
    found = parse_journal(body, jkt=JKT)
    assert isinstance(found, JournalRefused), "the token was read"
    return found


def verdict(body: bytes) -> JournalRefusal | None:
    """What the server makes of a token of good form."""
    return verify_journal(
        parsed(body),
        jkt=JKT,
        key=PHONE.public_key(),
        audience=AUDIENCE,
        nonces=NONCES,
        now=NOW,
    )


def with_claims(text: str) -> bytes:
    """A signed token whose claims are exactly this text."""
    return token(text.encode())


def test_a_good_token_is_read_as_it_was_signed() -> None:
    body = token()

    found = parsed(body)

    assert verdict(body) is None
    assert (found.n, found.boot, b64(found.prev)) == (2, 7, PREV)
    assert [each.fix.seq for each in found.fixes] == [1, 2, 5]
    assert [(gap.first, gap.last, gap.why) for gap in found.gaps] == [(3, 4, "TIMEOUT")]
    assert found.digest == sha256(body.rpartition(b".")[0]).digest()
    assert found.text == body.decode()


def test_what_a_phone_does_not_know_it_leaves_out() -> None:
    found = parsed(token(journal(uptime=..., bootcount=..., gaps=[])))

    assert found.boot is None
    assert found.gaps == []


def test_gaps_alone_are_a_token() -> None:
    assert parsed(token(journal(fixes=[]))).fixes == []


def test_a_token_of_the_most_fixes_is_read() -> None:
    assert (
        len(parsed(token(journal(fixes=[buffered(n) for n in range(1, 501)], gaps=[]))).fixes)
        == 500
    )


numbers = st.sampled_from([0.0, -0.0, 1e-5, 1e-7, -1e-9, 8.0, 0.00012, 12.97, -0.5]) | st.floats(
    -12_000, 90_000, allow_nan=False
)


@given(
    altitude=numbers,
    small=st.floats(-90, 90),
    longitude=st.integers(-180, 180) | st.floats(-180, 180),
    accuracy=st.floats(0.001, 1e7),
    hacc=st.tuples(st.floats(0, 1e7) | st.integers(0, 100), st.integers(1, 100)),
    src=st.sampled_from(["gps", "a.b", "e-", "-", ":"]),
    optional=st.booleans(),
)
def test_a_buffered_fix_has_the_name_of_the_same_fix_sent_live(
    *,
    altitude: float,
    small: float,
    longitude: float,
    accuracy: float,
    hacc: tuple[float, int],
    src: str,
    optional: bool,
) -> None:
    place = {"latitude": small, "longitude": longitude, "accuracy": accuracy, "altitude": altitude}
    more = {"altitude-accuracy": 3.0, "speed": 0.0} if optional else {"speed": ..., "heading": ...}
    location = good_location(**place, **more)
    fix = good_fix(hacc=list(hacc), src=src, **({"clk": "wall"} if optional else {"sats": ...}))
    live = proved(Attempt(claims=good_claims(location=location, fix=fix)))

    found = parsed(token(journal(fixes=[{"location": location, "fix": fix}], gaps=[])))

    assert found.fix_digests == [live.fix_digest()]


# Refused by form -----------------------------------------------------------------------


GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.decode().split(".")
TEXT = dump(journal()).decode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", JournalRefusal.NOT_COMPACT),
        (b"a.b", JournalRefusal.NOT_COMPACT),
        (GOOD + b".x", JournalRefusal.NOT_COMPACT),
        (GOOD[:-1], JournalRefusal.NOT_COMPACT),
        (GOOD + b"=", JournalRefusal.NOT_COMPACT),
        (GOOD + b"\n", JournalRefusal.NOT_COMPACT),
        (GOOD.decode().encode("utf-16"), JournalRefusal.NOT_COMPACT),
        (f"{HEAD}=.{BODY}.{SIGNATURE}".encode(), JournalRefusal.NOT_CANONICAL),
        (f"{HEAD}.{BODY}\n.{SIGNATURE}".encode(), JournalRefusal.NOT_CANONICAL),
        (f"{HEAD}.+{BODY}.{SIGNATURE}".encode(), JournalRefusal.NOT_CANONICAL),
        (f"{HEAD}.{BODY}.{SIGNATURE[:-1]}/".encode(), JournalRefusal.NOT_CANONICAL),
        (b"x" * (MAX_JOURNAL_BYTES + 1), JournalRefusal.TOO_LARGE),
        (token(header=b"[]"), JournalRefusal.WRONG_HEADER),
        (token(header=HEADER | {"jku": "x"}), JournalRefusal.WRONG_HEADER),
        (token(header={"typ": "eat+jwt", "alg": "ES256"}), JournalRefusal.WRONG_HEADER),
        (
            token(header=dump(HEADER).replace(b'"alg"', b'"alg":"none","alg"')),
            JournalRefusal.WRONG_HEADER,
        ),
        (token(header=HEADER | {"typ": "dpop+jwt"}), JournalRefusal.WRONG_TYP),
        (token(header=HEADER | {"alg": "none"}), JournalRefusal.WRONG_ALG),
        (token(header=HEADER | {"alg": "HS256"}), JournalRefusal.WRONG_ALG),
        (token(header=HEADER | {"kid": "another"}), JournalRefusal.OTHER_KEY),
        (with_claims(TEXT.replace("gps", "gp\\u0073")), JournalRefusal.NOT_PLAIN),
        (with_claims(TEXT.replace("gps", "gpś")), JournalRefusal.NOT_PLAIN),
        (token(b"\xff\xfe"), JournalRefusal.NOT_PLAIN),
        (token(b"\x00"), JournalRefusal.NOT_JSON),
        (with_claims(TEXT + "{}"), JournalRefusal.NOT_JSON),
        (with_claims(TEXT[:-1]), JournalRefusal.NOT_JSON),
        (with_claims(TEXT.replace("13.71", "NaN", 1)), JournalRefusal.NOT_JSON),
        (with_claims(TEXT.replace("13.71", "-Infinity", 1)), JournalRefusal.NOT_JSON),
        (with_claims(TEXT.replace("13.71", "01", 1)), JournalRefusal.NOT_JSON),
        (with_claims(TEXT.replace("13.71", "1e999", 1)), JournalRefusal.MALFORMED),
        (with_claims("[" * 100_000), JournalRefusal.MALFORMED),
        (token(journal(fixes=[], gaps=[])), JournalRefusal.EMPTY),
    ],
)
def test_a_token_of_another_form_is_refused(body: bytes, reason: JournalRefusal) -> None:
    assert refusal(body).reason is reason


@pytest.mark.parametrize(
    "twin",
    [
        ('"n":2', '"n":2,"n":2'),
        ('"aud":', '"aud":"https://evil.test","aud":'),
        ('"seq":2', '"seq":1,"seq":2'),
        ('"mock":false', '"mock":true,"mock" :false'),
        ('"latitude"', '"latitude":0, "latitude"'),
        ('"speed":1.4', '"speed":1.4,"speed":1.4'),
        ('"sats":11', '"sats":11,"sats":11'),
        ('"to":4', '"to":9,"to":4'),
        ('"fixes":', '"fixes":[],"fixes":'),
        ('"gaps":', '"gaps":[{"from":9,"to":9,"why":"x"}],"gaps":'),
        (
            '"location":',
            '"location":{"latitude":1,"longitude":1,"accuracy":1,"timestamp":1},"location":',
        ),
    ],
)
def test_a_member_named_twice_is_refused_wherever_it_is(twin: tuple[str, str]) -> None:
    changed = TEXT.replace(*twin, 1)

    assert changed != TEXT
    assert refusal(with_claims(changed)).reason is JournalRefusal.DUPLICATE_MEMBER


def test_blanks_and_the_order_of_members_do_not_matter() -> None:
    loose = json.dumps(journal(), indent=3, sort_keys=True).encode()

    assert verdict(token(loose)) is None


def in_fix(**changes: Any) -> dict[str, Any]:
    return journal(fixes=[buffered(1, fix=good_fix(**{"seq": 1} | changes))], gaps=[])


def in_location(**changes: Any) -> dict[str, Any]:
    return journal(fixes=[buffered(1, location=good_location(**changes))], gaps=[])


@pytest.mark.parametrize(
    ("claims", "member"),
    [
        (journal(n=0), "n"),
        (journal(n=True), "n"),
        (journal(n=1.0), "n"),
        (journal(n="1"), "n"),
        (journal(n=2**53), "n"),
        (journal(n=...), None),
        (journal(prev=PREV[:-1]), "prev"),
        (journal(prev=PREV[:-1] + "="), "prev"),
        (journal(prev=None), "prev"),
        (journal(jti=""), "jti"),
        (journal(jti="a b"), "jti"),
        (journal(jti="x" * 65), "jti"),
        (journal(jti="4242-4242-4242-4242"), "jti"),
        (journal(iat=1.5), "iat"),
        (journal(iat=True), "iat"),
        (journal(iat=-1), "iat"),
        (journal(iat=10**12), "iat"),
        (journal(iss=1), "iss"),
        (journal(aud=["x"]), "aud"),
        (journal(eat_nonce=["x"]), "eat_nonce"),
        (journal(eat_profile=...), None),
        (journal(bootcount=None), "bootcount"),
        (journal(uptime=-1), "uptime"),
        (journal(extra=1), None),
        (journal(fixes={}), "fixes"),
        (journal(fixes=[buffered(n) for n in range(1, 502)], gaps=[]), "fixes"),
        (journal(fixes=[1]), "fixes[0]"),
        (journal(fixes=[{"fix": good_fix()}]), "fixes[0]"),
        (journal(gaps=[{"from": 3, "to": 4}]), "gaps[0]"),
        (journal(gaps=[{"from": 3, "to": 4, "why": ""}]), "gaps[0].why"),
        (journal(gaps=[{"from": 3, "to": 4, "why": "two words"}]), "why"),
        (journal(gaps=[{"from": 3, "to": 4, "why": "card-4242424242424242"}]), "why"),
        (journal(gaps=[{"from": 0, "to": 4, "why": "x"}]), "gaps[0].from"),
        (in_fix(seq=0), "fixes[0].fix.seq"),
        (in_fix(seq=True), "fixes[0].fix.seq"),
        (in_fix(mono=-1), "fixes[0].fix.mono"),
        (in_fix(mono=1.5), "fixes[0].fix.mono"),
        (in_fix(src=""), "fixes[0].fix.src"),
        (in_fix(src="x" * 33), "fixes[0].fix.src"),
        (in_fix(src="two words"), "src"),
        (in_fix(src="4242.4242.4242.4242"), "src"),
        (in_fix(hacc=[1]), "fixes[0].fix.hacc"),
        (in_fix(hacc=[1, 68, 1]), "fixes[0].fix.hacc"),
        (in_fix(hacc=[True, 68]), "fixes[0].fix.hacc[0]"),
        (in_fix(hacc=[1, 0]), "fixes[0].fix.hacc[1]"),
        (in_fix(mock=0), "fixes[0].fix.mock"),
        (in_fix(mock=...), "fixes[0].fix"),
        (in_fix(clk="gps"), "clk"),
        (in_fix(clk=None), "fixes[0].fix.clk"),
        (in_fix(sats=1001), "fixes[0].fix.sats"),
        (in_fix(cn0=101), "fixes[0].fix.cn0"),
        (in_fix(more=1), "fixes[0].fix"),
        (in_location(latitude=90.1), "fixes[0].location.latitude"),
        (in_location(latitude=True), "fixes[0].location.latitude"),
        (in_location(latitude="1"), "fixes[0].location.latitude"),
        (in_location(longitude=-180.1), "fixes[0].location.longitude"),
        (in_location(longitude=None), "fixes[0].location.longitude"),
        (in_location(accuracy=0), "fixes[0].location.accuracy"),
        (in_location(accuracy=1e8), "fixes[0].location.accuracy"),
        (in_location(timestamp=1.0), "fixes[0].location.timestamp"),
        (in_location(timestamp=...), "fixes[0].location"),
        (in_location(altitude=1e6), "fixes[0].location.altitude"),
        (in_location(speed=-1), "fixes[0].location.speed"),
        (in_location(heading=361), "fixes[0].location.heading"),
        (in_location(**{"altitude-accuracy": -1}), "fixes[0].location.altitude-accuracy"),
        (in_location(floor=1), "fixes[0].location"),
    ],
)
def test_a_claim_of_another_kind_is_refused_by_its_place(
    claims: dict[str, Any], member: str | None
) -> None:
    found = refusal(token(claims))

    assert found.reason is JournalRefusal.MALFORMED
    assert found.member == member


def gap(first: int, last: int) -> dict[str, Any]:
    return {"from": first, "to": last, "why": "x"}


@pytest.mark.parametrize(
    "claims",
    [
        journal(fixes=[buffered(2), buffered(1)], gaps=[]),
        journal(fixes=[buffered(2), buffered(2)], gaps=[]),
        journal(gaps=[gap(4, 3)]),
        journal(gaps=[gap(3, 5)]),
        journal(gaps=[gap(2, 3)]),
        journal(gaps=[gap(9, 9), gap(7, 7)]),
        journal(gaps=[gap(7, 8), gap(8, 9)]),
        journal(gaps=[gap(7, 7), gap(7, 7)]),
    ],
)
def test_numbers_out_of_order_or_told_twice_are_refused(claims: dict[str, Any]) -> None:
    assert refusal(token(claims)).reason is JournalRefusal.DISORDERED


# Refused by what was signed ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (token(key=STRANGER), JournalRefusal.WRONG_SIGNATURE),
        (f"{HEAD}.{BODY}.{'A' * 86}".encode(), JournalRefusal.WRONG_SIGNATURE),
        (
            f"{HEAD}.{BODY}.{b64(bytes(32) + un_b64(SIGNATURE)[32:])}".encode(),
            JournalRefusal.WRONG_SIGNATURE,
        ),
        (token(journal(eat_profile="another")), JournalRefusal.WRONG_PROFILE),
        (token(journal(iss="another")), JournalRefusal.OTHER_KEY),
        (token(journal(aud="https://elsewhere.test")), JournalRefusal.WRONG_AUDIENCE),
        (token(journal(eat_nonce="x" * 42)), JournalRefusal.NONCE_FOREIGN),
        (token(journal(eat_nonce="not base64url!")), JournalRefusal.NONCE_FOREIGN),
        (
            token(journal(eat_nonce=NONCES.issue(jkt="another", now=NOW))),
            JournalRefusal.NONCE_FOREIGN,
        ),
        (token(journal(iat=int(NOW.timestamp()) + 61)), JournalRefusal.WRONG_IAT),
        (
            token(journal(iat=int((NOW - timedelta(days=3, seconds=61)).timestamp()))),
            JournalRefusal.WRONG_IAT,
        ),
    ],
)
def test_what_was_not_signed_by_this_key_for_this_server_is_refused(
    body: bytes, reason: JournalRefusal
) -> None:
    assert verdict(body) is reason


def test_the_clocks_may_be_a_minute_apart() -> None:
    late, early = NOW + timedelta(seconds=60), NOW - timedelta(days=3, seconds=60)

    for moment in (late, early):
        assert verdict(token(journal(iat=int(moment.timestamp())))) is None


def test_the_other_signature_of_the_same_statement_is_the_same_token() -> None:
    raw = un_b64(SIGNATURE)
    s = GROUP_ORDER - int.from_bytes(raw[32:])
    twin = f"{HEAD}.{BODY}.{b64(raw[:32] + s.to_bytes(32))}".encode()

    assert verdict(twin) is None
    assert parsed(twin).digest == parsed(GOOD).digest


# Whatever is sent ----------------------------------------------------------------------


@given(body=st.binary(max_size=300) | st.text("abcAB12-_.=", max_size=300).map(str.encode))
def test_no_bytes_are_a_token(body: bytes) -> None:
    assert isinstance(parse_journal(body, jkt=JKT), JournalRefused)


@given(claims=st.binary(max_size=200), header=st.binary(max_size=60))
def test_no_signed_bytes_are_a_token(claims: bytes, header: bytes) -> None:
    assert isinstance(parse_journal(token(claims or b"x"), jkt=JKT), JournalRefused)
    assert isinstance(parse_journal(token(header=header), jkt=JKT), JournalRefused)


@given(
    at=st.integers(0, len(TEXT) - 1),
    cut=st.integers(0, 4),
    put=st.text('0123456789.eE+-{}[],:"\\ntrufalse ', max_size=5),
)
def test_claims_with_a_slip_are_read_or_refused_and_never_misread(
    at: int, cut: int, put: str
) -> None:
    text = TEXT[:at] + put + TEXT[at + cut :]

    found = parse_journal(with_claims(text or "x"), jkt=JKT)

    if isinstance(found, JournalToken):
        pairs = json.loads(text, object_pairs_hook=list)
        assert unique(pairs)
        assert found.n == dict(pairs)["n"]


def unique(value: Any) -> bool:
    """Whether no object, read as a list of pairs, names a member twice."""
    if isinstance(value, list):
        names = [item[0] for item in value if isinstance(item, tuple)]
        return len(set(names)) == len(names) and all(map(unique, value))
    return unique(value[1]) if isinstance(value, tuple) else True


@pytest.mark.parametrize(
    "fill",
    [
        lambda size: "[" * size,
        lambda size: '{"fixes":' * (size // 9),
        lambda size: '{"n":' + "9" * (size - 6) + "}",
        lambda size: '{"iss":"' + "a" * (size - 10) + '"}',
        lambda size: '{"fixes":[' + "{}," * (size // 3),
        lambda size: '{"a":1,' * (size // 7),
    ],
)
def test_the_largest_nonsense_costs_little_time(fill: Callable[[int], str]) -> None:
    body = with_claims(fill(230_000))

    started = process_time()
    found = refusal(body)

    assert found.reason in {JournalRefusal.MALFORMED, JournalRefusal.NOT_JSON}
    assert process_time() - started < 0.5
