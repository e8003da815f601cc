"""The location gate: does what an enrolled phone signed admit its person, and if not, why.

The proof has been verified (steps 1 to 8). Here, with what is known of the person:
   9  the key is active: that it is suspended is told only here
      a person under no order in force is admitted now; no location is looked at or kept
  10  the fix's number has not been used for another fix
  11  a location and its fix are there, and well formed
  12  it was taken at most 60 s before the nonce was issued, and not later than now + 10 s
  13  its radius is within the agency's policy
  14  it is not mock, and not 0, 0
  15  its speed from the last live fix is possible, or from the odd one since
An exemption in force waives 11 to 15 and nothing else. A refusal is a value, to be stored; by
itself it is never a violation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from uuid import UUID

from backend.core.clock import unix_s
from backend.devices.key_state import KeyState
from backend.location.refusals import RefusalReason
from backend.proof.claims import FixClaim, LocationClaim, Unavailable
from backend.proof.dpop import Proof
from backend.proof.members import MalformedClaim
from geofence.fix import Fix
from geofence.footing import Footing
from geofence.parameters import Parameters
from geofence.plausibility import Signal

OLDEST_BEFORE_NONCE: Final = timedelta(seconds=60)
LATEST_AFTER_NOW: Final = timedelta(seconds=10)
NULL_ISLAND_DEG: Final = 1e-5
"""Nearer than this (a metre) to 0, 0 a location is what software says when it knows none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified proof says that the gate judges by.

    `fix_digest` names what the fix says (`Proof.fix_digest`), the same in each request that shares
    one fix.
    """

    activation: UUID
    nonce_issued_at: datetime
    bootcount: int | None
    location: LocationClaim | Unavailable | MalformedClaim | None
    fix: FixClaim | MalformedClaim | None
    fix_digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of the person and the phone, read in the transaction of the request.

    `known_digest` is the digest of what is stored under the fix's number in this activation, None
    if nothing is. `last_live_fix` is the person's last fix that this gate let pass as it was taken and
    found nothing odd about; `suspect_fix` an odd one since, let pass or not. Without it one accepted
    spoof would make every honest fix after it impossible.
    """

    key_state: KeyState
    order_in_force: bool
    exemption_id: UUID | None
    known_digest: bytes | None
    last_live_fix: Fix | None
    suspect_fix: Fix | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """The agency's limits: the largest 95 % radius in metres, and the engine's parameters."""

    max_accuracy_m: float
    parameters: Parameters


class Basis(Enum):
    """Why a person is admitted."""

    LOCATED = "located"
    EXEMPTED = "exempted"
    NO_ORDER = "no-order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a person is not admitted, by which numbered check, and what there is to show for it.

    `member` names the claim that was absent or badly formed, such as `location.latitude`.
    """

    reason: RefusalReason
    check: int
    member: str | None = None
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Admitted. `fix` is set when 11 to 15 held: then it is a live fix, to be kept and judged.

    With an exemption and no such fix, `waived` says what the exemption was used for, to be
    recorded. `signals` are oddities that are stored and shown, and refuse nobody.
    """

    basis: Basis
    fix: Fix | None = None
    signals: tuple[Signal, ...] = ()
    exemption_id: UUID | None = None
    waived: Refused | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Located:
    fix: Fix
    signals: tuple[Signal, ...]


def claims_of(proof: Proof) -> Claims:
    """Return what `proof` says to the gate."""
    return Claims(
        activation=proof.activation,
        nonce_issued_at=proof.nonce_issued_at,
        bootcount=proof.bootcount,
        location=proof.location,
        fix=proof.fix,
        fix_digest=proof.fix_digest(),
    )


def evidence_of(claims: Claims, refused: Refused) -> Fix | None:
    """Return the fix that a refused request states; None where it states none.

    What was refused is still evidence: an inaccurate or late fix may show a breach. A mock, a fix
    at 0, 0 and one of the future are marked, whatever refused them first: kept, and never judged.
    """
    location, claim = claims.location, claims.fix
    if not isinstance(location, LocationClaim) or not isinstance(claim, FixClaim):
        return None
    usable = refused.reason is not RefusalReason.FUTURE and _invented(location, claim) is None
    return _fix(claims, location, claim, usable=usable)


