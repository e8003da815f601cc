"""The gate's numbered checks, and what an exemption waives."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.devices.key_state import KeyState
from backend.location.gate import (
    LATEST_AFTER_NOW,
    OLDEST_BEFORE_NONCE,
    Accepted,
    Basis,
    Claims,
    Facts,
    GatePolicy,
    Refused,
    admit,
)
from backend.location.refusals import RefusalReason
from backend.proof.claims import FixClaim, LocationClaim, Unavailable
from backend.proof.members import ClaimProblem, MalformedClaim
from geofence.fix import Fix
from geofence.parameters import Parameters
from geofence.plausibility import SignalKind
from tests.support.clocks import START
from tests.support.gate import (
    ACTIVATION,
    CLAIMS,
    EXEMPTED,
    EXEMPTION,
    FACTS,
    FIX,
    LOCATION,
    POLICY,
    earlier_fix,
)

FORK = replace(FACTS, known_digest=b"\x08" * 32)
MALFORMED = MalformedClaim(member="location.latitude", problem=ClaimProblem.OUT_OF_RANGE)
SILENT = replace(CLAIMS, location=None, fix=None)


def refusal_of(claims: Claims, facts: Facts = FACTS) -> Refused:
    verdict = admit(claims, facts, POLICY, START)
    assert isinstance(verdict, Refused)
    return verdict


def acceptance_of(claims: Claims, facts: Facts = FACTS) -> Accepted:
    verdict = admit(claims, facts, POLICY, START)
    assert isinstance(verdict, Accepted)
    return verdict


def located(**changes: object) -> Claims:
    return replace(CLAIMS, location=replace(LOCATION, **changes))  # type: ignore[arg-type]  # a test names what it changes


def test_who_says_nothing_is_refused() -> None:
    refusal = refusal_of(SILENT)

    assert refusal == Refused(reason=RefusalReason.MISSING, check=11, member="location")


@pytest.mark.parametrize("state", [state for state in KeyState if state is not KeyState.ACTIVE])
def test_a_key_in_any_state_but_active_is_refused(state: KeyState) -> None:
    refusal = refusal_of(CLAIMS, replace(FACTS, key_state=state))

    assert refusal == Refused(reason=RefusalReason.SUSPENDED_DEVICE, check=9)


def test_the_number_of_another_fix_is_a_fork() -> None:
    refusal = refusal_of(CLAIMS, FORK)

    assert refusal == Refused(reason=RefusalReason.FORKED, check=10, member="fix.seq")


def test_a_fork_is_one_even_when_its_location_is_malformed() -> None:
    refusal = refusal_of(replace(CLAIMS, location=MALFORMED), FORK)

    assert refusal.reason is RefusalReason.FORKED


def test_the_same_fix_in_another_request_is_no_fork() -> None:
    acceptance = acceptance_of(CLAIMS, replace(FACTS, known_digest=CLAIMS.fix_digest))

    assert acceptance.basis is Basis.LOCATED


@pytest.mark.parametrize("said", list(Unavailable))
def test_a_phone_that_says_why_it_has_no_location_is_refused_with_that_reason(
    said: Unavailable,
) -> None:
    refusal = refusal_of(replace(CLAIMS, location=said, fix=None))

    assert refusal == Refused(reason=RefusalReason(said.value), check=11)


def test_a_malformed_location_is_missing_and_names_the_member() -> None:
    refusal = refusal_of(replace(CLAIMS, location=MALFORMED))

    assert refusal == Refused(reason=RefusalReason.MISSING, check=11, member="location.latitude")


def test_a_location_without_its_fix_is_missing() -> None:
    refusal = refusal_of(replace(CLAIMS, fix=None))

    assert refusal == Refused(reason=RefusalReason.MISSING, check=11, member="fix")


def test_a_malformed_fix_is_missing_and_names_the_member() -> None:
    malformed = MalformedClaim(member="fix.mock", problem=ClaimProblem.ABSENT)

    refusal = refusal_of(replace(CLAIMS, fix=malformed))

    assert refusal == Refused(reason=RefusalReason.MISSING, check=11, member="fix.mock")


def test_a_location_older_than_a_minute_before_the_nonce_is_stale() -> None:
    oldest = CLAIMS.nonce_issued_at - timedelta(seconds=60)

    refusal = refusal_of(located(timestamp=oldest - timedelta(seconds=1)))

    assert refusal == Refused(reason=RefusalReason.STALE, check=12)
    assert acceptance_of(located(timestamp=oldest)).fix is not None


def test_a_location_of_the_future_is_refused() -> None:
    latest = START + timedelta(seconds=10)

    refusal = refusal_of(located(timestamp=latest + timedelta(seconds=1)))

    assert refusal == Refused(reason=RefusalReason.FUTURE, check=12)
    assert acceptance_of(located(timestamp=latest)).fix is not None


def test_a_radius_beyond_the_policy_is_refused() -> None:
    refusal = refusal_of(located(accuracy_m=100.001))

    assert refusal == Refused(reason=RefusalReason.LOW_ACCURACY, check=13)
    assert acceptance_of(located(accuracy_m=100.0)).fix is not None


def test_a_mock_location_is_refused() -> None:
    refusal = refusal_of(replace(CLAIMS, fix=replace(FIX, mock=True)))

    assert refusal == Refused(reason=RefusalReason.MOCK, check=14)


@pytest.mark.parametrize("place", [(0.0, 0.0), (-0.0, 0.0), (0.000009, -0.000009)])
def test_null_island_is_refused(place: tuple[float, float]) -> None:
    refusal = refusal_of(located(latitude=place[0], longitude=place[1]))

    assert refusal == Refused(reason=RefusalReason.ZERO_ZERO, check=14)


@pytest.mark.parametrize("place", [(0.0, 9.4), (51.4779, 0.0)])
def test_equator_and_meridian_are_places_like_others(place: tuple[float, float]) -> None:
    acceptance = acceptance_of(located(latitude=place[0], longitude=place[1]))

    assert acceptance.basis is Basis.LOCATED


def test_an_impossible_speed_is_refused_and_shown() -> None:
    boston = earlier_fix(seconds=600, latitude=42.3601, longitude=-71.0589, accuracy_m=10.0)

    refusal = refusal_of(CLAIMS, replace(FACTS, last_live_fix=boston))

    assert (refusal.reason, refusal.check) == (RefusalReason.IMPLAUSIBLE, 15)
    assert [signal.kind for signal in refusal.signals] == [SignalKind.IMPOSSIBLE_SPEED]


def test_an_accepted_spoof_does_not_make_the_next_honest_fix_impossible() -> None:
    home = earlier_fix(
        seconds=120, latitude=LOCATION.latitude, longitude=LOCATION.longitude, accuracy_m=10.0
    )
    spoof = earlier_fix(seconds=60, latitude=42.3601, longitude=-71.0589, accuracy_m=10.0)

    acceptance = acceptance_of(CLAIMS, replace(FACTS, last_live_fix=home, suspect_fix=spoof))

    assert acceptance.signals == ()


def test_a_second_fix_at_an_impossible_place_is_believed() -> None:
    boston = earlier_fix(seconds=120, latitude=42.3601, longitude=-71.0589, accuracy_m=10.0)
    here = earlier_fix(
        seconds=60, latitude=LOCATION.latitude, longitude=LOCATION.longitude, accuracy_m=10.0
    )

    acceptance = acceptance_of(CLAIMS, replace(FACTS, last_live_fix=boston, suspect_fix=here))

    assert acceptance.signals == ()


def test_a_refused_fix_does_not_vouch_for_itself() -> None:
    boston = earlier_fix(seconds=120, latitude=42.3601, longitude=-71.0589, accuracy_m=10.0)
    itself = acceptance_of(CLAIMS).fix

    refusal = refusal_of(CLAIMS, replace(FACTS, last_live_fix=boston, suspect_fix=itself))

    assert refusal.reason is RefusalReason.IMPLAUSIBLE


def test_the_speed_of_an_aeroplane_is_a_signal_and_refuses_nobody() -> None:
    boston = earlier_fix(seconds=3600, latitude=42.3601, longitude=-71.0589, accuracy_m=10.0)

    acceptance = acceptance_of(CLAIMS, replace(FACTS, last_live_fix=boston))

    assert [signal.kind for signal in acceptance.signals] == [SignalKind.FAST]


def test_both_radii_are_subtracted_before_speed_is_judged() -> None:
    a_second_ago_500_m_off = earlier_fix(
        seconds=1, latitude=LOCATION.latitude + 0.0045, longitude=LOCATION.longitude, accuracy_m=490
    )

    acceptance = acceptance_of(CLAIMS, replace(FACTS, last_live_fix=a_second_ago_500_m_off))

    assert acceptance.signals == ()


def test_an_honest_fix_is_admitted_as_the_engine_takes_it() -> None:
    acceptance = acceptance_of(CLAIMS)

    assert acceptance == Accepted(
        basis=Basis.LOCATED,
        fix=Fix(
            digest=CLAIMS.fix_digest,
            activation=str(ACTIVATION),
            seq=7,
            at_s=int(LOCATION.timestamp.timestamp()),
            mono_ms=3_600_000,
            latitude=40.7128,
            longitude=-74.006,
            accuracy_m=12.0,
            boot=3,
        ),
    )


def test_who_is_under_no_order_needs_no_location_and_none_is_looked_at() -> None:
    free = replace(FACTS, order_in_force=False)

    assert acceptance_of(SILENT, free) == Accepted(basis=Basis.NO_ORDER)
    assert acceptance_of(CLAIMS, free) == Accepted(basis=Basis.NO_ORDER)
    assert refusal_of(CLAIMS, replace(free, key_state=KeyState.SUSPENDED)).check == 9


def test_an_exemption_admits_who_has_no_location_and_says_what_it_waived() -> None:
    acceptance = acceptance_of(SILENT, EXEMPTED)

    waived = Refused(reason=RefusalReason.MISSING, check=11, member="location")
    assert acceptance == Accepted(basis=Basis.EXEMPTED, exemption_id=EXEMPTION, waived=waived)


def test_an_exemption_that_was_not_needed_was_not_used() -> None:
    acceptance = acceptance_of(CLAIMS, EXEMPTED)

    assert (acceptance.basis, acceptance.exemption_id) == (Basis.LOCATED, None)
    assert acceptance.fix is not None


def test_an_exemption_waives_neither_suspension_nor_fork() -> None:
    suspended = replace(EXEMPTED, key_state=KeyState.SUSPENDED)
    forked = replace(EXEMPTED, known_digest=b"\x08" * 32)

    assert refusal_of(CLAIMS, suspended).reason is RefusalReason.SUSPENDED_DEVICE
    assert refusal_of(CLAIMS, forked).reason is RefusalReason.FORKED


def test_every_reason_is_one_that_the_gate_can_give() -> None:
    boston = earlier_fix(seconds=600, latitude=42.3601, longitude=-71.0589, accuracy_m=10.0)
    given_reasons = {
        refusal_of(claims, facts).reason
        for claims, facts in [
            (CLAIMS, replace(FACTS, key_state=KeyState.SUSPENDED)),
            (CLAIMS, FORK),
            (SILENT, FACTS),
            *((replace(CLAIMS, location=said), FACTS) for said in Unavailable),
            (located(timestamp=START - timedelta(hours=1)), FACTS),
            (located(timestamp=START + timedelta(hours=1)), FACTS),
            (located(accuracy_m=900.0), FACTS),
            (replace(CLAIMS, fix=replace(FIX, mock=True)), FACTS),
            (located(latitude=0.0, longitude=0.0), FACTS),
            (CLAIMS, replace(FACTS, last_live_fix=boston)),
        ]
    }

    assert given_reasons == set(RefusalReason)


instants = st.integers(-300, 300).map(lambda seconds: START + timedelta(seconds=seconds))
locations = st.builds(
    LocationClaim,
    latitude=st.floats(-90, 90) | st.just(0.0),
    longitude=st.floats(-180, 180) | st.just(0.0),
    accuracy_m=st.floats(0.001, 1000) | st.just(100.0),
    timestamp=instants,
    altitude_m=st.none(),
    altitude_accuracy_m=st.none(),
    heading_deg=st.none(),
    speed_mps=st.none(),
)
fix_claims = st.builds(
    FixClaim,
    seq=st.integers(1, 2**53 - 1),
    mono_ms=st.integers(0, 2**53 - 1),
    src=st.just("gps"),
    reported_accuracy_m=st.floats(0, 1000),
    reported_level_percent=st.just(68.0),
    mock=st.booleans(),
    wall_clock=st.booleans(),
    satellites=st.none(),
    cn0_dbhz=st.none(),
)
malformed = st.just(MALFORMED)
digests = st.sampled_from([b"\x01" * 32, b"\x02" * 32])
all_claims = st.builds(
    Claims,
    activation=st.just(ACTIVATION),
    nonce_issued_at=instants,
    bootcount=st.none() | st.integers(0, 9),
    location=st.none() | st.sampled_from(Unavailable) | malformed | locations,
    fix=st.none() | malformed | fix_claims,
    fix_digest=digests,
)
fixes = st.builds(
    earlier_fix,
    seconds=st.integers(0, 100_000),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    accuracy_m=st.floats(0.001, 1000),
)
all_facts = st.builds(
    Facts,
    key_state=st.sampled_from(KeyState),
    order_in_force=st.booleans(),
    exemption_id=st.none() | st.just(EXEMPTION),
    known_digest=st.none() | digests,
    last_live_fix=st.none() | fixes,
)
policies = st.builds(
    GatePolicy, max_accuracy_m=st.sampled_from([10.0, 100.0]), parameters=st.just(Parameters())
)


@given(all_claims, all_facts, policies, instants)
def test_a_live_fix_is_one_for_which_every_check_holds(
    claims: Claims, facts: Facts, policy: GatePolicy, now: datetime
) -> None:
    verdict = admit(claims, facts, policy, now)

    if isinstance(verdict, Accepted) and verdict.fix is not None:
        assert facts.key_state is KeyState.ACTIVE
        assert facts.order_in_force
        assert facts.known_digest in {None, claims.fix_digest}
        assert isinstance(claims.location, LocationClaim)
        assert isinstance(claims.fix, FixClaim)
        assert claims.location.timestamp >= claims.nonce_issued_at - OLDEST_BEFORE_NONCE
        assert claims.location.timestamp <= now + LATEST_AFTER_NOW
        assert claims.location.accuracy_m <= policy.max_accuracy_m
        assert not claims.fix.mock
        assert (claims.location.latitude, claims.location.longitude) != (0.0, 0.0)
        assert not any(signal.refuses for signal in verdict.signals)


@given(all_claims, all_facts, policies, instants)
def test_who_is_admitted_without_a_live_fix_has_an_exemption_or_no_order(
    claims: Claims, facts: Facts, policy: GatePolicy, now: datetime
) -> None:
    verdict = admit(claims, facts, policy, now)

    if isinstance(verdict, Accepted) and verdict.fix is None:
        assert facts.key_state is KeyState.ACTIVE
        assert not facts.order_in_force or verdict.exemption_id == facts.exemption_id == EXEMPTION
        assert (verdict.waived is None) is (verdict.basis is Basis.NO_ORDER)


@given(all_claims, all_facts, policies, instants)
def test_an_exemption_changes_refusals_11_to_15_and_nothing_else(
    claims: Claims, facts: Facts, policy: GatePolicy, now: datetime
) -> None:
    without = admit(claims, replace(facts, exemption_id=None), policy, now)
    with_one = admit(claims, replace(facts, exemption_id=EXEMPTION), policy, now)

    if isinstance(without, Refused) and without.check >= 11:
        assert with_one == Accepted(basis=Basis.EXEMPTED, exemption_id=EXEMPTION, waived=without)
    else:
        assert with_one == without


@given(all_claims, policies, instants)
def test_a_stricter_radius_never_admits_more(
    claims: Claims, policy: GatePolicy, now: datetime
) -> None:
    stricter = replace(policy, max_accuracy_m=policy.max_accuracy_m / 2)

    if isinstance(admit(claims, FACTS, stricter, now), Accepted):
        assert isinstance(admit(claims, FACTS, policy, now), Accepted)
