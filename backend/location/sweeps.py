"""What the clock alone changes: windows that begin or end, deadlines, silence, edited rules.

A sweep touches only people whose next change is due (one indexed column) or whose rules were
edited since they were judged. Each person is swept in a transaction of their own, opened by the
worker, so that one fault does not hold up the others.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import or_, select

from backend.core.clock import unix_s
from backend.core.db import Session
from backend.devices import service as devices
from backend.identity import service as identity
from backend.location import judging, person, silence
from backend.location.models import PersonState
from backend.location.rulebook import RuleBook

BATCH: Final = 500


def adopt(session: Session, now: datetime) -> int:
    """Begin to watch people whose phone is active and who were never heard of; return how many.

    From then on their silence counts, though nothing was ever received.
    """
    known = select(PersonState.supervisee_id)
    people = devices.active_people(session, excluding=known, limit=BATCH)
    for supervisee_id, agency_id in people:
        person.lock(session, supervisee_id, agency_id, now)
    return len(people)


def due(session: Session, now: datetime) -> list[UUID]:
    """Return people for whom time alone may have changed something, the longest waiting first."""
    epochs = identity.rules_epochs().subquery()
    return list(
        session.scalars(
            select(PersonState.supervisee_id)
            .join(epochs, epochs.c.id == PersonState.supervisee_id)
            .where(
                or_(
                    PersonState.next_due_s <= unix_s(now),
                    PersonState.judged_epoch != epochs.c.rules_epoch,
                )
            )
            .order_by(PersonState.next_due_s)
            .limit(BATCH)
        )
    )


def sweep(session: Session, book: RuleBook, supervisee_id: UUID, now: datetime) -> None:
    """Judge one person up to now; writes episodes, alerts and when to look again."""
    one = person.find(session, supervisee_id)
    if one is None:
        return
    rules = book.of(session, supervisee_id, one.rules_epoch, now)
    if one.judgement is not None and one.judged_epoch != rules.epoch:
        # Rules were edited, perhaps for the past: what they touch is judged again.
        since_s = unix_s(now) - judging.HISTORY_S + 1
        one = judging.rejudge(session, one, rules, since_s=since_s, now=now, new_facts=False)
    one = judging.judge_clock(session, one, rules, now)
    one = silence.notice(session, one, rules, now)
    person.save(session, replace(one, judged_epoch=rules.epoch), rules, now)
