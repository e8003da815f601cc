"""What people truly do, in metres about the middle of a zone.

A scene draws people and their true ways; `breach_s` tells from when until when each truly
breaks the rule (never: both infinite).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.judgement.noise import Array
from geofence import (
    Circle,
    Corridor,
    PreparedRules,
    Rule,
    RuleKind,
    Schedule,
    WeeklyWindow,
    Zone,
)
from geofence.geodesy import scale_at

START_S: Final = 1_780_000_000
LATITUDE, LONGITUDE = 45.0, 14.0
SCALE: Final = scale_at(LATITUDE)

DAY_S: Final = 86_400
HOME_RADIUS_M: Final = 100.0
PLACE_RADIUS_M: Final = 250.0
STREET_WIDTH_M: Final = 20.0
STREET_HALF_LENGTH_M: Final = 5_000.0
EDGE_M: Final = (5.0, 60.0)
SPEEDS_MPS: Final = (1.4, 8.0)
"""On foot, and in town traffic: half of the people each."""
ROUND_THE_CLOCK: Final = Schedule(
    timezone="UTC",
    weekly=tuple(WeeklyWindow(weekday=day, start=time(0), end=time(0)) for day in range(7)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A zone, what is forbidden about it, and its signed distance in plane metres."""

    kind: RuleKind
    zone: Zone
    distance_m: Callable[[Array, Array], Array]

    def rules(self) -> PreparedRules:
        """The one rule, in force since long and round the clock."""
        return PreparedRules(
            [
                Rule(
                    id="rule",
                    version=1,
                    kind=self.kind,
                    zone=self.zone,
                    valid_from_s=START_S - 30 * DAY_S,
                    schedule=ROUND_THE_CLOCK if self.kind is RuleKind.INCLUSION else None,
                )
            ]
        )

    def beyond_m(self, east_m: Array, north_m: Array) -> Array:
        """Metres on the violating side of the edge."""
        sign = -1.0 if self.kind is RuleKind.EXCLUSION else 1.0
        return sign * self.distance_m(east_m, north_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """True places, a row per person, and the true breach of each."""

    east_m: Array
    north_m: Array
    from_s: Array
    until_s: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One kind of story."""

    name: str
    ground: Ground
    lasts_s: int
    draw: Callable[[Array, int, np.random.Generator], Ways]

    def times_s(self, every_s: int) -> NDArray[np.int64]:
        """When the phone takes its fixes."""
        return START_S + np.arange(0, self.lasts_s, every_s, dtype=np.int64)


def place(east_m: float, north_m: float) -> tuple[float, float]:
    """Latitude and longitude of a place about the middle."""
    return LATITUDE + north_m / SCALE.north_m, LONGITUDE + east_m / SCALE.east_m


def round_ground(kind: RuleKind, radius_m: float) -> Ground:
    """A circle about the middle."""
    return Ground(
        kind=kind,
        zone=Circle(latitude=LATITUDE, longitude=LONGITUDE, radius_m=radius_m),
        distance_m=lambda east_m, north_m: np.hypot(east_m, north_m) - radius_m,
    )


def street_ground() -> Ground:
    """A forbidden street, ten kilometres from west to east, twenty metres wide."""
    ends = (place(-STREET_HALF_LENGTH_M, 0.0), place(STREET_HALF_LENGTH_M, 0.0))
    return Ground(
        kind=RuleKind.EXCLUSION,
        zone=Corridor(line=tuple((lon, lat) for lat, lon in ends), width_m=STREET_WIDTH_M),
        distance_m=lambda _east_m, north_m: np.abs(north_m) - STREET_WIDTH_M / 2.0,
    )


def _resting(start_east_m: float, sign: float) -> Callable[[Array, int, np.random.Generator], Ways]:
    """At rest, so many metres from the edge that lies at `start_east_m`; compliant all along."""

    def draw(at_s: Array, people: int, rng: np.random.Generator) -> Ways:
        stands_m = start_east_m + sign * rng.uniform(*EDGE_M, size=(people, 1))
        return _compliant(stands_m + np.zeros(len(at_s)), np.zeros((people, len(at_s))))

    return draw


def _beside_the_street(at_s: Array, people: int, rng: np.random.Generator) -> Ways:
    stands_m = STREET_WIDTH_M / 2.0 + rng.uniform(*EDGE_M, size=(people, 1))
    return _compliant(np.zeros((people, len(at_s))), stands_m + np.zeros(len(at_s)))


def _passing(at_s: Array, people: int, rng: np.random.Generator) -> Ways:
    """Straight past a forbidden circle, 5 to 60 metres from it at the nearest."""
    middle_s = at_s[0] + rng.uniform(600.0, 1200.0, (people, 1))
    east_m = np.clip((at_s - middle_s) * _speeds_mps(people, rng), -800.0, 800.0)
    north_m = PLACE_RADIUS_M + rng.uniform(*EDGE_M, size=(people, 1))
    return _compliant(east_m, north_m + np.zeros(len(at_s)))


def _leaving(at_s: Array, people: int, rng: np.random.Generator) -> Ways:
    """At home, then gone for good: 150 to 1,000 metres in a direction that leads outward."""
    home_m = HOME_RADIUS_M - rng.uniform(*EDGE_M, size=(people, 1))
    departs_s = at_s[0] + rng.uniform(1200.0, 1800.0, (people, 1))
    direction = rng.uniform(-math.pi / 3, math.pi / 3, (people, 1))
    speed_mps = _speeds_mps(people, rng)
    # The way from the place at home to the edge, along the direction.
    along_m = home_m * np.cos(direction)
    to_edge_m = np.sqrt(HOME_RADIUS_M**2 - home_m**2 + along_m**2) - along_m
    most_m = to_edge_m + rng.uniform(150.0, 1000.0, (people, 1))
    gone_m = np.clip((at_s - departs_s) * speed_mps, 0.0, most_m)
    return Ways(
        east_m=home_m + gone_m * np.cos(direction),
        north_m=gone_m * np.sin(direction),
        from_s=(departs_s + to_edge_m / speed_mps)[:, 0],
        until_s=np.full(people, np.inf),
    )


def _entering(at_s: Array, people: int, rng: np.random.Generator) -> Ways:
    """Into a forbidden circle and out again: 30 seconds to 10 minutes inside.

    Heads for a place at least 20 metres inside, and turns at half time if it is too far.
    """
    from_s = at_s[0] + rng.uniform(900.0, 1500.0, (people, 1))
    until_s = from_s + rng.uniform(30.0, 600.0, (people, 1))
    speed_mps = _speeds_mps(people, rng)
    goal_m = rng.uniform(20.0, PLACE_RADIUS_M, (people, 1))
    depth_m = np.minimum(np.minimum(at_s - from_s, until_s - at_s) * speed_mps, goal_m)
    east_m = PLACE_RADIUS_M - np.maximum(depth_m, -300.0)
    return Ways(
        east_m=east_m,
        north_m=np.zeros_like(east_m),
        from_s=from_s[:, 0],
        until_s=until_s[:, 0],
    )


def _speeds_mps(people: int, rng: np.random.Generator) -> Array:
    return rng.choice(np.array(SPEEDS_MPS), (people, 1))


def _compliant(east_m: Array, north_m: Array) -> Ways:
    never = np.full(len(east_m), np.inf)
    return Ways(east_m=east_m, north_m=north_m, from_s=never, until_s=never)


_PLACE: Final = round_ground(RuleKind.EXCLUSION, PLACE_RADIUS_M)
_HOME: Final = round_ground(RuleKind.INCLUSION, HOME_RADIUS_M)

AT_HOME: Final = Scene(
    name="at home", ground=_HOME, lasts_s=DAY_S, draw=_resting(HOME_RADIUS_M, -1.0)
)
NEIGHBOUR: Final = Scene(
    name="neighbour", ground=_PLACE, lasts_s=DAY_S, draw=_resting(PLACE_RADIUS_M, 1.0)
)
STREET: Final = Scene(
    name="beside a street", ground=street_ground(), lasts_s=DAY_S, draw=_beside_the_street
)
PASSING: Final = Scene(name="passing by", ground=_PLACE, lasts_s=1800, draw=_passing)
LEAVING: Final = Scene(name="leaving", ground=_HOME, lasts_s=5400, draw=_leaving)
ENTERING: Final = Scene(name="entering", ground=_PLACE, lasts_s=3600, draw=_entering)
