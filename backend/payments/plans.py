"""Instalment plans: asked for by the person, agreed by an officer, ended by an officer alone.

A missed instalment is information: nothing happens by itself. Of the income from which a plan was
proposed nothing is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from backend.audit.service import Act
from backend.conditions.two_persons import deciding_officer
from backend.core.actor import Actor, ActorKind, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.payments import instalments
from backend.payments.arrangements import planned
from backend.payments.book import Book, open_book, standings
from backend.payments.decisions import About, tell_decision, tell_end
from backend.payments.instalments import Instalment, Proposal
from backend.payments.kinds import Cadence, Decision, PlanState
from backend.payments.models import PlanInstalmentRow, PlanRow
from backend.payments.owed import unpaid_obligations
from backend.payments.reach import find, hold, record, themselves
from backend.payments.recurrence import Recurrence, today_in
from backend.payments.values import Obligation


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTerms:
    """How much is paid how often, from when on. `note` is what whoever asked said about it."""

    currency: str
    instalment_minor: int
    cadence: Cadence
    first_due_on: date
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(PlanTerms):
    """A plan. `unpaid` are its instalments that are to be paid; `missed_minor` of them is late."""

    id: UUID
    supervisee_id: UUID
    asked_by: ActorKind
    asked_at: datetime
    state: PlanState
    decided_by: UUID | None
    decided_at: datetime | None
    decision_note: str | None
    ended_by: UUID | None
    ended_at: datetime | None
    end_reason: str | None
    unpaid: Sequence[Instalment]
    missed_minor: int


def propose_plan(
    session: Session,
    actor: Actor,
    supervisee_id: UUID,
    *,
    currency: str,
    monthly_income_minor: int,
    now: datetime,
) -> Proposal:
    """Return what the person can presumably pay a month; keeps nothing. Raises NOT_FOUND.

    Officers need the permission to read payments.
    """
    if actor.kind is not ActorKind.SUPERVISEE:
        actor.require(Permission.PAYMENT_READ)
    person = identity.get_supervisee(session, actor, supervisee_id)
    agency = identity.get_agency(session, person.agency_id)
    today = today_in(agency.zone, now)
    debts = _plannable(session, person.id, currency, today)
    owed = sum(one.outstanding_minor for one in debts)
    return instalments.propose(
        owed,
        currency,
        monthly_income_minor,
        share_percent=agency.policy.plan_share_percent,
        least_minor=agency.policy.plan_least_minor,
    )


def propose_own_plan(
    session: Session, actor: Actor, *, currency: str, monthly_income_minor: int, now: datetime
) -> Proposal:
    """Return what the supervised person who asks can presumably pay. As `propose_plan`."""
    return propose_plan(
        session,
        actor,
        themselves(session, actor).id,
        currency=currency,
        monthly_income_minor=monthly_income_minor,
        now=now,
    )


def request_plan(session: Session, actor: Actor, terms: PlanTerms, *, now: datetime) -> Plan:
    """Return the plan that the supervised person asks for; nothing changes until it is granted.

    Audited. Raises NOT_FOUND for others, INVALID_REQUEST for a day that is past, ILLEGAL_TRANSITION
    when nothing is left to plan, or a request waits already.
    """
    person = themselves(session, actor)
    book = open_book(session, person.agency_id, person.id, now)
    waiting = select(PlanRow.id).where(
        PlanRow.supervisee_id == person.id, PlanRow.state == PlanState.REQUESTED
    )
    if session.scalar(waiting.limit(1)) is not None:
        raise Problem(Code.ILLEGAL_TRANSITION, "An answer to your request is on its way.")
    _require_future(book, terms)
    _spread(session, book, terms)
    row = _write(session, actor, book, terms, now)
    record(session, actor, Act.PLAN_REQUESTED, row, "plan", now)
    return _values(session, [row], book.today)[0]


def set_plan(
    session: Session, actor: Actor, supervisee_id: UUID, terms: PlanTerms, *, now: datetime
) -> Plan:
    """Return a plan that an officer agreed with the person, in force at once; audited.

    Raises FORBIDDEN, NOT_FOUND, INVALID_REQUEST, ILLEGAL_TRANSITION when nothing is left to plan.
    """
    actor.require(Permission.PAYMENT_RECORD)
    officer_id = deciding_officer(actor)
    person = identity.get_supervisee(session, actor, supervisee_id)
    book = open_book(session, person.agency_id, person.id, now)
    _require_future(book, terms)
    _spread(session, book, terms)
    row = _write(session, actor, book, terms, now)
    _activate(session, actor, book, row, officer_id, "", now)
    tell_decision(session, About.PLAN, row.id, row.supervisee_id, now=now)
    return _values(session, [row], book.today)[0]


def decide_plan(
    session: Session, actor: Actor, plan_id: UUID, *, decision: Decision, note: str, now: datetime
) -> Plan:
    """Return the plan as granted, in force from now on, or declined; audited.

    It covers all that is owed in its currency then, and no plan covers yet. Raises FORBIDDEN,
    NOT_FOUND, ILLEGAL_TRANSITION when it was decided before, or nothing is left to plan.
    """
    actor.require(Permission.PAYMENT_RECORD)
    officer_id = deciding_officer(actor)
    row, book = hold(session, actor, PlanRow, plan_id, now)
    if row.state is not PlanState.REQUESTED:
        raise Problem(Code.ILLEGAL_TRANSITION, "This has been decided already.")
    if decision is Decision.GRANTED:
        _activate(session, actor, book, row, officer_id, note, now)
    else:
        row.state, row.decision_note = PlanState.DECLINED, note
        row.decided_by, row.decided_at = officer_id, now
        record(session, actor, Act.PLAN_DECLINED, row, "plan", now)
    tell_decision(session, About.PLAN, row.id, row.supervisee_id, now=now)
    return _values(session, [row], book.today)[0]


def break_plan(
    session: Session, actor: Actor, plan_id: UUID, *, reason: str, now: datetime
) -> Plan:
    """Return the plan, which an officer ended: what it covered is due as it was before it.

    Told to the person, and audited. Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION when it
    is not in force.
    """
    actor.require(Permission.PAYMENT_RECORD)
    officer_id = deciding_officer(actor)
    row, book = hold(session, actor, PlanRow, plan_id, now)
    if row.state is not PlanState.ACTIVE:
        raise Problem(Code.ILLEGAL_TRANSITION, "This plan is not in force.")
    row.state, row.end_reason = PlanState.BROKEN, reason
    row.ended_by, row.ended_at = officer_id, now
    record(session, actor, Act.PLAN_BROKEN, row, "plan", now)
    tell_end(session, About.PLAN, row.id, row.supervisee_id, now=now)
    return _values(session, [row], book.today)[0]


def plan(session: Session, actor: Actor, plan_id: UUID, *, now: datetime) -> Plan:
    """Return one plan. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    row = find(session, actor, PlanRow, plan_id)
    return _values(session, [row], _today(session, row.agency_id, now))[0]