def admit(claims: Claims, facts: Facts, policy: GatePolicy, now: datetime) -> Accepted | Refused:
    """Return that the person is admitted, and on what basis, or the first check that fails."""
    # 9
    if facts.key_state is not KeyState.ACTIVE:
        return Refused(reason=RefusalReason.SUSPENDED_DEVICE, check=9)
    if not facts.order_in_force:
        return Accepted(basis=Basis.NO_ORDER)

    # 10
    if _is_forked(claims, facts.known_digest):
        return Refused(reason=RefusalReason.FORKED, check=10, member="fix.seq")

    # 11 to 15
    footing = Footing(last=facts.last_live_fix, suspect=facts.suspect_fix)
    located = _locate(claims, footing, policy, now)
    if isinstance(located, Refused) and facts.exemption_id is None:
        return located

    return _accepted(located, facts.exemption_id)


def _accepted(located: _Located | Refused, exemption_id: UUID | None) -> Accepted:
    if isinstance(located, Refused):
        return Accepted(basis=Basis.EXEMPTED, exemption_id=exemption_id, waived=located)
    return Accepted(basis=Basis.LOCATED, fix=located.fix, signals=located.signals)


def _is_forked(claims: Claims, known_digest: bytes | None) -> bool:
    numbered = isinstance(claims.fix, FixClaim)
    return numbered and known_digest is not None and known_digest != claims.fix_digest


def _locate(
    claims: Claims, footing: Footing, policy: GatePolicy, now: datetime
) -> _Located | Refused:
    # 11
    location, claim = claims.location, claims.fix
    if not isinstance(location, LocationClaim):
        return _unlocated(location)
    if not isinstance(claim, FixClaim):
        return _missing(claim, "fix")

    # 12, 13, 14
    reason = (
        _untimely(location.timestamp, claims.nonce_issued_at, now)
        or _inaccurate(location.accuracy_m, policy.max_accuracy_m)
        or _invented(location, claim)
    )
    if reason is not None:
        return Refused(reason=reason, check=_CHECKS[reason])

    # 15
    fix = _fix(claims, location, claim)
    signals = footing.signals(fix, policy.parameters)
    if any(signal.refuses for signal in signals):
        return Refused(reason=RefusalReason.IMPLAUSIBLE, check=15, signals=signals)

    return _Located(fix=fix, signals=signals)


_CHECKS: Final = {
    RefusalReason.STALE: 12,
    RefusalReason.FUTURE: 12,
    RefusalReason.LOW_ACCURACY: 13,
    RefusalReason.MOCK: 14,
    RefusalReason.ZERO_ZERO: 14,
}


def _unlocated(location: Unavailable | MalformedClaim | None) -> Refused:
    if isinstance(location, Unavailable):
        return Refused(reason=RefusalReason[location.name], check=11)
    return _missing(location, "location")


def _missing(claim: MalformedClaim | None, member: str) -> Refused:
    place = member if claim is None else claim.member
    return Refused(reason=RefusalReason.MISSING, check=11, member=place)


def _untimely(taken_at: datetime, nonce_at: datetime, now: datetime) -> RefusalReason | None:
    if taken_at < nonce_at - OLDEST_BEFORE_NONCE:
        return RefusalReason.STALE
    return RefusalReason.FUTURE if taken_at > now + LATEST_AFTER_NOW else None


def _inaccurate(accuracy_m: float, max_accuracy_m: float) -> RefusalReason | None:
    return None if accuracy_m <= max_accuracy_m else RefusalReason.LOW_ACCURACY


def _invented(location: LocationClaim, claim: FixClaim) -> RefusalReason | None:
    if claim.mock:
        return RefusalReason.MOCK
    from_zero_deg = max(abs(location.latitude), abs(location.longitude))
    return RefusalReason.ZERO_ZERO if from_zero_deg < NULL_ISLAND_DEG else None


def _fix(claims: Claims, location: LocationClaim, claim: FixClaim, *, usable: bool = True) -> Fix:
    return Fix(
        digest=claims.fix_digest,
        activation=str(claims.activation),
        seq=claim.seq,
        at_s=unix_s(location.timestamp),
        mono_ms=claim.mono_ms,
        latitude=location.latitude,
        longitude=location.longitude,
        accuracy_m=location.accuracy_m,
        usable=usable,
        boot=claims.bootcount,
    )
