"""A person's judgement, kept level with the facts.

A new fact is folded onto the stored state. A fix older than that state sends judging back to the
last checkpoint before it: everything since is folded again, and alerts follow the episodes that
come out, whatever order the facts came in. So does an act that changes the rules for the past (an
absence approved afterwards, an order that had ended): then what an officer decided stays, and what
differs is recorded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Final, TypeAlias
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import delete, select, update

import geofence
from backend.conditions import service as conditions
from backend.core.clock import unix_s
from backend.core.db import Session, table_of
from backend.core.rows import Row, RowWriter, Writing
from backend.location import comparison, decided, episodes, rejudgements, silence
from backend.location.models import Checkpoint, Examination, Fix
from backend.location.person import IN_TRANSIT_S, Person
from backend.location.rulebook import PersonRules

Keep: TypeAlias = Callable[[Row], None]
"""Takes a checkpoint that is to be stored."""

CHECKPOINT_EVERY_S: Final = 900
HISTORY_S: Final = 14 * 86_400
"""How far back judging may begin again: later facts are kept, but no verdict rests on them."""


_FACT_COLUMNS: Final = (
    Fix.digest,
    Fix.activation_id,
    Fix.seq,
    Fix.taken_s,
    Fix.mono_ms,
    Fix.boot,
    Fix.latitude,
    Fix.longitude,
    Fix.accuracy_m,
    Fix.usable,
)
_KEEP: Final = RowWriter(table_of(Checkpoint), replaces=True)


def judge_fixes(
    session: Session,
    person: Person,
    rules: PersonRules,
    fixes: Sequence[geofence.Fix],
    now: datetime,
    write_facts: Callable[[], None],
    keep: Keep,
) -> Person:
    """Return the person after more fixes, in time order; writes episodes and alerts.

    What lies after the state is folded in one go; from a late fix on all is judged again, until
    nothing differs any more. `write_facts` is called before what is stored is read: it must make
    `fixes` part of it, and what `keep` was given.
    """
    person, state = _caught_up(session, person, rules, now)
    since_s = fixes[0].at_s
    if state is None or since_s <= state.until_s:
        write_facts()
        late_s = max(fix.at_s for fix in fixes if fix.at_s <= max(person.until_s, since_s))
        new_until_s = None if state is None else late_s
        person = rejudge(session, person, rules, since_s=since_s, now=now, new_until_s=new_until_s)
        state = _state_of(person, rules)
    ahead = [fix for fix in fixes if fix.at_s > person.until_s]
    if state is None or not ahead:
        return person
    return _advance(session, person, rules, state, ahead, ahead[-1].at_s, now, keep)


def judge_clock(
    session: Session, person: Person, rules: PersonRules, now: datetime, keep: Keep
) -> Person:
    """Return the person after time alone has passed: windows began or ended, deadlines ran out.

    A checkpoint, if there is one to be stored, is handed to `keep`.
    """
    person, state = _caught_up(session, person, rules, now)
    until_s = unix_s(now) - IN_TRANSIT_S
    if state is None:
        return rejudge(session, person, rules, since_s=until_s, now=now)
    if until_s <= state.until_s:
        return person
    return _advance(session, person, rules, state, (), until_s, now, keep)


def rejudge(
    session: Session,
    person: Person,
    rules: PersonRules,
    *,
    since_s: int,
    now: datetime,
    new_until_s: int | None = None,
) -> Person:
    """Return the person after everything since `since_s` was judged again: a fix of then came late.

    `new_until_s` says that no fact after that second is new: where a state from there on comes out
    as it was stored, all that follows it is judged already. Signals are looked for again from
    `since_s`, too. Alerts follow the episodes: continued, merged or withdrawn with an explanation;
    what a human decided stays.
    """
    _examine_again(session, person, since_s, now)
    refold = _refolded(session, person, rules, since_s, now, new_until_s)
    episodes.replace(session, person, rules, refold.outcome(), now)
    return person if refold.met_again else person.with_judgement(refold.state, rules)


def _caught_up(
    session: Session, person: Person, rules: PersonRules, now: datetime
) -> tuple[Person, geofence.State | None]:
    """Return the person as judged by the rules as they are now, also where they reach back.

    With the state to go on from, None for one who was never judged.
    """
    state = _state_of(person, rules)
    if person.judgement is None or (state is not None and person.judged_epoch == rules.epoch):
        return person, state
    changes = conditions.rule_changes(
        session,
        person.supervisee_id,
        after_epoch=person.judged_epoch,
        until_epoch=rules.epoch,
    )
    since_s = min((change.from_s for change in changes), default=person.until_s + 1)
    causes = rejudgements.causes_of(change for change in changes if change.from_s <= person.until_s)
    if state is None:  # All was judged by other numbers.
        since_s, causes = 0, [*causes, rejudgements.NUMBERS]
    if state is not None and since_s > person.until_s:
        person = person.with_judgement(state, rules)
    else:
        person = _rejudge_by_rules(session, person, rules, causes, since_s, now)
    return replace(person, judged_epoch=rules.epoch), _state_of(person, rules)


def _rejudge_by_rules(
    session: Session,
    person: Person,
    rules: PersonRules,
    causes: Sequence[rejudgements.Cause],
    since_s: int,
    now: datetime,
) -> Person:
    """Return the person after everything since `since_s` was judged again by other rules.

    What a human decided stays as it is; what differs is recorded.
    """
    since_s = reach_of(since_s, now)
    refold = _refolded(session, person, rules, since_s, now)
    done = decided.replace(session, person, rules, refold.outcome(), now)
    rejudgements.record(
        session,
        person,
        causes,
        comparison.findings(rules, done.differences, done.alert_ids, since_s=since_s),
        since_s=since_s,
        until_s=person.until_s,
        now=now,
    )
    return person.with_judgement(refold.state, rules)


def reach_of(since_s: int, now: datetime) -> int:
    """Return the first second that is judged again for a change from `since_s` on."""
    return max(since_s, unix_s(now) - HISTORY_S + 1)


def _refolded(
    session: Session,
    person: Person,
    rules: PersonRules,
    since_s: int,
    now: datetime,
    new_until_s: int | None = None,
) -> Refold:
    """Return what comes out when everything since `since_s` is folded again; keeps its states."""
    until_s = max(person.until_s, since_s)
    state = restart(session, person.supervisee_id, rules, since_s, now)
    stored = {} if new_until_s is None else _checkpoints(session, person, new_until_s)
    refold = Refold(state=state)
    for chunk_until_s, fixes in _chunks(session, person, state.until_s, until_s, sorted(stored)):
        judgement = geofence.judge(
            refold.state, fixes, rules.prepared, until_s=chunk_until_s, parameters=rules.parameters
        )
        refold.add(judgement)
        if stored.get(chunk_until_s) == judgement.state.dumps():
            refold.met_again = True
            break
    _replace_checkpoints(session, person, refold)
    return refold


@dataclass(slots=True, kw_only=True)
class Refold:
    """Folding again, from a checkpoint on; `met_again` once a state is what was stored."""

    state: geofence.State
    began: geofence.State = field(init=False)
    met_again: bool = False
    checkpoints: dict[int, bytes] = field(default_factory=dict)
    found: dict[episodes.Name, geofence.Episode] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remember where it begins."""
        self.began = self.state

    def add(self, judgement: geofence.Judgement) -> None:
        """Take in what the next stretch of time gave, or took back of what one before it gave."""
        given = (*judgement.episodes, *judgement.changes)
        self.found |= {episodes.name_of(episode): episode for episode in given}
        if _is_kept(self.state, judgement.state):
            self.checkpoints[self.state.until_s] = self.state.dumps()
        self.state = judgement.state

    def outcome(self) -> episodes.Outcome:
        """Return the episodes that come in place of those that were."""
        return episodes.Outcome(
            began=self.began,
            found=self.found,
            met=self.state if self.met_again else None,
        )


