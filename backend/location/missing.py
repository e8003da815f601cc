"""Numbers of fixes that a phone went past: looked at again, and told when they never come.

A phone numbers each fix that it takes. When a number comes, live or in a journal, those below it
that were never heard of may still be in the journal: it has the agency's `missing_after_s` to deliver
them, or to declare them lost. Then the officer is told, in one alert for a phone until it is decided.
When they come after all, the alert is withdrawn. It is never a violation: a client's fault looks
the same.

A number counts as heard of whatever became of its fix: what is used up without an order, with an
exemption or by a suspended phone is not missing, though nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy import delete, func, insert, select

from backend.alerts import service as alerts
from backend.alerts.explanation import Explanation
from backend.alerts.kinds import AlertKind, Certainty, Severity
from backend.core.clock import from_unix_s, rfc3339
from backend.core.db import Session
from backend.core.ids import new_id
from backend.devices import service as devices
from backend.location import person
from backend.location.batch import milliseconds_of
from backend.location.chain import MAX_SPANS, Span, gaps_between, without
from backend.location.journal_fixes import NO_ORDER
from backend.location.journal_outcome import RefusedFix
from backend.location.models import Fix, JournalEntry, MissingFixes
from backend.location.person import Person
from backend.location.rulebook import PersonRules, RuleBook

SOURCE: Final = "missing-fixes"
BATCH: Final = 200
LOOK_EVERY: Final = timedelta(hours=1)
LOOK_FOR: Final = timedelta(days=30)
"""How long a phone that was told of may still deliver, and be believed without an officer."""
_CLOCKS_APART: Final = timedelta(minutes=1)
"""A token that another process took in at the same moment may bear an earlier time."""


def hear(
    session: Session,
    one: Person,
    activation_id: UUID,
    numbers: Sequence[int],
    rules: PersonRules,
    now: datetime,
    *,
    gaps: Sequence[Span] = (),
) -> Person:
    """Return the person with rising `numbers` of fixes, and declared `gaps`, as heard of.

    Notes the numbers below them that were not; under no order nobody asks for them.
    """
    after = one.last_seq if one.last_activation_id == activation_id else 0
    last = max(numbers[-1] if numbers else 0, gaps[-1].last if gaps else 0)
    if last <= after:
        return one
    is_whole = _follow(numbers, after) and not gaps
    if not is_whole and rules.order_in_force(now):
        above = [number for number in numbers if number > after]
        spans = without(gaps_between([*above, last + 1], after), gaps)
        _note(session, one, activation_id, spans, rules, now)
    return replace(one, last_activation_id=activation_id, last_seq=last)


def due(session: Session, now: datetime) -> list[UUID]:
    """Return phones, by activation, of whose missing fixes it is time to look, longest due first."""
    statement = (
        select(MissingFixes.activation_id)
        .where(MissingFixes.look_at_ms <= milliseconds_of(now))
        .group_by(MissingFixes.activation_id)
        .order_by(func.min(MissingFixes.look_at_ms))
        .limit(BATCH)
    )
    return list(session.scalars(statement))


def account(session: Session, book: RuleBook, activation_id: UUID, now: datetime) -> None:
    """Look for a phone's missing fixes again; tells of those that did not come, or takes it back."""
    mine = MissingFixes.activation_id == activation_id
    supervisee_id = session.scalar(select(MissingFixes.supervisee_id).where(mine).limit(1))
    one = None if supervisee_id is None else person.find(session, supervisee_id)
    if one is None:
        return
    waiting = _waiting(session, activation_id)
    rows = [row for row in waiting if (row.look_at_ms or 0) <= milliseconds_of(now)][:MAX_SPANS]
    for row in rows:
        row.numbers = _still_missing(session, row)
        row.look_at_ms = _next_look_ms(row, now)
    rules = book.of(session, one.supervisee_id, one.rules_epoch, now)
    untold = [row for row in rows if row.numbers and row.alert_id is None]
    # A suspended phone may not deliver: it is told of when it may, and does not.
    if untold and not devices.is_suspended(session, activation_id):
        told = _alert_in_hand(session, waiting) or _raise(session, untold, rules, now)
        for row in untold:
            row.alert_id = told
    session.flush()
    for alert_id in {row.alert_id for row in rows if row.alert_id is not None}:
        _follow_up(session, alert_id, rules, now)
    settled = MissingFixes.alert_id.is_(None) & MissingFixes.look_at_ms.is_(None)
    session.execute(delete(MissingFixes).where(mine, settled))


def _follow(numbers: Sequence[int], after: int) -> bool:
    """Whether numbers follow each other and `after` without a hole."""
    return bool(numbers) and numbers[0] == after + 1 and numbers[-1] - after == len(numbers)


def _note(
    session: Session,
    one: Person,
    activation_id: UUID,
    spans: Sequence[Span],
    rules: PersonRules,
    now: datetime,
) -> None:
    if not spans:
        return
    values = {
        "id": new_id(now),
        "activation_id": activation_id,
        "supervisee_id": one.supervisee_id,
        "agency_id": one.agency_id,
        "numbers": [list(span) for span in spans],
        "noted_ms": milliseconds_of(now),
        "look_at_ms": milliseconds_of(now + timedelta(seconds=rules.missing_after_s)),
    }
    session.execute(insert(MissingFixes), values)


