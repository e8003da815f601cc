"""Every act that is recorded, named in one place and in the past tense.

The values are stored for years: a member may be added, never renamed or given to another act.
"""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """Whether the act was done, or tried and refused."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Act(Enum):
    """What was done, as `resource.verb`; a section for each slice."""

    # identity
    AGENCY_CREATED = "agency.created"
    AGENCY_CHANGED = "agency.changed"
    OFFICER_CREATED = "officer.created"
    OFFICER_CHANGED = "officer.changed"
    OFFICER_SIGNED_IN = "officer.signed-in"
    OFFICER_SIGNED_OUT = "officer.signed-out"
    PASSWORD_CHANGED = "officer.password-changed"  # noqa: S105 - an act's name, not a secret
    TOKEN_CREATED = "token.created"  # noqa: S105 - an act's name, not a secret
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - an act's name, not a secret
    SUPERVISEE_CREATED = "supervisee.created"
    SUPERVISEE_CHANGED = "supervisee.changed"
    SUPERVISEE_ASSIGNED = "supervisee.assigned"
    SUPERVISEE_UNASSIGNED = "supervisee.unassigned"
    TRAIL_SET = "trail.set"

    # devices
    ENROLMENT_CODE_ISSUED = "enrolment-code.issued"
    ENROLMENT_CODE_REFUSED = "enrolment-code.refused"
    ENROLMENT_CHALLENGED = "enrolment.challenged"
    ENROLMENT_REFUSED = "enrolment.refused"
    DEVICE_ENROLLED = "device.enrolled"
    DEVICE_SUPERSEDED = "device.superseded"
    DEVICE_SUSPENDED = "device.suspended"
    DEVICE_REINSTATED = "device.reinstated"
    DEVICE_REVOKED = "device.revoked"
    DEVICE_APP_ASSERTED = "device.app-asserted"
    DEVICE_KEY_CHANGED = "device.key-changed"
    DEVICE_KEY_CHANGE_REFUSED = "device.key-change-refused"
    RE_ENROLMENT_ASKED = "re-enrolment.asked"
    RE_ENROLMENT_APPROVED = "re-enrolment.approved"
    RE_ENROLMENT_DECLINED = "re-enrolment.declined"
    PRESENCE_KEY_ENROLLED = "presence-key.enrolled"
    PRESENCE_KEY_REFUSED = "presence-key.refused"
    PUSH_ADDRESS_SET = "push-address.set"
    PUSH_ADDRESS_FORGOTTEN = "push-address.forgotten"

    # conditions
    ORDER_RECORDED = "order.recorded"
    ORDER_CHANGED = "order.changed"
    CONDITION_IMPOSED = "condition.imposed"
    CONDITION_VERSION_ADDED = "condition.version-added"
    CONDITION_VERSION_APPROVED = "condition.version-approved"
    CONDITION_LIFTED = "condition.lifted"
    CONFIDENTIAL_ZONE_READ = "confidential-zone.read"
    EXEMPTION_PROPOSED = "exemption.proposed"
    EXEMPTION_APPROVED = "exemption.approved"
    EXEMPTION_WITHDRAWN = "exemption.withdrawn"
    EXEMPTION_USED = "exemption.used"
    FIXES_READ = "fixes.read"
    ABSENCE_PROPOSED = "absence.proposed"
    ABSENCE_APPROVED = "absence.approved"
    ABSENCE_WITHDRAWN = "absence.withdrawn"

    # location
    ZONE_DRY_RUN = "zone.dry-run"
    JOURNAL_TOKEN_READ = "journal-token.read"  # noqa: S105 - an act's name, not a secret
    PAST_CHANGE_PREVIEWED = "past-change.previewed"
    PAST_JUDGED_AGAIN = "past.judged-again"
    TRAIL_PURGED = "trail.purged"

    # alerts
    ALERT_RAISED = "alert.raised"
    ALERT_EXTENDED = "alert.extended"
    ALERT_CLEARED = "alert.cleared"
    ALERT_CONTINUED = "alert.continued"
    ALERT_WITHDRAWN = "alert.withdrawn"
    ALERT_CONTRADICTED = "alert.contradicted"
    ALERT_REINSTATED = "alert.reinstated"
    ALERT_ACKNOWLEDGED = "alert.acknowledged"
    ALERT_INVESTIGATED = "alert.investigated"
    ALERT_CONTACT_RECORDED = "alert.contact-recorded"
    ALERT_NOTED = "alert.noted"
    ALERT_RESOLVED = "alert.resolved"
    ALERT_REOPENED = "alert.reopened"

    # payments
    OBLIGATION_RAISED = "obligation.raised"
    OBLIGATION_CANCELLED = "obligation.cancelled"
    RECURRING_FEE_SET = "recurring-fee.set"
    RECURRING_FEE_ENDED = "recurring-fee.ended"
    PAYMENT_RECORDED = "payment.recorded"
    PAYMENT_FILE_IMPORTED = "payment-file.imported"
    PAYMENT_REVERSED = "payment.reversed"
    PAYMENT_ANNOUNCED = "payment.announced"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_REFUNDED = "payment.refunded"
    PAYMENT_CHARGED_BACK = "payment.charged-back"
    REPAYMENT_REVERSED = "repayment.reversed"
    RELIEF_PROPOSED = "relief.proposed"
    RELIEF_APPROVED = "relief.approved"
    RELIEF_WITHDRAWN = "relief.withdrawn"
    PLAN_REQUESTED = "plan.requested"
    PLAN_APPROVED = "plan.approved"
    PLAN_DECLINED = "plan.declined"
    PLAN_BROKEN = "plan.broken"
    HARDSHIP_CLAIMED = "hardship.claimed"
    HARDSHIP_DECIDED = "hardship.decided"
    OBLIGATION_REFERRED = "obligation.referred"
    REFERRAL_RETURNED = "referral.returned"
    CASH_DAY_CLOSED = "cash-day.closed"
    CASH_DAY_CONFIRMED = "cash-day.confirmed"
    SUSPENSE_BOOKED = "suspense.booked"
    SUSPENSE_CLEARED = "suspense.cleared"
    SUSPENSE_RETURNED = "suspense.returned"
    AUTOPAY_ASKED = "autopay.asked"
    AUTOPAY_BEGUN = "autopay.begun"
    AUTOPAY_ENDED = "autopay.ended"
    PAYMENTS_RECONCILED = "payments.reconciled"
    PAYMENT_PAGE_ASKED = "payment-page.asked"
    PAYMENT_DIFFERENCE_FOUND = "payment-difference.found"
    PAYMENT_DIFFERENCE_EXPLAINED = "payment-difference.explained"
    ALLOCATION_ORDER_CHANGED = "allocation-order.changed"

    # appointments
    APPOINTMENT_MADE = "appointment.made"
    APPOINTMENT_CHANGED = "appointment.changed"
    APPOINTMENT_CANCELLED = "appointment.cancelled"
    CHECK_IN_ACCEPTED = "check-in.accepted"
    CHECK_IN_REFUSED = "check-in.refused"

    # requests
    REQUEST_MADE = "request.made"
    REQUEST_ANSWERED = "request.answered"

    # privacy
    NOTICE_ACKNOWLEDGED = "privacy-notice.acknowledged"

    # reminders
    REMINDER_CHOICES_CHANGED = "reminder-choices.changed"
