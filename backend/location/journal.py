"""The journal: buffered fixes taken in, under one signature each; their chain kept and asked for.

`take_in`, for tokens that wait together, in one transaction:
  1  the request's proof holds, by an enrolled key that is not suspended
  2  the token holds, by the same key
  3  it follows what is here (`chain`): the same again gets the same receipt, a fork is kept as
     evidence and told to the officer
  4  of its fixes those taken under an order are kept: one that came live is the same fix; another
     under its number is a fork
  5  they are judged by when they were taken, in one go
Nothing here lets anybody in: a late fix is history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace
from prometheus_client import Counter
from sqlalchemy import bindparam, insert, select, update

from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Severity
from backend.core.clock import from_unix_s, unix_s
from backend.core.db import Database, Session, padded, table_of
from backend.core.errors import Code, Problem
from backend.core.ids import new_id
from backend.devices import service as devices
from backend.devices.authentication import Authenticated, Authentication, count_refused
from backend.devices.key_state import KeyState
from backend.devices.service import KeyContext, key_contexts
from backend.location import fix_rows, judging, silence
from backend.location.batch import Batch, instant_of, milliseconds_of
from backend.location.buffered import Limits, rows_of
from backend.location.chain import Known, Link, Span, gaps_between, link_of, without
from backend.location.fix_rows import FixRow, FixRows
from backend.location.models import Fix, JournalChain, JournalEntry
from backend.location.person import Person
from backend.location.refusals import RefusalReason
from backend.location.rulebook import PersonRules, RuleBook
from backend.location.turns import Turns
from backend.proof.dpop import OpenedProof, SignedRequest
from backend.proof.journal import JournalToken
from backend.proof.journal_refusal import JournalRefusal, JournalRefused
from geofence.footing import Footing

MAX_TOGETHER: Final = 32
MAX_FORKS_KEPT: Final = 32
"""Forked tokens of one activation that are kept: they show what there is to show."""
NO_ORDER: Final = "NO_ORDER"
"""Why a fix was not kept: no court had power over the person when it was taken."""
FORK_SOURCE: Final = "journal"

TAKEN: Final = Counter("connectrex_journal_tokens", "Journal tokens by what became of them", ["as"])
FIXES: Final = Counter("connectrex_journal_fixes", "Buffered fixes by what became of them", ["as"])

_CHAINS: Final = table_of(JournalChain)
_TOKENS: Final = table_of(JournalEntry)
_FIXES: Final = table_of(Fix)
_FIND_CHAINS: Final = select(_CHAINS).where(
    _CHAINS.c.activation_id.in_(bindparam("activations", expanding=True))
)
_MOVING: Final = ("complete_n", "head_n", "head", "seq_to", "forks")
_MOVE: Final = (
    update(_CHAINS)
    .where(_CHAINS.c.activation_id == bindparam("activation"))
    .values({name: bindparam(f"new_{name}") for name in _MOVING})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A journal token as it came: with its request, whose proof is not verified yet."""

    opened: OpenedProof
    signed: SignedRequest
    token: JournalToken
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFix:
    """A fix of a token that does not count, and why."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A token that is kept, and what the phone should know.

    `missing` are the numbers of tokens that have not come, `unaccounted` those of fixes that no
    token and no live request has brought, and no gap has explained.
    """

    who: Authenticated
    n: int
    digest: bytes
    received_at: datetime
    accepted: int
    refusals: list[RefusedFix]
    missing: list[Span]
    unaccounted: list[Span]
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked:
    """A token that contradicts another; kept as evidence."""

    who: Authenticated
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """A token of a suspended phone: nothing is kept, and the phone keeps it until it is reinstated."""

    who: Authenticated


Outcome = Taken | Forked | Suspended


def refused(answer: JournalRefused) -> Problem:
    """Return the answer to a token that does not hold, and count it."""
    TAKEN.labels(answer.reason.name).inc()
    members: dict[str, object] = {"reason": answer.reason.name}
    if answer.member is not None:
        members["member"] = answer.member
    return Problem(Code.JOURNAL_REFUSED, answer.reason.value, members=members)


