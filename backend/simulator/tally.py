"""What became of a fleet's fixes: counted by each phone, added up, and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Final

_MARGIN: Final = 28
_TWO: Final = 2


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of one phone, or of all. Reasons and codes are the server's own words.

    `lost` are fixes and tokens that the server had accepted and then knew nothing of, or answered
    for otherwise; `undelivered` are tokens that it never took, and `unasked` check-ins that it
    accepted and that could not be asked for again.
    """

    phones: int = 0
    taken: int = 0
    dropped: int = 0
    reboots: int = 0
    rotations: int = 0
    rotations_refused: Counter[str] = field(default_factory=Counter)
    presence_keys: int = 0
    presence_refused: Counter[str] = field(default_factory=Counter)
    check_ins: int = 0
    check_ins_late: int = 0
    check_ins_refused: Counter[str] = field(default_factory=Counter)
    unasked: int = 0
    live_accepted: int = 0
    live_refused: Counter[str] = field(default_factory=Counter)
    put_off: Counter[str] = field(default_factory=Counter)
    buffered: int = 0
    tokens: int = 0
    tokens_refused: Counter[str] = field(default_factory=Counter)
    out_of_order: int = 0
    journal_accepted: int = 0
    journal_refused: Counter[str] = field(default_factory=Counter)
    unaccounted: int = 0
    receipts: int = 0
    wrong_receipts: int = 0
    asked_again: int = 0
    lost: int = 0
    undelivered: int = 0
    requests: int = 0
    unanswered: int = 0
    live_seconds: list[float] = field(default_factory=list)
    journal_seconds: list[float] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether everything arrived, and all that was accepted is still there."""
        is_lost = self.lost or self.wrong_receipts
        return not (is_lost or self.undelivered or self.tokens_refused or self.unasked)

    def add(self, other: Tally) -> None:
        """Count what `other` counted as well."""
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            elif isinstance(mine, list):
                mine.extend(theirs)
            else:
                setattr(self, name, mine + theirs)


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum."""
    added = Tally()
    for tally in tallies:
        added.add(tally)
    return added


def summary(tally: Tally) -> Iterator[str]:
    """Yield what happened, line by line, for somebody who reads it for the first time."""
    yield _row("phones enrolled", tally.phones)
    yield _row("keys changed", tally.rotations, _refused(tally.rotations_refused))
    yield _row("fixes taken", tally.taken, _reboots(tally.reboots))
    yield _row("  sent live, accepted", tally.live_accepted)
    yield _row("  sent live, refused", tally.live_refused.total(), _reasons(tally.live_refused))
    yield _row("  no live answer", tally.put_off.total(), _reasons(tally.put_off))
    yield _row("  put into the journal", tally.buffered)
    yield _row("gaps declared", tally.dropped, "fixes lost on the phone, as it said itself")
    yield _row("journal tokens taken", tally.tokens, f"{tally.out_of_order} out of order")
    yield _row("  their fixes accepted", tally.journal_accepted)
    yield _row(
        "  their fixes refused", tally.journal_refused.total(), _reasons(tally.journal_refused)
    )
    yield _row("  tokens refused", tally.tokens_refused.total(), _reasons(tally.tokens_refused))
    yield _row("  tokens not delivered", tally.undelivered)
    yield _row("fixes unaccounted for", tally.unaccounted, "neither here nor declared as a gap")
    yield _row("presence keys enrolled", tally.presence_keys, _refused(tally.presence_refused))
    yield _row("check-ins made", tally.check_ins, f"{tally.check_ins_late} late")
    refused = tally.check_ins_refused
    yield _row("  check-ins refused", refused.total(), _reasons(refused))
    yield _row("receipts verified", tally.receipts, f"{tally.wrong_receipts} wrong")
    yield _row("tokens asked for again", tally.asked_again)
    yield _row("requests", tally.requests, f"{tally.unanswered} without an answer, then repeated")
    yield _row("  POST /v1/fixes", len(tally.live_seconds), _times(tally.live_seconds))
    yield _row("  POST /v1/journal", len(tally.journal_seconds), _times(tally.journal_seconds))
    yield ""
    yield _verdict(tally)


def _verdict(tally: Tally) -> str:
    if tally.lost or tally.wrong_receipts:
        return (
            f"LOST: {tally.lost} accepted things are gone, {tally.wrong_receipts} receipts wrong."
        )
    if not tally.is_whole:
        return "INCOMPLETE: not everything was taken, or could be asked for, so not all is checked."
    return "Nothing that was accepted got lost."


def _row(name: str, figure: int, remark: str = "") -> str:
    return f"{name:<{_MARGIN}}{figure:>8}   {remark}".rstrip()


def _reasons(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def _reboots(count: int) -> str:
    return f"{count} reboots meanwhile" if count else ""


def _refused(counts: Counter[str]) -> str:
    return f"refused: {_reasons(counts)}" if counts else ""


def _times(seconds: Sequence[float]) -> str:
    if len(seconds) < _TWO:
        return ""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return f"p50 {1000 * cuts[49]:.1f} ms, p99 {1000 * cuts[98]:.1f} ms"
