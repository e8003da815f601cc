"""Each number by which a fix is odd is the agency's: changed over HTTP, it changes what officers see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Final, NamedTuple

import pytest
from flask import Flask

from backend.core.actor import Actor
from backend.core.clock import from_unix_s
from backend.core.db import Database
from backend.identity.policy import AgencyPolicy
from backend.identity.service import Role
from backend.identity.tokens import open_session
from backend.location.rulebook import signal_limits
from geofence import Fix, SignalLimits
from geofence.plausibility import SignalKind
from tests.backend.location.test_examination import DAY_S, beside, keep, run, stretches
from tests.geofence.scenes import NOON_S, fix_at
from tests.geofence.tracks import moved, named
from tests.support.clocks import FrozenClock
from tests.support.conditions import employ
from tests.support.location import Watched, watched_person

POLICY: Final = AgencyPolicy()


class Way(NamedTuple):
    """Where somebody was, metres east of the origin, and what their receiver said of it."""

    east_m: Sequence[float]
    every_s: int = 60
    same_radius: bool = False

    def fixes(self) -> list[Fix]:
        return [
            named(
                fix_at(
                    NOON_S + self.every_s * n,
                    east_m,
                    accuracy_m=10.0 if self.same_radius else 8.0 + n % 3,
                    seq=n,
                ),
                boot=1,
            )
            for n, east_m in enumerate(self.east_m)
        ]


def uneven(steps: int, step_m: float) -> list[float]:
    """A way of so many steps that no ruler would draw."""
    return [step_m * n + 40.0 * (n * n % 5) for n in range(steps + 1)]


def frozen() -> list[Fix]:
    """At one place, digit for digit, for two hours and a quarter."""
    still = Way([0.0] * 28, every_s=300).fixes()
    return [named(fix, latitude=still[0].latitude, longitude=still[0].longitude) for fix in still]


def replayed() -> list[Fix]:
    """Seven places, and two hours later the same ones in the same rhythm."""
    way = Way(uneven(7, 400.0)).fixes()
    return [*way, *moved(way, 7200)]


def two_clocks(apart_ms: int, after_s: int) -> list[Fix]:
    """Two fixes, between which the phone's two clocks counted differently."""
    first, second = Way([0.0, 5.0], every_s=after_s).fixes()
    return [first, named(second, mono_ms=second.mono_ms + apart_ms)]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Fixes of which an agency says nothing by default, and something with its own number.

    The signal's `value` lies between that number and the default, and `limit` is what the officer
    is told was exceeded.
    """

    own: float
    fixes: Sequence[Fix]
    kind: SignalKind
    value: float
    limit: float


CASES: Final = {
    "frozen_after_s": Case(
        own=7200, fixes=frozen(), kind=SignalKind.FROZEN, value=8100, limit=7200
    ),
    "constant_accuracy_after_s": Case(
        own=2400,
        fixes=Way(uneven(45, 400.0), same_radius=True).fixes(),
        kind=SignalKind.CONSTANT_ACCURACY,
        value=2700,
        limit=2400,
    ),
    "even_fixes": Case(
        own=6,
        fixes=Way([400.0 * n for n in range(9)]).fixes(),
        kind=SignalKind.TOO_PERFECT,
        value=7,
        limit=6,
    ),
    "replayed_places": Case(own=5, fixes=replayed(), kind=SignalKind.REPLAYED, value=7, limit=5),
    "together_after_s": Case(
        own=1200,
        fixes=Way(uneven(25, 400.0)).fixes(),
        kind=SignalKind.TOGETHER,
        value=1440,
        limit=1200,
    ),
    "fast_speed_mps": Case(
        own=40.0, fixes=Way([0.0, 3000.0]).fixes(), kind=SignalKind.FAST, value=50.0, limit=40.0
    ),
    "impossible_speed_mps": Case(
        own=150.0,
        fixes=Way([0.0, 12_000.0]).fixes(),
        kind=SignalKind.IMPOSSIBLE_SPEED,
        value=200,
        limit=150,
    ),
    "clock_tolerance_s": Case(
        own=1.0, fixes=two_clocks(1500, 60), kind=SignalKind.CLOCK_TAMPERED, value=1.5, limit=1.006
    ),
    "clock_drift_ppm": Case(
        own=10.0,
        fixes=two_clocks(3000, 20_000),
        kind=SignalKind.CLOCK_TAMPERED,
        value=3.0,
        limit=2.2,
    ),
}
"""By the policy's own names."""


