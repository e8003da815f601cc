"""What may be known of journals: by the phone, how far its own is here; by officers, every token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec
from sqlalchemy import select

from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import Actor, Permission
from backend.core.clock import from_unix_s
from backend.core.db import Session
from backend.core.errors import not_found
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.location import trail
from backend.location.chain import Span, gaps_between
from backend.location.journal_outcome import RefusedFix
from backend.location.models import JournalChain, JournalEntry
from backend.proof.claims import JournalRef


class Standing(Enum):
    """How the journal that a phone speaks of stands to the one that is here.

    BEHIND: tokens are missing here. FORKED: the phone names another last token than it sent.
    """

    COMPLETE = "complete"
    BEHIND = "behind"
    FORKED = "forked"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStanding:
    """How a phone's journal stands, and which of its tokens to send."""

    standing: Standing
    missing: list[Span]

    def as_json(self) -> dict[str, object]:
        """Return the standing as a phone reads it."""
        missing = [span._asdict() for span in self.missing]
        return {"standing": self.standing.value, "missing": missing}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptToken:
    """One journal token as kept."""

    id: UUID
    activation_id: UUID
    n: int
    received_at: datetime
    forked: bool
    accepted: int
    refused: int
    refusals: list[RefusedFix]
    gaps: list[Span]
    unaccounted: list[Span]
    digest: str


def standing(session: Session, activation_id: UUID, told: JournalRef) -> JournalStanding:
    """Return how the journal whose last token a phone names in a live proof stands here."""
    chain = session.get(JournalChain, activation_id)
    complete_n, head_n = (0, 0) if chain is None else (chain.complete_n, chain.head_n)
    mine = select(JournalEntry.n, JournalEntry.digest).where(
        JournalEntry.activation_id == activation_id, JournalEntry.forked.is_(False)
    )
    same = session.execute(mine.where(JournalEntry.n == told.n)).first()
    # A phone that names an earlier token than it sent has lost its own past.
    if told.n < head_n or (same is not None and same.digest != told.digest):
        return JournalStanding(standing=Standing.FORKED, missing=[])
    if complete_n == told.n:
        return JournalStanding(standing=Standing.COMPLETE, missing=[])
    here = session.execute(mine.where(JournalEntry.n > complete_n).order_by(JournalEntry.n))
    missing = gaps_between([*(row.n for row in here), told.n + 1], complete_n)
    return JournalStanding(standing=Standing.BEHIND, missing=missing)


def list_tokens(
    session: Session, actor: Actor, supervisee_id: UUID, cursor: Cursor
) -> Page[KeptToken]:
    """Return a person's journal tokens, latest received first, forked ones too."""
    actor.require(Permission.LOCATION_READ)
    identity.get_supervisee(session, actor, supervisee_id)
    statement = select(JournalEntry).where(JournalEntry.supervisee_id == supervisee_id)
    page: Page[JournalEntry] = fetch_page(session, statement, JournalEntry.id, cursor)
    return Page(items=[_kept(row) for row in page.items], next=page.next)


def signed_token(
    session: Session, actor: Actor, supervisee_id: UUID, token_id: UUID, now: datetime
) -> str:
    """Return a journal token as the phone signed it, a forked one too; audits the reading.

    Raises FORBIDDEN, NOT_FOUND: also where no fix was taken under an order, for then its text was
    not kept; and where it would show a trail that is not kept.
    """
    actor.require(Permission.LOCATION_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    theirs = (JournalEntry.id == token_id) & (JournalEntry.supervisee_id == supervisee_id)
    token = session.scalar(select(JournalEntry).where(theirs))
    if token is None or not token.signed or not trail.is_shown(session, person, token):
        raise not_found()
    audit.record(
        session,
        actor,
        Act.JOURNAL_TOKEN_READ,
        subject=("journal-token", token_id),
        supervisee_id=supervisee_id,
        now=now,
    )
    return token.signed


def _kept(row: JournalEntry) -> KeptToken:
    return KeptToken(
        id=row.id,
        activation_id=row.activation_id,
        n=row.n,
        received_at=from_unix_s(row.received_ms / 1000),
        forked=row.forked,
        accepted=row.accepted,
        refused=row.refused,
        refusals=msgspec.json.decode(row.refusals, type=list[RefusedFix]),
        gaps=msgspec.json.decode(row.gaps, type=list[Span]),
        unaccounted=msgspec.json.decode(row.unaccounted, type=list[Span]),
        digest=row.digest.hex(),
    )