def plans(
    session: Session, actor: Actor, supervisee_id: UUID, *, cursor: Cursor, now: datetime
) -> Page[Plan]:
    """Return a page of the person's plans, newest first. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.PAYMENT_READ)
    return _page(session, identity.get_supervisee(session, actor, supervisee_id).id, cursor, now)


def own_plans(session: Session, actor: Actor, *, cursor: Cursor, now: datetime) -> Page[Plan]:
    """Return a page of one's own plans, newest first. Raises NOT_FOUND for others."""
    return _page(session, themselves(session, actor).id, cursor, now)


def _require_future(book: Book, terms: PlanTerms) -> None:
    if terms.first_due_on < book.today:
        raise Problem(Code.INVALID_REQUEST, "This day is past.", pointer="/first_due_on")


def _write(session: Session, actor: Actor, book: Book, terms: PlanTerms, now: datetime) -> PlanRow:
    row = PlanRow(
        id=new_id(now),
        agency_id=book.agency_id,
        supervisee_id=book.supervisee_id,
        currency=terms.currency,
        instalment_minor=terms.instalment_minor,
        cadence=terms.cadence,
        first_due_on=terms.first_due_on,
        asked_by=actor.kind,
        asked_at=now,
        note=terms.note,
        state=PlanState.REQUESTED,
    )
    session.add(row)
    session.flush()
    return row


