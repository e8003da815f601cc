"""The officers' API of orders, conditions and their exceptions, and what supervised persons read.

Whoever changes an order or a condition says which state they saw (`If-Match`).
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import Response

from backend.conditions import (
    absences,
    calendars,
    exemptions,
    imposing,
    mine,
    orders,
    reading,
)
from backend.conditions.absences import AbsenceRequest
from backend.conditions.calendars import ScheduleDraft
from backend.conditions.exemptions import ExemptionRequest
from backend.conditions.orders import OrderTerms
from backend.conditions.schemas import (
    AbsencePageSchema,
    AbsenceSchema,
    CalendarSchema,
    ConditionPageSchema,
    ConditionSchema,
    ExemptionPageSchema,
    ExemptionSchema,
    MyConditionsSchema,
    MyZonesSchema,
    NewAbsenceSchema,
    NewConditionSchema,
    NewExemptionSchema,
    NewVersionSchema,
    OrderPageSchema,
    OrderSchema,
    OrderTermsSchema,
    RulingSchema,
    ScheduleDraftSchema,
    VersionPageSchema,
    WithdrawalSchema,
)
from backend.conditions.values import (
    Absence,
    Condition,
    Exemption,
    MyCondition,
    MyZone,
    Order,
    Version,
)
from backend.core.http import Audience, Blueprint, actor, now, snapshot, transaction
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema

CALENDAR: Final = "text/calendar"

blp = Blueprint(
    "conditions",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="What courts ordered, and the approved exceptions",
)
# A POST with an ETag changes something that somebody has seen: it says which state.
blp.METHODS_NEEDING_CHECK_ETAG = ["POST", "PUT"]

drafts_blp = Blueprint(
    "schedules",
    __name__,
    url_prefix="/v1/schedules",
    audience=Audience.OFFICER,
    keeps_answers=False,
    description="Schedules before they are imposed",
)

my_blp = Blueprint(
    "my-conditions",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE,
    description="What holds for the person who asks",
)


@blp.route("/supervisees/<uuid:supervisee_id>/orders", methods=["POST"])
@blp.arguments(OrderTermsSchema)
@blp.response(201, OrderSchema)
def record_order(terms: OrderTerms, supervisee_id: UUID) -> Order:
    """Write down a court's order."""
    with transaction() as session:
        return orders.record_order(session, actor(), supervisee_id, terms, now=now())


@blp.route("/supervisees/<uuid:supervisee_id>/orders")
@blp.arguments(CursorSchema, location="query")
@blp.response(200, OrderPageSchema)
def list_orders(cursor: Cursor, supervisee_id: UUID) -> Page[Order]:
    """List a person's orders, latest recorded first."""
    with snapshot() as session:
        return orders.list_orders(session, actor(), supervisee_id, cursor)


@blp.route("/orders/<uuid:order_id>")
@blp.etag
@blp.response(200, OrderSchema)
def read_order(order_id: UUID) -> Order:
    """Give one order."""
    with snapshot() as session:
        return orders.get_order(session, actor(), order_id)


@blp.route("/orders/<uuid:order_id>", methods=["PUT"])
@blp.etag
@blp.arguments(OrderTermsSchema)
@blp.response(200, OrderSchema)
def change_order(terms: OrderTerms, order_id: UUID) -> Order:
    """Correct an order, end it or prolong it; its conditions end with it."""
    with transaction() as session:
        blp.check_etag(orders.get_order(session, actor(), order_id, lock=True), OrderSchema)
        return orders.change_order(session, actor(), order_id, terms, now=now())


@blp.route("/orders/<uuid:order_id>/conditions", methods=["POST"])
@blp.arguments(NewConditionSchema)
@blp.response(201, ConditionSchema)
def impose(data: dict[str, Any], order_id: UUID) -> Condition:
    """Add a condition to an order. A confidential zone waits for a second officer."""
    with transaction() as session:
        return imposing.impose(session, actor(), order_id, **data, now=now())


