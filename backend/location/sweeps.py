"""What the clock alone changes: windows that begin or end, deadlines, silence, edited rules.

A sweep touches only people whose next change is due (one indexed column) or whose rules were
edited since they were judged. People are swept together, since a commit costs most of all; the
worker opens the transactions and, after a fault, sweeps each person of a group alone.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select

from backend.core.clock import unix_s
from backend.core.db import Session
from backend.core.rows import Row
from backend.devices import service as devices
from backend.identity import service as identity
from backend.location import judging, person, silence
from backend.location.models import PersonState
from backend.location.person import Person
from backend.location.rulebook import PersonRules, RuleBook

BATCH: Final = 500
TOGETHER: Final = 100
"""How many share a transaction: longer ones would hold up the fixes of those in them."""
_EPOCHS: Final = identity.rules_epochs().subquery()


def adopt(session: Session, now: datetime) -> int:
    """Begin to watch people whose phone is active and who were never heard of; return how many.

    From then on their silence counts, though nothing was ever received.
    """
    known = select(PersonState.supervisee_id)
    people = devices.active_people(session, excluding=known, limit=BATCH)
    for supervisee_id, agency_id in people:
        person.lock(session, supervisee_id, agency_id, now)
    return len(people)


def due(session: Session, now: datetime) -> dict[UUID, int]:
    """Return people for whom time alone may have changed something, the longest waiting first.

    With each the epoch of their rules, for reading those before anybody is locked. Whose rules were
    edited comes after them, since that is asked of everybody: not while a batch is full without.
    """
    at_s = unix_s(now)
    waiting = PersonState.next_due_s <= at_s
    found = _epochs_where(session, waiting, BATCH)
    if len(found) < BATCH:
        resting = or_(PersonState.next_due_s > at_s, PersonState.next_due_s.is_(None))
        edited = PersonState.judged_epoch != _EPOCHS.c.rules_epoch
        found |= _epochs_where(session, and_(resting, edited), BATCH - len(found))
    return found


def _epochs_where(session: Session, which: ColumnElement[bool], most: int) -> dict[UUID, int]:
    rows = session.execute(
        select(PersonState.supervisee_id, _EPOCHS.c.rules_epoch)
        .join(_EPOCHS, _EPOCHS.c.id == PersonState.supervisee_id)
        .where(which)
        .order_by(PersonState.next_due_s)
        .limit(most)
    )
    return {row.supervisee_id: row.rules_epoch for row in rows}


def sweep(session: Session, book: RuleBook, people: Collection[UUID], now: datetime) -> int:
    """Judge people up to now, together; writes episodes, alerts and when to look again.

    Returns how many: whom somebody else holds, with a fix that comes this moment, is left out.
    """
    free = person.lock_free(session, people)
    rules = book.of_all(session, {one.supervisee_id: one.rules_epoch for one in free}, now)
    checkpoints: list[Row] = []
    changes = [
        _swept(session, one, rules[one.supervisee_id], now, checkpoints.append) for one in free
    ]
    judging.keep_checkpoints(session, checkpoints)
    person.save_all(session, changes)
    return len(changes)


def _swept(
    session: Session, one: Person, rules: PersonRules, now: datetime, keep: judging.Keep
) -> person.Change:
    one = judging.judge_clock(session, one, rules, now, keep)
    one = silence.notice(session, one, rules, now)
    return person.Change(person=one, rules=rules, now=now)
