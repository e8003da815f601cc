"""What stands in the server's records when the story is over, as officers read it over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import EmailMessage
from operator import itemgetter
from typing import Any

from backend.demo.desk import Desk

Item = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Witnessed:
    """What the story itself saw happen: answers to the phone, and what reached phone and mailbox.

    `turned_away` are the problems that answered requests without a usable location.
    """

    receipts: list[Item] = field(default_factory=list)
    turned_away: list[Item] = field(default_factory=list)
    silence: str = ""
    curfew: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    pushes: list[Item] = field(default_factory=list)
    inbox: list[Item] = field(default_factory=list)
    owed: list[Item] = field(default_factory=list)
    page: str = ""
    receipt_push: Item = field(default_factory=dict)
    receipt: str = ""
    owed_after: list[Item] | None = None
    sealed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One person's record. `fixes` are in the order in which they were taken, `alerts` oldest first.

    `jwks` are the keys by which the server says that its receipts can be checked. `reminders` stand
    by when they are due. `asked` is
    what was to be paid at the provider, `payments` what is in the ledger. `titles` are those of the conditions, by identifier.
    """

    fixes: list[Item]
    refusals: list[Item]
    episodes: list[Item]
    alerts: list[Item]
    reminders: list[Item]
    asked: list[Item]
    payments: list[Item]
    events: list[Item]
    titles: dict[str, str]
    jwks: Item

    def episode_of(self, title: str) -> list[Item]:
        """Return the episodes of the condition with this title."""
        return [one for one in self.episodes if self.titles[one["condition_id"]] == title]


def read_record(officer: Desk, auditor: Desk, supervisee_id: str, titles: dict[str, str]) -> Record:
    """Return what officer and auditor can read of a person."""
    person = f"/v1/supervisees/{supervisee_id}"
    return Record(
        fixes=officer.listed(f"{person}/fixes")[::-1],
        refusals=officer.listed(f"{person}/refusals")[::-1],
        episodes=officer.listed(f"{person}/episodes")[::-1],
        alerts=officer.listed(f"/v1/alerts?supervisee_id={supervisee_id}")[::-1],
        reminders=sorted(officer.listed(f"{person}/reminders"), key=itemgetter("due_at")),
        asked=officer.listed(f"{person}/hosted-payments"),
        payments=officer.listed(f"{person}/payments"),
        events=auditor.listed("/v1/audit")[::-1],
        titles=titles,
        jwks=officer.get("/.well-known/jwks.json"),
    )