@blp.route("/orders/<uuid:order_id>/conditions")
@blp.arguments(CursorSchema, location="query")
@blp.response(200, ConditionPageSchema)
def list_conditions(cursor: Cursor, order_id: UUID) -> Page[Condition]:
    """List an order's conditions, latest first, without confidential wording."""
    with snapshot() as session:
        return reading.list_conditions(session, actor(), order_id, cursor)


@blp.route("/conditions/<uuid:condition_id>")
@blp.etag
@blp.response(200, ConditionSchema)
def read_condition(condition_id: UUID) -> Condition:
    """Give a condition with its latest version; reading a confidential zone is recorded."""
    with transaction() as session:
        return reading.get_condition(session, actor(), condition_id, now=now())


@blp.route("/conditions/<uuid:condition_id>/versions")
@blp.arguments(CursorSchema, location="query")
@blp.response(200, VersionPageSchema)
def list_versions(cursor: Cursor, condition_id: UUID) -> Page[Version]:
    """List all that a condition ever said, latest first; reading is recorded likewise."""
    with transaction() as session:
        return reading.list_versions(session, actor(), condition_id, cursor, now=now())


@blp.route("/conditions/<uuid:condition_id>/versions", methods=["POST"])
@blp.etag
@blp.arguments(NewVersionSchema)
@blp.response(201, ConditionSchema)
def add_version(data: dict[str, Any], condition_id: UUID) -> Condition:
    """Change what a condition says, from now or later on; nothing in the past changes."""
    with transaction() as session:
        seen = reading.condition_to_change(session, actor(), condition_id)
        blp.check_etag(seen, ConditionSchema)
        return imposing.add_version(session, actor(), condition_id, **data, now=now())


@blp.route("/conditions/<uuid:condition_id>/lifting", methods=["POST"])
@blp.etag
@blp.arguments(RulingSchema)
@blp.response(201, ConditionSchema)
def lift(data: dict[str, Any], condition_id: UUID) -> Condition:
    """End a condition before its order ends."""
    with transaction() as session:
        seen = reading.condition_to_change(session, actor(), condition_id)
        blp.check_etag(seen, ConditionSchema)
        return imposing.lift(session, actor(), condition_id, **data, now=now())


@blp.route("/conditions/<uuid:condition_id>/approval", methods=["POST"])
@blp.etag
@blp.response(200, ConditionSchema)
def approve_version(condition_id: UUID) -> Condition:
    """Approve the latest version, as another officer than its author."""
    with transaction() as session:
        seen = reading.condition_to_change(session, actor(), condition_id)
        blp.check_etag(seen, ConditionSchema)
        return imposing.approve_version(session, actor(), condition_id, now=now())


@blp.route("/conditions/<uuid:condition_id>/calendar")
@blp.response(200, {"type": "string"}, content_type=CALENDAR)
def read_calendar(condition_id: UUID) -> Response:
    """Give a condition's latest schedule as an iCalendar file; reading is recorded likewise."""
    with transaction() as session:
        text = calendars.calendar_of(session, actor(), condition_id, now=now())
    return Response(text, content_type=f"{CALENDAR}; charset=utf-8")


@drafts_blp.route("/from-calendar", methods=["POST"])
@drafts_blp.arguments(CalendarSchema)
@drafts_blp.response(200, ScheduleDraftSchema)
def draft_schedule(data: dict[str, str]) -> ScheduleDraft:
    """Make a schedule of an iCalendar file; keeps nothing, and guesses nothing."""
    with snapshot() as session:
        return calendars.draft_schedule(session, actor(), **data, now=now())


@blp.route("/supervisees/<uuid:supervisee_id>/exemptions", methods=["POST"])
@blp.arguments(NewExemptionSchema)
@blp.response(201, ExemptionSchema)
def propose_exemption(request: ExemptionRequest, supervisee_id: UUID) -> Exemption:
    """Propose that a person be served without location for a time."""
    with transaction() as session:
        return exemptions.propose_exemption(session, actor(), supervisee_id, request, now=now())