def _examine_again(session: Session, person: Person, at_s: int, now: datetime) -> None:
    """Let the next examination begin before a fix that arrived late."""
    since_s = max(at_s - 1, unix_s(now) - HISTORY_S)
    session.execute(
        update(Examination)
        .where(Examination.supervisee_id == person.supervisee_id, Examination.since_s > since_s)
        .values(since_s=since_s)
    )


def _advance(
    session: Session,
    person: Person,
    rules: PersonRules,
    state: geofence.State,
    fixes: Iterable[geofence.Fix],
    until_s: int,
    now: datetime,
    keep: Keep,
) -> Person:
    judgement = geofence.judge(
        state, fixes, rules.prepared, until_s=until_s, parameters=rules.parameters
    )
    if _is_kept(state, judgement.state):
        keep(_checkpoint(person, state.until_s, state.dumps()))
    if judgement.changes:
        episodes.record(session, person, rules, judgement.changes, now)
    for gap in judgement.no_data:
        person = silence.note_gap(session, person, rules, gap, now)
    return person.with_judgement(judgement.state, rules)


def _state_of(person: Person, rules: PersonRules) -> geofence.State | None:
    """Return the stored state, or None when there is none that these parameters can go on from."""
    return None if person.judgement is None else _usable(person.judgement, rules)


def _usable(stored: bytes, rules: PersonRules) -> geofence.State | None:
    """Return a stored state unless another engine or other parameters made it."""
    try:
        state = geofence.State.loads(stored)
    except geofence.StateMismatch:
        return None
    return state if state.fingerprint == rules.parameters.fingerprint else None


