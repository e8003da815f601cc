"""What a phone says to the gate, and what is known of its person: honest unless changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from backend.devices.key_state import KeyState
from backend.location.gate import Claims, Facts, GatePolicy
from backend.proof.claims import FixClaim, LocationClaim
from geofence.fix import Fix
from geofence.parameters import Parameters
from tests.support.clocks import START

ACTIVATION: Final = UUID("0195577a-a400-7000-8000-000000000001")
EXEMPTION: Final = UUID("0195577a-a400-7000-8000-000000000002")
POLICY: Final = GatePolicy(max_accuracy_m=100.0, parameters=Parameters())

LOCATION: Final = LocationClaim(
    latitude=40.7128,
    longitude=-74.006,
    accuracy_m=12.0,
    timestamp=START - timedelta(seconds=4),
    altitude_m=None,
    altitude_accuracy_m=None,
    heading_deg=None,
    speed_mps=None,
)
FIX: Final = FixClaim(
    seq=7,
    mono_ms=3_600_000,
    src="fused",
    reported_accuracy_m=7.4,
    reported_level_percent=68.0,
    mock=False,
    wall_clock=False,
    satellites=None,
    cn0_dbhz=None,
)
CLAIMS: Final = Claims(
    activation=ACTIVATION,
    nonce_issued_at=START - timedelta(seconds=2),
    bootcount=3,
    location=LOCATION,
    fix=FIX,
    fix_digest=b"\x07" * 32,
)
FACTS: Final = Facts(
    key_state=KeyState.ACTIVE,
    order_in_force=True,
    exemption_id=None,
    known_digest=None,
    last_live_fix=None,
)
EXEMPTED: Final = replace(FACTS, exemption_id=EXEMPTION)


def earlier_fix(*, seconds: int, latitude: float, longitude: float, accuracy_m: float) -> Fix:
    """Return a live fix taken `seconds` before the one in `CLAIMS`."""
    at_s = int(LOCATION.timestamp.timestamp()) - seconds
    return Fix(
        digest=b"\x06" * 32,
        activation=str(ACTIVATION),
        seq=6,
        at_s=at_s,
        mono_ms=FIX.mono_ms - seconds * 1000,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=accuracy_m,
        boot=3,
    )
