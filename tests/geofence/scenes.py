"""People and places for the engine's tests: metres about an origin, seconds about a start."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time

from geofence import (
    Circle,
    Episode,
    Fix,
    Judgement,
    Parameters,
    PreparedRules,
    Rule,
    RuleKind,
    Schedule,
    State,
    WeeklyWindow,
    Zone,
    judge,
)
from geofence.geodesy import scale_at

PARAMETERS = Parameters()

# Thursday 2026-05-28, 12:00 UTC, 14:00 in Zagreb.
NOON_S = int(datetime(2026, 5, 28, 12, tzinfo=UTC).timestamp())
EVENING_S = NOON_S + 6 * 3600  # 20:00 in Zagreb
MONTH_BEFORE_S = NOON_S - 30 * 86_400

LATITUDE, LONGITUDE = 45.0, 14.0
_SCALE = scale_at(LATITUDE)

HOME = Circle(latitude=LATITUDE, longitude=LONGITUDE, radius_m=100.0)

NIGHTS = Schedule(
    timezone="Europe/Zagreb",
    weekly=tuple(WeeklyWindow(weekday=day, start=time(20), end=time(6)) for day in range(7)),
)


def place(east_m: float, north_m: float = 0.0) -> tuple[float, float]:
    """Latitude and longitude of a place so many metres from the origin."""
    return LATITUDE + north_m / _SCALE.north_m, LONGITUDE + east_m / _SCALE.east_m


def fix_at(
    at_s: int,
    east_m: float,
    *,
    north_m: float | None = None,
    accuracy_m: float = 10.0,
    seq: int = 0,
    activation: str = "activation-1",
    usable: bool = True,
) -> Fix:
    """A fix east of the origin. Honest: its coordinates are like no other second's."""
    tremble_m = at_s % 997 / 1000.0 if north_m is None else north_m
    latitude, longitude = place(east_m, tremble_m)
    facts = (at_s, latitude, longitude, accuracy_m, seq, activation, usable)
    return Fix(
        digest=hashlib.sha256(repr(facts).encode()).digest(),
        activation=activation,
        seq=seq,
        at_s=at_s,
        mono_ms=at_s * 1000,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=accuracy_m,
        usable=usable,
    )


def walk(start_s: int, places_m: Sequence[float], *, every_s: int = 60) -> list[Fix]:
    """One fix after the other, so many metres east of the origin."""
    return [fix_at(start_s + every_s * n, east_m) for n, east_m in enumerate(places_m)]


def stay_out(zone: Zone = HOME, **changes: object) -> Rule:
    """An exclusion without schedule, in force since a month."""
    values: dict[str, object] = {
        "id": "stay-out",
        "version": 1,
        "kind": RuleKind.EXCLUSION,
        "zone": zone,
        "valid_from_s": MONTH_BEFORE_S,
    }
    return Rule(**(values | changes))  # type: ignore[arg-type]  # a test's own keywords


def curfew(**changes: object) -> Rule:
    """At home from 20:00 to 06:00 in Zagreb, in force since a month."""
    values: dict[str, object] = {
        "id": "curfew",
        "version": 1,
        "kind": RuleKind.INCLUSION,
        "zone": HOME,
        "schedule": NIGHTS,
        "valid_from_s": MONTH_BEFORE_S,
    }
    return Rule(**(values | changes))  # type: ignore[arg-type]  # a test's own keywords


def judged(
    fixes: Iterable[Fix],
    rules: Iterable[Rule] | PreparedRules,
    *,
    until_s: int,
    from_s: int = NOON_S - 1,
    parameters: Parameters = PARAMETERS,
) -> Judgement:
    """The judgement of a person of whom nothing was known before."""
    prepared = rules if isinstance(rules, PreparedRules) else PreparedRules(rules)
    state = State.begin(at_s=from_s, parameters=parameters)
    return judge(state, fixes, prepared, until_s=until_s, parameters=parameters)


def spans(episodes: Iterable[Episode], start_s: int = NOON_S) -> list[tuple[str, int, int | None]]:
    """Certainty, onset and end of each episode, in seconds after a start."""
    return [
        (
            episode.certainty.value,
            episode.onset_s - start_s,
            None if episode.ended_s is None else episode.ended_s - start_s,
        )
        for episode in episodes
    ]
