"""What a phone says in a proof beside RFC 9449: where it is, how it knows, or why it cannot tell.

A claim that is badly formed does not make the proof false: the phone did sign it. It comes out as a
`MalformedClaim` for the gate, which refuses it with a reason that the person can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from backend.core.card_numbers import has_card_number
from backend.proof.members import ClaimProblem, MalformedClaim, MalformedError, Members

# Integers that every JSON reader holds exactly (RFC 8259, section 6); they fit a BIGINT too.
_MAX_INTEGER: Final = 2**53 - 1
_MIN_RADIUS_M: Final = 0.001
_MAX_RADIUS_M: Final = 10_000_000.0
_WALL = re.compile("wall")
# Code words are without digits: no number of anybody's fits into one.
_SOURCE = re.compile(r"[A-Za-z_.:-]{1,32}")
# Random, or compared with what it must be.
_NOBODYS_WORDS: Final = frozenset({"jti", "htm", "htu", "nonce", "ath", "cd", "eat_profile"})
_HOLD_TEXT: Final = frozenset({str, dict, list})


class Unavailable(Enum):
    """Why the phone has no fix, in its own words."""

    PERMISSION_DENIED = "PERMISSION_DENIED"
    SERVICES_OFF = "SERVICES_OFF"
    TIMEOUT = "TIMEOUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationClaim:
    """Where the phone says it was (RFC 9711, section 4.2.10; W3C Geolocation).

    Degrees in WGS 84; `accuracy_m` is the radius that holds the truth in 95 % of cases, above 0;
    `heading_deg` clockwise from north, 0 to 360; `timestamp` in server time, to the second.
    """

    latitude: float
    longitude: float
    accuracy_m: float
    timestamp: datetime
    altitude_m: float | None
    altitude_accuracy_m: float | None
    heading_deg: float | None
    speed_mps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixClaim:
    """How the phone came to its location.

    `seq` counts an activation's fixes from 1; `mono_ms` is the phone's monotonic clock, from its
    start. `reported_accuracy_m` is what the platform said, for `reported_level_percent` of cases.
    `wall_clock`: the timestamp is the phone's own time, for it had no server time since its start.
    `cn0_dbhz` is the mean carrier-to-noise density of the satellites used.
    """

    seq: int
    mono_ms: int
    src: str
    reported_accuracy_m: float
    reported_level_percent: float
    mock: bool
    wall_clock: bool
    satellites: int | None
    cn0_dbhz: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRef:
    """The last journal token that the phone wrote: its number, and SHA-256 of its signing input."""

    n: int
    digest: bytes


def read_location(
    claims: Mapping[str, object],
) -> LocationClaim | Unavailable | MalformedClaim | None:
    """What the proof says of where the phone is; None if it says nothing."""
    try:
        if "unavailable" in claims:
            return _unavailable(claims)
        if "location" not in claims:
            return None
        return _location(Members(claims["location"], "location"))
    except MalformedError as error:
        return error.claim


def read_fix(claims: Mapping[str, object]) -> FixClaim | MalformedClaim | None:
    """What the proof says of how the location was found; None if it says nothing."""
    try:
        return _fix(Members(claims["fix"], "fix")) if "fix" in claims else None
    except MalformedError as error:
        return error.claim


def read_journal_ref(claims: Mapping[str, object]) -> JournalRef | MalformedClaim | None:
    """The last journal token that the proof names; None if it names none."""
    try:
        return _journal_ref(Members(claims["journal"], "journal")) if "journal" in claims else None
    except MalformedError as error:
        return error.claim


def read_count(claims: Mapping[str, object], name: str) -> int | MalformedClaim | None:
    """A whole number such as `uptime` (seconds) or `bootcount`; None if it is not said."""
    try:
        return Members(claims, "").integer_if_any(name, 0, _MAX_INTEGER)
    except MalformedError as error:
        return error.claim


def holds_card_number(claims: Mapping[str, object]) -> bool:
    """Whether a text of the proof, or a name in it, looks like a payment card number.

    For members that the profile does not know as well: a proof is kept as it was signed.
    """
    said = {name: value for name, value in claims.items() if name not in _NOBODYS_WORDS}
    return has_card_number("|".join(_texts(said)))


def _texts(value: object) -> Iterator[str]:
    if type(value) is str:
        yield value
    elif type(value) is dict:
        yield from value
        yield from _texts(list(value.values()))
    elif type(value) is list:
        for item in value:
            if type(item) in _HOLD_TEXT:
                yield from _texts(item)


def _location(members: Members) -> LocationClaim:
    return LocationClaim(
        latitude=members.number("latitude", -90, 90),
        longitude=members.number("longitude", -180, 180),
        accuracy_m=members.number("accuracy", _MIN_RADIUS_M, _MAX_RADIUS_M),
        timestamp=members.instant("timestamp"),
        altitude_m=members.number_if_any("altitude", -12_000, 100_000),
        altitude_accuracy_m=members.number_if_any("altitude-accuracy", 0, _MAX_RADIUS_M),
        heading_deg=members.number_if_any("heading", 0, 360),
        speed_mps=members.number_if_any("speed", 0, 100_000),
    )


def _fix(members: Members) -> FixClaim:
    reported = members.pair("hacc", "value", "level")
    return FixClaim(
        seq=members.integer("seq", 1, _MAX_INTEGER),
        mono_ms=members.integer("mono", 0, _MAX_INTEGER),
        src=members.text("src", _SOURCE),
        reported_accuracy_m=reported.number("value", 0, _MAX_RADIUS_M),
        reported_level_percent=reported.number("level", 1, 100),
        mock=members.boolean("mock"),
        wall_clock=members.text_if_any("clk", _WALL) is not None,
        satellites=members.integer_if_any("sats", 0, 1_000),
        cn0_dbhz=members.number_if_any("cn0", 0, 100),
    )


def _journal_ref(members: Members) -> JournalRef:
    return JournalRef(n=members.integer("n", 1, _MAX_INTEGER), digest=members.sha256("h"))


def _unavailable(claims: Mapping[str, object]) -> Unavailable:
    if "location" in claims:
        raise MalformedError("unavailable", ClaimProblem.CONTRADICTORY)
    reason = claims["unavailable"]
    if type(reason) is not str:
        raise MalformedError("unavailable", ClaimProblem.WRONG_TYPE)
    if reason not in Unavailable.__members__:
        raise MalformedError("unavailable", ClaimProblem.OUT_OF_RANGE)
    return Unavailable[reason]