def _waiting(session: Session, activation_id: UUID) -> list[MissingFixes]:
    mine = MissingFixes.activation_id == activation_id
    statement = select(MissingFixes).where(mine, MissingFixes.look_at_ms.is_not(None))
    return list(session.scalars(statement.order_by(MissingFixes.look_at_ms, MissingFixes.id)))


def _next_look_ms(row: MissingFixes, now: datetime) -> int | None:
    is_over = milliseconds_of(now - LOOK_FOR) >= row.noted_ms
    return milliseconds_of(now + LOOK_EVERY) if row.numbers and not is_over else None


# Whether they came --------------------------------------------------------------------------


def _still_missing(session: Session, row: MissingFixes) -> list[list[int]]:
    """Return the spans of a row of which neither a fix nor a word has come since."""
    lacking = [
        lacking
        for first, last in row.numbers
        for lacking in gaps_between([*_kept(session, row, first, last), last + 1], first - 1)
    ]
    said = _said(session, row) if lacking else []
    return [list(span) for span in without(lacking, said)]


def _kept(session: Session, row: MissingFixes, first: int, last: int) -> Iterable[int]:
    mine = (Fix.activation_id == row.activation_id) & Fix.seq.between(first, last)
    return session.scalars(select(Fix.seq).where(mine).order_by(Fix.seq))


def _said(session: Session, row: MissingFixes) -> list[Span]:
    """Return what tokens declared lost, or held without an order: of those nothing is kept."""
    since_ms = row.noted_ms - _CLOCKS_APART // timedelta(milliseconds=1)
    tokens = session.execute(
        select(JournalEntry.gaps, JournalEntry.refusals).where(
            JournalEntry.activation_id == row.activation_id,
            JournalEntry.last_seq >= row.numbers[0][0],
            JournalEntry.received_ms >= since_ms,
            JournalEntry.forked.is_(False),
        )
    )
    said: list[Span] = []
    for token in tokens:
        said += msgspec.json.decode(token.gaps, type=list[Span])
        refused = msgspec.json.decode(token.refusals, type=list[RefusedFix])
        said += [Span(each.seq, each.seq) for each in refused if each.reason == NO_ORDER]
    return said


# What the officer is told -------------------------------------------------------------------


def _alert_in_hand(session: Session, rows: Sequence[MissingFixes]) -> UUID | None:
    """Return the phone's alert that nobody has decided, for more of the same."""
    told = {row.alert_id for row in rows if row.alert_id is not None}
    return max(told - alerts.decided(session, told), default=None)


def _raise(
    session: Session, rows: Sequence[MissingFixes], rules: PersonRules, now: datetime
) -> UUID:
    row = rows[0]
    return alerts.raise_alert(
        session,
        agency_id=row.agency_id,
        supervisee_id=row.supervisee_id,
        kind=AlertKind.FIXES_MISSING,
        severity=Severity.WARNING,
        source=SOURCE,
        source_id=row.id,
        occurred_at=from_unix_s(row.noted_ms / 1000),
        explanation=_explanation(rows, rules),
        now=now,
    )


def _follow_up(session: Session, alert_id: UUID, rules: PersonRules, now: datetime) -> None:
    """Let the alert say what is missing now; withdraw it when nothing is."""
    mine = select(MissingFixes).where(MissingFixes.alert_id == alert_id)
    rows = session.scalars(mine.order_by(MissingFixes.noted_ms, MissingFixes.id)).all()
    missing = [row for row in rows if row.numbers]
    if not missing:
        alerts.withdraw(session, alert_id, _ARRIVED, now)
        return
    alerts.extend(
        session,
        alert_id,
        severity=Severity.WARNING,
        certainty=Certainty.CONFIRMED,
        occurred_at=from_unix_s(missing[0].noted_ms / 1000),
        explanation=_explanation(missing, rules),
        now=now,
    )


def _explanation(rows: Sequence[MissingFixes], rules: PersonRules) -> Explanation:
    spans = sorted((first, last) for row in rows for first, last in row.numbers)
    count = sum(last - first + 1 for first, last in spans)
    noted_s = rows[0].noted_ms // 1000
    since = rules.local_time(noted_s)
    return Explanation(
        data={
            "activation_id": str(rows[0].activation_id),
            "numbers": [list(span) for span in spans[:MAX_SPANS]],
            "count": count,
            "noted_at": rfc3339(from_unix_s(noted_s)),
        },
        sentence_en=f"Positions that the phone numbered, and neither delivered nor declared lost: "
        f"{count}. Later ones are here since {since}. A missing position is not a violation.",
        sentence_es=f"Posiciones que el teléfono numeró y que ni entregó ni declaró perdidas: "
        f"{count}. Hay posteriores desde {since}. Una posición que falta no es un incumplimiento.",
    )


_ARRIVED: Final = Explanation(
    data={"count": 0},
    sentence_en="The missing positions have come, or the phone declared them lost; the alert is "
    "withdrawn.",
    sentence_es="Las posiciones que faltaban han llegado, o el teléfono las declaró perdidas; la "
    "alerta se retira.",
)
