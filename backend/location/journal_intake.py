"""One transaction's journal tokens: everybody concerned is read once, and written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from backend.core.db import Session
from backend.core.errors import Problem
from backend.core.ids import new_id
from backend.devices.authentication import Authenticated, Authentication
from backend.devices.key_state import KeyState
from backend.devices.service import KeyContext
from backend.location import journal_alerts, judging, missing, silence
from backend.location.batch import Batch, instant_of, milliseconds_of
from backend.location.chain import Known, Link, Span, link_of
from backend.location.fix_rows import FixRow, FixRows
from backend.location.journal_fixes import Sorted, any_ordered, sort_fixes
from backend.location.journal_outcome import Forked, Outcome, RefusedFix, Suspended, Taken
from backend.location.journal_progress import last_number, missing_tokens, move_on
from backend.location.journal_refused import refused
from backend.location.journal_store import Chain, JournalStore, StoredFix
from backend.location.person import Person
from backend.location.rulebook import PersonRules, RuleBook
from backend.proof.dpop import OpenedProof, SignedRequest
from backend.proof.journal import JournalToken
from backend.proof.journal_refusal import JournalRefusal, JournalRefused

MAX_FORKS_KEPT: Final = 32
"""Forked tokens of one activation that are kept: they show what there is to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A journal token as it came: with its request, whose proof is not verified yet."""

    opened: OpenedProof
    signed: SignedRequest
    token: JournalToken
    now: datetime


class JournalIntake:
    """Takes tokens in, in one transaction."""

    def __init__(self, session: Session, book: RuleBook, authentication: Authentication) -> None:
        self._session = session
        self._authentication = authentication
        self._batch = Batch(session, book)
        self._store = JournalStore(session)

    def decide(self, arrivals: Sequence[Arrival]) -> list[Outcome | Problem]:
        """Return what becomes of each token, in order of arrival, and write all of it."""
        held = self._hold(arrivals)
        keys = [who.key for who in held if isinstance(who, Authenticated)]
        if keys:
            self._batch.gather(keys, arrivals[0].now)
            self._store.gather(keys)
        outcomes = [
            who if isinstance(who, Problem) else self._take(who, arrival)
            for who, arrival in zip(held, arrivals, strict=True)
        ]
        self._store.write(self._batch.waiting())
        return outcomes

    def _hold(self, arrivals: Sequence[Arrival]) -> list[Authenticated | Problem]:
        contexts = self._batch.find({one.opened.jkt for one in arrivals})
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

    def _take(self, who: Authenticated, arrival: Arrival) -> Outcome | Problem:
        if who.key.state is not KeyState.ACTIVE:
            return Suspended(who=who)
        token, chain = arrival.token, self._store.chain(who.key.activation_id)
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

    def _here(self, chain: Chain, token: JournalToken) -> Mapping[int, Known]:
        """Return the token's neighbours; most often it follows the last one, which is known."""
        if token.n == chain.head_n + 1:
            return {chain.head_n: Known(digest=chain.head, prev=None)}
        return self._store.neighbours(chain, token.n)

    def _again(self, who: Authenticated, chain: Chain, token: JournalToken) -> Taken:
        """Return what the token was answered: the first answer got lost on the way."""
        row: Any = self._store.token(chain, token.n, token.digest)
        return Taken(
            who=who,
            n=token.n,
            digest=token.digest,
            received_at=instant_of(row.received_ms),
            accepted=row.accepted,
            refusals=msgspec.json.decode(row.refusals, type=list[RefusedFix]),
            missing=missing_tokens(self._store, chain),
            unaccounted=msgspec.json.decode(row.unaccounted, type=list[Span]),
            repeated=True,
        )

    def _fork(self, who: Authenticated, chain: Chain, arrival: Arrival) -> Forked:
        """Keep a token that contradicts another, and tell the officer; its fixes are not judged."""
        token, now = arrival.token, arrival.now
        one = self._batch.person(chain.supervisee_id)
        rules = self._batch.rules(one, now)
        is_kept = self._store.token(chain, token.n, token.digest) is not None
        if chain.forks < MAX_FORKS_KEPT and not is_kept:
            chain.forks += 1
            unjudged = Sorted(any_ordered=any_ordered(rules, token))
            self._store.add_token(_entry(chain, token, unjudged, [], now, forked=True))
            journal_alerts.tell_fork(self._session, one, chain, token.n, now)
        self._hear(one, rules, now)
        return Forked(who=who, n=token.n)

    def _keep(self, who: Authenticated, chain: Chain, arrival: Arrival) -> Taken:
        token, now, key = arrival.token, arrival.now, who.key
        one = self._batch.person(key.supervisee_id)
        rules = self._batch.rules(one, now)
        kept = sort_fixes(one, rules, chain, token, self._stored(one, chain, token), now)
        one = self._number(one, rules, chain, token, now)
        if kept.rows:
            self._store.add_fixes(_fix_rows(key, token, kept.rows, now))
            one = self._judge(one, rules, kept.rows, now)
        self._hear(one, rules, now)
        unaccounted = move_on(self._store, chain, token)
        self._store.add_token(_entry(chain, token, kept, unaccounted, now, forked=False))
        if kept.any_forked:
            journal_alerts.tell_fork(self._session, one, chain, token.n, now)
        return Taken(
            who=who,
            n=token.n,
            digest=token.digest,
            received_at=instant_of(milliseconds_of(now)),
            accepted=kept.accepted,
            refusals=kept.refusals,
            missing=missing_tokens(self._store, chain),
            unaccounted=unaccounted,
            repeated=False,
        )

    def _stored(self, one: Person, chain: Chain, token: JournalToken) -> Mapping[int, StoredFix]:
        """Return what is kept under the token's numbers; above all others nothing can be."""
        if not token.fixes:
            return {}
        first, last = token.fixes[0].fix.seq, token.fixes[-1].fix.seq
        if one.last_activation_id == chain.activation_id and first > one.last_seq:
            return {}
        return self._store.fixes_between(chain, first, last)

    def _number(
        self, one: Person, rules: PersonRules, chain: Chain, token: JournalToken, now: datetime
    ) -> Person:
        """Return the person with all that the token speaks of as heard of."""
        numbers = [each.fix.seq for each in token.fixes]
        gaps = [Span(gap.first, gap.last) for gap in token.gaps]
        return missing.hear(self._session, one, chain.activation_id, numbers, rules, now, gaps=gaps)

    def _judge(
        self, one: Person, rules: PersonRules, rows: Sequence[FixRow], now: datetime
    ) -> Person:
        usable = [row.fix for row in rows if row.fix.usable]
        if not usable:
            return one
        usable.sort(key=lambda fix: fix.at_s)
        store = self._store
        return judging.judge_fixes(
            self._session, one, rules, usable, now, store.write_facts, store.add_checkpoint
        )

    def _hear(self, one: Person, rules: PersonRules, now: datetime) -> None:
        """Note that the phone was heard of: whatever it said, it is not silent."""
        one = silence.end(self._session, one.received(now), now)
        self._batch.keep(one, rules, now)


def _fix_rows(
    key: KeyContext, token: JournalToken, rows: Sequence[FixRow], now: datetime
) -> FixRows:
    return FixRows(
        activation_id=key.activation_id,
        supervisee_id=key.supervisee_id,
        received_ms=milliseconds_of(now),
        assurance=key.assurance.value,
        journal_n=token.n,
        boot=token.boot,
        rows=rows,
    )


def _entry(
    chain: Chain,
    token: JournalToken,
    kept: Sorted,
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
        "last_seq": last_number(token),
        "signed": token.text if kept.any_ordered or not token.fixes else "",
    }


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode("ascii")
