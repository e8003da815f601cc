"""The words of a reminder, from the items it is about and the person it goes to."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from uuid import UUID
from zoneinfo import ZoneInfo

from notifications.formats import Language, clock_time, day, money
from notifications.kind import MessageKind
from notifications.messages import (
    SUBJECTS,
    HowToPay,
    Line,
    Rendered,
    Template,
    render,
    render_how_to_pay,
    render_line,
)
from notifications.planning import DueItem

_TEMPLATES = {
    MessageKind.CHECK_IN: Template.CHECK_IN,
    MessageKind.HEARING: Template.HEARING,
    MessageKind.APPOINTMENT: Template.APPOINTMENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Whom a reminder addresses and whom they can turn to.

    `agency` sends it; `contact` and `phone` are the person to call; `payment_url` is the agency's
    own page to pay on; without one, one pays in the app if `pays_in_app`, or else by phone or at
    the counter.
    """

    first_name: str = field(repr=False)
    agency: str
    contact: str
    phone: str
    payment_url: str | None
    pays_in_app: bool
    language: Language
    zone: ZoneInfo


def render_reminder(
    items: Sequence[DueItem], recipient: Recipient, *, overdue: AbstractSet[UUID]
) -> Rendered:
    """One message about all `items`, which are of one kind; `overdue` are the `source_id` of
    payments past their day. Raises ValueError on no items or items of several kinds.
    """
    kinds = {item.kind for item in items}
    if len(kinds) != 1:
        raise ValueError("a reminder is about items of exactly one kind")
    if kinds == {MessageKind.PAYMENT}:
        return _payment(items, recipient, overdue)
    params = _sender(recipient) | _whom_to_call(items, recipient)
    params["items"] = "\n".join(_event_line(item, recipient) for item in items)
    return render(_TEMPLATES[kinds.pop()], recipient.language, params)


def _sender(recipient: Recipient) -> dict[str, str]:
    return {
        "first_name": recipient.first_name,
        "agency": recipient.agency,
        "contact": recipient.contact,
        "phone": recipient.phone,
    }


def _whom_to_call(items: Sequence[DueItem], recipient: Recipient) -> dict[str, str]:
    """Whom all the items name; the agency, where they name several or none."""
    named = {(item.contact or recipient.agency, item.phone) for item in items if item.phone}
    if len(named) != 1 or not all(item.phone for item in items):
        return {}
    [(contact, phone)] = named
    return {"contact": contact, "phone": phone}


def _payment(
    items: Sequence[DueItem], recipient: Recipient, overdue: AbstractSet[UUID]
) -> Rendered:
    params = _sender(recipient) | {
        "items": "\n".join(
            _payment_line(item, recipient, overdue=item.source_id in overdue) for item in items
        ),
        "how_to_pay": _how_to_pay(recipient),
    }
    ahead = [item.local_day(recipient.zone) for item in items if item.source_id not in overdue]
    if not ahead:
        return render(Template.PAYMENT_OVERDUE, recipient.language, params)
    params["deadline"] = day(min(ahead), recipient.language)
    return render(Template.PAYMENT_DUE, recipient.language, params)


def _how_to_pay(recipient: Recipient) -> str:
    if recipient.payment_url is not None:
        params = {"payment_url": recipient.payment_url}
        return render_how_to_pay(HowToPay.ONLINE, recipient.language, params)
    params = {"agency": recipient.agency, "phone": recipient.phone}
    way = HowToPay.IN_THE_APP if recipient.pays_in_app else HowToPay.AT_THE_AGENCY
    return render_how_to_pay(way, recipient.language, params)


def _payment_line(item: DueItem, recipient: Recipient, *, overdue: bool) -> str:
    params = {
        "subject": _subject(item, recipient.language),
        "amount": money(item.amount_minor or 0, item.currency or ""),  # a payment has both: DueItem
        "day": day(item.local_day(recipient.zone), recipient.language),
    }
    line = Line.PAYMENT_OVERDUE if overdue else Line.PAYMENT_DUE
    return render_line(line, recipient.language, params)


def _event_line(item: DueItem, recipient: Recipient) -> str:
    params = {"subject": _subject(item, recipient.language)}
    if item.due_at is None:
        params["day"] = day(item.local_day(recipient.zone), recipient.language)
        return render_line(Line.ON_DAY, recipient.language, params)
    local = item.due_at.astimezone(item.zone or recipient.zone)
    params["day"] = day(local.date(), recipient.language)
    params["time"] = clock_time(local.time(), recipient.language)
    if local.utcoffset() != item.due_at.astimezone(recipient.zone).utcoffset():
        params["time"] += f" {local.tzname()}"  # whoever travels there must not come an hour late
    return render_line(Line.AT_TIME, recipient.language, params)


def _subject(item: DueItem, language: Language) -> str:
    name = SUBJECTS[language][item.subject]
    return f"{name} ({item.detail})" if item.detail else name
