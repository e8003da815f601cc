"""What a journal token says: its claims as types, which the JSON decoder itself enforces.

A bool is no number, a null no absence, an integer has no fraction, no member is unknown. What types
cannot say (order, one member once) is checked in `journal.py`. The ranges are those of `claims.py`.
"""

# No annotations from the future: the decoder reads these types at run time.

import json
import re
from hashlib import sha256
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

MAX_FIXES: Final = 500
MAX_GAPS: Final = 500

_MAX_INTEGER: Final = 2**53 - 1
_LAST_SECOND: Final = 253_402_300_799

Count = Annotated[int, Meta(ge=0, le=_MAX_INTEGER)]
Number = Annotated[int, Meta(ge=1, le=_MAX_INTEGER)]
Second = Annotated[int, Meta(ge=0, le=_LAST_SECOND)]
Metres = Annotated[float, Meta(ge=0, le=10_000_000)]
Text = Annotated[str, Meta(min_length=1, max_length=255)]


# Members in alphabetical order: so a struct is written in the form that is hashed.
class Where(Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """A location as in a live proof: degrees, a 95 % radius in metres, server time in seconds."""

    accuracy: Annotated[float, Meta(ge=0.001, le=10_000_000)]
    altitude: Annotated[float, Meta(ge=-12_000, le=100_000)] | UnsetType = UNSET
    altitude_accuracy: Metres | UnsetType = field(default=UNSET, name="altitude-accuracy")
    heading: Annotated[float, Meta(ge=0, le=360)] | UnsetType = UNSET
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    speed: Annotated[float, Meta(ge=0, le=100_000)] | UnsetType = UNSET
    timestamp: Second


class How(Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """How the phone came to a location, as in a live proof."""

    clk: Annotated[str, Meta(max_length=4)] | UnsetType = UNSET
    cn0: Annotated[float, Meta(ge=0, le=100)] | UnsetType = UNSET
    hacc: tuple[Metres, Annotated[float, Meta(ge=1, le=100)]]
    mock: bool
    mono: Count
    sats: Annotated[int, Meta(ge=0, le=1_000)] | UnsetType = UNSET
    seq: Number
    src: Annotated[str, Meta(min_length=1, max_length=32)]


class BufferedFix(Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """One fix: the members `fix` and `location` of a live proof, unchanged."""

    fix: How
    location: Where


class Gap(Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """Numbers, from first to last, whose fixes the phone has lost or never took, and why."""

    first: Number = field(name="from")
    last: Number = field(name="to")
    why: Annotated[str, Meta(min_length=1, max_length=64)]


class JournalClaims(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The claims of a token: RFC 9711's names, then the chain, then what it holds."""

    eat_profile: Text
    eat_nonce: Text
    jti: Annotated[str, Meta(min_length=1, max_length=64)]
    iss: Text
    aud: Text
    iat: Second
    uptime: Count | UnsetType = UNSET
    bootcount: Count | UnsetType = UNSET
    n: Number
    prev: Annotated[str, Meta(min_length=43, max_length=43)]
    fixes: Annotated[list[BufferedFix], Meta(max_length=MAX_FIXES)]
    gaps: Annotated[list[Gap], Meta(max_length=MAX_GAPS)]


_ENCODER: Final = msgspec.json.Encoder()
_WHOLE: Final = re.compile(rb"\.0(?=[,}\]])")
_ODD: Final = re.compile(rb"-(?:(?<=e-)[0-9]|0[,}\]])")
_SMALL: Final = b"0.0000"
_sorted_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def lines(fixes: list[BufferedFix]) -> bytes:
    """Return the fixes as JSON in alphabetical order, each ended by a line break."""
    return _ENCODER.encode_lines(fixes)


def digests(fixes: list[BufferedFix], said: bytes) -> list[bytes]:
    """Return the identity of each fix: SHA-256 of what it says, as `Proof.fix_digest` has it.

    `said` is what they say (`lines`), written by an encoder twenty times as fast as that of a live
    proof; where the two would write a number differently (an exponent, a negative zero), the slow
    one writes.
    """
    text = _WHOLE.sub(b"", said)
    if _SMALL in text or _ODD.search(text):
        slow = (_sorted_json(_plain(msgspec.to_builtins(fix))).encode("ascii") for fix in fixes)
        return [sha256(each).digest() for each in slow]
    return [sha256(each).digest() for each in text.splitlines()]


def _plain(value: Any) -> Any:
    """Return a JSON value with whole numbers as integers: `8.0` and `8` say the same (RFC 8259)."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
