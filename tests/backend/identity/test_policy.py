from __future__ import annotations

from datetime import time
from typing import Any

import pytest

from backend.devices.assurance import Assurance
from backend.identity.policy import ASSURANCE_LEVELS, AgencyPolicy, from_stored, to_stored
from notifications.formats import Language
from notifications.kind import MessageKind


@pytest.mark.parametrize(
    "wrong",
    [
        {"least_assurance": "none"},
        {"least_presence": "some"},
        {"check_in_opens_s": -1},
        {"check_in_grace_s": 7 * 86_400 + 1},
        {"max_accuracy_m": 0},
        {"max_accuracy_m": 5_001},
        {"silence_after_s": 59},
        {"batch_key_people": 1},
        {"plan_share_percent": 51},
        {"plan_least_minor": 0},
        {"alert_score": 0.0},
        {"alert_score": 1.1},
        {"frozen_after_s": 599},
        {"constant_accuracy_after_s": 43_201},
        {"even_fixes": 2},
        {"replayed_places": 4},
        {"together_after_s": 0},
        {"suspect_factor": 0.9},
        {"suspect_factor": 1.5, "hard_factor": 1.4},
        {"hard_factor": 3.1},
        {"hard_factor": float("nan")},
        {"independent_after_s": 301},
        {"confirming_instants": 1},
        {"jump_instants": 11},
        {"jump_span_s": 0},
        {"possible_after_s": 59},
        {"fresh_s": 1_801},
        {"crossing_gap_s": 29},
        {"jump_speed_mps": 0.4},
        {"unproven_after_s": 299},
        {"unproven_instants": 101},
        {"crossing_speed_mps": 151.0},
        {"fast_speed_mps": 19.0},
        {"fast_speed_mps": 301.0, "impossible_speed_mps": 400.0},
        {"fast_speed_mps": 150.0, "impossible_speed_mps": 149.0},
        {"impossible_speed_mps": 99.0},
        {"impossible_speed_mps": float("inf")},
        {"clock_tolerance_s": 0.9},
        {"clock_tolerance_s": float("nan")},
        {"clock_drift_ppm": 1_001.0},
        {"payment_reminder_days": (61,)},
        {"payment_reminder_days": tuple(range(11))},
        {"check_in_reminder_days": (1,)},
        {"hearing_reminder_days": (-61,)},
        {"appointment_reminder_days": (-1,) * 11},
        {"mandatory_reminders": (MessageKind.ALERT,)},
        {"reminder_at": time(7)},
        {"reminders_from": time(14)},
        {"reminders_until": time(13)},
        {"default_currency": "usd"},
        {"default_currency": "USD\n"},
        {"payment_url": ""},
        {"payment_url": "http://pay.agency.example"},
        {"payment_url": "javascript:alert(1)"},
        {"payment_url": "https://"},
        {"payment_url": "https://agency.example@elsewhere.example/pay"},
        {"payment_url": "https://pay.agency.example/a b"},
        {"payment_url": "https://pay.agency.example/\n"},
        {"payment_url": "https://pay.agency.example/" + "a" * 300},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError,
        match=r"check_in|least|max|silence|batch|alert|after|even|places|factor|instants|jump|fresh|gap|speed|clock|payment|reminder|currency|plan",
    ):
        AgencyPolicy(**wrong)


def test_a_stored_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="max_acuracy_m"):
        from_stored({"max_acuracy_m": 50})


def test_a_stored_value_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="max_accuracy_m"):
        from_stored({"max_accuracy_m": "50"})


def test_what_was_stored_comes_back() -> None:
    policy = AgencyPolicy(
        least_assurance="web",
        max_accuracy_m=50,
        payment_reminder_days=(-3,),
        hearing_reminder_days=(-14, -1, 0),
        mandatory_reminders=(MessageKind.CHECK_IN,),
        reminder_at=time(9, 30),
        default_language=Language.SPANISH,
        default_currency="MXN",
        payment_url="https://pay.agency.example:8443/fees?county=1",
    )

    assert from_stored(to_stored(policy)) == policy


def test_what_was_not_stored_has_its_default() -> None:
    assert from_stored({}) == AgencyPolicy()


def test_the_levels_are_those_of_the_devices() -> None:
    assert [level.value for level in Assurance] == list(ASSURANCE_LEVELS)
