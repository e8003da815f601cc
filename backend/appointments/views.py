"""Appointments for officers, who make them, and for the person who is expected."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.appointments import service
from backend.appointments.schemas import (
    AppointmentPageSchema,
    AppointmentSchema,
    AppointmentTermsSchema,
    CancellationSchema,
    NewAppointmentSchema,
    NoticePreviewSchema,
)
from backend.appointments.service import Appointment, AppointmentTerms, NoticePreview
from backend.core.http import Audience, Blueprint, actor, now, snapshot, transaction
from backend.core.paging import Cursor, Page
from backend.core.schemas import CursorSchema

officer = Blueprint(
    "appointments",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="Check-ins, hearings and meetings that people are expected at",
)
previews = Blueprint(
    "appointment-previews",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    description="What people would be told of an appointment that changes",
    keeps_answers=False,
)
supervisee = Blueprint(
    "my-appointments",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE,
    description="Where the person who asks is expected",
)


@officer.route("/supervisees/<uuid:supervisee_id>/appointments", methods=["POST"])
@officer.arguments(NewAppointmentSchema)
@officer.response(201, AppointmentSchema)
def make_appointment(data: dict[str, Any], supervisee_id: UUID) -> Appointment:
    """Expect a person somewhere; reminders follow by the agency's policy."""
    with transaction() as session:
        return service.make_appointment(session, actor(), supervisee_id, **data, now=now())


@officer.route("/supervisees/<uuid:supervisee_id>/appointments")
@officer.arguments(CursorSchema, location="query")
@officer.response(200, AppointmentPageSchema)
def appointments(cursor: Cursor, supervisee_id: UUID) -> Page[Appointment]:
    """List a person's appointments, latest made first."""
    with snapshot() as session:
        return service.appointments(session, actor(), supervisee_id, cursor)


@officer.route("/appointments/<uuid:appointment_id>")
@officer.etag
@officer.response(200, AppointmentSchema)
def read_appointment(appointment_id: UUID) -> Appointment:
    """Give one appointment."""
    with snapshot() as session:
        return service.read_appointment(session, actor(), appointment_id)


@officer.route("/appointments/<uuid:appointment_id>", methods=["PUT"])
@officer.etag
@officer.arguments(AppointmentTermsSchema)
@officer.response(200, AppointmentSchema)
def change_appointment(terms: AppointmentTerms, appointment_id: UUID) -> Appointment:
    """Move or correct an appointment that is ahead; unsent reminders follow it."""
    with transaction() as session:
        seen = service.appointment_to_change(session, actor(), appointment_id)
        officer.check_etag(seen, AppointmentSchema)
        return service.change_appointment(session, actor(), appointment_id, terms, now=now())


@officer.route("/appointments/<uuid:appointment_id>/cancellation", methods=["POST"])
@officer.arguments(CancellationSchema)
@officer.response(200, AppointmentSchema)
def cancel_appointment(data: dict[str, Any], appointment_id: UUID) -> Appointment:
    """Expect the person no more; nothing that is unsent reminds of it."""
    with transaction() as session:
        return service.cancel_appointment(session, actor(), appointment_id, **data, now=now())


@previews.route("/appointments/<uuid:appointment_id>/change-preview", methods=["POST"])
@previews.arguments(AppointmentTermsSchema)
@previews.response(200, NoticePreviewSchema)
def preview_change(terms: AppointmentTerms, appointment_id: UUID) -> NoticePreview:
    """Preview what the person would be told of such a change; nothing is stored."""
    with snapshot() as session:
        return service.preview_change(session, actor(), appointment_id, terms, now=now())


@previews.route("/appointments/<uuid:appointment_id>/cancellation-preview")
@previews.response(200, NoticePreviewSchema)
def preview_cancellation(appointment_id: UUID) -> NoticePreview:
    """Preview what the person would be told if the appointment were cancelled."""
    with snapshot() as session:
        return service.preview_cancellation(session, actor(), appointment_id, now=now())


@supervisee.route("/appointments")
@supervisee.arguments(CursorSchema, location="query")
@supervisee.response(200, AppointmentPageSchema)
def my_appointments(cursor: Cursor) -> Page[Appointment]:
    """List one's own appointments, latest made first."""
    with snapshot() as session:
        return service.my_appointments(session, actor(), cursor)


BLUEPRINTS = (officer, previews, supervisee)
