"""When each version of a condition is in force: derived, so that it can never contradict itself.

A decision replaces everything that earlier decisions say from its beginning on. So the version in
force at an instant is the highest numbered one that has begun by then, within the order's own
time; versions cannot overlap, and one planned for later falls away when a newer one begins first.
A version that needs approval begins at its approval at the earliest: nothing is approved into the
past. Spans are half-open and in whole Unix seconds (`_s`), as the engine judges; a start within a
second counts from the next one, again so that nothing holds before it was decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

from backend.core.clock import unix_s


class Dated(Protocol):
    """What decides when a version begins."""

    @property
    def effective_from(self) -> datetime: ...
    @property
    def needs_approval(self) -> bool: ...
    @property
    def approved_at(self) -> datetime | None: ...


class Span(NamedTuple):
    """From `from_s` up to, but not including, `until_s` (None: without end)."""

    from_s: int
    until_s: int | None

    def overlaps(self, from_s: int, until_s: int | None) -> bool:
        """Whether some second lies in both."""
        begins_in_time = until_s is None or self.from_s < until_s
        return begins_in_time and (self.until_s is None or self.until_s > from_s)


def second_from(instant: datetime) -> int:
    """Return the first whole Unix second that does not lie before `instant`."""
    return unix_s(instant) + (1 if instant.microsecond else 0)


@lru_cache(maxsize=1024)
def order_span(starts_at: datetime, ends_at: datetime | None) -> Span:
    """Return the whole seconds of an order's time; many conditions share it."""
    until_s = None if ends_at is None else second_from(ends_at)
    return Span(second_from(starts_at), until_s)


def spans(order: Span, versions: Sequence[Dated]) -> list[Span | None]:
    """Return when each of one condition's versions, ascending by number, is in force, or None.

    None stands for never: it awaits approval, was replaced before it began, or the order ends
    before.
    """
    result: list[Span | None] = []
    until_s = order.until_s
    for version in reversed(versions):
        start_s = starts_s(version)
        if start_s is None:
            result.append(None)
            continue
        from_s = max(start_s, order.from_s)
        holds = until_s is None or from_s < until_s
        result.append(Span(from_s, until_s) if holds else None)
        until_s = start_s if until_s is None else min(start_s, until_s)
    result.reverse()
    return result


def starts_s(version: Dated) -> int | None:
    """Return the second from which a version decides, None while its approval is awaited."""
    if not version.needs_approval:
        return second_from(version.effective_from)
    if version.approved_at is None:
        return None
    return second_from(max(version.effective_from, version.approved_at))
