"""Buffered fixes: what stands against one, and what is odd about it. Pure.

No gate: a buffered fix lets nobody in, so none is too old. What is refused here is kept and marked,
as with live fixes; a mock, a place at 0, 0 and a time that cannot be are never judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from backend.core.clock import unix_s
from backend.location.fix_rows import FixRow
from backend.location.gate import LATEST_AFTER_NOW, NULL_ISLAND_DEG, GatePolicy
from backend.location.refusals import RefusalReason
from backend.proof.journal import JournalToken
from backend.proof.journal_claims import BufferedFix
from geofence.fix import Fix
from geofence.footing import Footing
from geofence.parameters import Parameters
from geofence.plausibility import Signal, SignalKind, assess_pair

_UNUSABLE: Final = frozenset(
    {RefusalReason.MOCK, RefusalReason.ZERO_ZERO, RefusalReason.FUTURE, RefusalReason.STALE}
)
_DEGREE_M: Final = 111_700.0
"""No degree on the globe is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What fixes are held against: when they can have been taken, and the agency's limits.

    Of two fixes that are at most `degrees_per_s` and `apart_ms` apart, nothing can be odd.
    """

    earliest_s: int
    latest_s: int
    max_accuracy_m: float
    degrees_per_s: float
    apart_ms: float
    parameters: Parameters

    @classmethod
    def of(cls, *, started_s: int, policy: GatePolicy, now: datetime) -> Limits:
        """Return the limits of an activation as of now: before it the phone was somebody else's."""
        return cls(
            earliest_s=started_s - LATEST_AFTER_NOW.seconds,
            latest_s=unix_s(now) + LATEST_AFTER_NOW.seconds,
            max_accuracy_m=policy.max_accuracy_m,
            degrees_per_s=policy.parameters.fast_speed_mps / _DEGREE_M,
            apart_ms=1000 * policy.parameters.clock_tolerance_s,
            parameters=policy.parameters,
        )


def rows_of(
    token: JournalToken, activation_id: UUID, footing: Footing, limits: Limits
) -> list[FixRow]:
    """Return the token's fixes as they are to be kept, in the order of their numbers.

    `footing` is what they follow: of a wrong fix among right ones only the wrong one is odd.
    """
    boot, activation = token.boot, str(activation_id)
    parameters = limits.parameters
    rows, anchor = list[FixRow](), None
    for buffered, digest in zip(token.fixes, token.fix_digests, strict=True):
        how, where = buffered.fix, buffered.location
        reason = _objection(buffered, limits)
        usable = reason not in _UNUSABLE
        fix = Fix(
            digest=digest,
            activation=activation,
            seq=how.seq,
            at_s=where.timestamp,
            mono_ms=how.mono,
            latitude=where.latitude,
            longitude=where.longitude,
            accuracy_m=where.accuracy,
            usable=usable,
            boot=boot,
        )
        last = footing.last
        odd = (
            () if last is None or _is_usual(last, fix, limits) else footing.signals(fix, parameters)
        )
        signals = odd if anchor is None else odd + _crept(anchor, fix, odd, limits)
        named = ""
        if signals:
            named = " ".join(signal.kind.value for signal in signals)
            if reason is None and any(signal.refuses for signal in signals):
                reason = RefusalReason.IMPLAUSIBLE
        rows.append(FixRow(fix=fix, signals=named, refused=reason))
        if fix.usable:
            footing, anchor = footing.after(fix, odd), anchor or fix
    return rows


def _objection(buffered: BufferedFix, limits: Limits) -> RefusalReason | None:
    """Return what stands against a fix by itself: what could not be judged by comes first."""
    where = buffered.location
    if buffered.fix.mock:
        return RefusalReason.MOCK
    if abs(where.latitude) < NULL_ISLAND_DEG and abs(where.longitude) < NULL_ISLAND_DEG:
        return RefusalReason.ZERO_ZERO
    if where.timestamp > limits.latest_s:
        return RefusalReason.FUTURE
    if where.timestamp < limits.earliest_s:
        return RefusalReason.STALE
    return RefusalReason.LOW_ACCURACY if where.accuracy > limits.max_accuracy_m else None


def _crept(anchor: Fix, fix: Fix, odd: Sequence[Signal], limits: Limits) -> tuple[Signal, ...]:
    """Return that the clocks went apart since the token's first fix, if that is not told already.

    They are compared over the whole token: one that creeps shows only in the long run.
    """
    if _clocks_agree(anchor, fix, limits):
        return ()
    told = {signal.kind for signal in odd}
    clock = {SignalKind.CLOCK_TAMPERED} - told
    return tuple(one for one in assess_pair(anchor, fix, limits.parameters) if one.kind in clock)


def _is_usual(previous: Fix, fix: Fix, limits: Limits) -> bool:
    """Whether a pair is not worth the full look: by bounds that cost next to nothing."""
    degrees = abs(fix.latitude - previous.latitude) + abs(fix.longitude - previous.longitude)
    span_s = abs(fix.at_s - previous.at_s) or 1
    return degrees <= limits.degrees_per_s * span_s and _clocks_agree(previous, fix, limits)


def _clocks_agree(one: Fix, other: Fix, limits: Limits) -> bool:
    """Whether both clocks say that as much time went by, more strictly than the engine asks."""
    apart_ms = 1000 * (other.at_s - one.at_s) - (other.mono_ms - one.mono_ms)
    return -limits.apart_ms <= apart_ms <= limits.apart_ms
