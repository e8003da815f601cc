"""The members of a JSON object, read by exact type and range."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final
from uuid import UUID

from backend.proof import base64url

# RFC 3339 ends with the year 9999, and so does datetime.
_LAST_SECOND: Final = 253_402_300_799


class ClaimProblem(Enum):
    """What is wrong with a claim."""

    ABSENT = "The member is missing."
    WRONG_TYPE = "The member has another type than the profile says; a null counts as one."
    OUT_OF_RANGE = "The member has a value that cannot be."
    CONTRADICTORY = "A location and a reason for having none were sent together."


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedClaim:
    """The first thing wrong with a claim: `member` is its path, such as `location.latitude`."""

    member: str
    problem: ClaimProblem


class MalformedError(Exception):
    """Raised inside this package when a member is not what it must be; never leaves it."""

    def __init__(self, member: str, problem: ClaimProblem) -> None:
        super().__init__(member)
        self.claim = MalformedClaim(member=member, problem=problem)


class Members:
    """One JSON object. A bool is no number and a null no absence; `_if_any` allows absence.

    Every method raises MalformedError, with the member's path below `place`.
    """

    __slots__ = ("_members", "_place")

    def __init__(self, value: object, place: str) -> None:
        if type(value) is not dict:
            raise MalformedError(place, ClaimProblem.WRONG_TYPE)
        self._members: dict[str, object] = value
        self._place = place

    def number(self, name: str, low: float, high: float) -> float:
        value = self._required(name)
        if type(value) is not float and type(value) is not int:
            raise self._malformed(name, ClaimProblem.WRONG_TYPE)
        # The range first: an integer of a thousand digits cannot be made a float.
        if not low <= value <= high:
            raise self._malformed(name, ClaimProblem.OUT_OF_RANGE)
        return float(value)

    def number_if_any(self, name: str, low: float, high: float) -> float | None:
        return self.number(name, low, high) if name in self._members else None

    def integer(self, name: str, low: int, high: int) -> int:
        value = self._required(name)
        if type(value) is not int:
            raise self._malformed(name, ClaimProblem.WRONG_TYPE)
        if not low <= value <= high:
            raise self._malformed(name, ClaimProblem.OUT_OF_RANGE)
        return value

    def integer_if_any(self, name: str, low: int, high: int) -> int | None:
        return self.integer(name, low, high) if name in self._members else None

    def instant(self, name: str) -> datetime:
        """An integer of seconds since 1970 (NumericDate without fraction), as aware UTC."""
        return datetime.fromtimestamp(self.integer(name, 0, _LAST_SECOND), UTC)

    def boolean(self, name: str) -> bool:
        value = self._required(name)
        if type(value) is not bool:
            raise self._malformed(name, ClaimProblem.WRONG_TYPE)
        return value

    def text(self, name: str, pattern: re.Pattern[str]) -> str:
        """A text that the whole of `pattern` matches."""
        value = self._required(name)
        if type(value) is not str:
            raise self._malformed(name, ClaimProblem.WRONG_TYPE)
        if pattern.fullmatch(value) is None:
            raise self._malformed(name, ClaimProblem.OUT_OF_RANGE)
        return value

    def text_if_any(self, name: str, pattern: re.Pattern[str]) -> str | None:
        return self.text(name, pattern) if name in self._members else None

    def sha256(self, name: str) -> bytes:
        """The 32 bytes of a hash written as canonical base64url."""
        digest = base64url.decode(self.text(name, _SHA256))
        if digest is None:
            raise self._malformed(name, ClaimProblem.OUT_OF_RANGE)
        return digest

    def uuid(self, name: str) -> UUID:
        return UUID(self.text(name, _UUID))

    def pair(self, name: str, first: str, second: str) -> Members:
        """An array of two as members of these names."""
        value = self._required(name)
        if type(value) is not list or len(value) != 2:  # noqa: PLR2004 a pair is two
            raise self._malformed(name, ClaimProblem.WRONG_TYPE)
        return Members({first: value[0], second: value[1]}, self._path(name))

    def _required(self, name: str) -> object:
        try:
            return self._members[name]
        except KeyError:
            raise self._malformed(name, ClaimProblem.ABSENT) from None

    def _malformed(self, name: str, problem: ClaimProblem) -> MalformedError:
        return MalformedError(self._path(name), problem)

    def _path(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name


_SHA256 = re.compile(r"[A-Za-z0-9_-]{43}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
