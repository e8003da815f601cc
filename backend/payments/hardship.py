"""When somebody cannot pay: their claim, an officer's answer, and what is put before the court.

While a claim is open, while a granted one gives time, and while the court has a matter, what it is
about is not reminded of: nobody is pressed for what they said they do not have (*Bearden*).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from backend.audit.service import Act
from backend.conditions.two_persons import deciding_officer
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.payments.book import open_book
from backend.payments.decisions import About, tell_decision
from backend.payments.kinds import Decision, ObligationStatus
from backend.payments.models import (
    ClaimedObligationRow,
    HardshipClaimRow,
    ObligationRow,
    ReferralRow,
)
from backend.payments.owed import one_obligation, unpaid_obligations
from backend.payments.reach import hold, record, themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class HardshipClaim:
    """What a person said of why they cannot pay; `decision` is None while nobody has answered.

    Granted, it may give time: until `hold_until` nothing of it is reminded of.
    """

    id: UUID
    supervisee_id: UUID
    obligation_ids: Sequence[UUID]
    statement: str
    claimed_at: datetime
    decision: Decision | None
    decided_by: UUID | None
    decided_at: datetime | None
    decision_note: str | None
    hold_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """An obligation before the court; `outcome` is what the court said."""

    id: UUID
    supervisee_id: UUID
    obligation_id: UUID
    document: str
    reason: str
    referred_by: UUID
    referred_at: datetime
    returned_by: UUID | None
    returned_at: datetime | None
    outcome: str | None


def claim_hardship(
    session: Session,
    actor: Actor,
    *,
    statement: str,
    obligation_ids: Sequence[UUID] | None,
    now: datetime,
) -> HardshipClaim:
    """Return the claim of the supervised person who asks; without ids it is about all they owe.

    Audited. Raises NOT_FOUND for what they do not owe, ILLEGAL_TRANSITION when they owe nothing, or
    wait for an answer about it already.
    """
    person = themselves(session, actor)
    book = open_book(session, person.agency_id, person.id, now)
    unpaid = {one.id for one in unpaid_obligations(session, person.id, book.today)}
    claimed = unpaid if obligation_ids is None else set(obligation_ids)
    if not claimed <= unpaid:
        raise not_found()
    if not claimed:
        raise Problem(Code.ILLEGAL_TRANSITION, "Nothing is owed.")
    if claimed & _waiting(session, person.id):
        raise Problem(Code.ILLEGAL_TRANSITION, "An answer about this is on its way.")
    row = HardshipClaimRow(
        id=new_id(now),
        agency_id=person.agency_id,
        supervisee_id=person.id,
        statement=statement,
        claimed_at=now,
    )
    session.add(row)
    session.flush()
    session.add_all(
        ClaimedObligationRow(claim_id=row.id, obligation_id=one) for one in sorted(claimed)
    )
    record(session, actor, Act.HARDSHIP_CLAIMED, row, "hardship-claim", now)
    return _values(session, [row])[0]


def decide_claim(
    session: Session,
    actor: Actor,
    claim_id: UUID,
    *,
    decision: Decision,
    note: str,
    hold_until: date | None,
    now: datetime,
) -> HardshipClaim:
    """Return the claim with an officer's answer, which the person reads; audited.

    Relief and plans are acts of their own. Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST for time
    given with a refusal or in the past, ILLEGAL_TRANSITION when it was answered before.
    """
    actor.require(Permission.PAYMENT_RECORD)
    officer_id = deciding_officer(actor)
    row, book = hold(session, actor, HardshipClaimRow, claim_id, now)
    if row.decision is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "This has been decided already.")
    is_sensible = decision is Decision.GRANTED and hold_until is not None
    if hold_until is not None and not (is_sensible and hold_until > book.today):
        detail = "Time is given with a grant, and from now on."
        raise Problem(Code.INVALID_REQUEST, detail, pointer="/hold_until")
    row.decision, row.decision_note, row.hold_until = decision, note, hold_until
    row.decided_by, row.decided_at = officer_id, now
    record(session, actor, Act.HARDSHIP_DECIDED, row, "hardship-claim", now)
    tell_decision(session, About.HARDSHIP_CLAIM, row.id, row.supervisee_id, now=now)
    return _values(session, [row])[0]


def claims(
    session: Session,
    actor: Actor,
    *,
    supervisee_id: UUID | None = None,
    undecided: bool = False,
    cursor: Cursor,
) -> Page[HardshipClaim]:
    """Return a page of claims, of everybody whom the officer may see or of one; newest first.

    Raises FORBIDDEN.
    """
    actor.require(Permission.PAYMENT_READ)
    return _page(session, actor, supervisee_id, undecided, cursor)


def own_claims(session: Session, actor: Actor, cursor: Cursor) -> Page[HardshipClaim]:
    """Return a page of one's own claims with their answers. Raises NOT_FOUND for others."""
    return _page(session, actor, themselves(session, actor).id, False, cursor)  # noqa: FBT003 - undecided or not


