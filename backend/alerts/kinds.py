"""What an alert is about, how urgent it is, and how sure we are."""

from __future__ import annotations

from enum import Enum


class AlertKind(Enum):
    """Everything that an officer is told about. That it only may have happened is `Certainty`."""

    EXCLUSION_ENTERED = "exclusion-entered"
    EXCLUSION_CROSSED = "exclusion-crossed"
    INCLUSION_LEFT = "inclusion-left"
    CURFEW_MISSED = "curfew-missed"
    BUFFER_ENTERED = "buffer-entered"
    NO_COMMUNICATION = "no-communication"
    LOCATION_REFUSED = "location-refused"
    LOCATION_IMPLAUSIBLE = "location-implausible"
    DEVICE_BATTERY = "device-battery"
    DEVICE_RE_ENROLLED = "device-re-enrolled"
    DEVICE_REVOKED = "device-revoked"
    DEVICE_DOUBTFUL = "device-doubtful"
    ROTATION_OVERDUE = "rotation-overdue"
    RE_ENROLMENT_ASKED = "re-enrolment-asked"
    JOURNAL_FORK = "journal-fork"
    FIXES_MISSING = "fixes-missing"
    FAILURE_TO_ENROL = "failure-to-enrol"
    FAILURE_TO_REPORT = "failure-to-report"
    UNDESIRABLE_ANSWER = "undesirable-answer"
    CHANGED_INFORMATION = "changed-information"
    FAILURE_TO_PAY = "failure-to-pay"
    STRANGE_SIGN_IN = "strange-sign-in"


class Severity(Enum):
    """How urgent an alert is. Debt is never more than information."""

    INFORMATION = "information"
    WARNING = "warning"
    CRITICAL = "critical"

    def at_least(self, other: Severity) -> Severity:
        """Return the more urgent of the two."""
        order = list(Severity)
        return max(self, other, key=order.index)


class Certainty(Enum):
    """Whether the evidence suffices, or only may mean it (NIJ wants to be told of both, apart)."""

    POSSIBLE = "possible"
    CONFIRMED = "confirmed"