def restart(
    session: Session, supervisee_id: UUID, rules: PersonRules, since_s: int, now: datetime
) -> geofence.State:
    """Return the state to begin again from: the last usable checkpoint before `since_s`."""
    horizon_s = unix_s(now) - HISTORY_S
    stored = session.scalars(
        select(Checkpoint.state)
        .where(
            Checkpoint.supervisee_id == supervisee_id,
            Checkpoint.until_s < since_s,
            Checkpoint.until_s >= horizon_s,
        )
        .order_by(Checkpoint.until_s.desc())
        .limit(1)
    ).first()
    state = None if stored is None else _usable(stored, rules)
    if state is not None:
        return state
    first_s = session.scalar(
        select(Fix.taken_s)
        .where(Fix.supervisee_id == supervisee_id, Fix.taken_s > horizon_s)
        .order_by(Fix.taken_s)
        .limit(1)
    )
    begin_s = max(min(since_s, since_s if first_s is None else first_s) - 1, horizon_s)
    return geofence.State.begin(
        at_s=begin_s,
        parameters=rules.parameters,
        next_ordinal=episodes.next_ordinal(session, supervisee_id, begin_s),
    )


def _checkpoints(session: Session, person: Person, from_s: int) -> dict[int, bytes]:
    """Return the states stored for this second and later."""
    rows = session.execute(
        select(Checkpoint.until_s, Checkpoint.state).where(
            Checkpoint.supervisee_id == person.supervisee_id, Checkpoint.until_s >= from_s
        )
    )
    return {row.until_s: row.state for row in rows}


def _chunks(
    session: Session, person: Person, after_s: int, until_s: int, cuts_s: list[int]
) -> Iterator[tuple[int, list[geofence.Fix]]]:
    """Yield the stored fixes of `after_s < t <= until_s` in time order, cut where states are kept.

    That is wherever a quarter of an hour is over, and at `cuts_s`.
    """
    last_s = after_s
    for fixes in _stretches(session, person, after_s, until_s):
        for _, group in groupby(
            fixes,
            key=lambda fix: (fix.at_s // CHECKPOINT_EVERY_S, bisect_left(cuts_s, fix.at_s)),
        ):
            chunk = list(group)
            last_s = chunk[-1].at_s
            yield last_s, chunk
    if last_s < until_s:
        yield until_s, []


def _stretches(
    session: Session, person: Person, after_s: int, until_s: int
) -> Iterator[list[geofence.Fix]]:
    """Yield the stored fixes in longer and longer stretches: whoever stops early reads few."""
    length_s = CHECKPOINT_EVERY_S
    while after_s < until_s:
        whole_s = (after_s + 1 + length_s) // CHECKPOINT_EVERY_S * CHECKPOINT_EVERY_S
        end_s = min(whole_s - 1, until_s)
        yield stored_facts(session, person.supervisee_id, after_s, end_s)
        after_s, length_s = end_s, 2 * length_s


def stored_facts(
    session: Session, supervisee_id: UUID, after_s: int, until_s: int
) -> list[geofence.Fix]:
    """Return a person's stored fixes of `after_s < t <= until_s`, in time order, as judged."""
    rows = session.execute(
        select(*_FACT_COLUMNS)
        .where(
            Fix.supervisee_id == supervisee_id,
            Fix.taken_s > after_s,
            Fix.taken_s <= until_s,
        )
        .order_by(Fix.taken_s)
    )
    return [_fact(row) for row in rows]


def _fact(row: Any) -> geofence.Fix:
    """Return a stored fix as judgement sees it."""
    return geofence.Fix(
        digest=row.digest,
        activation=str(row.activation_id),
        seq=row.seq,
        at_s=row.taken_s,
        mono_ms=row.mono_ms,
        boot=row.boot,
        latitude=row.latitude,
        longitude=row.longitude,
        accuracy_m=row.accuracy_m,
        usable=row.usable,
    )


def keep_checkpoints(session: Session, checkpoints: Sequence[Row]) -> None:
    """Store states from which judging may begin again."""
    _KEEP.write(session, checkpoints)


def kept(checkpoints: Sequence[Row]) -> Writing:
    """Return states from which judging may begin again, to be written with other rows."""
    return _KEEP, checkpoints


def _checkpoint(person: Person, until_s: int, state: bytes) -> Row:
    """Return the state from before a quarter of an hour was passed, to be stored."""
    return {"supervisee_id": person.supervisee_id, "until_s": until_s, "state": state}


def _is_kept(before: geofence.State, after: geofence.State) -> bool:
    """Whether between two states a quarter of an hour was over."""
    return before.until_s // CHECKPOINT_EVERY_S != after.until_s // CHECKPOINT_EVERY_S


def _replace_checkpoints(session: Session, person: Person, refold: Refold) -> None:
    """Put the states of a refold in place of those that it made anew."""
    mine, made = Checkpoint.supervisee_id == person.supervisee_id, refold.checkpoints
    began_s = refold.began.until_s
    from_s = began_s + (began_s not in made)
    old = [mine, Checkpoint.until_s >= from_s]
    if refold.met_again:
        old.append(Checkpoint.until_s < refold.state.until_s)
    session.execute(delete(Checkpoint).where(*old))
    keep_checkpoints(session, [_checkpoint(person, *each) for each in made.items()])


def forget_old_checkpoints(session: Session, now: datetime) -> None:
    """Drop checkpoints, of everybody, from which judging will never begin again."""
    session.execute(delete(Checkpoint).where(Checkpoint.until_s < unix_s(now) - HISTORY_S))