class Journal:
    """Takes journal tokens in; one for all threads of a process."""

    def __init__(self, database: Database, authentication: Authentication, book: RuleBook) -> None:
        self._database = database
        self._authentication = authentication
        self._book = book
        self._turns = Turns[Arrival, Outcome](self._serve, together=MAX_TOGETHER)

    def take_in(self, arrival: Arrival) -> Outcome:
        """Return what became of a token, when it is durable.

        Raises Problem for a proof (401) or a token (422) that does not hold.
        """
        return self._turns.take(arrival)

    def _serve(self, arrivals: Sequence[Arrival]) -> list[Outcome | Problem]:
        with self._database.transaction() as session:
            intake = _Intake(session, self._book, self._authentication)
            outcomes = intake.decide(arrivals)
        for outcome in outcomes:
            _count(outcome)
        return outcomes


def _count(outcome: Outcome | Problem) -> None:
    """Count what became of a token once it is committed, since before it may be tried anew."""
    if isinstance(outcome, Taken):
        TAKEN.labels("repeated" if outcome.repeated else "taken").inc()
        if not outcome.repeated:
            FIXES.labels("accepted").inc(outcome.accepted)
            FIXES.labels("refused").inc(len(outcome.refusals))
    elif isinstance(outcome, Problem):
        if outcome.code is not Code.JOURNAL_REFUSED:
            count_refused(outcome)
    else:
        TAKEN.labels("forked" if isinstance(outcome, Forked) else "suspended").inc()


@dataclass(slots=True, kw_only=True)
class _Chain:
    """A chain's row as it is now, and the tokens that wait to be written."""

    activation_id: UUID
    supervisee_id: UUID
    start: bytes
    started_s: int
    complete_n: int
    head_n: int
    head: bytes
    seq_to: int
    forks: int


@dataclass(slots=True)
class _Kept:
    """What is made of a token's fixes."""

    rows: list[FixRow] = field(default_factory=list)
    accepted: int = 0
    refusals: list[RefusedFix] = field(default_factory=list)
    any_ordered: bool = False

    def count(self, seq: int, reason: RefusalReason | None) -> None:
        if reason is None:
            self.accepted += 1
        else:
            self.refusals.append(RefusedFix(seq=seq, reason=reason.value))


