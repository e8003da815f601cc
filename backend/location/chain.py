"""The chain of an activation's journal: whether a token follows what is here, and what is missing.

Pure. Tokens may come in any order: a number that is missing may still come. But each number is
said once, and each token repeats the digest of the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Final, NamedTuple

FIRST: Final = 1
MAX_SPANS: Final = 50
"""How many spans are told to a phone, and kept: whoever loses more knows enough."""


class Span(NamedTuple):
    """Whole numbers from `first` to `last`, both counted."""

    first: int
    last: int


class Link(Enum):
    """How a token stands to those that are here.

    FORK: the phone has signed two histories, here or one number beside.
    """

    NEW = "new"
    REPEAT = "repeat"
    FORK = "fork"
    WRONG_START = "wrong-start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A token that is here: its digest, and the digest of the token before it."""

    digest: bytes
    prev: bytes | None


def link_of(n: int, *, token: Known, start: bytes, here: Mapping[int, Known]) -> Link:
    """Return how a token of number `n` stands to its neighbours among those that are `here`.

    `start` is what the first token repeats. Of the token before, only the digest is looked at.
    """
    same, before, after = here.get(n), here.get(n - 1), here.get(n + 1)
    if same is not None:
        return Link.REPEAT if same.digest == token.digest else Link.FORK
    if n == FIRST and token.prev != start:
        return Link.WRONG_START
    if before is not None and before.digest != token.prev:
        return Link.FORK
    if after is not None and after.prev != token.digest:
        return Link.FORK
    return Link.NEW


def gaps_between(numbers: Iterable[int], after: int) -> list[Span]:
    """Return what lacks between rising `numbers`, all above `after`; at most MAX_SPANS."""
    spans = (
        Span(one + 1, other - 1) for one, other in pairwise([after, *numbers]) if other > one + 1
    )
    return [span for _, span in zip(range(MAX_SPANS), spans, strict=False)]


def without(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """Return what is left of rising `spans` without the numbers in `taken`; at most MAX_SPANS."""
    left: list[Span] = []
    for span in spans:
        first = span.first
        for other in sorted(taken):
            if other.last < first or other.first > span.last:
                continue
            if other.first > first:
                left.append(Span(first, other.first - 1))
            first = other.last + 1
        if first <= span.last:
            left.append(Span(first, span.last))
    return left[:MAX_SPANS]
