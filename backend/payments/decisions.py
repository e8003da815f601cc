"""What a person is told of an officer's decision about their money, and what they would be told.

Told once, while they are awake, neutral on a lock screen. Read again when it is sent: a plan that
was ended, or a relief that was taken back meanwhile, is not announced any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Final, TypeAlias
from uuid import UUID

from backend.core.actor import SYSTEM, Actor, Permission
from backend.core.db import Session
from backend.outbox import service as outbox
from backend.outbox.messages import Message, Source
from backend.payments.kinds import Decision, PlanState
from backend.payments.ledger import TransactionKind
from backend.payments.models import HardshipClaimRow, ObligationRow, PlanRow, ReliefRow
from backend.payments.reach import find
from backend.payments.telling import addressee_of, tell
from notifications.formats import Language, day, money
from notifications.kind import MessageKind
from notifications.messages import SUBJECTS, Rendered, Template, render
from notifications.planning import Subject


class About(Enum):
    """What is decided."""

    HARDSHIP_CLAIM = "hardship-claim"
    PLAN = "plan"
    RELIEF = "relief"


Row: TypeAlias = HardshipClaimRow | PlanRow | ReliefRow
_ROWS: Final[Mapping[About, type[Row]]] = {
    About.HARDSHIP_CLAIM: HardshipClaimRow,
    About.PLAN: PlanRow,
    About.RELIEF: ReliefRow,
}
_SOURCES: Final = {f"{about.value}-decision": about for about in About}
_ENDS: Final = {f"{about.value}-end": about for about in (About.PLAN, About.RELIEF)}
SOURCES: Final = (*_SOURCES, *_ENDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPreview:
    """What the person would be told, by language (`en`, `es`); they get the one in `language`."""

    language: Language
    texts: Mapping[str, Rendered] = field(repr=False)


def tell_decision(
    session: Session, about: About, row_id: UUID, supervisee_id: UUID, *, now: datetime
) -> None:
    """Let the person hear what an officer decided."""
    source = Source(kind=f"{about.value}-decision", id=row_id)
    tell(session, supervisee_id, source, kind=MessageKind.DECISION, now=now)


def tell_end(
    session: Session, about: About, row_id: UUID, supervisee_id: UUID, *, now: datetime
) -> None:
    """Let the person hear that a plan or a relief ended, unless they never heard that it began."""
    decided = Source(kind=f"{about.value}-decision", id=row_id)
    if outbox.withdraw(session, decided, now=now):
        return
    source = Source(kind=f"{about.value}-end", id=row_id)
    tell(session, supervisee_id, source, kind=MessageKind.DECISION, now=now)


def preview_decision(
    session: Session,
    actor: Actor,
    *,
    about: About,
    subject_id: UUID,
    decision: Decision,
    hold_until: date | None,
) -> DecisionPreview:
    """Return what the person would be told if an officer decided so. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    row: Row = find(session, actor, _ROWS[about], subject_id)
    return _preview(session, row, _template(row, decision, hold_until), hold_until)


def preview_end_of_plan(session: Session, actor: Actor, plan_id: UUID) -> DecisionPreview:
    """Return what the person would be told if a plan were ended. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    return _preview(session, find(session, actor, PlanRow, plan_id), Template.PLAN_ENDED, None)


def _preview(session: Session, row: Row, template: Template, until: date | None) -> DecisionPreview:
    language = addressee_of(session, row.supervisee_id).language
    texts = {one.value: _text(session, row, template, until, one) for one in Language}
    return DecisionPreview(language=language, texts=texts)


def texts(session: Session, messages: Sequence[Message], _now: datetime) -> Mapping[UUID, Rendered]:
    """Return the words of the decisions that still stand."""
    found: dict[UUID, Rendered] = {}
    for message in messages:
        ended = _ENDS.get(message.source.kind)
        about = ended or _SOURCES[message.source.kind]
        row: Row = find(session, SYSTEM, _ROWS[about], message.source.id)
        decision = _decision(row)
        until = row.hold_until if isinstance(row, HardshipClaimRow) else None
        if ended is not None:
            template = Template.PLAN_ENDED if ended is About.PLAN else Template.RELIEF_ENDED
            found[message.id] = _text(session, row, template, None)
        elif decision is not None:
            template = _template(row, decision, until)
            found[message.id] = _text(session, row, template, until)
    return found


def _decision(row: Row) -> Decision | None:
    """Return what was decided and stands; None for what was ended or taken back since."""
    if isinstance(row, HardshipClaimRow):
        return row.decision
    if isinstance(row, PlanRow):
        return {PlanState.ACTIVE: Decision.GRANTED, PlanState.DECLINED: Decision.DECLINED}.get(
            row.state
        )
    if row.withdrawn_at is None:
        return Decision.GRANTED
    return Decision.DECLINED if row.approved_at is None else None


def _template(row: Row, decision: Decision, until: date | None) -> Template:
    granted = decision is Decision.GRANTED
    if isinstance(row, HardshipClaimRow):
        if until is not None and granted:
            return Template.CLAIM_GRANTED_UNTIL
        return Template.CLAIM_GRANTED if granted else Template.CLAIM_DECLINED
    if isinstance(row, PlanRow):
        return Template.PLAN_GRANTED if granted else Template.PLAN_DECLINED
    if granted and row.kind is TransactionKind.CONVERSION:
        return Template.CONVERSION_GRANTED
    return Template.RELIEF_GRANTED if granted else Template.RELIEF_DECLINED


def _text(
    session: Session,
    row: Row,
    template: Template,
    until: date | None,
    language: Language | None = None,
) -> Rendered:
    to = addressee_of(session, row.supervisee_id, language)
    return render(
        template, to.language, {**to.params, **_params(session, row, template, until, to.language)}
    )


def _params(
    session: Session, row: Row, template: Template, until: date | None, language: Language
) -> dict[str, str]:
    if isinstance(row, HardshipClaimRow):
        is_timed = template is Template.CLAIM_GRANTED_UNTIL
        return {"day": day(until, language)} if is_timed and until is not None else {}
    if isinstance(row, PlanRow):
        begins = template is not Template.PLAN_ENDED
        first = {"day": day(row.first_due_on, language)} if begins else {}
        return {"amount": money(row.instalment_minor, row.currency), **first}
    owed = session.get_one(ObligationRow, row.obligation_id)
    params = {
        "amount": money(row.amount_minor, owed.currency),
        "subject": SUBJECTS[language][Subject(owed.kind.value)],
    }
    if template is Template.CONVERSION_GRANTED:
        params["hours"] = str(row.service_hours)
    return params