class _Intake:
    """One transaction's tokens: everybody concerned is read once, and written once."""

    def __init__(self, session: Session, book: RuleBook, authentication: Authentication) -> None:
        self._session = session
        self._authentication = authentication
        self._batch = Batch(session, book)
        self._chains: dict[UUID, _Chain] = {}
        self._tokens: list[dict[str, Any]] = []
        self._fixes: list[FixRows] = []

    def decide(self, arrivals: Sequence[Arrival]) -> list[Outcome | Problem]:
        """Return what becomes of each token, in order of arrival, and write all of it."""
        held = self._hold(arrivals)
        keys = [who.key for who in held if isinstance(who, Authenticated)]
        if keys:
            self._batch.gather(keys, arrivals[0].now)
            self._find_chains(keys)
        outcomes = [
            who if isinstance(who, Problem) else self._take(who, arrival)
            for who, arrival in zip(held, arrivals, strict=True)
        ]
        self._write()
        self._write_chains()
        self._batch.write()
        return outcomes

    # Whose they are -----------------------------------------------------------------------

    def _hold(self, arrivals: Sequence[Arrival]) -> list[Authenticated | Problem]:
        contexts = key_contexts(self._session, {one.opened.jkt for one in arrivals})
        return [self._held(one, contexts.get(one.opened.jkt)) for one in arrivals]

    def _held(self, arrival: Arrival, key: KeyContext | None) -> Authenticated | Problem:
        try:
            who = self._authentication.hold(
                self._session,
                arrival.opened,
                key,
                arrival.signed,
                access_token=False,
                once=False,
                now=arrival.now,
            )
        except Problem as problem:
            return problem
        reason = self._authentication.verify_journal(arrival.token, who.key, arrival.now)
        return who if reason is None else refused(JournalRefused(reason=reason))

    def _find_chains(self, keys: Sequence[KeyContext]) -> None:
        owners = {key.activation_id: key.supervisee_id for key in keys}
        found = self._session.connection().execute(_FIND_CHAINS, {"activations": padded(owners)})
        for row in found.mappings():
            self._chains[row["activation_id"]] = _Chain(**row)
        for activation_id in owners.keys() - self._chains.keys():
            self._chains[activation_id] = self._begin(activation_id, owners[activation_id])

    def _begin(self, activation_id: UUID, supervisee_id: UUID) -> _Chain:
        """Return a new chain; its person is locked, so nobody else begins it."""
        beginning = devices.beginning_of(self._session, activation_id)
        start = sha256(beginning.challenge.encode("ascii")).digest()
        chain = _Chain(
            activation_id=activation_id,
            supervisee_id=supervisee_id,
            start=start,
            started_s=unix_s(beginning.started_at),
            complete_n=0,
            head_n=0,
            head=start,
            seq_to=0,
            forks=0,
        )
        names = (*_MOVING, "activation_id", "supervisee_id", "start", "started_s")
        values = {name: getattr(chain, name) for name in names}
        self._session.connection().execute(insert(_CHAINS), values)
        return chain

    # Where they belong --------------------------------------------------------------------

    def _take(self, who: Authenticated, arrival: Arrival) -> Outcome | Problem:
        if who.key.state is not KeyState.ACTIVE:
            return Suspended(who=who)
        token, chain = arrival.token, self._chains[who.key.activation_id]
        mine = Known(digest=token.digest, prev=token.prev)
        match link_of(token.n, token=mine, start=chain.start, here=self._here(chain, token)):
            case Link.WRONG_START:
                return refused(JournalRefused(reason=JournalRefusal.WRONG_START))
            case Link.FORK:
                return self._fork(who, chain, arrival)
            case Link.REPEAT:
                return self._again(who, chain, token)
            case Link.NEW:
                return self._keep(who, chain, arrival)

    def _here(self, chain: _Chain, token: JournalToken) -> Mapping[int, Known]:
        """Return the token's neighbours; most often it follows the last one, which is known."""
        if token.n == chain.head_n + 1:
            return {chain.head_n: Known(digest=chain.head, prev=None)}
        self._write()
        rows = self._session.connection().execute(
            select(_TOKENS.c.n, _TOKENS.c.digest, _TOKENS.c.prev).where(
                _TOKENS.c.activation_id == chain.activation_id,
                _TOKENS.c.n.between(token.n - 1, token.n + 1),
                _TOKENS.c.forked.is_(False),
            )
        )
        return {row.n: Known(digest=row.digest, prev=row.prev) for row in rows}

    def _again(self, who: Authenticated, chain: _Chain, token: JournalToken) -> Taken:
        """Return what the token was answered: the first answer got lost on the way."""
        row = self._session.execute(
            select(
                _TOKENS.c.received_ms, _TOKENS.c.accepted, _TOKENS.c.refusals, _TOKENS.c.unaccounted
            ).where(
                _TOKENS.c.activation_id == chain.activation_id,
                _TOKENS.c.n == token.n,
                _TOKENS.c.digest == token.digest,
            )
        ).one()
        return Taken(
            who=who,
            n=token.n,
            digest=token.digest,
            received_at=instant_of(row.received_ms),
            accepted=row.accepted,
            refusals=msgspec.json.decode(row.refusals, type=list[RefusedFix]),
            missing=self._missing(chain),
            unaccounted=msgspec.json.decode(row.unaccounted, type=list[Span]),
            repeated=True,
        )

    def _fork(self, who: Authenticated, chain: _Chain, arrival: Arrival) -> Forked:
        """Keep a token that contradicts another, and tell the officer; its fixes are not judged."""
        token, now = arrival.token, arrival.now
        one = self._batch.person(chain.supervisee_id)
        rules = self._batch.rules(one, now)
        if chain.forks < MAX_FORKS_KEPT and not self._is_kept(chain, token):
            chain.forks += 1
            kept = _Kept(any_ordered=_any_ordered(rules, token))
            self._tokens.append(self._entry(chain, token, kept, [], now, forked=True))
            _tell_fork(self._session, one, chain, token.n, now)
        self._hear(one, rules, now)
        return Forked(who=who, n=token.n)

    def _is_kept(self, chain: _Chain, token: JournalToken) -> bool:
        self._write()
        same = select(_TOKENS.c.n).where(
            _TOKENS.c.activation_id == chain.activation_id,
            _TOKENS.c.n == token.n,
            _TOKENS.c.digest == token.digest,
        )
        return self._session.execute(same).first() is not None

    # What they hold -----------------------------------------------------------------------

    def _keep(self, who: Authenticated, chain: _Chain, arrival: Arrival) -> Taken:
        token, now, key = arrival.token, arrival.now, who.key
        one = self._batch.person(key.supervisee_id)
        rules = self._batch.rules(one, now)
        kept = self._sort(one, rules, chain, token, now)
        if kept.rows:
            self._fixes.append(
                FixRows(
                    activation_id=key.activation_id,
                    supervisee_id=key.supervisee_id,
                    received_ms=milliseconds_of(now),
                    assurance=key.assurance.value,
                    journal_n=token.n,
                    boot=token.boot,
                    rows=kept.rows,
                )
            )
            one = _numbered(one, key.activation_id, kept.rows[-1].fix.seq)
            one = self._judge(one, rules, kept.rows, now)
        self._hear(one, rules, now)
        unaccounted = self._move(chain, token)
        self._tokens.append(self._entry(chain, token, kept, unaccounted, now, forked=False))
        if any(refusal.reason == RefusalReason.FORKED.value for refusal in kept.refusals):
            _tell_fork(self._session, one, chain, token.n, now)
        return Taken(
            who=who,
            n=token.n,
            digest=token.digest,
            received_at=instant_of(milliseconds_of(now)),
            accepted=kept.accepted,
            refusals=kept.refusals,
            missing=self._missing(chain),
            unaccounted=unaccounted,
            repeated=False,
        )

    def _sort(
        self, one: Person, rules: PersonRules, chain: _Chain, token: JournalToken, now: datetime
    ) -> _Kept:
        """Return which fixes are new, and what counts: each fix is one, however often it came."""
        kept = _Kept()
        stored = self._stored(one, chain, token)
        limits = Limits(started_s=chain.started_s, policy=rules.gate_policy, now=now)
        rows = rows_of(token, chain.activation_id, _footing(one, token), limits)
        always = rows and _covered(rules, rows)
        for row in rows:
            seq = row.fix.seq
            if not always and not rules.order_in_force(from_unix_s(row.fix.at_s)):
                kept.refusals.append(RefusedFix(seq=seq, reason=NO_ORDER))
                continue
            kept.any_ordered = True
            before = stored.get(seq)
            if before is None:
                kept.count(seq, row.refused)
                kept.rows.append(row)
            elif before[0] == row.fix.digest:
                kept.count(seq, before[1])
            else:
                kept.count(seq, RefusalReason.FORKED)
        return kept

    def _stored(
        self, one: Person, chain: _Chain, token: JournalToken
    ) -> dict[int, tuple[bytes, RefusalReason | None]]:
        """Return what is kept under the token's numbers; above all others nothing can be."""
        if not token.fixes:
            return {}
        first, last = token.fixes[0].fix.seq, token.fixes[-1].fix.seq
        if one.last_activation_id == chain.activation_id and first > one.last_seq:
            return {}
        self._write()
        rows = self._session.connection().execute(
            select(_FIXES.c.seq, _FIXES.c.digest, _FIXES.c.refused).where(
                _FIXES.c.activation_id == chain.activation_id, _FIXES.c.seq.between(first, last)
            )
        )
        return {row.seq: (row.digest, row.refused) for row in rows}

    def _judge(
        self, one: Person, rules: PersonRules, rows: Sequence[FixRow], now: datetime
    ) -> Person:
        usable = [row.fix for row in rows if row.fix.usable]
        if not usable:
            return one
        usable.sort(key=lambda fix: fix.at_s)
        return judging.judge_fixes(self._session, one, rules, usable, now, self._write)

    def _hear(self, one: Person, rules: PersonRules, now: datetime) -> None:
        """Note that the phone was heard of: whatever it said, it is not silent."""
        one = silence.end(self._session, one.received(now), now)
        self._batch.keep(one, rules, now)

    # What is missing ----------------------------------------------------------------------

    def _move(self, chain: _Chain, token: JournalToken) -> list[Span]:
        """Move the chain on by a token; return the numbers of fixes that nothing accounts for."""
        if token.n > chain.head_n:
            chain.head_n, chain.head = token.n, token.digest
        if token.n != chain.complete_n + 1:
            return []
        after = chain.seq_to
        gaps = [Span(gap.first, gap.last) for gap in token.gaps]
        last_seq = _last_seq(token)
        chain.complete_n = token.n
        if chain.head_n > token.n:
            gaps, last_seq = self._catch_up(chain, gaps, last_seq)
        chain.seq_to = max(after, last_seq)
        if not gaps and _is_run(token, after):
            return []
        return without(self._lacking(chain, after), gaps)

    def _catch_up(self, chain: _Chain, gaps: list[Span], last_seq: int) -> tuple[list[Span], int]:
        """Move on over tokens that came before this one; return their gaps and last number too."""
        self._write()
        rows = self._session.connection().execute(
            select(_TOKENS.c.n, _TOKENS.c.gaps, _TOKENS.c.last_seq)
            .where(
                _TOKENS.c.activation_id == chain.activation_id,
                _TOKENS.c.n > chain.complete_n,
                _TOKENS.c.forked.is_(False),
            )
            .order_by(_TOKENS.c.n)
        )
        for row in rows:
            if row.n != chain.complete_n + 1:
                break
            chain.complete_n = row.n
            gaps = gaps + msgspec.json.decode(row.gaps, type=list[Span])
            last_seq = max(last_seq, row.last_seq)
        return gaps, last_seq

    def _lacking(self, chain: _Chain, after: int) -> list[Span]:
        """Return the numbers, above `after`, of which no fix is here."""
        self._write()
        numbers = self._session.connection().execute(
            select(_FIXES.c.seq)
            .where(
                _FIXES.c.activation_id == chain.activation_id,
                _FIXES.c.seq > after,
                _FIXES.c.seq <= chain.seq_to,
            )
            .order_by(_FIXES.c.seq)
        )
        return gaps_between([*numbers.scalars(), chain.seq_to + 1], after)

    def _missing(self, chain: _Chain) -> list[Span]:
        """Return the numbers of tokens that have not come."""
        if chain.complete_n == chain.head_n:
            return []
        self._write()
        numbers = self._session.connection().execute(
            select(_TOKENS.c.n)
            .where(
                _TOKENS.c.activation_id == chain.activation_id,
                _TOKENS.c.n > chain.complete_n,
                _TOKENS.c.forked.is_(False),
            )
            .order_by(_TOKENS.c.n)
        )
        return gaps_between([*numbers.scalars(), chain.head_n + 1], chain.complete_n)

    # What is written ----------------------------------------------------------------------

    def _entry(
        self,
        chain: _Chain,
        token: JournalToken,
        kept: _Kept,
        unaccounted: list[Span],
        now: datetime,
        *,
        forked: bool,
    ) -> dict[str, Any]:
        return {
            "id": new_id(now),
            "activation_id": chain.activation_id,
            "supervisee_id": chain.supervisee_id,
            "n": token.n,
            "digest": token.digest,
            "prev": token.prev,
            "forked": forked,
            "received_ms": milliseconds_of(now),
            "accepted": kept.accepted,
            "refused": len(kept.refusals),
            "refusals": _json(kept.refusals),
            "gaps": _json([Span(gap.first, gap.last) for gap in token.gaps]),
            "unaccounted": _json(unaccounted),
            "last_seq": _last_seq(token),
            "signed": token.text if kept.any_ordered or not token.fixes else "",
        }

    def _write(self) -> None:
        """Write the fixes and tokens that wait: whatever reads them from the tables calls this."""
        if self._fixes:
            fix_rows.write(self._session, self._fixes)
            self._fixes = []
        if self._tokens:
            self._session.connection().execute(insert(_TOKENS), self._tokens)
            self._tokens = []

    def _write_chains(self) -> None:
        moved = [
            {"activation": chain.activation_id}
            | {f"new_{name}": getattr(chain, name) for name in _MOVING}
            for chain in self._chains.values()
        ]
        if moved:
            self._session.connection().execute(_MOVE, moved)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode("ascii")


