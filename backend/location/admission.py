"""Admission: gathers what is known, lets the gate decide, keeps what it decided.

One transaction, the guard's: the fix or the refusal, what judgement made of it, its alerts and
their messages are all kept, or nothing is.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import insert

import geofence
from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import SYSTEM
from backend.core.db import Session
from backend.core.ids import new_id
from backend.devices.key_state import KeyState
from backend.devices.service import KeyContext
from backend.location import gate, judging, missing, refused, silence
from backend.location.batch import Batch, Stored, instant_of, milliseconds_of
from backend.location.models import Refusal
from backend.location.person import Person
from backend.location.refusals import RefusalReason, reference_number
from backend.location.rulebook import USUAL_S, PersonRules
from backend.proof.claims import FixClaim
from backend.proof.dpop import Proof
from backend.proof.receipt import FixReceipt, sign_receipt
from backend.proof.server_keys import ServerKeys
from notifications.formats import Language

ADMITTED: Final = Counter("connectrex_admitted", "Requests let in by the gate", ["basis"])
REFUSED: Final = Counter("connectrex_refused", "Requests turned away by the gate", ["reason"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A request that was let in.

    `seq`, `digest` and `received_at` are those of its fix; None without one. `next_fix_s` is in
    how many seconds the next fix is wanted: sooner near an exclusion zone that the person knows.
    `repeated` marks a fix that was accepted before.
    """

    key: KeyContext
    basis: gate.Basis
    seq: int | None
    digest: bytes | None
    received_at: datetime | None
    next_fix_s: int
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A request that was turned away, under a reference number that can be looked up."""

    reason: RefusalReason
    reference: str
    member: str | None
    language: Language
    contact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request whose proof holds, by an enrolled key.

    `only_fix` marks `POST /v1/fixes`, where a fix that was accepted before is answered as it was
    then, however old it is now: its first answer got lost.
    """

    proof: Proof
    key: KeyContext
    route: str
    only_fix: bool
    now: datetime

    @property
    def seq(self) -> int | None:
        """The number of the request's fix, None without a readable one."""
        return self.proof.fix.seq if isinstance(self.proof.fix, FixClaim) else None


def count(outcome: Admission | Turned) -> None:
    """Count what became of a request: once it is committed, since before it may be tried anew."""
    if isinstance(outcome, Turned):
        REFUSED.labels(outcome.reason.value).inc()
    else:
        ADMITTED.labels("repeated" if outcome.repeated else outcome.basis.value).inc()


def admit(batch: Batch, request: Request) -> Admission | Turned:
    """Return that the request is let in, or why not; either is kept.

    Writes the fix or the refusal, the person's judgement, episodes and alerts. Audits the use of an
    exemption.
    """
    one = batch.person(request.key.supervisee_id)
    rules = batch.rules(one, request.now)
    seq = request.seq
    stored = None if seq is None else batch.stored(one, request.proof.activation, seq)
    if stored is not None and _is_repeat(request, stored):
        return _again(request, stored)
    if seq is not None:
        one = missing.hear(batch.session, one, request.key.activation_id, [seq], rules, request.now)
    facts = gate.Facts(
        key_state=request.key.state,
        order_in_force=rules.order_in_force(request.now),
        exemption_id=rules.exemption_in_force(request.now),
        known_digest=None if stored is None else stored.digest,
        last_live_fix=one.last_live_fix(),
        suspect_fix=one.last_suspect_fix(),
    )
    outcome = gate.admit(gate.claims_of(request.proof), facts, rules.gate_policy, request.now)
    if isinstance(outcome, gate.Refused):
        return _turn_away(batch, request, one, rules, outcome, stored)
    return _let_in(batch, request, one, rules, outcome, stored)


def _is_repeat(request: Request, stored: Stored) -> bool:
    """Whether this is an accepted fix, stated again."""
    wanted = request.only_fix and request.key.state is KeyState.ACTIVE
    return wanted and stored.refused is None and stored.digest == request.proof.fix_digest()


def _let_in(
    batch: Batch,
    request: Request,
    one: Person,
    rules: PersonRules,
    accepted: gate.Accepted,
    stored: Stored | None,
) -> Admission:
    if accepted.basis is gate.Basis.NO_ORDER:
        batch.keep(one, rules, request.now)
        return _admission(request, accepted, None, USUAL_S)
    one = refused.end(batch.session, one.received(request.now), request.now)
    fix, next_fix_s = accepted.fix, USUAL_S
    if fix is None:
        _record_exemption(batch.session, request, accepted)
    else:
        next_fix_s = rules.next_fix_s(fix, one.last_live_fix())
        if stored is None:
            one = _take_in(batch, request, one, rules, fix, accepted.signals, None)
        one = one.located(fix, odd=bool(accepted.signals))
    # Only now: a window that began unseen before this fix belongs to the silence that it ends.
    one = silence.end(batch.session, one, request.now)
    batch.keep(one, rules, request.now)
    return _admission(request, accepted, stored, next_fix_s)