def refer_to_court(
    session: Session,
    actor: Actor,
    obligation_id: UUID,
    *,
    document: str,
    reason: str,
    now: datetime,
) -> Referral:
    """Return the referral of an overdue obligation, or of one that somebody cannot pay; audited.

    What the court makes of it is the court's: nothing here becomes a violation by it. Raises
    FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION from any other state.
    """
    actor.require(Permission.PAYMENT_RECORD)
    officer_id = deciding_officer(actor)
    owed, book = hold(session, actor, ObligationRow, obligation_id, now)
    status = one_obligation(session, owed.id, book.today).status
    if status not in {ObligationStatus.OVERDUE, ObligationStatus.HARDSHIP_CLAIMED}:
        raise Problem(Code.ILLEGAL_TRANSITION, "Only what is overdue or claimed is referred.")
    row = ReferralRow(
        id=new_id(now),
        agency_id=book.agency_id,
        supervisee_id=book.supervisee_id,
        obligation_id=owed.id,
        document=document,
        reason=reason,
        referred_by=officer_id,
        referred_at=now,
    )
    session.add(row)
    session.flush()
    record(session, actor, Act.OBLIGATION_REFERRED, row, "referral", now)
    return _referral(row)


def return_from_court(
    session: Session, actor: Actor, referral_id: UUID, *, outcome: str, now: datetime
) -> Referral:
    """Return the referral with what the court said; audited.

    Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION when it had said so before.
    """
    actor.require(Permission.PAYMENT_RECORD)
    officer_id = deciding_officer(actor)
    row, _ = hold(session, actor, ReferralRow, referral_id, now)
    if row.returned_at is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "The court has answered already.")
    row.returned_by, row.returned_at, row.outcome = officer_id, now, outcome
    record(session, actor, Act.REFERRAL_RETURNED, row, "referral", now)
    return _referral(row)


def referrals(
    session: Session, actor: Actor, supervisee_id: UUID, *, cursor: Cursor
) -> Page[Referral]:
    """Return a page of what of the person's was before the court. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    theirs = select(ReferralRow).where(ReferralRow.supervisee_id == person.id)
    page: Page[ReferralRow] = fetch_page(session, theirs, ReferralRow.id, cursor)
    return Page(items=[_referral(row) for row in page.items], next=page.next)


def _waiting(session: Session, supervisee_id: UUID) -> set[UUID]:
    """Return the obligations of a person about which a claim has no answer yet."""
    return set(
        session.scalars(
            select(ClaimedObligationRow.obligation_id)
            .join(HardshipClaimRow, HardshipClaimRow.id == ClaimedObligationRow.claim_id)
            .where(
                HardshipClaimRow.supervisee_id == supervisee_id, HardshipClaimRow.decision.is_(None)
            )
        )
    )


def _page(
    session: Session, actor: Actor, supervisee_id: UUID | None, undecided: bool, cursor: Cursor
) -> Page[HardshipClaim]:
    row = HardshipClaimRow
    found = select(row).where(row.supervisee_id.in_(identity.visible_supervisees(actor)))
    if supervisee_id is not None:
        found = found.where(row.supervisee_id == supervisee_id)
    if undecided:
        found = found.where(row.decision.is_(None))
    page: Page[HardshipClaimRow] = fetch_page(session, found, row.id, cursor)
    return Page(items=_values(session, page.items), next=page.next)


def _values(session: Session, rows: Sequence[HardshipClaimRow]) -> list[HardshipClaim]:
    session.flush()
    named = session.execute(
        select(ClaimedObligationRow.claim_id, ClaimedObligationRow.obligation_id)
        .where(ClaimedObligationRow.claim_id.in_([row.id for row in rows]))
        .order_by(ClaimedObligationRow.obligation_id)
    ).all()
    return [
        HardshipClaim(
            id=row.id,
            supervisee_id=row.supervisee_id,
            obligation_ids=[one for claim_id, one in named if claim_id == row.id],
            statement=row.statement,
            claimed_at=row.claimed_at,
            decision=row.decision,
            decided_by=row.decided_by,
            decided_at=row.decided_at,
            decision_note=row.decision_note,
            hold_until=row.hold_until,
        )
        for row in rows
    ]


def _referral(row: ReferralRow) -> Referral:
    return Referral(
        id=row.id,
        supervisee_id=row.supervisee_id,
        obligation_id=row.obligation_id,
        document=row.document,
        reason=row.reason,
        referred_by=row.referred_by,
        referred_at=row.referred_at,
        returned_by=row.returned_by,
        returned_at=row.returned_at,
        outcome=row.outcome,
    )