def _last_seq(token: JournalToken) -> int:
    """Return the greatest number that the token speaks of."""
    fix = token.fixes[-1].fix.seq if token.fixes else 0
    return max(fix, token.gaps[-1].last if token.gaps else 0)


def _is_run(token: JournalToken, after: int) -> bool:
    """Whether the token's fixes follow each other and `after` without a hole."""
    first, last = token.fixes[0].fix.seq, token.fixes[-1].fix.seq
    return first == after + 1 and last - first + 1 == len(token.fixes)


def _footing(one: Person, token: JournalToken) -> Footing:
    """Return what the token's fixes follow: the last live ones, unless those are later."""
    last, suspect = one.last_live_fix(), one.last_suspect_fix()
    if not token.fixes or last is None or last.at_s > token.fixes[0].location.timestamp:
        return Footing()
    return Footing(last=last, suspect=suspect)


def _numbered(one: Person, activation_id: UUID, seq: int) -> Person:
    if one.last_activation_id == activation_id and seq <= one.last_seq:
        return one
    return replace(one, last_activation_id=activation_id, last_seq=seq)


def _covered(rules: PersonRules, rows: Sequence[FixRow]) -> bool:
    """Whether one order was in force from the first fix to the last: then none is asked alone."""
    times = [row.fix.at_s for row in rows]
    first, last = from_unix_s(min(times)), from_unix_s(max(times))
    return any(order.is_in_force(first) and order.is_in_force(last) for order in rules.orders)


def _any_ordered(rules: PersonRules, token: JournalToken) -> bool:
    return any(rules.order_in_force(from_unix_s(each.location.timestamp)) for each in token.fixes)


def _tell_fork(session: Session, one: Person, chain: _Chain, n: int, now: datetime) -> None:
    """Tell the officer that a phone has two histories: one alert for an activation."""
    alerts.raise_alert(
        session,
        agency_id=one.agency_id,
        supervisee_id=one.supervisee_id,
        kind=AlertKind.JOURNAL_FORK,
        severity=Severity.WARNING,
        source=FORK_SOURCE,
        source_id=chain.activation_id,
        occurred_at=now,
        explanation=Explanation(
            data={"activation_id": str(chain.activation_id), "token": n},
            sentence_en=f"The phone's journal says two different things as number {n}. Both are "
            "kept. It may have been restored from a backup, or its key may have been copied.",
            sentence_es=f"El diario del teléfono dice dos cosas distintas con el número {n}. Ambas "
            "se conservan. Puede haberse restaurado de una copia, o su clave puede haberse copiado.",
        ),
        now=now,
    )