@blp.route("/supervisees/<uuid:supervisee_id>/exemptions")
@blp.arguments(CursorSchema, location="query")
@blp.response(200, ExemptionPageSchema)
def list_exemptions(cursor: Cursor, supervisee_id: UUID) -> Page[Exemption]:
    """List a person's exemptions, latest proposed first."""
    with snapshot() as session:
        return exemptions.list_exemptions(session, actor(), supervisee_id, cursor)


@blp.route("/exemptions/<uuid:exemption_id>")
@blp.etag
@blp.response(200, ExemptionSchema)
def read_exemption(exemption_id: UUID) -> Exemption:
    """Give one exemption."""
    with snapshot() as session:
        return exemptions.get_exemption(session, actor(), exemption_id)


@blp.route("/exemptions/<uuid:exemption_id>/approval", methods=["POST"])
@blp.response(200, ExemptionSchema)
def approve_exemption(exemption_id: UUID) -> Exemption:
    """Approve an exemption, as another officer than its author."""
    with transaction() as session:
        return exemptions.approve_exemption(session, actor(), exemption_id, now=now())


@blp.route("/exemptions/<uuid:exemption_id>/withdrawal", methods=["POST"])
@blp.arguments(WithdrawalSchema)
@blp.response(200, ExemptionSchema)
def withdraw_exemption(data: dict[str, Any], exemption_id: UUID) -> Exemption:
    """End an exemption or its proposal now."""
    with transaction() as session:
        return exemptions.withdraw_exemption(session, actor(), exemption_id, **data, now=now())


@blp.route("/supervisees/<uuid:supervisee_id>/absences", methods=["POST"])
@blp.arguments(NewAbsenceSchema)
@blp.response(201, AbsenceSchema)
def propose_absence(request: AbsenceRequest, supervisee_id: UUID) -> Absence:
    """Propose that conditions rest for a time."""
    with transaction() as session:
        return absences.propose_absence(session, actor(), supervisee_id, request, now=now())


@blp.route("/supervisees/<uuid:supervisee_id>/absences")
@blp.arguments(CursorSchema, location="query")
@blp.response(200, AbsencePageSchema)
def list_absences(cursor: Cursor, supervisee_id: UUID) -> Page[Absence]:
    """List a person's absences, latest proposed first."""
    with snapshot() as session:
        return absences.list_absences(session, actor(), supervisee_id, cursor)


@blp.route("/absences/<uuid:absence_id>")
@blp.etag
@blp.response(200, AbsenceSchema)
def read_absence(absence_id: UUID) -> Absence:
    """Give one absence."""
    with snapshot() as session:
        return absences.get_absence(session, actor(), absence_id)


@blp.route("/absences/<uuid:absence_id>/approval", methods=["POST"])
@blp.response(200, AbsenceSchema)
def approve_absence(absence_id: UUID) -> Absence:
    """Approve an absence, as another officer than its author."""
    with transaction() as session:
        return absences.approve_absence(session, actor(), absence_id, now=now())


@blp.route("/absences/<uuid:absence_id>/withdrawal", methods=["POST"])
@blp.arguments(WithdrawalSchema)
@blp.response(200, AbsenceSchema)
def withdraw_absence(data: dict[str, Any], absence_id: UUID) -> Absence:
    """End an absence or its proposal now; what has rested stays at rest."""
    with transaction() as session:
        return absences.withdraw_absence(session, actor(), absence_id, **data, now=now())


@my_blp.route("/conditions")
@my_blp.response(200, MyConditionsSchema)
def my_conditions() -> dict[str, list[MyCondition]]:
    """Give what holds for the person who asks, now and later."""
    with snapshot() as session:
        return {"conditions": mine.my_conditions(session, actor(), now=now())}


@my_blp.route("/zones")
@my_blp.response(200, MyZonesSchema)
def my_zones() -> dict[str, list[MyZone]]:
    """Give the zones of the person who asks, to be drawn."""
    with snapshot() as session:
        return {"zones": mine.my_zones(session, actor(), now=now())}


BLUEPRINTS = (blp, drafts_blp, my_blp)
