"""The API of relief: what officers and the person do when somebody cannot pay."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.core.http import Audience, Blueprint, actor, now, snapshot, transaction
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema
from backend.payments import service
from backend.payments.relief_schemas import (
    ClaimDecisionSchema,
    ClaimFilterSchema,
    DecisionPreviewQuerySchema,
    DecisionPreviewSchema,
    HardshipClaimPageSchema,
    HardshipClaimSchema,
    IncomeSchema,
    NewClaimSchema,
    NewPlanSchema,
    NewReferralSchema,
    NewReliefSchema,
    OutcomeSchema,
    PlanDecisionSchema,
    PlanPageSchema,
    PlanSchema,
    ProposalSchema,
    ReferralPageSchema,
    ReferralSchema,
    ReliefPageSchema,
    ReliefSchema,
)
from backend.payments.schemas import ReasonSchema

officers = Blueprint(
    "relief",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="Waivers, plans, hardship: what happens when somebody cannot pay",
)
own = Blueprint(
    "own-plans",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE,
    description="Instalment plans of the person who asks",
)
rights = Blueprint(
    "own-hardship",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE_UNGATED,
    description="Saying that one cannot pay: a right, which needs no location",
)
BLUEPRINTS = (officers, own, rights)


@officers.route("/obligations/<uuid:obligation_id>/reliefs", methods=["POST"])
@officers.arguments(NewReliefSchema)
@officers.response(201, ReliefSchema)
def propose_relief(data: dict[str, Any], obligation_id: UUID) -> service.Relief:
    """Propose that an obligation be waived, reduced or converted; a second officer decides."""
    with transaction() as session:
        return service.propose_relief(session, actor(), obligation_id, **data, now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/reliefs")
@officers.arguments(CursorSchema, location="query")
@officers.response(200, ReliefPageSchema)
def list_reliefs(cursor: Cursor, supervisee_id: UUID) -> Page[service.Relief]:
    """List what was, or shall be, relieved of what the person owes, newest first."""
    with snapshot() as session:
        return service.reliefs(session, actor(), supervisee_id, cursor=cursor)


@officers.route("/reliefs/<uuid:relief_id>")
@officers.response(200, ReliefSchema)
def read_relief(relief_id: UUID) -> service.Relief:
    """Give one relief."""
    with snapshot() as session:
        return service.relief(session, actor(), relief_id)


@officers.route("/reliefs/<uuid:relief_id>/approval", methods=["POST"])
@officers.response(200, ReliefSchema)
def approve_relief(relief_id: UUID) -> service.Relief:
    """Approve as a second officer: so much is owed less from now on."""
    with transaction() as session:
        return service.approve_relief(session, actor(), relief_id, now=now())


@officers.route("/reliefs/<uuid:relief_id>/withdrawal", methods=["POST"])
@officers.arguments(ReasonSchema)
@officers.response(200, ReliefSchema)
def withdraw_relief(data: dict[str, Any], relief_id: UUID) -> service.Relief:
    """Take a proposal back; what was approved is owed again."""
    with transaction() as session:
        return service.withdraw_relief(session, actor(), relief_id, **data, now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/plan-proposals", methods=["POST"])
@officers.arguments(IncomeSchema)
@officers.response(200, ProposalSchema)
def propose_plan(data: dict[str, Any], supervisee_id: UUID) -> service.Proposal:
    """Say what the person can presumably pay a month; keeps nothing."""
    with transaction() as session:
        return service.propose_plan(session, actor(), supervisee_id, **data, now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/plans", methods=["POST"])
@officers.arguments(NewPlanSchema)
@officers.response(201, PlanSchema)
def set_plan(data: dict[str, Any], supervisee_id: UUID) -> service.Plan:
    """Set an instalment plan that was agreed with the person; in force at once."""
    with transaction() as session:
        return service.set_plan(session, actor(), supervisee_id, **data, now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/plans")
@officers.arguments(CursorSchema, location="query")
@officers.response(200, PlanPageSchema)
def list_plans(cursor: Cursor, supervisee_id: UUID) -> Page[service.Plan]:
    """List the person's plans and requests for one, newest first."""
    with snapshot() as session:
        return service.plans(session, actor(), supervisee_id, cursor=cursor, now=now())


@officers.route("/plans/<uuid:plan_id>")
@officers.response(200, PlanSchema)
def read_plan(plan_id: UUID) -> service.Plan:
    """Give one plan, with what of it is unpaid and missed."""
    with snapshot() as session:
        return service.plan(session, actor(), plan_id, now=now())


@officers.route("/plans/<uuid:plan_id>/decision", methods=["POST"])
@officers.arguments(PlanDecisionSchema)
@officers.response(200, PlanSchema)
def decide_plan(data: dict[str, Any], plan_id: UUID) -> service.Plan:
    """Grant or decline what the person asked for."""
    with transaction() as session:
        return service.decide_plan(session, actor(), plan_id, **data, now=now())


