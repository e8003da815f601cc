"""What an agency decides for itself, as one frozen value with careful defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import time
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from notifications.formats import Language
from notifications.kind import MessageKind
from notifications.waking_hours import WakingHours

ASSURANCE_LEVELS: Final = (
    "software",
    "web",
    "app_attested",
    "hardware_factory",
    "hardware_rkp",
    "strongbox",
)
"""From weakest to strongest. What a level means is the devices' business."""

PRESENCE_LEVELS: Final = ("none", "device", "verified")
"""What a check-in shows of the person, from least to most. How, is the devices' business."""

CHECK_IN_OPENS_S: Final = range(7 * 86_400 + 1)
CHECK_IN_GRACE_S: Final = range(7 * 86_400 + 1)
ACCURACY_M: Final = range(1, 5_001)
SILENCE_S: Final = range(60, 7 * 86_400 + 1)
MISSING_S: Final = range(900, 7 * 86_400 + 1)
FROZEN_S: Final = range(600, 43_201)
MOVING_S: Final = range(600, 43_201)
EVEN_FIXES: Final = range(3, 101)
FACTORS: Final = (1.0, 3.0)
"""From a fix's own 95 % radius to three of them: nearer than one is no evidence of anything."""
INDEPENDENT_S: Final = range(1, 301)
WITNESSES: Final = range(2, 11)
JUMP_SPAN_S: Final = range(1, 901)
POSSIBLE_S: Final = range(60, 1_801)
FRESH_S: Final = range(60, 1_801)
CROSSING_GAP_S: Final = range(30, 901)
UNPROVEN_S: Final = range(300, 7_201)
UNPROVEN_INSTANTS: Final = range(1, 101)
JUMP_MPS: Final = (0.5, 50.0)
CROSSING_MPS: Final = (10.0, 150.0)
FAST_MPS: Final = (20.0, 300.0)
IMPOSSIBLE_MPS: Final = (100.0, 1_000.0)
"""Below a hundred the gate would refuse whoever sits in a train."""
CLOCK_S: Final = (1.0, 60.0)
"""Fixes are dated to the second: less than one is no doubt about a clock."""
DRIFT_PPM: Final = (1.0, 1_000.0)
REPLAYED_PLACES: Final = range(5, 1_001)
OFFSET_DAYS: Final = range(-60, 61)
DAYS_AHEAD: Final = range(-60, 1)
REMINDED: Final = frozenset(
    {
        MessageKind.PAYMENT,
        MessageKind.CHECK_IN,
        MessageKind.HEARING,
        MessageKind.APPOINTMENT,
    }
)
MAX_OFFSETS: Final = 10
BATCH_KEY_PEOPLE: Final = range(2, 10_001)
ROTATE_DAYS: Final = range(1, 1_001)
CURRENCY: Final = re.compile(r"[A-Z]{3}")
PLAN_SHARES_PERCENT: Final = range(1, 51)
PLAN_LEAST_MINOR: Final = range(1, 10**9 + 1)
MAX_URL: Final = 300
HTTPS_URL: Final = re.compile(
    r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?:[/?][!-~]*)?"
)
"""An address that people are told: nothing but printable ASCII, and no user before the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyPolicy:
    """How an agency supervises. Raises ValueError if a value makes no sense.

    `least_assurance` is the weakest device admitted (one of ASSURANCE_LEVELS), `max_accuracy_m`
    the largest 95 % radius of a usable live fix, `silence_after_s` how long a phone may be quiet
    before an alert, `missing_after_s` how long fixes may be missing that the phone went past,
    `batch_key_people` from how many people's phones under one factory key of
    attestation the officer is told, `least_presence` what a check-in must show of the person at
    least (one of PRESENCE_LEVELS), `check_in_opens_s` how long before its time it is taken and
    `check_in_grace_s` how long after it it is on time, `rotate_after_days` how old a phone's key may
    be before the phone makes another. A stretch of fixes whose signals score `alert_score` (above
    0, at most 1) is told to officers; from when on a signal is one, the next five say
    (geofence.SignalLimits). By the numbers from `suspect_factor` to `clock_drift_ppm` fixes
    are judged (geofence.Parameters, under the same names); `suspect_factor` is at most
    `hard_factor`, and `fast_speed_mps` at most `impossible_speed_mps`.
    Payments are reminded of on `payment_reminder_days` after the due day
    (negative: before), check-ins, hearings and appointments on days of their own, none of
    them after it, at `reminder_at` inside `[reminders_from, reminders_until)`, wall times in the
    person's zone. Kinds in `mandatory_reminders` cannot be turned off by the person.
    `default_currency` is ISO 4217. `payment_url` is the agency's own page
    to pay on (https), named in reminders; without it they say to come or to phone. A plan is proposed
    by `plan_share_percent` of a person's income a month, and `plan_least_minor` at least, in minor
    units of what they owe in (2 % and 25.00: Fla. Stat. 28.246(4)(b)).
    """

    least_assurance: str = "software"
    max_accuracy_m: int = 100
    silence_after_s: int = 900
    missing_after_s: int = 21_600
    batch_key_people: int = 5
    rotate_after_days: int = 90
    least_presence: str = "none"
    check_in_opens_s: int = 14_400
    check_in_grace_s: int = 3_600
    alert_score: float = 0.6
    frozen_after_s: int = 14_400
    constant_accuracy_after_s: int = 3_600
    even_fixes: int = 8
    replayed_places: int = 10
    together_after_s: int = 1_800
    suspect_factor: float = 1.0
    hard_factor: float = 1.4
    independent_after_s: int = 45
    confirming_instants: int = 2
    jump_speed_mps: float = 1.5
    jump_instants: int = 3
    jump_span_s: int = 100
    possible_after_s: int = 240
    fresh_s: int = 300
    unproven_after_s: int = 900
    unproven_instants: int = 5
    crossing_gap_s: int = 300
    crossing_speed_mps: float = 50.0
    fast_speed_mps: float = 70.0
    impossible_speed_mps: float = 300.0
    clock_tolerance_s: float = 2.0
    clock_drift_ppm: float = 100.0
    payment_reminder_days: tuple[int, ...] = (-5, -1, 1)
    check_in_reminder_days: tuple[int, ...] = (-7, -3, -1)
    hearing_reminder_days: tuple[int, ...] = (-7, -3, -1)
    appointment_reminder_days: tuple[int, ...] = (-7, -3, -1)
    mandatory_reminders: tuple[MessageKind, ...] = (MessageKind.HEARING,)
    reminder_at: time = time(13)
    reminders_from: time = time(8)
    reminders_until: time = time(21)
    default_language: Language = Language.ENGLISH
    default_currency: str = "USD"
    payment_url: str | None = None
    plan_share_percent: int = 2
    plan_least_minor: int = 2_500

    def __post_init__(self) -> None:
        sensible = {
            "least_assurance": self.least_assurance in ASSURANCE_LEVELS,
            "max_accuracy_m": self.max_accuracy_m in ACCURACY_M,
            "silence_after_s": self.silence_after_s in SILENCE_S,
            "missing_after_s": self.missing_after_s in MISSING_S,
            "batch_key_people": self.batch_key_people in BATCH_KEY_PEOPLE,
            "rotate_after_days": self.rotate_after_days in ROTATE_DAYS,
            "least_presence": self.least_presence in PRESENCE_LEVELS,
            "check_in_opens_s": self.check_in_opens_s in CHECK_IN_OPENS_S,
            "check_in_grace_s": self.check_in_grace_s in CHECK_IN_GRACE_S,
            "alert_score": 0.0 < self.alert_score <= 1.0,
            "frozen_after_s": self.frozen_after_s in FROZEN_S,
            "constant_accuracy_after_s": self.constant_accuracy_after_s in MOVING_S,
            "even_fixes": self.even_fixes in EVEN_FIXES,
            "replayed_places": self.replayed_places in REPLAYED_PLACES,
            "together_after_s": self.together_after_s in MOVING_S,
            "suspect_factor": FACTORS[0] <= self.suspect_factor <= self.hard_factor,
            "hard_factor": _lies_in(FACTORS, self.hard_factor),
            "independent_after_s": self.independent_after_s in INDEPENDENT_S,
            "confirming_instants": self.confirming_instants in WITNESSES,
            "jump_speed_mps": _lies_in(JUMP_MPS, self.jump_speed_mps),
            "jump_instants": self.jump_instants in WITNESSES,
            "jump_span_s": self.jump_span_s in JUMP_SPAN_S,
            "possible_after_s": self.possible_after_s in POSSIBLE_S,
            "fresh_s": self.fresh_s in FRESH_S,
            "unproven_after_s": self.unproven_after_s in UNPROVEN_S,
            "unproven_instants": self.unproven_instants in UNPROVEN_INSTANTS,
            "crossing_gap_s": self.crossing_gap_s in CROSSING_GAP_S,
            "crossing_speed_mps": _lies_in(CROSSING_MPS, self.crossing_speed_mps),
            "fast_speed_mps": _lies_in(FAST_MPS, self.fast_speed_mps)
            and self.fast_speed_mps <= self.impossible_speed_mps,
            "impossible_speed_mps": _lies_in(IMPOSSIBLE_MPS, self.impossible_speed_mps),
            "clock_tolerance_s": _lies_in(CLOCK_S, self.clock_tolerance_s),
            "clock_drift_ppm": _lies_in(DRIFT_PPM, self.clock_drift_ppm),
            "payment_reminder_days": _are_days(self.payment_reminder_days, OFFSET_DAYS),
            "check_in_reminder_days": _are_days(self.check_in_reminder_days, DAYS_AHEAD),
            "hearing_reminder_days": _are_days(self.hearing_reminder_days, DAYS_AHEAD),
            "appointment_reminder_days": _are_days(self.appointment_reminder_days, DAYS_AHEAD),
            "mandatory_reminders": REMINDED.issuperset(self.mandatory_reminders),
            "reminder_at": self.reminders_from <= self.reminder_at < self.reminders_until,
            "default_currency": CURRENCY.fullmatch(self.default_currency) is not None,
            "plan_share_percent": self.plan_share_percent in PLAN_SHARES_PERCENT,
            "plan_least_minor": self.plan_least_minor in PLAN_LEAST_MINOR,
            "payment_url": self.payment_url is None or is_payment_url(self.payment_url),
        }
        wrong = [name for name, is_sensible in sensible.items() if not is_sensible]
        if wrong:
            raise ValueError(", ".join(wrong))

    def waking_hours(self, zone: ZoneInfo) -> WakingHours:
        """Return the hours in which people in `zone` may be disturbed."""
        return WakingHours(zone=zone, opens=self.reminders_from, closes=self.reminders_until)


def _lies_in(bounds: tuple[float, float], value: float) -> bool:
    return bounds[0] <= value <= bounds[1]


def _are_days(offsets: tuple[int, ...], allowed: range) -> bool:
    return len(offsets) <= MAX_OFFSETS and all(days in allowed for days in offsets)


def is_payment_url(text: str) -> bool:
    """Return whether `text` can be an agency's page to pay on: https, and not too long."""
    return len(text) <= MAX_URL and HTTPS_URL.fullmatch(text) is not None


def to_stored(policy: AgencyPolicy) -> dict[str, Any]:
    """Return `policy` as the database keeps it: a JSON object."""
    stored: dict[str, Any] = msgspec.to_builtins(policy)
    return stored


def from_stored(stored: Mapping[str, Any]) -> AgencyPolicy:
    """Return the policy kept as `stored`; what it does not name has its default.

    Raises ValueError for an unknown name: a policy that we would silently not follow.
    """
    unknown = stored.keys() - {item.name for item in fields(AgencyPolicy)}
    if unknown:
        raise ValueError(f"unknown in an agency's policy: {', '.join(sorted(unknown))}")
    return msgspec.convert(dict(stored), AgencyPolicy)
