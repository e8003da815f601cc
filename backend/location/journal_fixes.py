"""What a token's fixes come to: which are new, which count, and what they follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from backend.core.clock import from_unix_s
from backend.location.buffered import Limits, rows_of
from backend.location.fix_rows import FixRow
from backend.location.journal_outcome import RefusedFix
from backend.location.journal_store import Chain, StoredFix
from backend.location.person import Person
from backend.location.refusals import RefusalReason
from backend.location.rulebook import PersonRules
from backend.proof.journal import JournalToken
from geofence.footing import Footing

NO_ORDER: Final = "NO_ORDER"
"""Why a fix was not kept: no court had power over the person when it was taken."""


@dataclass(slots=True)
class Sorted:
    """A token's fixes: the rows that are new, and what is told of all of them."""

    rows: list[FixRow] = field(default_factory=list)
    accepted: int = 0
    refusals: list[RefusedFix] = field(default_factory=list)
    any_ordered: bool = False

    @property
    def any_forked(self) -> bool:
        """Whether a number of the token stands for another fix already."""
        return any(refusal.reason == RefusalReason.FORKED.value for refusal in self.refusals)

    def count(self, seq: int, reason: RefusalReason | None) -> None:
        """Count one more fix, accepted or refused."""
        if reason is None:
            self.accepted += 1
        else:
            self.refusals.append(RefusedFix(seq=seq, reason=reason.value))


def sort_fixes(
    one: Person,
    rules: PersonRules,
    chain: Chain,
    token: JournalToken,
    stored: Mapping[int, StoredFix],
    now: datetime,
) -> Sorted:
    """Return which fixes are new, and what counts: each fix is one, however often it came.

    `stored` is what is kept under the token's numbers already.
    """
    found = Sorted()
    limits = Limits.of(started_s=chain.started_s, policy=rules.gate_policy, now=now)
    rows = rows_of(token, chain.activation_id, _footing(one, token), limits)
    always = rows and _covered(rules, rows)
    for row in rows:
        seq = row.fix.seq
        if not always and not rules.order_in_force(from_unix_s(row.fix.at_s)):
            found.refusals.append(RefusedFix(seq=seq, reason=NO_ORDER))
            continue
        found.any_ordered = True
        before = stored.get(seq)
        if before is None:
            found.count(seq, row.refused)
            found.rows.append(row)
        elif before.digest == row.fix.digest:
            found.count(seq, before.refused)
        else:
            found.count(seq, RefusalReason.FORKED)
    return found


def any_ordered(rules: PersonRules, token: JournalToken) -> bool:
    """Return whether a court had power over the person when any of the fixes was taken."""
    return any(rules.order_in_force(from_unix_s(each.location.timestamp)) for each in token.fixes)


def _footing(one: Person, token: JournalToken) -> Footing:
    """Return what the token's fixes follow: the last live ones, unless those are later."""
    last, suspect = one.last_live_fix(), one.last_suspect_fix()
    if not token.fixes or last is None or last.at_s > token.fixes[0].location.timestamp:
        return Footing()
    return Footing(last=last, suspect=suspect)


def _covered(rules: PersonRules, rows: Sequence[FixRow]) -> bool:
    """Whether one order was in force from the first fix to the last: then none is asked alone."""
    times = [row.fix.at_s for row in rows]
    first, last = from_unix_s(min(times)), from_unix_s(max(times))
    return any(order.is_in_force(first) and order.is_in_force(last) for order in rules.orders)
