"""How fast the engine judges: `python -m benchmarks.geofence` prints one table.

Every line tells the time of one operation and how many raw ES256 verifications, measured in
the same run, take as long; beside the look-ups stands a plain loop over `shapely.contains`.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections.abc import Callable, Sequence
from datetime import time as wall_time

import shapely
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from geofence import (
    Area,
    Circle,
    Fix,
    Parameters,
    PreparedRules,
    PreparedZone,
    Rule,
    RuleKind,
    Schedule,
    State,
    WeeklyWindow,
    Zone,
    ZoneIndex,
    judge,
    next_due_s,
)

NOON_S = 1_780_000_000
PARAMETERS = Parameters()
LATITUDE, LONGITUDE = 45.0, 14.0
METRES_PER_DEGREE = 111_000.0


def best_s(work: Callable[[], object], *, for_s: float = 0.5) -> float:
    """Seconds of one call: the best of several rounds that together last about `for_s`."""
    started = time.perf_counter()
    work()
    once_s = max(time.perf_counter() - started, 1e-7)
    calls = max(1, int(for_s / 5 / once_s))
    rounds = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(calls):
            work()
        rounds.append((time.perf_counter() - started) / calls)
    return min(rounds)


def verification_s() -> float:
    """Seconds of one raw ES256 verification: the unit that travels between machines."""
    key = ec.generate_private_key(ec.SECP256R1())
    message, algorithm = b"a fix", ec.ECDSA(hashes.SHA256())
    signature, public = key.sign(message, algorithm), key.public_key()
    return best_s(lambda: public.verify(signature, message, algorithm))


class Table:
    """Prints one line per measurement."""

    def __init__(self) -> None:
        self._unit_s = verification_s()
        print(f"one raw ES256 verification: {self._unit_s * 1e6:.0f} µs\n")
        print(f"{'':58}{'µs':>10}{'ES256':>9}{'points/s':>12}")

    def line(self, what: str, work: Callable[[], object], *, points: int = 1) -> None:
        """Measures and prints what one point costs."""
        each_s = best_s(work) / points
        print(f"{what:58}{each_s * 1e6:10.2f}{each_s / self._unit_s:9.3f}{1 / each_s:12,.0f}")


def star(latitude: float, longitude: float, radius_m: float, vertices: int) -> Area:
    """A ring of many corners that never crosses itself."""
    shrink = math.cos(math.radians(latitude))
    ring = []
    for number in range(vertices):
        angle = 2.0 * math.pi * number / vertices
        reach = radius_m * (1.0 + 0.1 * (number % 2)) / METRES_PER_DEGREE
        ring.append(
            (longitude + reach * math.cos(angle) / shrink, latitude + reach * math.sin(angle))
        )
    return Area(polygons=(((*ring, ring[0]),),))


def spread(count: int, vertices: int, chance: random.Random) -> list[Zone]:
    """Zones of 100 to 500 metres over one degree; without vertices they are circles."""
    zones: list[Zone] = []
    for _ in range(count):
        latitude = LATITUDE + chance.uniform(-0.5, 0.5)
        longitude = LONGITUDE + chance.uniform(-0.5, 0.5)
        radius_m = chance.uniform(100.0, 500.0)
        if vertices:
            zones.append(star(latitude, longitude, radius_m, vertices))
        else:
            zones.append(Circle(latitude=latitude, longitude=longitude, radius_m=radius_m))
    return zones


def look_ups(table: Table, chance: random.Random) -> None:
    """One place, and batches, against more and more zones."""
    for vertices, most in ((0, 10_000), (50, 10_000), (5000, 100)):
        shape = f"polygons of {vertices}" if vertices else "circles"
        zones = [PreparedZone(zone) for zone in spread(most, vertices, chance)]
        for count in (10, 100, 1000, 10_000):
            if count <= most:
                _look_up(table, shape, zones[:count], chance)


def _look_up(
    table: Table, shape: str, zones: Sequence[PreparedZone], chance: random.Random
) -> None:
    count, index = len(zones), ZoneIndex(zones)
    lats = [LATITUDE + chance.uniform(-0.5, 0.5) for _ in range(10_000)]
    lons = [LONGITUDE + chance.uniform(-0.5, 0.5) for _ in range(10_000)]
    turns = iter(range(10**9))

    def one() -> list[int]:
        turn = next(turns) % 10_000
        return index.containing(lats[turn], lons[turn])

    def near() -> dict[int, float]:
        turn = next(turns) % 10_000
        return index.near(lats[turn], lons[turn], within_m=100.0)

    table.line(f"1 place, {count} {shape}: which hold it", one)
    table.line(f"1 place, {count} {shape}: distance to those within 100 m", near)
    table.line(
        f"10,000 places, {count} {shape}", lambda: index.containing_many(lats, lons), points=10_000
    )
    if count <= 1000 and not shape.startswith("circles"):  # a longer loop only takes longer
        polygons = [
            shapely.Polygon(zone.zone.polygons[0][0])
            for zone in zones
            if isinstance(zone.zone, Area)
        ]

        def plain() -> list[bool]:
            point = shapely.Point(lons[0], lats[0])
            return [bool(shapely.contains(polygon, point)) for polygon in polygons]

        table.line(f"    the same by a plain loop of shapely.contains, {count}", plain)


def fix_at(number: int, at_s: int, latitude: float, longitude: float) -> Fix:
    """An honest fix."""
    return Fix(
        digest=hashlib.sha256(f"{number} {at_s}".encode()).digest(),
        activation="bench",
        seq=number,
        at_s=at_s,
        mono_ms=at_s * 1000,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=12.0,
    )


def rules_of(zones: Sequence[Zone]) -> PreparedRules:
    """Exclusions without schedule but for the first zone, which is a nightly curfew."""
    nights = Schedule(
        timezone="Europe/Zagreb",
        weekly=tuple(
            WeeklyWindow(weekday=day, start=wall_time(20), end=wall_time(6)) for day in range(7)
        ),
    )
    month_before_s = NOON_S - 30 * 86_400
    exclusions = [
        Rule(
            id=f"rule-{number:03}",
            version=1,
            kind=RuleKind.EXCLUSION,
            zone=zone,
            valid_from_s=month_before_s,
        )
        for number, zone in enumerate(zones[1:])
    ]
    curfew = Rule(
        id="curfew",
        version=1,
        kind=RuleKind.INCLUSION,
        zone=zones[0],
        schedule=nights,
        valid_from_s=month_before_s,
    )
    return PreparedRules([curfew, *exclusions])


def live(table: Table) -> None:
    """One fix against ten rules, state restored from bytes and dumped again."""
    home = Circle(latitude=LATITUDE, longitude=LONGITUDE, radius_m=100.0)
    others = [star(LATITUDE + 0.05 * number, LONGITUDE, 300.0, 50) for number in range(1, 10)]
    rules = rules_of([home, *others])
    for what, north in (("at home", 0.0), ("away, curfew broken", 0.02), ("inside a zone", 0.05)):
        first = [
            fix_at(n, NOON_S + 60 * n, LATITUDE + north + 1e-6 * n, LONGITUDE) for n in range(5)
        ]
        state = State.begin(at_s=NOON_S - 1, parameters=PARAMETERS)
        state = judge(state, first, rules, until_s=NOON_S + 240, parameters=PARAMETERS).state
        data, fix = state.dumps(), fix_at(5, NOON_S + 300, LATITUDE + north, LONGITUDE)

        def one(data: bytes = data, fix: Fix = fix) -> bytes:
            state = State.loads(data)
            found = judge(state, (fix,), rules, until_s=fix.at_s, parameters=PARAMETERS)
            next_due_s(found.state, rules, parameters=PARAMETERS)
            return found.state.dumps()

        table.line(f"live: 1 fix, 10 rules, {what}, restore to dump", one)


def batch(table: Table) -> None:
    """Sixty fixes against fifty zones: full judgement, zones far away or five of them near."""
    drive = [
        fix_at(n, NOON_S + 60 * n, LATITUDE + 0.0005 * n, LONGITUDE + 1e-6 * n) for n in range(60)
    ]
    far = [star(LATITUDE - 1.0 - 0.01 * n, LONGITUDE, 300.0, 50) for n in range(50)]
    near = [star(LATITUDE + 0.005 * n, LONGITUDE + 0.0042, 300.0, 50) for n in range(1, 6)]
    state = State.begin(at_s=NOON_S - 1, parameters=PARAMETERS)
    for what, zones in (("none near", far), ("five near", [*far[:45], *near])):
        rules = rules_of(zones)
        exclusions = PreparedRules(
            Rule(
                id=f"rule-{number:03}",
                version=1,
                kind=RuleKind.EXCLUSION,
                zone=zone,
                valid_from_s=NOON_S - 86_400,
            )
            for number, zone in enumerate(zones)
        )
        for name, prepared in (("exclusions", exclusions), ("with a broken curfew", rules)):

            def whole(prepared: PreparedRules = prepared) -> object:
                return judge(state, drive, prepared, until_s=NOON_S + 3600, parameters=PARAMETERS)

            table.line(f"batch: 60 fixes, 50 zones, {what}, {name}", whole, points=60)


def main() -> None:
    """Prints the table."""
    chance = random.Random(7)
    table = Table()
    live(table)
    batch(table)
    zones = [PreparedZone(zone) for zone in spread(10_000, 50, chance)]
    table.line("building the index of 10,000 prepared zones", lambda: ZoneIndex(zones))
    look_ups(table, chance)


if __name__ == "__main__":
    main()
