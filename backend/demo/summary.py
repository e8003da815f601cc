"""The end of the story in figures, its checks, and where to look further."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from backend.demo import cast
from backend.demo.cast import OFFICER
from backend.demo.expectations import Check
from backend.demo.record import Item, Record, Witnessed
from backend.demo.screen import Screen
from backend.demo.stage import Stage


def show_summary(screen: Screen, record: Record, witnessed: Witnessed) -> None:
    """Show what happened, as it stands on record."""
    screen.chapter("Summary")
    accepted = [fix for fix in record.fixes if fix["refused"] is None]
    kept = len(record.fixes) - len(accepted)
    screen.row("Fixes taken", len(accepted), f"and {kept} kept as evidence though it was refused")
    reasons = Counter(refusal["reason"] for refusal in record.refusals)
    screen.row("Requests refused", len(record.refusals), _counted(reasons))
    screen.row("Episodes", len(record.episodes))
    for episode in record.episodes:
        screen.item(_episode_in_words(record, episode))
    screen.row("Alerts", len(record.alerts))
    for alert in record.alerts:
        screen.item(_alert_in_words(alert))
    subjects = (f"to {mail['To']}: “{mail['Subject']}”" for mail in witnessed.mails)
    screen.row("E-mails sent", len(witnessed.mails), "; ".join(subjects))
    sent = [reminder for reminder in record.reminders if reminder["sent_at"] is not None]
    taken_back = sum(reminder["state"] == "withdrawn" for reminder in record.reminders)
    screen.row("Reminders sent", len(sent), f"and {taken_back} withdrawn when it was paid")
    for reminder in sent:
        screen.item(_reminder_in_words(reminder, witnessed.pushes))
    screen.row("Payments", len(record.payments))
    for payment in record.payments:
        screen.item(_payment_in_words(payment))
    actors = Counter(event["actor_kind"] for event in record.events)
    screen.row("Audit events", len(record.events), f"by {_counted(actors)}")


def show_checks(screen: Screen, checks: list[Check]) -> None:
    """Show each expectation and whether it holds."""
    screen.chapter("Did everything happen as it must?")
    for check in checks:
        screen.verbatim(f"  {'ok' if check.holds else 'FAILED':<8}{check.name}")
    failed = sum(not check.holds for check in checks)
    screen.verbatim("", f"  {failed} of {len(checks)} FAILED." if failed else "  Yes, all of it.")


def show_where_to_look(screen: Screen, stage: Stage) -> None:
    """Show what to open and what to type while the server goes on."""
    url = stage.server.url
    screen.chapter("Look around: the server goes on until Ctrl-C")
    screen.verbatim(
        f"  API, to read and try    {url}/docs/",
        f"  OpenAPI document        {url}/openapi.json",
        f"  Health and metrics      {url}/readyz  {url}/metrics",
        f"  E-mails, log, database  {stage.folder}",
        "",
        f"  {OFFICER.name} signs in as {OFFICER.email}, password “{OFFICER.password}”.",
        "  In another terminal:",
        "",
        f"    URL={url}",
        "    TOKEN=$(curl -s $URL/v1/officer/session -H 'Content-Type: application/json' \\",
        f'      -d \'{{"email": "{OFFICER.email}", "password": "{OFFICER.password}"}}\' \\',
        '      | sed -E \'s/.*"token": ?"([^"]*)".*/\\1/\')',
        '    curl -s $URL/v1/supervisees -H "Authorization: Bearer $TOKEN"',
        '    curl -s $URL/v1/alerts -H "Authorization: Bearer $TOKEN"',
        "",
    )


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())


def _episode_in_words(record: Record, episode: Item) -> str:
    title = record.titles[episode["condition_id"]]
    span = f"{_time(episode['onset'])} to {_time(episode['ended'])}"
    return f"“{title}”: {episode['certainty']}, {span}"


def _alert_in_words(alert: Item) -> str:
    return f"{alert['severity']}, {alert['kind']}: {alert['sentence_en']}"


def _reminder_in_words(reminder: Item, pushes: Iterable[Item]) -> str:
    shown = "; ".join(
        f"“{push['notification']['title']}” “{push['notification']['body']}”" for push in pushes
    )
    sent = f"{reminder['state']} by {reminder['via']} at {_time(reminder['sent_at'])}"
    return f"{reminder['kind']}, {sent}; on the lock screen: {shown}"


def _payment_in_words(payment: Item) -> str:
    amount = f"{payment['amount_minor'] / 100:.2f} {payment['currency']}"
    return f"{amount}, by {payment['method']}, the provider's number {payment['receipt_number']}"


def _time(text: str | None) -> str:
    if text is None:
        return "now"
    return f"{datetime.fromisoformat(text).astimezone(cast.ZONE):%a %-d %b %H:%M:%S}"