@officers.route("/plans/<uuid:plan_id>/breaking", methods=["POST"])
@officers.arguments(ReasonSchema)
@officers.response(200, PlanSchema)
def break_plan(data: dict[str, Any], plan_id: UUID) -> service.Plan:
    """End a plan: what it covered is due as it was before. Nothing else ends one."""
    with transaction() as session:
        return service.break_plan(session, actor(), plan_id, **data, now=now())


@officers.route("/plans/<uuid:plan_id>/breaking-preview")
@officers.response(200, DecisionPreviewSchema)
def preview_end_of_plan(plan_id: UUID) -> service.DecisionPreview:
    """Preview what the person would be told if a plan were ended."""
    with snapshot() as session:
        return service.preview_end_of_plan(session, actor(), plan_id)


@officers.route("/hardship-claims")
@officers.arguments(ClaimFilterSchema, location="query")
@officers.response(200, HardshipClaimPageSchema)
def list_claims(filters: dict[str, Any]) -> Page[service.HardshipClaim]:
    """List claims of hardship of everybody, or of one person, newest first."""
    with snapshot() as session:
        return service.claims(session, actor(), **filters)


@officers.route("/hardship-claims/<uuid:claim_id>/decision", methods=["POST"])
@officers.arguments(ClaimDecisionSchema)
@officers.response(200, HardshipClaimSchema)
def decide_claim(data: dict[str, Any], claim_id: UUID) -> service.HardshipClaim:
    """Answer a claim; relief and plans are acts of their own."""
    with transaction() as session:
        return service.decide_claim(session, actor(), claim_id, **data, now=now())


@officers.route("/obligations/<uuid:obligation_id>/referral", methods=["POST"])
@officers.arguments(NewReferralSchema)
@officers.response(201, ReferralSchema)
def refer_to_court(data: dict[str, Any], obligation_id: UUID) -> service.Referral:
    """Put an obligation that is overdue, or cannot be paid, before the court."""
    with transaction() as session:
        return service.refer_to_court(session, actor(), obligation_id, **data, now=now())


@officers.route("/supervisees/<uuid:supervisee_id>/referrals")
@officers.arguments(CursorSchema, location="query")
@officers.response(200, ReferralPageSchema)
def list_referrals(cursor: Cursor, supervisee_id: UUID) -> Page[service.Referral]:
    """List what of the person's is or was before the court, newest first."""
    with snapshot() as session:
        return service.referrals(session, actor(), supervisee_id, cursor=cursor)


@officers.route("/referrals/<uuid:referral_id>/return", methods=["POST"])
@officers.arguments(OutcomeSchema)
@officers.response(200, ReferralSchema)
def return_from_court(data: dict[str, Any], referral_id: UUID) -> service.Referral:
    """Record what the court said: the obligation is the agency's again."""
    with transaction() as session:
        return service.return_from_court(session, actor(), referral_id, **data, now=now())


@officers.route("/decision-preview")
@officers.arguments(DecisionPreviewQuerySchema, location="query")
@officers.response(200, DecisionPreviewSchema)
def preview_decision(wanted: dict[str, Any]) -> service.DecisionPreview:
    """Preview what the person would be told if a claim, a plan or a relief were decided so."""
    with snapshot() as session:
        return service.preview_decision(session, actor(), **wanted)


@own.route("/plan-proposals", methods=["POST"])
@own.arguments(IncomeSchema)
@own.response(200, ProposalSchema)
def propose_own_plan(data: dict[str, Any]) -> service.Proposal:
    """Say what one can presumably pay a month; nothing of the income is kept."""
    with transaction() as session:
        return service.propose_own_plan(session, actor(), **data, now=now())


@own.route("/plans", methods=["POST"])
@own.arguments(NewPlanSchema)
@own.response(201, PlanSchema)
def request_plan(data: dict[str, Any]) -> service.Plan:
    """Ask for an instalment plan; an officer decides."""
    with transaction() as session:
        return service.request_plan(session, actor(), **data, now=now())


@own.route("/plans")
@own.arguments(CursorSchema, location="query")
@own.response(200, PlanPageSchema)
def list_own_plans(cursor: Cursor) -> Page[service.Plan]:
    """List one's own plans with what is unpaid, newest first."""
    with snapshot() as session:
        return service.own_plans(session, actor(), cursor=cursor, now=now())


@rights.route("/hardship-claims", methods=["POST"])
@rights.arguments(NewClaimSchema)
@rights.response(201, HardshipClaimSchema)
def claim_hardship(data: dict[str, Any]) -> service.HardshipClaim:
    """Say that one cannot pay, and why; an officer answers. Needs no location."""
    with transaction() as session:
        return service.claim_hardship(session, actor(), **data, now=now())


@rights.route("/hardship-claims")
@rights.arguments(CursorSchema, location="query")
@rights.response(200, HardshipClaimPageSchema)
def list_own_claims(cursor: Cursor) -> Page[service.HardshipClaim]:
    """List one's own claims with their answers, newest first. Needs no location."""
    with snapshot() as session:
        return service.own_claims(session, actor(), cursor)
