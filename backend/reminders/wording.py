"""Every message that can be sent, as the agency would send it to somebody: nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.core.actor import Actor, Permission
from backend.core.clock import rfc3339
from backend.core.db import Session
from backend.identity import service as identity
from backend.identity.service import Agency
from backend.reminders.preview import EXAMPLE_NAME, Example, Preview, example_reminder
from notifications.formats import Language, clock_time, day, money
from notifications.kind import MessageKind
from notifications.messages import BODIES, SUBJECTS, Rendered, Template, parameters_of, render
from notifications.planning import Subject

_AHEAD: Final = timedelta(days=7)
_AT: Final = time(9, 30)
_AMOUNT_MINOR: Final = 5_000
_OF_APPOINTMENTS: Final = frozenset({Template.APPOINTMENT_MOVED, Template.APPOINTMENT_CANCELLED})
_REMINDERS: Final = (
    (Subject.FINE, False),
    (Subject.FINE, True),
    (Subject.CHECK_IN, False),
    (Subject.COURT_HEARING, False),
    (Subject.APPOINTMENT, False),
)
"""What is reminded of, and whether its day is over."""

_KINDS: Final[Mapping[Template, MessageKind | None]] = {
    Template.PAYMENT_RECEIPT: MessageKind.PAYMENT,
    Template.PAYMENT_FAILED: MessageKind.PAYMENT,
    Template.PAYMENT_RETURNED: MessageKind.PAYMENT,
    Template.AUTOPAY_NOTICE: MessageKind.PAYMENT,
    Template.CLAIM_GRANTED: MessageKind.DECISION,
    Template.CLAIM_GRANTED_UNTIL: MessageKind.DECISION,
    Template.CLAIM_DECLINED: MessageKind.DECISION,
    Template.PLAN_GRANTED: MessageKind.DECISION,
    Template.PLAN_DECLINED: MessageKind.DECISION,
    Template.PLAN_ENDED: MessageKind.DECISION,
    Template.RELIEF_GRANTED: MessageKind.DECISION,
    Template.CONVERSION_GRANTED: MessageKind.DECISION,
    Template.RELIEF_DECLINED: MessageKind.DECISION,
    Template.RELIEF_ENDED: MessageKind.DECISION,
    Template.APPOINTMENT_MOVED: MessageKind.APPOINTMENT,
    Template.APPOINTMENT_CANCELLED: MessageKind.APPOINTMENT,
    Template.REQUEST_ANSWERED: MessageKind.REQUEST,
    Template.REQUEST_WAITING: MessageKind.REQUEST,
    Template.ALERT: MessageKind.ALERT,
    Template.JOB_STOPPED: None,
}
"""What is no reminder; the alarm that a job stopped goes by no outbox and is of no kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageExample:
    """What a message says, by language (`en`, `es`), with invented particulars."""

    template: Template
    kind: MessageKind | None
    texts: Mapping[str, Rendered] = field(repr=False)


def message_examples(
    session: Session, actor: Actor, *, pays_in_app: bool, now: datetime
) -> list[MessageExample]:
    """Return an example of every message that the agency's people can get. Raises FORBIDDEN."""
    actor.require(Permission.REMINDER_READ)
    agency = identity.get_agency(session, actor.agency)
    reminders = [
        example_reminder(
            session,
            actor,
            _example(agency, subject, now, overdue=overdue),
            pays_in_app=pays_in_app,
            now=now,
        )
        for subject, overdue in _REMINDERS
    ]
    params = {language: _params(agency, language, now) for language in Language}
    return [_as_message(one) for one in reminders] + [
        MessageExample(
            template=template,
            kind=kind,
            texts={one.value: _text(template, one, params[one]) for one in Language},
        )
        for template, kind in _KINDS.items()
    ]


def _as_message(shown: Preview) -> MessageExample:
    template = shown.texts[shown.language.value].template
    return MessageExample(template=template, kind=shown.kind, texts=shown.texts)


def _example(agency: Agency, subject: Subject, now: datetime, *, overdue: bool) -> Example:
    is_payment = subject is Subject.FINE
    on = now.astimezone(ZoneInfo(agency.zone)) + (-_AHEAD if overdue else _AHEAD)
    return Example(
        subject=subject,
        due_at=on.replace(hour=_AT.hour, minute=_AT.minute),
        amount_minor=_AMOUNT_MINOR if is_payment else None,
        currency=agency.policy.default_currency if is_payment else None,
        place=None,
        contact_name=None,
        contact_phone=None,
        overdue=overdue,
    )


def _params(agency: Agency, language: Language, now: datetime) -> Mapping[str, str]:
    on = now.astimezone(ZoneInfo(agency.zone)).date() + _AHEAD
    return {
        "first_name": EXAMPLE_NAME,
        "agency": agency.name,
        "contact": agency.name,
        "phone": agency.contact_phone,
        "subject": SUBJECTS[language][Subject.FINE],
        "amount": money(_AMOUNT_MINOR, agency.policy.default_currency),
        "day": day(on, language),
        "time": clock_time(_AT, language),
        "hours": "10",
        "number": "1",
        "reference": str(UUID(int=0)),
        "job": "plan-reminders",
        "since": rfc3339(now),
    }


def _text(template: Template, language: Language, params: Mapping[str, str]) -> Rendered:
    if template in _OF_APPOINTMENTS:
        params = {**params, "subject": SUBJECTS[language][Subject.APPOINTMENT]}
    wanted = parameters_of(BODIES[language][template])
    return render(template, language, {name: params[name] for name in wanted})