@pytest.fixture
def others(app: Flask, database: Database, clock: FrozenClock) -> Watched:
    """Somebody of an agency that decided nothing."""
    clock.set(from_unix_s(NOON_S - 10 * DAY_S))
    return watched_person(app, database, clock, curfew=False, name="other")


@pytest.fixture
def watched(app: Flask, database: Database, others: Watched) -> Watched:
    return watched_person(app, database, others.clock, curfew=False)


def bearer_of(one: Watched, officer: Actor) -> dict[str, str]:
    assert officer.id is not None
    with one.database.transaction() as session:
        opened = open_session(session, officer.id, now=one.clock.now())
    return {"Authorization": f"Bearer {opened.secret}"}


def decide(app: Flask, one: Watched, **changes: object) -> None:
    """Change the agency's policy as its administrator does."""
    with one.database.transaction() as session:
        name, now = f"chief{one.case.agency_id}", one.clock.now()
        chief = employ(session, one.case.agency_id, Role.AGENCY_ADMIN, name, now=now)
    client, bearer = app.test_client(), bearer_of(one, chief)
    shown = client.get("/v1/agency", headers=bearer)
    assert shown.json is not None
    new = {name: shown.json[name] for name in shown.json if name not in {"id", "created_at"}}
    assert new["policy"].items().isdisjoint(changes.items())
    new["policy"] |= changes
    seen = bearer | {"If-Match": shown.headers["ETag"]}
    assert client.put("/v1/agency", json=new, headers=seen).status_code == 200


def signals_told(app: Flask, one: Watched) -> list[dict[str, Any]]:
    """What the officer sees beside the person's fixes, the newest first."""
    listed = app.test_client().get(
        f"/v1/supervisees/{one.case.supervisee_id}/fixes?limit=200",
        headers=bearer_of(one, one.case.officer),
    )
    assert listed.json is not None
    odd = [each["oddity"] for each in listed.json["items"] if each["oddity"] is not None]
    return [signal for oddity in odd for signal in oddity["signals"]]


def test_no_limit_of_a_signal_is_left_out() -> None:
    own = {
        "frozen_after_s": 7201,
        "constant_accuracy_after_s": 2401,
        "even_fixes": 6,
        "replayed_places": 5,
        "together_after_s": 1201,
    }

    limits = signal_limits(replace(POLICY, **own))  # type: ignore[arg-type]  # keywords

    assert signal_limits(POLICY) == SignalLimits()
    assert astuple(limits) == tuple(own.values())
    assert own.keys() < CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_an_agency_s_own_number_makes_a_signal_of_what_by_default_is_none(
    app: Flask, database: Database, watched: Watched, others: Watched, name: str
) -> None:
    case = CASES[name]
    decide(app, watched, **{name: case.own})
    for one in (others, watched):
        keep(one, case.fixes)
        if case.kind == SignalKind.TOGETHER:
            keep(beside(one, app, database), case.fixes)

    run(watched)

    by_default, by_own = signals_told(app, others), signals_told(app, watched)
    assert case.kind not in {signal["kind"] for signal in by_default}
    assert {signal["kind"] for signal in by_own} == {case.kind}
    assert max(signal["value"] for signal in by_own) == pytest.approx(case.value, rel=0.02)
    assert {signal["limit"] for signal in by_own} == {case.limit}


def test_an_agency_s_own_score_makes_a_stretch_of_what_by_default_is_none(
    app: Flask, watched: Watched, others: Watched
) -> None:
    longer = [*frozen(), *moved(frozen(), 8400)]
    decide(app, watched, alert_score=0.4)
    for one in (others, watched):
        keep(one, longer)

    run(watched)

    assert signals_told(app, others) == signals_told(app, watched) != []
    assert [len(stretches(one)) for one in (others, watched)] == [0, 1]
    assert [len(one.alerts()) for one in (others, watched)] == [0, 1]
