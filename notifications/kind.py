"""The kinds of message and the four collapse keys that they share."""

from __future__ import annotations

from enum import Enum


class CollapseKey(Enum):
    """FCM keeps at most four collapse keys per device; these are ours. A waiting message gives
    way to a newer one of the same key.
    """

    PAYMENT = "payment"
    CHECK_IN = "check_in"
    COURT = "court"
    NOTICE = "notice"


class MessageKind(Enum):
    """What a message is about."""

    PAYMENT = "payment"
    CHECK_IN = "check_in"
    HEARING = "hearing"
    APPOINTMENT = "appointment"
    ALERT = "alert"
    DECISION = "decision"
    REQUEST = "request"

    @property
    def collapse_key(self) -> CollapseKey:
        return _COLLAPSE_KEYS[self]


_COLLAPSE_KEYS = {
    MessageKind.PAYMENT: CollapseKey.PAYMENT,
    MessageKind.CHECK_IN: CollapseKey.CHECK_IN,
    MessageKind.HEARING: CollapseKey.COURT,
    MessageKind.APPOINTMENT: CollapseKey.COURT,
    MessageKind.ALERT: CollapseKey.NOTICE,
    MessageKind.DECISION: CollapseKey.NOTICE,
    MessageKind.REQUEST: CollapseKey.NOTICE,
}
