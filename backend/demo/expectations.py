"""What must have happened, by name: the exit status of the demo rests on every line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import jwt

from backend.demo import cast
from backend.demo.chapters import recorded_drive
from backend.demo.payment import BANNER
from backend.demo.record import Item, Record, Witnessed

_SLACK: Final = timedelta(seconds=2)
"""A machine that is slow for a moment takes a fix a second late."""

ALERTS: Final = {
    ("exclusion-entered", "critical"): 1,
    ("inclusion-left", "warning"): 1,
    ("no-communication", "warning"): 2,
    ("location-refused", "information"): 1,
}
"""One for each thing that happened: silence began anew after the phone had asked in vain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One expectation, in words, and whether it holds."""

    name: str
    holds: bool


def expectations(record: Record, witnessed: Witnessed) -> list[Check]:
    """Return every expectation of the story, held against what is on record and was seen."""
    found = {
        f"each of the {cast.DRIVE.points} points is one fix, in place and time": _drive_is_kept(
            record.fixes
        ),
        "every accepted fix has a receipt that the server's public key verifies": _are_receipted(
            record, witnessed.receipts
        ),
        f"“{cast.STORE}” was entered: one confirmed episode": _is_episode(
            record.episode_of(cast.STORE), cast.DRIVE.store_began, cast.DRIVE.store_ended
        ),
        f"“{cast.NEIGHBOURHOOD}” was left: one confirmed episode": _is_episode(
            record.episode_of(cast.NEIGHBOURHOOD),
            cast.DRIVE.neighbourhood_began,
            cast.DRIVE.neighbourhood_ended,
        ),
        "silence, refusals and debt became no episode": _are_all(
            record, {cast.STORE, cast.NEIGHBOURHOOD}
        ),
        "the alerts are those, and all are explained": _are_alerts(record.alerts),
        "the critical alert went out by e-mail, with nothing personal in it": _is_discreet(
            witnessed
        ),
        "silence was noticed, and the curfew that began meanwhile": bool(
            witnessed.silence and witnessed.curfew
        ),
        "both refusals say why, what to do, whom to phone": _are_refusals(record, witnessed),
        "one reminder, sent to the phone's token and seen by the push service": _is_reminder(
            record.reminders, witnessed.pushes
        ),
        "the lock screen tells nothing": _is_neutral(witnessed.pushes),
        "with location, inbox and balance were served": _is_served(witnessed),
        "the payment page says that no money is real": BANNER in witnessed.page,
        "the fee was paid on the provider's page and booked once": _is_paid_once(record),
        "the balance fell to nothing": witnessed.owed_after == [],
        "the receipt came, and its lock screen tells nothing": _is_receipt(witnessed),
        "the reminder that was waiting is withdrawn": _is_withdrawn(record.reminders),
        "the audit record is sealed and whole": "The chain is whole." in witnessed.sealed,
    }
    return [Check(name=name, holds=holds) for name, holds in found.items()]


def _drive_is_kept(fixes: list[Item]) -> bool:
    points = recorded_drive()
    kept = [fix for fix in fixes if _at(fix["taken_at"]) < cast.SILENT_AT]
    return len(kept) == len(points) == cast.DRIVE.points and all(
        (fix["latitude"], fix["longitude"]) == (point.position.latitude, point.position.longitude)
        and abs(_at(fix["taken_at"]) - point.at) <= _SLACK
        and fix["usable"]
        and fix["refused"] is None
        for fix, point in zip(kept, points, strict=True)
    )


def _are_receipted(record: Record, receipts: list[Item]) -> bool:
    (key,) = jwt.PyJWKSet.from_dict(record.jwks).keys
    numbers = {_proved_number(receipt["receipt"], key) for receipt in receipts} - {None}
    return len(numbers) == len(receipts) == cast.DRIVE.points + 1


def _proved_number(receipt: str, key: jwt.PyJWK) -> int | None:
    """Return the number of the fix that the receipt is for, None if the server did not sign it."""
    try:
        claims = jwt.decode(receipt, key, algorithms=["ES256"])
    except jwt.InvalidTokenError:
        return None
    number: int = claims["seq"]
    return number


def _are_all(record: Record, titles: set[str]) -> bool:
    return {record.titles[one["condition_id"]] for one in record.episodes} == titles


def _is_episode(episodes: list[Item], began: timedelta, ended: timedelta) -> bool:
    return len(episodes) == 1 and all(
        (
            episodes[0]["certainty"] == "confirmed",
            not episodes[0]["withdrawn"],
            _is_about(episodes[0]["onset"], cast.DRIVE_AT + began),
            _is_about(episodes[0]["ended"], cast.DRIVE_AT + ended),
        )
    )


def _are_alerts(alerts: list[Item]) -> bool:
    found = Counter((alert["kind"], alert["severity"]) for alert in alerts)
    return found == ALERTS and all(alert["sentence_en"] for alert in alerts)


def _is_discreet(witnessed: Witnessed) -> bool:
    personal = (cast.PERSON["given_name"], cast.PERSON["family_name"], cast.STORE)
    return len(witnessed.mails) == 1 and not any(
        str(word) in mail.as_string() for mail in witnessed.mails for word in personal
    )


def _are_refusals(record: Record, witnessed: Witnessed) -> bool:
    kept = [(refusal["reason"], refusal["reference"]) for refusal in record.refusals]
    told = [(problem["reason"], problem["reference"]) for problem in witnessed.turned_away]
    return (
        [reason for reason, _ in kept] == ["PERMISSION_DENIED", "MOCK"]
        and kept == told
        and all(
            problem["status"] == 403  # noqa: PLR2004 - Forbidden
            and problem["what_to_do"]
            and problem["contact"] == cast.AGENCY["phone"]
            for problem in witnessed.turned_away
        )
    )


def _is_reminder(reminders: list[Item], pushes: list[Item]) -> bool:
    sent = [reminder for reminder in reminders if reminder["sent_at"] is not None]
    return len(sent) == len(pushes) == 1 and all(
        (
            sent == reminders[:1],
            reminders[0]["via"] == "fcm_token",
            reminders[0]["state"] == "delivered",
            pushes[0]["data"] == {"id": reminders[0]["id"]},
            _at(reminders[0]["due_at"]) == cast.REMINDED_AT,
        )
    )


def _is_neutral(pushes: list[Item]) -> bool:
    words = ("Testa", "fee", "40", cast.AGENCY["name"])
    return any(pushes) and not any(word in str(pushes[0]["notification"]) for word in words)


def _is_served(witnessed: Witnessed) -> bool:
    return len(witnessed.inbox) == len(witnessed.owed) == 1 and all(
        (
            witnessed.inbox[0]["id"] == witnessed.pushes[0]["data"]["id"],
            witnessed.owed[0]["outstanding_minor"] == cast.FEE_MINOR,
            witnessed.owed[0]["currency"] == cast.CURRENCY,
        )
    )


def _is_paid_once(record: Record) -> bool:
    return len(record.asked) == len(record.payments) == 1 and all(
        (
            record.asked[0]["state"] == "paid",
            record.payments[0]["method"] == "hosted_page",
            record.payments[0]["source"] == "provider",
            record.asked[0]["amount_minor"] == record.payments[0]["amount_minor"] == cast.FEE_MINOR,
            record.payments[0]["currency"] == cast.CURRENCY,
        )
    )


def _is_receipt(witnessed: Witnessed) -> bool:
    return "40.00" in witnessed.receipt and _is_neutral([witnessed.receipt_push])


def _is_withdrawn(reminders: list[Item]) -> bool:
    unsent = [reminder for reminder in reminders if reminder["sent_at"] is None]
    return bool(unsent) and all(reminder["state"] == "withdrawn" for reminder in unsent)


def _is_about(text: str | None, instant: datetime) -> bool:
    return text is not None and abs(_at(text) - instant) <= _SLACK


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
