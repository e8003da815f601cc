"""The record of each time that other rules judged the past again: what changed them, what differs.

Nothing of it ever changes: what was judged before stays readable beside what is judged now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from backend.audit import service as audit
from backend.audit.acts import Act
from backend.conditions.service import RuleChange
from backend.core.actor import SYSTEM, Actor, Permission
from backend.core.clock import from_unix_s
from backend.core.db import Session
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.location import comparison
from backend.location.comparison import Finding, ShownFinding
from backend.location.disclosure import audit_zones_told, may_know_zones
from backend.location.models import Rejudgement
from backend.location.person import Person


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """An act that changed the rules; without an act, the numbers of the agency or the engine."""

    act: str | None
    subject_kind: str | None
    subject_id: UUID | None
    at: datetime | None


NUMBERS: Final = Cause(act=None, subject_kind=None, subject_id=None, at=None)
"""The agency chose other numbers to judge by, or the engine is another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRejudgement:
    """One time that the past was judged again, from `since` to `until`."""

    id: UUID
    at: datetime
    since: datetime
    until: datetime
    causes: list[Cause]
    findings: list[ShownFinding]


def causes_of(changes: Iterable[RuleChange]) -> list[Cause]:
    """Return what made the rules other than they were."""
    return [_cause(change) for change in changes]


def record(
    session: Session,
    person: Person,
    causes: Sequence[Cause],
    found: Sequence[Finding],
    *,
    since_s: int,
    until_s: int,
    now: datetime,
) -> None:
    """Keep what judging the past again made different, and audit that it was done."""
    kept = Rejudgement(
        id=new_id(now),
        supervisee_id=person.supervisee_id,
        at=now,
        since_s=since_s,
        until_s=until_s,
        causes=msgspec.json.encode(causes).decode(),
        findings=msgspec.json.encode(found).decode(),
    )
    session.add(kept)
    audit.record(
        session,
        SYSTEM,
        Act.PAST_JUDGED_AGAIN,
        subject=("rejudgement", kept.id),
        agency_id=person.agency_id,
        supervisee_id=person.supervisee_id,
        now=now,
        details=dict(Counter(finding.change.value for finding in found)),
    )


def list_rejudgements(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor, now: datetime
) -> Page[KeptRejudgement]:
    """Return each time that a person's past was judged again by other rules, latest first.

    Audits the reading of distances to victims' zones. Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.LOCATION_READ)
    identity.get_supervisee(session, actor, supervisee_id)
    statement = select(Rejudgement).where(Rejudgement.supervisee_id == supervisee_id)
    page: Page[Rejudgement] = fetch_page(session, statement, Rejudgement.id, cursor)
    found = {row.id: _findings(row) for row in page.items}
    if disclose := may_know_zones(actor):
        everything = [finding for findings in found.values() for finding in findings]
        told = comparison.confidential_zones(everything)
        audit_zones_told(session, actor, supervisee_id, told, now)
    items = [_kept(row, found[row.id], disclose=disclose) for row in page.items]
    return Page(items=items, next=page.next)


def _cause(change: RuleChange) -> Cause:
    kind, subject_id = change.subject or (None, None)
    act = None if change.act is None else change.act.value
    return Cause(act=act, subject_kind=kind, subject_id=subject_id, at=change.at)


def _findings(row: Rejudgement) -> list[Finding]:
    return msgspec.json.decode(row.findings, type=list[Finding])


def _kept(row: Rejudgement, found: list[Finding], *, disclose: bool) -> KeptRejudgement:
    return KeptRejudgement(
        id=row.id,
        at=row.at,
        since=from_unix_s(row.since_s),
        until=from_unix_s(row.until_s + 1),
        causes=msgspec.json.decode(row.causes, type=list[Cause]),
        findings=comparison.shown(found, disclose=disclose),
    )
