"""A person's judgement, kept level with the facts.

A new fact is folded onto the stored state. A fact older than that state (a late fix, an absence
approved afterwards) sends judging back to the last checkpoint before it: everything since is
folded again, and alerts follow the episodes that come out, whatever order the facts came in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select

import geofence
from backend.core.clock import unix_s
from backend.core.db import Session
from backend.location import episodes, silence
from backend.location.models import Checkpoint, Fix
from backend.location.person import Person
from backend.location.rulebook import PersonRules

CHECKPOINT_EVERY_S: Final = 900
HISTORY_S: Final = 14 * 86_400
"""How far back judging may begin again: later facts are kept, but no verdict rests on them."""
IN_TRANSIT_S: Final = 10
"""The clock judges this far behind the present, so that a fix under way is not late."""


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


def judge_fix(
    session: Session,
    person: Person,
    rules: PersonRules,
    fix: geofence.Fix,
    now: datetime,
    write_fixes: Callable[[], None],
) -> Person:
    """Return the person after one more fix; writes episodes, alerts and checkpoints.

    `write_fixes` is called before the stored fixes are read, and must make `fix` one of them.
    """
    state = _state_of(person, rules)
    if state is None or fix.at_s <= state.until_s:
        write_fixes()
        return rejudge(session, person, rules, since_s=fix.at_s, now=now)
    return _advance(session, person, rules, state, (fix,), fix.at_s, now)


def judge_clock(session: Session, person: Person, rules: PersonRules, now: datetime) -> Person:
    """Return the person after time alone has passed: windows began or ended, deadlines ran out."""
    state = _state_of(person, rules)
    until_s = unix_s(now) - IN_TRANSIT_S
    if state is None:
        return rejudge(session, person, rules, since_s=until_s, now=now)
    if until_s <= state.until_s:
        return person
    return _advance(session, person, rules, state, (), until_s, now)


def rejudge(
    session: Session, person: Person, rules: PersonRules, *, since_s: int, now: datetime
) -> Person:
    """Return the person after everything since `since_s` was judged again from the stored fixes.

    Alerts follow the episodes: continued, merged or withdrawn with an explanation; what a human
    decided stays.
    """
    until_s = max(person.until_s, since_s)
    state = _restart(session, person, rules, since_s, now)
    began_s = state.until_s
    session.execute(
        delete(Checkpoint).where(
            Checkpoint.supervisee_id == person.supervisee_id, Checkpoint.until_s > began_s
        )
    )
    found: dict[episodes.Name, geofence.Episode] = {}
    for chunk_until_s, fixes in _chunks(session, person, began_s, until_s):
        judgement = geofence.judge(
            state, fixes, rules.prepared, until_s=chunk_until_s, parameters=rules.parameters
        )
        found |= {episodes.name_of(episode): episode for episode in judgement.episodes}
        _keep_checkpoint(session, person, state, judgement.state)
        state = judgement.state
    episodes.replace_since(session, person, rules, began_s, found.values(), now)
    return person.with_judgement(state, rules)


def _advance(
    session: Session,
    person: Person,
    rules: PersonRules,
    state: geofence.State,
    fixes: Iterable[geofence.Fix],
    until_s: int,
    now: datetime,
) -> Person:
    judgement = geofence.judge(
        state, fixes, rules.prepared, until_s=until_s, parameters=rules.parameters
    )
    _keep_checkpoint(session, person, state, judgement.state)
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


def _restart(
    session: Session, person: Person, rules: PersonRules, since_s: int, now: datetime
) -> geofence.State:
    """Return the state to begin again from: the last usable checkpoint before `since_s`."""
    horizon_s = unix_s(now) - HISTORY_S
    stored = session.scalars(
        select(Checkpoint.state)
        .where(
            Checkpoint.supervisee_id == person.supervisee_id,
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
        .where(Fix.supervisee_id == person.supervisee_id, Fix.taken_s > horizon_s)
        .order_by(Fix.taken_s)
        .limit(1)
    )
    begin_s = min(since_s, since_s if first_s is None else first_s) - 1
    return geofence.State.begin(at_s=max(begin_s, horizon_s), parameters=rules.parameters)


def _chunks(
    session: Session, person: Person, after_s: int, until_s: int
) -> Iterator[tuple[int, list[geofence.Fix]]]:
    """Yield the stored fixes of `after_s < t <= until_s` between checkpoints, in time order."""
    facts = stored_facts(session, person.supervisee_id, after_s, until_s)
    for _, group in groupby(facts, key=lambda fix: fix.at_s // CHECKPOINT_EVERY_S):
        chunk = list(group)
        yield chunk[-1].at_s, chunk
    if not facts or facts[-1].at_s < until_s:
        yield until_s, []


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


def _keep_checkpoint(
    session: Session, person: Person, before: geofence.State, after: geofence.State
) -> None:
    """Store the state from before a quarter of an hour was passed."""
    if before.until_s // CHECKPOINT_EVERY_S == after.until_s // CHECKPOINT_EVERY_S:
        return
    session.merge(
        Checkpoint(supervisee_id=person.supervisee_id, until_s=before.until_s, state=before.dumps())
    )


def forget_old_checkpoints(session: Session, now: datetime) -> None:
    """Drop checkpoints, of everybody, from which judging will never begin again."""
    session.execute(delete(Checkpoint).where(Checkpoint.until_s < unix_s(now) - HISTORY_S))