def _activate(
    session: Session,
    actor: Actor,
    book: Book,
    row: PlanRow,
    officer_id: UUID,
    note: str,
    now: datetime,
) -> None:
    spread = _spread(session, book, row)
    row.state, row.decision_note = PlanState.ACTIVE, note
    row.decided_by, row.decided_at = officer_id, now
    session.flush()
    session.add_all(
        PlanInstalmentRow(
            plan_id=row.id,
            line=line,
            obligation_id=one.obligation_id,
            due_on=one.due_on,
            amount_minor=one.amount_minor,
        )
        for line, one in enumerate(spread, start=1)
    )
    session.flush()
    record(session, actor, Act.PLAN_APPROVED, row, "plan", now)


def _spread(session: Session, book: Book, row: PlanRow | PlanTerms) -> list[Instalment]:
    """Return the instalments by what is owed now, in the order in which payments are allocated."""
    debts = _plannable(session, book.supervisee_id, row.currency, book.today)
    if not debts:
        raise Problem(Code.ILLEGAL_TRANSITION, "Nothing is owed that a plan could cover.")
    ranked = sorted(debts, key=lambda one: (book.order.index(one.kind), one.due_on, one.id))
    recurrence = Recurrence(
        cadence=row.cadence,
        starts_on=row.first_due_on,
        day_of_month=row.first_due_on.day if row.cadence is Cadence.MONTHLY else None,
    )
    days = instalments.due_days(recurrence, book.today)
    try:
        return instalments.spread(
            [(one.id, one.outstanding_minor) for one in ranked], days, row.instalment_minor
        )
    except ValueError:
        detail = "So small an instalment would take too long."
        raise Problem(Code.INVALID_REQUEST, detail, pointer="/instalment_minor") from None


def _plannable(
    session: Session, supervisee_id: UUID, currency: str, today: date
) -> list[Obligation]:
    """Return what is unpaid in a currency and no active plan covers."""
    covered = set(session.scalars(planned().where(PlanRow.supervisee_id == supervisee_id)))
    return [
        one
        for one in unpaid_obligations(session, supervisee_id, today)
        if one.currency == currency and one.id not in covered
    ]


def _page(session: Session, supervisee_id: UUID, cursor: Cursor, now: datetime) -> Page[Plan]:
    theirs = select(PlanRow).where(PlanRow.supervisee_id == supervisee_id)
    page: Page[PlanRow] = fetch_page(session, theirs, PlanRow.id, cursor)
    today = _today(session, page.items[0].agency_id, now) if page.items else date.min
    return Page(items=_values(session, page.items, today), next=page.next)


def _today(session: Session, agency_id: UUID, now: datetime) -> date:
    return today_in(identity.get_agency(session, agency_id).zone, now)


def _values(session: Session, rows: Sequence[PlanRow], today: date) -> list[Plan]:
    return [_value(session, row, today) for row in rows]


def _value(session: Session, row: PlanRow, today: date) -> Plan:
    unpaid = _unpaid(session, row.id) if row.state is PlanState.ACTIVE else []
    return Plan(
        id=row.id,
        supervisee_id=row.supervisee_id,
        currency=row.currency,
        instalment_minor=row.instalment_minor,
        cadence=row.cadence,
        first_due_on=row.first_due_on,
        note=row.note,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        state=row.state,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        decision_note=row.decision_note,
        ended_by=row.ended_by,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        unpaid=unpaid,
        missed_minor=sum(one.amount_minor for one in unpaid if one.due_on < today),
    )


def _unpaid(session: Session, plan_id: UUID) -> list[Instalment]:
    rows = session.scalars(
        select(PlanInstalmentRow)
        .where(PlanInstalmentRow.plan_id == plan_id)
        .order_by(PlanInstalmentRow.line)
    ).all()
    standing = standings(session, list(dict.fromkeys(row.obligation_id for row in rows)))
    found: list[Instalment] = []
    for obligation_id, at in standing.items():
        slices = [
            Instalment(
                obligation_id=obligation_id, due_on=row.due_on, amount_minor=row.amount_minor
            )
            for row in rows
            if row.obligation_id == obligation_id
        ]
        found += instalments.unpaid(slices, at.outstanding_minor)
    return sorted(found, key=lambda one: one.due_on)