def _turn_away(
    batch: Batch,
    request: Request,
    one: Person,
    rules: PersonRules,
    outcome: gate.Refused,
    stored: Stored | None,
) -> Turned:
    """Keep the refusal, and its fix as evidence where it is one: nothing is dropped."""
    refusal_id = _record_refusal(batch.session, request, rules, outcome)
    heard = outcome.check > _KEY_CHECK
    if heard:
        one = one.received(request.now)
    if stored is None and outcome.check > _SEQ_CHECK:
        fix = gate.evidence_of(gate.claims_of(request.proof), outcome)
        if fix is not None:
            one = _take_in(batch, request, one, rules, fix, outcome.signals, outcome.reason)
            if outcome.reason is RefusalReason.IMPLAUSIBLE:
                one = one.located(fix, odd=True)
    if heard:
        one = silence.end(batch.session, one, request.now)
    one = refused.note(batch.session, one, outcome.reason, refusal_id, request.now)
    batch.keep(one, rules, request.now)
    return Turned(
        reason=outcome.reason,
        reference=reference_number(refusal_id),
        member=outcome.member,
        language=rules.language,
        contact=rules.contact,
    )


def _record_refusal(
    session: Session, request: Request, rules: PersonRules, outcome: gate.Refused
) -> UUID:
    """Store a refusal, with what was signed only while a court has power over the person."""
    refusal_id = new_id(request.now)
    session.execute(
        insert(Refusal),
        {
            "id": refusal_id,
            "reference": reference_number(refusal_id),
            "supervisee_id": request.key.supervisee_id,
            "activation_id": request.key.activation_id,
            "reason": outcome.reason,
            "at": request.now,
            "route": request.route,
            "signed": request.proof.text if rules.order_in_force(request.now) else "",
        },
    )
    return refusal_id


_KEY_CHECK: Final = 9
_SEQ_CHECK: Final = 10


def _take_in(
    batch: Batch,
    request: Request,
    one: Person,
    rules: PersonRules,
    fix: geofence.Fix,
    signals: tuple[geofence.Signal, ...],
    reason: RefusalReason | None,
) -> Person:
    """Store one fix and judge it; whether it let its request in makes no difference to judgement."""
    key = request.key
    batch.add_fix(
        {
            "activation_id": key.activation_id,
            "seq": fix.seq,
            "supervisee_id": key.supervisee_id,
            "digest": fix.digest,
            "taken_s": fix.at_s,
            "received_ms": milliseconds_of(request.now),
            "mono_ms": fix.mono_ms,
            "boot": fix.boot,
            "latitude": fix.latitude,
            "longitude": fix.longitude,
            "accuracy_m": fix.accuracy_m,
            "usable": fix.usable,
            "signals": " ".join(signal.kind.value for signal in signals),
            "assurance": key.assurance.value,
            "refused": reason,
            "signed": request.proof.text,
            "journal_n": None,
        }
    )
    if not fix.usable:
        return one
    return judging.judge_fixes(
        batch.session, one, rules, [fix], request.now, batch.write_facts, batch.add_checkpoint
    )


def _again(request: Request, stored: Stored) -> Admission:
    """Return the admission of a fix that was accepted before: its answer got lost on the way."""
    return Admission(
        key=request.key,
        basis=gate.Basis.LOCATED,
        seq=request.seq,
        digest=stored.digest,
        received_at=stored.received_at,
        next_fix_s=USUAL_S,
        repeated=True,
    )


def _admission(
    request: Request, accepted: gate.Accepted, stored: Stored | None, next_fix_s: int
) -> Admission:
    fix = accepted.fix
    first_at = instant_of(milliseconds_of(request.now))
    received_at = first_at if stored is None else stored.received_at
    return Admission(
        key=request.key,
        basis=accepted.basis,
        seq=None if fix is None else fix.seq,
        digest=None if fix is None else fix.digest,
        received_at=None if fix is None else received_at,
        next_fix_s=next_fix_s,
    )


def _record_exemption(session: Session, request: Request, accepted: gate.Accepted) -> None:
    """Audit that an exemption let somebody in without a usable location, and what it waived."""
    used, waived = accepted.exemption_id, accepted.waived
    audit.record(
        session,
        dataclasses.replace(SYSTEM, agency_id=request.key.agency_id),
        Act.EXEMPTION_USED,
        subject=None if used is None else ("exemption", used),
        supervisee_id=request.key.supervisee_id,
        details={"waived": None if waived is None else waived.reason.value},
        now=request.now,
    )


def receipt_of(admission: Admission, keys: ServerKeys, issuer: str) -> str | None:
    """Return the signed receipt of an admission's fix; None where there was none to receive.

    Equal facts give an equal text: the same fix again gets the same receipt.
    """
    if admission.digest is None or admission.received_at is None:
        return None
    receipt = FixReceipt(
        issuer=issuer,
        jkt=admission.key.jkt,
        seq=admission.seq,
        digest=admission.digest,
        received_at=admission.received_at,
        outcome="ACCEPTED",
    )
    return sign_receipt(receipt, keys)
